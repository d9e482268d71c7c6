/*
 * swish: y = x sigmoid(beta x), elementwise (Ramachandran, Zoph, Le, "Searching for activation
 * functions", 2017; with beta = 1 the SiLU of Elfwing, Uchibe, Doya, 2018).
 *
 *   dy/dx = s + beta x s (1 - s)     s = sigmoid(beta x)
 *
 * Not monotone, so two x have the same y, and the slope needs x. Shape: any, kept.
 *
 * SPDX-License-Identifier: MIT
 */
#define LAMINA_LICENSE "MIT"
#include <lamina/pointwise.h>

struct swish {
  double beta;
};

/* The YAML keys: the host checks them and fills them in. */
static const struct lamina_setting settings[] = {
    LAMINA_F64(struct swish, beta, "1", "(0, 1e6]", "small: nearly x / 2, large: nearly relu"),
};

/** Where the sigmoid is 0, y is 0, also for x = -inf. */
LAMINA_INLINE float value(const struct swish *self, float x)
{
  float s = lamina_sigmoidf((float)self->beta * x);
  return lamina_selectf(s > 0.0f, x * s, lamina_selectf(x < 0.0f, -0.0f, x));
}

/** s (1 - s) is 0 beyond |beta x| = 104, and there it is not multiplied by an infinite x. */
LAMINA_INLINE float derivative(const struct swish *self, float x)
{
  float z = (float)self->beta * x, s = lamina_sigmoidf(z);
  float slope = s * lamina_sigmoidf(-z);
  return s + lamina_selectf(slope > 0.0f, z * slope, 0.0f);
}

LAMINA_POINTWISE(swish, "1.0.0", "x sigmoid(beta x), elementwise", struct swish,
                 LAMINA_SETTINGS(settings), value, derivative, LAMINA_IN);
