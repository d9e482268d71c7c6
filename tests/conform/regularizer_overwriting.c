/*
 * A test-only penalty, half the sum of squares, that overwrites the gradient.
 */
#include <lamina/regularizer.h>

static int32_t apply(void *self, struct lamina_call *call, struct lamina_penalty *penalty)
{
  (void)self, (void)call;
  for (int64_t i = 0; i < penalty->n; i++) {
    double w = (double)penalty->weight[i];
    penalty->value += 0.5 * w * w;
    if (penalty->grad != NULL) {
      penalty->grad[i] = penalty->weight[i];
    }
  }
  return LAMINA_OK;
}

LAMINA_REGULARIZER(overwriting, "1.0.0", "half the sum of squares", LAMINA_NOTHING, .apply = apply);
