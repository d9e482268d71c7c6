/* leaky_relu: y = x for x > 0, slope * x otherwise. One file, no link against Lamina. */
#define LAMINA_LICENSE "MIT"
#include <lamina/pointwise.h>

struct leaky_relu {
  double slope;
};

/* The YAML keys: checked, documented and filled in by the host. */
static const struct lamina_setting settings[] = {
    LAMINA_F64(struct leaky_relu, slope, "0.01", "[0, inf)", "factor of negative inputs"),
};

LAMINA_INLINE float value(const struct leaky_relu *self, float x)
{
  return lamina_selectf(x > 0.0f, x, (float)self->slope * x);
}

/* The derivative from y, whose sign is the sign of x: so x may be overwritten. */
LAMINA_INLINE float derivative(const struct leaky_relu *self, float y)
{
  return lamina_selectf(y > 0.0f, 1.0f, (float)self->slope);
}

LAMINA_POINTWISE(leaky_relu, "1.0.0", "max(x, slope x), elementwise", struct leaky_relu,
                 LAMINA_SETTINGS(settings), value, derivative, LAMINA_OUT);
