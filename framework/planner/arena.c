/*
 * Offsets: one buffer after the other, each at the lowest place where no buffer that lives at
 * the same time lies. No order is best for all graphs, so a few are tried and the smallest arena
 * is taken: largest buffer first ("greedy by size", Pisarchyk and Lee, arXiv:2001.03288), longest
 * life first, which stacks what waits for backward, earliest first; and what finds the lower end
 * taken may go to the upper end, which suits chains, where one buffer is made from the one
 * before it. Beside the size reached stands the bound: the most bytes alive at one time.
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

static int by_first(const void *left, const void *right)
{
  const struct lm_buffer *a = *(struct lm_buffer *const *)left;
  const struct lm_buffer *b = *(struct lm_buffer *const *)right;
  if (a->first != b->first) {
    return a->first < b->first ? -1 : 1;
  }
  return a < b ? -1 : 1;
}

static int by_size(const void *left, const void *right)
{
  const struct lm_buffer *a = *(struct lm_buffer *const *)left;
  const struct lm_buffer *b = *(struct lm_buffer *const *)right;
  if (a->bytes != b->bytes) {
    return a->bytes > b->bytes ? -1 : 1;
  }
  return by_first(left, right);
}

static int by_life(const void *left, const void *right)
{
  const struct lm_buffer *a = *(struct lm_buffer *const *)left;
  const struct lm_buffer *b = *(struct lm_buffer *const *)right;
  uint32_t life_a = a->last - a->first;
  uint32_t life_b = b->last - b->first;
  if (life_a != life_b) {
    return life_a > life_b ? -1 : 1;
  }
  return by_size(left, right);
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

/* The highest offset that ends at `end` or below it; SIZE_MAX if there is no room. */
static size_t highest_offset(const struct lm_buffer *buffer, struct lm_buffer *const *placed,
                             size_t count, size_t end)
{
  size_t found = SIZE_MAX;
  size_t free_from = 0; /* behind everything so far that lives at the same time */
  for (size_t i = 0; i < count; i++) {
    if (!overlap_in_time(buffer, placed[i])) {
      continue;
    }
    if (free_from + padded(buffer) <= placed[i]->offset) {
      found = placed[i]->offset - padded(buffer);
    }
    size_t behind = placed[i]->offset + padded(placed[i]);
    free_from = behind > free_from ? behind : free_from;
  }
  return free_from + padded(buffer) <= end ? end - padded(buffer) : found;
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

/** One way to go about it. */
struct strategy {
  int (*order)(const void *left, const void *right);
  bool both_ends;
};

/* Places all buffers; returns the size of the arena. */
static size_t place(struct lm_plan *plan, const struct strategy *strategy, struct lm_buffer **order,
                    struct lm_buffer **placed)
{
  size_t most = 0;
  for (size_t i = 0; i < plan->n_buffers; i++) {
    order[i] = &plan->buffers[i];
  }
  qsort(order, plan->n_buffers, sizeof *order, strategy->order);
  for (size_t i = 0; i < plan->n_buffers; i++) {
    size_t offset = lowest_offset(order[i], placed, i);
    if (strategy->both_ends && offset > 0) {
      size_t high = highest_offset(order[i], placed, i, plan->bound_bytes);
      offset = high != SIZE_MAX ? high : offset;
    }
    order[i]->offset = offset;
    insert_by_offset(order[i], placed, i);
    size_t end = order[i]->offset + padded(order[i]);
    most = end > most ? end : most;
  }
  return most;
}

enum lamina_status lm_plan_arena(struct lm_plan *plan, uint32_t times, struct lm_error *error)
{
  static const struct strategy strategies[] = {
      {by_size, false}, {by_life, false}, {by_first, true}, {by_life, true}, {by_size, true}};
  const struct strategy *best = &strategies[0];
  enum { COUNT = sizeof strategies / sizeof strategies[0] };
  plan->bound_bytes = liveness_bound(plan, times);
  if (plan->options.isolate) {
    place_apart(plan);
    return LAMINA_OK;
  }
  struct lm_buffer **order = lm_alloc(plan->n_buffers, sizeof *order);
  struct lm_buffer **placed = lm_alloc(plan->n_buffers, sizeof *placed);
  enum lamina_status status = LAMINA_OK;
  if (order == NULL || placed == NULL) {
    status = lm_fail_memory(error, plan->n_buffers * sizeof *placed);
    goto out;
  }
  plan->arena_bytes = place(plan, best, order, placed);
  for (size_t i = 1; i < COUNT && plan->arena_bytes > plan->bound_bytes; i++) {
    size_t bytes = place(plan, &strategies[i], order, placed);
    best = bytes < plan->arena_bytes ? &strategies[i] : best;
    plan->arena_bytes = bytes < plan->arena_bytes ? bytes : plan->arena_bytes;
  }
  plan->arena_bytes = place(plan, best, order, placed);

out:
  lm_free(order);
  lm_free(placed);
  return status;
}
