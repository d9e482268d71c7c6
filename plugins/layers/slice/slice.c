/*
 * slice: some positions of an axis, y[..., k, ...] = x[..., begin + k * step, ...]. dx is dy there
 * and 0 elsewhere.
 *
 * Shapes: x [N, ..., L, ...], y [N, ..., K, ...], K = ceil((end - begin) / step).
 */
#include "slicing/slicing.h"

struct slice {
  int64_t begin, end, step, axis;
};

static const struct lamina_setting settings[] = {
    LAMINA_I64(struct slice, begin, "0", "[-2147483648, 2147483647]",
               "the first position; negative: counted from the end, -1 being the last"),
    LAMINA_I64(struct slice, end, "0", "[-2147483648, 2147483647]",
               "the first position left out; 0: none is; negative: counted from the end"),
    LAMINA_I64(struct slice, step, "1", "[1, 2147483647]", "from one position to the next"),
    LAMINA_I64(struct slice, axis, "-1", "[-7, 7]",
               "the axis, 0 being the batch; negative: counted from the last, -1"),
};

static int32_t slice_of(const struct slice *self, struct lamina_call *call,
                        const struct lamina_type *x, uint32_t *axis, struct lm_slice *slice)
{
  LAMINA_TRY(lm_slice_axis(call, x, self->axis, axis, slice));
  int64_t end = self->end <= 0 ? slice->length + self->end : self->end;
  slice->first = self->begin < 0 ? slice->length + self->begin : self->begin;
  slice->step = self->step;
  if (slice->first < 0 || slice->first >= end || end > slice->length) {
    return lamina_failf(
        call, LAMINA_E_SHAPE,
        "axis %u of the input has %lld positions, which have no part from %lld up to "
        "%lld",
        *axis, (long long)slice->length, (long long)slice->first, (long long)end);
  }
  slice->count = (end - slice->first - 1) / slice->step + 1;
  return LAMINA_OK;
}

static int32_t infer(void *instance, struct lamina_plan *plan)
{
  struct lm_slice slice = {0};
  uint32_t axis = 0;
  LAMINA_TRY(lamina_expect_inputs(plan, 1));
  const struct lamina_type *x = lamina_in_f32(plan, 0);
  if (x == NULL) {
    return LAMINA_E_SHAPE;
  }
  LAMINA_TRY(slice_of(instance, plan->call, x, &axis, &slice));
  return lm_slice_out(plan, 0, x, axis, &slice);
}

static int32_t forward(void *instance, struct lamina_call *call)
{
  const struct lamina_view *x = lamina_get(call, LAMINA_IN, 0);
  const struct lamina_view *y = lamina_get(call, LAMINA_OUT, 0);
  struct lm_slice slice = {0};
  uint32_t axis = 0;
  if (x == NULL || y == NULL) {
    return LAMINA_E_PLUGIN;
  }
  LAMINA_TRY(slice_of(instance, call, &x->type, &axis, &slice));
  return lm_slice_take(call, &slice, x->data, y->data);
}

static int32_t backward(void *instance, struct lamina_call *call)
{
  uint32_t request = LAMINA_SKIP, axis = 0;
  const struct lamina_view *dx = lamina_grad(call, LAMINA_IN, 0, &request);
  const struct lamina_view *dy = lamina_grad(call, LAMINA_OUT, 0, NULL);
  struct lm_slice slice = {0};
  if (request == LAMINA_SKIP) {
    return LAMINA_OK;
  }
  if (dx == NULL || dy == NULL) {
    return LAMINA_E_PLUGIN;
  }
  LAMINA_TRY(slice_of(instance, call, &dx->type, &axis, &slice));
  return lm_slice_give(call, &slice, dy->data, dx->data, request, 1);
}

LAMINA_LAYER(slice, "1.0.0", "some positions of an axis", struct slice, LAMINA_SETTINGS(settings),
             .infer = infer, .forward = forward, .backward = backward);
