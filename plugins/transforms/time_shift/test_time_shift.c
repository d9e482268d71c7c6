/* Signals moved by whole numbers: every distance occurs, with either border. */
#include <criterion/criterion.h>
#include <stdlib.h>

#include <lamina/testing.h>

#include "tests/support/augment_checks.h"

LAMINA_CONFORM(transform, time_shift)

Test(time_shift, draws_for_each_record_whatever_the_threads_and_batches)
{
  static const struct augment rows[] = {
      {.yaml = "time_shift", .dims = {60, 3}, .rank = 2, .count = 50, .seed = 7, .threads = 1},
      {.yaml = "{time_shift: {by: 5, border: circular}}",
       .dims = {99},
       .rank = 1,
       .count = 50,
       .seed = 7,
       .threads = 1}};
  augment_check(rows[0], true);
  augment_check(rows[1], true);
}

/* Whether out is the signal moved by so many numbers. */
static bool is_moved(const float *out, const float *in, int64_t length, int64_t by, bool circular)
{
  for (int64_t i = 0; i < 2 * length; i++) {
    int64_t t = i / 2 - by;
    bool inside = t >= 0 && t < length;
    int64_t around = ((t % length) + length) % length;
    float wanted = inside || circular ? in[2 * around + i % 2] : 0.0f;
    if (out[i] < wanted || out[i] > wanted) {
      return false;
    }
  }
  return true;
}

/* Each record is its signal, of two channels, at one of the distances, and each of them occurs. */
static void check_distances(const char *yaml, int64_t by, bool circular)
{
  enum { LENGTH = 11, COUNT = 1000 };
  struct augment augment = {
      .yaml = yaml, .dims = {LENGTH, 2}, .rank = 2, .count = COUNT, .threads = 1};
  bool seen[64] = {false};
  int64_t met = 0;
  float *out = augment_run(&augment, COUNT, 2, NULL);
  for (int64_t n = 0; n < COUNT; n++) {
    int64_t kind = 0;
    while (kind <= 2 * by && !is_moved(out + n * LENGTH * 2, augment_input() + n * LENGTH * 2,
                                       LENGTH, kind - by, circular)) {
      kind++;
    }
    cr_assert_leq(kind, 2 * by, "%s: record %d was not moved so", yaml, (int)n);
    met += !seen[kind];
    seen[kind] = true;
  }
  cr_assert_eq(met, 2 * by + 1, "%s: %d distances", yaml, (int)met);
  free(out);
}

Test(time_shift, moves_by_whole_numbers)
{
  check_distances("{time_shift: {by: 4}}", 4, false);
  check_distances("{time_shift: {by: 5, border: circular}}", 5, true); /* all of the 11 */
  check_distances("{time_shift: {by: 0}}", 0, false);
  check_distances("{time_shift: {by: 0, border: circular}}", 0, true);
}

/* Far beyond the length nothing is left, or it goes round and round. */
Test(time_shift, may_be_longer_than_the_signal)
{
  struct augment augment = {
      .yaml = "{time_shift: {by: 1000000000}}", .dims = {3}, .rank = 1, .count = 30, .threads = 1};
  float *out = augment_run(&augment, 30, 0, NULL);
  for (int i = 0; i < 90; i++) {
    cr_assert_eq(out[i], 0.0f);
  }
  free(out);
  augment.yaml = "{time_shift: {by: 1000000000, border: circular}}";
  out = augment_run(&augment, 30, 0, NULL);
  for (int i = 0; i < 30; i++) {
    const float *in = augment_input() + 3 * i;
    cr_assert((double)out[3 * i] + (double)out[3 * i + 1] + (double)out[3 * i + 2] ==
                  (double)in[0] + (double)in[1] + (double)in[2],
              "record %d", i);
  }
  free(out);
}

Test(time_shift, a_field_that_is_no_signal_is_refused)
{
  struct probe probe;
  struct probe_data data;
  const int64_t dims[] = {5, 4, 3};
  probe_open(&probe, 1);
  for (uint32_t rank = 0; rank <= 3; rank += 3) {
    const struct probe_field field = {"input", lamina_type_f32(rank, dims), augment_input()};
    probe_data_of(&probe, &field, 1, 1, &data);
    probe_expect(&probe, probe_data_transform(&data, "time_shift", "input"), LAMINA_E_SHAPE,
                 "expected a signal");
    probe_data_close(&data);
  }
  probe_close(&probe);
}

Test(time_shift, wrong_settings_are_refused)
{
  static const struct probe_refusal cases[] = {
      {"{time_shift: {by: -1}}", "by"},
      {"{time_shift: {by: 0.5}}", "by"},
      {"{time_shift: {border: ring}}", "zeros, circular"},
  };
  probe_refuses(LAMINA_KIND_TRANSFORM, cases, sizeof cases / sizeof cases[0]);
}
