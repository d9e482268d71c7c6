/*
 * Who takes part in the backward pass, and how each gradient is to be produced.
 *
 * A node takes part when something trainable lies at or before it and a loss lies at or behind
 * it; everything else is pruned. Walking the order backwards, the first contribution to a
 * gradient is written and later ones are added, so fan-out is summed in a fixed order.
 */
#include <string.h>

#include "base/memory.h"
#include "planner/plan_internal.h"

static bool has_trainable(const struct lm_graph *graph, const struct lm_node *node)
{
  for (uint32_t i = 0; i < node->n_parameters; i++) {
    if (!graph->parameters[node->parameters[i]]->frozen) {
      return true;
    }
  }
  return false;
}

/* wants: something trainable at or before the node. */
static void mark_wanting(const struct lm_planning *work, bool *wants)
{
  const struct lm_graph *graph = work->graph;
  for (uint32_t i = 0; i < graph->n_nodes; i++) {
    uint32_t index = graph->order[i];
    const struct lm_node *node = graph->nodes[index];
    wants[index] = node->kind != LM_NODE_METRIC && has_trainable(graph, node);
    for (uint32_t k = 0; k < node->n_inputs && node->kind != LM_NODE_METRIC; k++) {
      struct lm_edge edge = node->inputs[k];
      wants[index] = wants[index] || (!lm_edge_is_source(edge) && wants[edge.node]);
    }
  }
}

/* Marks the nodes that a loss depends on, among those that want a gradient. */
static void mark_backward(struct lm_planning *work, const bool *wants)
{
  const struct lm_graph *graph = work->graph;
  for (uint32_t i = graph->n_nodes; i-- > 0;) {
    uint32_t index = graph->order[i];
    const struct lm_node *node = graph->nodes[index];
    struct lm_node_plan *plan = &work->plan->nodes[index];
    plan->backward = wants[index] && (plan->backward || node->kind == LM_NODE_LOSS);
    for (uint32_t k = 0; k < node->n_inputs && plan->backward; k++) {
      if (!lm_edge_is_source(node->inputs[k])) {
        work->plan->nodes[node->inputs[k].node].backward = true;
      }
    }
  }
}

static bool is_given_twice(const struct lm_node *node, uint32_t input)
{
  for (uint32_t k = 0; k < node->n_inputs; k++) {
    if (k != input && node->inputs[k].node == node->inputs[input].node &&
        node->inputs[k].output == node->inputs[input].output) {
      return true;
    }
  }
  return false;
}

static void request_inputs(struct lm_planning *work, uint32_t index, bool (*begun)[LM_MAX_FACTS])
{
  const struct lm_node *node = work->graph->nodes[index];
  struct lm_node_plan *plan = &work->plan->nodes[index];
  for (uint32_t k = 0; k < node->n_inputs; k++) {
    struct lm_edge edge = node->inputs[k];
    if (lm_edge_is_source(edge) || !work->plan->nodes[edge.node].backward) {
      plan->in_request[k] = LAMINA_SKIP;
      continue;
    }
    bool *has_begun = &begun[edge.node][edge.output];
    if (is_given_twice(node, k)) {
      plan->clear_input[k] = !*has_begun;
      plan->in_request[k] = LAMINA_ADD;
    } else {
      plan->in_request[k] = *has_begun ? LAMINA_ADD : LAMINA_WRITE;
    }
    *has_begun = true;
  }
}

static void request_weights(struct lm_planning *work, uint32_t index)
{
  const struct lm_node *node = work->graph->nodes[index];
  struct lm_node_plan *plan = &work->plan->nodes[index];
  for (uint32_t k = 0; k < node->n_parameters; k++) {
    int32_t parameter = node->parameters[k];
    if (work->graph->parameters[parameter]->frozen) {
      plan->weight_request[k] = LAMINA_SKIP;
      continue;
    }
    plan->weight_request[k] = work->plan->trained[parameter] ? LAMINA_ADD : LAMINA_WRITE;
    work->plan->trained[parameter] = true;
  }
}

static enum lamina_status check_differentiable(const struct lm_node *node, struct lm_error *error)
{
  if (node->instance->plugin->table.layer.backward != NULL) {
    return LAMINA_OK;
  }
  return lm_fail_at(error, LAMINA_E_INVALID, &node->instance->where,
                    "%s has no derivative, so nothing before it can be trained; freeze what is "
                    "before it",
                    node->instance->label);
}

static enum lamina_status request_all(struct lm_planning *work, bool (*begun)[LM_MAX_FACTS],
                                      struct lm_error *error)
{
  const struct lm_graph *graph = work->graph;
  for (uint32_t i = graph->n_nodes; i-- > 0;) {
    uint32_t index = graph->order[i];
    struct lm_node_plan *plan = &work->plan->nodes[index];
    if (!plan->backward) {
      continue;
    }
    LM_TRY(check_differentiable(graph->nodes[index], error));
    for (uint32_t o = 0; o < work->inference->nodes[index].n_out; o++) {
      plan->zero_gradient[o] = !begun[index][o] && graph->nodes[index]->kind != LM_NODE_LOSS;
    }
    request_inputs(work, index, begun);
    request_weights(work, index);
  }
  return LAMINA_OK;
}

enum lamina_status lm_plan_gradients(struct lm_planning *work, struct lm_error *error)
{
  uint32_t n = work->graph->n_nodes;
  bool *wants = lm_alloc(n, sizeof *wants);
  bool(*begun)[LM_MAX_FACTS] = lm_alloc(n, sizeof *begun);
  enum lamina_status status;
  if (wants == NULL || begun == NULL) {
    status = lm_fail_memory(error, n * sizeof *begun);
    goto out;
  }
  mark_wanting(work, wants);
  mark_backward(work, wants);
  status = request_all(work, begun, error);

out:
  lm_free(wants);
  lm_free(begun);
  return status;
}
