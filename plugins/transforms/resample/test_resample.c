/*
 * Sines read at other times against the sines that they then are, away from the ends; what a
 * lower rate cannot hold is gone.
 */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <lamina/testing.h>

#include "tests/support/augment_checks.h"

LAMINA_CONFORM(transform, resample)

enum { LENGTH = 400 };

Test(resample, draws_for_each_record_whatever_the_threads_and_batches)
{
  static const struct augment rows[] = {
      {.yaml = "resample", .dims = {60, 3}, .rank = 2, .count = 50, .seed = 7, .threads = 1},
      {.yaml = "{resample: {speed: [0.5, 2], rate: 3/2}}",
       .dims = {99},
       .rank = 1,
       .count = 50,
       .seed = 7,
       .threads = 1}};
  augment_check(rows[0], true);
  augment_check(rows[1], false);
}

/* Two channels, sines of so many turns a number. */
static float *run_sines(const char *yaml, double turns, double other, int64_t *length)
{
  static float sines[2 * LENGTH];
  struct augment augment = {
      .yaml = yaml, .dims = {LENGTH, 2}, .rank = 2, .count = 1, .threads = 1, .input = sines};
  for (int t = 0; t < LENGTH; t++) {
    sines[2 * t] = (float)sin(2.0 * acos(-1.0) * turns * t);
    sines[2 * t + 1] = (float)cos(2.0 * acos(-1.0) * other * t);
  }
  float *out = augment_run(&augment, 1, 0, length);
  *length /= 2;
  return out;
}

/* Where 16 zero crossings lie inside of the signal, a sine is what it would be. */
Test(resample, keeps_sines_and_scales_their_frequency)
{
  static const struct {
    const char *yaml;
    double step, turns, other; /* of the signal */
    int64_t length;
  } rows[] = {
      {"{resample: {speed: [1, 1]}}", 1.0, 0.3, 0.02, LENGTH},
      {"{resample: {speed: [2, 2]}}", 2.0, 0.05, 0.2, LENGTH},
      {"{resample: {speed: [1.1, 1.1]}}", 1.1, 0.3, 0.011, LENGTH},
      {"{resample: {speed: [0.5, 0.5]}}", 0.5, 0.35, 0.1, LENGTH},
      {"{resample: {speed: [1, 1], rate: 1/2}}", 2.0, 0.05, 0.2, LENGTH / 2},
      {"{resample: {speed: [1, 1], rate: 2}}", 0.5, 0.35, 0.001, 2 * LENGTH},
      {"{resample: {speed: [1, 1], rate: 0.3}}", 1.0 / 0.3, 0.05, 0.1, 120},
      {"{resample: {speed: [3, 3], rate: 3}}", 1.0, 0.35, 0.1, 3 * LENGTH},
  };
  for (size_t r = 0; r < sizeof rows / sizeof rows[0]; r++) {
    int64_t length = 0;
    float *out = run_sines(rows[r].yaml, rows[r].turns, rows[r].other, &length);
    double reach = 17.0 * fmax(1.0, rows[r].step);
    cr_assert_eq(length, rows[r].length, "%s: %d", rows[r].yaml, (int)length);
    for (int64_t i = 0; i < length; i++) {
      double at = (double)i * rows[r].step, pi = acos(-1.0);
      if (at < reach || at > LENGTH - reach) {
        cr_assert(at < LENGTH + reach || (out[2 * i] == 0.0f && out[2 * i + 1] == 0.0f),
                  "%s: not silent behind its end", rows[r].yaml);
        continue;
      }
      cr_assert(fabs((double)out[2 * i] - sin(2.0 * pi * rows[r].turns * at)) < 2e-3,
                "%s: number %d is %g", rows[r].yaml, (int)i, (double)out[2 * i]);
      cr_assert(fabs((double)out[2 * i + 1] - cos(2.0 * pi * rows[r].other * at)) < 2e-3,
                "%s: number %d is %g", rows[r].yaml, (int)i, (double)out[2 * i + 1]);
    }
    free(out);
  }
}

Test(resample, at_speed_and_rate_1_changes_no_bit_in_training)
{
  struct augment augment = {
      .yaml = "{resample: {speed: [1, 1]}}", .dims = {50}, .rank = 1, .count = 20, .threads = 1};
  float *out = augment_run(&augment, 20, 0, NULL);
  cr_expect(memcmp(out, augment_input(), 20 * 50 * sizeof *out) == 0);
  free(out);
}

/* At half of the rate 0.25 turns a number are the limit: 0.3 must not come back as 0.2. */
Test(resample, removes_what_a_lower_rate_cannot_hold)
{
  int64_t length = 0;
  float *out = run_sines("{resample: {speed: [1, 1], rate: 1/2}}", 0.3, 0.45, &length);
  for (int64_t i = 40; i < length - 40; i++) {
    cr_assert(fabs((double)out[2 * i]) < 2e-3 && fabs((double)out[2 * i + 1]) < 2e-3,
              "number %d is %g", (int)i, (double)out[2 * i]);
  }
  free(out);
}

/* The place of a step tells the speed: half of the draws are below the geometric mean. */
Test(resample, draws_speeds_evenly_in_octaves)
{
  enum { COUNT = 2000, WIDTH = 200 };
  static float steps[COUNT * WIDTH];
  struct augment augment = {.yaml = "{resample: {speed: [1, 4]}}",
                            .dims = {WIDTH},
                            .rank = 1,
                            .count = COUNT,
                            .threads = 1,
                            .input = steps};
  for (int i = 0; i < COUNT * WIDTH; i++) {
    steps[i] = i % WIDTH < 100 ? 0.0f : 1.0f;
  }
  float *out = augment_run(&augment, 100, 0, NULL);
  int quarters[4] = {0};
  for (int n = 0; n < COUNT; n++) {
    int at = 0;
    while (at < WIDTH && out[n * WIDTH + at] < 0.5f) {
      at++;
    }
    cr_assert(at >= 25 && at <= 100, "%d", at);
    quarters[at <= 35 ? 3 : at <= 50 ? 2 : at <= 70 ? 1 : 0]++;
  }
  for (int k = 0; k < 4; k++) {
    cr_expect(fabs(quarters[k] - COUNT / 4.0) < 5 * sqrt(COUNT * 0.25 * 0.75), "%d", quarters[k]);
  }
  free(out);
}

Test(resample, wrong_settings_are_refused)
{
  static const struct probe_refusal cases[] = {
      {"{resample: {speed: [1]}}", "two factors"},
      {"{resample: {speed: [2, 1]}}", "smaller one first"},
      {"{resample: {speed: [0, 1]}}", "speed"},
      {"{resample: {rate: 0}}", "rate"},
      {"{resample: {rate: 100}}", "rate"},
  };
  probe_refuses(LAMINA_KIND_TRANSFORM, cases, sizeof cases / sizeof cases[0]);
}
