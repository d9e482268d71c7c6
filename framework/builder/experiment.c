/*
 * Building, section by section. Nothing here reads data; what can be refused without it is.
 */
#include "builder/experiment.h"

#include "base/memory.h"
#include "builder/builder_internal.h"

void lm_experiment_free(struct lm_experiment *experiment)
{
  if (experiment == NULL) {
    return;
  }
  for (uint32_t i = 0; experiment->initializers != NULL && i < experiment->graph->n_parameters;
       i++) {
    lm_instance_free(experiment->initializers[i]);
  }
  for (uint32_t i = 0; i < experiment->n_regularizers; i++) {
    lm_instance_free(experiment->regularizers[i].instance);
    lm_free(experiment->regularizers[i].applies);
  }
  for (size_t i = 0; i < experiment->n_scheduled; i++) {
    lm_instance_free(experiment->scheduled[i].schedule);
  }
  lm_free(experiment->scheduled);
  lm_free(experiment->initializers);
  lm_free(experiment->regularizers);
  lm_free(experiment->nodes);
  lm_free(experiment->parts);
  lm_instance_free(experiment->optimizer);
  lm_instance_free(experiment->schedule);
  lm_inference_free(experiment->inference);
  lm_graph_free(experiment->graph);
  lm_transforms_release(&experiment->transforms);
  lm_selection_release(&experiment->selection);
  lm_dataset_free(experiment->train_data);
  lm_dataset_free(experiment->test_data);
  lm_settings_memory_release(&experiment->memory);
  lm_host_release(&experiment->host);
  lm_config_free(experiment->config);
  lm_free(experiment);
}

/* `plugin_path:` is a folder or a list of folders, relative to the file that says so. */
static enum lamina_status add_plugin_path(struct lm_experiment *experiment, struct lm_error *error)
{
  struct lm_items items;
  lm_items_of(lm_value_get(lm_config_root(experiment->config), "plugin_path"), &items);
  for (size_t i = 0; i < items.count; i++) {
    const char *text;
    LM_TRY(lm_value_text(items.items[i], "plugin_path", &text, error));
    char *folder = lm_config_path(text, &items.items[i]->where);
    if (folder == NULL) {
      return lm_fail_memory(error, 0);
    }
    enum lamina_status status = lm_registry_add_directory(experiment->host.registry, folder, error);
    bool done =
        status != LAMINA_OK || lm_config_set_text(experiment->config, items.items[i], folder, true);
    lm_free(folder);
    LM_TRY(status);
    if (!done) {
      return lm_fail_memory(error, 0);
    }
  }
  return LAMINA_OK;
}

static enum lamina_status check_sections(struct lm_experiment *experiment, struct lm_error *error)
{
  struct lm_value *root = lm_config_root(experiment->config);
  char found[80];
  LM_TRY(lm_value_check_keys(root, "the experiment", lm_root_keys, lm_keys_count(lm_root_keys),
                             sizeof lm_root_keys[0], error));
  struct lm_value *services = lm_value_get(root, "services");
  if (!lm_value_is_null(services) && services->kind != LM_VALUE_MAP) {
    return lm_fail_at(error, LAMINA_E_INVALID, &services->where,
                      "'services' is %s, expected a map such as {gemm: gemm_openblas}",
                      lm_value_describe(services, found, sizeof found));
  }
  experiment->host.service_settings = lm_value_is_null(services) ? NULL : services;
  return LAMINA_OK;
}

static enum lamina_status infer(struct lm_experiment *experiment, struct lm_error *error)
{
  LM_TRY(lm_graph_sort(experiment->graph, error));
  return lm_graph_infer(experiment->graph, experiment->train.batch, &experiment->inference, error);
}

/* The whole model is inferred first, which tells the shapes of what crosses into the part. */
static enum lamina_status build_part(struct lm_experiment *experiment,
                                     const struct lm_experiment_options *options,
                                     struct lm_error *error)
{
  LM_TRY(infer(experiment, error));
  LM_TRY(lm_build_part_alone(experiment, options, error));
  LM_TRY(infer(experiment, error));
  return lm_build_initializers(experiment, error);
}

static enum lamina_status build(struct lm_experiment *experiment,
                                const struct lm_experiment_options *options, struct lm_error *error)
{
  bool predict_only = options->predict_only;
  LM_TRY(check_sections(experiment, error));
  LM_TRY(lm_build_train(experiment, error));
  LM_TRY(add_plugin_path(experiment, error));
  LM_TRY(lm_graph_create(&experiment->host, &experiment->graph, error));
  LM_TRY(lm_build_data(experiment, options, error));
  LM_TRY(lm_build_model(experiment, error));
  if (options->part != NULL) {
    return build_part(experiment, options, error);
  }
  if (!predict_only) {
    /* Metrics first: of a metric and a loss of one name, the metric's is a key of the logs. */
    LM_TRY(lm_build_metrics(experiment, error));
    LM_TRY(lm_build_losses(experiment, error));
    LM_TRY(lm_build_monitor(experiment, error));
    LM_TRY(lm_build_optimizer(experiment, error));
  }
  LM_TRY(infer(experiment, error));
  LM_TRY(lm_build_freeze(experiment, error));
  LM_TRY(lm_build_initializers(experiment, error));
  if (predict_only) {
    return LAMINA_OK;
  }
  LM_TRY(lm_build_regularizers(experiment, error));
  LM_TRY(lm_build_schedules(experiment, error));
  return lm_service_check(&experiment->host, error);
}

enum lamina_status lm_experiment_create(struct lm_config *config,
                                        const struct lm_experiment_options *options,
                                        struct lm_experiment **out, struct lm_error *error)
{
  struct lm_experiment *experiment = lm_alloc(1, sizeof *experiment);
  *out = NULL;
  if (experiment == NULL) {
    lm_config_free(config);
    return lm_fail_memory(error, sizeof *experiment);
  }
  experiment->config = config;
  experiment->host = (struct lm_host){.registry = options->registry,
                                      .pool = options->pool,
                                      .log = options->log,
                                      .log_arg = options->log_arg,
                                      .config = config};
  enum lamina_status status = build(experiment, options, error);
  if (status != LAMINA_OK) {
    lm_experiment_free(experiment);
    return status;
  }
  *out = experiment;
  return LAMINA_OK;
}

static void take_classes(struct lm_experiment *experiment)
{
  const struct lm_dataset *data = experiment->train_data;
  for (uint32_t i = 0; i < data->n_fields; i++) {
    int32_t source = lm_graph_find_source(experiment->graph, data->fields[i].name);
    experiment->graph->sources[source]->classes = data->fields[i].classes;
    experiment->graph->sources[source]->classes_exact = data->fields[i].exact;
  }
}

static enum lamina_status open_dataset(const struct lm_experiment *experiment,
                                       struct lm_dataset *dataset, struct lm_error *error)
{
  return lm_build_tell_source(experiment, lm_dataset_open(dataset, error), error);
}

enum lamina_status lm_experiment_open_data(struct lm_experiment *experiment, struct lm_error *error)
{
  struct lm_inference *inference = NULL;
  LM_TRY(open_dataset(experiment, experiment->train_data, error));
  if (experiment->test_data != NULL) {
    LM_TRY(open_dataset(experiment, experiment->test_data, error));
  }
  take_classes(experiment);
  LM_TRY(lm_graph_infer(experiment->graph, experiment->train.batch, &inference, error));
  lm_inference_free(experiment->inference);
  experiment->inference = inference;
  return LAMINA_OK;
}
