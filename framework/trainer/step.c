/*
 * A step of training, and the order of an epoch.
 */
#include <math.h>

#include "base/clock.h"
#include "data/order.h"
#include "trainer/train_internal.h"

enum { WARM_UP_STEPS = 10 };

/* Waiting for data is worth a word above this share of the steps, in runs of this many seconds. */
static const double SHARE_TO_TELL = 0.2;
static const double SECONDS_TO_TELL = 1.0;

double lm_rate_meter_value(const struct lm_rate_meter *meter)
{
  if (meter->seconds > 0.0) {
    return meter->samples / meter->seconds;
  }
  return meter->all_seconds > 0.0 ? meter->all_samples / meter->all_seconds : 0.0;
}

static void meter_add(struct lm_rate_meter *meter, bool warm, double seconds, double samples)
{
  meter->all_seconds += seconds;
  meter->all_samples += samples;
  if (warm) {
    meter->seconds += seconds;
    meter->samples += samples;
  }
}

void lm_training_begin_stretch(struct lm_training *training)
{
  training->stretch_began = lm_clock_seconds();
  training->stretch_samples = 0;
}

void lm_training_end_stretch(struct lm_training *training)
{
  double began = training->stretch_began;
  double samples = (double)training->stretch_samples;
  bool warm = training->steps > WARM_UP_STEPS;
  lm_training_begin_stretch(training);
  meter_add(&training->meter, warm, training->stretch_began - began, samples);
  meter_add(&training->epoch_meter, warm, training->stretch_began - began, samples);
}

void lm_training_begin_epoch(struct lm_training *training)
{
  const struct lm_portion *train = &training->engine->train;
  for (int64_t i = 0; i < train->count; i++) {
    training->order[i] = train->index[i];
  }
  if (training->experiment->train.shuffle != 0) {
    lm_order_shuffle(training->order, train->count, &training->order_stream,
                     (uint64_t)training->progress.epoch);
  }
}

static double rate_factor(const struct lm_training *training, const struct lamina_progress *when)
{
  const struct lm_instance *schedule = training->experiment->schedule;
  return schedule == NULL ? 1.0 : schedule->plugin->table.schedule.factor(schedule->self, when);
}

static enum lamina_status tell_nonfinite(struct lm_training *training, struct lm_program *program,
                                         double loss, struct lm_error *error)
{
  enum lamina_status status = lm_program_find_nonfinite(program, training->progress.step, error);
  if (status == LAMINA_OK) {
    status = lm_fail(error, LAMINA_E_NONFINITE, "the sum of the losses is not finite");
  }
  lm_error_prefix(error, "the loss became %g in step %llu (epoch %lld), training stops", loss,
                  (unsigned long long)training->progress.step + 1,
                  (long long)training->progress.epoch + 1);
  return status;
}

/* Samples of the batch that begins there. */
static int64_t batch_size(const struct lm_training *training, int64_t begin)
{
  int64_t left = training->engine->train.count - begin;
  return left < training->batch ? left : training->batch;
}

/* Makes the batch of this step and announces that of the next one in the epoch. */
static enum lamina_status load(struct lm_training *training, int64_t begin, int64_t n,
                               struct lm_error *error)
{
  const struct lm_progress *progress = &training->progress;
  struct lm_loader *loader = training->engine->train.loader;
  uint64_t epoch = (uint64_t)progress->epoch;
  LM_TRY(lm_loader_fill(loader, training->order + begin, n, true, epoch, error));
  if (progress->batch + 1 < training->batches_per_epoch &&
      progress->step + 1 < training->total_steps) {
    int64_t next = begin + n;
    lm_loader_announce(loader, training->order + next, batch_size(training, next), true, epoch);
  }
  return LAMINA_OK;
}

static enum lamina_status compute(struct lm_training *training, int64_t begin, int64_t n,
                                  struct lm_error *error)
{
  struct lm_engine *engine = training->engine;
  struct lm_progress *progress = &training->progress;
  struct lm_profile *profile = training->profile;
  struct lm_program *program;
  struct lm_update_report report;
  struct lamina_progress when = {.size = sizeof when,
                                 .step = progress->step,
                                 .total_steps = training->total_steps,
                                 .steps_per_epoch = (uint64_t)training->batches_per_epoch};
  LM_TRY(lm_executor_program(engine->executor, n, true, &program, error));
  lm_profile_mark(profile, LM_PROFILE_REST);
  LM_TRY(load(training, begin, n, error));
  lm_profile_mark(profile, LM_PROFILE_DATA);
  lm_engine_connect(engine, &engine->train, program);
  LM_TRY(lm_engine_schedule(engine, &when, error));
  lm_profile_mark(profile, LM_PROFILE_REST);
  LM_TRY(lm_profile_forward(profile, program, progress->step, error));
  double loss = lm_engine_loss(engine, program);
  if (!isfinite(loss)) {
    return tell_nonfinite(training, program, loss, error);
  }
  lm_profile_mark(profile, LM_PROFILE_REST);
  LM_TRY(lm_profile_backward(profile, program, progress->step, error));
  LM_TRY(lm_updater_step(engine->updater, progress->step + 1, rate_factor(training, &when), &report,
                         error));
  lm_profile_mark(profile, LM_PROFILE_UPDATE);
  progress->rate = report.rate;
  progress->loss_sum += loss * (double)n;
  progress->penalty_sum += report.penalty;
  return LAMINA_OK;
}

void lm_training_tell_waiting(const struct lm_training *training)
{
  const struct lm_host *host = &training->experiment->host;
  double seconds = training->meter.all_seconds;
  double waited = lm_loader_waited(training->engine->train.loader);
  if (host->log == NULL || seconds < SECONDS_TO_TELL || waited <= SHARE_TO_TELL * seconds) {
    return;
  }
  struct lm_error sentence = {0};
  double share = waited < seconds ? waited / seconds : 1.0;
  (void)lm_fail(&sentence, LAMINA_OK, "waiting for data took %.0f %% of the time of the steps%s",
                100.0 * share,
                lm_pool_threads(host->pool) == 1
                    ? "; with a second thread batches would be made while steps run"
                    : "");
  host->log(host->log_arg, LAMINA_LOG_INFO, sentence.text);
}

enum lamina_status lm_training_step(struct lm_training *training, struct lm_error *error)
{
  struct lm_progress *progress = &training->progress;
  int64_t begin = progress->batch * training->batch;
  int64_t n = batch_size(training, begin);
  LM_TRY(compute(training, begin, n, error));
  progress->step++;
  progress->batch++;
  progress->samples += n;
  training->stretch_samples += n;
  if (++training->steps == WARM_UP_STEPS) {
    lm_training_end_stretch(training); /* a stretch is warm or it is not */
  }
  return LAMINA_OK;
}
