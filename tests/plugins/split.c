/*
 * A test-only layer with two outputs: the left and the right half of the columns.
 */
#include <lamina/expect.h>
#include <lamina/layer.h>

static int32_t infer(void *self, struct lamina_plan *plan)
{
  const struct lamina_type *x = lamina_in_f32(plan, 0);
  (void)self;
  if (x == NULL || x->rank != 2 || x->dims[1] % 2 != 0) {
    return lamina_fail(plan->call, LAMINA_E_SHAPE, "needs an even number of columns");
  }
  const int64_t dims[2] = {x->dims[0], x->dims[1] / 2};
  struct lamina_type half = lamina_type_f32(2, dims);
  LAMINA_TRY(lamina_out(plan, 0, &half));
  return lamina_out(plan, 1, &half);
}

static int32_t forward(void *self, struct lamina_call *call)
{
  const struct lamina_view *x = lamina_get(call, LAMINA_IN, 0);
  (void)self;
  for (uint32_t o = 0; o < 2; o++) {
    const struct lamina_view *y = lamina_get(call, LAMINA_OUT, o);
    if (x == NULL || y == NULL) {
      return LAMINA_E_PLUGIN;
    }
    int64_t width = y->type.dims[1];
    for (int64_t i = 0; i < lamina_type_count(&y->type); i++) {
      int64_t from = i / width * 2 * width + o * width + i % width;
      ((float *)y->data)[i] = ((const float *)x->data)[from];
    }
  }
  return LAMINA_OK;
}

static int32_t backward(void *self, struct lamina_call *call)
{
  uint32_t request;
  const struct lamina_view *dx = lamina_grad(call, LAMINA_IN, 0, &request);
  (void)self;
  for (uint32_t o = 0; o < 2 && request != LAMINA_SKIP; o++) {
    const struct lamina_view *dy = lamina_grad(call, LAMINA_OUT, o, NULL);
    if (dy == NULL || dx == NULL) {
      return LAMINA_E_PLUGIN;
    }
    int64_t width = dy->type.dims[1];
    for (int64_t i = 0; i < lamina_type_count(&dy->type); i++) {
      float *to = (float *)dx->data + i / width * 2 * width + o * width + i % width;
      *to = (request == LAMINA_ADD ? *to : 0.0f) + ((const float *)dy->data)[i];
    }
  }
  return LAMINA_OK;
}

LAMINA_LAYER(split, "1.0.0", "left and right half of the columns", LAMINA_NOTHING, .infer = infer,
             .forward = forward, .backward = backward);
