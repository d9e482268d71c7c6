/* (x - mean) / deviation for each channel, in training and in evaluation. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <lamina/testing.h>

#include "tests/support/augment_checks.h"

LAMINA_CONFORM(transform, normalize)

/* Both modes, against the definition: one division, one subtraction, each rounded once. */
static void check_channels(const char *yaml, const struct augment *shape, const float *mean,
                           const float *deviation)
{
  struct augment augment = *shape;
  int64_t channels = augment.rank == 3 ? augment.dims[2] : 1;
  struct probe probe;
  struct probe_data data;
  int64_t elements;
  augment.yaml = yaml;
  float *trained = augment_run(&augment, 3, 1, &elements);
  const struct probe_field field = {"input", lamina_type_f32(augment.rank, augment.dims),
                                    augment_input()};
  probe_open(&probe, 1);
  probe_data_of(&probe, &field, 1, augment.count, &data);
  probe_expect(&probe, probe_data_transform(&data, yaml, "input"), LAMINA_OK, "");
  probe_data_load(&data, augment.count);
  const float *out = probe_data_batch(&data, 0, augment.count, 0);
  for (int64_t i = 0; i < augment.count * elements; i++) {
    float wanted = (augment_input()[i] - mean[i % channels]) / deviation[i % channels];
    cr_assert(out[i] == wanted && trained[i] == wanted, "%s: %.9g, not %.9g", yaml, (double)out[i],
              (double)wanted);
  }
  probe_data_close(&data);
  probe_close(&probe);
  free(trained);
}

Test(normalize, takes_the_numbers_of_each_channel)
{
  static const struct augment colour = {.dims = {7, 9, 3}, .rank = 3, .count = 11, .threads = 1};
  static const struct augment grey = {.dims = {7, 9}, .rank = 2, .count = 11, .threads = 8};
  static const struct augment vector = {.dims = {1000}, .rank = 1, .count = 40, .threads = 8};
  static const float mean[] = {0.25f, 0.5f, -1.0f}, deviation[] = {0.5f, 3.0f, 0.7f};
  static const float zero[3], one[] = {1, 1, 1}, half[] = {0.5f, 0.5f, 0.5f};
  check_channels("{normalize: {mean: [0.25, 0.5, -1], deviation: [0.5, 3, 0.7]}}", &colour, mean,
                 deviation);
  check_channels("{normalize: {mean: [0.5], deviation: [0.5, 3, 0.7]}}", &colour, half, deviation);
  check_channels("{normalize: {mean: [0.25, 0.5, -1]}}", &colour, mean, one);
  check_channels("{normalize: {mean: [0.5], deviation: [0.5]}}", &grey, half, half);
  check_channels("{normalize: {mean: [0.5], deviation: [0.5]}}", &vector, half, half);
  check_channels("normalize", &vector, zero, one);
}

Test(normalize, another_number_of_channels_is_refused)
{
  static const char *const cases[] = {"{normalize: {mean: [1, 2]}}",
                                      "{normalize: {deviation: [1, 2, 3, 4]}}"};
  const int64_t dims[] = {4, 4, 3};
  struct probe probe;
  probe_open(&probe, 1);
  for (uint32_t rank = 2; rank <= 3; rank++) {
    const struct probe_field field = {"input", lamina_type_f32(rank, dims), augment_input()};
    for (int i = 0; i < 2; i++) {
      struct probe_data data;
      probe_data_of(&probe, &field, 1, 1, &data);
      probe_expect(&probe, probe_data_transform(&data, cases[i], "input"), LAMINA_E_SHAPE,
                   rank == 2 ? "but the field has 1" : "but the field has 3");
      probe_data_close(&data);
    }
  }
  probe_close(&probe);
}

Test(normalize, wrong_settings_are_refused)
{
  static const struct probe_refusal cases[] = {
      {"{normalize: {mean: []}}", "mean has 0 numbers"},
      {"{normalize: {mean: [1, 2], deviation: [1, 2, 3]}}", "expected one for each channel"},
      {"{normalize: {deviation: [0]}}", "deviation"},
      {"{normalize: {std: [1]}}", "std"},
  };
  probe_refuses(LAMINA_KIND_TRANSFORM, cases, sizeof cases / sizeof cases[0]);
}
