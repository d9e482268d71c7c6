/*
 * A test-only loss that is a sum over the batch and not a mean: half the sum of squares.
 */
#include <lamina/loss.h>

static int32_t infer(void *self, struct lamina_plan *plan)
{
  (void)self;
  LAMINA_TRY(lamina_expect_inputs(plan, 1));
  if (lamina_in_f32(plan, 0) == NULL) {
    return LAMINA_E_SHAPE;
  }
  LAMINA_TRY(lamina_bwd_reads(plan, LAMINA_IN, 0));
  return lamina_out_loss(plan);
}

static int32_t forward(void *self, struct lamina_call *call)
{
  const struct lamina_view *x = lamina_get(call, LAMINA_IN, 0);
  const struct lamina_view *loss = lamina_get(call, LAMINA_OUT, 0);
  double sum = 0.0;
  (void)self;
  if (x == NULL || loss == NULL) {
    return LAMINA_E_PLUGIN;
  }
  for (int64_t i = 0; i < lamina_type_count(&x->type); i++) {
    double value = (double)((const float *)x->data)[i];
    sum += 0.5 * value * value;
  }
  *(float *)loss->data = (float)sum;
  return LAMINA_OK;
}

static int32_t backward(void *self, struct lamina_call *call)
{
  uint32_t request;
  const struct lamina_view *x = lamina_get(call, LAMINA_IN, 0);
  const struct lamina_view *weight = lamina_grad(call, LAMINA_OUT, 0, NULL);
  const struct lamina_view *dx = lamina_grad(call, LAMINA_IN, 0, &request);
  (void)self;
  if (x == NULL || weight == NULL) {
    return LAMINA_E_PLUGIN;
  }
  for (int64_t i = 0; dx != NULL && i < lamina_type_count(&x->type); i++) {
    float part = *(const float *)weight->data * ((const float *)x->data)[i];
    float *to = (float *)dx->data + i;
    *to = request == LAMINA_ADD ? *to + part : part;
  }
  return LAMINA_OK;
}

LAMINA_LOSS(summed, "1.0.0", "half the sum of squares", LAMINA_NOTHING, .infer = infer,
            .forward = forward, .backward = backward);
