/* The mean squared error by hand, over parts, and on large numbers that are close. */
#include <criterion/criterion.h>
#include <math.h>

#include <lamina/testing.h>

#include "tests/support/part_probe.h"

LAMINA_CONFORM(metric, mse)

static const int64_t n3[] = {4, 3}, n1[] = {4, 1}, n[] = {4};

static double value_of(const struct lamina_type *target, int64_t count, const float *prediction,
                       const float *wanted)
{
  struct probe probe;
  struct probe_metric metric;
  const struct probe_metric_spec spec = {"mse", lamina_type_f32(2, target->rank < 2 ? n1 : n3),
                                         *target, 0};
  probe_open(&probe, 1);
  probe_expect(&probe, probe_metric_open(&probe, &spec, &metric), LAMINA_OK, "");
  double value = probe_metric_value(&metric, count, prediction, wanted);
  cr_assert_eq(metric.table->direction(metric.instance->self), -1);
  probe_metric_close(&metric);
  probe_close(&probe);
  return value;
}

Test(metric_mse, is_the_mean_of_squares_over_all_elements)
{
  static const float prediction[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
  static const float target[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 13, 7, 12.5f};
  struct lamina_type same = lamina_type_f32(2, n3), flat = lamina_type_f32(1, n);
  cr_assert_float_eq(value_of(&same, 4, prediction, target), 25.25 / 12.0, 1e-15);
  cr_assert_eq(value_of(&same, 4, prediction, prediction), 0.0);
  cr_assert_eq(value_of(&same, 1, prediction + 9, target + 9), 25.25 / 3.0);
  cr_assert_eq(value_of(&flat, 4, prediction, target + 1), 1.0);
  cr_assert(isnan(value_of(&same, 0, prediction, target)));
}

Test(metric_mse, large_numbers_do_not_hide_small_differences)
{
  static const float prediction[] = {16777216.0f, 16777214.0f, -16777216.0f, 1e30f};
  static const float target[] = {16777214.0f, 16777216.0f, -16777214.0f, 1e30f};
  struct lamina_type flat = lamina_type_f32(1, n);
  cr_assert_eq(value_of(&flat, 4, prediction, target), 3.0);
  /* 2^24 + 3 has no float32 */
  static const float spread[] = {4096.0f, 1.0f, 1.0f, 1.0f}, zero[] = {0, 0, 0, 0};
  cr_assert_eq(value_of(&flat, 4, spread, zero), 16777219.0 / 4);
}

Test(metric_mse, what_is_not_a_number_shows)
{
  static const float prediction[] = {1, NAN, 3, 4};
  static const float target[] = {1, 2, 3, 4};
  struct lamina_type flat = lamina_type_f32(1, n);
  cr_assert(isnan(value_of(&flat, 4, prediction, target)));
  cr_assert(isnan(value_of(&flat, 4, target, prediction)));
}

Test(metric_mse, parts_may_be_merged)
{
  static const float prediction[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
  static const float target[] = {0, 4, 3, 1, 5, 8, 7, 8, 9, 13, 7, 12.5f};
  const struct probe_metric_spec spec = {"mse", lamina_type_f32(2, n3), lamina_type_f32(2, n3), 0};
  struct probe probe;
  struct probe_metric metric;
  probe_open(&probe, 1);
  probe_expect(&probe, probe_metric_open(&probe, &spec, &metric), LAMINA_OK, "");
  double whole = probe_metric_value(&metric, 4, prediction, target);
  for (int64_t cut = 0; cut <= 4; cut++) {
    double left[PROBE_METRIC_PARTS] = {0}, right[PROBE_METRIC_PARTS] = {0};
    probe_metric_update(&metric, cut, prediction, target, left);
    probe_metric_update(&metric, 4 - cut, prediction + 3 * cut, target + 3 * cut, right);
    metric.table->merge(metric.instance->self, left, right);
    cr_assert_eq(metric.table->value(metric.instance->self, left), whole); /* all sums exact */
  }
  probe_metric_close(&metric);
  probe_close(&probe);
}

Test(metric_mse, shapes_that_do_not_fit_are_refused)
{
  const struct {
    struct lamina_type prediction, target;
    const char *fragment;
  } cases[] = {
      {lamina_type_f32(2, n3), lamina_type_f32(2, n1), "[4, 1]"},
      {lamina_type_f32(2, n3), lamina_type_f32(1, n), "[4]"},
      {lamina_type_f32(2, n3), lamina_type_i32(2, n3), "float32"},
  };
  struct probe probe;
  probe_open(&probe, 1);
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct probe_metric metric;
    const struct probe_metric_spec spec = {"mse", cases[i].prediction, cases[i].target, 0};
    enum lamina_status status = probe_metric_open(&probe, &spec, &metric);
    probe_expect(&probe, status, LAMINA_E_SHAPE, cases[i].fragment);
    probe_metric_close(&metric);
  }
  probe_close(&probe);
}
