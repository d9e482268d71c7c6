/*
 * mse: L = mean over all elements of (p - t)^2, the mean squared error.
 *
 *   dp = 2 g (p - t) / n     dt = -dp     g: the weight of the loss, n: number of elements
 *
 * Shapes: p [N, ...]; t the same, or [N] for p [N, 1]; both float32. The loops are in
 * plugins/losses/squares.
 */
#include "squares/squares.h"

static int32_t infer(void *self, struct lamina_plan *plan)
{
  (void)self;
  LAMINA_TRY(lamina_expect_inputs(plan, 2));
  const struct lamina_type *p = lamina_in_f32(plan, 0);
  const struct lamina_type *t = lamina_in(plan, 1);
  if (p == NULL || t == NULL) {
    return LAMINA_E_SHAPE;
  }
  if (!lamina_type_is_f32(t)) {
    return lamina_fail(plan->call, LAMINA_E_SHAPE,
                       "the target must be float32 numbers: for class labels use cross_entropy");
  }
  LAMINA_TRY(lamina_expect_alike(plan, p, t));
  LAMINA_TRY(lamina_out_loss(plan));
  return lm_squares_infer(plan, lamina_type_count(p));
}

static int32_t forward(void *self, struct lamina_call *call)
{
  const struct lamina_view *p = lamina_get(call, LAMINA_IN, 0);
  const struct lamina_view *loss = lamina_get(call, LAMINA_OUT, 0);
  double sum = 0.0;
  (void)self;
  if (p == NULL || loss == NULL) {
    return LAMINA_E_PLUGIN;
  }
  int64_t n = lamina_type_count(&p->type);
  LAMINA_TRY(lm_squares_sum(call, &sum));
  *(float *)loss->data = n == 0 ? 0.0f : (float)(sum / (double)n);
  return LAMINA_OK;
}

static int32_t backward(void *self, struct lamina_call *call)
{
  const struct lamina_view *p = lamina_get(call, LAMINA_IN, 0);
  const struct lamina_view *weight = lamina_grad(call, LAMINA_OUT, 0, NULL);
  (void)self;
  if (p == NULL || weight == NULL) {
    return LAMINA_E_PLUGIN;
  }
  double n = (double)lamina_type_count(&p->type);
  return lm_squares_gradients(call, 2.0 * (double)*(const float *)weight->data / n);
}

LAMINA_LOSS(mse, "1.0.0", "mean of squared differences", LAMINA_NOTHING, .infer = infer,
            .forward = forward, .backward = backward);
