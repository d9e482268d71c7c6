/*
 * crop: a part of an image, y[n, i, j] = x[n, top + i, left + j]. dx is dy there and 0 elsewhere.
 *
 * Shapes: x [N, H, W, C] or [N, H, W], y [N, size, size, C] or without C. The loops are in
 * plugins/layers/resampling.
 */
#include "convolution/window.h"
#include "resampling/gather.h"

enum { AXES = 2 };

struct crop {
  struct lamina_i64s size, offset;
};

static const struct lamina_setting settings[] = {
    LAMINA_I64S_REQUIRED(struct crop, size, "[1, 2147483647]",
                         "pixels that are left, for both axes or for each"),
    LAMINA_I64S(struct crop, offset, "[]", "[0, 2147483647]",
                "pixels left out at the top and at the left; empty: as many on either side"),
};

static int32_t map_axis(const struct crop *self, struct lamina_call *call, uint32_t number,
                        struct lm_axis *axis)
{
  axis->out = lm_window_item(&self->size, number);
  int64_t room = axis->in - axis->out;
  int64_t offset = self->offset.count == 0 ? room / 2 : lm_window_item(&self->offset, number);
  if (room < 0 || offset > room) {
    return lamina_failf(call, LAMINA_E_SHAPE, "a %s of %lld has no part of %lld from %lld on",
                        number == 0 ? "height" : "width", (long long)axis->in, (long long)axis->out,
                        (long long)(room < 0 ? 0 : offset));
  }
  axis->before = -offset;
  return LAMINA_OK;
}

static int32_t maps(const void *instance, struct lamina_call *call, const struct lamina_type *x,
                    struct lm_gather *gather)
{
  const struct crop *self = instance;
  (void)x;
  LAMINA_TRY(lm_window_check_list(call, &self->size, "size", AXES));
  if (self->offset.count != 0) {
    LAMINA_TRY(lm_window_check_list(call, &self->offset, "offset", AXES));
  }
  LAMINA_TRY(map_axis(self, call, 0, &gather->h));
  return map_axis(self, call, 1, &gather->w);
}

static int32_t infer(void *instance, struct lamina_plan *plan)
{
  return lm_gather_infer(instance, plan, maps);
}

static int32_t forward(void *instance, struct lamina_call *call)
{
  return lm_gather_forward(instance, call, maps);
}

static int32_t backward(void *instance, struct lamina_call *call)
{
  return lm_gather_backward(instance, call, maps);
}

LAMINA_LAYER(crop, "1.0.0", "a part of an image", struct crop, LAMINA_SETTINGS(settings),
             .infer = infer, .forward = forward, .backward = backward);
