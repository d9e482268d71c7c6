/*
 * reshape: the numbers of each sample in another shape, in order. y = x, dx = dy.
 *
 * Shapes: x [N, ...], y [N, shape], with as many elements a sample. One size may be -1: what is
 * left for it.
 */
#include <stdbool.h>

#include "reshaping/reshaping.h"

struct reshape {
  struct lamina_i64s shape;
};

static const struct lamina_setting settings[] = {
    LAMINA_I64S_REQUIRED(struct reshape, shape, "[-1, 2147483647]",
                         "sizes of a sample; one may be -1: what is left"),
};

static int32_t setup(void *instance, struct lamina_call *call)
{
  const struct reshape *self = instance;
  uint32_t open = 0;
  if (self->shape.count < 1 || self->shape.count > LAMINA_MAX_RANK - 1) {
    return lamina_failf(call, LAMINA_E_INVALID, "shape has %lld sizes, expected 1 to %d",
                        (long long)self->shape.count, LAMINA_MAX_RANK - 1);
  }
  for (int64_t i = 0; i < self->shape.count; i++) {
    open += self->shape.items[i] < 0;
  }
  return open <= 1
             ? LAMINA_OK
             : lamina_failf(call, LAMINA_E_INVALID, "shape has %u sizes of -1, expected 1", open);
}

/* Puts what is left of `elements` into the size that is open. False: they do not fit. */
static bool fill(struct lamina_type *y, int64_t *dims, int64_t elements)
{
  int64_t given = 1, *open = NULL;
  for (uint32_t i = 1; i < y->rank; i++) {
    if (dims[i] < 0) {
      open = &dims[i];
    } else if (__builtin_mul_overflow(given, dims[i], &given)) {
      return false;
    }
  }
  if (open == NULL) {
    return given == elements;
  }
  *open = given == 0 ? 0 : elements / given;
  return given != 0 && *open * given == elements;
}

static int32_t infer(void *instance, struct lamina_plan *plan)
{
  const struct reshape *self = instance;
  const struct lamina_type *x = lamina_in_f32(plan, 0);
  int64_t dims[LAMINA_MAX_RANK];
  char from[LAMINA_SHAPE_TEXT], to[LAMINA_SHAPE_TEXT];
  LAMINA_TRY(lamina_expect_inputs(plan, 1));
  if (x == NULL) {
    return LAMINA_E_SHAPE;
  }
  if (x->rank == 0) {
    return lamina_fail(plan->call, LAMINA_E_SHAPE,
                       "the input is a single number, and must be [N, ...]");
  }
  dims[0] = x->dims[0];
  for (int64_t i = 0; i < self->shape.count; i++) {
    dims[i + 1] = self->shape.items[i];
  }
  struct lamina_type y = lamina_type_f32((uint32_t)self->shape.count + 1, dims);
  int64_t elements = lamina_type_product(x, 1, x->rank);
  if (!fill(&y, dims, elements)) {
    return lamina_failf(plan->call, LAMINA_E_SHAPE,
                        "samples of %lld numbers, the input being %s, do not fit into %s",
                        (long long)elements, lamina_shape_text(x, from), lamina_shape_text(&y, to));
  }
  return lm_reshaping_declare(plan, &y);
}

LAMINA_LAYER(reshape, "1.0.0", "gives each sample another shape", struct reshape,
             LAMINA_SETTINGS(settings), .setup = setup, .infer = infer,
             .forward = lm_reshaping_forward, .backward = lm_reshaping_backward);
