/* Vectors of channels, for loops that keep sums of them in registers. */
#ifndef LM_CONVOLUTION_LANES_H
#define LM_CONVOLUTION_LANES_H

#include <stdint.h>

enum { LM_LANES = 16, LM_FEW_LANES = 4 };

typedef float lm_lanes __attribute__((vector_size(64), aligned(4), may_alias));
typedef float lm_few_lanes __attribute__((vector_size(16), aligned(4), may_alias));
typedef float lm_lane __attribute__((aligned(4), may_alias));

typedef float lm_one_lane __attribute__((vector_size(4), aligned(4), may_alias));

/* Integers in as many lanes, as comparisons of floats make them, 0 or -1; and small ones. Not of
 * 16 lanes: gcc 12 compares those one by one. */
typedef int32_t lm_few_lanes_int __attribute__((vector_size(16)));
typedef int32_t lm_one_lane_int __attribute__((vector_size(4)));
typedef uint16_t lm_few_lanes_short __attribute__((vector_size(8), aligned(2), may_alias));
typedef uint16_t lm_one_lane_short __attribute__((vector_size(2), aligned(2), may_alias));

#define LM_LOAD(V, from) (*(const V *)(const void *)(from))
#define LM_STORE(V, to, value) (*(V *)(void *)(to) = (value))

#endif
