/*
 * max_pool2d: y = the largest x of each window, channel by channel.
 *
 * Shapes: x [N, H, W, C] or [N, H, W], y [N, OH, OW, C] or [N, OH, OW]. How it is computed is in
 * plugins/layers/pooling.
 */
#include "pooling/max.h"

static const struct lamina_setting settings[] = {LM_POOLING_ROWS};

static int32_t setup(void *instance, struct lamina_call *call)
{
  struct lm_pooling *self = instance;
  (void)call;
  self->axes = 2;
  return LAMINA_OK;
}

LAMINA_LAYER(max_pool2d, "1.0.0", "the largest number of each window", struct lm_pooling,
             LAMINA_SETTINGS(settings), .setup = setup, .infer = lm_max_pool_infer,
             .forward = lm_max_pool_forward, .backward = lm_max_pool_backward);
