/*
 * One record is one batch. Batches of several would be quicker, but only the mean of a loss over
 * a batch is known.
 */
#include "analysis/scores.h"

#include <math.h>
#include <string.h>

static bool holds_labels(const struct lm_declared_field *field)
{
  return lamina_type_is_i32(&field->shape.type) && field->shape.type.rank == 0;
}

int32_t lm_scores_label_field(const struct lm_dataset *dataset)
{
  int32_t found = lm_dataset_field(dataset, "target");
  if (found >= 0 && holds_labels(&dataset->fields[found])) {
    return found;
  }
  for (uint32_t i = 0; i < dataset->n_fields; i++) {
    if (holds_labels(&dataset->fields[i])) {
      return (int32_t)i;
    }
  }
  return -1;
}

enum lamina_status lm_scores_run(struct lm_engine *engine, const struct lm_portion *portion,
                                 int64_t at, struct lm_program **program, struct lm_error *error)
{
  LM_TRY(lm_executor_program(engine->executor, 1, false, program, error));
  LM_TRY(lm_loader_fill(portion->loader, portion->index + at, 1, false, 0, error));
  lm_engine_connect(engine, portion, *program);
  return lm_program_forward(*program, 0, error);
}

enum lamina_status lm_scores_compute(struct lm_engine *engine, const struct lm_portion *portion,
                                     double *scores, int32_t *labels, int32_t field,
                                     struct lm_error *error)
{
  for (int64_t i = 0; i < portion->count; i++) {
    struct lm_program *program;
    LM_TRY(lm_scores_run(engine, portion, i, &program, error));
    scores[i] = lm_engine_loss(engine, program);
    if (isnan(scores[i])) {
      enum lamina_status status = lm_program_find_nonfinite(program, 0, error);
      status = status != LAMINA_OK
                   ? status
                   : lm_fail(error, LAMINA_E_NONFINITE, "its losses sum up to no number");
      lm_error_prefix(error, "record %lld (from 0) of %s", (long long)portion->index[i],
                      lm_dataset_label(portion->dataset));
      return status;
    }
    if (labels != NULL) {
      labels[i] = *(const int32_t *)lm_loader_data(portion->loader, (uint32_t)field);
    }
  }
  return LAMINA_OK;
}
