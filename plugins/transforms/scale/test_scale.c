/* y = x by + offset: bytes to [0, 1], exact cases, in a chain, and its settings. */
#include <criterion/criterion.h>
#include <math.h>

#include <lamina/testing.h>

#include "tests/support/part_probe.h"

LAMINA_CONFORM(transform, scale)

static const int64_t four[] = {4};

/* Puts the records, of four numbers each, through one transform. */
static const float *scaled(struct probe_data *data, const char *yaml, int64_t n)
{
  probe_expect(data->probe, probe_data_transform(data, yaml, "input"), LAMINA_OK, "");
  probe_data_load(data, n);
  return probe_data_batch(data, 0, n, 0);
}

Test(scale, is_the_factor_and_the_offset)
{
  static const float input[] = {1, -2, 0, 1e30f};
  static const struct {
    const char *yaml;
    float wanted[4];
  } cases[] = {
      {"scale", {1, -2, 0, 1e30f}},
      {"{scale: {by: 0.5}}", {0.5f, -1, 0, 5e29f}},
      {"{scale: {by: -4, offset: 3}}", {-1, 11, 3, -4e30f}},
      {"{scale: {by: 0, offset: 1/4}}", {0.25f, 0.25f, 0.25f, 0.25f}},
      {"{scale: {by: 1e30}}", {1e30f, -2e30f, 0, INFINITY}},
  };
  const struct probe_field field = {"input", lamina_type_f32(1, four), input};
  struct probe probe;
  probe_open(&probe, 1);
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct probe_data data;
    probe_data_of(&probe, &field, 1, 1, &data);
    const float *output = scaled(&data, cases[i].yaml, 1);
    for (int j = 0; j < 4; j++) {
      cr_assert_eq(output[j], cases[i].wanted[j], "%s: %.9g", cases[i].yaml, (double)output[j]);
    }
    probe_data_close(&data);
  }
  probe_close(&probe);
}

/* The factor and the product are rounded once each: 2^-23 of the value. */
Test(scale, bytes_over_255_fill_the_unit_interval)
{
  static uint8_t bytes[256];
  const struct probe_field field = {"input", lamina_type_make(LAMINA_DT_UINT, 8, 1, four), bytes};
  struct probe probe;
  struct probe_data data;
  for (int i = 0; i < 256; i++) {
    bytes[i] = (uint8_t)i;
  }
  probe_open(&probe, 1);
  probe_data_of(&probe, &field, 1, 64, &data);
  const float *output = scaled(&data, "{scale: {by: 1/255}}", 64);
  for (int i = 0; i < 256; i++) {
    cr_assert(fabs((double)output[i] - i / 255.0) <= i / 255.0 * 0x1p-23, "%d: %.9g", i,
              (double)output[i]);
    cr_assert(output[i] >= 0.0f && output[i] <= 1.0f);
  }
  probe_data_close(&data);
  probe_close(&probe);
}

Test(scale, wrong_settings_are_refused)
{
  static const struct probe_refusal cases[] = {
      {"{scale: {by: 1e31}}", "by"},
      {"{scale: {by: 1/0}}", "by"},
      {"{scale: {offset: .nan}}", "offset"},
      {"{scale: {factor: 2}}", "factor"},
  };
  probe_refuses(LAMINA_KIND_TRANSFORM, cases, sizeof cases / sizeof cases[0]);
}
