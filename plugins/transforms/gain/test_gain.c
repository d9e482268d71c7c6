/* One factor for each record, evenly between its bounds, and what every augmentation owes. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <lamina/testing.h>

#include "tests/support/augment_checks.h"

LAMINA_CONFORM(transform, gain)

Test(gain, draws_for_each_record_whatever_the_threads_and_batches)
{
  augment_check(augment_colour("gain"), true);
  augment_check(augment_grey("{gain: {by: [-2, 5]}}"), true);
}

/* Ones become the factors: 60000 of them, evenly spread over the tenths between the bounds. */
Test(gain, is_one_factor_a_record_evenly_between_its_bounds)
{
  enum { COUNT = 20000, WIDTH = 3 };
  static float ones[COUNT * WIDTH];
  struct augment augment = {.yaml = "{gain: {by: [0.5, 1.5]}}",
                            .dims = {WIDTH},
                            .rank = 1,
                            .count = COUNT,
                            .seed = 9,
                            .threads = 1,
                            .input = ones};
  int tenths[10] = {0};
  for (int i = 0; i < COUNT * WIDTH; i++) {
    ones[i] = 1.0f;
  }
  float *out = augment_run(&augment, 128, 1, NULL);
  for (int i = 0; i < COUNT; i++) {
    const float *row = out + WIDTH * i;
    cr_assert(row[0] == row[1] && row[1] == row[2] && row[0] >= 0.5f && row[0] <= 1.5f);
    int tenth = (int)((row[0] - 0.5f) * 10.0f);
    tenths[tenth > 9 ? 9 : tenth]++;
  }
  for (int i = 0; i < 10; i++) {
    cr_assert(abs(tenths[i] - COUNT / 10) < 5 * sqrt(COUNT * 0.1 * 0.9), "%d", tenths[i]);
  }
  free(out);
}

Test(gain, between_equal_bounds_is_that_factor)
{
  struct augment augment = {
      .yaml = "{gain: {by: [3, 3]}}", .dims = {30}, .rank = 1, .count = 10, .threads = 1};
  float *out = augment_run(&augment, 10, 1, NULL);
  for (int i = 0; i < 300; i++) {
    cr_assert_eq(out[i], 3.0f * augment_input()[i]);
  }
  free(out);
}

/* A decibel more is 1.122 times as much; the logarithms of the factors are even. */
Test(gain, of_decibels_is_even_in_loudness)
{
  enum { COUNT = 20000 };
  static float ones[COUNT];
  struct augment augment = {.yaml = "{gain: {by: [-40, 0], unit: decibels}}",
                            .dims = {1},
                            .rank = 1,
                            .count = COUNT,
                            .threads = 1,
                            .input = ones};
  int quarters[4] = {0};
  for (int i = 0; i < COUNT; i++) {
    ones[i] = 1.0f;
  }
  float *out = augment_run(&augment, 128, 1, NULL);
  for (int i = 0; i < COUNT; i++) {
    cr_assert(out[i] >= 0.00999f && out[i] <= 1.0f, "%g", (double)out[i]);
    quarters[out[i] < 0.0316228f ? 0 : out[i] < 0.1f ? 1 : out[i] < 0.316228f ? 2 : 3]++;
  }
  for (int i = 0; i < 4; i++) {
    cr_assert(abs(quarters[i] - COUNT / 4) < 5 * sqrt(COUNT * 0.25 * 0.75), "%d", quarters[i]);
  }
  free(out);
}

Test(gain, wrong_settings_are_refused)
{
  static const struct probe_refusal cases[] = {
      {"{gain: {by: [1]}}", "two factors"},
      {"{gain: {by: [1, 0.5]}}", "smaller one first"},
      {"{gain: {factor: [1, 1]}}", "factor"},
      {"{gain: {by: [-700, 0], unit: decibels}}", "expected -600 to 600"},
  };
  probe_refuses(LAMINA_KIND_TRANSFORM, cases, sizeof cases / sizeof cases[0]);
}
