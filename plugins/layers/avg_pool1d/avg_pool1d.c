/*
 * avg_pool1d: y = the mean of x over each window, channel by channel.
 *
 * Shapes: x [N, T, C] or [N, T], y [N, OT, C] or [N, OT]. How it is computed is in
 * plugins/layers/pooling.
 */
#include "pooling/average.h"

static const struct lamina_setting settings[] = {
    LM_POOLING_ROWS,
    LAMINA_BOOL(struct lm_pooling, count_padding, "false",
                "whether padding counts as zeros, or only what is inside"),
};

static int32_t setup(void *instance, struct lamina_call *call)
{
  struct lm_pooling *self = instance;
  (void)call;
  self->axes = 1;
  return LAMINA_OK;
}

LAMINA_LAYER(avg_pool1d, "1.0.0", "the mean of each window of a signal", struct lm_pooling,
             LAMINA_SETTINGS(settings), .setup = setup, .infer = lm_average_pool_infer,
             .forward = lm_average_pool_forward, .backward = lm_average_pool_backward);
