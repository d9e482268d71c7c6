/*
 * Making an engine: the plan of the training step says which weights get a gradient, then the
 * store is laid out, filled, and the rest is built on it.
 */
#include "trainer/engine.h"

#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "data/order.h"

static void release_portion(struct lm_portion *portion)
{
  lm_loader_free(portion->loader);
  lm_free(portion->index);
  *portion = (struct lm_portion){0};
}

void lm_engine_free(struct lm_engine *engine)
{
  if (engine == NULL) {
    return;
  }
  release_portion(&engine->train);
  release_portion(&engine->test);
  lm_updater_free(engine->updater);
  lm_executor_free(engine->executor);
  lm_store_release(&engine->store);
  lm_free(engine->keep);
  lm_free(engine);
}

/* A weight that is meant to be trained but that no loss depends on is worth a word. */
static void warn_untrained(const struct lm_experiment *experiment, const struct lm_plan *plan)
{
  for (uint32_t i = 0; i < experiment->graph->n_parameters; i++) {
    const struct lm_parameter *parameter = experiment->graph->parameters[i];
    if (!plan->trained[i] && !parameter->frozen && experiment->host.log != NULL) {
      struct lm_error sentence = {0};
      (void)lm_fail(&sentence, LAMINA_OK, "weight '%s' is not trained: no loss depends on it",
                    parameter->name);
      experiment->host.log(experiment->host.log_arg, LAMINA_LOG_WARNING, sentence.text);
    }
  }
}

static enum lamina_status lay_out_store(struct lm_engine *engine, enum lm_purpose purpose,
                                        struct lm_error *error)
{
  struct lm_experiment *experiment = engine->experiment;
  bool decay_all = experiment->train.decay_all != 0;
  if (purpose != LM_TO_TRAIN) {
    return lm_store_init(&engine->store, experiment->graph, NULL, decay_all, error);
  }
  struct lm_plan *plan = NULL;
  struct lm_plan_options options = {.train = true, .lanes = lm_pool_threads(experiment->host.pool)};
  LM_TRY(lm_plan_create(experiment->graph, experiment->inference, &options, &plan, error));
  warn_untrained(experiment, plan);
  enum lamina_status status =
      lm_store_init(&engine->store, experiment->graph, plan->trained, decay_all, error);
  lm_plan_free(plan);
  return status;
}

static enum lamina_status initialise(struct lm_engine *engine, struct lm_error *error)
{
  struct lm_experiment *experiment = engine->experiment;
  for (uint32_t i = 0; i < experiment->graph->n_parameters; i++) {
    LM_TRY(lm_store_fill(&engine->store, i, experiment->initializers[i], error));
  }
  return LAMINA_OK;
}

static enum lamina_status make_updater(struct lm_engine *engine, struct lm_error *error)
{
  struct lm_experiment *experiment = engine->experiment;
  uint32_t count = experiment->n_regularizers;
  struct lm_regularizer_use *uses = lm_alloc(count, sizeof *uses);
  if (uses == NULL) {
    return lm_fail_memory(error, count * sizeof *uses);
  }
  for (uint32_t i = 0; i < count; i++) {
    uses[i].instance = experiment->regularizers[i].instance;
    uses[i].applies = experiment->regularizers[i].applies;
  }
  enum lamina_status status = lm_store_add_slots(&engine->store, experiment->optimizer, error);
  if (status == LAMINA_OK) {
    struct lm_updater_parts parts = {.host = &experiment->host,
                                     .store = &engine->store,
                                     .optimizer = experiment->optimizer,
                                     .regularizers = uses,
                                     .n_regularizers = count,
                                     .clip_norm = experiment->train.clip};
    status = lm_updater_create(&parts, &engine->updater, error);
  }
  lm_free(uses);
  return status;
}

static enum lamina_status make_executor(struct lm_engine *engine, struct lm_executor **out,
                                        struct lm_error *error)
{
  struct lm_executor_options options = {.keep = engine->keep};
  return lm_executor_create(engine->experiment->graph, &engine->store, &options, out, error);
}

static enum lamina_status prepare_executor(struct lm_engine *engine, struct lm_error *error)
{
  struct lm_experiment *experiment = engine->experiment;
  engine->keep = lm_alloc(experiment->graph->n_nodes, sizeof *engine->keep);
  if (engine->keep == NULL) {
    return lm_fail_memory(error, experiment->graph->n_nodes);
  }
  for (uint32_t i = 0; i < experiment->n_outputs; i++) {
    engine->keep[experiment->outputs[i]] = true;
  }
  return make_executor(engine, &engine->executor, error);
}

enum lamina_status lm_engine_move(struct lm_engine *engine, struct lm_pool *pool,
                                  struct lm_error *error)
{
  struct lm_executor *executor;
  LM_TRY(make_executor(engine, &executor, error));
  lm_executor_free(engine->executor);
  engine->executor = executor;
  engine->experiment->host.pool = pool;
  return LAMINA_OK;
}

/* ---- data ---- */

static enum lamina_status make_portion(struct lm_engine *engine, struct lm_portion *portion,
                                       struct lm_dataset *dataset, const int64_t *index,
                                       int64_t count, struct lm_error *error)
{
  struct lm_experiment *experiment = engine->experiment;
  int64_t largest = experiment->train.batch < count ? experiment->train.batch : count;
  portion->index = lm_alloc((size_t)count, sizeof *portion->index);
  if (portion->index == NULL) {
    return lm_fail_memory(error, (size_t)count * sizeof *portion->index);
  }
  memcpy(portion->index, index, (size_t)count * sizeof *index);
  for (uint32_t i = 0; i < experiment->graph->n_sources; i++) {
    portion->fields[i] = (uint32_t)lm_dataset_field(dataset, experiment->graph->sources[i]->name);
  }
  portion->dataset = dataset;
  portion->count = count;
  return lm_loader_create(dataset, &experiment->transforms, largest, &portion->loader, error);
}

/* The training data, and what is held out of it. */
static enum lamina_status split_portions(struct lm_engine *engine, int64_t *index, int64_t count,
                                         struct lm_error *error)
{
  struct lm_experiment *experiment = engine->experiment;
  struct lm_dataset *data = experiment->train_data;
  if (experiment->holdout <= 0.0) {
    return make_portion(engine, &engine->train, data, index, count, error);
  }
  if (count < 2) {
    return lm_fail_at(error, LAMINA_E_INVALID, &data->instance->where,
                      "%s has one record%s, of which nothing can be held out",
                      data->instance->label, data->count > 1 ? " that is not left out" : "");
  }
  int64_t kept = lm_order_hold_out(index, count, experiment->holdout, experiment->host.seed);
  LM_TRY(make_portion(engine, &engine->train, data, index, kept, error));
  return make_portion(engine, &engine->test, data, index + kept, count - kept, error);
}

static enum lamina_status make_portions(struct lm_engine *engine, struct lm_error *error)
{
  const struct lm_experiment *experiment = engine->experiment;
  struct lm_dataset *test = experiment->test_data;
  int64_t *index, count;
  LM_TRY(lm_selection_apply(&experiment->selection, experiment->train_data, true, &index, &count,
                            error));
  enum lamina_status status = split_portions(engine, index, count, error);
  lm_free(index);
  if (status != LAMINA_OK || test == NULL) {
    return status;
  }
  LM_TRY(lm_selection_apply(&experiment->selection, test, false, &index, &count, error));
  status = make_portion(engine, &engine->test, test, index, count, error);
  lm_free(index);
  return status;
}

enum lamina_status lm_engine_create(struct lm_experiment *experiment, enum lm_purpose purpose,
                                    struct lm_engine **out, struct lm_error *error)
{
  enum lamina_status status;
  struct lm_engine *engine = lm_alloc(1, sizeof *engine);
  *out = NULL;
  if (engine == NULL) {
    return lm_fail_memory(error, sizeof *engine);
  }
  engine->experiment = experiment;
  LM_TRY_OR(fail, status, lay_out_store(engine, purpose, error));
  if (purpose == LM_TO_TRAIN) {
    LM_TRY_OR(fail, status, initialise(engine, error));
    LM_TRY_OR(fail, status, make_updater(engine, error));
  }
  LM_TRY_OR(fail, status, prepare_executor(engine, error));
  if (purpose != LM_TO_PREDICT) {
    LM_TRY_OR(fail, status, make_portions(engine, error));
  }
  *out = engine;
  return LAMINA_OK;

fail:
  lm_engine_free(engine);
  return status;
}

enum lamina_status lm_engine_fit(struct lm_engine *engine, struct lm_error *error)
{
  if (!lm_transforms_need_fit(&engine->experiment->transforms)) {
    return LAMINA_OK;
  }
  return lm_loader_fit(engine->train.loader, engine->train.index, engine->train.count, error);
}

void lm_engine_connect(const struct lm_engine *engine, const struct lm_portion *portion,
                       struct lm_program *program)
{
  for (uint32_t i = 0; i < engine->experiment->graph->n_sources; i++) {
    program->sources[i].data = lm_loader_data(portion->loader, portion->fields[i]);
  }
}
