/*
 * Shuffling draws one bounded number for each place, from the end to the start.
 */
#include "data/order.h"

#include <math.h>
#include <stdlib.h>

void lm_order_shuffle(int64_t *index, int64_t n, const struct lm_stream *stream, uint64_t step)
{
  for (int64_t i = n - 1; i > 0; i--) {
    int64_t other = (int64_t)lm_stream_below(stream, step, (uint64_t)i, (uint64_t)i + 1);
    int64_t held = index[i];
    index[i] = index[other];
    index[other] = held;
  }
}

static int ascending(const void *left, const void *right)
{
  int64_t a = *(const int64_t *)left;
  int64_t b = *(const int64_t *)right;
  return (a > b) - (a < b);
}

int64_t lm_order_hold_out(int64_t *index, int64_t n, double fraction, uint64_t seed)
{
  struct lm_stream stream = lm_stream_make(seed, "data/holdout");
  int64_t held = (int64_t)llround((double)n * fraction);
  held = held < 1 ? 1 : held;
  held = held > n - 1 ? n - 1 : held;
  lm_order_shuffle(index, n, &stream, 0);
  qsort(index, (size_t)(n - held), sizeof *index, ascending);
  qsort(index + n - held, (size_t)held, sizeof *index, ascending);
  return n - held;
}
