/* sigmoid: the general checklist, PyTorch's numbers, and the ends of the range. */
#include <criterion/criterion.h>
#include <math.h>

#include <lamina/testing.h>

#include "tests/support/layer_checklist.h"
#include "tests/support/layer_oracle.h"

LAMINA_CONFORM(layer, sigmoid)

static const char *const shapes[] = {"0x3", "1", "1x1", "7x13", "2x1x3x5", "50021", NULL};

/* Fifth derivative: that of tanh, 16, by 2^6. */
static const struct ls_layer sigmoid = {
    .kind = "layer",
    .name = "sigmoid",
    .shapes = shapes,
    .declares = "reads:out0 forward:0>0 backward:0>0",
    .fifth = 0.25,
};

Test(sigmoid, passes_the_checklist)
{
  ls_layer_checklist(&sigmoid);
}

/*
 * y has an error of 2.4 ulp, which is 5 units at most. So has 1 - y near y = 1, where nothing
 * else is left; dy is below 3.
 */
Test(sigmoid, equals_pytorch)
{
  ls_check_oracle("layer", "sigmoid", 0,
                  &(struct ls_tolerance){.value = 5, .gradient = 8, .gradient_absolute = 15});
}

Test(sigmoid, reaches_its_limits_and_keeps_nan)
{
  static const float x[] = {0.0f, -0.0f, INFINITY, -INFINITY, 3e38f, -3e38f};
  static const float y[] = {0.5f, 0.5f, 1.0f, 0.0f, 1.0f, 0.0f};
  static const float slope[] = {0.25f, 0.25f, 0.0f, 0.0f, 0.0f, 0.0f};
  struct lm_probe *probe = ls_open("layer", "sigmoid", NULL, "7", 1);
  lm_probe_fill(probe, 1);
  for (int i = 0; i < 6; i++) {
    lm_probe_value(probe, LAMINA_IN, 0)[i] = x[i];
    lm_probe_gradient(probe, LAMINA_OUT, 0)[i] = 4.0f;
  }
  lm_probe_value(probe, LAMINA_IN, 0)[6] = NAN;
  ls_forward(probe, LAMINA_MODE_TRAIN | LAMINA_MODE_KEEP, 0);
  ls_backward(probe, LAMINA_MODE_TRAIN | LAMINA_MODE_KEEP, 0);
  for (int i = 0; i < 6; i++) {
    cr_assert_eq(lm_probe_value(probe, LAMINA_OUT, 0)[i], y[i], "at %g", (double)x[i]);
    cr_assert_eq(lm_probe_gradient(probe, LAMINA_IN, 0)[i], 4.0f * slope[i], "at %g", (double)x[i]);
  }
  cr_assert(isnan(lm_probe_value(probe, LAMINA_OUT, 0)[6]));
  lm_probe_close(probe);
}

Test(sigmoid, takes_one_float_input)
{
  ls_refuses("layer", "sigmoid", NULL, "3 3", LAMINA_E_INVALID, "takes 1 input, not 2");
  ls_refuses("layer", "sigmoid", NULL, "3:2", LAMINA_E_SHAPE, "int32|must be float32");
  ls_refuses("layer", "sigmoid", "{slope: 1}", "3", LAMINA_E_INVALID, "probe.yaml:1:11|slope");
}
