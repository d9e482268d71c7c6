/* conv1d: the general checklist, PyTorch, direct sums over random shapes, causal windows. */
#include <criterion/criterion.h>

#include <lamina/testing.h>

#include "tests/support/direct_sums.h"
#include "tests/support/layer_checklist.h"
#include "tests/support/layer_oracle.h"

LAMINA_CONFORM(layer, conv1d)

enum { WEIGHT = 0, TRAINING = LAMINA_MODE_TRAIN | LAMINA_MODE_KEEP };

static void check(const char *settings, double terms)
{
  static const char *const shapes[] = {"0x5x2", "1x3x4", "2x7x6", "3x11x2", NULL};
  const struct ls_layer conv1d = {
      .kind = "layer",
      .name = "conv1d",
      .settings = settings,
      .shapes = shapes,
      .declares = "reads:in0 reads:weight0 fuses:out0 fuses:in0",
      .step = 0.5,
      .rounding = (terms + 1) * (terms + 1),
      .adding = 8.0,
  };
  ls_layer_checklist(&conv1d);
}

Test(conv1d, passes_the_checklist)
{
  check("{filters: 2}", 19);
  check("{filters: 3, kernel: 1, bias: false}", 6);
  check("{filters: 2, stride: 2, padding: [2, 0]}", 19);
  check("{filters: 2, kernel: 2, dilation: 2, groups: 2}", 7);
  check("{filters: 4, kernel: 3, border: circular, padding: 1}", 19);
}

Test(conv1d, equals_the_direct_sum_over_random_shapes)
{
  ls_check_convolutions("conv1d", 1, 100);
}

Test(conv1d, equals_pytorch)
{
  ls_check_oracle("layer", "conv1d", 0,
                  &(struct ls_tolerance){.value_absolute = 300, .gradient_absolute = 300});
}

/* Padding before alone makes y[t] a function of x[0] ... x[t]. */
Test(conv1d, padded_before_alone_does_not_look_ahead)
{
  struct lm_probe *probe =
      ls_open("layer", "conv1d", "{filters: 1, kernel: 3, padding: [2, 0]}", "1x9", 1);
  float y[9];
  lm_probe_fill(probe, 5);
  ls_forward(probe, TRAINING, 0);
  for (int t = 0; t < 9; t++) {
    y[t] = lm_probe_value(probe, LAMINA_OUT, 0)[t];
  }
  lm_probe_value(probe, LAMINA_IN, 0)[4] += 1.0f;
  ls_forward(probe, TRAINING, 0);
  for (int t = 0; t < 9; t++) {
    bool same = lm_probe_value(probe, LAMINA_OUT, 0)[t] == y[t];
    cr_expect(same == (t < 4 || t > 6), "output %d", t);
  }
  lm_probe_close(probe);
}

Test(conv1d, says_how_its_sizes_come_about)
{
  struct lm_probe *probe =
      ls_open("layer", "conv1d", "{filters: 4, kernel: 5, stride: 3, padding: 2}", "2x50x3", 1);
  const struct lm_declared *weight = &probe->recording.weights[WEIGHT];
  cr_assert_str_eq(probe->facts.notes[LAMINA_NOTE_SHAPE], "floor((50 + 4 - 5) / 3) + 1 = 17");
  cr_assert_str_eq(probe->facts.notes[LAMINA_NOTE_PARAMETERS],
                   "(5 * 3 + 1) * 4; a dense layer: (150 + 1) * 68 = 10268");
  cr_assert(weight->shape.type.rank == 3 && weight->shape.dims[0] == 5 &&
            weight->shape.dims[1] == 3 && weight->shape.dims[2] == 4);
  lm_probe_close(probe);
}

Test(conv1d, refuses_settings_and_shapes_that_make_no_layer)
{
  static const struct {
    const char *settings, *shapes;
    enum lamina_status status;
    const char *fragments;
  } cases[] = {
      {"{}", "4x5x1", LAMINA_E_INVALID, "filters"},
      {"{filters: 2, kernel: [3, 3]}", "4x5x1", LAMINA_E_INVALID,
       "kernel has 2 numbers, expected one"},
      {"{filters: 2, padding: [3, 3, 3]}", "4x5x1", LAMINA_E_INVALID,
       "padding has 3 numbers, expected one, or two for before and after"},
      {"{filters: 2}", "4", LAMINA_E_SHAPE, "[4]|[N, T, C] or [N, T]"},
      {"{filters: 2}", "4x5x5x1", LAMINA_E_SHAPE, "[N, T, C] or [N, T]"},
      {"{filters: 2}", "4x2x1", LAMINA_E_SHAPE, "a length of 2, padded to 2, is too small"},
      {"{filters: 2, groups: 2}", "4x5x3", LAMINA_E_SHAPE, "do not divide into 2 groups"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    ls_refuses("layer", "conv1d", cases[i].settings, cases[i].shapes, cases[i].status,
               cases[i].fragments);
  }
}
