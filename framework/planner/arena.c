/*
 * Offsets: one buffer after the other, each at the lowest place where no buffer that lives at
 * the same time lies. No order is best for all graphs, so a few are tried and the smallest arena
 * is taken: largest buffer first ("greedy by size", Pisarchyk and Lee, arXiv:2001.03288), longest
 * life first, which stacks what waits for backward, earliest first; and what finds the lower end
 * taken may go to the upper end, which suits chains, where one buffer is made from the one
 * before it. While an arrangement is above the bound, the buffer that reaches highest is placed
 * first and all of them again, a few times. Beside the size reached stands the bound: the most
 * bytes alive at one time.
 */
#include <stdlib.h>
#include <string.h>

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

/** The search for a small arena. */
struct search {
  struct lm_plan *plan;
  struct lm_buffer **order, **placed;
  size_t *best; /* offsets of the smallest arena so far */
};

/* Places the buffers in the present order; returns the size of the arena. */
static size_t place(const struct search *search, bool both_ends)
{
  const struct lm_plan *plan = search->plan;
  struct lm_buffer **order = search->order;
  size_t most = 0;
  for (size_t i = 0; i < plan->n_buffers; i++) {
    size_t offset = lowest_offset(order[i], search->placed, i);
    if (both_ends && offset > 0) {
      size_t high = highest_offset(order[i], search->placed, i, plan->bound_bytes);
      offset = high != SIZE_MAX ? high : offset;
    }
    order[i]->offset = offset;
    insert_by_offset(order[i], search->placed, i);
    size_t end = order[i]->offset + padded(order[i]);
    most = end > most ? end : most;
  }
  return most;
}

/* Keeps an arrangement when it is the smallest so far. */
static void keep_if_smaller(const struct search *search, size_t bytes)
{
  if (bytes >= search->plan->arena_bytes) {
    return;
  }
  search->plan->arena_bytes = bytes;
  for (size_t i = 0; i < search->plan->n_buffers; i++) {
    search->best[i] = search->plan->buffers[i].offset;
  }
}

/* Moves the buffer that reaches highest to the front, where it finds the lowest place. */
static void promote_highest(const struct search *search)
{
  struct lm_buffer **order = search->order;
  size_t at = 0;
  for (size_t i = 1; i < search->plan->n_buffers; i++) {
    if (order[i]->offset + padded(order[i]) > order[at]->offset + padded(order[at])) {
      at = i;
    }
  }
  struct lm_buffer *highest = order[at];
  memmove(order + 1, order, at * sizeof *order);
  order[0] = highest;
}

/* One order to begin with, then repairs while there is something to gain. */
static void try_order(const struct search *search, int (*compare)(const void *, const void *),
                      bool both_ends)
{
  enum { REPAIRS = 48 };
  struct lm_plan *plan = search->plan;
  for (size_t i = 0; i < plan->n_buffers; i++) {
    search->order[i] = &plan->buffers[i];
  }
  qsort(search->order, plan->n_buffers, sizeof *search->order, compare);
  keep_if_smaller(search, place(search, both_ends));
  for (int i = 0; i < REPAIRS && plan->arena_bytes > plan->bound_bytes; i++) {
    promote_highest(search);
    keep_if_smaller(search, place(search, both_ends));
  }
}

static void find_offsets(const struct search *search)
{
  static const struct {
    int (*compare)(const void *left, const void *right);
    bool both_ends;
  } ways[] = {
      {by_size, false}, {by_life, false}, {by_first, true}, {by_life, true}, {by_size, true}};
  struct lm_plan *plan = search->plan;
  plan->arena_bytes = SIZE_MAX;
  for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
    if (plan->arena_bytes > plan->bound_bytes) {
      try_order(search, ways[i].compare, ways[i].both_ends);
    }
  }
  for (size_t i = 0; i < plan->n_buffers; i++) {
    plan->buffers[i].offset = search->best[i];
  }
}

enum lamina_status lm_plan_arena(struct lm_plan *plan, uint32_t times, struct lm_error *error)
{
  plan->bound_bytes = liveness_bound(plan, times);
  if (plan->options.isolate) {
    place_apart(plan);
    return LAMINA_OK;
  }
  size_t count = plan->n_buffers;
  struct search search = {.plan = plan,
                          .order = lm_alloc(count, sizeof *search.order),
                          .placed = lm_alloc(count, sizeof *search.placed),
                          .best = lm_alloc(count, sizeof *search.best)};
  bool done = search.order != NULL && search.placed != NULL && search.best != NULL;
  if (done) {
    find_offsets(&search);
  }
  lm_free(search.order);
  lm_free(search.placed);
  lm_free(search.best);
  return done ? LAMINA_OK : lm_fail_memory(error, count * sizeof *search.best);
}
