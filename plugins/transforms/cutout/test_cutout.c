/* Covered squares: their size, their place, what is left, and how many there are. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <lamina/testing.h>

#include "tests/support/augment_checks.h"

LAMINA_CONFORM(transform, cutout)

Test(cutout, draws_for_each_record_whatever_the_threads_and_batches)
{
  augment_check(augment_colour("{cutout: {size: 5}}"), true);
  augment_check(augment_grey("{cutout: {size: 2, count: 3}}"), true);
}

/* Pixels of a 9 x 9 picture that are covered, and the box around them. */
static int64_t covered(const float *out, int64_t box[4])
{
  int64_t count = 0;
  box[0] = box[1] = 9;
  box[2] = box[3] = -1;
  for (int64_t i = 0; i < 81; i++) {
    int64_t y = i / 9, x = i % 9;
    if (out[i] == -1.0f) {
      count++;
      box[0] = y < box[0] ? y : box[0];
      box[1] = x < box[1] ? x : box[1];
      box[2] = y > box[2] ? y : box[2];
      box[3] = x > box[3] ? x : box[3];
    }
  }
  return count;
}

/* One square of side 3 about each of the 81 pixels, cut off at the edges; the rest is kept. */
Test(cutout, covers_one_square_about_any_pixel)
{
  struct augment augment = {.yaml = "{cutout: {size: 3, fill: -1}}",
                            .dims = {9, 9},
                            .rank = 2,
                            .count = 800,
                            .threads = 1};
  float *out = augment_run(&augment, augment.count, 1, NULL);
  bool seen[81] = {false};
  int met = 0;
  for (int64_t n = 0; n < augment.count; n++) {
    int64_t box[4], count = covered(out + 81 * n, box);
    int64_t height = box[2] - box[0] + 1, width = box[3] - box[1] + 1;
    int64_t y = box[0] == 0 ? box[2] - 1 : box[0] + 1, x = box[1] == 0 ? box[3] - 1 : box[1] + 1;
    cr_assert(count == height * width && height >= 2 && height <= 3 && width >= 2 && width <= 3);
    cr_assert((height == 3 || y == 0 || y == 8) && (width == 3 || x == 0 || x == 8));
    met += !seen[9 * y + x];
    seen[9 * y + x] = true;
    for (int i = 0; i < 81; i++) {
      cr_assert(out[81 * n + i] == -1.0f || out[81 * n + i] == augment_input()[81 * n + i]);
    }
  }
  cr_assert_eq(met, 81, "only %d centres", met);
  free(out);
}

Test(cutout, covers_all_channels_and_as_many_squares_as_wanted)
{
  struct augment augment = {.yaml = "{cutout: {size: 1, count: 4, fill: -1}}",
                            .dims = {20, 20, 3},
                            .rank = 3,
                            .count = 50,
                            .threads = 1};
  float *out = augment_run(&augment, augment.count, 1, NULL);
  int most = 0;
  for (int64_t n = 0; n < augment.count; n++) {
    int pixels = 0;
    for (const float *p = out + 1200 * n; p < out + 1200 * (n + 1); p += 3) {
      int channels = (p[0] == -1.0f) + (p[1] == -1.0f) + (p[2] == -1.0f);
      cr_assert(channels == 0 || channels == 3);
      pixels += channels == 3;
    }
    cr_assert(pixels >= 1 && pixels <= 4);
    most = pixels > most ? pixels : most;
  }
  cr_assert_eq(most, 4);
  free(out);
}

Test(cutout, a_square_larger_than_the_picture_covers_all)
{
  struct augment augment = {.yaml = "{cutout: {size: 1048576, fill: -1}}",
                            .dims = {9, 9},
                            .rank = 2,
                            .count = 5,
                            .threads = 1};
  int64_t box[4];
  float *out = augment_run(&augment, augment.count, 1, NULL);
  cr_assert_eq(covered(out, box), 81);
  free(out);
}

Test(cutout, a_field_that_is_no_picture_is_refused)
{
  augment_refuses_no_picture("{cutout: {size: 2}}");
}

Test(cutout, wrong_settings_are_refused)
{
  static const struct probe_refusal cases[] = {
      {"cutout", "size"},
      {"{cutout: {size: 0}}", "size"},
      {"{cutout: {size: 1, count: 65}}", "count"},
  };
  probe_refuses(LAMINA_KIND_TRANSFORM, cases, sizeof cases / sizeof cases[0]);
}
