/*
 * What an experiment says about weights: `freeze:`, `init:`, regularizers, optimizer, schedule.
 *
 * Weights are known after inference; patterns are globs on "node/weight", or with a part's name in
 * front of it, and must match something, so that a misspelt one is noticed.
 */
#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "builder/builder_internal.h"

static const char *short_name(const struct lm_parameter *parameter)
{
  const char *slash = strchr(parameter->name, '/');
  return slash == NULL ? parameter->name : slash + 1;
}

/* A pattern of `what` that matches nothing; node as of freeze_pattern(). */
static enum lamina_status refuse_pattern(const struct lm_experiment *experiment,
                                         const struct lm_value *value, const char *what,
                                         int32_t node, struct lm_error *error)
{
  const struct lm_graph *graph = experiment->graph;
  const char **names = lm_alloc(graph->n_parameters, sizeof *names);
  size_t count = 0;
  if (names == NULL) {
    return lm_fail_memory(error, 0);
  }
  for (uint32_t i = 0; i < graph->n_parameters; i++) {
    const struct lm_parameter *parameter = graph->parameters[i];
    if (node < 0 || parameter->node == node) {
      names[count++] = node < 0 ? parameter->name : short_name(parameter);
    }
  }
  const char *nearest = lm_spelling_nearest(value->text, names, count, sizeof *names);
  (void)lm_fail_at(error, LAMINA_E_INVALID, &value->where, "%s: '%s' matches no weight", what,
                   value->text);
  if (nearest != NULL) {
    lm_error_suffix(error, ", did you mean '%s'?", nearest);
  }
  for (size_t i = 0; nearest == NULL && i < count; i++) {
    lm_error_suffix(error, "%s '%s'", i == 0 ? "; there are" : ",", names[i]);
  }
  lm_free(names);
  return LAMINA_E_INVALID;
}

/* Whether a pattern means a weight: by "node/weight", or "part/node/weight" in a model of parts. */
static bool matches(const struct lm_experiment *experiment, const char *pattern,
                    const struct lm_parameter *parameter)
{
  char name[256];
  const struct lm_part *part = lm_experiment_part_of(experiment, (uint32_t)parameter->node);
  if (fnmatch(pattern, parameter->name, 0) == 0) {
    return true;
  }
  (void)snprintf(name, sizeof name, "%s/%s", part == NULL ? "" : part->name, parameter->name);
  return part != NULL && fnmatch(pattern, name, 0) == 0;
}

/* ---- freezing ---- */

/* Freezes what matches; `node` -1 matches full names, else short names of that node. */
static enum lamina_status freeze_pattern(struct lm_experiment *experiment,
                                         const struct lm_value *value, int32_t node,
                                         struct lm_error *error)
{
  const char *pattern;
  bool found = false;
  LM_TRY(lm_value_text(value, "freeze", &pattern, error));
  for (uint32_t i = 0; i < experiment->graph->n_parameters; i++) {
    struct lm_parameter *parameter = experiment->graph->parameters[i];
    if (node < 0 ? matches(experiment, pattern, parameter)
                 : parameter->node == node && fnmatch(pattern, short_name(parameter), 0) == 0) {
      parameter->frozen = true;
      found = true;
    }
  }
  return found ? LAMINA_OK : refuse_pattern(experiment, value, "freeze", node, error);
}

static enum lamina_status freeze_list(struct lm_experiment *experiment, struct lm_value *value,
                                      int32_t node, struct lm_error *error)
{
  struct lm_items items;
  lm_items_of(value, &items);
  for (size_t i = 0; i < items.count; i++) {
    LM_TRY(freeze_pattern(experiment, items.items[i], node, error));
  }
  return LAMINA_OK;
}

static bool is_bool_text(const struct lm_value *value)
{
  return value->kind == LM_VALUE_SCALAR && !value->quoted &&
         (strcmp(value->text, "true") == 0 || strcmp(value->text, "false") == 0);
}

static enum lamina_status freeze_node(struct lm_experiment *experiment, uint32_t index,
                                      struct lm_value *value, struct lm_error *error)
{
  struct lm_node *node = experiment->graph->nodes[index];
  if (!is_bool_text(value)) {
    return freeze_list(experiment, value, (int32_t)index, error);
  }
  LM_TRY(lm_value_bool(value, "freeze", &node->frozen, error));
  for (uint32_t i = 0; i < node->n_parameters && node->frozen; i++) {
    experiment->graph->parameters[node->parameters[i]]->frozen = true;
  }
  return LAMINA_OK;
}

enum lamina_status lm_build_freeze(struct lm_experiment *experiment, struct lm_error *error)
{
  struct lm_value *root = lm_config_root(experiment->config);
  for (uint32_t i = 0; i < experiment->graph->n_nodes; i++) {
    const struct lm_value *item = experiment->nodes[i];
    struct lm_value *value = item->kind == LM_VALUE_MAP ? lm_value_get(item, "freeze") : NULL;
    if (!lm_value_is_null(value) && experiment->graph->nodes[i]->kind == LM_NODE_LAYER) {
      LM_TRY(freeze_node(experiment, i, value, error));
    }
  }
  return freeze_list(experiment, lm_value_get(root, "freeze"), -1, error);
}

/* ---- initializers ---- */

/* The initializer that the node's `init:` names for the weight, or NULL. */
static struct lm_value *chosen_init(const struct lm_experiment *experiment, uint32_t parameter)
{
  const struct lm_parameter *weight = experiment->graph->parameters[parameter];
  const struct lm_value *item = experiment->nodes[weight->node];
  struct lm_value *init = item->kind == LM_VALUE_MAP ? lm_value_get(item, "init") : NULL;
  return lm_value_is_null(init) ? NULL : lm_value_get(init, short_name(weight));
}

/* `init:` is a map, and each key of it one of the node's weights. */
static enum lamina_status check_init_keys(struct lm_experiment *experiment, uint32_t index,
                                          struct lm_error *error)
{
  const struct lm_node *node = experiment->graph->nodes[index];
  const struct lm_value *item = experiment->nodes[index];
  struct lm_value *init = item->kind == LM_VALUE_MAP ? lm_value_get(item, "init") : NULL;
  const char *names[LM_MAX_FACTS];
  char found[80];
  if (lm_value_is_null(init)) {
    return LAMINA_OK;
  }
  if (init->kind != LM_VALUE_MAP) {
    return lm_fail_at(error, LAMINA_E_INVALID, &init->where,
                      "init is %s, expected a map such as {weight: glorot}",
                      lm_value_describe(init, found, sizeof found));
  }
  for (uint32_t i = 0; i < node->n_parameters; i++) {
    names[i] = short_name(experiment->graph->parameters[node->parameters[i]]);
  }
  return lm_value_check_keys(init, "init", names, node->n_parameters, sizeof names[0], error);
}

/* The plugin's own default is YAML in a text; a small document makes it a value. */
static enum lamina_status default_init(struct lm_experiment *experiment, uint32_t parameter,
                                       struct lm_error *error)
{
  const struct lm_parameter *weight = experiment->graph->parameters[parameter];
  struct lm_config *document = NULL;
  struct lm_item item;
  char *text = lm_format("init: %s\n", weight->init);
  if (text == NULL) {
    return lm_fail_memory(error, 0);
  }
  enum lamina_status status =
      lm_config_parse(text, strlen(text), weight->name, NULL, 0, &document, error);
  if (status == LAMINA_OK) {
    struct lm_value *value = lm_value_get(lm_config_root(document), "init");
    status = lm_item_parse(value, "an initializer", lm_no_keys, &item, error);
  }
  if (status == LAMINA_OK) {
    item.spec.where = (struct lm_where){0};
    struct lm_config *own = experiment->host.config;
    experiment->host.config = document;
    status = lm_item_instance(experiment, &item, LAMINA_KIND_INITIALIZER, NULL,
                              &experiment->initializers[parameter], error);
    experiment->host.config = own;
  }
  lm_config_free(document);
  lm_free(text);
  return status;
}

enum lamina_status lm_build_initializers(struct lm_experiment *experiment, struct lm_error *error)
{
  uint32_t count = experiment->graph->n_parameters;
  experiment->initializers = lm_alloc(count, sizeof *experiment->initializers);
  if (experiment->initializers == NULL) {
    return lm_fail_memory(error, count * sizeof *experiment->initializers);
  }
  for (uint32_t i = 0; i < experiment->graph->n_nodes; i++) {
    LM_TRY(check_init_keys(experiment, i, error));
  }
  for (uint32_t i = 0; i < count; i++) {
    struct lm_value *chosen = chosen_init(experiment, i);
    struct lm_item item;
    if (lm_value_is_null(chosen)) {
      LM_TRY(default_init(experiment, i, error));
      continue;
    }
    LM_TRY(lm_item_parse(chosen, "an initializer", lm_no_keys, &item, error));
    LM_TRY(lm_item_instance(experiment, &item, LAMINA_KIND_INITIALIZER, NULL,
                            &experiment->initializers[i], error));
  }
  return LAMINA_OK;
}

/* ---- regularizers ---- */

static enum lamina_status match_regularizer(struct lm_experiment *experiment,
                                            struct lm_experiment_regularizer *regularizer,
                                            const struct lm_value *pattern, struct lm_error *error)
{
  bool found = false;
  const char *text = NULL;
  if (pattern != NULL) {
    LM_TRY(lm_value_text(pattern, "weights", &text, error));
  }
  for (uint32_t i = 0; i < experiment->graph->n_parameters; i++) {
    const struct lm_parameter *parameter = experiment->graph->parameters[i];
    bool applies = text == NULL ? (parameter->flags & LAMINA_WEIGHT_DECAY) != 0
                                : matches(experiment, text, parameter);
    regularizer->applies[i] = applies && !parameter->frozen;
    found = found || applies;
  }
  if (!found && pattern != NULL) {
    return refuse_pattern(experiment, pattern, "weights", -1, error);
  }
  return LAMINA_OK;
}

enum lamina_status lm_build_regularizers(struct lm_experiment *experiment, struct lm_error *error)
{
  struct lm_items items;
  lm_items_of(lm_value_get(lm_config_root(experiment->config), "regularizers"), &items);
  experiment->regularizers = lm_alloc(items.count, sizeof *experiment->regularizers);
  if (experiment->regularizers == NULL) {
    return lm_fail_memory(error, 0);
  }
  for (size_t i = 0; i < items.count; i++) {
    struct lm_item item;
    struct lm_experiment_regularizer *regularizer =
        &experiment->regularizers[experiment->n_regularizers++];
    LM_TRY(lm_item_parse(items.items[i], "a regularizer", lm_item_keys(LAMINA_KIND_REGULARIZER),
                         &item, error));
    LM_TRY(lm_item_instance(experiment, &item, LAMINA_KIND_REGULARIZER, NULL,
                            &regularizer->instance, error));
    regularizer->applies = lm_alloc(experiment->graph->n_parameters, sizeof *regularizer->applies);
    if (regularizer->applies == NULL) {
      return lm_fail_memory(error, 0);
    }
    LM_TRY(match_regularizer(experiment, regularizer, lm_item_get(&item, "weights"), error));
  }
  return LAMINA_OK;
}

/* ---- optimizer and schedule ---- */

enum lamina_status lm_build_optimizer(struct lm_experiment *experiment, struct lm_error *error)
{
  struct lm_item item;
  struct lm_value *root = lm_config_root(experiment->config);
  struct lm_value *optimizer = lm_value_get(root, "optimizer");
  struct lm_value *schedule = lm_value_get(root, "schedule");
  if (lm_value_is_null(optimizer)) {
    return lm_fail_at(error, LAMINA_E_INVALID, &root->where,
                      "'optimizer' is missing, expected one such as {sgd: {rate: 0.1}}");
  }
  LM_TRY(lm_item_parse(optimizer, "the optimizer", lm_no_keys, &item, error));
  LM_TRY(lm_item_instance(experiment, &item, LAMINA_KIND_OPTIMIZER, NULL, &experiment->optimizer,
                          error));
  if (lm_value_is_null(schedule)) {
    return LAMINA_OK;
  }
  LM_TRY(lm_item_parse(schedule, "the schedule", lm_no_keys, &item, error));
  return lm_item_instance(experiment, &item, LAMINA_KIND_SCHEDULE, NULL, &experiment->schedule,
                          error);
}
