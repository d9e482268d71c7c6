/*
 * Squared differences of two tensors with as many elements: what mse and gaussian have in common.
 * Input 0 of the loss is p, input 1 is t, both float32.
 */
#ifndef LM_SQUARES_H
#define LM_SQUARES_H

#include <lamina/loss.h>

/** For infer(), of n elements: the scratch memory of forward, and that backward reads p and t. */
int32_t lm_squares_infer(struct lamina_plan *plan, int64_t n);

/** The sum of (p - t)^2 over all elements. [forward] */
int32_t lm_squares_sum(struct lamina_call *call, double *sum);

/** The requested gradients of scale / 2 times that sum. [backward] */
int32_t lm_squares_gradients(struct lamina_call *call, double scale);

#endif
