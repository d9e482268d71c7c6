/*
 * conv_transpose2d: the general checklist, PyTorch, direct sums over random shapes, and that it
 * is the transpose of conv2d.
 */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include <lamina/testing.h>

#include "tests/support/direct_sums.h"
#include "tests/support/layer_checklist.h"
#include "tests/support/layer_oracle.h"

LAMINA_CONFORM(layer, conv_transpose2d)

enum { WEIGHT = 0, BIAS = 1, TRAINING = LAMINA_MODE_TRAIN | LAMINA_MODE_KEEP };

static void check(const char *settings, double terms)
{
  static const char *const shapes[] = {"0x3x4x2", "1x1x1x4", "2x3x5x2", "1x4x2x6", NULL};
  const struct ls_layer conv_transpose2d = {
      .kind = "layer",
      .name = "conv_transpose2d",
      .settings = settings,
      .shapes = shapes,
      .declares = "reads:in0 reads:weight0 fuses:out0 fuses:in0",
      .step = 0.5,
      .rounding = (terms + 1) * (terms + 1),
      .adding = 8.0,
  };
  ls_layer_checklist(&conv_transpose2d);
}

Test(conv_transpose2d, passes_the_checklist)
{
  check("{filters: 2}", 55);
  check("{filters: 3, kernel: 1, bias: false}", 7);
  check("{filters: 2, kernel: 2, stride: 2}", 7);
  check("{filters: 2, stride: 2, output_padding: 1}", 28);
  check("{filters: 2, kernel: [4, 3], stride: [2, 3], padding: [1, 1, 0, 1]}", 55);
  check("{filters: 2, kernel: 3, dilation: 2, padding: 1, groups: 2}", 28);
}

Test(conv_transpose2d, equals_the_direct_sum_over_random_shapes)
{
  ls_check_convolutions("conv_transpose2d", 2, 120);
}

Test(conv_transpose2d, equals_pytorch)
{
  ls_check_oracle("layer", "conv_transpose2d", 0,
                  &(struct ls_tolerance){.value_absolute = 300, .gradient_absolute = 300});
}

static double dot(const float *a, const float *b, int64_t n)
{
  double sum = 0.0;
  for (int64_t i = 0; i < n; i++) {
    sum += (double)a[i] * (double)b[i];
  }
  return sum;
}

/* <conv2d(a), b> = <a, conv_transpose2d(b)> with the same weights and no biases. */
Test(conv_transpose2d, is_the_transpose_of_conv2d)
{
  struct lm_probe *down =
      ls_open("layer", "conv2d", "{filters: 5, stride: 2, padding: 1, bias: false}", "2x7x9x3", 2);
  struct lm_probe *up = ls_open("layer", "conv_transpose2d",
                                "{filters: 3, stride: 2, padding: 1, bias: false}", "2x4x5x5", 2);
  lm_probe_fill(down, 5);
  lm_probe_fill(up, 6);
  ls_set(up, LAMINA_WEIGHT, WEIGHT, lm_probe_value(down, LAMINA_WEIGHT, WEIGHT));
  ls_forward(down, TRAINING, 0);
  ls_forward(up, TRAINING, 0);
  double there = dot(lm_probe_value(down, LAMINA_OUT, 0), lm_probe_value(up, LAMINA_IN, 0), 200);
  double back = dot(lm_probe_value(down, LAMINA_IN, 0), lm_probe_value(up, LAMINA_OUT, 0), 378);
  cr_assert_float_eq(there, back, 1e-4);
  lm_probe_close(down);
  lm_probe_close(up);
}

Test(conv_transpose2d, says_how_its_sizes_come_about)
{
  struct lm_probe *probe =
      ls_open("layer", "conv_transpose2d",
              "{filters: 6, kernel: [5, 4], stride: 2, padding: [1, 0], output_padding: [1, 0]}",
              "1x7x3x4", 1);
  const struct lm_declared *weight = &probe->recording.weights[WEIGHT];
  const int64_t dims[4] = {5, 4, 6, 4};
  cr_assert_str_eq(probe->facts.notes[LAMINA_NOTE_SHAPE],
                   "(7 - 1) * 2 + 5 - 2 + 1 = 16, (3 - 1) * 2 + 4 - 0 + 0 = 8");
  cr_assert_str_eq(probe->facts.notes[LAMINA_NOTE_PARAMETERS], "5 * 4 * 6 * 4 + 6");
  cr_assert_eq(memcmp(weight->shape.dims, dims, sizeof dims), 0);
  cr_assert(weight->fan_in == 3 * 2 * 4 && weight->fan_out == 5 * 4 * 6);
  lm_probe_close(probe);
}

Test(conv_transpose2d, refuses_settings_and_shapes_that_make_no_layer)
{
  static const struct {
    const char *settings, *shapes;
    enum lamina_status status;
    const char *fragments;
  } cases[] = {
      {"{}", "4x5x5x1", LAMINA_E_INVALID, "filters"},
      {"{filters: 2, kernel: [3, 3, 3]}", "4x5x5x1", LAMINA_E_INVALID, "kernel has 3 numbers"},
      {"{filters: 2, output_padding: [1, 2, 3]}", "4x5x5x1", LAMINA_E_INVALID,
       "output_padding has 3 numbers"},
      {"{filters: 2, stride: 2, output_padding: 2}", "4x5x5x1", LAMINA_E_INVALID,
       "output_padding is 2, and must be less than the stride, 2"},
      {"{filters: 2}", "4x5", LAMINA_E_SHAPE, "[4, 5]|[N, H, W, C] or [N, H, W]"},
      {"{filters: 2}", "4x0x5x1", LAMINA_E_SHAPE, "a height of 0"},
      {"{filters: 2, padding: 2}", "4x2x5x1", LAMINA_E_SHAPE,
       "a height of (2 - 1) * 1 - 4 + 3 + 0 = 0, expected 1 to 2147483647"},
      {"{filters: 2, padding: 2}", "4x5x1x1", LAMINA_E_SHAPE, "a width of|= -1"},
      {"{filters: 2, stride: 32767}", "1x1x2147483x1", LAMINA_E_SHAPE, "a width of|expected 1 to"},
      {"{filters: 4, groups: 2}", "4x5x5x3", LAMINA_E_SHAPE, "do not divide into 2 groups"},
      {"{filters: 3}", "4x5x5x0", LAMINA_E_SHAPE, "no channels"},
      {"{filters: 2147483647, kernel: 32767}", "4x5x5x4", LAMINA_E_SHAPE, "too many"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    ls_refuses("layer", "conv_transpose2d", cases[i].settings, cases[i].shapes, cases[i].status,
               cases[i].fragments);
  }
}
