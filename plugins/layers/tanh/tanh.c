/*
 * tanh: y = (e^x - e^-x) / (e^x + e^-x), the hyperbolic tangent, elementwise.
 *
 * Its derivative 1 - y^2 needs only y, so the layer may overwrite its input. It is computed as
 * (1 - y) (1 + y), which keeps more bits near y = 1 and y = -1. Shape: any, kept.
 */
#include <lamina/pointwise.h>

LAMINA_INLINE float value(const struct lamina_nothing *self, float x)
{
  (void)self;
  return lamina_tanhf(x);
}

LAMINA_INLINE float derivative(const struct lamina_nothing *self, float y)
{
  (void)self;
  return (1.0f - y) * (1.0f + y);
}

LAMINA_POINTWISE(tanh, "1.0.0", "the hyperbolic tangent, elementwise", LAMINA_NOTHING, value,
                 derivative, LAMINA_OUT);
