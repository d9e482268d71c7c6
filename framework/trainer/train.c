/*
 * The loop. An epoch ends with an evaluation, a line of metrics, the decision whether to go
 * on, and a checkpoint, in this order, so that what a checkpoint says has been written before
 * it.
 */
#include "trainer/train.h"

#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "trainer/train_internal.h"

static bool must_stop(const struct lm_training *training)
{
  return training->options->stop != NULL && *training->options->stop != 0;
}

static bool is_last_step(const struct lm_training *training)
{
  return training->progress.step >= training->total_steps;
}

/* All steps are done, and the end of the last epoch too: it sets the batch back to 0. */
static bool is_over(const struct lm_training *training)
{
  return is_last_step(training) && training->progress.batch == 0;
}

static void tell_step(struct lm_training *training)
{
  const struct lm_train_observer *observer = &training->options->observer;
  const struct lm_progress *progress = &training->progress;
  if (observer->step == NULL) {
    return;
  }
  lm_training_end_stretch(training);
  struct lm_train_status status = {
      .step = progress->step,
      .total_steps = training->total_steps,
      .epoch = progress->epoch + 1,
      .epochs = training->experiment->train.epochs,
      .loss = progress->samples == 0 ? 0.0 : progress->loss_sum / (double)progress->samples,
      .samples_per_s = lm_rate_meter_value(&training->meter)};
  observer->step(observer->arg, &status);
  lm_training_begin_stretch(training);
}

/* ---- the end of an epoch ---- */

static enum lamina_status report_epoch(struct lm_training *training, struct lm_epoch_report *report,
                                       struct lm_error *error)
{
  struct lm_progress *progress = &training->progress;
  double samples = progress->samples == 0 ? 1.0 : (double)progress->samples;
  double updates = progress->batch == 0 ? 1.0 : (double)progress->batch;
  *report = (struct lm_epoch_report){.epoch = progress->epoch + 1,
                                     .step = progress->step,
                                     .rate = progress->rate,
                                     .samples_per_s = lm_rate_meter_value(&training->epoch_meter),
                                     .experiment = training->experiment};
  lm_engine_read_metrics(training->engine, &report->train);
  report->train.loss = progress->loss_sum / samples;
  report->train.penalty = progress->penalty_sum / updates;
  if (training->engine->test.dataset != NULL) {
    report->has_eval = true;
    lm_profile_mark(training->profile, LM_PROFILE_REST);
    LM_TRY(lm_engine_evaluate(training->engine, &training->engine->test, &report->eval, error));
    lm_profile_mark(training->profile, LM_PROFILE_EVALUATION);
  }
  lm_engine_clear_metrics(training->engine);
  return LAMINA_OK;
}

static enum lamina_status log_epoch(struct lm_training *training,
                                    const struct lm_epoch_report *report, struct lm_error *error)
{
  struct lm_text line = {0};
  lm_epoch_report_json(report, &line);
  lm_text_add(&line, "\n");
  enum lamina_status status = lm_run_folder_append(&training->run, &line, error);
  lm_text_release(&line);
  const struct lm_train_observer *observer = &training->options->observer;
  if (status == LAMINA_OK && observer->epoch != NULL) {
    observer->epoch(observer->arg, report);
  }
  return status;
}

/* ---- early stopping ---- */

/* Which number is watched: -1 the loss, else a metric; *sign is +1 when larger is better. That
 * there is one, the builder has made sure of. */
static void find_monitor(const struct lm_experiment *experiment, int32_t *index, double *sign)
{
  const char *monitor = experiment->early_stopping.monitor;
  *index = -1;
  *sign = -1.0;
  if (strcmp(monitor, "loss") == 0) {
    return;
  }
  for (uint32_t i = 0; i < experiment->n_metrics; i++) {
    const struct lm_node *node = experiment->graph->nodes[experiment->metrics[i]];
    if (strcmp(node->name, monitor) == 0) {
      const struct lamina_metric *table = &node->instance->plugin->table.metric;
      *index = (int32_t)i;
      *sign = table->direction != NULL && table->direction(node->instance->self) > 0 ? 1.0 : -1.0;
      return;
    }
  }
}

static enum lamina_status judge_epoch(struct lm_training *training,
                                      const struct lm_epoch_report *report, struct lm_error *error)
{
  const struct lm_early_stopping_settings *settings = &training->experiment->early_stopping;
  struct lm_progress *progress = &training->progress;
  int32_t index;
  double sign;
  if (settings->enabled == 0) {
    return LAMINA_OK;
  }
  find_monitor(training->experiment, &index, &sign);
  double value = index < 0 ? report->eval.loss : report->eval.metrics[index];
  bool better = progress->best_epoch == 0 || sign * (value - progress->best) > settings->min_delta;
  if (isfinite(value) && better) {
    progress->best = value;
    progress->best_epoch = report->epoch;
    progress->bad_epochs = 0;
    return lm_training_save_model(training, "best.safetensors", error);
  }
  progress->bad_epochs++;
  progress->finished = progress->finished || progress->bad_epochs >= settings->patience;
  return LAMINA_OK;
}

static enum lamina_status end_epoch(struct lm_training *training, struct lm_train_result *result,
                                    double started, struct lm_error *error)
{
  struct lm_progress *progress = &training->progress;
  LM_TRY(report_epoch(training, &result->last, error));
  lm_profile_mark(training->profile, LM_PROFILE_REST);
  result->last.seconds = progress->seconds + (lm_clock_seconds() - started);
  LM_TRY(log_epoch(training, &result->last, error));
  progress->finished =
      is_last_step(training) || progress->epoch + 1 >= training->experiment->train.epochs;
  LM_TRY(judge_epoch(training, &result->last, error));
  progress->epoch++;
  progress->batch = 0;
  progress->samples = 0;
  progress->loss_sum = 0.0;
  progress->penalty_sum = 0.0;
  progress->seconds = 0.0;
  training->epoch_meter = (struct lm_rate_meter){0};
  int64_t every = training->experiment->checkpoint.every_epochs;
  if (progress->finished || (every > 0 && progress->epoch % every == 0)) {
    LM_TRY(lm_training_save(training, error));
  }
  lm_training_keep(training, lm_clock_seconds());
  lm_profile_mark(training->profile, LM_PROFILE_FILES);
  return LAMINA_OK;
}

/* ---- the loop ---- */

static enum lamina_status stop(struct lm_training *training, double started, struct lm_error *error)
{
  training->progress.seconds += lm_clock_seconds() - started;
  if (training->options->keep == NULL || *training->options->stop != LM_STOP_HAND_OVER) {
    LM_TRY(lm_training_save(training, error));
  }
  return lm_fail(error, LAMINA_E_STOPPED,
                 "stopped after step %llu; continue with --resume --run-dir %s",
                 (unsigned long long)training->progress.step, training->run.path);
}

static enum lamina_status run_epoch(struct lm_training *training, struct lm_train_result *result,
                                    struct lm_error *error)
{
  struct lm_progress *progress = &training->progress;
  int64_t every = training->experiment->checkpoint.every_steps;
  double started = lm_clock_seconds();
  lm_training_begin_epoch(training);
  lm_profile_mark(training->profile, LM_PROFILE_ORDER);
  lm_training_begin_stretch(training);
  while (progress->batch < training->batches_per_epoch && !is_last_step(training)) {
    if (must_stop(training)) {
      return stop(training, started, error);
    }
    LM_TRY(lm_training_step(training, error));
    lm_training_keep(training, started);
    tell_step(training);
    if (every > 0 && progress->step % (uint64_t)every == 0) {
      lm_training_end_stretch(training);
      lm_profile_mark(training->profile, LM_PROFILE_REST);
      LM_TRY(lm_training_save(training, error));
      lm_profile_mark(training->profile, LM_PROFILE_FILES);
      lm_training_begin_stretch(training);
    }
  }
  lm_training_end_stretch(training);
  return end_epoch(training, result, started, error);
}

static enum lamina_status finish(struct lm_training *training, struct lm_train_result *result,
                                 struct lm_error *error)
{
  const struct lm_progress *progress = &training->progress;
  result->steps = progress->step;
  result->best_epoch = progress->best_epoch;
  if (progress->best_epoch > 0 && progress->best_epoch != progress->epoch) {
    LM_TRY(lm_training_load_model(training, "best.safetensors", error));
  }
  return lm_training_save_model(training, "model.safetensors", error);
}

/* ---- the beginning ---- */

static enum lamina_status count_steps(struct lm_training *training, struct lm_error *error)
{
  const struct lm_experiment *experiment = training->experiment;
  const struct lm_train_settings *settings = &experiment->train;
  int64_t count = training->engine->train.count;
  int64_t batch = settings->batch;
  int64_t whole = count / batch;
  if (settings->drop_last != 0 && whole == 0) {
    return lm_fail_at(error, LAMINA_E_INVALID, &experiment->train_data->instance->where,
                      "%s has %lld records to train with, fewer than a batch of %lld, and "
                      "train.drop_last leaves out the rest",
                      experiment->train_data->instance->label, (long long)count, (long long)batch);
  }
  training->batch = batch;
  training->batches_per_epoch =
      settings->drop_last != 0 ? whole : whole + (count % batch != 0 ? 1 : 0);
  int64_t total;
  if (!lm_mul_i64(training->batches_per_epoch, settings->epochs, &total)) {
    total = INT64_MAX;
  }
  training->total_steps = (uint64_t)total;
  if (settings->steps > 0 && settings->steps < total) {
    training->total_steps = (uint64_t)settings->steps;
  }
  return LAMINA_OK;
}

static void describe_nodes(const struct lm_graph *graph, bool metrics, struct lm_text *out)
{
  const char *comma = "";
  for (uint32_t i = 0; i < graph->n_nodes; i++) {
    const struct lm_node *node = graph->nodes[i];
    const struct lamina_plugin *info = &node->instance->plugin->info;
    if ((node->kind == LM_NODE_METRIC) == metrics) {
      lm_text_addf(out, "%s\n    \"%s\": \"%s_%s %s\"", comma, node->name, lm_kind_name(info->kind),
                   info->name, info->version);
      comma = ",";
    }
  }
}

static void describe_run(const struct lm_training *training, struct lm_text *out)
{
  const struct lm_experiment *experiment = training->experiment;
  lm_text_addf(out, "{\n  \"lamina\": \"%s\",\n  \"abi\": \"%d.%d\",\n  \"seed\": %lld,\n",
               LM_VERSION, LAMINA_ABI_MAJOR, LAMINA_ABI_MINOR, (long long)experiment->train.seed);
  lm_text_addf(out, "  \"threads\": %u,\n  \"streams\": [\"shuffle\"",
               lm_pool_threads(experiment->host.pool));
  if (experiment->holdout > 0.0) {
    lm_text_add(out, ", \"data/holdout\"");
  }
  for (uint32_t i = 0; i < experiment->graph->n_parameters; i++) {
    lm_text_addf(out, ", \"init/%s\"", experiment->graph->parameters[i]->name);
  }
  for (uint32_t i = 0; i < experiment->graph->n_nodes; i++) {
    if (experiment->inference->nodes[i].purposes != 0) {
      lm_text_addf(out, ", \"node/%s\"", experiment->graph->nodes[i]->name);
    }
  }
  lm_text_add(out, "],\n  \"nodes\": {");
  describe_nodes(experiment->graph, false, out);
  lm_text_add(out, "\n  },\n  \"metrics\": {");
  describe_nodes(experiment->graph, true, out);
  lm_text_add(out, "\n  }\n}\n");
}

static enum lamina_status write_description(struct lm_training *training, struct lm_error *error)
{
  struct lm_text text = {0};
  lm_value_write(lm_config_root(training->experiment->config), &text);
  enum lamina_status status = lm_run_folder_write(&training->run, "experiment.yaml", &text, error);
  lm_text_clear(&text);
  describe_run(training, &text);
  if (status == LAMINA_OK) {
    status = lm_run_folder_write(&training->run, "run.json", &text, error);
  }
  lm_text_release(&text);
  return status;
}

enum lamina_status lm_training_prepare(struct lm_training *training, struct lm_error *error)
{
  LM_TRY(lm_engine_create(training->experiment, LM_TO_TRAIN, &training->engine, error));
  LM_TRY(count_steps(training, error));
  training->order_stream = lm_stream_make(training->experiment->host.seed, "shuffle");
  size_t count = (size_t)training->engine->train.count;
  training->order = lm_alloc(count, sizeof *training->order);
  if (training->order == NULL) {
    return lm_fail_memory(error, count * sizeof *training->order);
  }
  return LAMINA_OK;
}

static enum lamina_status prepare(struct lm_training *training, struct lm_error *error)
{
  const struct lm_train_options *options = training->options;
  bool kept = options->take_over;
  LM_TRY(lm_training_prepare(training, error));
  if (options->run == NULL) {
    LM_TRY(lm_run_folder_open(&training->run, options->run_dir, options->resume, error));
  }
  if (!options->resume && !kept) {
    LM_TRY(write_description(training, error));
    LM_TRY(lm_engine_fit(training->engine, error));
    return lm_training_begin_keeping(training, error);
  }
  /* What is refused changes nothing. */
  LM_TRY(kept ? lm_training_take_over(training, error) : lm_training_restore(training, error));
  LM_TRY(write_description(training, error));
  const struct lm_early_stopping_settings *early = &training->experiment->early_stopping;
  training->progress.finished =
      is_over(training) ||
      (early->enabled != 0 && training->progress.bad_epochs >= early->patience);
  LM_TRY(lm_run_folder_cut(&training->run, training->progress.epoch, error));
  return kept ? LAMINA_OK : lm_training_begin_keeping(training, error);
}

static enum lamina_status write_profile(struct lm_training *training, struct lm_error *error)
{
  struct lm_text text = {0};
  lm_profile_json(training->profile, &text);
  enum lamina_status status = lm_run_folder_write(&training->run, "profile.json", &text, error);
  lm_text_release(&text);
  return status;
}

enum lamina_status lm_train(struct lm_experiment *experiment,
                            const struct lm_train_options *options, struct lm_train_result *result,
                            struct lm_error *error)
{
  struct lm_training training = {.experiment = experiment,
                                 .options = options,
                                 .profile = options->profile,
                                 .run = {.lock = -1}};
  *result = (struct lm_train_result){0};
  if (options->run != NULL) {
    training.run = *options->run;
  }
  enum lamina_status status = prepare(&training, error);
  lm_profile_begin(training.profile);
  while (status == LAMINA_OK && training.progress.finished == 0 && !is_over(&training)) {
    status = run_epoch(&training, result, error);
  }
  if (status == LAMINA_OK) {
    status = finish(&training, result, error);
    lm_profile_mark(training.profile, LM_PROFILE_FILES);
  }
  lm_profile_end(training.profile);
  if (training.engine != NULL) {
    lm_engine_unschedule(training.engine);
  }
  if (status == LAMINA_OK) {
    lm_training_tell_waiting(&training);
  }
  if (status == LAMINA_OK && training.profile != NULL) {
    status = write_profile(&training, error);
  }
  lm_run_folder_close(&training.run);
  lm_kept_release(&training.kept);
  lm_engine_free(training.engine);
  lm_free(training.order);
  return status;
}
