/*
 * He's initial weights (He et al., "Delving deep into rectifiers", ICCV 2015): variance
 * gain^2 / fan, which keeps the size of activations from layer to layer when gain^2 is what
 * the activation takes away; 2 for ReLU.
 */
#include <lamina/initializer.h>
#include <lamina/random.h>

enum { NORMAL = 0, UNIFORM = 1 };
enum { FAN_IN = 0, FAN_OUT = 1 };

struct he {
  double gain;
  int32_t distribution, mode;
};

static const struct lamina_setting settings[] = {
    LAMINA_F64(struct he, gain, "1.4142135623730951", "(0, 1e6]",
               "what the activation after the layer needs: sqrt(2) for ReLU, 1 for none"),
    LAMINA_CHOICE(struct he, distribution, "normal", "normal|uniform",
                  "shape of the distribution; the variance is the same"),
    LAMINA_CHOICE(struct he, mode, "fan_in", "fan_in|fan_out",
                  "keep the size of activations (fan_in) or of gradients (fan_out)"),
};

static int32_t fill(void *self, struct lamina_call *call, const struct lamina_init *init)
{
  const struct he *he = self;
  int64_t fan = he->mode == FAN_IN ? init->fan_in : init->fan_out;
  double deviation;
  if (init->n == 0) {
    return LAMINA_OK;
  }
  if (fan <= 0) {
    return lamina_failf(call, LAMINA_E_INVALID,
                        "he needs %s, the number of connections of a unit, which this weight does "
                        "not have: choose another initializer, such as constant",
                        he->mode == FAN_IN ? "fan_in" : "fan_out");
  }
  deviation = he->gain / sqrt((double)fan);
  if (he->distribution == NORMAL) {
    return lamina_random_normal(call, 0, 0, (uint64_t)init->n, deviation, init->weight);
  }
  return lamina_random_uniform(call, 0, 0, (uint64_t)init->n, deviation, init->weight);
}

LAMINA_INITIALIZER(he, "1.0.0", "random numbers of variance gain^2 / fan_in, for ReLU", struct he,
                   LAMINA_SETTINGS(settings), .fill = fill);
