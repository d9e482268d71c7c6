/*
 * The loader: what each element type becomes, batches smaller than the largest, records in the
 * order asked for, and fields that cannot be converted.
 */
#include <criterion/criterion.h>
#include <string.h>

#include "base/memory.h"
#include "tests/support/part_probe.h"

static const int64_t pair[] = {2};

#define RECORD(code, bits)                                                   \
  {                                                                          \
    .dims = pair, .rank = 1, .dt_code = code, .dt_bits = bits, .dt_lanes = 1 \
  }

Test(loader, each_element_type_becomes_float32)
{
  static const uint8_t u8[] = {0, 255};
  static const int8_t i8[] = {-128, 127};
  static const int16_t i16[] = {-32768, 32767};
  static const uint16_t u16[] = {0, 65535};
  static const float f32[] = {-0.1f, 3e38f};
  static const double f64[] = {0.1, -1e300 * 1e-290};
  static const int64_t i64[] = {-16777217, INT64_MAX};
  static const struct {
    struct lamina_type record;
    const void *data;
    float wanted[2];
  } cases[] = {
      {RECORD(LAMINA_DT_UINT, 8), u8, {0, 255}},
      {RECORD(LAMINA_DT_INT, 8), i8, {-128, 127}},
      {RECORD(LAMINA_DT_INT, 16), i16, {-32768, 32767}},
      {RECORD(LAMINA_DT_UINT, 16), u16, {0, 65535}},
      {RECORD(LAMINA_DT_FLOAT, 32), f32, {-0.1f, 3e38f}},
      {RECORD(LAMINA_DT_FLOAT, 64), f64, {0.1f, -1e10f}},
      {RECORD(LAMINA_DT_INT, 64), i64, {-16777216, 0x1p63f}},
  };
  struct probe probe;
  probe_open(&probe, 1);
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    const struct probe_field field = {"input", cases[i].record, cases[i].data};
    struct probe_data data;
    probe_data_of(&probe, &field, 1, 1, &data);
    probe_data_load(&data, 1);
    cr_assert_arr_eq(probe_data_batch(&data, 0, 1, 0), cases[i].wanted, sizeof cases[i].wanted,
                     "type %d of %d bits", cases[i].record.dt_code, cases[i].record.dt_bits);
    probe_data_close(&data);
  }
  probe_close(&probe);
}

Test(loader, class_labels_stay_integers)
{
  static const int32_t labels[] = {0, -1, INT32_MAX, 16777217};
  const struct probe_field field = {"target", lamina_type_i32(0, pair), labels};
  struct probe probe;
  struct probe_data data;
  probe_open(&probe, 1);
  probe_data_of(&probe, &field, 1, 4, &data);
  probe_data_load(&data, 4);
  cr_assert_arr_eq(probe_data_batch(&data, 0, 4, 0), labels, sizeof labels);
  probe_data_close(&data);
  probe_close(&probe);
}

Test(loader, other_types_are_refused_with_the_field)
{
  static const struct lamina_type types[] = {RECORD(LAMINA_DT_FLOAT, 16),
                                             RECORD(LAMINA_DT_UINT, 32)};
  static const char zeros[16];
  struct probe probe;
  probe_open(&probe, 1);
  for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
    const struct probe_field field = {"odd", types[i], zeros};
    struct probe_data data;
    probe_data_of(&probe, &field, 1, 1, &data);
    enum lamina_status status =
        lm_loader_create(data.dataset, &data.transforms, 1, &data.loader, &probe.error);
    probe_expect(&probe, status, LAMINA_E_UNSUPPORTED, "field 'odd'");
    cr_assert_null(data.loader);
    probe_data_close(&data);
  }
  probe_close(&probe);
}

/* Two fields of 7 records: bytes with a transform that works in place, and labels. */
static uint8_t bytes[14];
static int32_t labels[7];

static void open_seven(struct probe *probe, struct probe_data *data, int64_t largest)
{
  static struct probe_field fields[2];
  for (int i = 0; i < 7; i++) {
    bytes[2 * i] = (uint8_t)(10 * i);
    bytes[2 * i + 1] = (uint8_t)(10 * i + 1);
    labels[i] = 100 + i;
  }
  fields[0] = (struct probe_field){"input", RECORD(LAMINA_DT_UINT, 8), bytes};
  fields[1] = (struct probe_field){"target", lamina_type_i32(0, pair), labels};
  probe_data_of(probe, fields, 2, 7, data);
  probe_expect(probe, probe_data_transform(data, "{scale: {by: 2}}", "input"), LAMINA_OK, "");
  probe_data_load(data, largest);
}

Test(loader, batches_of_any_size_hold_the_records_asked_for_in_order)
{
  static const int64_t orders[][4] = {{0, 1, 2, 3}, {6, 0, 6, 2}, {5, 4, 3, 3}};
  struct probe probe;
  struct probe_data data;
  probe_open(&probe, 1);
  open_seven(&probe, &data, 4);
  const float *input = lm_loader_data(data.loader, 0);
  const int32_t *target = lm_loader_data(data.loader, 1);
  for (int64_t n = 4; n >= 1; n--) {
    for (size_t i = 0; i < sizeof orders / sizeof orders[0]; i++) {
      enum lamina_status status = lm_loader_fill(data.loader, orders[i], n, true, 0, &probe.error);
      probe_expect(&probe, status, LAMINA_OK, "");
      for (int64_t j = 0; j < n; j++) {
        cr_assert_eq(input[2 * j], 20.0f * (float)orders[i][j]);
        cr_assert_eq(input[2 * j + 1], 20.0f * (float)orders[i][j] + 2.0f);
        cr_assert_eq(target[j], 100 + (int32_t)orders[i][j]);
      }
      cr_assert_eq(lm_loader_data(data.loader, 0), input, "a field has moved");
    }
  }
  probe_data_close(&data);
  probe_close(&probe);
}

/* R03: ten records in batches of four are seen once each. */
Test(loader, an_epoch_of_partial_batches_sees_each_record_once)
{
  struct probe probe;
  struct probe_data data;
  int seen[7] = {0};
  probe_open(&probe, 1);
  open_seven(&probe, &data, 3);
  for (int64_t first = 0; first < 7; first += 3) {
    int64_t n = 7 - first < 3 ? 7 - first : 3;
    const int32_t *target = probe_data_batch(&data, first, n, 1);
    for (int64_t i = 0; i < n; i++) {
      seen[target[i] - 100]++;
    }
  }
  for (int i = 0; i < 7; i++) {
    cr_assert_eq(seen[i], 1);
  }
  probe_data_close(&data);
  probe_close(&probe);
}
