/* upsample: the general checklist, PyTorch, corners, refusals. */
#include <criterion/criterion.h>

#include <lamina/testing.h>

#include "tests/support/layer_checklist.h"
#include "tests/support/layer_oracle.h"

LAMINA_CONFORM(layer, upsample)

static void check(const char *settings)
{
  static const char *const shapes[] = {"0x4x5x2", "1x4x4x1", "2x5x4x3", "2x4x7", NULL};
  const struct ls_layer upsample = {
      .kind = "layer",
      .name = "upsample",
      .settings = settings,
      .shapes = shapes,
      .declares = "fuses:out0 fuses:in0",
      .step = 0.5,
      .rounding = 32,
      .adding = 24.0, /* copies of a pixel: so many gradients meet */
  };
  ls_layer_checklist(&upsample);
}

Test(upsample, passes_the_checklist)
{
  check(NULL);
  check("{factor: [1, 3]}");
  check("{mode: bilinear}");
  check("{mode: bilinear, factor: [3, 2], align_corners: true}");
}

Test(upsample, equals_pytorch)
{
  ls_check_oracle("layer", "upsample", 0,
                  &(struct ls_tolerance){.value_absolute = 24, .gradient_absolute = 40});
}

/* One pixel stays one number, however large; corners keep their values when they are aligned. */
Test(upsample, keeps_constants_and_aligned_corners)
{
  struct lm_probe *probe =
      ls_open("layer", "upsample", "{mode: bilinear, factor: 3}", "1x1x1x1", 1);
  lm_probe_value(probe, LAMINA_IN, 0)[0] = 0.1f;
  ls_forward(probe, 0, 0);
  for (int i = 0; i < 9; i++) {
    cr_expect_float_eq(lm_probe_value(probe, LAMINA_OUT, 0)[i], 0.1f, 1e-8);
  }
  lm_probe_close(probe);
  probe = ls_open("layer", "upsample", "{mode: bilinear, factor: 7, align_corners: true}",
                  "1x2x2x1", 1);
  for (int i = 0; i < 4; i++) {
    lm_probe_value(probe, LAMINA_IN, 0)[i] = (float)i;
  }
  ls_forward(probe, 0, 0);
  for (int i = 0; i < 4; i++) {
    int at = i / 2 * 13 * 14 + i % 2 * 13;
    cr_expect_eq(lm_probe_value(probe, LAMINA_OUT, 0)[at], (float)i);
  }
  lm_probe_close(probe);
}

Test(upsample, refuses_settings_and_shapes_that_make_no_layer)
{
  ls_refuses("layer", "upsample", "{factor: 0}", "4x5x5x1", LAMINA_E_INVALID, "factor|0");
  ls_refuses("layer", "upsample", "{factor: [1, 2, 3]}", "4x5x5x1", LAMINA_E_INVALID,
             "factor has 3 numbers");
  ls_refuses("layer", "upsample", "{mode: cubic}", "4x5x5x1", LAMINA_E_INVALID, "mode|cubic");
  ls_refuses("layer", "upsample", "{align_corners: true}", "4x5x5x1", LAMINA_E_INVALID,
             "align_corners|bilinear");
  ls_refuses("layer", "upsample", NULL, "4x5", LAMINA_E_SHAPE, "[N, H, W, C] or [N, H, W]");
  ls_refuses("layer", "upsample", NULL, "4x5x0x1", LAMINA_E_SHAPE, "a width of 0");
  ls_refuses("layer", "upsample", "{factor: 32767}", "1x65539x1x1", LAMINA_E_SHAPE,
             "the output would have a height of");
}
