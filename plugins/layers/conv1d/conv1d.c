/*
 * conv1d: y[n, t, k] = b[k] + the sum over the window and its channels of x W: conv2d for signals,
 * that is images of height 1.
 *
 * Shapes: x [N, T, C] (or [N, T], one channel), y [N, OT, K], W [KT, C / groups, K], b [K]. How it
 * is computed is in plugins/layers/convolution.
 */
#include "convolution/layer.h"

static const struct lamina_setting settings[] = {LM_CONVOLUTION_ROWS};

static int32_t setup(void *instance, struct lamina_call *call)
{
  return lm_convolution_layer_setup(instance, call, 1);
}

LAMINA_LAYER(conv1d, "1.0.0", "convolution of signals, channels last", struct lm_convolution_layer,
             LAMINA_SETTINGS(settings), .setup = setup, .infer = lm_convolution_layer_infer,
             .forward = lm_convolution_layer_forward, .backward = lm_convolution_layer_backward);
