/*
 * A test-only optimizer whose step of a weight depends on the weight before it in the range.
 */
#include <lamina/optimizer.h>

static double rate(const void *self)
{
  (void)self;
  return 0.1;
}

static int32_t step(void *self, struct lamina_call *call, const struct lamina_update *update)
{
  (void)self, (void)call;
  for (int64_t i = 0; i < update->n; i++) {
    float before = i > 0 ? update->grad[i - 1] : 0.0f;
    float grad = (update->grad[i] + 0.5f * before) * (float)update->grad_scale;
    update->weight[i] = update->weight[i] * (float)update->keep - (float)update->rate * grad;
  }
  return LAMINA_OK;
}

LAMINA_OPTIMIZER(leaky, "1.0.0", "mixes neighbours", LAMINA_NOTHING, .rate = rate, .step = step);
