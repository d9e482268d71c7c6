/*
 * split: cuts a tensor into pieces along an axis, each an output. dx is the dy side by side.
 *
 * Shapes: x [N, ..., L, ...]; output i [N, ..., L_i, ...], the L_i in order, L in sum.
 */
#include "slicing/slicing.h"

enum { MOST = 32 }; /* outputs that a node may have */

struct split {
  int64_t parts, axis;
  struct lamina_i64s sizes;
};

static const struct lamina_setting settings[] = {
    LAMINA_I64(struct split, parts, "0", "[0, 32]",
               "number of pieces, all of one size; 0: as `sizes` says"),
    LAMINA_I64S(struct split, sizes, "[]", "[1, 2147483647]",
                "positions of each piece, if they are not all alike"),
    LAMINA_I64(struct split, axis, "-1", "[-7, 7]",
               "the axis, 0 being the batch; negative: counted from the last, -1"),
};

static int32_t setup(void *instance, struct lamina_call *call)
{
  const struct split *self = instance;
  if ((self->parts > 0) == (self->sizes.count > 0)) {
    return lamina_failf(call, LAMINA_E_INVALID, "%s parts, the number of pieces, or sizes",
                        self->parts > 0 ? "only one of two can hold: give" : "give");
  }
  if (self->sizes.count > MOST) {
    return lamina_failf(call, LAMINA_E_INVALID, "sizes has %lld pieces, expected at most %d",
                        (long long)self->sizes.count, MOST);
  }
  return LAMINA_OK;
}

static int64_t pieces(const struct split *self)
{
  return self->parts > 0 ? self->parts : self->sizes.count;
}

static int64_t size_of(const struct split *self, const struct lm_slice *slice, int64_t piece)
{
  return self->parts > 0 ? slice->length / self->parts : self->sizes.items[piece];
}

static int32_t check_sizes(const struct split *self, struct lamina_call *call,
                           const struct lm_slice *slice, uint32_t axis)
{
  int64_t sum = 0;
  if (self->parts > 0 && (slice->length == 0 || slice->length % self->parts != 0)) {
    return lamina_failf(call, LAMINA_E_SHAPE,
                        "axis %u of the input has %lld positions, which are not %lld pieces of one "
                        "size",
                        axis, (long long)slice->length, (long long)self->parts);
  }
  for (int64_t i = 0; i < self->sizes.count; i++) {
    sum += self->sizes.items[i];
  }
  if (self->parts == 0 && sum != slice->length) {
    return lamina_failf(call, LAMINA_E_SHAPE,
                        "the sizes sum to %lld, but axis %u of the input has %lld positions",
                        (long long)sum, axis, (long long)slice->length);
  }
  return LAMINA_OK;
}

static int32_t infer(void *instance, struct lamina_plan *plan)
{
  const struct split *self = instance;
  struct lm_slice slice = {0};
  uint32_t axis = 0;
  LAMINA_TRY(lamina_expect_inputs(plan, 1));
  const struct lamina_type *x = lamina_in_f32(plan, 0);
  if (x == NULL) {
    return LAMINA_E_SHAPE;
  }
  LAMINA_TRY(lm_slice_axis(plan->call, x, self->axis, &axis, &slice));
  LAMINA_TRY(check_sizes(self, plan->call, &slice, axis));
  for (int64_t i = 0; i < pieces(self); i++) {
    slice.count = size_of(self, &slice, i);
    LAMINA_TRY(lm_slice_out(plan, (uint32_t)i, x, axis, &slice));
  }
  return LAMINA_OK;
}

static int32_t forward(void *instance, struct lamina_call *call)
{
  const struct split *self = instance;
  const struct lamina_view *x = lamina_get(call, LAMINA_IN, 0);
  struct lm_slice slice = {0};
  uint32_t axis = 0;
  if (x == NULL) {
    return LAMINA_E_PLUGIN;
  }
  LAMINA_TRY(lm_slice_axis(call, &x->type, self->axis, &axis, &slice));
  for (int64_t i = 0; i < pieces(self); i++, slice.first += slice.count) {
    const struct lamina_view *y = lamina_get(call, LAMINA_OUT, (uint32_t)i);
    if (y == NULL) {
      return LAMINA_E_PLUGIN;
    }
    slice.count = size_of(self, &slice, i);
    LAMINA_TRY(lm_slice_take(call, &slice, x->data, y->data));
  }
  return LAMINA_OK;
}

static int32_t backward(void *instance, struct lamina_call *call)
{
  const struct split *self = instance;
  uint32_t request = LAMINA_SKIP, axis = 0;
  const struct lamina_view *dx = lamina_grad(call, LAMINA_IN, 0, &request);
  struct lm_slice slice = {0};
  if (request == LAMINA_SKIP) {
    return LAMINA_OK;
  }
  if (dx == NULL) {
    return LAMINA_E_PLUGIN;
  }
  LAMINA_TRY(lm_slice_axis(call, &dx->type, self->axis, &axis, &slice));
  for (int64_t i = 0; i < pieces(self); i++, slice.first += slice.count) {
    const struct lamina_view *dy = lamina_grad(call, LAMINA_OUT, (uint32_t)i, NULL);
    if (dy == NULL) {
      return LAMINA_E_PLUGIN;
    }
    slice.count = size_of(self, &slice, i);
    LAMINA_TRY(lm_slice_give(call, &slice, dy->data, dx->data, request, 0));
  }
  return LAMINA_OK;
}

LAMINA_LAYER(split, "1.0.0", "pieces of a tensor along an axis", struct split,
             LAMINA_SETTINGS(settings), .setup = setup, .infer = infer, .forward = forward,
             .backward = backward);
