/*
 * Answers of yes or no by their logits, judged by the likelihood of what was right: what bce and
 * bernoulli have in common.
 *
 *   L = sum over all elements of  -y z + log(1 + e^z), divided by the number of elements or samples
 *     = sum of  max(z, 0) - y z + log1p(e^-|z|),   where nothing overflows
 *   dz = g (sigmoid(z) - y) / that number           g: the weight of the loss
 *
 * Shapes: z [N, ...] float32; y int32, 0 or 1, or float32 from 0 to 1.
 */
#ifndef LM_BINARY_H
#define LM_BINARY_H

#include <lamina/loss.h>

/** What the sum is divided by, and so what y must be. */
enum lm_binary_mean {
  LM_OVER_ELEMENTS = 0, /* y of the shape of z, or [N] for z [N, 1] */
  LM_OVER_SAMPLES = 1   /* y of any shape with as many elements a sample */
};

int32_t lm_binary_infer(struct lamina_plan *plan, enum lm_binary_mean mean);
int32_t lm_binary_forward(struct lamina_call *call, enum lm_binary_mean mean);
int32_t lm_binary_backward(struct lamina_call *call, enum lm_binary_mean mean);

#endif
