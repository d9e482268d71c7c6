/*
 * A buffer and a lifetime for every output, gradient, saved tensor and scratch.
 *
 * Forward positions are visited in order, so an input's buffer is known when its output wants
 * to take it over; gradients are visited in the order of the backward pass for the same
 * reason.
 */
#include <stdio.h>

#include "base/memory.h"
#include "planner/plan_internal.h"

static enum lamina_status add_buffer(struct lm_plan *plan, const struct lm_buffer *buffer,
                                     int32_t *index, struct lm_error *error)
{
  if (!lm_grow((void **)&plan->buffers, &plan->buffers_capacity, plan->n_buffers + 1,
               sizeof *plan->buffers)) {
    return lm_fail_memory(error, 0);
  }
  *index = (int32_t)plan->n_buffers;
  plan->buffers[plan->n_buffers++] = *buffer;
  return LAMINA_OK;
}

static const struct lm_sharing *declared_sharing(const struct lm_facts *facts, uint32_t pass,
                                                 uint32_t to, uint32_t nth)
{
  for (uint32_t i = 0; i < facts->n_sharing; i++) {
    if (facts->sharing[i].pass == pass && facts->sharing[i].to == to && nth-- == 0) {
      return &facts->sharing[i];
    }
  }
  return NULL;
}

/* Which input output `to` might overwrite: any in turn where the node runs by its function of runs,
 * to which that is all the same, and has no need of them later; else those that were declared. */
static bool candidate(const struct lm_planning *work, uint32_t node, uint32_t to, uint32_t nth,
                      uint32_t *from)
{
  const struct lm_facts *facts = &work->inference->nodes[node];
  const struct lm_node_plan *plan = &work->plan->nodes[node];
  if (plan->fusion[LAMINA_FORWARD].head >= 0 && !(plan->backward && facts->reads[LAMINA_IN] != 0)) {
    *from = nth;
    return nth < facts->n_in;
  }
  const struct lm_sharing *sharing = declared_sharing(facts, LAMINA_FORWARD, to, nth);
  *from = sharing == NULL ? 0 : sharing->from;
  return sharing != NULL;
}

static bool is_taken(const struct lm_node_plan *plan, uint32_t to, int32_t buffer)
{
  for (uint32_t o = 0; o < to; o++) {
    if (plan->out[o] == buffer) {
      return true;
    }
  }
  return false;
}

/* Tries the inputs for output `to`; *taken is the buffer or -1. */
static enum lamina_status take_input(struct lm_planning *work, uint32_t node, uint32_t to,
                                     int32_t *taken, struct lm_error *error)
{
  uint32_t from;
  *taken = -1;
  for (uint32_t nth = 0; *taken < 0 && candidate(work, node, to, nth, &from); nth++) {
    char reason[256];
    struct lm_edge edge = work->graph->nodes[node]->inputs[from];
    bool may = lm_may_overwrite(work, node, from, to, reason, sizeof reason);
    if (may &&
        is_taken(&work->plan->nodes[node], to, work->plan->nodes[edge.node].out[edge.output])) {
      may = false;
      (void)snprintf(reason, sizeof reason, "another output has taken it");
    }
    struct lm_decision decision = {
        .node = node, .pass = LAMINA_FORWARD, .from = from, .to = to, .shared = may};
    LM_TRY(lm_plan_decide(work->plan, &decision, may ? NULL : reason, error));
    if (may) {
      *taken = work->plan->nodes[edge.node].out[edge.output];
    }
  }
  return LAMINA_OK;
}

/* `in_place: true` was not possible: say why. */
static enum lamina_status refuse_wish(const struct lm_planning *work, uint32_t node,
                                      struct lm_error *error)
{
  const struct lm_node *self = work->graph->nodes[node];
  const struct lm_facts *facts = &work->inference->nodes[node];
  const char *reason = "the plugin does not declare that it may";
  if (facts->n_in == 0) {
    reason = "it has no input";
  } else if (facts->reads[LAMINA_IN] != 0) {
    reason = "its derivative reads its input, which would be lost";
  }
  for (size_t i = 0; i < work->plan->n_decisions; i++) {
    const struct lm_decision *decision = &work->plan->decisions[i];
    if (decision->node == node && decision->pass == LAMINA_FORWARD && !decision->shared) {
      reason = decision->reason;
    }
  }
  return lm_fail_at(error, LAMINA_E_INVALID, &self->instance->where, "%s cannot work in place: %s",
                    self->instance->label, reason);
}

static enum lamina_status place_outputs(struct lm_planning *work, uint32_t node,
                                        struct lm_error *error)
{
  const struct lm_facts *facts = &work->inference->nodes[node];
  struct lm_node_plan *plan = &work->plan->nodes[node];
  bool any_shared = false;
  for (uint32_t o = 0; o < facts->n_out; o++) {
    int32_t taken;
    uint32_t last = lm_last_read(work, node, o);
    LM_TRY(take_input(work, node, o, &taken, error));
    if (taken >= 0) {
      plan->out[o] = taken;
      work->plan->buffers[taken].last = last;
      any_shared = true;
      continue;
    }
    struct lm_buffer buffer = {.role = "output",
                               .name = facts->out[o]->name,
                               .bytes = facts->out[o]->bytes,
                               .first = lm_time_begin(work, node, LAMINA_FORWARD),
                               .last = last};
    LM_TRY(add_buffer(work->plan, &buffer, &plan->out[o], error));
  }
  if (work->graph->nodes[node]->in_place == LM_IN_PLACE_REQUIRED && !any_shared &&
      !work->plan->options.isolate) {
    return refuse_wish(work, node, error);
  }
  return LAMINA_OK;
}

static enum lamina_status place_saves(struct lm_planning *work, uint32_t node,
                                      struct lm_error *error)
{
  const struct lm_facts *facts = &work->inference->nodes[node];
  struct lm_node_plan *plan = &work->plan->nodes[node];
  for (uint32_t s = 0; s < facts->n_save && plan->backward; s++) {
    struct lm_buffer buffer = {.role = "saved",
                               .name = work->graph->nodes[node]->name,
                               .bytes = facts->save[s]->bytes,
                               .first = lm_time_scratch(work, node, LAMINA_FORWARD),
                               .last = lm_time_backward(work, node)};
    LM_TRY(add_buffer(work->plan, &buffer, &plan->save[s], error));
  }
  return LAMINA_OK;
}

static size_t scratch_bytes(const struct lm_facts *facts, uint32_t pass, uint32_t lanes)
{
  size_t lane = lm_round_up((size_t)facts->lane_scratch[pass], LAMINA_ALIGNMENT);
  return lm_round_up((size_t)facts->scratch[pass], LAMINA_ALIGNMENT) + lane * lanes;
}

static enum lamina_status place_scratch(struct lm_planning *work, uint32_t node, uint32_t pass,
                                        struct lm_error *error)
{
  const struct lm_facts *facts = &work->inference->nodes[node];
  struct lm_buffer buffer = {.role = "scratch",
                             .name = work->graph->nodes[node]->name,
                             .bytes = scratch_bytes(facts, pass, work->plan->options.lanes),
                             .first = lm_time_scratch(work, node, pass),
                             .last = lm_time(work, node, pass)};
  if (buffer.bytes == 0) {
    return LAMINA_OK;
  }
  return add_buffer(work->plan, &buffer, &work->plan->nodes[node].scratch[pass], error);
}

/* ---- gradients ---- */

static enum lamina_status new_gradient(struct lm_planning *work, uint32_t node, uint32_t output,
                                       uint32_t time, struct lm_error *error)
{
  const struct lm_facts *facts = &work->inference->nodes[node];
  struct lm_buffer buffer = {.role = "gradient",
                             .name = facts->out[output]->name,
                             .bytes = facts->out[output]->bytes,
                             .first = time,
                             .last = lm_time_backward(work, node)};
  return add_buffer(work->plan, &buffer, &work->plan->nodes[node].out_gradient[output], error);
}

static const char *gradient_obstacle(const struct lm_planning *work, uint32_t node,
                                     const struct lm_sharing *sharing)
{
  const struct lm_node_plan *plan = &work->plan->nodes[node];
  const struct lm_facts *facts = &work->inference->nodes[node];
  if (work->plan->options.isolate) {
    return "every tensor has memory of its own in this run";
  } else if (plan->out_gradient[sharing->from] < 0) {
    return "the gradient of a loss is a constant";
  } else if (plan->in_request[sharing->to] == LAMINA_SKIP) {
    return "nobody needs the input's gradient";
  } else if (plan->in_request[sharing->to] == LAMINA_ADD) {
    return "the input's gradient has other contributions already";
  } else if (facts->in[sharing->to]->bytes != facts->out[sharing->from]->bytes) {
    return "the sizes differ";
  }
  for (uint32_t o = 0; o < facts->n_in; o++) {
    if (lm_plan_in_gradient(work->plan, work->graph->nodes[node], o) ==
            plan->out_gradient[sharing->from] &&
        plan->in_request[o] != LAMINA_SKIP) {
      return "another input's gradient has taken it";
    }
  }
  return NULL;
}

/* Tries to let input k's gradient take over an output's; *done tells. */
static enum lamina_status take_gradient(struct lm_planning *work, uint32_t node, uint32_t k,
                                        bool *done, struct lm_error *error)
{
  const struct lm_facts *facts = &work->inference->nodes[node];
  struct lm_edge edge = work->graph->nodes[node]->inputs[k];
  const struct lm_sharing *sharing;
  *done = false;
  for (uint32_t nth = 0; !*done; nth++) {
    sharing = declared_sharing(facts, LAMINA_BACKWARD, k, nth);
    if (sharing == NULL) {
      break;
    }
    const char *reason = gradient_obstacle(work, node, sharing);
    struct lm_decision decision = {.node = node,
                                   .pass = LAMINA_BACKWARD,
                                   .from = sharing->from,
                                   .to = k,
                                   .shared = reason == NULL};
    LM_TRY(lm_plan_decide(work->plan, &decision, reason, error));
    if (reason == NULL) {
      int32_t buffer = work->plan->nodes[node].out_gradient[sharing->from];
      work->plan->nodes[edge.node].out_gradient[edge.output] = buffer;
      work->plan->buffers[buffer].last = lm_time_backward(work, (uint32_t)edge.node);
      *done = true;
    }
  }
  return LAMINA_OK;
}

static enum lamina_status place_gradients(struct lm_planning *work, uint32_t node,
                                          struct lm_error *error)
{
  const struct lm_facts *facts = &work->inference->nodes[node];
  struct lm_node_plan *plan = &work->plan->nodes[node];
  const struct lm_node *self = work->graph->nodes[node];
  uint32_t time = lm_time_begin(work, node, LAMINA_BACKWARD);
  for (uint32_t o = 0; o < facts->n_out; o++) {
    if (plan->zero_gradient[o]) {
      LM_TRY(new_gradient(work, node, o, time, error));
    }
  }
  for (uint32_t k = 0; k < self->n_inputs; k++) {
    struct lm_edge edge = self->inputs[k];
    bool done = false;
    LM_TRY(take_gradient(work, node, k, &done, error));
    if (!done && plan->in_request[k] != LAMINA_SKIP &&
        work->plan->nodes[edge.node].out_gradient[edge.output] < 0) {
      LM_TRY(new_gradient(work, (uint32_t)edge.node, edge.output, time, error));
    }
  }
  return LAMINA_OK;
}

enum lamina_status lm_plan_buffers(struct lm_planning *work, struct lm_error *error)
{
  const struct lm_graph *graph = work->graph;
  for (uint32_t i = 0; i < graph->n_nodes; i++) {
    LM_TRY(place_outputs(work, graph->order[i], error));
    LM_TRY(place_saves(work, graph->order[i], error));
    LM_TRY(place_scratch(work, graph->order[i], LAMINA_FORWARD, error));
  }
  for (uint32_t i = graph->n_nodes; i-- > 0;) {
    if (work->plan->nodes[graph->order[i]].backward) {
      LM_TRY(place_gradients(work, graph->order[i], error));
      LM_TRY(place_scratch(work, graph->order[i], LAMINA_BACKWARD, error));
    }
  }
  return LAMINA_OK;
}
