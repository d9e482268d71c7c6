/*
 * Rows of channels, shifted and scaled channel by channel: what normalizations have in common.
 *
 *   y = (x - centre) factor + shift
 *   dx = factor (scale dy - plain - (x - centre) normal)
 *
 * The first is a normalization when centre is a mean and factor is scale / sigma. With
 * n = (x - centre) inverse and inverse = 1 / sigma, the second is then its gradient if factor is
 * inverse, plain the mean of scale dy, and normal inverse times the mean of scale dy n.
 */
#ifndef LM_NORMALIZATION_ROWS_H
#define LM_NORMALIZATION_ROWS_H

#include <stdbool.h>

#include <lamina/expect.h>
#include <lamina/math.h>

enum { LM_SCALE = 0, LM_SHIFT = 1 }; /* weights */

/** Channels side by side in registers: sums of them in memory wait for each other. */
typedef float lm_lanes __attribute__((vector_size(64), aligned(4), may_alias));
enum { LM_LANES = 16, LM_NARROW = 2 * LM_LANES };

#define LM_LOAD(x) (*(const lm_lanes *)(x))
#define LM_STORE(x, lanes) (*(lm_lanes *)(x) = (lanes))

/** The first channel of the group of lanes that channel i begins: the last group overlaps the one
 *  before it. There must be LM_LANES channels at least. */
static inline int64_t lm_lanes_at(int64_t i, int64_t c)
{
  return i + LM_LANES <= c ? i : c - LM_LANES;
}

/** A matrix [rows, C] and a number for each channel. */
struct lm_rows {
  int64_t rows, c;
  const float *x;
  const float *centre, *inverse, *factor, *shift; /* [C] */
};

/** The rows from begin to end. */
static inline struct lm_rows lm_rows_part(const struct lm_rows *rows, int64_t begin, int64_t end)
{
  struct lm_rows part = *rows;
  part.x += begin * part.c;
  part.rows = end - begin;
  return part;
}

void lm_rows_normalize(const struct lm_rows *rows, float *y);

/** The same for `count` elements of a matrix from `first` on: x and y are theirs. */
void lm_rows_normalize_run(const struct lm_rows *rows, int64_t first, int64_t count, const float *x,
                           float *y);

/** The gradient of the rows, written or added to dx, which may be dy. */
struct lm_rows_gradient {
  const float *dy;
  const float *factor, *scale; /* [C]; scale NULL: 1 */
  const float *plain, *normal; /* [C]; NULL: 0, as when centre and factor are constants */
  bool add;
  float *dx;
};

void lm_rows_propagate(const struct lm_rows *rows, const struct lm_rows_gradient *gradient);

/** plain[c] = the sum of dy over the rows, normal[c] = the sum of dy n. */
void lm_rows_sums(const struct lm_rows *rows, const float *dy, float *plain, float *normal);

/** sums[c] = the sum of x over the rows, or of the squared distances from centre if that is not
 *  NULL. */
void lm_rows_sum(const struct lm_rows *rows, const float *centre, double *sums);

/** The sum of n numbers, in a fixed order. */
double lm_rows_total(const double *x, int64_t n);

/** row[0] ... row[count - 1] = value. */
void lm_rows_fill(float *row, int64_t count, float value);

/** Groups of channels side by side, of `rows` rows. */
struct lm_groups {
  int64_t rows, c, groups;
  const float *scale; /* [C]; NULL: 1 */
};

/** out[c] = the mean, over the rows and channels of the group of c, of scale times what sums[c]
 *  is the sum of; scaled has room for C numbers. */
void lm_rows_average_groups(const struct lm_groups *of, const float *sums, double *scaled,
                            float *out);

/** factor = inverse scale; a scale of NULL is 1. */
void lm_rows_fold(float *factor, const float *inverse, const float *scale, int64_t c);

/** Declares scale and shift [C] as weights 0 and 1, for backward, too, and how many they are. */
int32_t lm_rows_weights(struct lamina_plan *plan, int64_t c);

/** Refuses, with a sentence, what is not [N, ..., C] with C >= 1; *x is the input's type. */
int32_t lm_rows_input(struct lamina_plan *plan, const struct lamina_type **x);

/** Bytes of `count` floats, in whole alignments. */
static inline uint64_t lm_rows_bytes(int64_t count)
{
  uint64_t bytes = (uint64_t)count * sizeof(float);
  return (bytes + LAMINA_ALIGNMENT - 1) / LAMINA_ALIGNMENT * LAMINA_ALIGNMENT;
}

#endif
