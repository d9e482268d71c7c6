/*
 * A test-only layer: y = sin x. The derivative cannot be had from y, which has lost the sign of
 * cos x, so backward reads x and the output may not overwrite the input.
 */
#include <math.h>

#include <lamina/pointwise.h>

LAMINA_INLINE float value(const struct lamina_nothing *self, float x)
{
  (void)self;
  return sinf(x);
}

LAMINA_INLINE float derivative(const struct lamina_nothing *self, float x)
{
  (void)self;
  return cosf(x);
}

LAMINA_POINTWISE(sin, "1.0.0", "sine of each element", LAMINA_NOTHING, value, derivative,
                 LAMINA_IN);
