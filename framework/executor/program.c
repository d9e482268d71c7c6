/*
 * Making a program: views of all tensors, then for each call the tables of the views that its
 * node may reach in that pass. What was not declared stays NULL in the tables.
 */
#include <stdio.h>

#include "base/memory.h"
#include "executor/executor_internal.h"

void *lm_making_take(struct lm_making *making, size_t count, size_t size)
{
  struct lm_program *program = making->program;
  void *block = making->short_of_memory ? NULL : lm_alloc(count, size);
  if (block == NULL || !lm_grow((void **)&program->blocks, &program->blocks_capacity,
                                program->n_blocks + 1, sizeof *program->blocks)) {
    lm_free(block);
    making->short_of_memory = true;
    return NULL;
  }
  program->blocks[program->n_blocks++] = block;
  return block;
}

void lm_program_free(struct lm_program *program)
{
  if (program == NULL) {
    return;
  }
  for (size_t i = 0; i < program->n_blocks; i++) {
    lm_free(program->blocks[i]);
  }
  lm_free(program->blocks);
  lm_plan_free(program->plan);
  lm_inference_free(program->inference);
  lm_free(program);
}

static struct lamina_view *make_views(struct lm_making *making, struct lm_tensor *const *tensors,
                                      uint32_t count)
{
  struct lamina_view *views = lm_making_take(making, count, sizeof *views);
  for (uint32_t i = 0; views != NULL && i < count; i++) {
    views[i].type = tensors[i]->shape.type;
  }
  return views;
}

static void make_all_views(struct lm_making *making)
{
  struct lm_program *program = making->program;
  const struct lm_inference *inference = program->inference;
  program->sources = make_views(making, inference->sources, inference->n_sources);
  program->views = lm_making_take(making, inference->n_nodes, sizeof *program->views);
  for (uint32_t i = 0; i < inference->n_nodes && !making->short_of_memory; i++) {
    const struct lm_facts *facts = &inference->nodes[i];
    program->views[i].out = make_views(making, facts->out, facts->n_out);
    program->views[i].out_gradient = make_views(making, facts->out, facts->n_out);
    program->views[i].save = make_views(making, facts->save, facts->n_save);
  }
}

/* ---- tables ---- */

static const struct lamina_view *input_view(const struct lm_program *program, struct lm_edge edge,
                                            bool gradient)
{
  if (lm_edge_is_source(edge)) {
    return gradient ? NULL : &program->sources[lm_edge_source_index(edge)];
  }
  const struct lm_node_views *views = &program->views[edge.node];
  return gradient ? &views->out_gradient[edge.output] : &views->out[edge.output];
}

/* The view of tensor i of a role, whoever owns it. */
static const struct lamina_view *role_view(const struct lm_making *making, uint32_t node,
                                           uint32_t role, uint32_t i)
{
  const struct lm_node *self = making->executor->graph->nodes[node];
  const struct lm_store *store = making->executor->store;
  switch (role) {
    case LAMINA_IN:
      return input_view(making->program, self->inputs[i], false);
    case LAMINA_OUT:
      return &making->program->views[node].out[i];
    case LAMINA_WEIGHT:
      return &store->weight_views[self->parameters[i]];
    case LAMINA_STATE:
      return &store->state_views[self->states[i]];
    default:
      return making->program->plan->nodes[node].save[i] < 0 ? NULL
                                                            : &making->program->views[node].save[i];
  }
}

static uint32_t role_count(const struct lm_making *making, uint32_t node, uint32_t role)
{
  const struct lm_node *self = making->executor->graph->nodes[node];
  const struct lm_facts *facts = &making->program->inference->nodes[node];
  const uint32_t counts[] = {facts->n_in, facts->n_out, self->n_parameters, self->n_states,
                             facts->n_save};
  return counts[role];
}

static void make_table(struct lm_making *making, uint32_t node, uint32_t role, uint32_t reachable,
                       struct lm_call *call)
{
  uint32_t count = role_count(making, node, role);
  const struct lamina_view **views = lm_making_take(making, count, sizeof *views);
  for (uint32_t i = 0; views != NULL && i < count; i++) {
    views[i] = (reachable & (1u << i)) != 0 ? role_view(making, node, role, i) : NULL;
  }
  call->tensors[role] = (struct lm_views){views, count};
}

static void make_gradient_table(struct lm_making *making, uint32_t node, uint32_t role,
                                struct lm_call *call)
{
  const struct lm_node *self = making->executor->graph->nodes[node];
  const struct lm_node_plan *plan = &making->program->plan->nodes[node];
  uint32_t count = role_count(making, node, role);
  const struct lamina_view **views = lm_making_take(making, count, sizeof *views);
  const uint32_t *requests = NULL;
  requests = role == LAMINA_IN ? plan->in_request : requests;
  requests = role == LAMINA_WEIGHT ? plan->weight_request : requests;
  for (uint32_t i = 0; views != NULL && i < count; i++) {
    if (requests != NULL && requests[i] == LAMINA_SKIP) {
      continue;
    }
    if (role == LAMINA_IN) {
      views[i] = input_view(making->program, self->inputs[i], true);
    } else if (role == LAMINA_OUT) {
      views[i] = &making->program->views[node].out_gradient[i];
    } else {
      views[i] = &making->executor->store->gradient_views[self->parameters[i]];
    }
  }
  call->gradients[role] = (struct lm_gradients){views, requests, count};
}

/* ---- calls ---- */

static uint32_t mode_of(const struct lm_node *node, const struct lm_program *program, bool backward)
{
  uint32_t mode = lm_plan_mode(node, program->train);
  return backward ? mode | LAMINA_MODE_KEEP : mode;
}

static void begin_call(struct lm_making *making, uint32_t node, const char *pass,
                       struct lm_exec_call *call)
{
  const struct lm_node *self = making->executor->graph->nodes[node];
  char name[128];
  (void)snprintf(name, sizeof name, "node/%s", self->name);
  lm_call_init(&call->call, making->executor->graph->host, self->instance, pass);
  call->node = node;
  call->self = self->instance->self;
  call->label = self->instance->label;
  call->call.mode = mode_of(self, making->program, making->program->plan->nodes[node].backward);
  call->call.stream = lm_stream_make(making->executor->graph->host->seed, name);
  call->call.purposes = making->program->inference->nodes[node].purposes;
}

static void make_forward(struct lm_making *making, uint32_t node, struct lm_exec_call *call)
{
  const struct lm_node *self = making->executor->graph->nodes[node];
  begin_call(making, node, "forward", call);
  if (self->kind == LM_NODE_METRIC) {
    call->update = self->instance->plugin->table.metric.update;
  } else {
    call->run = self->instance->plugin->table.layer.forward;
  }
  for (uint32_t role = LAMINA_IN; role <= LAMINA_SAVE; role++) {
    make_table(making, node, role, UINT32_MAX, &call->call);
  }
}

static void make_backward(struct lm_making *making, uint32_t node, struct lm_exec_call *call)
{
  const struct lm_facts *facts = &making->program->inference->nodes[node];
  const struct lm_node *self = making->executor->graph->nodes[node];
  begin_call(making, node, "backward", call);
  call->run = self->instance->plugin->table.layer.backward;
  for (uint32_t role = LAMINA_IN; role <= LAMINA_STATE; role++) {
    make_table(making, node, role, facts->reads[role], &call->call);
  }
  make_table(making, node, LAMINA_SAVE, UINT32_MAX, &call->call);
  for (uint32_t role = LAMINA_IN; role <= LAMINA_WEIGHT; role++) {
    make_gradient_table(making, node, role, &call->call);
  }
  call->clears = lm_making_take(making, facts->n_out + self->n_inputs, sizeof *call->clears);
}

static void make_calls(struct lm_making *making)
{
  struct lm_program *program = making->program;
  const struct lm_graph *graph = making->executor->graph;
  program->forward = lm_making_take(making, graph->n_nodes, sizeof *program->forward);
  program->backward = lm_making_take(making, graph->n_nodes, sizeof *program->backward);
  for (uint32_t i = 0; i < graph->n_nodes && !making->short_of_memory; i++) {
    make_forward(making, graph->order[i], &program->forward[program->n_forward++]);
  }
  for (uint32_t i = graph->n_nodes; i-- > 0 && !making->short_of_memory;) {
    if (program->plan->nodes[graph->order[i]].backward) {
      make_backward(making, graph->order[i], &program->backward[program->n_backward++]);
    }
  }
  lm_making_fuse(making, program->forward, program->n_forward, LAMINA_FORWARD);
  lm_making_fuse(making, program->backward, program->n_backward, LAMINA_BACKWARD);
}

enum lamina_status lm_program_create(struct lm_executor *executor, int64_t batch, bool train,
                                     struct lm_program **out, struct lm_error *error)
{
  enum lamina_status status;
  struct lm_program *program = lm_alloc(1, sizeof *program);
  if (program == NULL) {
    return lm_fail_memory(error, sizeof *program);
  }
  program->batch = batch;
  program->train = train;
  struct lm_plan_options options = {.train = train,
                                    .isolate = executor->options.isolate,
                                    .lanes = lm_pool_threads(executor->graph->host->pool),
                                    .keep = train ? NULL : executor->options.keep};
  struct lm_making making = {.executor = executor, .program = program};
  LM_TRY_OR(fail, status, lm_graph_infer(executor->graph, batch, &program->inference, error));
  LM_TRY_OR(fail, status,
            lm_plan_create(executor->graph, program->inference, &options, &program->plan, error));
  make_all_views(&making);
  if (!making.short_of_memory) {
    make_calls(&making);
  }
  if (making.short_of_memory) {
    status = lm_fail_memory(error, 0);
    goto fail;
  }
  *out = program;
  return LAMINA_OK;

fail:
  lm_program_free(program);
  return status;
}
