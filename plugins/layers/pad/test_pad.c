/* pad: the general checklist, PyTorch, narrow images, sizes, refusals. */
#include <criterion/criterion.h>

#include <lamina/testing.h>

#include "tests/support/layer_checklist.h"
#include "tests/support/layer_oracle.h"

LAMINA_CONFORM(layer, pad)

static void check(const char *settings)
{
  static const char *const shapes[] = {"0x4x5x2", "1x4x4x1", "2x5x4x3", "2x4x7", NULL};
  const struct ls_layer pad = {
      .kind = "layer",
      .name = "pad",
      .settings = settings,
      .shapes = shapes,
      .declares = "fuses:out0 fuses:in0",
      .step = 0.5,
      .rounding = 32,
      .adding = 16.0, /* copies of a pixel: so many gradients meet */
  };
  ls_layer_checklist(&pad);
}

Test(pad, passes_the_checklist)
{
  check(NULL);
  check("{padding: [1, 2, 0, 3], value: 0.5}");
  check("{padding: [2, 3], border: circular}");
  check("{padding: [0, 3, 1, 2], border: reflect}");
  check("{padding: 3, border: edge}");
}

Test(pad, equals_pytorch)
{
  ls_check_oracle("layer", "pad", 0,
                  &(struct ls_tolerance){.value_absolute = 0, .gradient_absolute = 40});
}

/* Circular and edge borders may be wider than the image. */
Test(pad, repeats_a_narrow_image)
{
  static const struct {
    const char *settings;
    float y[8];
  } rows[] = {
      {"{padding: [0, 0, 3, 3], border: circular}", {2, 1, 2, 1, 2, 1, 2, 1}},
      {"{padding: [0, 0, 5, 1], border: circular}", {2, 1, 2, 1, 2, 1, 2, 1}},
      {"{padding: [0, 0, 3, 3], border: edge}", {1, 1, 1, 1, 2, 2, 2, 2}},
      {"{padding: [0, 0, 3, 3], value: 7}", {7, 7, 7, 1, 2, 7, 7, 7}},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    struct lm_probe *probe = ls_open("layer", "pad", rows[i].settings, "1x1x2x1", 1);
    lm_probe_value(probe, LAMINA_IN, 0)[0] = 1.0f;
    lm_probe_value(probe, LAMINA_IN, 0)[1] = 2.0f;
    ls_forward(probe, 0, 0);
    for (int k = 0; k < 8; k++) {
      cr_expect_eq(lm_probe_value(probe, LAMINA_OUT, 0)[k], rows[i].y[k], "row %zu, column %d", i,
                   k);
    }
    lm_probe_close(probe);
  }
}

Test(pad, refuses_settings_and_shapes_that_make_no_layer)
{
  ls_refuses("layer", "pad", "{padding: -1}", "4x5x5x1", LAMINA_E_INVALID, "padding|-1");
  ls_refuses("layer", "pad", "{padding: [1, 2, 3]}", "4x5x5x1", LAMINA_E_INVALID,
             "padding has 3 numbers|four for top, bottom, left, right");
  ls_refuses("layer", "pad", "{border: mirror}", "4x5x5x1", LAMINA_E_INVALID, "border|mirror");
  ls_refuses("layer", "pad", "{padding: [0, 0, 3, 1], border: reflect}", "4x5x3x1", LAMINA_E_SHAPE,
             "a width of 3 has no mirror image of 3 pixels, only of less than 3");
  ls_refuses("layer", "pad", NULL, "4x5", LAMINA_E_SHAPE, "[4, 5]|[N, H, W, C] or [N, H, W]");
  ls_refuses("layer", "pad", NULL, "4x0x5x1", LAMINA_E_SHAPE, "a height of 0");
  ls_refuses("layer", "pad", NULL, "4x5x2147483647x1", LAMINA_E_SHAPE, "a width of 2147483649");
}
