/*
 * sigmoid: y = 1 / (1 + exp(-x)), the logistic function, elementwise.
 *
 * Its derivative y (1 - y) needs only y, so the layer may overwrite its input. In float32 the
 * slope is exactly 0 beyond x = 17.4, where y has become 1. Shape: any, kept.
 */
#include <lamina/pointwise.h>

LAMINA_INLINE float value(const struct lamina_nothing *self, float x)
{
  (void)self;
  return lamina_sigmoidf(x);
}

LAMINA_INLINE float derivative(const struct lamina_nothing *self, float y)
{
  (void)self;
  return y * (1.0f - y);
}

LAMINA_POINTWISE(sigmoid, "1.0.0", "1 / (1 + exp(-x)), elementwise", LAMINA_NOTHING, value,
                 derivative, LAMINA_OUT);
