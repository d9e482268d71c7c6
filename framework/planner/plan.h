/*
 * The plan: who runs in which pass, which gradients are wanted, and where every tensor lives.
 *
 * Time counts calls: node at position i of the order runs forward at time i and backward at
 * time 2n-1-i. A buffer is a piece of the arena with a lifetime; tensors that may share one do
 * so only where it is proven that nobody reads the old content later. An elementwise node that
 * is fused has no call of its own in that pass; its tensors are then alive from its head's call
 * on, and so is the scratch of a node that looks on there. Each decision keeps its reason, for
 * `lamina plan`.
 *
 * Floor 6. Knows the graph and what inference found; moves no data.
 */
#ifndef LM_PLANNER_PLAN_H
#define LM_PLANNER_PLAN_H

#include "graph/graph.h"

/** What the plan is for. */
struct lm_plan_options {
  bool train;       /* with a backward pass */
  bool isolate;     /* share, overlap and fuse nothing: for proofs and for finding faults */
  uint32_t lanes;   /* of the thread pool */
  const bool *keep; /* by node: outputs are read after the pass; NULL: none */
};

/** A piece of the arena. */
struct lm_buffer {
  const char *role; /* "output", "gradient", "saved", "scratch" */
  const char *name; /* of the first tensor that lives in it; borrowed */
  size_t offset, bytes;
  uint32_t first, last; /* times, both included */
};

/** An answer to a plugin's declaration, or a user's wish, to overwrite. */
struct lm_decision {
  uint32_t node, pass, from, to;
  bool shared;
  char *reason; /* why not; NULL when shared */
};

/** Whether an elementwise node runs inside another node's call of a pass, or looks on there. */
struct lm_fusion {
  int32_t head;      /* node whose call does the work; -1: a call of its own */
  int32_t shown_by;  /* node whose call shows it its input beforehand; -1: none */
  int32_t remade_by; /* backward reads the output, as this node makes it once more; -1: as kept */
  uint32_t subject;  /* which tensor of that node comes in pieces: output, or input's gradient */
  char *reason;      /* why not; NULL when fused, and for nodes that could not be */
};

/** What the plan says about one node. Buffer indices; -1: none. */
struct lm_node_plan {
  bool backward; /* takes part in the backward pass */
  int32_t out[LM_MAX_FACTS];
  int32_t out_gradient[LM_MAX_FACTS]; /* of a loss: -1, the executor has the seed */
  bool zero_gradient[LM_MAX_FACTS];   /* output gradient nobody writes: clear it first */
  uint32_t in_request[LM_MAX_FACTS];  /* LAMINA_SKIP, WRITE, ADD */
  bool clear_input[LM_MAX_FACTS];     /* the same tensor twice: clear its gradient first */
  uint32_t weight_request[LM_MAX_FACTS];
  int32_t save[LM_MAX_FACTS];
  int32_t scratch[2];         /* by pass */
  struct lm_fusion fusion[2]; /* by pass */
};

struct lm_plan {
  struct lm_plan_options options;
  struct lm_node_plan *nodes; /* by node index */
  uint32_t n_nodes;
  struct lm_buffer *buffers;
  size_t n_buffers, buffers_capacity;
  struct lm_decision *decisions;
  size_t n_decisions, decisions_capacity;
  bool *trained;      /* by parameter: a gradient arrives */
  size_t arena_bytes; /* of the whole arena */
  size_t bound_bytes; /* no arrangement of these lifetimes needs less */
};

/**
 * Plans one batch size and mode.
 * @return LAMINA_OK; LAMINA_E_INVALID when a wish for `in_place` cannot be met or training
 *         would go through a layer without derivative; LAMINA_E_NOMEM
 */
enum lamina_status lm_plan_create(const struct lm_graph *graph,
                                  const struct lm_inference *inference,
                                  const struct lm_plan_options *options, struct lm_plan **out,
                                  struct lm_error *error) LM_MUST_CHECK;
void lm_plan_free(struct lm_plan *plan);

/** LAMINA_MODE_TRAIN if the node behaves as in training, else 0: frozen running means stand. */
static inline uint32_t lm_plan_mode(const struct lm_node *node, bool train)
{
  return train && !(node->frozen && node->n_states > 0) ? LAMINA_MODE_TRAIN : 0;
}

/** The input gradient's buffer of a node: its producer's output gradient; -1 for sources. */
int32_t lm_plan_in_gradient(const struct lm_plan *plan, const struct lm_node *node, uint32_t input);

#endif
