/*
 * A test-only loss: the sum of p t over all elements, divided by the batch size. Its gradient
 * with respect to p is t / N: what a test puts into the target comes out as that gradient.
 */
#include <lamina/expect.h>
#include <lamina/loss.h>

static int32_t infer(void *self, struct lamina_plan *plan)
{
  const struct lamina_type *p = lamina_in_f32(plan, 0);
  const struct lamina_type *t = lamina_in_f32(plan, 1);
  (void)self;
  if (p == NULL || t == NULL || lamina_type_count(p) != lamina_type_count(t)) {
    return lamina_fail(plan->call, LAMINA_E_SHAPE, "prediction and target differ in size");
  }
  LAMINA_TRY(lamina_bwd_reads(plan, LAMINA_IN, 1));
  return lamina_out_loss(plan);
}

static int32_t forward(void *self, struct lamina_call *call)
{
  const struct lamina_view *p = lamina_get(call, LAMINA_IN, 0);
  const struct lamina_view *t = lamina_get(call, LAMINA_IN, 1);
  const struct lamina_view *loss = lamina_get(call, LAMINA_OUT, 0);
  double sum = 0.0;
  (void)self;
  if (p == NULL || t == NULL || loss == NULL) {
    return LAMINA_E_PLUGIN;
  }
  for (int64_t i = 0; i < lamina_type_count(&p->type); i++) {
    sum += (double)((const float *)p->data)[i] * (double)((const float *)t->data)[i];
  }
  *(float *)loss->data = p->type.dims[0] == 0 ? 0.0f : (float)(sum / (double)p->type.dims[0]);
  return LAMINA_OK;
}

static int32_t backward(void *self, struct lamina_call *call)
{
  uint32_t request;
  const struct lamina_view *dp = lamina_grad(call, LAMINA_IN, 0, &request);
  const struct lamina_view *t = lamina_get(call, LAMINA_IN, 1);
  const struct lamina_view *dy = lamina_grad(call, LAMINA_OUT, 0, NULL);
  (void)self;
  LAMINA_TRY(lamina_expect_no_gradient(call, 1));
  if (t == NULL || dy == NULL) {
    return LAMINA_E_PLUGIN;
  }
  for (int64_t i = 0; request != LAMINA_SKIP && i < lamina_type_count(&dp->type); i++) {
    float part = *(const float *)dy->data * ((const float *)t->data)[i] / (float)dp->type.dims[0];
    float *to = (float *)dp->data + i;
    *to = request == LAMINA_ADD ? *to + part : part;
  }
  return LAMINA_OK;
}

LAMINA_LOSS(dot, "1.0.0", "scalar product of prediction and target", LAMINA_NOTHING, .infer = infer,
            .forward = forward, .backward = backward);
