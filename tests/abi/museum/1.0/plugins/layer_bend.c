/* y = max(x, x / 4), elementwise, made by the header of pointwise layers as it was. */
#include <lamina/pointwise.h>

LAMINA_INLINE float value(const void *self, float x)
{
  (void)self;
  return lamina_selectf(x > 0.0f, x, 0.25f * x);
}

LAMINA_INLINE float derivative(const void *self, float y)
{
  (void)self;
  return lamina_selectf(y > 0.0f, 1.0f, 0.25f);
}

LAMINA_POINTWISE(bend, "1.0.0", "max(x, x / 4)", LAMINA_NOTHING, value, derivative, LAMINA_OUT);
