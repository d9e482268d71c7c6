/*
 * A test-only layer: y = a b, elementwise; each derivative reads the other input.
 */
#include <lamina/expect.h>
#include <lamina/layer.h>

static int32_t infer(void *self, struct lamina_plan *plan)
{
  (void)self;
  LAMINA_TRY(lamina_expect_inputs(plan, 2));
  LAMINA_TRY(lamina_out_like(plan, 0, lamina_in_f32(plan, 0)));
  LAMINA_TRY(lamina_bwd_reads(plan, LAMINA_IN, 0));
  return lamina_bwd_reads(plan, LAMINA_IN, 1);
}

static int32_t forward(void *self, struct lamina_call *call)
{
  const struct lamina_view *a = lamina_get(call, LAMINA_IN, 0);
  const struct lamina_view *b = lamina_get(call, LAMINA_IN, 1);
  const struct lamina_view *y = lamina_get(call, LAMINA_OUT, 0);
  (void)self;
  if (a == NULL || b == NULL || y == NULL) {
    return LAMINA_E_PLUGIN;
  }
  for (int64_t i = 0; i < lamina_type_count(&y->type); i++) {
    ((float *)y->data)[i] = ((const float *)a->data)[i] * ((const float *)b->data)[i];
  }
  return LAMINA_OK;
}

static int32_t backward(void *self, struct lamina_call *call)
{
  const struct lamina_view *dy = lamina_grad(call, LAMINA_OUT, 0, NULL);
  (void)self;
  for (uint32_t k = 0; k < 2; k++) {
    uint32_t request;
    const struct lamina_view *dx = lamina_grad(call, LAMINA_IN, k, &request);
    const struct lamina_view *other = lamina_get(call, LAMINA_IN, 1 - k);
    if (other == NULL || dy == NULL) {
      return LAMINA_E_PLUGIN;
    }
    for (int64_t i = 0; dx != NULL && i < lamina_type_count(&dy->type); i++) {
      float part = ((const float *)dy->data)[i] * ((const float *)other->data)[i];
      float *to = (float *)dx->data + i;
      *to = request == LAMINA_ADD ? *to + part : part;
    }
  }
  return LAMINA_OK;
}

LAMINA_LAYER(product, "1.0.0", "product of two inputs, elementwise", LAMINA_NOTHING, .infer = infer,
             .forward = forward, .backward = backward);
