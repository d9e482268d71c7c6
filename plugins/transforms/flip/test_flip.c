/* Pictures turned over: pixel by pixel, twice, how often, and what every augmentation owes. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <lamina/testing.h>

#include "tests/support/augment_checks.h"

LAMINA_CONFORM(transform, flip)

Test(flip, draws_for_each_record_whatever_the_threads_and_batches)
{
  augment_check(augment_colour("flip"), true);
  augment_check(augment_grey("{flip: {direction: vertical}}"), true);
}

/* Where pixel (y, x) of a picture comes from. */
static void check_pixels(const char *yaml, bool vertical)
{
  struct augment augment = augment_colour(yaml);
  int64_t h = augment.dims[0], w = augment.dims[1], c = augment.dims[2];
  float *out = augment_run(&augment, augment.count, 0, NULL);
  for (int64_t i = 0; i < augment.count * h * w * c; i++) {
    int64_t n = i / (h * w * c), y = i / (w * c) % h, x = i / c % w;
    int64_t from = vertical ? (h - 1 - y) * w + x : y * w + (w - 1 - x);
    cr_assert_eq(out[i], augment_input()[(n * h * w + from) * c + i % c]);
  }
  augment.input = out;
  float *twice = augment_run(&augment, augment.count, 0, NULL);
  cr_assert_arr_eq(twice, augment_input(), (size_t)(augment.count * h * w * c) * sizeof *out,
                   "%s twice is not the identity", yaml);
  free(twice);
  free(out);
}

Test(flip, exchanges_the_sides_and_twice_changes_nothing)
{
  check_pixels("{flip: {probability: 1}}", false);
  check_pixels("{flip: {probability: 1, direction: vertical}}", true);
}

/* n trials of probability p: within 5 deviations. */
Test(flip, happens_as_often_as_it_should)
{
  static const double chances[] = {0.0, 0.1, 0.5, 0.9};
  struct augment augment = {.dims = {1, 2}, .rank = 2, .count = 4000, .seed = 3, .threads = 1};
  for (size_t i = 0; i < sizeof chances / sizeof chances[0]; i++) {
    char yaml[64];
    double p = chances[i], flipped = 0, n = (double)augment.count;
    (void)snprintf(yaml, sizeof yaml, "{flip: {probability: %g}}", p);
    augment.yaml = yaml;
    float *out = augment_run(&augment, augment.count, 0, NULL);
    for (int64_t j = 0; j < augment.count; j++) {
      flipped += out[2 * j] != augment_input()[2 * j];
    }
    cr_assert(fabs(flipped - n * p) <= 5 * sqrt(n * p * (1 - p)), "%g of %g", flipped, n * p);
    free(out);
  }
}

Test(flip, a_field_that_is_no_picture_is_refused)
{
  augment_refuses_no_picture("flip");
}

Test(flip, wrong_settings_are_refused)
{
  static const struct probe_refusal cases[] = {
      {"{flip: {probability: 1.1}}", "probability"},
      {"{flip: {direction: up}}", "direction"},
      {"{flip: {chance: 1}}", "chance"},
  };
  probe_refuses(LAMINA_KIND_TRANSFORM, cases, sizeof cases / sizeof cases[0]);
}
