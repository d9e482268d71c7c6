/* bce: the general checklist, PyTorch's numbers, and the logistic loss where it is steep. */
#include <criterion/criterion.h>
#include <math.h>

#include <lamina/testing.h>

#include "tests/support/layer_checklist.h"
#include "tests/support/layer_oracle.h"

LAMINA_CONFORM(loss, bce)

enum { TRAINING = LAMINA_MODE_TRAIN | LAMINA_MODE_KEEP };

static const char *const labels[] = {"0x1 0:2",       "1 1:2",         "1x1 1:2+", "7x13 7x13:2",
                                     "2x3x5 2x3x5:0", "20011 20011:2", NULL};
static const char *const shares[] = {"0x1 0", "1x1 1", "7x13 7x13", "20011x1 20011", NULL};

/* Targets from 0 to 1, both included. */
static void fill_shares(struct lm_probe *probe, uint64_t seed)
{
  for (int64_t i = 0; i < lm_probe_count(probe, LAMINA_IN, 1); i++) {
    lm_probe_value(probe, LAMINA_IN, 1)[i] = (float)lm_draw(&seed, 65) / 64.0f;
  }
}

/*
 * The fifth derivative is the fourth of sigmoid, at most 0.13. Terms are below 2.4 and the sum of
 * max(z, 0), yz and log1p(e^-|z|), which is wrong by 1.5 ulp of 1 and what e^-|z| adds.
 */
static const struct ls_layer on_labels = {
    .kind = "loss",
    .name = "bce",
    .shapes = labels,
    .declares = "reads:in0 reads:in1",
    .constant = 1u << 1,
    .fifth = 0.13,
    .rounding = 8.0,
};
static const struct ls_layer on_shares = {
    .kind = "loss",
    .name = "bce",
    .shapes = shares,
    .declares = "reads:in0 reads:in1",
    .fill = fill_shares,
    .constant = 1u << 1,
    .fifth = 0.13,
    .rounding = 8.0,
};

Test(bce, passes_the_checklist)
{
  ls_layer_checklist(&on_labels);
  ls_layer_checklist(&on_shares);
}

/*
 * Terms as large as z are rounded by 2 of their units and of the table's loss, those between 0 and
 * 3 in four places. sigmoid(z) - y is wrong by 6 units of 1, times 0.75 / n.
 */
Test(bce, equals_pytorch)
{
  ls_check_oracle("loss", "bce", 1u << 1,
                  &(struct ls_tolerance){.value = 4, .value_absolute = 12, .gradient_absolute = 6});
}

/* z, y, loss and gradient of one sample, as the limits of the formula say. */
static const struct {
  float z;
  int32_t y;
  float loss, slope;
} rows[] = {
    {1e4f, 0, 1e4f, 1.0f},   {1e4f, 1, 0.0f, 0.0f},          {-1e4f, 0, 0.0f, 0.0f},
    {-1e4f, 1, 1e4f, -1.0f}, {3e38f, 0, 3e38f, 1.0f},        {-3e38f, 1, 3e38f, -1.0f},
    {3e38f, 1, 0.0f, 0.0f},  {0.0f, 0, 0x1.62e43p-1f, 0.5f}, {-0.0f, 1, 0x1.62e43p-1f, -0.5f},
};

Test(bce, is_finite_and_exact_where_the_loss_is_steep)
{
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    struct lm_probe *probe = ls_open("loss", "bce", NULL, "1x1 1:2", 1);
    *lm_probe_value(probe, LAMINA_IN, 0) = rows[i].z;
    *lm_probe_labels(probe, 1) = rows[i].y;
    *lm_probe_gradient(probe, LAMINA_OUT, 0) = 1.0f;
    ls_forward(probe, TRAINING, 0);
    ls_backward(probe, TRAINING, 0);
    float loss = *lm_probe_value(probe, LAMINA_OUT, 0),
          slope = *lm_probe_gradient(probe, LAMINA_IN, 0);
    /* log 2 is rounded twice. */
    cr_assert(fabs((double)loss - (double)rows[i].loss) <= ldexp(rows[i].z == 0.0f, -23),
              "z %g, y %d: %.9g", (double)rows[i].z, rows[i].y, (double)loss);
    cr_assert_eq(slope, rows[i].slope, "z %g, y %d: %.9g", (double)rows[i].z, rows[i].y,
                 (double)slope);
    lm_probe_close(probe);
  }
}

/* z = ax + b: the derivative by a is x (sigma(z) - y), by b it is sigma(z) - y. */
Test(bce, derivatives_of_logistic_regression_are_those_of_the_book)
{
  static const float places[][4] = {{0.5f, 0.25f, -1.0f, 1.0f},
                                    {2.0f, -3.0f, 0.5f, 0.0f},
                                    {-1.5f, 2.0f, 0.125f, 1.0f},
                                    {0.0f, 4.0f, 3.0f, 0.0f}};
  for (int i = 0; i < 4; i++) {
    const float a = places[i][0], x = places[i][1], b = places[i][2], y = places[i][3];
    struct lm_probe *dense = ls_open("layer", "dense", "{units: 1}", "1x1", 1);
    struct lm_probe *bce = ls_open("loss", "bce", NULL, "1x1 1", 1);
    ls_set(dense, LAMINA_IN, 0, &x);
    ls_set(dense, LAMINA_WEIGHT, 0, &a);
    ls_set(dense, LAMINA_WEIGHT, 1, &b);
    ls_forward(dense, TRAINING, 0);
    ls_set(bce, LAMINA_IN, 0, lm_probe_value(dense, LAMINA_OUT, 0));
    ls_set(bce, LAMINA_IN, 1, &y);
    bce->requests[LAMINA_IN][1] = LAMINA_SKIP;
    *lm_probe_gradient(bce, LAMINA_OUT, 0) = 1.0f;
    ls_forward(bce, TRAINING, 0);
    ls_backward(bce, TRAINING, 0);
    *lm_probe_gradient(dense, LAMINA_OUT, 0) = *lm_probe_gradient(bce, LAMINA_IN, 0);
    ls_backward(dense, TRAINING, 0);
    double z = (double)a * (double)x + (double)b, slope = 1.0 / (1.0 + exp(-z)) - (double)y;
    double loss = -(double)y * z + log(1.0 + exp(z)), da = (double)x * slope;
    cr_assert(fabs((double)*lm_probe_value(bce, LAMINA_OUT, 0) - loss) <= ldexp(12.0, -24));
    cr_assert(fabs((double)*lm_probe_gradient(dense, LAMINA_WEIGHT, 0) - da) <= ldexp(30.0, -24));
    cr_assert(fabs((double)*lm_probe_gradient(dense, LAMINA_WEIGHT, 1) - slope) <= ldexp(7.0, -24));
    lm_probe_close(dense);
    lm_probe_close(bce);
  }
}

Test(bce, loss_of_no_samples_is_0)
{
  struct lm_probe *probe = ls_open("loss", "bce", NULL, "0x3 0x3", 1);
  ls_forward(probe, LAMINA_MODE_TRAIN, 0);
  cr_assert_eq(*lm_probe_value(probe, LAMINA_OUT, 0), 0.0f);
  lm_probe_close(probe);
}

Test(bce, refuses_labels_that_are_not_0_or_1_naming_the_sample)
{
  static const float wrong[] = {1.5f, -0.25f, NAN, INFINITY};
  static const char *const said[] = {"1.5", "-0.25", "nan", "inf"};
  for (int i = 0; i < 4; i++) {
    struct lm_probe *probe = ls_open("loss", "bce", NULL, "9000x2 9000x2", 2);
    lm_probe_fill(probe, 1);
    fill_shares(probe, 1);
    lm_probe_value(probe, LAMINA_IN, 1)[17001] = wrong[i];
    cr_assert_eq(lm_probe_forward(probe, TRAINING, 0), LAMINA_E_INVALID);
    ls_contains(probe->error.text, "loss 'bce'|label of sample 8500 |from 0 to 1");
    ls_contains(probe->error.text, said[i]);
    lm_probe_close(probe);
  }
  struct lm_probe *probe = ls_open("loss", "bce", NULL, "4x1 4:2", 1);
  lm_probe_fill(probe, 1);
  lm_probe_labels(probe, 1)[3] = 2;
  cr_assert_eq(lm_probe_forward(probe, TRAINING, 0), LAMINA_E_INVALID);
  ls_contains(probe->error.text, "sample 3 |is 2|0 or 1");
  lm_probe_close(probe);
}

Test(bce, has_no_gradient_of_its_target)
{
  struct lm_probe *probe = ls_open("loss", "bce", NULL, "4x1 4", 1);
  lm_probe_fill(probe, 1);
  fill_shares(probe, 1);
  ls_forward(probe, TRAINING, 0);
  cr_assert_eq(lm_probe_backward(probe, TRAINING, 0), LAMINA_E_UNSUPPORTED);
  ls_contains(probe->error.text, "no gradient of input 1");
  lm_probe_close(probe);
}

Test(bce, refuses_shapes_and_classes_that_do_not_fit)
{
  ls_refuses("loss", "bce", NULL, "4x1 4:3", LAMINA_E_SHAPE, "3 classes|cross_entropy");
  ls_refuses("loss", "bce", NULL, "4x1 4:3+", LAMINA_E_SHAPE, "at least 3 classes");
  ls_refuses("loss", "bce", NULL, "4x2 4:2", LAMINA_E_SHAPE, "[4]|[4, 2]");
  ls_refuses("loss", "bce", NULL, "4x2 2x4", LAMINA_E_SHAPE, "[2, 4]|[4, 2]");
  ls_refuses("loss", "bce", NULL, "4:2 4:2", LAMINA_E_SHAPE, "input 0|int32|float32");
  ls_refuses("loss", "bce", NULL, "4x1", LAMINA_E_INVALID, "takes 2 inputs, not 1");
}
