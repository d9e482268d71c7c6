/* A test-only layer: y = e^x. Its derivative is y, so it may work in place. */
#include <math.h>

#include <lamina/pointwise.h>

LAMINA_INLINE float value(const struct lamina_nothing *self, float x)
{
  (void)self;
  return expf(x);
}

LAMINA_INLINE float derivative(const struct lamina_nothing *self, float y)
{
  (void)self;
  return y;
}

LAMINA_POINTWISE(exp, "1.0.0", "e^x, elementwise", LAMINA_NOTHING, value, derivative, LAMINA_OUT);
