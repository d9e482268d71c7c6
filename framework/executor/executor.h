/*
 * The executor: programs, which are plans bound to memory, and running them.
 *
 * A program is a flat list of calls over fixed addresses for one batch size and mode. All
 * programs of an executor use one arena (one runs at a time) and one store. After a program is
 * made, running it allocates nothing and looks nothing up. Floor 7.
 */
#ifndef LM_EXECUTOR_EXECUTOR_H
#define LM_EXECUTOR_EXECUTOR_H

#include "executor/store.h"
#include "planner/plan.h"

struct lm_executor;

/** A piece of memory to clear before a call. */
struct lm_clear {
  void *data;
  size_t bytes;
};

/** One call of a program. */
struct lm_exec_call {
  int32_t (*run)(void *self, struct lamina_call *call);                  /* layers, losses */
  int32_t (*update)(void *self, struct lamina_call *call, double *part); /* metrics */
  void *self;
  const char *label;
  double *part;
  struct lm_clear *clears;
  uint32_t n_clears, node;
  uint32_t n_fused; /* so many calls behind this one run inside it */
  struct lm_call call;
};

/** The tensors of one node. */
struct lm_node_views {
  struct lamina_view *out, *out_gradient, *save;
};

/** A plan bound to memory. */
struct lm_program {
  int64_t batch;
  bool train;
  struct lm_inference *inference;
  struct lm_plan *plan;
  struct lm_exec_call *forward, *backward;
  uint32_t n_forward, n_backward;
  struct lamina_view *sources; /* by source: the caller sets data before each run */
  struct lm_node_views *views; /* by node */
  void **blocks;               /* everything else that the program owns */
  size_t n_blocks, blocks_capacity;
};

/** How an executor works. */
struct lm_executor_options {
  bool isolate;     /* see struct lm_plan_options */
  const bool *keep; /* by node: outputs that are read after an evaluation; borrowed; or NULL */
};

/**
 * Makes an executor over a sorted and inferred graph and an initialised store.
 * @param out  owned by the caller, release with lm_executor_free(); graph and store are borrowed
 */
enum lamina_status lm_executor_create(struct lm_graph *graph, struct lm_store *store,
                                      const struct lm_executor_options *options,
                                      struct lm_executor **out,
                                      struct lm_error *error) LM_MUST_CHECK;
void lm_executor_free(struct lm_executor *executor);

/** The program of a batch size and mode, made the first time; borrowed. */
enum lamina_status lm_executor_program(struct lm_executor *executor, int64_t batch, bool train,
                                       struct lm_program **out,
                                       struct lm_error *error) LM_MUST_CHECK;

/** Takes the weights of the losses, `loss_weight` of their nodes, for the next backward. */
void lm_executor_weigh(struct lm_executor *executor);

/** Bytes of the arena so far. */
size_t lm_executor_arena_bytes(const struct lm_executor *executor);

/** The accumulators of a metric node; NULL for other nodes. Zeroed by the caller. */
double *lm_executor_part(struct lm_executor *executor, uint32_t node, uint32_t *count);

/**
 * Runs the forward calls, metrics included.
 * @param step  number of the training step, for random streams
 */
enum lamina_status lm_program_forward(struct lm_program *program, uint64_t step,
                                      struct lm_error *error) LM_MUST_CHECK;

/** Runs the backward calls of the same step: gradients of the trained weights are complete. */
enum lamina_status lm_program_backward(struct lm_program *program, uint64_t step,
                                       struct lm_error *error) LM_MUST_CHECK;

/** Runs one call of a program: lm_program_forward() in pieces, for who times them. */
enum lamina_status lm_exec_call_run(struct lm_exec_call *call, uint64_t step,
                                    struct lm_error *error) LM_MUST_CHECK;

/** Value of a loss node, or data of any output that is kept. */
float lm_program_loss(const struct lm_program *program, uint32_t node);
const struct lamina_view *lm_program_output(const struct lm_program *program, uint32_t node,
                                            uint32_t output);

/**
 * Runs forward again, looking at every output: LAMINA_E_NONFINITE with the first node that
 * made a number that is not finite (or the field it came in with); LAMINA_OK if there is none.
 */
enum lamina_status lm_program_find_nonfinite(struct lm_program *program, uint64_t step,
                                             struct lm_error *error) LM_MUST_CHECK;

#endif
