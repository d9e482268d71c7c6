/*
 * conv1d and conv2d: one layer over one or two axes. A signal is an image of height 1.
 */
#ifndef LM_CONVOLUTION_LAYER_H
#define LM_CONVOLUTION_LAYER_H

#include <lamina/layer.h>

#include "convolution.h"

/** The instance of conv1d and of conv2d. */
struct lm_convolution_layer {
  int64_t filters, groups;
  struct lamina_i64s kernel, stride, padding, dilation;
  int32_t same, border, bias;
  uint32_t axes; /* 1 or 2, from setup */
  const struct lamina_gemm *gemm;
  const struct lamina_conv *conv; /* NULL unless the experiment chose one */
};

/** Its settings. */
#define LM_CONVOLUTION_ROWS                                                         \
  LAMINA_I64_REQUIRED(struct lm_convolution_layer, filters, "[1, 2147483647]",      \
                      "output channels, K"),                                        \
      LM_WINDOW_ROWS(struct lm_convolution_layer, "3", "1"),                        \
      LAMINA_I64(struct lm_convolution_layer, groups, "1", "[1, 2147483647]",       \
                 "groups of channels that do not see each other"),                  \
      LAMINA_CHOICE(struct lm_convolution_layer, border, "zeros", "zeros|circular", \
                    "what lies outside: zeros, or the opposite side"),              \
      LAMINA_BOOL(struct lm_convolution_layer, bias, "true", "whether b is added")

/** The functions of the layer's table; setup() gets the number of axes. */
int32_t lm_convolution_layer_setup(struct lm_convolution_layer *self, struct lamina_call *call,
                                   uint32_t axes);
int32_t lm_convolution_layer_infer(void *instance, struct lamina_plan *plan);
int32_t lm_convolution_layer_forward(void *instance, struct lamina_call *call);
int32_t lm_convolution_layer_backward(void *instance, struct lamina_call *call);

/**
 * Says how the number of weights comes about, and how many a dense layer of the same map would
 * have: [pixels, channels] in to [pixels, channels] out.
 */
int32_t lm_convolution_note(struct lamina_plan *plan, const struct lm_convolution *v, uint32_t axes,
                            bool bias);

#endif
