/*
 * relu: y = max(x, 0), elementwise. Nair, Hinton: "Rectified linear units improve restricted
 * Boltzmann machines", ICML 2010.
 *
 * The slope is 1 for x > 0 and 0 otherwise, at 0 too. It is read from y, which is positive
 * exactly where x is, so the layer may overwrite its input. Shape: any, kept.
 */
#include <lamina/pointwise.h>

/** NaN is not below 0 and so stays NaN. */
LAMINA_INLINE float value(const struct lamina_nothing *self, float x)
{
  (void)self;
  return lamina_selectf(x < 0.0f, 0.0f, x);
}

LAMINA_INLINE float derivative(const struct lamina_nothing *self, float y)
{
  (void)self;
  return lamina_selectf(y > 0.0f, 1.0f, 0.0f);
}

LAMINA_POINTWISE(relu, "1.0.0", "max(x, 0), elementwise", LAMINA_NOTHING, value, derivative,
                 LAMINA_OUT);
