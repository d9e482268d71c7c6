/*
 * Checkpoints of a training: model, optimizer, progress, partial metrics.
 *
 * When the newest checkpoint cannot be read, the one before it is taken and the reader is told.
 */
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "checkpoint/model.h"
#include "trainer/train_internal.h"

/* The metrics' partial results as tensors: "trainer/metric/<name>", float64. */
struct parts {
  struct lm_named_tensor tensors[LM_MAX_FACTS];
  int64_t dims[LM_MAX_FACTS][1];
  char names[LM_MAX_FACTS][96];
  size_t count;
};

static void collect_parts(struct lm_training *training, struct parts *parts)
{
  const struct lm_experiment *experiment = training->experiment;
  parts->count = 0;
  for (uint32_t i = 0; i < experiment->n_metrics; i++) {
    uint32_t count;
    double *part = lm_executor_part(training->engine->executor, experiment->metrics[i], &count);
    if (part == NULL) {
      continue;
    }
    size_t at = parts->count++;
    parts->dims[at][0] = count;
    (void)snprintf(parts->names[at], sizeof parts->names[at], "trainer/metric/%s",
                   experiment->graph->nodes[experiment->metrics[i]]->name);
    parts->tensors[at] = (struct lm_named_tensor){
        parts->names[at], lamina_type_make(LAMINA_DT_FLOAT, 64, 1, parts->dims[at]), part};
  }
}

static char *previous_file(const struct lm_training *training)
{
  return training->experiment->checkpoint.keep == 0
             ? NULL
             : lm_run_folder_file(&training->run, "checkpoint.1.safetensors");
}

/* What is written can be gone on from, so the last good file stays when weights are lost. */
static enum lamina_status check_weights(const struct lm_training *training, struct lm_error *error)
{
  enum lamina_status status = lm_store_check_finite(&training->engine->store, error);
  if (status != LAMINA_OK) {
    lm_error_prefix(error, "after step %llu", (unsigned long long)training->progress.step);
    lm_error_suffix(error, ", training stops and nothing is saved; a smaller rate may help");
  }
  return status;
}

enum lamina_status lm_training_save(struct lm_training *training, struct lm_error *error)
{
  LM_TRY(check_weights(training, error));
  struct parts parts;
  struct lm_metadata metadata[LM_PROGRESS_FIELDS];
  char text[LM_PROGRESS_FIELDS][LM_PROGRESS_TEXT];
  char *path = lm_run_folder_file(&training->run, "checkpoint.safetensors");
  char *previous = previous_file(training);
  enum lamina_status status;
  collect_parts(training, &parts);
  lm_progress_write(&training->progress, metadata, text);
  struct lm_model_content content = {.experiment = training->experiment,
                                     .store = &training->engine->store,
                                     .with_optimizer = true,
                                     .tensors = parts.tensors,
                                     .n_tensors = parts.count,
                                     .metadata = metadata,
                                     .n_metadata = LM_PROGRESS_FIELDS};
  if (path == NULL) {
    status = lm_fail_memory(error, 0);
  } else {
    lm_run_folder_rotate(&training->run, training->experiment->checkpoint.keep);
    status = lm_model_save(path, previous, &content, error);
  }
  lm_free(path);
  lm_free(previous);
  return status;
}

/* The first program makes the metrics' accumulators. */
static enum lamina_status make_parts(struct lm_training *training, struct lm_error *error)
{
  struct lm_program *program;
  int64_t n = training->batch < training->engine->train.count ? training->batch
                                                              : training->engine->train.count;
  return lm_executor_program(training->engine->executor, n, true, &program, error);
}

enum lamina_status lm_training_list(struct lm_training *training, struct lm_kept_list *out,
                                    struct lm_error *error)
{
  const struct lm_experiment *experiment = training->experiment;
  LM_TRY(make_parts(training, error));
  bool well = lm_kept_collect(out, experiment, &training->engine->store, true);
  for (uint32_t i = 0; i < experiment->n_metrics && well; i++) {
    uint32_t count;
    double *part = lm_executor_part(training->engine->executor, experiment->metrics[i], &count);
    if (part != NULL) {
      training->part_counts[i] = count;
      struct lamina_type type = lamina_type_make(LAMINA_DT_FLOAT, 64, 1, &training->part_counts[i]);
      well = lm_kept_add(
          out,
          lm_format("trainer/metric/%s", experiment->graph->nodes[experiment->metrics[i]]->name),
          &type, part);
    }
  }
  return well ? LAMINA_OK : lm_fail_memory(error, 0);
}

static enum lamina_status restore_parts(struct lm_training *training,
                                        const struct lm_safetensors_file *file,
                                        struct lm_error *error)
{
  struct parts parts;
  LM_TRY(make_parts(training, error));
  collect_parts(training, &parts);
  for (size_t i = 0; i < parts.count; i++) {
    const struct lm_named_tensor *saved = lm_safetensors_find(file, parts.names[i]);
    if (saved == NULL || !lamina_shape_equal(&saved->type, &parts.tensors[i].type)) {
      continue; /* the metric is new in the experiment */
    }
    uint32_t count;
    double *part =
        lm_executor_part(training->engine->executor, training->experiment->metrics[i], &count);
    memcpy(part, saved->data, count * sizeof *part); /* may be unaligned in the file */
  }
  return LAMINA_OK;
}

static enum lamina_status restore_from(struct lm_training *training, const char *path,
                                       struct lm_error *error)
{
  struct lm_safetensors_file *file = NULL;
  LM_TRY(lm_safetensors_read(path, &file, error));
  enum lamina_status status = lm_progress_read(file, path, &training->progress, error);
  if (status == LAMINA_OK) {
    status = lm_model_load(file, path, training->experiment, &training->engine->store, true, error);
  }
  if (status == LAMINA_OK) {
    status = restore_parts(training, file, error);
  }
  lm_safetensors_free(file);
  return status;
}

static bool is_whole(const char *path, struct lm_error *error)
{
  struct lm_safetensors_file *file = NULL;
  enum lamina_status status = lm_safetensors_read(path, &file, error);
  lm_safetensors_free(file);
  return status == LAMINA_OK;
}

enum lamina_status lm_training_restore(struct lm_training *training, struct lm_error *error)
{
  char *newest = lm_run_folder_file(&training->run, "checkpoint.safetensors");
  char *before = lm_run_folder_file(&training->run, "checkpoint.1.safetensors");
  enum lamina_status status;
  if (newest == NULL || before == NULL) {
    status = lm_fail_memory(error, 0);
  } else if (is_whole(newest, error)) {
    status = restore_from(training, newest, error);
  } else {
    struct lm_error ignored = {0};
    status = error->status;
    if (status == LAMINA_E_INVALID && is_whole(before, &ignored)) {
      lm_error_suffix(error, "; continuing from %s", before);
      if (training->options->observer.note != NULL) {
        training->options->observer.note(training->options->observer.arg, error->text);
      }
      status = restore_from(training, before, error);
    }
  }
  lm_free(newest);
  lm_free(before);
  return status;
}

enum lamina_status lm_training_save_model(struct lm_training *training, const char *name,
                                          struct lm_error *error)
{
  LM_TRY(check_weights(training, error));
  char *path = lm_run_folder_file(&training->run, name);
  if (path == NULL) {
    return lm_fail_memory(error, 0);
  }
  struct lm_model_content content = {.experiment = training->experiment,
                                     .store = &training->engine->store};
  enum lamina_status status = lm_model_save(path, NULL, &content, error);
  lm_free(path);
  return status;
}

enum lamina_status lm_training_load_model(struct lm_training *training, const char *name,
                                          struct lm_error *error)
{
  struct lm_safetensors_file *file = NULL;
  char *path = lm_run_folder_file(&training->run, name);
  if (path == NULL) {
    return lm_fail_memory(error, 0);
  }
  enum lamina_status status = lm_safetensors_read(path, &file, error);
  if (status == LAMINA_OK) {
    status =
        lm_model_load(file, path, training->experiment, &training->engine->store, false, error);
  }
  lm_safetensors_free(file);
  lm_free(path);
  return status;
}
