/*
 * Accuracy: decisions of one output on both scales (R04, C1), the largest of several, ties, what
 * is not a number, parts that are merged, shapes that do not fit.
 */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>

#include <lamina/testing.h>

#include "tests/support/part_probe.h"

LAMINA_CONFORM(metric, accuracy)

enum { LOGITS = 641 }; /* from -40 to 40 in steps of 1/8 */

static const int64_t one_each[] = {LOGITS, 1};

static double binary_accuracy(const char *yaml, const float *logits, const int32_t *labels)
{
  struct probe probe;
  struct probe_metric metric;
  const struct probe_metric_spec spec = {yaml, lamina_type_f32(2, one_each),
                                         lamina_type_i32(1, one_each), 2};
  probe_open(&probe, 1);
  probe_expect(&probe, probe_metric_open(&probe, &spec, &metric), LAMINA_OK, "");
  double value = probe_metric_value(&metric, LOGITS, logits, labels);
  probe_metric_close(&metric);
  probe_close(&probe);
  return value;
}

/* Labels by sigmoid(z) > p, in double; exp(-z) is far from overflow here. */
static void label(const float *logits, double probability, int32_t *labels)
{
  for (int i = 0; i < LOGITS; i++) {
    labels[i] = 1.0 / (1.0 + exp(-(double)logits[i])) > probability;
  }
}

static void fill_logits(float *logits)
{
  for (int i = 0; i < LOGITS; i++) {
    logits[i] = (float)(i - LOGITS / 2) / 8.0f;
  }
}

Test(accuracy, half_a_probability_is_a_logit_of_zero)
{
  static const char *const same[] = {"accuracy", "{accuracy: {threshold: 0}}",
                                     "{accuracy: {probability: 0.5}}",
                                     "{accuracy: {probability: 1/2, threshold: 0}}"};
  float logits[LOGITS];
  int32_t labels[LOGITS], signs[LOGITS], ones[LOGITS];
  fill_logits(logits);
  label(logits, 0.5, labels);
  for (int i = 0; i < LOGITS; i++) {
    signs[i] = logits[i] > 0.0f;
    ones[i] = 1; /* sigmoid(z) > 0 everywhere: no way to split (C1) */
  }
  for (size_t i = 0; i < sizeof same / sizeof same[0]; i++) {
    cr_assert_eq(binary_accuracy(same[i], logits, labels), 1.0, "%s", same[i]);
    cr_assert_eq(binary_accuracy(same[i], logits, signs), 1.0, "%s", same[i]);
    cr_assert_eq(binary_accuracy(same[i], logits, ones), 320.0 / 641.0, "%s", same[i]);
  }
}

Test(accuracy, any_probability_is_a_limit_on_the_logit)
{
  static const double probabilities[] = {1e-12, 0.001, 0.1, 0.3, 0.9, 0.999, 0.999999};
  float logits[LOGITS];
  int32_t labels[LOGITS];
  fill_logits(logits);
  for (size_t i = 0; i < sizeof probabilities / sizeof probabilities[0]; i++) {
    char yaml[64];
    label(logits, probabilities[i], labels);
    (void)snprintf(yaml, sizeof yaml, "{accuracy: {probability: %.17g}}", probabilities[i]);
    cr_assert_eq(binary_accuracy(yaml, logits, labels), 1.0, "%s", yaml);
  }
  for (int i = 0; i < LOGITS; i++) {
    labels[i] = logits[i] > 2.5f; /* 2.5 itself is class 0 */
  }
  cr_assert_eq(binary_accuracy("{accuracy: {threshold: 2.5}}", logits, labels), 1.0);
}

/** A batch and the share of it that is right. */
struct batch_case {
  int64_t prediction[3], target[3]; /* dims */
  uint32_t prediction_rank, target_rank;
  bool target_is_float;
  float outputs[12];
  int32_t classes[6];
  float probabilities[12];
  double value;
};

static void check_batch(const struct batch_case *wanted)
{
  struct probe probe;
  struct probe_metric metric;
  struct probe_metric_spec spec = {"accuracy",
                                   lamina_type_f32(wanted->prediction_rank, wanted->prediction),
                                   lamina_type_i32(wanted->target_rank, wanted->target), 0};
  const void *target = wanted->classes;
  if (wanted->target_is_float) {
    spec.target = lamina_type_f32(wanted->target_rank, wanted->target);
    target = wanted->probabilities;
  }
  probe_open(&probe, 1);
  probe_expect(&probe, probe_metric_open(&probe, &spec, &metric), LAMINA_OK, "");
  double value = probe_metric_value(&metric, wanted->prediction[0], wanted->outputs, target);
  cr_assert_eq(value, wanted->value, "%g, not %g", value, wanted->value);
  probe_metric_close(&metric);
  probe_close(&probe);
}

Test(accuracy, takes_the_first_largest_output_and_no_row_with_nan)
{
  const struct batch_case cases[] = {
      /* the largest; the first of two; all alike; infinities */
      {{4, 3},
       {4},
       2,
       1,
       false,
       {1, 9, 2, 5, 5, 1, 0, 0, 0, -INFINITY, 1, INFINITY},
       {1, 0, 0, 2},
       {0},
       1.0},
      /* the second of two is not taken */
      {{4, 3}, {4}, 2, 1, false, {1, 9, 2, 5, 5, 1, 0, 0, 0, 1, 1, 1}, {1, 1, 2, 1}, {0}, 0.25},
      /* NaN before, behind and in the right place: wrong each time; the last row is right */
      {{4, 3},
       {4},
       2,
       1,
       false,
       {NAN, 9, 2, 5, 1, NAN, 0, NAN, 0, 1, 2, 1},
       {1, 0, 1, 1},
       {0},
       0.25},
      /* one output: NaN is neither class */
      {{4, 1}, {4}, 2, 1, false, {NAN, NAN, 1, -1}, {0, 1, 1, 0}, {0}, 0.5},
      {{4}, {4}, 1, 1, false, {3, -3, 0, -0.0f}, {1, 0, 0, 0}, {0}, 1.0},
      {{4, 1}, {4, 1}, 2, 2, false, {3, -3, 3, -3}, {1, 0, 0, 1}, {0}, 0.5},
      /* probabilities as targets: their largest, or above 1/2 */
      {{2, 3}, {2, 3}, 2, 2, true, {1, 9, 2, 5, 1, 1}, {0}, {0, 1, 0, 0.3f, 0.3f, 0.4f}, 0.5},
      {{4, 1}, {4, 1}, 2, 2, true, {3, -3, 3, 3}, {0}, {1, 0, 0.5f, 0.51f}, 0.75},
      /* a class for each step of a sequence */
      {{2, 3, 2},
       {2, 3},
       3,
       2,
       false,
       {0, 1, 1, 0, 0, 1, 1, 0, 1, 0, 0, 1},
       {1, 0, 1, 0, 0, 0},
       {0},
       5.0 / 6.0},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    check_batch(&cases[i]);
  }
}

Test(accuracy, parts_may_be_merged_in_any_grouping)
{
  enum { N = 50, K = 4 };
  static const int64_t dims[] = {N, K};
  const struct probe_metric_spec spec = {"accuracy", lamina_type_f32(2, dims),
                                         lamina_type_i32(1, dims), K};
  struct probe probe;
  struct probe_metric metric;
  float outputs[N * K];
  int32_t classes[N];
  for (int i = 0; i < N * K; i++) {
    outputs[i] = (float)(i * 37 % 101);
    classes[i / K] = i * 7 % K;
  }
  probe_open(&probe, 1);
  probe_expect(&probe, probe_metric_open(&probe, &spec, &metric), LAMINA_OK, "");
  const struct lamina_metric *table = metric.table;
  double whole = probe_metric_value(&metric, N, outputs, classes);
  cr_assert(whole > 0.0 && whole < 1.0);
  for (int cut = 0; cut <= N; cut++) {
    double left[PROBE_METRIC_PARTS] = {0}, right[PROBE_METRIC_PARTS] = {0};
    probe_metric_update(&metric, cut, outputs, classes, left);
    probe_metric_update(&metric, N - cut, outputs + cut * K, classes + cut, right);
    table->merge(metric.instance->self, left, right);
    cr_assert_eq(table->value(metric.instance->self, left), whole, "cut at %d", cut);
  }
  const double nothing[PROBE_METRIC_PARTS] = {0};
  cr_assert(isnan(table->value(metric.instance->self, nothing)));
  cr_assert_eq(table->direction(metric.instance->self), 1);
  probe_metric_close(&metric);
  probe_close(&probe);
}

Test(accuracy, shapes_and_classes_that_do_not_fit_are_refused)
{
  static const int64_t n[] = {5}, n1[] = {5, 1}, n3[] = {5, 3}, n4[] = {5, 4}, n0[] = {5, 0};
  const struct {
    struct lamina_type prediction, target;
    int64_t classes;
    const char *fragment;
  } cases[] = {
      {lamina_type_f32(2, n3), lamina_type_i32(1, n), 4, "has 3 outputs"},
      {lamina_type_f32(2, n1), lamina_type_i32(1, n), 3, "two classes"},
      {lamina_type_f32(2, n3), lamina_type_i32(2, n3), 3, "one int32 class a row"},
      {lamina_type_f32(2, n3), lamina_type_f32(2, n4), 0, "[5, 4]"},
      {lamina_type_f32(2, n3), lamina_type_f32(1, n), 0, "[5]"},
      {lamina_type_i32(1, n), lamina_type_i32(1, n), 2, "float32"},
      {lamina_type_f32(0, n), lamina_type_i32(1, n), 2, "at least one output"},
      {lamina_type_f32(2, n0), lamina_type_i32(1, n), 0, "at least one output"},
  };
  struct probe probe;
  probe_open(&probe, 1);
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct probe_metric metric;
    const struct probe_metric_spec spec = {"accuracy", cases[i].prediction, cases[i].target,
                                           cases[i].classes};
    enum lamina_status status = probe_metric_open(&probe, &spec, &metric);
    probe_expect(&probe, status, LAMINA_E_SHAPE, cases[i].fragment);
    probe_metric_close(&metric);
  }
  probe_close(&probe);
}

Test(accuracy, wrong_settings_are_refused)
{
  static const struct probe_refusal cases[] = {
      {"{accuracy: {threshold: 1, probability: 0.7}}", "two scales of the same limit"},
      {"{accuracy: {probability: 0}}", "probability"},
      {"{accuracy: {probability: 1}}", "probability"},
      {"{accuracy: {threshold: .inf}}", "threshold"},
      {"{accuracy: {treshold: 1}}", "did you mean 'threshold'?"},
  };
  probe_refuses(LAMINA_KIND_METRIC, cases, sizeof cases / sizeof cases[0]);
}
