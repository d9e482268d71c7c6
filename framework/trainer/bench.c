/*
 * Steps are run in groups that double until the time is nearly over, so that reading the clock
 * between them does not count in experiments whose step takes a microsecond.
 */
#include "trainer/bench.h"

#include "base/clock.h"
#include "base/memory.h"
#include "trainer/train_internal.h"

static enum lamina_status run_steps(struct lm_training *training, uint64_t count,
                                    struct lm_error *error)
{
  struct lm_progress *progress = &training->progress;
  for (uint64_t i = 0; i < count; i++) {
    if (progress->batch == training->batches_per_epoch) {
      *progress = (struct lm_progress){.step = progress->step, .epoch = progress->epoch + 1};
      lm_training_begin_epoch(training);
    }
    LM_TRY(lm_training_step(training, error));
  }
  return LAMINA_OK;
}

/* The size of the next group: as many steps as all so far, or as fit into the time left. */
static uint64_t next_group(uint64_t steps, double elapsed, double seconds)
{
  double fit = (double)steps * (seconds - elapsed) / elapsed;
  if (fit >= (double)steps) {
    return steps;
  }
  return fit < 1.0 ? 1 : (uint64_t)fit;
}

static enum lamina_status repeat(struct lm_training *training, double seconds, double *steps_per_s,
                                 double *samples_per_s, struct lm_error *error)
{
  double samples = training->meter.all_samples;
  double begin = lm_clock_seconds();
  double elapsed = 0.0;
  uint64_t steps = 0;
  do {
    uint64_t group = steps == 0 ? 1 : next_group(steps, elapsed, seconds);
    LM_TRY(run_steps(training, group, error));
    steps += group;
    elapsed = lm_clock_seconds() - begin;
  } while (elapsed < seconds);
  lm_training_end_stretch(training); /* its samples are counted then */
  *steps_per_s = (double)steps / elapsed;
  *samples_per_s = (training->meter.all_samples - samples) / elapsed;
  return LAMINA_OK;
}

static double median(const double rates[LM_BENCH_REPETITIONS], double *least, double *most)
{
  double sorted[LM_BENCH_REPETITIONS];
  for (int i = 0; i < LM_BENCH_REPETITIONS; i++) {
    int at = i;
    for (; at > 0 && sorted[at - 1] > rates[i]; at--) {
      sorted[at] = sorted[at - 1];
    }
    sorted[at] = rates[i];
  }
  *least = sorted[0];
  *most = sorted[LM_BENCH_REPETITIONS - 1];
  return sorted[LM_BENCH_REPETITIONS / 2];
}

static enum lamina_status measure(struct lm_training *training, double seconds,
                                  struct lm_bench_result *result, struct lm_error *error)
{
  double steps[LM_BENCH_REPETITIONS];
  double samples[LM_BENCH_REPETITIONS];
  double least;
  double most;
  LM_TRY(lm_training_prepare(training, error));
  LM_TRY(lm_engine_fit(training->engine, error));
  training->total_steps = UINT64_MAX;
  lm_training_begin_epoch(training);
  lm_training_begin_stretch(training);
  LM_TRY(run_steps(training, 1, error));
  result->first_step = lm_clock_seconds();
  LM_TRY(repeat(training, seconds, &steps[0], &samples[0], error));
  uint64_t warm = training->progress.step;
  for (int i = 0; i < LM_BENCH_REPETITIONS; i++) {
    LM_TRY(repeat(training, seconds, &steps[i], &samples[i], error));
  }
  result->steps = training->progress.step - warm;
  result->steps_per_s = median(steps, &least, &most);
  result->samples_per_s = median(samples, &result->slowest, &result->fastest);
  return LAMINA_OK;
}

enum lamina_status lm_bench(struct lm_experiment *experiment, double seconds,
                            struct lm_bench_result *result, struct lm_error *error)
{
  struct lm_training training = {.experiment = experiment, .run = {.lock = -1}};
  *result = (struct lm_bench_result){0};
  enum lamina_status status = measure(&training, seconds, result, error);
  lm_engine_free(training.engine);
  lm_free(training.order);
  return status;
}
