/* The executor's own: its struct, and how programs are made. */
#ifndef LM_EXECUTOR_EXECUTOR_INTERNAL_H
#define LM_EXECUTOR_EXECUTOR_INTERNAL_H

#include "executor/executor.h"

struct lm_executor {
  struct lm_graph *graph; /* borrowed */
  struct lm_store *store; /* borrowed */
  struct lm_executor_options options;
  struct lm_program **programs;
  size_t n_programs, programs_capacity;
  char *arena;
  size_t arena_bytes;
  double **parts; /* by node: a metric's partial result */
  uint32_t *part_counts;
  float *seeds; /* by node: a loss's weight, the gradient of its output */
};

/** Infers, plans and lays out the calls; addresses are set by lm_program_bind(). */
enum lamina_status lm_program_create(struct lm_executor *executor, int64_t batch, bool train,
                                     struct lm_program **out, struct lm_error *error) LM_MUST_CHECK;
void lm_program_free(struct lm_program *program);

/** What is needed while a program is made. */
struct lm_making {
  struct lm_executor *executor;
  struct lm_program *program;
  bool short_of_memory;
};

/** Memory of the program; NULL after the first failure, which is looked at once, at the end. */
void *lm_making_take(struct lm_making *making, size_t count, size_t size);

/** Gives each of the calls of a pass an epilogue of the calls that are fused into it. */
void lm_making_fuse(struct lm_making *making, struct lm_exec_call *calls, uint32_t count,
                    uint32_t pass);

/** Sets the addresses of a call's epilogue; those of the views are set. */
void lm_bind_epilogue(struct lm_exec_call *call, uint32_t pass);

/** Sets all addresses for the present arena. */
void lm_program_bind(struct lm_executor *executor, struct lm_program *program);

#endif
