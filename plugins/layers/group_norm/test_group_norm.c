/* group_norm: the general checklist, PyTorch, layer and instance norms, large means, refusals. */
#include <criterion/criterion.h>
#include <math.h>

#include <lamina/testing.h>

#include "tests/support/layer_checklist.h"
#include "tests/support/layer_oracle.h"

LAMINA_CONFORM(layer, group_norm)

enum { TRAINING = LAMINA_MODE_TRAIN | LAMINA_MODE_KEEP };

static void check(const char *settings, const char *declares)
{
  static const char *const shapes[] = {"0x6", "5x12", "3x2x4x6", "70x3x6", NULL};
  const struct ls_layer group_norm = {
      .kind = "layer",
      .name = "group_norm",
      .settings = settings,
      .shapes = shapes,
      .declares = declares,
      .fifth = 4000,
      .rounding = 4000,
      .adding = 4,
  };
  ls_layer_checklist(&group_norm);
}

Test(group_norm, passes_the_checklist)
{
  static const char *const weights =
      "reads:in0 reads:weight0 save:0 save:1 backward:0>0 fuses:out0 fuses:in0";
  check("{epsilon: 0.1}", weights);
  check("{epsilon: 0.1, groups: 3}", weights);
  check("{epsilon: 0.1, groups: 2, affine: false}",
        "reads:in0 save:0 save:1 backward:0>0 fuses:out0 fuses:in0");
}

Test(group_norm, equals_pytorch)
{
  ls_check_oracle("layer", "group_norm", 0,
                  &(struct ls_tolerance){.value_absolute = 60, .gradient_absolute = 300});
}

/* Groups of samples have mean 0 and variance 1 afterwards, wherever they were before. */
Test(group_norm, normalizes_each_group_even_with_a_large_mean)
{
  struct lm_probe *probe =
      ls_open("layer", "group_norm", "{groups: 2, affine: false}", "3x50x4", 2);
  uint64_t seed = 5;
  for (int i = 0; i < 600; i++) {
    lm_probe_value(probe, LAMINA_IN, 0)[i] =
        (float)(i / 200 * 10000) + (float)lm_draw(&seed, 4096) / 512.0f;
  }
  ls_forward(probe, TRAINING, 0);
  for (int group = 0; group < 6; group++) {
    double sum = 0.0, squares = 0.0;
    for (int i = 0; i < 100; i++) {
      int at = group / 2 * 200 + i / 2 * 4 + group % 2 * 2 + i % 2;
      double y = (double)lm_probe_value(probe, LAMINA_OUT, 0)[at];
      sum += y;
      squares += y * y;
    }
    cr_expect_float_eq(sum / 100.0, 0.0, 1e-3);
    cr_expect_float_eq(squares / 100.0, 1.0, 1e-4);
  }
  lm_probe_close(probe);
}

Test(group_norm, refuses_settings_and_shapes_that_make_no_layer)
{
  ls_refuses("layer", "group_norm", "{groups: 0}", "4x3", LAMINA_E_INVALID, "groups|0");
  ls_refuses("layer", "group_norm", "{groups: 2}", "4x3", LAMINA_E_SHAPE,
             "3 channels do not divide into 2 groups");
  ls_refuses("layer", "group_norm", NULL, "4", LAMINA_E_SHAPE, "[4]|[N, ..., C]");
  ls_refuses("layer", "group_norm", NULL, "4x0x3", LAMINA_E_SHAPE, "no numbers");
}
