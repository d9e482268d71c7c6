/*
 * Running: the flat loop over calls, which is all that a step does.
 */
#include <math.h>
#include <string.h>

#include "executor/executor_internal.h"

static inline enum lamina_status run_call(struct lm_exec_call *call, uint64_t step,
                                          struct lm_error *error)
{
  for (uint32_t i = 0; i < call->n_clears; i++) {
    memset(call->clears[i].data, 0, call->clears[i].bytes);
  }
  call->call.step = step;
  lm_call_begin(&call->call, error);
  if (call->call.epilogue != NULL) {
    LM_TRY(lm_epilogue_begin(call->call.epilogue, step, error));
  }
  const char *previous = lm_guard_enter(call->label);
  int32_t returned = call->update != NULL ? call->update(call->self, &call->call.base, call->part)
                                          : call->run(call->self, &call->call.base);
  lm_guard_leave(previous);
  call->call.observed = false;
  if (call->call.epilogue != NULL) {
    return lm_epilogue_end(&call->call, returned);
  }
  if (__builtin_expect(returned != LAMINA_OK || call->call.failed, 0)) {
    return lm_call_end(&call->call, returned);
  }
  return LAMINA_OK;
}

enum lamina_status lm_exec_call_run(struct lm_exec_call *call, uint64_t step,
                                    struct lm_error *error)
{
  return run_call(call, step, error);
}

enum lamina_status lm_program_forward(struct lm_program *program, uint64_t step,
                                      struct lm_error *error)
{
  for (uint32_t i = 0; i < program->n_forward; i += 1 + program->forward[i].n_fused) {
    LM_TRY(run_call(&program->forward[i], step, error));
  }
  return LAMINA_OK;
}

enum lamina_status lm_program_backward(struct lm_program *program, uint64_t step,
                                       struct lm_error *error)
{
  for (uint32_t i = 0; i < program->n_backward; i += 1 + program->backward[i].n_fused) {
    LM_TRY(run_call(&program->backward[i], step, error));
  }
  return LAMINA_OK;
}

const struct lamina_view *lm_program_output(const struct lm_program *program, uint32_t node,
                                            uint32_t output)
{
  return &program->views[node].out[output];
}

float lm_program_loss(const struct lm_program *program, uint32_t node)
{
  return *(const float *)program->views[node].out[0].data;
}

/* Index of the first element that is not finite; -1 if all are. */
static int64_t first_nonfinite(const struct lamina_view *view)
{
  int64_t count = lamina_type_is_f32(&view->type) ? lamina_type_count(&view->type) : 0;
  const float *data = view->data;
  for (int64_t i = 0; i < count; i++) {
    if (!isfinite(data[i])) {
      return i;
    }
  }
  return -1;
}

static enum lamina_status check_sources(const struct lm_program *program, struct lm_error *error)
{
  for (uint32_t i = 0; i < program->inference->n_sources; i++) {
    int64_t at = first_nonfinite(&program->sources[i]);
    if (at >= 0) {
      return lm_fail(error, LAMINA_E_NONFINITE,
                     "field '%s' of the data has a number that is not finite, at element %lld of "
                     "the batch",
                     program->inference->sources[i]->name, (long long)at);
    }
  }
  return LAMINA_OK;
}

static enum lamina_status check_call(const struct lm_program *program,
                                     const struct lm_exec_call *call, struct lm_error *error)
{
  const struct lm_facts *facts = &program->inference->nodes[call->node];
  for (uint32_t i = 0; i < call->call.tensors[LAMINA_WEIGHT].count; i++) {
    if (first_nonfinite(call->call.tensors[LAMINA_WEIGHT].views[i]) >= 0) {
      return lm_fail_at(error, LAMINA_E_NONFINITE, &call->call.instance->where,
                        "%s: weight %u has a number that is not finite", call->label, i);
    }
  }
  for (uint32_t o = 0; o < facts->n_out; o++) {
    int64_t at = first_nonfinite(&program->views[call->node].out[o]);
    if (at >= 0) {
      return lm_fail_at(
          error, LAMINA_E_NONFINITE, &call->call.instance->where,
          "%s: output %u has a number that is not finite (%g), at element %lld", call->label, o,
          (double)((const float *)program->views[call->node].out[o].data)[at], (long long)at);
    }
  }
  return LAMINA_OK;
}

/* Runs a call without what is fused into it, which may overwrite what it made, and without what
 * its observer saw. */
static enum lamina_status run_alone(struct lm_exec_call *call, uint64_t step,
                                    struct lm_error *error)
{
  struct lm_epilogue *epilogue = call->call.epilogue;
  call->call.epilogue = NULL;
  call->call.observed = false;
  enum lamina_status status = run_call(call, step, error);
  call->call.epilogue = epilogue;
  return status;
}

enum lamina_status lm_program_find_nonfinite(struct lm_program *program, uint64_t step,
                                             struct lm_error *error)
{
  LM_TRY(check_sources(program, error));
  for (uint32_t i = 0; i < program->n_forward; i++) {
    struct lm_exec_call *call = &program->forward[i];
    if (call->update == NULL) {
      LM_TRY(run_alone(call, step, error));
      LM_TRY(check_call(program, call, error));
    }
  }
  return LAMINA_OK;
}
