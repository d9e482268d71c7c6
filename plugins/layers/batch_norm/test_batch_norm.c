/*
 * batch_norm: the general checklist, PyTorch, running statistics, evaluation, frozen nodes, large
 * means, single rows, refusals.
 */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include <lamina/testing.h>

#include "tests/oracle/batch_norm.inc"
#include "tests/support/layer_checklist.h"
#include "tests/support/layer_oracle.h"

LAMINA_CONFORM(layer, batch_norm)

enum { TRAINING = LAMINA_MODE_TRAIN | LAMINA_MODE_KEEP, MEAN = 0, VARIANCE = 1 };

static void check(const char *settings, const char *declares)
{
  static const char *const shapes[] = {"0x3", "5x1", "7x3", "3x2x4x5", "300x2", NULL};
  const struct ls_layer batch_norm = {
      .kind = "layer",
      .name = "batch_norm",
      .settings = settings,
      .shapes = shapes,
      .declares = declares,
      .fifth = 4000,
      .rounding = 4000,
      .adding = 4,
  };
  ls_layer_checklist(&batch_norm);
}

Test(batch_norm, passes_the_checklist)
{
  check("{epsilon: 0.1}",
        "reads:in0 reads:weight0 reads:weight1 save:0 save:1 backward:0>0 fuses:out0 fuses:in0");
  check("{epsilon: 0.1, affine: false}",
        "reads:in0 save:0 save:1 backward:0>0 fuses:out0 fuses:in0");
}

Test(batch_norm, equals_pytorch)
{
  ls_check_oracle("layer", "batch_norm", 0,
                  &(struct ls_tolerance){.value_absolute = 60, .gradient_absolute = 200});
}

/* As a run begins: means 0, variances 1. */
static void begin(struct lm_probe *probe)
{
  for (int64_t i = 0; i < lm_probe_count(probe, LAMINA_STATE, MEAN); i++) {
    lm_probe_value(probe, LAMINA_STATE, MEAN)[i] = 0.0f;
    lm_probe_value(probe, LAMINA_STATE, VARIANCE)[i] = 1.0f;
  }
}

static void expect_near(const char *what, const float *found, const double *expected, int64_t n)
{
  for (int64_t i = 0; i < n; i++) {
    cr_expect(fabs((double)found[i] - expected[i]) <= 1e-6 * fmax(1.0, fabs(expected[i])),
              "%s[%lld] is %.9g, not %.9g", what, (long long)i, (double)found[i], expected[i]);
  }
}

/* Three batches of [4, 2, 5, 3]; then the last one in evaluation. */
Test(batch_norm, running_statistics_and_evaluation_equal_pytorch)
{
  struct lm_probe *probe =
      ls_open("layer", "batch_norm", "{momentum: 0.25, affine: false}", "4x2x5x3", 2);
  float *mean = lm_probe_value(probe, LAMINA_STATE, MEAN);
  float *variance = lm_probe_value(probe, LAMINA_STATE, VARIANCE);
  begin(probe);
  for (int step = 0; step < 3; step++) {
    for (int i = 0; i < 120; i++) {
      lm_probe_value(probe, LAMINA_IN, 0)[i] = (float)oracle_batches[step * 120 + i];
    }
    ls_forward(probe, TRAINING, (uint64_t)step);
  }
  expect_near("mean", mean, oracle_running_mean, 3);
  expect_near("variance", variance, oracle_running_variance, 3);
  float before[2][3];
  memcpy(before[0], mean, sizeof before[0]);
  memcpy(before[1], variance, sizeof before[1]);
  ls_forward(probe, 0, 3);
  expect_near("y", lm_probe_value(probe, LAMINA_OUT, 0), oracle_evaluated, 120);
  cr_assert_eq(memcmp(before[0], mean, sizeof before[0]), 0);
  cr_assert_eq(memcmp(before[1], variance, sizeof before[1]), 0);
  lm_probe_close(probe);
}

/* A frozen node runs as in evaluation, but with a backward to follow: its statistics are
 * constants, so that dx = scale / sigma dy. */
Test(batch_norm, has_a_linear_gradient_when_frozen)
{
  struct lm_probe *probe = ls_open("layer", "batch_norm", "{epsilon: 0.25}", "3x5x2", 2);
  lm_probe_fill(probe, 5);
  const float mean[2] = {0.5f, -3.0f}, variance[2] = {0.75f, 3.75f}, scale[2] = {2.0f, -1.0f};
  ls_set(probe, LAMINA_STATE, MEAN, mean);
  ls_set(probe, LAMINA_STATE, VARIANCE, variance);
  ls_set(probe, LAMINA_WEIGHT, 0, scale);
  probe->requests[LAMINA_WEIGHT][0] = probe->requests[LAMINA_WEIGHT][1] = LAMINA_SKIP;
  ls_forward(probe, LAMINA_MODE_KEEP, 0);
  ls_backward(probe, LAMINA_MODE_KEEP, 0);
  for (int i = 0; i < 30; i++) {
    float factor = i % 2 == 0 ? 2.0f : -0.5f;
    cr_expect_float_eq(lm_probe_gradient(probe, LAMINA_IN, 0)[i],
                       factor * lm_probe_gradient(probe, LAMINA_OUT, 0)[i], 1e-6);
  }
  cr_assert_eq(memcmp(mean, lm_probe_value(probe, LAMINA_STATE, MEAN), sizeof mean), 0);
  cr_assert_eq(memcmp(variance, lm_probe_value(probe, LAMINA_STATE, VARIANCE), sizeof variance), 0);
  lm_probe_close(probe);
}

/* Around 10^4 floats are 2^-10 apart, and squares would lose everything. */
Test(batch_norm, keeps_the_variance_of_numbers_with_a_large_mean)
{
  struct lm_probe *probe = ls_open("layer", "batch_norm", "{momentum: 1}", "1000x3", 2);
  float *x = lm_probe_value(probe, LAMINA_IN, 0);
  uint64_t seed = 5;
  double sum[3] = {0}, squares[3] = {0};
  lm_probe_fill(probe, 5);
  begin(probe);
  for (int i = 0; i < 3000; i++) {
    x[i] = 10000.0f + (float)lm_draw(&seed, 4096) / 1024.0f * (float)(1 + i % 3);
    sum[i % 3] += (double)x[i] - 10000.0;
  }
  for (int i = 0; i < 3000; i++) {
    double distance = (double)x[i] - 10000.0 - sum[i % 3] / 1000.0;
    squares[i % 3] += distance * distance;
  }
  ls_forward(probe, TRAINING, 0);
  for (int i = 0; i < 3; i++) {
    double mean = 10000.0 + sum[i] / 1000.0, variance = squares[i] / 999.0;
    cr_expect_float_eq(lm_probe_value(probe, LAMINA_STATE, MEAN)[i], mean, 1e-3);
    cr_expect_float_eq(lm_probe_value(probe, LAMINA_STATE, VARIANCE)[i], variance, 1e-4 * variance);
  }
  lm_probe_close(probe);
}

/* One row is its own mean: y = shift, nothing flows back, and the variance is 0. */
Test(batch_norm, makes_shift_of_a_single_row)
{
  struct lm_probe *probe = ls_open("layer", "batch_norm", "{momentum: 1}", "1x3", 1);
  lm_probe_fill(probe, 5);
  begin(probe);
  ls_forward(probe, TRAINING, 0);
  ls_backward(probe, TRAINING, 0);
  for (int i = 0; i < 3; i++) {
    cr_expect_eq(lm_probe_value(probe, LAMINA_OUT, 0)[i],
                 lm_probe_value(probe, LAMINA_WEIGHT, 1)[i]);
    cr_expect_eq(lm_probe_gradient(probe, LAMINA_IN, 0)[i], 0.0f);
    cr_expect_eq(lm_probe_value(probe, LAMINA_STATE, MEAN)[i],
                 lm_probe_value(probe, LAMINA_IN, 0)[i]);
    cr_expect_eq(lm_probe_value(probe, LAMINA_STATE, VARIANCE)[i], 0.0f);
  }
  lm_probe_close(probe);
}

Test(batch_norm, declares_weights_without_decay_and_its_states)
{
  struct lm_probe *probe = ls_open("layer", "batch_norm", NULL, "2x4x6", 1);
  cr_assert_str_eq(probe->recording.weights[0].name, "scale");
  cr_assert_str_eq(probe->recording.weights[0].init, "{constant: {value: 1}}");
  cr_assert_str_eq(probe->recording.weights[1].name, "shift");
  cr_assert(probe->recording.weights[0].flags == 0 && probe->recording.weights[1].flags == 0);
  cr_assert_str_eq(probe->recording.states[MEAN].name, "running_mean");
  cr_assert_str_eq(probe->recording.states[VARIANCE].name, "running_variance");
  cr_assert(probe->recording.states[MEAN].value == 0.0 &&
            probe->recording.states[VARIANCE].value == 1.0);
  cr_assert_str_eq(probe->facts.notes[LAMINA_NOTE_PARAMETERS], "6 + 6");
  lm_probe_close(probe);
}

Test(batch_norm, refuses_settings_and_shapes_that_make_no_layer)
{
  ls_refuses("layer", "batch_norm", "{momentum: 1.5}", "4x3", LAMINA_E_INVALID, "momentum|1.5");
  ls_refuses("layer", "batch_norm", "{epsilon: 0}", "4x3", LAMINA_E_INVALID, "epsilon|0");
  ls_refuses("layer", "batch_norm", NULL, "4", LAMINA_E_SHAPE, "[4]|[N, ..., C]");
  ls_refuses("layer", "batch_norm", NULL, "4x0", LAMINA_E_SHAPE, "C >= 1");
  ls_refuses("layer", "batch_norm", NULL, "4x3:2", LAMINA_E_SHAPE, "int32|float32");
}
