/* The planner's own: what its steps pass to each other. */
#ifndef LM_PLANNER_PLAN_INTERNAL_H
#define LM_PLANNER_PLAN_INTERNAL_H

#include "planner/plan.h"

/** The work on one plan. */
struct lm_planning {
  const struct lm_graph *graph;
  const struct lm_inference *inference;
  struct lm_plan *plan;
  uint32_t *position; /* by node: place in the order */
};

static inline uint32_t lm_time_forward(const struct lm_planning *work, uint32_t node)
{
  return work->position[node];
}
static inline uint32_t lm_time_backward(const struct lm_planning *work, uint32_t node)
{
  return 2 * work->graph->n_nodes - 1 - work->position[node];
}
static inline uint32_t lm_time_end(const struct lm_planning *work)
{
  return 2 * work->graph->n_nodes;
}

static inline uint32_t lm_time(const struct lm_planning *work, uint32_t node, uint32_t pass)
{
  return pass == LAMINA_FORWARD ? lm_time_forward(work, node) : lm_time_backward(work, node);
}

/** The time of the call in which a node runs: of its head's where it is fused. */
static inline uint32_t lm_time_begin(const struct lm_planning *work, uint32_t node, uint32_t pass)
{
  int32_t head = work->plan->nodes[node].fusion[pass].head;
  return lm_time(work, head < 0 ? node : (uint32_t)head, pass);
}

/** The time from which a node needs scratch: when it runs, or is shown the first piece. */
static inline uint32_t lm_time_scratch(const struct lm_planning *work, uint32_t node, uint32_t pass)
{
  int32_t by = work->plan->nodes[node].fusion[pass].shown_by;
  return by < 0 ? lm_time_begin(work, node, pass) : lm_time(work, (uint32_t)by, pass);
}

/** Decides who runs backward and which gradients are wanted, and how. */
enum lamina_status lm_plan_gradients(struct lm_planning *work, struct lm_error *error);

/** Decides which nodes run, or look on, inside the call of the node before them. */
enum lamina_status lm_plan_fusion(struct lm_planning *work, struct lm_error *error);

/** Gives every tensor a buffer with a lifetime, sharing where that is proven. */
enum lamina_status lm_plan_buffers(struct lm_planning *work, struct lm_error *error);

/** Gives every buffer an offset. */
enum lamina_status lm_plan_arena(struct lm_plan *plan, uint32_t times, struct lm_error *error);

/** The last time that a tensor is read. */
uint32_t lm_last_read(const struct lm_planning *work, uint32_t node, uint32_t output);

/**
 * Whether output `to` of a node may take the buffer of input `from`.
 * @param reason  text of why not
 */
bool lm_may_overwrite(const struct lm_planning *work, uint32_t node, uint32_t from, uint32_t to,
                      char *reason, size_t size);

/** Keeps a decision with a copy of its reason. */
enum lamina_status lm_plan_decide(struct lm_plan *plan, const struct lm_decision *decision,
                                  const char *reason, struct lm_error *error);

#endif
