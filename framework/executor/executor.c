/*
 * Executors keep their programs and the arena. When a program needs more memory than there is,
 * the arena is replaced and all programs are bound again.
 */
#include "executor/executor.h"

#include "base/memory.h"
#include "executor/executor_internal.h"

void lm_executor_weigh(struct lm_executor *executor)
{
  for (uint32_t i = 0; i < executor->graph->n_nodes; i++) {
    executor->seeds[i] = (float)executor->graph->nodes[i]->loss_weight;
  }
}

enum lamina_status lm_executor_create(struct lm_graph *graph, struct lm_store *store,
                                      const struct lm_executor_options *options,
                                      struct lm_executor **out, struct lm_error *error)
{
  *out = NULL;
  struct lm_executor *executor = lm_alloc(1, sizeof *executor);
  if (executor == NULL) {
    return lm_fail_memory(error, sizeof *executor);
  }
  executor->graph = graph;
  executor->store = store;
  executor->options = *options;
  executor->parts = lm_alloc(graph->n_nodes, sizeof *executor->parts);
  executor->part_counts = lm_alloc(graph->n_nodes, sizeof *executor->part_counts);
  executor->seeds = lm_alloc(graph->n_nodes, sizeof *executor->seeds);
  if (executor->parts == NULL || executor->part_counts == NULL || executor->seeds == NULL) {
    lm_executor_free(executor);
    return lm_fail_memory(error, 0);
  }
  lm_executor_weigh(executor);
  *out = executor;
  return LAMINA_OK;
}

void lm_executor_free(struct lm_executor *executor)
{
  if (executor == NULL) {
    return;
  }
  for (size_t i = 0; i < executor->n_programs; i++) {
    lm_program_free(executor->programs[i]);
  }
  for (uint32_t i = 0; executor->parts != NULL && i < executor->graph->n_nodes; i++) {
    lm_free(executor->parts[i]);
  }
  lm_free(executor->parts);
  lm_free(executor->part_counts);
  lm_free(executor->seeds);
  lm_free(executor->programs);
  lm_free(executor->arena);
  lm_free(executor);
}

size_t lm_executor_arena_bytes(const struct lm_executor *executor)
{
  return executor->arena_bytes;
}

double *lm_executor_part(struct lm_executor *executor, uint32_t node, uint32_t *count)
{
  *count = executor->part_counts[node];
  return executor->parts[node];
}

/* Metrics keep their partial results across programs. */
static enum lamina_status make_parts(struct lm_executor *executor,
                                     const struct lm_inference *inference, struct lm_error *error)
{
  for (uint32_t i = 0; i < executor->graph->n_nodes; i++) {
    uint32_t count = inference->nodes[i].accumulators;
    if (executor->graph->nodes[i]->kind != LM_NODE_METRIC || executor->parts[i] != NULL) {
      continue;
    }
    executor->parts[i] = lm_alloc(count, sizeof *executor->parts[i]);
    if (executor->parts[i] == NULL) {
      return lm_fail_memory(error, count * sizeof(double));
    }
    executor->part_counts[i] = count;
  }
  return LAMINA_OK;
}

static enum lamina_status grow_arena(struct lm_executor *executor, size_t bytes,
                                     struct lm_error *error)
{
  if (bytes <= executor->arena_bytes && executor->arena != NULL) {
    return LAMINA_OK;
  }
  char *arena = lm_alloc_aligned(bytes, LAMINA_ALIGNMENT);
  if (arena == NULL) {
    return lm_fail_memory(error, bytes);
  }
  lm_free(executor->arena);
  executor->arena = arena;
  executor->arena_bytes = bytes;
  for (size_t i = 0; i < executor->n_programs; i++) {
    lm_program_bind(executor, executor->programs[i]);
  }
  return LAMINA_OK;
}

enum lamina_status lm_executor_program(struct lm_executor *executor, int64_t batch, bool train,
                                       struct lm_program **out, struct lm_error *error)
{
  for (size_t i = 0; i < executor->n_programs; i++) {
    if (executor->programs[i]->batch == batch && executor->programs[i]->train == train) {
      *out = executor->programs[i];
      return LAMINA_OK;
    }
  }
  struct lm_program *program = NULL;
  LM_TRY(lm_program_create(executor, batch, train, &program, error));
  enum lamina_status status = make_parts(executor, program->inference, error);
  if (status == LAMINA_OK && !lm_grow((void **)&executor->programs, &executor->programs_capacity,
                                      executor->n_programs + 1, sizeof *executor->programs)) {
    status = lm_fail_memory(error, 0);
  }
  if (status == LAMINA_OK) {
    status = grow_arena(executor, program->plan->arena_bytes, error);
  }
  if (status != LAMINA_OK) {
    lm_program_free(program);
    return status;
  }
  lm_program_bind(executor, program);
  executor->programs[executor->n_programs++] = program;
  *out = program;
  return LAMINA_OK;
}
