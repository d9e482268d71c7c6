/* gaussian: the general checklist, PyTorch's numbers, the constants, refusals. */
#include <criterion/criterion.h>
#include <math.h>

#include <lamina/testing.h>

#include "tests/support/layer_checklist.h"
#include "tests/support/layer_oracle.h"

LAMINA_CONFORM(loss, gaussian)

static void check(const char *settings, const char *const *shapes, const char *declares)
{
  const struct ls_layer layer = {
      .kind = "loss",
      .name = "gaussian",
      .settings = settings,
      .shapes = shapes,
      .declares = declares,
      .fifth = 6.0, /* (p - t)^2 e^-v / 2 by v, p - t up to 2 and v above -1 */
      .rounding = 16.0,
  };
  ls_layer_checklist(&layer);
}

Test(gaussian, passes_the_checklist)
{
  static const char *const two[] = {"0x3 0x3",    "1 1",           "7x13 7x13",
                                    "6x12 6x3x4", "101x99 101x99", NULL};
  static const char *const three[] = {
      "0x3 0x3 0x3", "1 1 1", "7x13 7x13 7x13", "6x12 6x3x4 6x12", "101x99 101x99 101x99", NULL};
  check(NULL, two, "reads:in0 reads:in1");
  check("{sigma: 2.5}", two, "reads:in0 reads:in1");
  check(NULL, three, "reads:in0 reads:in1 reads:in2");
}

Test(gaussian, equals_pytorch)
{
  ls_check_oracle("loss", "gaussian", 0,
                  &(struct ls_tolerance){
                      .value = 16, .value_absolute = 16, .gradient = 16, .gradient_absolute = 8});
}

/* log(sigma sqrt(2 pi)) where the mean is right. */
Test(gaussian, has_the_constants_of_the_density)
{
  static const float x[] = {0.5f, -2.0f, 3.0f, 0.0f}, v[] = {0.0f, 1.0f, -2.0f, 60.0f};
  static const double sigma[] = {1.0, 0.01};
  static const char *const settings[] = {NULL, "{sigma: 0.01}"};
  for (int i = 0; i < 3; i++) {
    struct lm_probe *probe = ls_open("loss", "gaussian", i < 2 ? settings[i] : NULL,
                                     i < 2 ? "2x2 2x2" : "2x2 2x2 2x2", 1);
    double wanted =
        i < 2 ? 2 * log(sigma[i] * sqrt(2 * 3.14159265358979)) : 59.0 / 4 + 1.8378770664;
    ls_set(probe, LAMINA_IN, 0, x);
    ls_set(probe, LAMINA_IN, 1, x);
    if (i == 2) {
      ls_set(probe, LAMINA_IN, 2, v);
    }
    ls_forward(probe, 0, 0);
    cr_assert_float_eq(*lm_probe_value(probe, LAMINA_OUT, 0), wanted, 1e-5, "%d", i);
    lm_probe_close(probe);
  }
}

Test(gaussian, refuses_what_has_no_likelihood)
{
  static const float wrong[] = {-80.5f, -1e4f, -INFINITY};
  ls_refuses("loss", "gaussian", NULL, "4x6 4x5", LAMINA_E_SHAPE, "[4, 5]|[4, 6]");
  ls_refuses("loss", "gaussian", NULL, "4x6 4x6 4x5", LAMINA_E_SHAPE, "[4, 5]|[4, 6]");
  ls_refuses("loss", "gaussian", NULL, "4x1 4:2", LAMINA_E_SHAPE, "float32");
  ls_refuses("loss", "gaussian", NULL, "4x1", LAMINA_E_INVALID, "takes 2 inputs, not 1");
  ls_refuses("loss", "gaussian", "{sigma: 0}", "4 4", LAMINA_E_INVALID, "sigma");
  ls_refuses("loss", "gaussian", "{sigma: 2}", "4 4 4", LAMINA_E_INVALID, "sigma");
  for (int i = 0; i < 3; i++) {
    struct lm_probe *probe = ls_open("loss", "gaussian", NULL, "50x400 50x400 50x400", 2);
    lm_probe_fill(probe, 1);
    lm_probe_value(probe, LAMINA_IN, 2)[400 * 37 + 11] = wrong[i];
    cr_assert_eq(lm_probe_forward(probe, LAMINA_MODE_TRAIN, 0), LAMINA_E_INVALID);
    ls_contains(probe->error.text, "element 11 of sample 37 |-80 or more");
    lm_probe_value(probe, LAMINA_IN, 2)[400 * 37 + 11] = -80.0f;
    ls_forward(probe, LAMINA_MODE_TRAIN, 0);
    cr_assert(isfinite(*lm_probe_value(probe, LAMINA_OUT, 0)));
    lm_probe_close(probe);
  }
}
