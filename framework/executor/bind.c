/*
 * Binding: turning the plan's offsets into addresses. Done when a program is made and again
 * when the arena moves.
 */
#include "base/memory.h"
#include "executor/executor_internal.h"

static char *address(const struct lm_executor *executor, const struct lm_plan *plan, int32_t buffer)
{
  return buffer < 0 ? NULL : executor->arena + plan->buffers[buffer].offset;
}

static void bind_views(struct lm_executor *executor, struct lm_program *program)
{
  for (uint32_t n = 0; n < program->plan->n_nodes; n++) {
    const struct lm_node_plan *plan = &program->plan->nodes[n];
    const struct lm_facts *facts = &program->inference->nodes[n];
    struct lm_node_views *views = &program->views[n];
    bool is_loss = executor->graph->nodes[n]->kind == LM_NODE_LOSS;
    for (uint32_t o = 0; o < facts->n_out; o++) {
      views->out[o].data = address(executor, program->plan, plan->out[o]);
      views->out_gradient[o].data = is_loss
                                        ? (char *)&executor->seeds[n]
                                        : address(executor, program->plan, plan->out_gradient[o]);
    }
    for (uint32_t s = 0; s < facts->n_save; s++) {
      views->save[s].data = address(executor, program->plan, plan->save[s]);
    }
  }
}

static void bind_scratch(struct lm_executor *executor, struct lm_program *program,
                         struct lm_exec_call *call, uint32_t pass)
{
  const struct lm_facts *facts = &program->inference->nodes[call->node];
  char *scratch = address(executor, program->plan, program->plan->nodes[call->node].scratch[pass]);
  size_t shared = lm_round_up((size_t)facts->scratch[pass], LAMINA_ALIGNMENT);
  call->call.shared_scratch = facts->scratch[pass] == 0 ? NULL : scratch;
  call->call.lane_stride = lm_round_up((size_t)facts->lane_scratch[pass], LAMINA_ALIGNMENT);
  call->call.lane_scratch = scratch == NULL ? NULL : scratch + shared;
}

static void bind_clears(struct lm_executor *executor, struct lm_program *program,
                        struct lm_exec_call *call)
{
  const struct lm_node *self = executor->graph->nodes[call->node];
  const struct lm_node_plan *plan = &program->plan->nodes[call->node];
  const struct lm_facts *facts = &program->inference->nodes[call->node];
  call->n_clears = 0;
  for (uint32_t o = 0; o < facts->n_out; o++) {
    if (plan->zero_gradient[o]) {
      call->clears[call->n_clears++] =
          (struct lm_clear){program->views[call->node].out_gradient[o].data, facts->out[o]->bytes};
    }
  }
  for (uint32_t i = 0; i < self->n_inputs; i++) {
    if (plan->clear_input[i]) {
      int32_t buffer = lm_plan_in_gradient(program->plan, self, i);
      call->clears[call->n_clears++] =
          (struct lm_clear){address(executor, program->plan, buffer), facts->in[i]->bytes};
    }
  }
}

void lm_program_bind(struct lm_executor *executor, struct lm_program *program)
{
  bind_views(executor, program);
  for (uint32_t i = 0; i < program->n_forward; i++) {
    bind_scratch(executor, program, &program->forward[i], LAMINA_FORWARD);
    lm_bind_epilogue(&program->forward[i], LAMINA_FORWARD);
    program->forward[i].part = executor->parts[program->forward[i].node];
  }
  for (uint32_t i = 0; i < program->n_backward; i++) {
    bind_scratch(executor, program, &program->backward[i], LAMINA_BACKWARD);
    bind_clears(executor, program, &program->backward[i]);
    lm_bind_epilogue(&program->backward[i], LAMINA_BACKWARD);
  }
}
