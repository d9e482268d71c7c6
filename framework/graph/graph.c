/*
 * Building and ordering the graph. Nodes stay in the order of the experiment; `order` is a
 * stable topological order (Kahn's algorithm, smallest index first), so that a run does not
 * depend on how the order was found.
 */
#include "graph/graph.h"

#include <string.h>

#include "base/memory.h"

enum lamina_status lm_graph_create(struct lm_host *host, struct lm_graph **out,
                                   struct lm_error *error)
{
  *out = lm_alloc(1, sizeof **out);
  if (*out == NULL) {
    return lm_fail_memory(error, sizeof **out);
  }
  (*out)->host = host;
  return LAMINA_OK;
}

static void free_node(struct lm_node *node)
{
  if (node != NULL) {
    lm_instance_free(node->instance);
    lm_free(node->inputs);
    lm_free(node->name);
    lm_free(node->owner);
    lm_free(node);
  }
}

void lm_graph_free(struct lm_graph *graph)
{
  if (graph == NULL) {
    return;
  }
  for (uint32_t i = 0; i < graph->n_sources; i++) {
    lm_free(graph->sources[i]->name);
    lm_free(graph->sources[i]);
  }
  for (uint32_t i = 0; i < graph->n_nodes; i++) {
    free_node(graph->nodes[i]);
  }
  for (uint32_t i = 0; i < graph->n_parameters; i++) {
    lm_free(graph->parameters[i]->name);
    lm_free(graph->parameters[i]->init);
    lm_free(graph->parameters[i]);
  }
  for (uint32_t i = 0; i < graph->n_states; i++) {
    lm_free(graph->states[i]->name);
    lm_free(graph->states[i]);
  }
  lm_free(graph->sources);
  lm_free(graph->nodes);
  lm_free(graph->parameters);
  lm_free(graph->states);
  lm_free(graph->order);
  lm_free(graph);
}

enum lamina_status lm_graph_add_source(struct lm_graph *graph, const struct lm_source_spec *spec,
                                       struct lm_error *error)
{
  struct lm_source *source = lm_alloc(1, sizeof *source);
  if (source == NULL || (source->name = lm_copy_text(spec->name)) == NULL ||
      !lm_grow((void **)&graph->sources, &graph->sources_capacity, graph->n_sources + 1,
               sizeof *graph->sources)) {
    if (source != NULL) {
      lm_free(source->name);
    }
    lm_free(source);
    return lm_fail_memory(error, 0);
  }
  graph->sources[graph->n_sources++] = source;
  source->classes = spec->classes;
  source->classes_exact = spec->classes_exact;
  source->where = spec->where;
  return lm_shape_copy(&source->record, spec->record, error);
}

enum lamina_status lm_graph_add_node(struct lm_graph *graph, enum lm_node_kind kind,
                                     const char *name, struct lm_instance *instance,
                                     struct lm_node **out, struct lm_error *error)
{
  struct lm_node *node = lm_alloc(1, sizeof *node);
  if (node == NULL || (node->name = lm_copy_text(name)) == NULL ||
      !lm_grow((void **)&graph->nodes, &graph->nodes_capacity, graph->n_nodes + 1,
               sizeof *graph->nodes)) {
    free_node(node);
    lm_instance_free(instance);
    return lm_fail_memory(error, 0);
  }
  node->kind = kind;
  node->instance = instance;
  node->share = -1;
  node->loss_weight = 1.0;
  graph->nodes[graph->n_nodes++] = node;
  *out = node;
  return LAMINA_OK;
}

enum lamina_status lm_graph_connect(struct lm_node *node, const struct lm_edge *edges,
                                    uint32_t count, struct lm_error *error)
{
  if (count > LM_MAX_FACTS) {
    return lm_fail_at(error, LAMINA_E_INVALID, &node->instance->where,
                      "%s has %u inputs, at most %d are possible", node->instance->label, count,
                      LM_MAX_FACTS);
  }
  struct lm_edge *copy = lm_alloc(count, sizeof *copy);
  if (copy == NULL) {
    return lm_fail_memory(error, count * sizeof *copy);
  }
  if (count > 0) {
    memcpy(copy, edges, count * sizeof *copy);
  }
  lm_free(node->inputs);
  node->inputs = copy;
  node->n_inputs = count;
  return LAMINA_OK;
}

/* Of nodes that share with one that stays behind, the first gets its weights. */
static enum lamina_status take_share(struct lm_graph *graph, const struct lm_graph *from,
                                     uint32_t first, struct lm_node *node, struct lm_error *error)
{
  int32_t share = node->share;
  if (share < 0) {
    return LAMINA_OK;
  }
  node->share = -1;
  if (share >= (int32_t)first) {
    node->share = share - (int32_t)first;
    return LAMINA_OK;
  }
  const struct lm_node *owner = from->nodes[share];
  while (owner->share >= 0) {
    owner = from->nodes[owner->share];
  }
  for (uint32_t i = 0; i < graph->n_nodes && node->share < 0; i++) {
    const struct lm_node *other = graph->nodes[i];
    if (other->owner != NULL && strcmp(other->owner, owner->name) == 0) {
      node->share = (int32_t)i;
    }
  }
  if (node->share < 0) {
    node->owner = lm_copy_text(owner->name);
  }
  return node->share < 0 && node->owner == NULL ? lm_fail_memory(error, 0) : LAMINA_OK;
}

enum lamina_status lm_graph_take_nodes(struct lm_graph *graph, struct lm_graph *from,
                                       uint32_t first, uint32_t count, struct lm_error *error)
{
  if (!lm_grow((void **)&graph->nodes, &graph->nodes_capacity, count, sizeof *graph->nodes)) {
    return lm_fail_memory(error, 0);
  }
  memcpy(graph->nodes, from->nodes + first, count * sizeof *graph->nodes);
  memmove(from->nodes + first, from->nodes + first + count,
          (from->n_nodes - first - count) * sizeof *from->nodes);
  graph->n_nodes = count;
  from->n_nodes -= count;
  for (uint32_t i = 0; i < count; i++) {
    LM_TRY(take_share(graph, from, first, graph->nodes[i], error));
  }
  return LAMINA_OK;
}

int32_t lm_graph_find_node(const struct lm_graph *graph, const char *name)
{
  for (uint32_t i = 0; i < graph->n_nodes; i++) {
    if (strcmp(graph->nodes[i]->name, name) == 0) {
      return (int32_t)i;
    }
  }
  return -1;
}

int32_t lm_graph_find_source(const struct lm_graph *graph, const char *name)
{
  for (uint32_t i = 0; i < graph->n_sources; i++) {
    if (strcmp(graph->sources[i]->name, name) == 0) {
      return (int32_t)i;
    }
  }
  return -1;
}

/* A node is ready when the nodes it reads, and the one it shares with, are placed. */
static bool is_ready(const struct lm_node *node, const bool *placed)
{
  if (node->share >= 0 && !placed[node->share]) {
    return false;
  }
  for (uint32_t i = 0; i < node->n_inputs; i++) {
    if (!lm_edge_is_source(node->inputs[i]) && !placed[node->inputs[i].node]) {
      return false;
    }
  }
  return true;
}

/* Some node that a node waits for: from an unplaced node this walks into a cycle. */
static int32_t waits_for(const struct lm_graph *graph, int32_t index, const bool *placed)
{
  const struct lm_node *node = graph->nodes[index];
  for (uint32_t i = 0; i < node->n_inputs; i++) {
    if (!lm_edge_is_source(node->inputs[i]) && !placed[node->inputs[i].node]) {
      return node->inputs[i].node;
    }
  }
  return node->share;
}

static enum lamina_status tell_cycle(const struct lm_graph *graph, const bool *placed,
                                     struct lm_error *error)
{
  int32_t at = 0;
  while (placed[at]) {
    at++;
  }
  for (uint32_t i = 0; i < graph->n_nodes; i++) {
    at = waits_for(graph, at, placed);
  }
  (void)lm_fail_at(error, LAMINA_E_INVALID, &graph->nodes[at]->instance->where,
                   "the nodes form a cycle: '%s'", graph->nodes[at]->name);
  int32_t next = at;
  do {
    next = waits_for(graph, next, placed);
    const struct lm_node *node = graph->nodes[next];
    lm_error_suffix(error, " needs '%s' (line %d)%s", node->name, node->instance->where.line,
                    next == at ? "" : ", which");
  } while (next != at);
  return LAMINA_E_INVALID;
}

/* Metrics do not feed other nodes; they come after everything else. */
static int32_t next_ready(const struct lm_graph *graph, const bool *placed, bool metrics)
{
  for (uint32_t i = 0; i < graph->n_nodes; i++) {
    bool is_metric = graph->nodes[i]->kind == LM_NODE_METRIC;
    if (!placed[i] && is_metric == metrics && is_ready(graph->nodes[i], placed)) {
      return (int32_t)i;
    }
  }
  return -1;
}

enum lamina_status lm_graph_sort(struct lm_graph *graph, struct lm_error *error)
{
  bool *placed = lm_alloc(graph->n_nodes, sizeof *placed);
  uint32_t *order = lm_alloc(graph->n_nodes, sizeof *order);
  enum lamina_status status = LAMINA_OK;
  if (placed == NULL || order == NULL) {
    status = lm_fail_memory(error, graph->n_nodes * sizeof *order);
    goto out;
  }
  for (uint32_t count = 0; count < graph->n_nodes; count++) {
    int32_t next = next_ready(graph, placed, false);
    next = next < 0 ? next_ready(graph, placed, true) : next;
    if (next < 0) {
      status = tell_cycle(graph, placed, error);
      goto out;
    }
    placed[next] = true;
    order[count] = (uint32_t)next;
  }
  lm_free(graph->order);
  graph->order = order;
  order = NULL;

out:
  lm_free(placed);
  lm_free(order);
  return status;
}
