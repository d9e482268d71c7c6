/*
 * Planning in four steps: gradients, fusion, buffers, arena.
 */
#include "planner/plan.h"

#include <string.h>

#include "base/memory.h"
#include "planner/plan_internal.h"

void lm_plan_free(struct lm_plan *plan)
{
  if (plan == NULL) {
    return;
  }
  for (size_t i = 0; i < plan->n_decisions; i++) {
    lm_free(plan->decisions[i].reason);
  }
  for (uint32_t i = 0; plan->nodes != NULL && i < plan->n_nodes; i++) {
    lm_free(plan->nodes[i].fusion[LAMINA_FORWARD].reason);
    lm_free(plan->nodes[i].fusion[LAMINA_BACKWARD].reason);
  }
  lm_free(plan->decisions);
  lm_free(plan->buffers);
  lm_free(plan->nodes);
  lm_free(plan->trained);
  lm_free(plan);
}

enum lamina_status lm_plan_decide(struct lm_plan *plan, const struct lm_decision *decision,
                                  const char *reason, struct lm_error *error)
{
  if (!lm_grow((void **)&plan->decisions, &plan->decisions_capacity, plan->n_decisions + 1,
               sizeof *plan->decisions)) {
    return lm_fail_memory(error, 0);
  }
  struct lm_decision *kept = &plan->decisions[plan->n_decisions++];
  *kept = *decision;
  kept->reason = reason == NULL ? NULL : lm_copy_text(reason);
  return reason != NULL && kept->reason == NULL ? lm_fail_memory(error, 0) : LAMINA_OK;
}

int32_t lm_plan_in_gradient(const struct lm_plan *plan, const struct lm_node *node, uint32_t input)
{
  struct lm_edge edge = node->inputs[input];
  return lm_edge_is_source(edge) ? -1 : plan->nodes[edge.node].out_gradient[edge.output];
}

static struct lm_plan *allocate(const struct lm_graph *graph, const struct lm_plan_options *options)
{
  struct lm_plan *plan = lm_alloc(1, sizeof *plan);
  if (plan == NULL) {
    return NULL;
  }
  plan->options = *options;
  plan->n_nodes = graph->n_nodes;
  plan->nodes = lm_alloc(graph->n_nodes, sizeof *plan->nodes);
  plan->trained = lm_alloc(graph->n_parameters, sizeof *plan->trained);
  if (plan->nodes == NULL || plan->trained == NULL) {
    lm_plan_free(plan);
    return NULL;
  }
  for (uint32_t i = 0; i < graph->n_nodes; i++) {
    struct lm_node_plan *node = &plan->nodes[i];
    memset(node->out, -1, sizeof node->out);
    memset(node->out_gradient, -1, sizeof node->out_gradient);
    memset(node->save, -1, sizeof node->save);
    node->scratch[0] = node->scratch[1] = -1;
    node->fusion[0].head = node->fusion[1].head = -1;
    node->fusion[0].shown_by = node->fusion[1].shown_by = -1;
    node->fusion[0].remade_by = node->fusion[1].remade_by = -1;
  }
  return plan;
}

enum lamina_status lm_plan_create(const struct lm_graph *graph,
                                  const struct lm_inference *inference,
                                  const struct lm_plan_options *options, struct lm_plan **out,
                                  struct lm_error *error)
{
  enum lamina_status status;
  struct lm_planning work = {.graph = graph, .inference = inference};
  *out = NULL;
  work.plan = allocate(graph, options);
  work.position = lm_alloc(graph->n_nodes, sizeof *work.position);
  if (work.plan == NULL || work.position == NULL) {
    status = lm_fail_memory(error, 0);
    goto fail;
  }
  for (uint32_t i = 0; i < graph->n_nodes; i++) {
    work.position[graph->order[i]] = i;
  }
  if (options->train) {
    LM_TRY_OR(fail, status, lm_plan_gradients(&work, error));
  }
  LM_TRY_OR(fail, status, lm_plan_fusion(&work, error));
  LM_TRY_OR(fail, status, lm_plan_buffers(&work, error));
  LM_TRY_OR(fail, status, lm_plan_arena(work.plan, 2 * graph->n_nodes + 1, error));
  lm_free(work.position);
  *out = work.plan;
  return LAMINA_OK;

fail:
  lm_free(work.position);
  lm_plan_free(work.plan);
  return status;
}
