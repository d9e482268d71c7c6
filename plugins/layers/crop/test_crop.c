/* crop: the general checklist, PyTorch, the middle, sizes, refusals. */
#include <criterion/criterion.h>

#include <lamina/testing.h>

#include "tests/support/layer_checklist.h"
#include "tests/support/layer_oracle.h"

LAMINA_CONFORM(layer, crop)

static void check(const char *settings)
{
  static const char *const shapes[] = {"0x4x5x2", "1x4x4x1", "2x5x4x3", "2x4x7", NULL};
  const struct ls_layer crop = {
      .kind = "layer",
      .name = "crop",
      .settings = settings,
      .shapes = shapes,
      .declares = "fuses:out0 fuses:in0",
      .step = 0.5,
      .rounding = 32,
      .adding = 1.0, /* copies of a pixel: so many gradients meet */
  };
  ls_layer_checklist(&crop);
}

Test(crop, passes_the_checklist)
{
  check("{size: 3}");
  check("{size: [4, 2], offset: [0, 1]}");
  check("{size: [1, 4]}");
}

Test(crop, equals_pytorch)
{
  ls_check_oracle("layer", "crop", 0,
                  &(struct ls_tolerance){.value_absolute = 0, .gradient_absolute = 40});
}

Test(crop, takes_the_middle_when_no_offset_is_given)
{
  struct lm_probe *probe = ls_open("layer", "crop", "{size: [1, 3]}", "1x2x6x1", 1);
  for (int i = 0; i < 12; i++) {
    lm_probe_value(probe, LAMINA_IN, 0)[i] = (float)i;
  }
  ls_forward(probe, 0, 0);
  for (int i = 0; i < 3; i++) {
    cr_expect_eq(lm_probe_value(probe, LAMINA_OUT, 0)[i], (float)(1 + i));
  }
  lm_probe_close(probe);
}

Test(crop, refuses_settings_and_shapes_that_make_no_layer)
{
  ls_refuses("layer", "crop", "{}", "4x5x5x1", LAMINA_E_INVALID, "size");
  ls_refuses("layer", "crop", "{size: 0}", "4x5x5x1", LAMINA_E_INVALID, "size|0");
  ls_refuses("layer", "crop", "{size: [1, 2, 3]}", "4x5x5x1", LAMINA_E_INVALID,
             "size has 3 numbers");
  ls_refuses("layer", "crop", "{size: 1, offset: [1, 2, 3]}", "4x5x5x1", LAMINA_E_INVALID,
             "offset has 3 numbers");
  ls_refuses("layer", "crop", "{size: 6}", "4x5x7x1", LAMINA_E_SHAPE,
             "a height of 5 has no part of 6 from 0 on");
  ls_refuses("layer", "crop", "{size: 3, offset: [1, 3]}", "4x5x5x1", LAMINA_E_SHAPE,
             "a width of 5 has no part of 3 from 3 on");
  ls_refuses("layer", "crop", "{size: 1}", "4x5", LAMINA_E_SHAPE, "[N, H, W, C] or [N, H, W]");
}
