/*
 * (x - mean) / deviation against two passes in long double; large offsets, constants, what is
 * not finite, and states that are saved and put back.
 */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include <lamina/testing.h>

#include "tests/support/part_probe.h"

LAMINA_CONFORM(transform, standardize)

enum { ROWS = 97, COLUMNS = 5 };

static const int64_t columns[] = {COLUMNS};

/* Numbers without a pattern that any formula here shares. */
static void fill(float *x, float offset, float size)
{
  uint32_t state = 12345;
  for (int i = 0; i < ROWS * COLUMNS; i++) {
    state = state * 1664525u + 1013904223u;
    x[i] = offset + size * (float)(state >> 24) * (float)(1 + i % COLUMNS);
  }
}

/* Mean and deviation of elements first, first + stride, ... of n. */
static void moments(const float *x, int n, int first, int stride, long double out[2])
{
  long double sum = 0, square = 0;
  int count = 0;
  for (int i = first; i < n; i += stride) {
    sum += (long double)x[i];
    count++;
  }
  out[0] = sum / count;
  for (int i = first; i < n; i += stride) {
    square += ((long double)x[i] - out[0]) * ((long double)x[i] - out[0]);
  }
  out[1] = sqrtl(square / count);
}

/* A set of these records behind one transform that has learnt from all of them. */
static enum lamina_status open_fitted(struct probe *probe, const struct probe_field *field,
                                      int64_t count, const char *yaml, struct probe_data *data)
{
  probe_data_of(probe, field, 1, count, data);
  LM_TRY(probe_data_transform(data, yaml, "input"));
  probe_data_load(data, 10);
  return probe_data_fit(data, count);
}

/* The result is rounded to float32 once; the moments are off by some 1e-16 of the largest
 * number, which the deviation divides. */
static void check_against_long_double(const char *yaml, float offset, float size, bool all)
{
  float x[ROWS * COLUMNS];
  struct probe probe;
  struct probe_data data;
  const struct probe_field field = {"input", lamina_type_f32(1, columns), x};
  fill(x, offset, size);
  probe_open(&probe, 1);
  probe_expect(&probe, open_fitted(&probe, &field, ROWS, yaml, &data), LAMINA_OK, "");
  for (int i = 0; i < ROWS; i++) {
    const float *y = probe_data_batch(&data, i, 1, 0);
    for (int j = 0; j < COLUMNS; j++) {
      long double m[2];
      moments(x, ROWS * COLUMNS, all ? 0 : j, all ? 1 : COLUMNS, m);
      double wanted = (double)(((long double)x[i * COLUMNS + j] - m[0]) / m[1]);
      double bound = fabs(wanted) * 0x1p-24 + 1e-14 * fabs((double)offset) / (double)m[1] + 1e-13;
      cr_assert(fabs((double)y[j] - wanted) <= bound, "%s at %g: %.9g, not %.9g", yaml,
                (double)offset, (double)y[j], wanted);
    }
  }
  probe_data_close(&data);
  probe_close(&probe);
}

Test(standardize, agrees_with_two_passes_in_long_double)
{
  check_against_long_double("standardize", 0.0f, 1.0f, false);
  check_against_long_double("{standardize: {per: all}}", 0.0f, 1.0f, true);
  check_against_long_double("standardize", 0.0f, 1e-9f, false);
}

/* Squares of 10^6 have no room for a deviation of 1 in float32, and little in double. */
Test(standardize, a_large_offset_costs_no_precision)
{
  check_against_long_double("standardize", 1e6f, 0.0625f, false);
  check_against_long_double("{standardize: {per: all}}", 1e6f, 0.0625f, true);
  check_against_long_double("standardize", 16777216.0f, 2.0f, false);
}

Test(standardize, constants_are_centred_and_not_divided)
{
  static const float x[] = {3, 1, 0.1f, 3, 2, 0.1f, 3, 6, 0.1f};
  static const int64_t three[] = {3};
  const struct probe_field field = {"input", lamina_type_f32(1, three), x};
  struct probe probe;
  struct probe_data data;
  probe_open(&probe, 1);
  probe_expect(&probe, open_fitted(&probe, &field, 3, "standardize", &data), LAMINA_OK, "");
  const float *y = probe_data_batch(&data, 0, 3, 0);
  for (int i = 0; i < 3; i++) {
    cr_assert(y[3 * i] == 0.0f && y[3 * i + 2] == 0.0f, "record %d", i);
    cr_assert(fabs((double)y[3 * i + 1] - ((double)x[3 * i + 1] - 3.0) / sqrt(14.0 / 3.0)) < 1e-7);
  }
  probe_data_close(&data);
  probe_expect(&probe, open_fitted(&probe, &field, 3, "{standardize: {epsilon: 100}}", &data),
               LAMINA_OK, "");
  cr_assert_eq(((const float *)probe_data_batch(&data, 2, 1, 0))[1], 3.0f);
  probe_data_close(&data);
  probe_expect(&probe, open_fitted(&probe, &field, 1, "standardize", &data), LAMINA_OK, "");
  cr_assert_eq(((const float *)probe_data_batch(&data, 0, 1, 0))[1], 0.0f, "one record");
  probe_data_close(&data);
  probe_close(&probe);
}

Test(standardize, saved_states_stand_for_the_training_data)
{
  static const char *const names[] = {"transform0/count", "transform0/mean",
                                      "transform0/deviation"};
  float x[ROWS * COLUMNS];
  struct probe probe;
  struct probe_data trained, loaded;
  const struct probe_field field = {"input", lamina_type_f32(1, columns), x};
  fill(x, 7.0f, 0.5f);
  probe_open(&probe, 1);
  probe_expect(&probe, open_fitted(&probe, &field, ROWS, "standardize", &trained), LAMINA_OK, "");
  probe_data_of(&probe, &field, 1, ROWS, &loaded);
  probe_expect(&probe, probe_data_transform(&loaded, "standardize", "input"), LAMINA_OK, "");
  probe_data_load(&loaded, ROWS);
  const struct lm_transform *from = trained.transforms.items[0], *to = loaded.transforms.items[0];
  cr_assert_eq(from->n_states, 3);
  for (uint32_t i = 0; i < 3; i++) {
    cr_assert_str_eq(from->state_names[i], names[i]);
    cr_assert(lamina_type_is(&from->states[i].type, LAMINA_DT_FLOAT, 64));
    memcpy(to->states[i].data, from->states[i].data,
           (size_t)lamina_type_count(&from->states[i].type) * sizeof(double));
  }
  cr_assert_eq(*(const double *)from->states[0].data, (double)ROWS);
  const float *y = probe_data_batch(&loaded, 0, ROWS, 0);
  for (int64_t i = 0; i < ROWS; i++) {
    const float *one = probe_data_batch(&trained, i, 1, 0);
    cr_assert_arr_eq(one, y + i * COLUMNS, COLUMNS * sizeof *y, "record %d", (int)i);
  }
  probe_data_close(&trained);
  probe_data_close(&loaded);
  probe_close(&probe);
}

Test(standardize, numbers_that_are_not_finite_are_refused_by_feature)
{
  static const float bad[] = {NAN, INFINITY, -INFINITY};
  static const int64_t two[] = {2};
  struct probe probe;
  probe_open(&probe, 1);
  for (int i = 0; i < 3; i++) {
    const float x[] = {1, 2, 3, bad[i], 5, 6};
    const struct probe_field field = {"input", lamina_type_f32(1, two), x};
    struct probe_data data;
    enum lamina_status status = open_fitted(&probe, &field, 3, "standardize", &data);
    probe_expect(&probe, status, LAMINA_E_NONFINITE, "feature 1");
    probe_data_close(&data);
  }
  probe_close(&probe);
}

Test(standardize, no_data_to_learn_from_is_refused)
{
  static const float x[] = {1, 2};
  static const int64_t one[] = {1};
  const struct probe_field field = {"input", lamina_type_f32(1, one), x};
  struct probe probe;
  struct probe_data data;
  probe_open(&probe, 1);
  probe_data_of(&probe, &field, 1, 2, &data);
  probe_expect(&probe, probe_data_transform(&data, "standardize", "input"), LAMINA_OK, "");
  probe_data_load(&data, 2);
  probe_expect(&probe, probe_data_fit(&data, 0), LAMINA_E_INVALID, "no training data");
  probe_data_close(&data);
  probe_close(&probe);
}

Test(standardize, wrong_settings_are_refused)
{
  static const struct probe_refusal cases[] = {
      {"{standardize: {per: features}}", "did you mean 'feature'?"},
      {"{standardize: {epsilon: -1}}", "epsilon"},
      {"{standardize: {pre: all}}", "did you mean 'per'?"},
  };
  probe_refuses(LAMINA_KIND_TRANSFORM, cases, sizeof cases / sizeof cases[0]);
}
