/*
 * conv2d: y[n, oh, ow, k] = b[k] + the sum over the window and its channels of x W, the
 * cross-correlation that deep learning calls convolution. LeCun et al.: "Backpropagation applied
 * to handwritten zip code recognition", Neural Computation 1(4), 1989.
 *
 * Shapes: x [N, H, W, C] (or [N, H, W], one channel), y [N, OH, OW, K], W [KH, KW, C / groups, K],
 * b [K]. How it is computed is in plugins/layers/convolution.
 */
#include "convolution/layer.h"

static const struct lamina_setting settings[] = {LM_CONVOLUTION_ROWS};

static int32_t setup(void *instance, struct lamina_call *call)
{
  return lm_convolution_layer_setup(instance, call, 2);
}

LAMINA_LAYER(conv2d, "1.0.0", "convolution of images, channels last", struct lm_convolution_layer,
             LAMINA_SETTINGS(settings), .setup = setup, .infer = lm_convolution_layer_infer,
             .forward = lm_convolution_layer_forward, .backward = lm_convolution_layer_backward);
