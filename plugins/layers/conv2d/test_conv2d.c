/*
 * conv2d: the general checklist over strides, paddings, dilations, groups and borders, PyTorch,
 * direct sums in double precision over random shapes, sizes, refusals.
 */
#include <criterion/criterion.h>
#include <string.h>

#include <lamina/testing.h>

#include "tests/support/direct_sums.h"
#include "tests/support/layer_checklist.h"
#include "tests/support/layer_oracle.h"

LAMINA_CONFORM(layer, conv2d)

enum { WEIGHT = 0, BIAS = 1, TRAINING = LAMINA_MODE_TRAIN | LAMINA_MODE_KEEP };

/* A sum of at most `terms` products of numbers up to 1; gradients of W sum over the pixels. */
static void check(const char *settings, const char *const *shapes, double terms)
{
  const struct ls_layer conv2d = {
      .kind = "layer",
      .name = "conv2d",
      .settings = settings,
      .shapes = shapes,
      .declares = "reads:in0 reads:weight0 fuses:out0 fuses:in0",
      .step = 0.5,
      .rounding = (terms + 1) * (terms + 1),
      .adding = 8.0,
  };
  ls_layer_checklist(&conv2d);
}

Test(conv2d, passes_the_checklist)
{
  static const char *const one[] = {"0x5x4x2", "1x3x3x1", "2x5x7x3", "1x7x4", NULL};
  static const char *const wide[] = {"2x9x8x4", "1x11x13x2", NULL};
  static const char *const grouped[] = {"2x5x4x6", "1x3x3x6", NULL};
  check("{filters: 2}", one, 28);
  check("{filters: 3, kernel: [1, 2], bias: false}", one, 8);
  check("{filters: 2, kernel: 1}", one, 4);
  check("{filters: 2, padding: 1, stride: 2}", one, 28);
  check("{filters: 2, padding: [0, 2, 1, 0], kernel: 2}", one, 13);
  check("{filters: 2, kernel: [3, 2], same: true, stride: [1, 3]}", one, 28);
  check("{filters: 3, kernel: 3, dilation: 2, padding: [3, 2]}", wide, 37);
  check("{filters: 2, kernel: 2, stride: 5}", wide, 17);
  check("{filters: 4, kernel: 3, border: circular, padding: 1}", one, 28);
  check("{filters: 4, kernel: 3, border: circular, stride: 2, padding: 2}", one, 28);
  check("{filters: 4, kernel: 3, groups: 2, padding: 1}", grouped, 28);
  check("{filters: 6, kernel: 3, groups: 6, padding: 1}", grouped, 10);
  check("{filters: 12, kernel: 2, groups: 6, stride: 2}", grouped, 5);
}

Test(conv2d, equals_the_direct_sum_over_random_shapes)
{
  ls_check_convolutions("conv2d", 2, 150);
}

Test(conv2d, equals_pytorch)
{
  ls_check_oracle("layer", "conv2d", 0,
                  &(struct ls_tolerance){.value_absolute = 600, .gradient_absolute = 600});
}

static void check_threads(const char *settings, const char *shape)
{
  const struct ls_layer conv2d = {.kind = "layer",
                                  .name = "conv2d",
                                  .settings = settings,
                                  .shapes = (const char *const[]){shape, NULL},
                                  .fill = lm_probe_roughen};
  ls_check_threads(&conv2d);
}

/* Shapes that each way of computing cuts into several pieces. */
Test(conv2d, has_the_same_bits_with_1_to_8_threads)
{
  check_threads("{filters: 35, groups: 35, padding: 1}", "2x37x31x35");
  check_threads("{filters: 35, groups: 35, kernel: 5, stride: 2, padding: 2}", "3x37x31x35");
  check_threads("{filters: 20, kernel: 5}", "4x28x28x1");
  check_threads("{filters: 24, kernel: 7, stride: 2, padding: 3}", "1x61x61x3");
  check_threads("{filters: 50, kernel: 5}", "3x12x12x20");
  check_threads("{filters: 33, padding: 1}", "2x23x23x40");
  check_threads("{filters: 48, padding: 1}", "1x8x8x96");
  check_threads("{filters: 48, kernel: 1}", "1x16x16x64");
}

/* Copies an image [H, W, C] so that pixel (0, 0) comes to (down, right), around the borders. */
static void shift(const float *from, const int64_t dims[3], int64_t down, int64_t right, float *to)
{
  for (int64_t i = 0; i < dims[0] * dims[1]; i++) {
    int64_t row = (i / dims[1] + down) % dims[0], column = (i % dims[1] + right) % dims[1];
    memcpy(to + (row * dims[1] + column) * dims[2], from + i * dims[2],
           (size_t)dims[2] * sizeof(float));
  }
}

/* What is shifted around the borders before comes out shifted, to the bit. */
Test(conv2d, with_circular_borders_commutes_with_shifts)
{
  static const char *const settings[] = {
      "{filters: 5, border: circular, padding: 1}",
      "{filters: 3, border: circular, kernel: [4, 3], padding: [2, 1, 0, 2], groups: 3}",
      "{filters: 7, border: circular, kernel: 3, dilation: 2, padding: 2}",
  };
  static float x[7 * 9 * 3], y[7 * 9 * 7], shifted[7 * 9 * 7];
  const int64_t in[3] = {7, 9, 3};
  for (int i = 0; i < 3; i++) {
    struct lm_probe *probe = ls_open("layer", "conv2d", settings[i], "1x7x9x3", 2);
    const int64_t out[3] = {7, 9, lm_probe_count(probe, LAMINA_OUT, 0) / 63};
    lm_probe_fill(probe, 5);
    memcpy(x, lm_probe_value(probe, LAMINA_IN, 0), sizeof x);
    ls_forward(probe, TRAINING, 0);
    memcpy(y, lm_probe_value(probe, LAMINA_OUT, 0), (size_t)(63 * out[2]) * sizeof *y);
    for (int64_t k = 1; k < 63; k += 5) {
      shift(x, in, k / 9, k % 9, lm_probe_value(probe, LAMINA_IN, 0));
      ls_forward(probe, TRAINING, 0);
      shift(y, out, k / 9, k % 9, shifted);
      cr_assert_eq(
          memcmp(shifted, lm_probe_value(probe, LAMINA_OUT, 0), (size_t)(63 * out[2]) * sizeof *y),
          0, "%s: shifted by %d", settings[i], (int)k);
    }
    lm_probe_close(probe);
  }
}

/* ---- sizes and declarations ---- */

/* n = 7, k = 3, s = 2 give 3, n = 224, k = 11, s = 4 give 54. */
Test(conv2d, says_how_its_sizes_come_about)
{
  static const struct {
    const char *settings, *shapes, *size, *parameters;
  } rows[] = {
      {"{filters: 1, stride: 2}", "1x7x7x1",
       "floor((7 + 0 - 3) / 2) + 1 = 3, floor((7 + 0 - 3) / 2) + 1 = 3",
       "(3 * 3 * 1 + 1) * 1; a dense layer: (49 + 1) * 9 = 450"},
      {"{filters: 2, kernel: 11, stride: 4, bias: false}", "2x224x225x3",
       "floor((224 + 0 - 11) / 4) + 1 = 54, floor((225 + 0 - 11) / 4) + 1 = 54",
       "(11 * 11 * 3) * 2; a dense layer: (151200) * 5832 = 881798400"},
      {"{filters: 6, kernel: 5}", "1x28x28",
       "floor((28 + 0 - 5) / 1) + 1 = 24, floor((28 + 0 - 5) / 1) + 1 = 24",
       "(5 * 5 * 1 + 1) * 6; a dense layer: (784 + 1) * 3456 = 2712960"},
      {"{filters: 8, groups: 4, same: true, stride: 3, kernel: 4, dilation: 2}", "1x10x11x4",
       "floor((10 + 6 - 7) / 3) + 1 = 4, floor((11 + 5 - 7) / 3) + 1 = 4",
       "(4 * 4 * 1 + 1) * 8; a dense layer: (440 + 1) * 128 = 56448"},
      {"{filters: 1, kernel: 2, padding: [1, 2, 3, 4]}", "1x5x5x1",
       "floor((5 + 3 - 2) / 1) + 1 = 7, floor((5 + 7 - 2) / 1) + 1 = 11",
       "(2 * 2 * 1 + 1) * 1; a dense layer: (25 + 1) * 77 = 2002"},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    struct lm_probe *probe = ls_open("layer", "conv2d", rows[i].settings, rows[i].shapes, 1);
    cr_expect_str_eq(probe->facts.notes[LAMINA_NOTE_SHAPE], rows[i].size);
    cr_expect_str_eq(probe->facts.notes[LAMINA_NOTE_PARAMETERS], rows[i].parameters);
    lm_probe_close(probe);
  }
}

Test(conv2d, declares_its_weights_for_initializers_and_decay)
{
  struct lm_probe *probe =
      ls_open("layer", "conv2d", "{filters: 10, kernel: [3, 5], groups: 2}", "2x8x8x4", 1);
  const struct lm_declared *weight = &probe->recording.weights[WEIGHT];
  const struct lm_declared *bias = &probe->recording.weights[BIAS];
  const int64_t dims[4] = {3, 5, 2, 10};
  cr_assert_str_eq(weight->name, "weight");
  cr_assert_str_eq(weight->init, "he");
  cr_assert(weight->fan_in == 30 && weight->fan_out == 75);
  cr_assert_eq(weight->flags, LAMINA_WEIGHT_DECAY);
  cr_assert_eq(memcmp(weight->shape.dims, dims, sizeof dims), 0);
  cr_assert_str_eq(bias->name, "bias");
  cr_assert_str_eq(bias->init, "{constant: {value: 0}}");
  cr_assert(bias->flags == 0 && bias->shape.type.rank == 1 && bias->shape.dims[0] == 10);
  lm_probe_close(probe);
}

Test(conv2d, refuses_settings_and_shapes_that_make_no_layer)
{
  static const struct {
    const char *settings, *shapes;
    enum lamina_status status;
    const char *fragments;
  } cases[] = {
      {"{}", "4x5x5x1", LAMINA_E_INVALID, "filters"},
      {"{filters: 0}", "4x5x5x1", LAMINA_E_INVALID, "filters|0|[1, 2147483647]"},
      {"{filters: 2, kernel: 0}", "4x5x5x1", LAMINA_E_INVALID, "kernel|0|[1, 32767]"},
      {"{filters: 2, kernel: [3, 3, 3]}", "4x5x5x1", LAMINA_E_INVALID,
       "kernel has 3 numbers, expected one, or one for height and one for width"},
      {"{filters: 2, padding: [1, 1, 1]}", "4x5x5x1", LAMINA_E_INVALID,
       "padding has 3 numbers|four for top, bottom, left, right"},
      {"{filters: 2, stride: []}", "4x5x5x1", LAMINA_E_INVALID, "stride has 0 numbers"},
      {"{filters: 2, padding: -1}", "4x5x5x1", LAMINA_E_INVALID, "padding|-1"},
      {"{filters: 2, border: mirror}", "4x5x5x1", LAMINA_E_INVALID, "border|mirror"},
      {"{filters: 2}", "4x5", LAMINA_E_SHAPE, "[4, 5]|[N, H, W, C] or [N, H, W]"},
      {"{filters: 2}", "4x5x5x1x1", LAMINA_E_SHAPE, "[N, H, W, C]"},
      {"{filters: 2}", "4x5x5x1:2", LAMINA_E_SHAPE, "int32|float32"},
      {"{filters: 2, kernel: 6}", "4x5x9x1", LAMINA_E_SHAPE,
       "a height of 5, padded to 5, is too small for a window that reaches over 6 (kernel 6"},
      {"{filters: 2, kernel: 3, dilation: 4, padding: [2, 1]}", "4x5x5x1", LAMINA_E_SHAPE,
       "a width of 5, padded to 7|reaches over 9 (kernel 3, dilation 4)"},
      {"{filters: 2, padding: 4}", "4x0x5x1", LAMINA_E_SHAPE, "a height of 0"},
      {"{filters: 2, same: true}", "4x5x0x1", LAMINA_E_SHAPE, "a width of 0"},
      {"{filters: 4, groups: 2}", "4x5x5x3", LAMINA_E_SHAPE,
       "3 channels and 4 filters do not divide into 2 groups"},
      {"{filters: 3, groups: 2}", "4x5x5x4", LAMINA_E_SHAPE, "do not divide into 2 groups"},
      {"{filters: 2147483647, kernel: 32767, padding: 32767}", "4x5x5x4", LAMINA_E_SHAPE,
       "2147483647 filters are too many"},
      {"{filters: 1}", "1x2147483648x3x1", LAMINA_E_SHAPE, "height of 2147483648 is too large"},
      {"{filters: 2}", "4x5x5x0", LAMINA_E_SHAPE, "0 channels"},
      {"{filters: 2}", "4x5x5x1 4x5x5x1", LAMINA_E_INVALID, "takes 1 input, not 2"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    ls_refuses("layer", "conv2d", cases[i].settings, cases[i].shapes, cases[i].status,
               cases[i].fragments);
  }
}
