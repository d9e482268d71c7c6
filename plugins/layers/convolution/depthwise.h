/*
 * Depthwise convolutions: as many groups as there are channels and filters, so that each channel
 * has a window of its own. There is nothing to multiply matrices of; instead the channels of a
 * pixel are a vector, and each position of a window one multiplication of vectors.
 */
#ifndef LM_CONVOLUTION_DEPTHWISE_H
#define LM_CONVOLUTION_DEPTHWISE_H

#include "convolution.h"

/** Whether a convolution is one, with borders that do not wrap. */
static inline bool lm_depthwise_fits(const struct lm_convolution *v)
{
  return v->groups == v->c && v->k == v->c && !v->circular;
}

/** As lm_convolution_forward(); needs no scratch. depthwise.c */
int32_t lm_depthwise_forward(const struct lm_convolution *v, struct lamina_call *call,
                             const struct lm_convolution_task *task);

/** As lm_convolution_input_gradient(); needs no scratch. depthwise.c */
int32_t lm_depthwise_input_gradient(const struct lm_convolution *v, struct lamina_call *call,
                                    const struct lm_convolution_task *task);

/** Scratch and computation as of lm_convolution_weight_gradient(). depthwise_weights.c */
void lm_depthwise_weight_scratch(const struct lm_convolution *v,
                                 struct lm_convolution_scratch *out);
int32_t lm_depthwise_weight_gradient(const struct lm_convolution *v, struct lamina_call *call,
                                     const struct lm_convolution_task *task);

#endif
