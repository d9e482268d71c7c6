/* Windows of pictures with a margin: every place occurs, the middle in evaluation, and sizes. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <lamina/testing.h>

#include "tests/support/augment_checks.h"

LAMINA_CONFORM_WITH(transform, crop, .settings = "{padding: 2}")

Test(crop, draws_for_each_record_whatever_the_threads_and_batches)
{
  augment_check(augment_colour("{crop: {padding: 4}}"), true);
  augment_check(augment_grey("{crop: {padding: 1, size: [4, 10]}}"), false);
}

/* The pixel of a grey picture with a margin of fill value -1. */
static float at(const float *in, const int64_t size[2], int64_t y, int64_t x)
{
  return y >= 0 && y < size[0] && x >= 0 && x < size[1] ? in[y * size[1] + x] : -1.0f;
}

static bool is_window(const float *out, const float *in, const int64_t size[2],
                      const int64_t window[4])
{
  for (int64_t i = 0; i < window[0] * window[1]; i++) {
    if (out[i] != at(in, size, window[2] + i / window[1], window[3] + i % window[1])) {
      return false;
    }
  }
  return true;
}

/* yaml cuts height x width out of 5 x 6 pixels with that margin: all places occur. */
static void check_places(const char *yaml, int64_t margin, int64_t height, int64_t width)
{
  const int64_t size[] = {5, 6};
  struct augment augment = {.yaml = yaml, .dims = {5, 6}, .rank = 2, .count = 1000, .threads = 1};
  int64_t rows = size[0] + 2 * margin - height + 1, columns = size[1] + 2 * margin - width + 1;
  int64_t met = 0, elements;
  bool *seen = calloc((size_t)(rows * columns), sizeof *seen);
  float *out = augment_run(&augment, augment.count, 2, &elements);
  cr_assert_eq(elements, height * width);
  for (int64_t n = 0; n < augment.count; n++) {
    int64_t place = -1, window[] = {height, width, 0, 0};
    do {
      place++;
      window[2] = place / columns - margin;
      window[3] = place % columns - margin;
    } while (place < rows * columns &&
             !is_window(out + n * elements, augment_input() + n * 30, size, window));
    cr_assert_lt(place, rows * columns, "%s: record %d is no window", yaml, (int)n);
    met += !seen[place];
    seen[place] = true;
  }
  cr_assert_eq(met, rows * columns, "%s: %d places of %d", yaml, (int)met, (int)(rows * columns));
  free(seen);
  free(out);
}

Test(crop, cuts_anywhere_in_training)
{
  check_places("{crop: {padding: 2, fill: -1}}", 2, 5, 6);
  check_places("{crop: {size: [3, 2], fill: -1}}", 0, 3, 2);
  check_places("{crop: {size: [7, 4], padding: 1, fill: -1}}", 1, 7, 4);
  check_places("{crop: {size: [5, 6], fill: -1}}", 0, 5, 6);
}

Test(crop, cuts_the_middle_in_evaluation)
{
  static const struct {
    const char *yaml;
    int64_t window[4];
  } cases[] = {
      {"{crop: {size: [3, 2], fill: -1}}", {3, 2, 1, 2}},
      {"{crop: {size: [2, 3], fill: -1}}", {2, 3, 1, 1}},
      {"{crop: {size: [3, 2], padding: 4, fill: -1}}", {3, 2, 1, 2}},
      {"{crop: {size: [7, 8], padding: 3, fill: -1}}", {7, 8, -1, -1}},
      {"{crop: {size: [1, 1], fill: -1}}", {1, 1, 2, 2}},
  };
  const int64_t size[] = {5, 6};
  const struct probe_field field = {"input", lamina_type_f32(2, size), augment_input()};
  struct probe probe;
  probe_open(&probe, 1);
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct probe_data data;
    probe_data_of(&probe, &field, 1, 1, &data);
    probe_expect(&probe, probe_data_transform(&data, cases[i].yaml, "input"), LAMINA_OK, "");
    probe_data_load(&data, 1);
    cr_assert(is_window(probe_data_batch(&data, 0, 1, 0), augment_input(), size, cases[i].window),
              "%s", cases[i].yaml);
    probe_data_close(&data);
  }
  probe_close(&probe);
}

Test(crop, a_window_larger_than_the_picture_is_refused)
{
  static const char *const cases[] = {"{crop: {size: [8, 8], padding: 1}}",
                                      "{crop: {size: [5, 7]}}", "{crop: {size: [6, 1]}}"};
  const int64_t size[] = {5, 6};
  const struct probe_field field = {"input", lamina_type_f32(2, size), augment_input()};
  struct probe probe;
  probe_open(&probe, 1);
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct probe_data data;
    probe_data_of(&probe, &field, 1, 1, &data);
    probe_expect(&probe, probe_data_transform(&data, cases[i], "input"), LAMINA_E_SHAPE,
                 "cannot be cut out of 5 x 6");
    probe_data_close(&data);
  }
  probe_close(&probe);
}

Test(crop, a_field_that_is_no_picture_is_refused)
{
  augment_refuses_no_picture("crop");
}

Test(crop, wrong_settings_are_refused)
{
  static const struct probe_refusal cases[] = {
      {"{crop: {size: [4]}}", "expected [height, width]"},
      {"{crop: {size: [4, 0]}}", "size"},
      {"{crop: {padding: -1}}", "padding"},
  };
  probe_refuses(LAMINA_KIND_TRANSFORM, cases, sizeof cases / sizeof cases[0]);
}
