/*
 * Offsets: largest buffer first, each at the lowest place where no buffer that lives at the
 * same time lies ("greedy by size", Pisarchyk and Lee, arXiv:2001.03288). Beside the size that
 * was reached stands the bound: the most bytes that are alive at one time.
 */
#include <stdlib.h>

#include "base/memory.h"
#include "planner/plan_internal.h"

static size_t padded(const struct lm_buffer *buffer)
{
  return lm_round_up(buffer->bytes, LAMINA_ALIGNMENT);
}

static bool overlap_in_time(const struct lm_buffer *a, const struct lm_buffer *b)
{
  return a->first <= b->last && b->first <= a->last;
}

static int by_size(const void *left, const void *right)
{
  const struct lm_buffer *a = *(struct lm_buffer *const *)left;
  const struct lm_buffer *b = *(struct lm_buffer *const *)right;
  if (a->bytes != b->bytes) {
    return a->bytes > b->bytes ? -1 : 1;
  }
  if (a->first != b->first) {
    return a->first < b->first ? -1 : 1;
  }
  return a < b ? -1 : 1;
}

/* The lowest offset for `buffer` among `count` placed ones, which are sorted by offset. */
static size_t lowest_offset(const struct lm_buffer *buffer, struct lm_buffer *const *placed,
                            size_t count)
{
  size_t offset = 0;
  for (size_t i = 0; i < count; i++) {
    if (!overlap_in_time(buffer, placed[i])) {
      continue;
    }
    if (offset + padded(buffer) <= placed[i]->offset) {
      break;
    }
    size_t end = placed[i]->offset + padded(placed[i]);
    offset = end > offset ? end : offset;
  }
  return offset;
}

static void insert_by_offset(struct lm_buffer *buffer, struct lm_buffer **placed, size_t count)
{
  size_t at = count;
  while (at > 0 && placed[at - 1]->offset > buffer->offset) {
    placed[at] = placed[at - 1];
    at--;
  }
  placed[at] = buffer;
}

static size_t liveness_bound(const struct lm_plan *plan, uint32_t times)
{
  size_t most = 0;
  for (uint32_t time = 0; time < times; time++) {
    size_t alive = 0;
    for (size_t i = 0; i < plan->n_buffers; i++) {
      const struct lm_buffer *buffer = &plan->buffers[i];
      alive += buffer->first <= time && time <= buffer->last ? padded(buffer) : 0;
    }
    most = alive > most ? alive : most;
  }
  return most;
}

static void place_apart(struct lm_plan *plan)
{
  for (size_t i = 0; i < plan->n_buffers; i++) {
    plan->buffers[i].offset = plan->arena_bytes;
    plan->arena_bytes += padded(&plan->buffers[i]);
  }
}

enum lamina_status lm_plan_arena(struct lm_plan *plan, uint32_t times, struct lm_error *error)
{
  plan->bound_bytes = liveness_bound(plan, times);
  if (plan->options.isolate) {
    place_apart(plan);
    return LAMINA_OK;
  }
  struct lm_buffer **by_bytes = lm_alloc(plan->n_buffers, sizeof *by_bytes);
  struct lm_buffer **placed = lm_alloc(plan->n_buffers, sizeof *placed);
  enum lamina_status status = LAMINA_OK;
  if (by_bytes == NULL || placed == NULL) {
    status = lm_fail_memory(error, plan->n_buffers * sizeof *placed);
    goto out;
  }
  for (size_t i = 0; i < plan->n_buffers; i++) {
    by_bytes[i] = &plan->buffers[i];
  }
  qsort(by_bytes, plan->n_buffers, sizeof *by_bytes, by_size);
  for (size_t i = 0; i < plan->n_buffers; i++) {
    by_bytes[i]->offset = lowest_offset(by_bytes[i], placed, i);
    insert_by_offset(by_bytes[i], placed, i);
    size_t end = by_bytes[i]->offset + padded(by_bytes[i]);
    plan->arena_bytes = end > plan->arena_bytes ? end : plan->arena_bytes;
  }

out:
  lm_free(by_bytes);
  lm_free(placed);
  return status;
}
