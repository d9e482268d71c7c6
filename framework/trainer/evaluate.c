/*
 * Evaluation: forward only, losses and metrics over a portion of data.
 */
#include <math.h>
#include <string.h>

#include "trainer/engine.h"

void lm_engine_clear_metrics(struct lm_engine *engine)
{
  for (uint32_t i = 0; i < engine->experiment->n_metrics; i++) {
    uint32_t count;
    double *part = lm_executor_part(engine->executor, engine->experiment->metrics[i], &count);
    if (part != NULL) {
      memset(part, 0, count * sizeof *part);
    }
  }
}

void lm_engine_read_metrics(struct lm_engine *engine, struct lm_scores *scores)
{
  for (uint32_t i = 0; i < engine->experiment->n_metrics; i++) {
    uint32_t count;
    uint32_t node = engine->experiment->metrics[i];
    const struct lm_instance *instance = engine->experiment->graph->nodes[node]->instance;
    const double *part = lm_executor_part(engine->executor, node, &count);
    scores->metrics[i] =
        part == NULL ? (double)NAN : instance->plugin->table.metric.value(instance->self, part);
  }
}

double lm_engine_loss(const struct lm_engine *engine, const struct lm_program *program)
{
  double sum = 0.0;
  for (uint32_t i = 0; i < engine->experiment->n_losses; i++) {
    uint32_t node = engine->experiment->losses[i];
    sum += engine->experiment->graph->nodes[node]->loss_weight *
           (double)lm_program_loss(program, node);
  }
  return sum;
}

/* Makes a batch and announces the one behind it. */
static enum lamina_status load(const struct lm_portion *portion, int64_t begin, int64_t batch,
                               int64_t *n, struct lm_error *error)
{
  int64_t left = portion->count - begin;
  *n = left < batch ? left : batch;
  LM_TRY(lm_loader_fill(portion->loader, portion->index + begin, *n, false, 0, error));
  left -= *n;
  if (left > 0) {
    lm_loader_announce(portion->loader, portion->index + begin + *n, left < batch ? left : batch,
                       false, 0);
  }
  return LAMINA_OK;
}

/* Both portions share transforms, and perhaps the data set: only one of them is read at a time. */
static void settle(struct lm_engine *engine)
{
  struct lm_loader *loaders[] = {engine->train.loader, engine->test.loader};
  for (int i = 0; i < 2; i++) {
    if (loaders[i] != NULL) {
      lm_loader_settle(loaders[i]);
    }
  }
}

enum lamina_status lm_engine_evaluate(struct lm_engine *engine, const struct lm_portion *portion,
                                      struct lm_scores *scores, struct lm_error *error)
{
  int64_t batch = engine->experiment->train.batch;
  int64_t n;
  settle(engine);
  lm_engine_unschedule(engine);
  *scores = (struct lm_scores){0};
  lm_engine_clear_metrics(engine);
  for (int64_t begin = 0; begin < portion->count; begin += batch) {
    struct lm_program *program;
    LM_TRY(load(portion, begin, batch, &n, error));
    LM_TRY(lm_executor_program(engine->executor, n, false, &program, error));
    lm_engine_connect(engine, portion, program);
    /* Layers that draw in evaluation, too, are to draw something else for each batch. */
    LM_TRY(lm_program_forward(program, (uint64_t)(begin / batch), error));
    scores->loss += lm_engine_loss(engine, program) * (double)n;
  }
  scores->loss /= (double)portion->count;
  lm_engine_read_metrics(engine, scores);
  lm_engine_clear_metrics(engine);
  return LAMINA_OK;
}
