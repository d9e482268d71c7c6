/*
 * @NAME@: LeCun's initial weights (LeCun et al., "Efficient backprop", 1998), of variance
 * gain^2 / fan_in, so that a unit's sum is as large as each of its inputs.
 *
 * The random words come from the host, from a stream of the seed and the weight's name: adding a
 * layer to a model does not change the others.
 *
 * SPDX-License-Identifier: MIT
 */
#define LAMINA_LICENSE "MIT"
#include <math.h>

#include <lamina/initializer.h>
#include <lamina/random.h>

enum { NORMAL = 0 };

struct @NAME@ {
  double gain;
  int32_t distribution, reserved;
};

/* The YAML keys: the host checks them and fills them in. */
static const struct lamina_setting settings[] = {
    LAMINA_F64(struct @NAME@, gain, "1", "(0, 1e6]", "factor on the deviation"),
    LAMINA_CHOICE(struct @NAME@, distribution, "normal", "normal|uniform",
                  "shape of the distribution; the variance is the same"),
};

static int32_t fill(void *self, struct lamina_call *call, const struct lamina_init *init)
{
  const struct @NAME@ *own = self;
  uint64_t n = (uint64_t)init->n;
  if (n == 0) {
    return LAMINA_OK;
  }
  if (init->fan_in <= 0) {
    return lamina_fail(call, LAMINA_E_INVALID,
                       "@NAME@ needs fan_in, the number of inputs of a unit, which this weight "
                       "does not have: choose another initializer, such as constant");
  }
  double deviation = own->gain / sqrt((double)init->fan_in);
  if (own->distribution == NORMAL) {
    return lamina_random_normal(call, 0, 0, n, deviation, init->weight);
  }
  return lamina_random_uniform(call, 0, 0, n, deviation, init->weight);
}

LAMINA_INITIALIZER(@NAME@, "1.0.0", "random numbers of variance gain^2 / fan_in", struct @NAME@,
                   LAMINA_SETTINGS(settings), .fill = fill);
