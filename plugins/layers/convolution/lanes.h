/* Vectors of channels, for loops that keep sums of them in registers. */
#ifndef LM_CONVOLUTION_LANES_H
#define LM_CONVOLUTION_LANES_H

enum { LM_LANES = 16, LM_FEW_LANES = 4 };

typedef float lm_lanes __attribute__((vector_size(64), aligned(4), may_alias));
typedef float lm_few_lanes __attribute__((vector_size(16), aligned(4), may_alias));
typedef float lm_lane __attribute__((aligned(4), may_alias));

#define LM_LOAD(V, from) (*(const V *)(const void *)(from))
#define LM_STORE(V, to, value) (*(V *)(void *)(to) = (value))

#endif
