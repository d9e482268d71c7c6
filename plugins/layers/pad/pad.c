/*
 * pad: adds pixels around an image: a constant, the opposite side, the mirror image, or copies of
 * the border. dx is the sum of dy over all copies of a pixel.
 *
 * Shapes: x [N, H, W, C] or [N, H, W], y [N, top + H + bottom, left + W + right, C]. The loops are
 * in plugins/layers/resampling.
 */
#include "convolution/window.h"
#include "resampling/gather.h"

enum { AXES = 2 };

struct pad {
  struct lamina_i64s padding;
  int32_t border;
  double value;
};

static const struct lamina_setting settings[] = {
    LAMINA_I64S(struct pad, padding, "1", "[0, 32767]",
                "pixels at all borders, at those of each axis, or at each border"),
    LAMINA_CHOICE(struct pad, border, "zeros", "zeros|circular|reflect|edge",
                  "what is added: zeros (or value), the opposite side, a mirror image, the edge"),
    LAMINA_F64(struct pad, value, "0", "(-inf, inf)", "what is added instead of zeros"),
};

static int32_t map_axis(const struct pad *self, struct lamina_call *call, uint32_t number,
                        struct lm_axis *axis)
{
  int64_t after = 0;
  LAMINA_TRY(lm_window_borders(call, &self->padding, AXES, number, &axis->before, &after));
  axis->outside = self->border;
  axis->out = axis->before + axis->in + after;
  if (self->border == LM_OUTSIDE_REFLECT && (axis->before >= axis->in || after >= axis->in)) {
    return lamina_failf(call, LAMINA_E_SHAPE,
                        "a %s of %lld has no mirror image of %lld pixels, only of less than %lld",
                        number == 0 ? "height" : "width", (long long)axis->in,
                        (long long)(axis->before > after ? axis->before : after),
                        (long long)axis->in);
  }
  return LAMINA_OK;
}

static int32_t maps(const void *instance, struct lamina_call *call, const struct lamina_type *x,
                    struct lm_gather *gather)
{
  const struct pad *self = instance;
  (void)x;
  gather->value = (float)self->value;
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

LAMINA_LAYER(pad, "1.0.0", "adds pixels around an image", struct pad, LAMINA_SETTINGS(settings),
             .infer = infer, .forward = forward, .backward = backward);
