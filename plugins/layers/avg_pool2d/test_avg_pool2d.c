/* avg_pool2d: the general checklist, PyTorch, what counts, refusals. */
#include <criterion/criterion.h>

#include <lamina/testing.h>

#include "tests/support/layer_checklist.h"
#include "tests/support/layer_oracle.h"

LAMINA_CONFORM(layer, avg_pool2d)

static void check(const char *settings)
{
  static const char *const shapes[] = {"0x5x4x2", "1x3x3x1", "2x5x7x3", "1x7x4", "1x6x6x17", NULL};
  const struct ls_layer avg_pool2d = {
      .kind = "layer",
      .name = "avg_pool2d",
      .settings = settings,
      .shapes = shapes,
      .declares = "fuses:out0 fuses:in0",
      .step = 0.5,
      .rounding = 10,
      .adding = 9.0, /* windows overlap: so many gradients meet */
  };
  ls_layer_checklist(&avg_pool2d);
}

Test(avg_pool2d, passes_the_checklist)
{
  check(NULL);
  check("{kernel: 3, stride: 1}");
  check("{kernel: 3, stride: 2, same: true}");
  check("{kernel: 3, stride: 2, padding: [1, 0, 0, 1], ceil: true}");
  check("{kernel: 3, stride: 2, padding: 1, ceil: true, count_padding: true}");
  check("{kernel: 2, dilation: 2, stride: 1}");
}

/* Rows of one image, in windows that overlap, have gaps, or leave rows out. */
Test(avg_pool2d, has_the_same_bits_with_1_to_8_threads)
{
  static const char *const settings[] = {
      "{kernel: 3, stride: 2, padding: 1}",
      "{kernel: 3, stride: 1, dilation: 3, padding: 2}",
      "{kernel: 2, stride: 3}",
  };
  for (int i = 0; i < 3; i++) {
    const struct ls_layer avg_pool2d = {.kind = "layer",
                                        .name = "avg_pool2d",
                                        .settings = settings[i],
                                        .shapes = (const char *const[]){"1x67x61x33", NULL},
                                        .fill = lm_probe_roughen};
    ls_check_threads(&avg_pool2d);
  }
}

Test(avg_pool2d, equals_pytorch)
{
  ls_check_oracle("layer", "avg_pool2d", 0,
                  &(struct ls_tolerance){.value_absolute = 16, .gradient_absolute = 16});
}

/* x = 1 everywhere: y is the share of a window's positions that hold numbers, by 36. */
Test(avg_pool2d, counts_padding_when_told_and_never_what_is_beyond)
{
  static const struct {
    const char *settings;
    float y[9];
  } rows[] = {
      {"{kernel: 3, stride: 2, padding: 1, ceil: true}", {36, 36, 36, 36, 36, 36, 36, 36, 36}},
      {"{kernel: 3, stride: 2, padding: 1, ceil: true, count_padding: true}",
       {16, 24, 16, 24, 36, 24, 12, 18, 12}},
      {"{kernel: 2, stride: 2, padding: [1, 0, 0, 1], count_padding: true}",
       {18, 18, 9, 36, 36, 18}},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    struct lm_probe *probe = ls_open("layer", "avg_pool2d", rows[i].settings, "1x4x5x1", 1);
    for (int k = 0; k < 20; k++) {
      lm_probe_value(probe, LAMINA_IN, 0)[k] = 36.0f;
    }
    ls_forward(probe, 0, 0);
    for (int64_t k = 0; k < lm_probe_count(probe, LAMINA_OUT, 0); k++) {
      cr_expect_eq(lm_probe_value(probe, LAMINA_OUT, 0)[k], rows[i].y[k], "row %zu: y[%lld] is %g",
                   i, (long long)k, (double)lm_probe_value(probe, LAMINA_OUT, 0)[k]);
    }
    lm_probe_close(probe);
  }
}

Test(avg_pool2d, refuses_other_shapes)
{
  ls_refuses("layer", "avg_pool2d", NULL, "4x5", LAMINA_E_SHAPE, "[N, H, W, C] or [N, H, W]");
  ls_refuses("layer", "avg_pool2d", NULL, "4x5x1x2", LAMINA_E_SHAPE, "a width of 1, padded to 1");
  ls_refuses("layer", "avg_pool2d", "{padding: 2}", "4x5x5x2", LAMINA_E_SHAPE, "would miss");
  ls_refuses("layer", "avg_pool2d", "{kernel: [1, 2, 3]}", "4x5x5x1", LAMINA_E_INVALID,
             "kernel has 3 numbers");
}
