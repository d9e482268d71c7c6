/* Normal noise: its mean, its variance, its neighbours, and what every augmentation owes. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <lamina/testing.h>

#include "tests/support/augment_checks.h"

LAMINA_CONFORM(transform, noise)

Test(noise, draws_for_each_record_whatever_the_threads_and_batches)
{
  augment_check(augment_colour("noise"), true);
  augment_check(augment_grey("{noise: {deviation: 3}}"), true);
}

/* n numbers: the mean is off by sigma / sqrt(n), the variance by sigma^2 sqrt(2 / n), products of
 * neighbours by sigma^2 / sqrt(n); each within 5 of these. */
static void check_moments(double deviation, int64_t width)
{
  char yaml[64];
  struct augment augment = {
      .dims = {width}, .rank = 1, .count = 60000 / width, .seed = 5, .threads = 1};
  double sum = 0, square = 0, product = 0, last = 0, n = (double)(augment.count * width);
  (void)snprintf(yaml, sizeof yaml, "{noise: {deviation: %g}}", deviation);
  augment.yaml = yaml;
  float *out = augment_run(&augment, 17, 1, NULL);
  for (int64_t i = 0; i < augment.count * width; i++) {
    double z = ((double)out[i] - (double)augment_input()[i]) / deviation;
    sum += z;
    square += z * z;
    product += z * last;
    last = z;
  }
  cr_assert(fabs(sum / n) < 5 / sqrt(n), "mean %g", sum / n);
  cr_assert(fabs(square / n - 1) < 5 * sqrt(2 / n), "variance %g", square / n);
  cr_assert(fabs(product / n) < 5 / sqrt(n), "neighbours %g", product / n);
  free(out);
}

Test(noise, has_the_mean_and_variance_of_its_deviation)
{
  check_moments(0.1, 60);
  check_moments(2.0, 1);
  check_moments(1.0, 601);
}

Test(noise, of_deviation_0_is_none)
{
  struct augment augment = {
      .yaml = "{noise: {deviation: 0}}", .dims = {30}, .rank = 1, .count = 10, .threads = 1};
  float *out = augment_run(&augment, 10, 1, NULL);
  cr_assert_arr_eq(out, augment_input(), 300 * sizeof *out);
  free(out);
}

Test(noise, wrong_settings_are_refused)
{
  static const struct probe_refusal cases[] = {
      {"{noise: {deviation: -1}}", "deviation"},
      {"{noise: {sigma: 1}}", "sigma"},
  };
  probe_refuses(LAMINA_KIND_TRANSFORM, cases, sizeof cases / sizeof cases[0]);
}
