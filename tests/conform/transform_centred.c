/*
 * A test-only transform that takes the mean of the batch away from each sample.
 */
#include <lamina/expect.h>
#include <lamina/transform.h>

static int32_t infer(void *self, struct lamina_plan *plan)
{
  (void)self;
  return lamina_out_like(plan, 0, lamina_in_f32(plan, 0));
}

static int32_t apply(void *self, struct lamina_call *call)
{
  const struct lamina_view *x = lamina_get(call, LAMINA_IN, 0);
  const struct lamina_view *y = lamina_get(call, LAMINA_OUT, 0);
  double sum = 0.0;
  (void)self;
  if (x == NULL || y == NULL) {
    return LAMINA_E_PLUGIN;
  }
  int64_t n = lamina_type_count(&x->type);
  for (int64_t i = 0; i < n; i++) {
    sum += (double)((const float *)x->data)[i];
  }
  for (int64_t i = 0; i < n; i++) {
    ((float *)y->data)[i] = ((const float *)x->data)[i] - (float)(sum / (double)n);
  }
  return LAMINA_OK;
}

LAMINA_TRANSFORM(centred, "1.0.0", "takes the batch's mean away", LAMINA_NOTHING, .infer = infer,
                 .apply = apply);
