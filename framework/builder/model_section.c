/*
 * The `model:`, `loss:` and `metrics:` sections: lists of items that become nodes. A model may be
 * several such lists with names, see parts.c.
 *
 * Names are resolved after all nodes are there, so that an item may read a later one; the
 * graph finds the order and refuses cycles.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "builder/builder_internal.h"

/*
 * The node that has a name already. Metrics have names of their own, which are the keys of
 * reports: the metric mse is "mse" beside a loss mse.
 */
static int32_t find_named(const struct lm_graph *graph, const char *name, bool metric)
{
  for (uint32_t i = 0; i < graph->n_nodes; i++) {
    if ((graph->nodes[i]->kind == LM_NODE_METRIC) == metric &&
        strcmp(graph->nodes[i]->name, name) == 0) {
      return (int32_t)i;
    }
  }
  return -1;
}

enum lamina_status lm_build_check_name(const char *name, const char *what,
                                       const struct lm_where *where, struct lm_error *error)
{
  size_t length = strlen(name);
  size_t good = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-");
  if (length > 0 && length <= 63 && good == length) {
    return LAMINA_OK;
  }
  return lm_fail_at(error, LAMINA_E_INVALID, where,
                    "%s is named '%s', expected letters, digits, '_' and '-', at most 63", what,
                    name);
}

static enum lamina_status check_name(const struct lm_experiment *experiment, const char *name,
                                     bool metric, const struct lm_where *where,
                                     struct lm_error *error)
{
  LM_TRY(lm_build_check_name(name, "a node", where, error));
  if (lm_graph_find_source(experiment->graph, name) >= 0) {
    return lm_fail_at(error, LAMINA_E_INVALID, where,
                      "a node is named '%s', which is a field of the data", name);
  }
  int32_t other = find_named(experiment->graph, name, metric);
  if (other >= 0) {
    return lm_fail_at(error, LAMINA_E_INVALID, where,
                      "the name '%s' is given twice, first on line %d", name,
                      experiment->graph->nodes[other]->instance->where.line);
  }
  return LAMINA_OK;
}

/* "dense", then "dense2", "dense3": the first that is free. */
static void free_name(const struct lm_experiment *experiment, const char *plugin, bool metric,
                      char *out, size_t size)
{
  (void)snprintf(out, size, "%s", plugin);
  for (unsigned number = 2; find_named(experiment->graph, out, metric) >= 0 ||
                            lm_graph_find_source(experiment->graph, out) >= 0;
       number++) {
    (void)snprintf(out, size, "%.50s%u", plugin, number);
  }
}

static uint32_t plugin_kind(enum lm_node_kind kind)
{
  static const uint32_t kinds[] = {LAMINA_KIND_LAYER, LAMINA_KIND_LOSS, LAMINA_KIND_METRIC};
  return kinds[kind];
}

static const char *kind_word(enum lm_node_kind kind)
{
  static const char *const words[] = {"node", "loss", "metric"};
  return words[kind];
}

enum lamina_status lm_build_node(struct lm_experiment *experiment, struct lm_item *item,
                                 enum lm_node_kind kind, struct lm_node **out,
                                 struct lm_error *error)
{
  char automatic[64];
  char role[96];
  const char *name = automatic;
  struct lm_instance *instance = NULL;
  struct lm_value *given = lm_item_get(item, "name");
  if (given != NULL) {
    LM_TRY(lm_value_text(given, "name", &name, error));
    LM_TRY(check_name(experiment, name, kind == LM_NODE_METRIC, &given->where, error));
  } else {
    free_name(experiment, item->spec.name, kind == LM_NODE_METRIC, automatic, sizeof automatic);
  }
  (void)snprintf(role, sizeof role, "%s '%s'", kind_word(kind), name);
  LM_TRY(lm_item_instance(experiment, item, plugin_kind(kind), role, &instance, error));
  LM_TRY(lm_graph_add_node(experiment->graph, kind, name, instance, out, error));
  if (!lm_grow((void **)&experiment->nodes, &experiment->nodes_capacity, experiment->graph->n_nodes,
               sizeof *experiment->nodes)) {
    return lm_fail_memory(error, 0);
  }
  experiment->nodes[experiment->graph->n_nodes - 1] = item->value;
  return LAMINA_OK;
}

/* ---- references ---- */

static enum lamina_status refuse_reference(const struct lm_experiment *experiment,
                                           const struct lm_value *value, const char *name,
                                           struct lm_error *error)
{
  const struct lm_graph *graph = experiment->graph;
  const char **names = lm_alloc(graph->n_nodes + graph->n_sources, sizeof *names);
  if (names == NULL) {
    return lm_fail_memory(error, 0);
  }
  size_t count = 0;
  for (uint32_t i = 0; i < graph->n_sources; i++) {
    names[count++] = graph->sources[i]->name;
  }
  for (uint32_t i = 0; i < graph->n_nodes; i++) {
    names[count++] = graph->nodes[i]->name;
  }
  const char *nearest = lm_spelling_nearest(name, names, count, sizeof *names);
  (void)lm_fail_at(error, LAMINA_E_INVALID, &value->where, "there is no node or field '%s'", name);
  if (nearest != NULL) {
    lm_error_suffix(error, ", did you mean '%s'?", nearest);
  } else {
    lm_error_suffix(error, "; there are");
    for (size_t i = 0; i < count && i < 12; i++) {
      lm_error_suffix(error, "%s '%s'", i == 0 ? "" : ",", names[i]);
    }
  }
  lm_free(names);
  return LAMINA_E_INVALID;
}

enum lamina_status lm_build_edge(struct lm_experiment *experiment, const struct lm_value *value,
                                 struct lm_edge *edge, struct lm_error *error)
{
  const char *text;
  char name[64];
  LM_TRY(lm_value_text(value, "an input", &text, error));
  const char *dot = strchr(text, '.');
  size_t length = dot == NULL ? strlen(text) : (size_t)(dot - text);
  uint32_t output = 0;
  if (dot != NULL) {
    char *end;
    unsigned long number = strtoul(dot + 1, &end, 10);
    if (dot[1] < '0' || dot[1] > '9' || *end != '\0' || number >= LM_MAX_FACTS) {
      return lm_fail_at(error, LAMINA_E_INVALID, &value->where,
                        "an input is '%s', expected name or name.0, name.1 ... for an output",
                        text);
    }
    output = (uint32_t)number;
  }
  (void)snprintf(name, sizeof name, "%.*s", (int)(length > 63 ? 63 : length), text);
  int32_t node = lm_graph_find_node(experiment->graph, name);
  int32_t source = lm_graph_find_source(experiment->graph, name);
  if (node < 0 && source < 0) {
    return refuse_reference(experiment, value, name, error);
  }
  if (node >= 0 && experiment->graph->nodes[node]->kind != LM_NODE_LAYER) {
    return lm_fail_at(error, LAMINA_E_INVALID, &value->where,
                      "'%s' is a %s, whose value cannot be an input", name,
                      kind_word(experiment->graph->nodes[node]->kind));
  }
  if (node < 0 && dot != NULL) {
    return lm_fail_at(error, LAMINA_E_INVALID, &value->where,
                      "an input is '%s', but '%s' is a field of the data, which has no outputs",
                      text, name);
  }
  *edge = node >= 0 ? (struct lm_edge){node, output} : lm_edge_source((uint32_t)source);
  return LAMINA_OK;
}

/* Connects a node to the inputs that its item names, or else to the given ones. */
static enum lamina_status connect(struct lm_experiment *experiment, struct lm_node *node,
                                  const struct lm_value *inputs, const struct lm_edge *otherwise,
                                  uint32_t n_otherwise, struct lm_error *error)
{
  struct lm_edge edges[LM_MAX_FACTS];
  if (lm_value_is_null(inputs)) {
    return lm_graph_connect(node, otherwise, n_otherwise, error);
  }
  bool is_list = inputs->kind == LM_VALUE_LIST;
  size_t count = is_list ? inputs->count : 1;
  if (count > LM_MAX_FACTS) {
    return lm_fail_at(error, LAMINA_E_INVALID, &inputs->where,
                      "%zu inputs are given, at most %d are possible", count, LM_MAX_FACTS);
  }
  for (size_t i = 0; i < count; i++) {
    const struct lm_value *value = is_list ? inputs->items[i] : inputs;
    LM_TRY(lm_build_edge(experiment, value, &edges[i], error));
  }
  return lm_graph_connect(node, edges, (uint32_t)count, error);
}

static enum lamina_status default_source(const struct lm_experiment *experiment, const char *name,
                                         const struct lm_node *node, struct lm_edge *edge,
                                         struct lm_error *error)
{
  int32_t source = lm_graph_find_source(experiment->graph, name);
  if (source < 0) {
    return lm_fail_at(error, LAMINA_E_INVALID, &node->instance->where,
                      "%s reads the field '%s', which the data does not have; say inputs: [...]",
                      node->instance->label, name);
  }
  *edge = lm_edge_source((uint32_t)source);
  return LAMINA_OK;
}

/* ---- the model ---- */

static enum lamina_status read_in_place(const struct lm_value *value, struct lm_node *node,
                                        struct lm_error *error)
{
  bool wish;
  if (value == NULL) {
    return LAMINA_OK;
  }
  LM_TRY(lm_value_bool(value, "in_place", &wish, error));
  node->in_place = wish ? LM_IN_PLACE_REQUIRED : LM_IN_PLACE_NEVER;
  return LAMINA_OK;
}

static enum lamina_status read_fuse(const struct lm_value *value, struct lm_node *node,
                                    struct lm_error *error)
{
  bool wish = true;
  if (value != NULL) {
    LM_TRY(lm_value_bool(value, "fuse", &wish, error));
  }
  node->no_fusion = !wish;
  return LAMINA_OK;
}

static enum lamina_status read_share(struct lm_experiment *experiment, const struct lm_value *value,
                                     struct lm_node *node, struct lm_error *error)
{
  const char *name;
  if (lm_value_is_null(value)) {
    return LAMINA_OK;
  }
  LM_TRY(lm_value_text(value, "share", &name, error));
  node->share = lm_graph_find_node(experiment->graph, name);
  if (node->share < 0) {
    return refuse_reference(experiment, value, name, error);
  }
  struct lm_node *other = experiment->graph->nodes[node->share];
  if (other == node || other->kind != LM_NODE_LAYER ||
      strcmp(other->instance->plugin->info.name, node->instance->plugin->info.name) != 0) {
    return lm_fail_at(error, LAMINA_E_INVALID, &value->where,
                      "node '%s' (%s) cannot share the weights of '%s' (%s, line %d)", node->name,
                      node->instance->plugin->info.name, name, other->instance->plugin->info.name,
                      other->instance->where.line);
  }
  return LAMINA_OK;
}

enum lamina_status lm_build_chain(struct lm_experiment *experiment, const struct lm_value *list,
                                  struct lm_error *error)
{
  for (size_t i = 0; i < list->count; i++) {
    struct lm_item item;
    struct lm_node *node;
    LM_TRY(lm_item_parse(list->items[i], "a node of the model", lm_item_keys(LAMINA_KIND_LAYER),
                         &item, error));
    LM_TRY(lm_build_node(experiment, &item, LM_NODE_LAYER, &node, error));
  }
  return LAMINA_OK;
}

static struct lm_value *node_key(const struct lm_experiment *experiment, uint32_t node,
                                 const char *key)
{
  const struct lm_value *item = experiment->nodes[node];
  return item->kind == LM_VALUE_MAP ? lm_value_get(item, key) : NULL;
}

/* The weights of a node that shares are the other's, and so is their beginning. */
static enum lamina_status refuse_own_init(const struct lm_experiment *experiment,
                                          const struct lm_value *init, const struct lm_node *node,
                                          struct lm_error *error)
{
  if (node->share < 0 || lm_value_is_null(init)) {
    return LAMINA_OK;
  }
  const struct lm_node *other = experiment->graph->nodes[node->share];
  return lm_fail_at(error, LAMINA_E_INVALID, &init->where,
                    "node '%s' has init beside share, expected init at '%s' (line %d), whose "
                    "weights it shares",
                    node->name, other->name, other->instance->where.line);
}

static enum lamina_status connect_nodes(struct lm_experiment *experiment, struct lm_error *error)
{
  for (uint32_t i = 0; i < experiment->graph->n_nodes; i++) {
    struct lm_node *node = experiment->graph->nodes[i];
    struct lm_value *inputs = node_key(experiment, i, "inputs");
    struct lm_edge before = {(int32_t)i - 1, 0};
    if (i == 0 && lm_value_is_null(inputs)) {
      LM_TRY(default_source(experiment, "input", node, &before, error));
    }
    LM_TRY(connect(experiment, node, inputs, &before, 1, error));
    LM_TRY(read_in_place(node_key(experiment, i, "in_place"), node, error));
    LM_TRY(read_fuse(node_key(experiment, i, "fuse"), node, error));
    LM_TRY(read_share(experiment, node_key(experiment, i, "share"), node, error));
    LM_TRY(refuse_own_init(experiment, node_key(experiment, i, "init"), node, error));
    LM_TRY(lm_build_check_order(experiment, i, error));
  }
  return LAMINA_OK;
}

/* Outputs of the model: nodes that no other node reads. */
static enum lamina_status find_outputs(struct lm_experiment *experiment, struct lm_error *error)
{
  const struct lm_graph *graph = experiment->graph;
  for (uint32_t i = 0; i < graph->n_nodes; i++) {
    bool is_read = false;
    for (uint32_t k = 0; k < graph->n_nodes && !is_read; k++) {
      for (uint32_t e = 0; e < graph->nodes[k]->n_inputs; e++) {
        is_read = is_read || graph->nodes[k]->inputs[e].node == (int32_t)i;
      }
    }
    if (!is_read && experiment->n_outputs == LM_MAX_FACTS) {
      return lm_fail(error, LAMINA_E_INVALID, "the model has more than %d outputs", LM_MAX_FACTS);
    }
    if (!is_read) {
      experiment->outputs[experiment->n_outputs++] = i;
    }
  }
  return LAMINA_OK;
}

enum lamina_status lm_build_model(struct lm_experiment *experiment, struct lm_error *error)
{
  char found[80];
  struct lm_value *root = lm_config_root(experiment->config);
  struct lm_value *model = lm_value_get(root, "model");
  bool is_map = model != NULL && model->kind == LM_VALUE_MAP;
  bool is_list = model != NULL && model->kind == LM_VALUE_LIST;
  if ((!is_list && !is_map) || model->count == 0) {
    return lm_fail_at(error, LAMINA_E_INVALID, model == NULL ? &root->where : &model->where,
                      "'model' is %s, expected a list of nodes, or a map of named parts that are "
                      "such lists",
                      model == NULL ? "missing"
                      : is_list     ? "an empty list"
                      : is_map      ? "an empty map"
                                    : lm_value_describe(model, found, sizeof found));
  }
  LM_TRY(is_map ? lm_build_parts(experiment, model, error)
                : lm_build_chain(experiment, model, error));
  LM_TRY(connect_nodes(experiment, error));
  LM_TRY(lm_graph_sort(experiment->graph, error)); /* without cycles there is an output */
  return find_outputs(experiment, error);
}

/* ---- losses and metrics ---- */

/* By default they read the last output of the model, and the field `target`. */
static enum lamina_status connect_judge(struct lm_experiment *experiment,
                                        const struct lm_item *item, struct lm_node *node,
                                        struct lm_error *error)
{
  struct lm_value *inputs = lm_item_get(item, "inputs");
  struct lm_edge edges[2] = {{0, 0}, {0, 0}};
  edges[0].node = (int32_t)experiment->outputs[experiment->n_outputs - 1];
  if (lm_value_is_null(inputs)) {
    LM_TRY(default_source(experiment, "target", node, &edges[1], error));
  }
  return connect(experiment, node, inputs, edges, 2, error);
}

static enum lamina_status add_judges(struct lm_experiment *experiment, const char *section,
                                     enum lm_node_kind kind, uint32_t *list, uint32_t *count,
                                     struct lm_error *error)
{
  struct lm_items items;
  struct lm_value *root = lm_config_root(experiment->config);
  lm_items_of(lm_value_get(root, section), &items);
  for (size_t i = 0; i < items.count; i++) {
    struct lm_item item;
    struct lm_node *node;
    if (*count == LM_MAX_FACTS) {
      return lm_fail_at(error, LAMINA_E_INVALID, &items.items[i]->where,
                        "'%s' has more than %d items", section, LM_MAX_FACTS);
    }
    LM_TRY(lm_item_parse(items.items[i], kind == LM_NODE_LOSS ? "a loss" : "a metric",
                         lm_item_keys(plugin_kind(kind)), &item, error));
    LM_TRY(lm_build_node(experiment, &item, kind, &node, error));
    LM_TRY(connect_judge(experiment, &item, node, error));
    struct lm_value *weight = lm_item_get(&item, "weight");
    if (weight != NULL) {
      LM_TRY(lm_value_f64(weight, "weight", &node->loss_weight, error));
    }
    list[(*count)++] = experiment->graph->n_nodes - 1;
  }
  return LAMINA_OK;
}

enum lamina_status lm_build_losses(struct lm_experiment *experiment, struct lm_error *error)
{
  struct lm_value *root = lm_config_root(experiment->config);
  LM_TRY(add_judges(experiment, "loss", LM_NODE_LOSS, experiment->losses, &experiment->n_losses,
                    error));
  if (experiment->n_losses == 0) {
    return lm_fail_at(error, LAMINA_E_INVALID, &root->where,
                      "'loss' is missing, expected a loss such as cross_entropy or mse");
  }
  return LAMINA_OK;
}

enum lamina_status lm_build_metrics(struct lm_experiment *experiment, struct lm_error *error)
{
  return add_judges(experiment, "metrics", LM_NODE_METRIC, experiment->metrics,
                    &experiment->n_metrics, error);
}
