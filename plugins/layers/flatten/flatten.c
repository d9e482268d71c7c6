/*
 * flatten: all axes but the first folded into one, in order. y = x, dx = dy, element by element.
 *
 * Shapes: x [N, A, B, ...], y [N, A * B * ...]; [N] becomes [N, 1].
 */
#include "reshaping/reshaping.h"

/* "28 * 28 = 784", the reason of the output's size. */
static int32_t note_shape(struct lamina_plan *plan, const struct lamina_type *x, int64_t features)
{
  char text[LAMINA_SHAPE_TEXT];
  size_t at = 0;
  if (x->rank < 3) {
    return LAMINA_OK;
  }
  for (uint32_t i = 1; i < x->rank; i++) {
    at += (size_t)snprintf(text + at, sizeof text - at, i == 1 ? "%lld" : " * %lld",
                           (long long)x->dims[i]);
  }
  return lamina_notef(plan, LAMINA_NOTE_SHAPE, "%s = %lld", text, (long long)features);
}

static int32_t infer(void *self, struct lamina_plan *plan)
{
  const struct lamina_type *x = lamina_in_f32(plan, 0);
  (void)self;
  LAMINA_TRY(lamina_expect_inputs(plan, 1));
  if (x == NULL) {
    return LAMINA_E_SHAPE;
  }
  if (x->rank == 0) {
    return lamina_fail(plan->call, LAMINA_E_SHAPE,
                       "the input is a single number, and must be [N, ...]");
  }
  int64_t dims[2] = {x->dims[0], lamina_type_product(x, 1, x->rank)};
  struct lamina_type y = lamina_type_f32(2, dims);
  LAMINA_TRY(note_shape(plan, x, dims[1]));
  return lm_reshaping_declare(plan, &y);
}

LAMINA_LAYER(flatten, "1.0.0", "folds all axes but the first into one", LAMINA_NOTHING,
             .infer = infer, .forward = lm_reshaping_forward, .backward = lm_reshaping_backward);
