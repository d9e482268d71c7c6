/*
 * Arrays of NumPy: every type of element, the forms of headers that numpy.save() writes, and
 * refusals of what is none. points.npy and labels.npy were written by NumPy itself.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include <lamina/testing.h>

#include "base/memory.h"
#include "tests/support/part_probe.h"
#include "tests/support/support.h"

LAMINA_CONFORM_WITH(dataset, npy,
                    .settings = "{input: '${env:LAMINA_TEST_SOURCE}/plugins/datasets/npy/"
                                "points.npy', target: '${env:LAMINA_TEST_SOURCE}/plugins/"
                                "datasets/npy/labels.npy'}")

enum { LARGEST = 512 };

/** A file: its header's dictionary, and elements behind it. */
struct file {
  const char *dictionary;
  const void *elements;
  size_t bytes;
};

#define HEADER(descr, shape) "{'descr': '" descr "', 'fortran_order': False, 'shape': " shape ", }"
#define FILE_OF(descr, shape, array)           \
  {                                            \
    HEADER(descr, shape), array, sizeof(array) \
  }

/* Writes a file of a version of the format. */
static void write_npy(struct probe *probe, const char *name, const struct file *file, int version)
{
  unsigned char bytes[LARGEST] = "\x93NUMPY";
  size_t begin = version == 1 ? 10 : 12, length = strlen(file->dictionary);
  size_t padded = (begin + length + 1 + 63) / 64 * 64 - begin;
  bytes[6] = (unsigned char)version;
  bytes[8] = (unsigned char)padded;
  memset(bytes + begin, ' ', padded);
  memcpy(bytes + begin, file->dictionary, length);
  bytes[begin + padded - 1] = '\n';
  memcpy(bytes + begin + padded, file->elements, file->bytes);
  probe_write(probe, name, bytes, begin + padded + file->bytes);
}

static const uint8_t u8[] = {0, 7, 255, 1, 2, 3};
static const int32_t i32[] = {0, -7, 255, 1, 2, 1 << 24};
static const int64_t i64[] = {0, -7, 255, 1, 2, 1 << 24};
static const float f32[] = {0.0f, -7.5f, 0.1f, 1.0f, 2.0f, 3e38f};
static const double f64[] = {0.0, -7.5, 0.1, 1.0, 2.0, 3e38};

Test(npy, elements_of_every_type_become_float32)
{
  static const struct {
    struct file file;
    float wanted[6];
  } rows[] = {
      {FILE_OF("|u1", "(2, 3)", u8), {0, 7, 255, 1, 2, 3}},
      {FILE_OF("<i4", "(2, 3)", i32), {0, -7, 255, 1, 2, 16777216}},
      {FILE_OF("<i8", "(2, 3)", i64), {0, -7, 255, 1, 2, 16777216}},
      {FILE_OF("<f4", "(2, 3)", f32), {0.0f, -7.5f, 0.1f, 1.0f, 2.0f, 3e38f}},
      {FILE_OF("<f8", "(2, 3)", f64), {0.0f, -7.5f, 0.1f, 1.0f, 2.0f, 3e38f}},
  };
  struct probe probe;
  probe_open(&probe, 1);
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    struct probe_data data;
    write_npy(&probe, "a.npy", &rows[i].file, 1 + (int)i % 3);
    probe_expect(&probe, probe_data_open(&probe, "{npy: {input: a.npy}}", "train", &data),
                 LAMINA_OK, "");
    cr_assert(data.dataset->count == 2 && data.dataset->n_fields == 1);
    cr_assert_eq(data.dataset->fields[0].shape.dims[0], 3);
    probe_data_load(&data, 2);
    cr_assert_arr_eq(probe_data_batch(&data, 0, 2, 0), rows[i].wanted, sizeof rows[i].wanted, "%s",
                     rows[i].file.dictionary);
    probe_data_close(&data);
  }
  probe_close(&probe);
}

Test(npy, whole_targets_are_classes_and_others_are_values)
{
  static const struct file input = FILE_OF("<f4", "(6,)", f32);
  static const int64_t labels[] = {0, 2, 1, 1, 0, 2};
  static const struct {
    struct file file;
    int64_t classes;
    uint32_t rank;
  } rows[] = {{FILE_OF("<i8", "(6,)", labels), 3, 0},
              {FILE_OF("|u1", "(6,)", u8), 256, 0},
              {FILE_OF("<f8", "(6,)", f64), 0, 0},
              {FILE_OF("<f4", "(6, 1)", f32), 0, 1}};
  struct probe probe;
  probe_open(&probe, 1);
  write_npy(&probe, "a.npy", &input, 1);
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    struct probe_data data;
    write_npy(&probe, "b.npy", &rows[i].file, 1);
    probe_expect(&probe,
                 probe_data_open(&probe, "{npy: {input: a.npy, target: b.npy}}", "train", &data),
                 LAMINA_OK, "");
    const struct lm_declared_field *target = &data.dataset->fields[1];
    cr_assert_eq(target->classes, rows[i].classes, "row %zu: %d classes", i, (int)target->classes);
    cr_assert_eq(target->shape.type.rank, rows[i].rank);
    cr_assert_eq(lamina_type_is_i32(&target->shape.type), rows[i].classes > 0);
    probe_data_close(&data);
  }
  probe_close(&probe);
}

Test(npy, what_is_no_array_of_records_is_refused)
{
  static const float odd[] = {1.0f, __builtin_nanf("")};
  static const double large[] = {1.0, 1e39};
  static const struct {
    struct file file;
    const char *words;
  } rows[] = {
      {{HEADER("<f4", "(2, 3)"), f32, 20}, "needs a file of 152 bytes, but it has 148"},
      {{HEADER("<f4", "(2, 2)"), f32, 24}, "needs a file of 144 bytes, but it has 152"},
      {{HEADER("<f4", "()"), f32, 4}, "a single number"},
      {{HEADER("<f4", "(0, 3)"), f32, 0}, "at least 1"},
      {{HEADER("<f4", "(4294967296, 4294967296)"), f32, 4}, "at least 1"},
      {{HEADER("<f4", "(1, 1, 1, 1, 1, 1, 1, 1, 1)"), f32, 4}, "1 to 8 numbers"},
      {{HEADER(">f4", "(2, 3)"), f32, 24}, "found elements '>f4'"},
      {{HEADER("<c8", "(3,)"), f32, 24}, "found elements '<c8'"},
      {{HEADER("|O", "(3,)"), f32, 24}, "found elements '|O'"},
      {{"{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (6,), }", f32, 24},
       "found elements [('a'"},
      {{"{'descr': '<f4', 'fortran_order': True, 'shape': (2, 3), }", f32, 24}, "column by column"},
      {{"{'descr': '<f4', 'fortran_order': False, }", f32, 24}, "no shape"},
      {FILE_OF("<f4", "(2,)", odd), "record 1 (from 0) holds nan"},
      {FILE_OF("<f8", "(2,)", large), "record 1 (from 0) holds 1e+39"},
  };
  struct probe probe;
  probe_open(&probe, 1);
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    struct probe_data data;
    write_npy(&probe, "a.npy", &rows[i].file, 1);
    enum lamina_status status = probe_data_open(&probe, "{npy: {input: a.npy}}", "train", &data);
    cr_assert(status == LAMINA_E_INVALID || status == LAMINA_E_UNSUPPORTED, "row %zu", i);
    cr_assert(strstr(probe.error.text, "a.npy") != NULL &&
                  strstr(probe.error.text, rows[i].words) != NULL,
              "row %zu: %s", i, probe.error.text);
    probe_data_close(&data);
  }
  probe_close(&probe);
}

Test(npy, targets_that_do_not_go_with_the_records_are_refused)
{
  static const struct file input = FILE_OF("<f4", "(6,)", f32);
  static const struct {
    struct file file;
    const char *settings, *words;
  } rows[] = {
      {FILE_OF("|u1", "(3, 2)", u8), "", "has 3 targets, but"},
      {FILE_OF("<i4", "(6,)", i32), "", "record 1 (from 0) holds -7, expected a class number"},
      {FILE_OF("|u1", "(6,)", u8), ", classes: 8", "record 2 (from 0) holds 255"},
      {FILE_OF("|u1", "(6, 1, 1)", u8), ", classes: 8", "record 2 (from 0) holds 255"},
  };
  struct probe probe;
  probe_open(&probe, 1);
  write_npy(&probe, "a.npy", &input, 1);
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    struct probe_data data;
    char yaml[96];
    (void)snprintf(yaml, sizeof yaml, "{npy: {input: a.npy, target: b.npy%s}}", rows[i].settings);
    write_npy(&probe, "b.npy", &rows[i].file, 1);
    cr_assert_eq(probe_data_open(&probe, yaml, "train", &data), LAMINA_E_INVALID);
    cr_assert(strstr(probe.error.text, rows[i].words) != NULL, "row %zu: %s", i, probe.error.text);
    probe_data_close(&data);
  }
  probe_close(&probe);
}
