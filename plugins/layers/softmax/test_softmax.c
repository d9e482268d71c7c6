/* softmax: the general checklist, PyTorch's numbers, and rows with infinities. */
#include <criterion/criterion.h>
#include <math.h>

#include <lamina/testing.h>

#include "tests/support/layer_checklist.h"
#include "tests/support/layer_oracle.h"

LAMINA_CONFORM(layer, softmax)

/* With many rows of few columns, and few rows of many, so that both are more than one chunk. */
static const char *const shapes[] = {"0x3",     "3x0",     "1x1",     "7x13",
                                     "2x3x1x5", "3001x11", "2x20011", NULL};

/* Along one element, an output is a logistic function of it, or the rest of one. */
static const struct ls_layer softmax = {
    .kind = "layer",
    .name = "softmax",
    .shapes = shapes,
    .declares = "reads:out0 forward:0>0 backward:0>0",
    .fifth = 0.25,
    .rounding = 6.0,
};

Test(softmax, passes_the_checklist)
{
  ls_layer_checklist(&softmax);
}

/*
 * Units of 2^-24: x - m is rounded by |x - m| at most, and exp adds 2.1, sum and division 3; in
 * the table, |x - m| stays below 25 unless y is 0. Since |x - m| exp(x - m) < 0.4, y is wrong by
 * 6 at most, so each of both terms of the gradient by 6 |dy|, |dy| < 3.5.
 */
Test(softmax, equals_pytorch)
{
  ls_check_oracle("layer", "softmax", 0,
                  &(struct ls_tolerance){.value = 31, .gradient_absolute = 6 * 2 * 3.5});
}

/* Rows of 4; two infinities share what one would take. */
static const struct {
  float x[4], y[4];
} rows[] = {
    {{-INFINITY, -INFINITY, -INFINITY, -INFINITY}, {0.25f, 0.25f, 0.25f, 0.25f}},
    {{-INFINITY, 0.0f, 0.0f, -INFINITY}, {0.0f, 0.5f, 0.5f, 0.0f}},
    {{INFINITY, 0.0f, 3e38f, -INFINITY}, {1.0f, 0.0f, 0.0f, 0.0f}},
    {{INFINITY, 0.0f, INFINITY, 0.0f}, {0.5f, 0.0f, 0.5f, 0.0f}},
    {{3e38f, -3e38f, 3e38f, 0.0f}, {0.5f, 0.0f, 0.5f, 0.0f}},
};
enum { ROWS = sizeof rows / sizeof rows[0] };

Test(softmax, gives_the_limits_for_infinities)
{
  struct lm_probe *probe = ls_open("layer", "softmax", NULL, "5x4", 1);
  lm_probe_fill(probe, 1);
  for (int i = 0; i < ROWS; i++) {
    for (int j = 0; j < 4; j++) {
      lm_probe_value(probe, LAMINA_IN, 0)[4 * i + j] = rows[i].x[j];
    }
  }
  ls_forward(probe, LAMINA_MODE_TRAIN | LAMINA_MODE_KEEP, 0);
  ls_backward(probe, LAMINA_MODE_TRAIN | LAMINA_MODE_KEEP, 0);
  for (int i = 0; i < 4 * ROWS; i++) {
    cr_assert_eq(lm_probe_value(probe, LAMINA_OUT, 0)[i], rows[i / 4].y[i % 4], "row %d, column %d",
                 i / 4, i % 4);
    cr_assert(isfinite(lm_probe_gradient(probe, LAMINA_IN, 0)[i]));
  }
  lm_probe_close(probe);
}

Test(softmax, nan_spoils_its_row_and_no_other)
{
  struct lm_probe *probe = ls_open("layer", "softmax", NULL, "3x17", 1);
  lm_probe_fill(probe, 1);
  lm_probe_value(probe, LAMINA_IN, 0)[17 + 5] = NAN;
  ls_forward(probe, 0, 0);
  for (int i = 0; i < 3 * 17; i++) {
    cr_assert_eq(isnan(lm_probe_value(probe, LAMINA_OUT, 0)[i]), i / 17 == 1, "element %d", i);
  }
  lm_probe_close(probe);
}

Test(softmax, rows_are_probabilities_whatever_their_size)
{
  struct lm_probe *probe = ls_open("layer", "softmax", NULL, "3x1000", 1);
  lm_probe_fill(probe, 1);
  for (int i = 0; i < 3000; i++) {
    lm_probe_value(probe, LAMINA_IN, 0)[i] *= i < 1000 ? 1.0f : i < 2000 ? 1e4f : 1e30f;
  }
  ls_forward(probe, 0, 0);
  for (int row = 0; row < 3; row++) {
    double sum = 0.0;
    for (int j = 0; j < 1000; j++) {
      double y = (double)lm_probe_value(probe, LAMINA_OUT, 0)[1000 * row + j];
      cr_assert(y >= 0.0 && y <= 1.0);
      sum += y;
    }
    /* 1 / s and each product are rounded once. */
    cr_assert(fabs(sum - 1.0) <= ldexp(3.0, -24), "row %d sums to 1 + %g", row, sum - 1.0);
  }
  lm_probe_close(probe);
}

Test(softmax, refuses_what_has_no_rows)
{
  ls_refuses("layer", "softmax", NULL, "5", LAMINA_E_SHAPE, "[5]|[N, ..., K]");
  ls_refuses("layer", "softmax", NULL, "-", LAMINA_E_SHAPE, "[]|[N, ..., K]");
  ls_refuses("layer", "softmax", NULL, "5x2:3", LAMINA_E_SHAPE, "must be float32");
  ls_refuses("layer", "softmax", NULL, "5x2 5x2", LAMINA_E_INVALID, "takes 1 input, not 2");
}
