/* max_pool2d: the general checklist, PyTorch, ties, NaN, sizes, shifts, refusals. */
#include <criterion/criterion.h>
#include <math.h>

#include <lamina/testing.h>

#include "tests/support/layer_checklist.h"
#include "tests/support/layer_oracle.h"

LAMINA_CONFORM(layer, max_pool2d)

enum { TRAINING = LAMINA_MODE_TRAIN | LAMINA_MODE_KEEP };

/* A permutation, far apart: no two inputs are near to each other, where the derivative jumps. */
static void fill(struct lm_probe *probe, uint64_t seed)
{
  int64_t n = lm_probe_count(probe, LAMINA_IN, 0);
  for (int64_t i = 0; i < n; i++) {
    lm_probe_value(probe, LAMINA_IN, 0)[i] = (float)((i * 7919 + (int64_t)seed) % n);
  }
}

static void check(const char *settings, const char *const *shapes)
{
  const struct ls_layer max_pool2d = {
      .kind = "layer",
      .name = "max_pool2d",
      .settings = settings,
      .shapes = shapes,
      .declares = "save:0 fuses:out0 fuses:in0",
      .fill = fill,
      .adding = 9.0, /* windows overlap: so many gradients meet */
  };
  ls_layer_checklist(&max_pool2d);
}

Test(max_pool2d, passes_the_checklist)
{
  static const char *const shapes[] = {"0x5x4x2", "1x3x3x1", "2x5x7x3", "1x7x4", "1x6x6x17", NULL};
  check(NULL, shapes);
  check("{kernel: 3, stride: 1}", shapes);
  check("{kernel: [3, 2], stride: [1, 3], padding: 1}", shapes);
  check("{kernel: 3, stride: 2, same: true}", shapes);
  check("{ceil: true}", shapes);
  check("{kernel: 2, dilation: 2, stride: 1}", shapes);
}

/* Rows of one image, in windows that overlap, have gaps, or leave rows out. */
Test(max_pool2d, has_the_same_bits_with_1_to_8_threads)
{
  static const char *const settings[] = {
      "{kernel: 3, stride: 2, padding: 1}",
      "{kernel: 3, stride: 1, dilation: 3, padding: 2}",
      "{kernel: 2, stride: 3}",
  };
  for (int i = 0; i < 3; i++) {
    const struct ls_layer max_pool2d = {.kind = "layer",
                                        .name = "max_pool2d",
                                        .settings = settings[i],
                                        .shapes = (const char *const[]){"1x67x61x33", NULL},
                                        .fill = lm_probe_roughen};
    ls_check_threads(&max_pool2d);
  }
}

Test(max_pool2d, equals_pytorch)
{
  ls_check_oracle("layer", "max_pool2d", 0, &(struct ls_tolerance){.gradient_absolute = 8});
}

/* One window of four: what wins, and who gets the gradient. */
Test(max_pool2d, lets_the_first_of_equals_win_and_nan_over_all)
{
  static const struct {
    float x[4], y;
    int winner;
  } rows[] = {
      {{1, 1, 1, 1}, 1, 0},
      {{0, 2, 2, 1}, 2, 1},
      {{-INFINITY, -INFINITY, -INFINITY, -INFINITY}, -INFINITY, 0},
      {{1, NAN, 7, NAN}, NAN, 1},
      {{0.0f, -0.0f, 0.0f, -0.0f}, 0.0f, 0},
      {{-3, -2, -1, INFINITY}, INFINITY, 3},
  };
  struct lm_probe *probe = ls_open("layer", "max_pool2d", NULL, "1x2x2x1", 1);
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    for (int k = 0; k < 4; k++) {
      lm_probe_value(probe, LAMINA_IN, 0)[k] = rows[i].x[k];
    }
    lm_probe_gradient(probe, LAMINA_OUT, 0)[0] = 5.0f;
    ls_forward(probe, TRAINING, 0);
    ls_backward(probe, TRAINING, 0);
    float y = lm_probe_value(probe, LAMINA_OUT, 0)[0];
    cr_expect(isnan(rows[i].y) ? isnan(y) : y == rows[i].y, "row %zu: %g", i, (double)y);
    for (int k = 0; k < 4; k++) {
      cr_expect_eq(lm_probe_gradient(probe, LAMINA_IN, 0)[k], k == rows[i].winner ? 5.0f : 0.0f,
                   "row %zu, input %d", i, k);
    }
  }
  lm_probe_close(probe);
}

/* The rule of ceil: a last window may be cut off, but begins inside of the input. */
Test(max_pool2d, says_how_its_sizes_come_about)
{
  static const struct {
    const char *settings, *shapes, *size;
  } rows[] = {
      {NULL, "1x7x6x1", "floor((7 + 0 - 2) / 2) + 1 = 3, floor((6 + 0 - 2) / 2) + 1 = 3"},
      {"{ceil: true}", "1x7x6x1", "ceil((7 + 0 - 2) / 2) + 1 = 4, floor((6 + 0 - 2) / 2) + 1 = 3"},
      {"{kernel: 1, stride: 3, ceil: true}", "1x6x4x1",
       "floor((6 + 0 - 1) / 3) + 1 = 2, floor((4 + 0 - 1) / 3) + 1 = 2"},
      {"{kernel: 3, stride: 2, same: true}", "1x7x6x1",
       "floor((7 + 2 - 3) / 2) + 1 = 4, floor((6 + 1 - 3) / 2) + 1 = 3"},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    struct lm_probe *probe = ls_open("layer", "max_pool2d", rows[i].settings, rows[i].shapes, 1);
    cr_expect_str_eq(probe->facts.notes[LAMINA_NOTE_SHAPE], rows[i].size);
    lm_probe_close(probe);
  }
}

/* Pooling is no invariance: a shift by the stride comes out as one by 1, any other does not. */
Test(max_pool2d, keeps_shifts_by_its_stride_alone)
{
  struct lm_probe *probe =
      ls_open("layer", "max_pool2d", "{kernel: [1, 2], stride: [1, 2]}", "1x1x12x1", 1);
  static const float x[12] = {0, 0, 5, 9, 3, 0, 7, 1, 0, 0, 0, 0};
  float y[3][6] = {{0}};
  for (int by = 0; by < 3; by++) {
    for (int i = 0; i < 12; i++) {
      lm_probe_value(probe, LAMINA_IN, 0)[i] = i < by ? 0.0f : x[i - by];
    }
    ls_forward(probe, 0, 0);
    for (int i = 0; i < 6; i++) {
      y[by][i] = lm_probe_value(probe, LAMINA_OUT, 0)[i];
    }
  }
  bool by_one = true, by_two = true;
  for (int i = 0; i < 5; i++) {
    by_one = by_one && (y[1][i] == y[0][i]);
    by_two = by_two && y[2][i + 1] == y[0][i];
  }
  cr_assert(by_two && !by_one);
  lm_probe_close(probe);
}

Test(max_pool2d, refuses_settings_and_shapes_that_make_no_layer)
{
  static const struct {
    const char *settings, *shapes;
    enum lamina_status status;
    const char *fragments;
  } cases[] = {
      {"{kernel: [2, 2, 2]}", "4x5x5x1", LAMINA_E_INVALID, "kernel has 3 numbers"},
      {"{stride: 0}", "4x5x5x1", LAMINA_E_INVALID, "stride|0"},
      {NULL, "4x5", LAMINA_E_SHAPE, "[N, H, W, C] or [N, H, W]"},
      {NULL, "4x1x5x1", LAMINA_E_SHAPE, "a height of 1, padded to 1, is too small"},
      {"{padding: 2}", "4x5x5x1", LAMINA_E_SHAPE,
       "a window that reaches over 2, padded by 2 and 2, would miss an input of 5 as a whole"},
      {"{padding: [0, 2, 0, 0], stride: 1}", "4x5x5x1", LAMINA_E_SHAPE, "padded by 0 and 2"},
      {"{kernel: 2, dilation: 5, padding: 2, stride: 1}", "4x2x9x1", LAMINA_E_SHAPE,
       "would miss an input of 2"},
      {"{kernel: 2, dilation: 5, padding: 3, stride: 3}", "4x2x9x1", LAMINA_E_SHAPE,
       "would miss an input of 2"},
      {"{kernel: 256, padding: 200}", "1x2x2x1", LAMINA_E_SHAPE,
       "65536 positions, more than 65535"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    ls_refuses("layer", "max_pool2d", cases[i].settings, cases[i].shapes, cases[i].status,
               cases[i].fragments);
  }
}
