/* cross_entropy: the general checklist, PyTorch's numbers, steep logits, and bad targets. */
#include <criterion/criterion.h>
#include <math.h>

#include <lamina/testing.h>

#include "tests/support/layer_checklist.h"
#include "tests/support/layer_oracle.h"

LAMINA_CONFORM(loss, cross_entropy)

enum { TRAINING = LAMINA_MODE_TRAIN | LAMINA_MODE_KEEP };

static const char *const labels[] = {"0x3 0:3",         "1x1 1:1",       "7x5 7:5",
                                     "7x5 7:3+",        "2x3x4 2x3:4",   "5x2 5:0",
                                     "2003x11 2003:11", "3x5003 3:5003", NULL};
static const char *const shares[] = {"0x3 0x3",       "1x1 1x1",       "7x5 7x5", "2x3x4 2x3x4",
                                     "701x11 701x11", "2x1031 2x1031", NULL};

/* Rows of probabilities: small whole numbers, one of them often 0, divided by their sum. */
static void fill_shares(struct lm_probe *probe, uint64_t seed)
{
  const struct lamina_type *type = &probe->tensors[LAMINA_IN][1].view.type;
  int64_t rows = lamina_type_rows(type), columns = lamina_type_columns(type);
  for (int64_t i = 0; i < rows; i++) {
    float *row = lm_probe_value(probe, LAMINA_IN, 1) + i * columns, sum = 0.0f;
    for (int64_t j = 0; j < columns; j++) {
      row[j] = (float)lm_draw(&seed, 4) + (j == 0 ? 1.0f : 0.0f);
      sum += row[j];
    }
    for (int64_t j = 0; j < columns; j++) {
      row[j] /= sum;
    }
  }
}

/*
 * The fifth derivative by a logit is the fourth of sigmoid, at most 0.13. Of a row's loss, the
 * logarithm of s is wrong by the relative error of exp (2.1) and of its argument (2), the rest
 * by what rounds x - m (2) and products (2); it is below 9, like log(5003), and so is the mean.
 */
static const struct ls_layer base = {
    .kind = "loss",
    .name = "cross_entropy",
    .declares = "reads:in0 reads:in1 save:0",
    .constant = 1u << 1,
    .fifth = 0.13,
    .rounding = 9.0,
};

static void check(const char *settings, const char *const *table, bool on_shares)
{
  struct ls_layer layer = base;
  layer.settings = settings;
  layer.shapes = table;
  layer.fill = on_shares ? fill_shares : NULL;
  ls_layer_checklist(&layer);
}

Test(cross_entropy, passes_the_checklist_on_labels)
{
  check(NULL, labels, false);
  check("{label_smoothing: 0.1}", labels, false);
}

Test(cross_entropy, passes_the_checklist_on_probabilities)
{
  check(NULL, shares, true);
  check("{label_smoothing: 0.3}", shares, true);
}

/* As above; the gradient's three terms are rounded to 6 units of the scale, which is below 1/4. */
Test(cross_entropy, equals_pytorch)
{
  ls_check_oracle("loss", "cross_entropy", 1u << 1,
                  &(struct ls_tolerance){.value = 4, .value_absolute = 9, .gradient_absolute = 2});
}

/* Logits, the class, its loss and its gradients, as the limits say. */
static const struct {
  float x[3];
  int32_t label;
  float loss, slopes[3];
} rows[] = {
    {{1e4f, -1e4f, 0.0f}, 0, 0.0f, {0.0f, 0.0f, 0.0f}},
    {{1e4f, -1e4f, 0.0f}, 1, 2e4f, {1.0f, -1.0f, 0.0f}},
    {{-1e4f, -1e4f, -2e4f}, 2, 10000.693f, {0.5f, 0.5f, -1.0f}},
    {{1e4f, 1e4f, 1e4f}, 2, 1.0986123f, {0.33333334f, 0.33333334f, -0.6666667f}},
    {{3e38f, 0.0f, 0.0f}, 2, 3e38f, {1.0f, 0.0f, -1.0f}},
    {{-INFINITY, 0.0f, 0.0f}, 1, 0.6931472f, {0.0f, -0.5f, 0.5f}},
};

Test(cross_entropy, is_stable_where_logits_are_large)
{
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    struct lm_probe *probe = ls_open("loss", "cross_entropy", NULL, "1x3 1:3", 1);
    ls_set(probe, LAMINA_IN, 0, rows[i].x);
    *lm_probe_labels(probe, 1) = rows[i].label;
    *lm_probe_gradient(probe, LAMINA_OUT, 0) = 1.0f;
    ls_forward(probe, TRAINING, 0);
    ls_backward(probe, TRAINING, 0);
    double loss = (double)*lm_probe_value(probe, LAMINA_OUT, 0), expected = (double)rows[i].loss;
    cr_assert(fabs(loss - expected) <= ldexp(expected, -23), "row %zu: %.9g", i, loss);
    for (int j = 0; j < 3; j++) {
      double slope = (double)lm_probe_gradient(probe, LAMINA_IN, 0)[j];
      cr_assert(fabs(slope - (double)rows[i].slopes[j]) <= ldexp(1.0, -23), "row %zu, %d: %.9g", i,
                j, slope);
    }
    lm_probe_close(probe);
  }
}

Test(cross_entropy, loss_of_no_samples_is_0)
{
  struct lm_probe *probe = ls_open("loss", "cross_entropy", NULL, "0x3 0:3", 1);
  ls_forward(probe, LAMINA_MODE_TRAIN, 0);
  cr_assert_eq(*lm_probe_value(probe, LAMINA_OUT, 0), 0.0f);
  lm_probe_close(probe);
}

Test(cross_entropy, refuses_a_label_outside_the_classes_naming_its_row)
{
  static const int32_t wrong[] = {11, -1, 255, INT32_MIN, INT32_MAX};
  static const char *const said[] = {"is 11,", "is -1,", "is 255,", "is -2147483648,",
                                     "is 2147483647,"};
  for (int i = 0; i < 5; i++) {
    struct lm_probe *probe = ls_open("loss", "cross_entropy", NULL, "2003x11 2003:11", 2);
    lm_probe_fill(probe, 1);
    lm_probe_labels(probe, 1)[1777] = wrong[i];
    lm_probe_labels(probe, 1)[1888] = 99;
    cr_assert_eq(lm_probe_forward(probe, TRAINING, 0), LAMINA_E_INVALID);
    ls_contains(probe->error.text, "loss 'cross_entropy'|label of row 1777 |from 0 to 10");
    ls_contains(probe->error.text, said[i]);
    lm_probe_close(probe);
  }
}

Test(cross_entropy, refuses_rows_that_are_no_probabilities)
{
  static const float wrong[][3] = {
      {0.5f, 0.4f, 0.0f}, {0.5f, 0.5f, 0.5f}, {1.5f, -0.5f, 0.0f}, {NAN, 0.5f, 0.5f}};
  for (int i = 0; i < 4; i++) {
    struct lm_probe *probe = ls_open("loss", "cross_entropy", NULL, "7x3 7x3", 1);
    lm_probe_fill(probe, 1);
    fill_shares(probe, 1);
    for (int j = 0; j < 3; j++) {
      lm_probe_value(probe, LAMINA_IN, 1)[3 * 4 + j] = wrong[i][j];
    }
    cr_assert_eq(lm_probe_forward(probe, TRAINING, 0), LAMINA_E_INVALID);
    ls_contains(probe->error.text, "row 4 |numbers from 0 to 1 that sum to 1");
    lm_probe_close(probe);
  }
}

Test(cross_entropy, has_no_gradient_of_its_target)
{
  struct lm_probe *probe = ls_open("loss", "cross_entropy", NULL, "4x3 4x3", 1);
  lm_probe_fill(probe, 1);
  fill_shares(probe, 1);
  ls_forward(probe, TRAINING, 0);
  cr_assert_eq(lm_probe_backward(probe, TRAINING, 0), LAMINA_E_UNSUPPORTED);
  ls_contains(probe->error.text, "no gradient of input 1");
  lm_probe_close(probe);
}

Test(cross_entropy, refuses_shapes_and_classes_that_do_not_fit)
{
  static const struct {
    const char *settings, *shapes;
    enum lamina_status status;
    const char *fragments;
  } cases[] = {
      {NULL, "4x3 4:5", LAMINA_E_SHAPE, "3 logits|has 5 classes"},
      {NULL, "4x5 4:3", LAMINA_E_SHAPE, "5 logits|has 3 classes"},
      {NULL, "4x3 4:5+", LAMINA_E_SHAPE, "3 logits|at least 5 classes"},
      {NULL, "4x3 5:3", LAMINA_E_SHAPE, "[4, 3]|int32 [5]"},
      {NULL, "4x3 4", LAMINA_E_SHAPE, "[4, 3]|float32 [4]"},
      {NULL, "4x3 4x3:3", LAMINA_E_SHAPE, "[4, 3]|int32 [4, 3]"},
      {NULL, "4 4:3", LAMINA_E_SHAPE, "[4]|[N, ..., K]"},
      {NULL, "4x0 4:3", LAMINA_E_SHAPE, "[4, 0]|K >= 1"},
      {NULL, "4x3:2 4:3", LAMINA_E_SHAPE, "input 0|int32|float32"},
      {NULL, "4x3", LAMINA_E_INVALID, "takes 2 inputs, not 1"},
      {"{label_smoothing: 1}", "4x3 4:3", LAMINA_E_INVALID, "label_smoothing|[0, 1)"},
      {"{label_smoothing: -0.1}", "4x3 4:3", LAMINA_E_INVALID, "label_smoothing|-0.1"},
      {"{smoothing: 0.1}", "4x3 4:3", LAMINA_E_INVALID, "smoothing|label_smoothing"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    ls_refuses("loss", "cross_entropy", cases[i].settings, cases[i].shapes, cases[i].status,
               cases[i].fragments);
  }
}
