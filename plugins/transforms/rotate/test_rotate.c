/* Turned pictures: quarter turns are exact, a disc stays, and a known angle in between. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <lamina/testing.h>

#include "tests/support/augment_checks.h"

LAMINA_CONFORM(transform, rotate)

Test(rotate, draws_for_each_record_whatever_the_threads_and_batches)
{
  augment_check(augment_colour("rotate"), true);
  augment_check(augment_grey("{rotate: {degrees: [0, 360]}}"), true);
}

enum { SIDE = 7, CHANNELS = 2, COUNT = 4 };

static float *turned(const char *yaml, const float *input, int64_t side, int64_t channels)
{
  struct augment augment = {.yaml = yaml,
                            .dims = {side, side, channels},
                            .rank = 3,
                            .count = COUNT,
                            .input = input,
                            .threads = 1};
  return augment_run(&augment, COUNT, 0, NULL);
}

/* A quarter turn counter-clockwise: the right column becomes the upper row. */
static void quarter(const float *from, float *to)
{
  for (int64_t i = 0; i < COUNT * SIDE * SIDE * CHANNELS; i++) {
    int64_t n = i / (SIDE * SIDE * CHANNELS), y = i / (SIDE * CHANNELS) % SIDE;
    int64_t x = i / CHANNELS % SIDE, c = i % CHANNELS;
    to[i] = from[((n * SIDE + x) * SIDE + SIDE - 1 - y) * CHANNELS + c];
  }
}

Test(rotate, quarter_turns_move_each_pixel_of_a_square_exactly)
{
  static const int turns[] = {0, 1, 2, 3, 4, -1, -2, -3, -4};
  enum { TOTAL = COUNT * SIDE * SIDE * CHANNELS };
  for (size_t i = 0; i < sizeof turns / sizeof turns[0]; i++) {
    char yaml[80];
    float wanted[2][TOTAL];
    int k = 0;
    memcpy(wanted[0], augment_input(), sizeof wanted[0]);
    for (; k < (turns[i] + 4) % 4; k++) {
      quarter(wanted[k % 2], wanted[(k + 1) % 2]);
    }
    (void)snprintf(yaml, sizeof yaml, "{rotate: {degrees: [%d, %d]}}", 90 * turns[i],
                   90 * turns[i]);
    float *out = turned(yaml, augment_input(), SIDE, CHANNELS);
    cr_assert_arr_eq(out, wanted[k % 2], sizeof wanted[0], "%s", yaml);
    free(out);
  }
}

/* A plane a y + b x + c is turned into a plane; bilinear interpolation keeps planes. */
Test(rotate, a_slope_is_turned_by_the_angle)
{
  static const double degrees[] = {30.0, -30.0, 45.0, 10.0, 200.0};
  static float slope[COUNT * SIDE * SIDE];
  for (int i = 0; i < COUNT * SIDE * SIDE; i++) {
    slope[i] = (float)(i / SIDE % SIDE - 3);
  }
  for (size_t i = 0; i < sizeof degrees / sizeof degrees[0]; i++) {
    char yaml[80];
    double angle = degrees[i] * 3.14159265358979323846 / 180.0;
    (void)snprintf(yaml, sizeof yaml, "{rotate: {degrees: [%g, %g]}}", degrees[i], degrees[i]);
    float *out = turned(yaml, slope, SIDE, 1);
    for (int j = 0; j < SIDE * SIDE; j++) {
      double y = j / SIDE - 3, x = j % SIDE - 3;
      double wanted = x * sin(angle) + y * cos(angle);
      cr_assert(y * y + x * x > 9 || fabs((double)out[j] - wanted) < 1e-6, "%s: %g, not %g", yaml,
                (double)out[j], wanted);
    }
    free(out);
  }
}

Test(rotate, what_comes_from_outside_is_filled)
{
  struct augment augment = {.yaml = "{rotate: {degrees: [90, 90], fill: -1}}",
                            .dims = {1, 3},
                            .rank = 2,
                            .count = 1,
                            .threads = 1};
  float *out = augment_run(&augment, 1, 0, NULL);
  cr_assert(out[0] == -1.0f && out[1] == augment_input()[1] && out[2] == -1.0f);
  free(out);
}

Test(rotate, a_field_that_is_no_picture_is_refused)
{
  augment_refuses_no_picture("rotate");
}

Test(rotate, wrong_settings_are_refused)
{
  static const struct probe_refusal cases[] = {
      {"{rotate: {degrees: [15]}}", "two angles"},
      {"{rotate: {degrees: [15, -15]}}", "smaller one first"},
      {"{rotate: {degrees: [0, 361]}}", "degrees"},
      {"{rotate: {angle: 1}}", "angle"},
  };
  probe_refuses(LAMINA_KIND_TRANSFORM, cases, sizeof cases / sizeof cases[0]);
}
