/*
 * A test-only layer: y = x^2. Backward reads x: y = x^2 has lost its sign.
 */
#include <lamina/pointwise.h>

LAMINA_INLINE float value(const struct lamina_nothing *self, float x)
{
  (void)self;
  return x * x;
}

LAMINA_INLINE float derivative(const struct lamina_nothing *self, float x)
{
  (void)self;
  return 2.0f * x;
}

LAMINA_POINTWISE(square, "1.0.0", "square of each element", LAMINA_NOTHING, value, derivative,
                 LAMINA_IN);
