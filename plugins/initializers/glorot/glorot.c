/*
 * Glorot's initial weights (Glorot and Bengio, "Understanding the difficulty of training deep
 * feedforward neural networks", AISTATS 2010): variance 2 gain^2 / (fan_in + fan_out), midway
 * between keeping the size of activations and that of gradients.
 */
#include <lamina/initializer.h>
#include <lamina/random.h>

enum { UNIFORM = 0, NORMAL = 1 };

struct glorot {
  double gain;
  int32_t distribution, reserved;
};

static const struct lamina_setting settings[] = {
    LAMINA_F64(struct glorot, gain, "1", "(0, 1e6]",
               "what the activation after the layer needs: 1 for none or tanh"),
    LAMINA_CHOICE(struct glorot, distribution, "uniform", "uniform|normal",
                  "shape of the distribution; the variance is the same"),
};

static int32_t fill(void *self, struct lamina_call *call, const struct lamina_init *init)
{
  const struct glorot *glorot = self;
  uint64_t n = (uint64_t)init->n;
  double deviation;
  if (n == 0) {
    return LAMINA_OK;
  }
  if (init->fan_in <= 0 || init->fan_out <= 0) {
    return lamina_fail(call, LAMINA_E_INVALID,
                       "glorot needs fan_in and fan_out, the numbers of connections of a unit, "
                       "which this weight does not have: choose another initializer, such as "
                       "constant");
  }
  deviation = glorot->gain * sqrt(2.0 / ((double)init->fan_in + (double)init->fan_out));
  if (glorot->distribution == NORMAL) {
    return lamina_random_normal(call, 0, 0, n, deviation, init->weight);
  }
  return lamina_random_uniform(call, 0, 0, n, deviation, init->weight);
}

LAMINA_INITIALIZER(glorot, "1.0.0", "random numbers of variance 2 gain^2 / (fan_in + fan_out)",
                   struct glorot, LAMINA_SETTINGS(settings), .fill = fill);
