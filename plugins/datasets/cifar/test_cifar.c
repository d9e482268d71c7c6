/*
 * cifar: records written as bytes, so that the oracle is the format; and CIFAR-10 itself where
 * it is at hand.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include <lamina/testing.h>

#include "base/memory.h"
#include "tests/support/part_probe.h"
#include "tests/support/support.h"

LAMINA_CONFORM(dataset, cifar)

enum { PIXELS = 1024, BYTES = 3 * PIXELS };

/* Writes a file of n records: labels as given, pixel p of plane c of record i is f(i, c, p). */
static unsigned char value(int64_t i, int64_t c, int64_t p)
{
  return (unsigned char)(i * 31 + c * 97 + p * 7);
}

static void write_records(struct probe *probe, const char *name, const unsigned char *labels,
                          int64_t n, int64_t label_bytes)
{
  int64_t size = label_bytes + BYTES;
  unsigned char *bytes = lm_alloc((size_t)(n * size), 1);
  for (int64_t i = 0; i < n; i++) {
    memcpy(bytes + i * size, labels + i * label_bytes, (size_t)label_bytes);
    for (int64_t k = 0; k < BYTES; k++) {
      bytes[i * size + label_bytes + k] = value(i, k / PIXELS, k % PIXELS);
    }
  }
  probe_write(probe, name, bytes, (size_t)(n * size));
  lm_free(bytes);
}

/* Record `number` of the data is record i of its file, with this class. */
static void expect_record(struct probe_data *data, int64_t number, int64_t i, int32_t label)
{
  const float *pixels = probe_data_batch(data, number, 1, 0);
  for (int64_t k = 0; k < BYTES; k++) {
    float expected = (float)value(i, k % 3, k / 3);
    cr_assert_eq(pixels[k], expected, "record %lld, byte %lld", (long long)number, (long long)k);
  }
  const int32_t *target = probe_data_batch(data, number, 1, 1);
  cr_assert_eq(*target, label);
}

Test(cifar, planes_become_channels_last)
{
  struct probe probe;
  struct probe_data data;
  probe_open(&probe, 1);
  write_records(&probe, "b_1.bin", (const unsigned char *)"\3\0\11", 3, 1);
  write_records(&probe, "b_2.bin", (const unsigned char *)"\7", 1, 1);
  probe_expect(&probe,
               probe_data_open(&probe, "{cifar: {file: b_1.bin, batches: 2}}", "train", &data),
               LAMINA_OK, "");
  cr_assert_eq(data.dataset->count, 4);
  cr_assert_eq(data.dataset->fields[1].classes, 10);
  cr_assert(data.dataset->fields[1].exact);
  cr_assert_eq(data.dataset->fields[0].shape.dims[2], 3);
  probe_data_load(&data, 1);
  expect_record(&data, 0, 0, 3);
  expect_record(&data, 2, 2, 9);
  expect_record(&data, 3, 0, 7);
  probe_data_close(&data);
  probe_close(&probe);
}

Test(cifar, a_hundred_classes_come_in_two_ways)
{
  static const struct {
    const char *yaml;
    int64_t classes;
    int32_t label;
  } rows[] = {{"{cifar: {file: c.bin, labels: cifar100}}", 100, 99},
              {"{cifar: {file: c.bin, labels: cifar100_coarse, limit: 1}}", 20, 19}};
  for (size_t i = 0; i < 2; i++) {
    struct probe probe;
    struct probe_data data;
    probe_open(&probe, 1);
    write_records(&probe, "c.bin", (const unsigned char *)"\23\143\0\0", 2, 2);
    probe_expect(&probe, probe_data_open(&probe, rows[i].yaml, "train", &data), LAMINA_OK, "");
    cr_assert_eq(data.dataset->count, i == 0 ? 2 : 1);
    cr_assert_eq(data.dataset->fields[1].classes, rows[i].classes);
    probe_data_load(&data, 1);
    expect_record(&data, 0, 0, rows[i].label);
    probe_data_close(&data);
    probe_close(&probe);
  }
}

Test(cifar, broken_files_are_refused)
{
  static const struct {
    const char *yaml, *fragment;
  } rows[] = {
      {"{cifar: {file: gone.bin}}", "gone.bin"},
      {"{cifar: {file: short.bin}}",
       "short.bin ends after 10 bytes, within the first record of 3073"},
      {"{cifar: {file: odd.bin}}", "odd.bin has 3074 bytes, expected whole records of 3073"},
      {"{cifar: {file: label.bin}}", "record 0 (from 0) has label 10, expected 0 to 9"},
      {"{cifar: {file: label.bin, batches: 2}}", "has no 1 in its name that could count up to 2"},
      {"{cifar: {file: label.bin, batches: 10}}", "batches"},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    struct probe probe;
    struct probe_data data;
    char zeros[3074] = {0};
    probe_open(&probe, 1);
    probe_write(&probe, "short.bin", zeros, 10);
    probe_write(&probe, "odd.bin", zeros, sizeof zeros);
    write_records(&probe, "label.bin", (const unsigned char *)"\12", 1, 1);
    enum lamina_status status = probe_data_open(&probe, rows[i].yaml, "train", &data);
    cr_expect_neq(status, LAMINA_OK, "%s", rows[i].yaml);
    cr_expect(strstr(probe.error.text, rows[i].fragment) != NULL, "no '%s' in: %s",
              rows[i].fragment, probe.error.text);
    probe_data_close(&data);
    probe_close(&probe);
  }
}

Test(cifar, the_real_one_has_these_labels)
{
  struct probe probe;
  struct probe_data data;
  char *yaml = lm_format("{cifar: {file: %s/cifar-10-batches-bin/data_batch_1.bin.gz}}", ls_data());
  probe_open(&probe, 1);
  probe_expect(&probe, probe_data_open(&probe, yaml, "train", &data), LAMINA_OK, "");
  cr_assert_eq(data.dataset->count, 10000);
  probe_data_load(&data, 6);
  /* A frog, two trucks, a deer, two automobiles: the first of data_batch_1. */
  static const int32_t labels[] = {6, 9, 9, 4, 1, 1};
  cr_assert_arr_eq(probe_data_batch(&data, 0, 6, 1), labels, sizeof labels);
  const float *pixels = probe_data_batch(&data, 0, 1, 0);
  static const float first[] = {59, 62, 63};
  cr_assert_arr_eq(pixels, first, sizeof first);
  lm_free(yaml);
  probe_data_close(&data);
  probe_close(&probe);
}
