/* Pictures moved by whole pixels: every distance occurs, and only whole distances do. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <lamina/testing.h>

#include "tests/support/augment_checks.h"

LAMINA_CONFORM(transform, shift)

Test(shift, draws_for_each_record_whatever_the_threads_and_batches)
{
  augment_check(augment_colour("shift"), true);
  augment_check(augment_grey("{shift: {rows: 0, columns: 3}}"), true);
}

/* Whether out is the picture moved down and right, with the fill value around it. */
static bool is_moved(const float *out, const float *in, const int64_t size[2], int64_t down,
                     int64_t right)
{
  for (int64_t i = 0; i < size[0] * size[1]; i++) {
    int64_t y = i / size[1] - down, x = i % size[1] - right;
    bool inside = y >= 0 && y < size[0] && x >= 0 && x < size[1];
    if (out[i] != (inside ? in[y * size[1] + x] : -1.0f)) {
      return false;
    }
  }
  return true;
}

/* Each record is its picture moved by one of the distances allowed, and each of these occurs. */
static void check_distances(const char *yaml, int64_t rows, int64_t columns)
{
  const int64_t size[] = {5, 6}, pixels = size[0] * size[1];
  struct augment augment = {.yaml = yaml, .dims = {5, 6}, .rank = 2, .count = 1000, .threads = 1};
  int64_t kinds = (2 * rows + 1) * (2 * columns + 1), met = 0;
  bool *seen = calloc((size_t)kinds, sizeof *seen);
  float *out = augment_run(&augment, augment.count, 2, NULL);
  for (int64_t n = 0; n < augment.count; n++) {
    int64_t kind = 0;
    while (kind < kinds &&
           !is_moved(out + n * pixels, augment_input() + n * pixels, size,
                     kind / (2 * columns + 1) - rows, kind % (2 * columns + 1) - columns)) {
      kind++;
    }
    cr_assert_lt(kind, kinds, "%s: record %d was not moved so", yaml, (int)n);
    met += !seen[kind];
    seen[kind] = true;
  }
  cr_assert_eq(met, kinds, "%s: %d distances of %d", yaml, (int)met, (int)kinds);
  free(seen);
  free(out);
}

Test(shift, moves_pixels_by_whole_distances_and_fills_the_rest)
{
  check_distances("{shift: {rows: 2, columns: 1, fill: -1}}", 2, 1);
  check_distances("{shift: {rows: 0, columns: 3, fill: -1}}", 0, 3);
  check_distances("{shift: {rows: 3, columns: 0, fill: -1}}", 3, 0);
  check_distances("{shift: {rows: 0, columns: 0, fill: -1}}", 0, 0);
}

/* Nothing is left of a picture that is moved farther than it is wide. */
Test(shift, may_move_a_picture_out_of_itself)
{
  struct augment augment = {.yaml = "{shift: {rows: 1000000, columns: 1048576, fill: 4}}",
                            .dims = {3, 3, 2},
                            .rank = 3,
                            .count = 20,
                            .threads = 1};
  float *out = augment_run(&augment, augment.count, 0, NULL);
  for (int i = 0; i < 20 * 18; i++) {
    cr_assert_eq(out[i], 4.0f);
  }
  free(out);
}

Test(shift, a_field_that_is_no_picture_is_refused)
{
  augment_refuses_no_picture("shift");
}

Test(shift, wrong_settings_are_refused)
{
  static const struct probe_refusal cases[] = {
      {"{shift: {rows: -1}}", "rows"},
      {"{shift: {columns: 0.5}}", "columns"},
      {"{shift: {by: 1}}", "by"},
  };
  probe_refuses(LAMINA_KIND_TRANSFORM, cases, sizeof cases / sizeof cases[0]);
}
