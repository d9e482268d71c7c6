/*
 * Loading: file, registry, pool, experiment, engine, weights, in this order, each of the model's
 * own. The experiment is built for predictions on records that the caller has, whose fields the
 * file tells.
 */
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "embed/embed_internal.h"

enum { MOST_THREADS = 1024 };

int32_t lm_embed_tell(enum lamina_status status, const struct lm_error *from,
                      struct lamina_error *error)
{
  if (error != NULL) {
    error->status = status;
    int length = snprintf(error->sentence, sizeof error->sentence, "%s",
                          status == LAMINA_OK ? "" : from->text);
    if (length >= (int)sizeof error->sentence) {
      memcpy(error->sentence + sizeof error->sentence - 4, "...", 4);
    }
  }
  return status;
}

int32_t lm_embed_refuse(struct lamina_error *error, enum lamina_status status, const char *format,
                        ...)
{
  if (error != NULL) {
    va_list args;
    va_start(args, format);
    (void)vsnprintf(error->sentence, sizeof error->sentence, format, args);
    va_end(args);
    error->status = status;
  }
  return status;
}

void lamina_model_free(struct lamina_model *model)
{
  if (model == NULL) {
    return;
  }
  for (uint32_t i = 0; i < model->n_inputs; i++) {
    lm_free(model->inputs[i].name);
  }
  for (uint32_t i = 0; i < model->n_outputs; i++) {
    lm_free(model->outputs[i].name);
  }
  lm_loader_free(model->loader);
  lm_dataset_free(model->given);
  lm_engine_free(model->engine);
  lm_experiment_free(model->experiment);
  lm_field_list_release(&model->fields);
  lm_pool_free(model->pool);
  lm_registry_free(model->registry);
  lm_free(model);
}

/* ---- inputs and outputs ---- */

/* Whether a layer reads the source. */
static bool is_read(const struct lm_graph *graph, uint32_t source)
{
  for (uint32_t n = 0; n < graph->n_nodes; n++) {
    for (uint32_t i = 0; i < graph->nodes[n]->n_inputs; i++) {
      struct lm_edge edge = graph->nodes[n]->inputs[i];
      if (lm_edge_is_source(edge) && lm_edge_source_index(edge) == source) {
        return true;
      }
    }
  }
  return false;
}

static enum lamina_status set_port(struct lm_port *port, const char *name, uint32_t at,
                                   const struct lm_shape *record, struct lm_error *error)
{
  port->at = at;
  LM_TRY(lm_shape_copy(&port->record, &record->type, error));
  port->bytes = lm_shape_bytes(&port->record);
  port->name = lm_copy_text(name);
  return port->name == NULL ? lm_fail_memory(error, 0) : LAMINA_OK;
}

/* Fields that layers read, as the data had them or as they are behind the transforms. */
static enum lamina_status find_inputs(struct lamina_model *model, struct lm_error *error)
{
  const struct lm_graph *graph = model->experiment->graph;
  struct lm_declared_field fields[LM_MAX_FACTS];
  for (uint32_t i = 0; i < model->fields.count; i++) {
    const struct lm_declared_field *field = &model->fields.items[i];
    uint32_t source = (uint32_t)lm_graph_find_source(graph, field->name);
    if (!is_read(graph, source)) {
      continue;
    }
    const struct lm_shape *record =
        model->prepared ? &graph->sources[source]->record : &field->shape;
    struct lm_port *port = &model->inputs[model->n_inputs];
    fields[model->n_inputs] = *field;
    model->n_inputs++;
    LM_TRY(set_port(port, field->name, source, record, error));
    fields[model->n_inputs - 1].shape = port->record;
  }
  return lm_dataset_create_given(&model->experiment->host, fields, model->n_inputs, &model->given,
                                 error);
}

static enum lamina_status find_outputs(struct lamina_model *model, struct lm_error *error)
{
  const struct lm_experiment *experiment = model->experiment;
  for (uint32_t i = 0; i < experiment->n_outputs; i++) {
    uint32_t node = experiment->outputs[i];
    const struct lm_tensor *tensor = experiment->inference->nodes[node].out[0];
    struct lm_shape record = {.type = tensor->shape.type};
    if (record.type.rank == 0) {
      return lm_fail(error, LAMINA_E_UNSUPPORTED,
                     "output '%s' has no batch axis, so it cannot be told by sample", tensor->name);
    }
    record.type.dims = tensor->shape.dims + 1;
    record.type.rank--;
    model->n_outputs++;
    LM_TRY(set_port(&model->outputs[i], tensor->name, node, &record, error));
  }
  return LAMINA_OK;
}

/* ---- loading ---- */

static enum lamina_status make_pool(uint32_t threads, struct lm_pool **out, struct lm_error *error)
{
  if (threads == LAMINA_THREADS_ALL) {
    threads = lm_pool_default_threads();
  }
  if (threads > MOST_THREADS) {
    return lm_fail(error, LAMINA_E_USAGE,
                   "%u threads were asked for, expected 1 to %d or "
                   "LAMINA_THREADS_ALL",
                   threads, MOST_THREADS);
  }
  return lm_pool_create(threads == 0 ? 1 : threads, out, error);
}

/* What is asked for, in this library's size of the struct. */
static enum lamina_status take_options(const struct lamina_model_options *given,
                                       struct lamina_model_options *out, struct lm_error *error)
{
  *out = (struct lamina_model_options){0};
  if (given == NULL) {
    return LAMINA_OK;
  }
  if (given->size < sizeof *out) {
    return lm_fail(error, LAMINA_E_USAGE,
                   "the options' size is %u, expected sizeof(struct lamina_model_options), %zu",
                   given->size, sizeof *out);
  }
  *out = *given;
  if ((out->flags & ~(uint32_t)LAMINA_MODEL_PREPARED) != 0) {
    return lm_fail(error, LAMINA_E_UNSUPPORTED,
                   "the options' flags are 0x%x, of which this "
                   "library knows LAMINA_MODEL_PREPARED",
                   out->flags);
  }
  return LAMINA_OK;
}

static enum lamina_status build(struct lamina_model *model, const char *path,
                                const struct lm_safetensors_file *file,
                                const struct lamina_model_options *options, struct lm_error *error)
{
  struct lm_config *config;
  LM_TRY(lm_model_fields(file, path, &model->fields, error));
  LM_TRY(lm_model_experiment(file, path, NULL, 0, &config, error));
  const struct lm_experiment_options how = {.registry = model->registry,
                                            .pool = model->pool,
                                            .log = options->log,
                                            .log_arg = options->log_arg,
                                            .predict_only = true,
                                            .fields = model->fields.items,
                                            .n_fields = model->fields.count};
  LM_TRY(lm_experiment_create(config, &how, &model->experiment, error));
  LM_TRY(lm_engine_create(model->experiment, LM_TO_PREDICT, &model->engine, error));
  LM_TRY(lm_model_load(file, path, model->experiment, &model->engine->store, false, error));
  LM_TRY(find_inputs(model, error));
  return find_outputs(model, error);
}

static enum lamina_status load(struct lamina_model *model, const char *path,
                               const struct lamina_model_options *options, struct lm_error *error)
{
  const struct lm_registry_options search = {.plugin_path = options->plugin_path,
                                             .from_here = true,
                                             .log = options->log,
                                             .log_arg = options->log_arg};
  struct lm_safetensors_file *file;
  model->prepared = (options->flags & LAMINA_MODEL_PREPARED) != 0;
  LM_TRY(lm_safetensors_read(path, &file, error));
  enum lamina_status status = lm_registry_create(&search, &model->registry, error);
  if (status == LAMINA_OK) {
    status = make_pool(options->threads, &model->pool, error);
  }
  if (status == LAMINA_OK) {
    status = build(model, path, file, options, error);
  }
  lm_safetensors_free(file);
  return status;
}

int32_t lamina_model_load(const char *path, const struct lamina_model_options *options,
                          struct lamina_model **out, struct lamina_error *error)
{
  struct lm_error sentence = {0};
  struct lamina_model_options how;
  if (path == NULL || out == NULL) {
    return lm_embed_refuse(error, LAMINA_E_USAGE, "lamina_model_load: %s is NULL",
                           path == NULL ? "path" : "out");
  }
  *out = NULL;
  enum lamina_status status = take_options(options, &how, &sentence);
  struct lamina_model *model = status == LAMINA_OK ? lm_alloc(1, sizeof *model) : NULL;
  if (status == LAMINA_OK) {
    status = model == NULL ? lm_fail_memory(&sentence, sizeof *model)
                           : load(model, path, &how, &sentence);
  }
  if (status == LAMINA_OK) {
    *out = model;
  } else {
    lamina_model_free(model);
  }
  return lm_embed_tell(status, &sentence, error);
}

int32_t lamina_model_set_threads(struct lamina_model *model, uint32_t threads,
                                 struct lamina_error *error)
{
  struct lm_error sentence = {0};
  struct lm_pool *pool;
  if (model == NULL) {
    return lm_embed_refuse(error, LAMINA_E_USAGE, "lamina_model_set_threads: model is NULL");
  }
  enum lamina_status status = make_pool(threads, &pool, &sentence);
  if (status == LAMINA_OK) {
    struct lm_pool *unused = pool;
    status = lm_engine_move(model->engine, pool, &sentence);
    if (status == LAMINA_OK) {
      unused = model->pool;
      model->pool = pool;
    }
    lm_pool_free(unused);
  }
  return lm_embed_tell(status, &sentence, error);
}
