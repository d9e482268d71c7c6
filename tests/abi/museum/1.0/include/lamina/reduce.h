/*
 * Many numbers made into one: the largest, the sum, the sum of products.
 *
 * A compiler may not change the order of additions, so it cannot make vector code of a plain
 * sum. Here the order is by lanes, which add every 8th or 16th element: the same on every machine
 * and at any number of threads, and fit for vectors. Call them in a function that is marked
 * LAMINA_CLONES. For sums over chunks of a parallel loop see lamina_sum_terms() in
 * lamina/loss.h.
 */
#ifndef LAMINA_REDUCE_H
#define LAMINA_REDUCE_H

#include <lamina/math.h>

#ifdef __cplusplus
extern "C" {
#endif

/** The largest of n numbers, NaN left out; -inf for n = 0. */
LAMINA_INLINE float lamina_max_f32(const float *x, int64_t n)
{
  float lane[16], most = lamina_float_from_bits(0xff800000u);
  int64_t i = 0;
  for (int j = 0; j < 16; j++) {
    lane[j] = most;
  }
  for (; i + 16 <= n; i += 16) {
    for (int j = 0; j < 16; j++) {
      lane[j] = x[i + j] > lane[j] ? x[i + j] : lane[j];
    }
  }
  for (; i < n; i++) {
    most = x[i] > most ? x[i] : most;
  }
  for (int j = 0; j < 16; j++) {
    most = lane[j] > most ? lane[j] : most;
  }
  return most;
}

/** The sum of n numbers, added as doubles in a fixed order. */
LAMINA_INLINE double lamina_sum_f32(const float *x, int64_t n)
{
  double lane[8] = {0}, sum = 0.0;
  int64_t i = 0;
  for (; i + 8 <= n; i += 8) {
    for (int j = 0; j < 8; j++) {
      lane[j] += (double)x[i + j];
    }
  }
  for (; i < n; i++) {
    sum += (double)x[i];
  }
  for (int j = 0; j < 8; j++) {
    sum += lane[j];
  }
  return sum;
}

/** The sum of n products, multiplied and added as doubles in a fixed order. */
LAMINA_INLINE double lamina_dot_f32(const float *x, const float *y, int64_t n)
{
  double lane[8] = {0}, sum = 0.0;
  int64_t i = 0;
  for (; i + 8 <= n; i += 8) {
    for (int j = 0; j < 8; j++) {
      lane[j] += (double)x[i + j] * (double)y[i + j];
    }
  }
  for (; i < n; i++) {
    sum += (double)x[i] * (double)y[i];
  }
  for (int j = 0; j < 8; j++) {
    sum += lane[j];
  }
  return sum;
}

#ifdef __cplusplus
}
#endif
#endif
