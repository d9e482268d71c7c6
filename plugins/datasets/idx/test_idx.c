/*
 * IDX: every element type, every way in which a header can lie, labels that do not fit, gzip,
 * and MNIST itself where it is at hand. Files are written as bytes, so the oracle is the format.
 */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include <lamina/testing.h>

#include "base/memory.h"
#include "tests/support/part_probe.h"
#include "tests/support/support.h"

LAMINA_CONFORM(dataset, idx)

/** Bytes of a file. */
struct bytes {
  const char *at;
  size_t size;
};
#define BYTES(text)        \
  {                        \
    text, sizeof(text) - 1 \
  }

#define IMAGES "\0\0\x08\x02\0\0\0\x03\0\0\0\x02"
#define LABELS "\0\0\x08\x01\0\0\0\x03"

static const struct bytes good_images = BYTES(IMAGES "abcdef");
static const struct bytes good_labels = BYTES(LABELS "\1\0\4");

/* The images again, by `gzip -n`. */
static const unsigned char zipped[] = {0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02,
                                       0xff, 0x63, 0x60, 0xe0, 0x60, 0x62, 0x60, 0x60, 0x60,
                                       0x06, 0x62, 0xa6, 0xc4, 0xa4, 0xe4, 0x94, 0xd4, 0x34,
                                       0x00, 0xf7, 0x0e, 0xbf, 0x48, 0x12, 0x00, 0x00, 0x00};

static const char both[] = "{idx: {images: a.idx, labels: b.idx}}";

static void write_bytes(struct probe *probe, const char *name, struct bytes bytes)
{
  probe_write(probe, name, bytes.at, bytes.size);
}

Test(idx, records_and_labels_come_as_the_file_has_them)
{
  struct probe probe;
  struct probe_data data;
  probe_open(&probe, 1);
  write_bytes(&probe, "a.idx", good_images);
  write_bytes(&probe, "b.idx", good_labels);
  probe_expect(&probe, probe_data_open(&probe, both, "train", &data), LAMINA_OK, "");
  const struct lm_declared_field *fields = data.dataset->fields;
  cr_assert_eq(data.dataset->count, 3);
  cr_assert_eq(data.dataset->n_fields, 2);
  cr_assert_str_eq(fields[0].name, "input");
  cr_assert(lamina_type_is(&fields[0].shape.type, LAMINA_DT_UINT, 8), "bytes stay bytes");
  cr_assert_eq(fields[0].shape.type.rank, 1);
  cr_assert_eq(fields[0].shape.dims[0], 2);
  cr_assert_str_eq(fields[1].name, "target");
  cr_assert(lamina_type_is_i32(&fields[1].shape.type) && fields[1].shape.type.rank == 0);
  cr_assert(fields[1].classes == 5 && !fields[1].exact, "one more than the largest label");
  probe_data_load(&data, 3);
  static const float pixels[] = {'c', 'd', 'e', 'f'};
  static const int32_t labels[] = {0, 4};
  cr_assert_arr_eq(probe_data_batch(&data, 1, 2, 0), pixels, sizeof pixels);
  cr_assert_arr_eq(probe_data_batch(&data, 1, 2, 1), labels, sizeof labels);
  probe_data_close(&data);
  probe_close(&probe);
}

Test(idx, settings_say_classes_and_how_many_records)
{
  static const struct {
    const char *yaml;
    int64_t count, classes;
    bool exact;
  } cases[] = {
      {"{idx: {images: a.idx, labels: b.idx, classes: 10}}", 3, 10, true},
      {"{idx: {images: a.idx, labels: b.idx, limit: 2}}", 2, 2, false},
      {"{idx: {images: a.idx, labels: b.idx, limit: 3}}", 3, 5, false},
      {"{idx: {images: a.idx, labels: b.idx, limit: 4}}", 3, 5, false},
  };
  struct probe probe;
  probe_open(&probe, 1);
  write_bytes(&probe, "a.idx", good_images);
  write_bytes(&probe, "b.idx", good_labels);
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct probe_data data;
    enum lamina_status status = probe_data_open(&probe, cases[i].yaml, "train", &data);
    probe_expect(&probe, status, LAMINA_OK, "");
    cr_assert_eq(data.dataset->count, cases[i].count, "%s", cases[i].yaml);
    cr_assert_eq(data.dataset->fields[1].classes, cases[i].classes, "%s", cases[i].yaml);
    cr_assert_eq(data.dataset->fields[1].exact, cases[i].exact, "%s", cases[i].yaml);
    probe_data_close(&data);
  }
  probe_close(&probe);
}

Test(idx, every_element_type_becomes_the_number_it_stands_for)
{
  static const struct {
    struct bytes file;
    float numbers[2];
  } cases[] = {
      {BYTES("\0\0\x08\1\0\0\0\2\xff\x80"), {255, 128}},
      {BYTES("\0\0\x09\1\0\0\0\2\xff\x80"), {-1, -128}},
      {BYTES("\0\0\x0b\1\0\0\0\2\xff\xfe\x01\x02"), {-2, 258}},
      {BYTES("\0\0\x0c\1\0\0\0\2\xff\xff\xff\xfd\0\1\0\2"), {-3, 65538}},
      {BYTES("\0\0\x0d\1\0\0\0\2\x3f\x80\0\0\xc0\x49\x0f\xdb"), {1, -3.14159274f}},
      {BYTES("\0\0\x0e\1\0\0\0\2\x3f\xf8\0\0\0\0\0\0\xc0\x09\x21\xfb\x54\x44\x2d\x18"),
       {1.5f, -3.14159274f}},
  };
  struct probe probe;
  probe_open(&probe, 1);
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct probe_data data;
    write_bytes(&probe, "a.idx", cases[i].file);
    enum lamina_status status = probe_data_open(&probe, "{idx: {images: a.idx}}", "train", &data);
    probe_expect(&probe, status, LAMINA_OK, "");
    cr_assert(data.dataset->count == 2 && data.dataset->n_fields == 1);
    probe_data_load(&data, 2);
    const float *got = probe_data_batch(&data, 0, 2, 0);
    cr_assert_arr_eq(got, cases[i].numbers, 2 * sizeof *got, "type %d: %g, %g", cases[i].file.at[2],
                     (double)got[0], (double)got[1]);
    probe_data_close(&data);
  }
  probe_close(&probe);
}

/* Opens these two files; labels NULL: none. */
static void refuse(struct probe *probe, struct bytes images, const struct bytes *labels,
                   const char *yaml, const char *fragment)
{
  struct probe_data data;
  write_bytes(probe, "a.idx", images);
  if (labels != NULL) {
    write_bytes(probe, "b.idx", *labels);
  }
  enum lamina_status status = probe_data_open(probe, yaml, "train", &data);
  probe_expect(probe, status, LAMINA_E_INVALID, fragment);
  probe_expect(probe, status, LAMINA_E_INVALID, labels != NULL ? ".idx" : "a.idx");
  probe_data_close(&data);
}

Test(idx, files_that_are_not_what_their_header_says_are_refused)
{
  static const struct {
    struct bytes images;
    const char *fragment;
  } cases[] = {
      {BYTES(""), "not an IDX file"},
      {BYTES("\0\0\x08"), "not an IDX file"},
      {BYTES("\1\0\x08\1\0\0\0\1a"), "not an IDX file"},
      {BYTES("\0\1\x08\1\0\0\0\1a"), "not an IDX file"},
      {BYTES("P5 2 1 255 ab"), "not an IDX file"},
      {BYTES("\0\0\x0a\1\0\0\0\1a"), "element type 0x0a"},
      {BYTES("\0\0\x0f\1\0\0\0\1a"), "element type 0x0f"},
      {BYTES("\0\0\0\1\0\0\0\1a"), "element type 0x00"},
      {BYTES("\0\0\x08\0"), "found 0 dimensions"},
      {BYTES("\0\0\x08\x09\0\0\0\1\0\0\0\1\0\0\0\1\0\0\0\1"), "found 9 dimensions"},
      {BYTES("\0\0\x08\xff\0\0\0\1\0\0\0\1"), "found 255 dimensions"},
      {BYTES("\0\0\x08\2\0\0\0\1\0\0\0"), "ends within its header"},
      {BYTES("\0\0\x08\1\0\0\0\0"), "dimension 1 is 0"},
      {BYTES("\0\0\x08\2\0\0\0\1\0\0\0\0"), "dimension 2 is 0"},
      {BYTES("\0\0\x08\2\xff\xff\xff\xff\xff\xff\xff\xff"), "too large for any file"},
      {BYTES("\0\0\x08\4\0\1\0\0\0\1\0\0\0\1\0\0\0\1\0\0"), "too large for any file"}, /* 2^64 */
      {BYTES("\0\0\x0e\3\x80\0\0\0\x80\0\0\0\0\0\0\1"), "too large for any file"},
      {BYTES("\0\0\x08\2\x40\0\0\0\x40\0\0\0a"), "but the file has 13"},
      {BYTES(IMAGES "abcde"), "need 18 bytes, but the file has 17"},
      {BYTES(IMAGES "abcdefg"), "need 18 bytes, but the file has 19"},
      {BYTES("\0\0\x0d\1\0\0\0\2\0\0\0\0\x7f\xc0\0\0"), "record 1 (from 0)"},
      {BYTES("\0\0\x0d\2\0\0\0\2\0\0\0\1\x7f\x80\0\0\0\0\0\0"), "record 0 (from 0)"},
      {BYTES("\0\0\x0e\1\0\0\0\1\x7f\xef\xff\xff\xff\xff\xff\xff"), "not finite"}, /* as float */
  };
  struct probe probe;
  probe_open(&probe, 1);
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    refuse(&probe, cases[i].images, NULL, "{idx: {images: a.idx}}", cases[i].fragment);
  }
  probe_close(&probe);
}

Test(idx, labels_that_do_not_fit_are_refused)
{
  static const char ten[] = "{idx: {images: a.idx, labels: b.idx, classes: 10}}";
  static const struct {
    struct bytes labels;
    const char *yaml, *fragment;
  } cases[] = {
      {BYTES("\0\0\x08\1\0\0\0\2\0\1"), both, "b.idx has 2 labels"},
      {BYTES("\0\0\x08\1\0\0\0\4\0\1\0\0"), both, "a.idx has 3 records"},
      {BYTES(IMAGES "abcdef"), both, "found 2 dimensions of type 0x08"},
      {BYTES("\0\0\x0d\1\0\0\0\3\0\0\0\0\0\0\0\0\0\0\0\0"), both,
       "found 1 dimensions of type 0x0d"},
      {BYTES(LABELS "\0\xff\0"), ten, "record 1 (from 0) has label 255, expected 0 to 9"},
      {BYTES(LABELS "\x0a\0\0"), ten, "record 0 (from 0) has label 10, expected 0 to 9"},
      {BYTES("\0\0\x09\1\0\0\0\3\0\0\xff"), both, "record 2 (from 0) has label -1"},
      {BYTES("\0\0\x0c\1\0\0\0\3\0\0\0\0\x7f\xff\xff\xff\0\0\0\0"), both, "record 1 (from 0)"},
      {BYTES(LABELS "\0\1"), both, "need 11 bytes, but the file has 10"},
      {BYTES(LABELS "\0\1\2\3"), both, "need 11 bytes, but the file has 12"},
      {BYTES(""), both, "not an IDX file"},
  };
  struct probe probe;
  probe_open(&probe, 1);
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    refuse(&probe, good_images, &cases[i].labels, cases[i].yaml, cases[i].fragment);
  }
  probe_close(&probe);
}

Test(idx, no_truncation_and_no_flipped_header_bit_is_believed)
{
  struct probe probe;
  char bytes[18];
  probe_open(&probe, 1);
  for (size_t size = 0; size < good_images.size; size++) {
    struct bytes cut = {good_images.at, size};
    refuse(&probe, cut, NULL, "{idx: {images: a.idx}}", "a.idx");
  }
  for (int bit = 0; bit < 12 * 8; bit++) {
    struct bytes flipped = {bytes, sizeof bytes};
    memcpy(bytes, good_images.at, sizeof bytes);
    bytes[bit / 8] = (char)(bytes[bit / 8] ^ 1 << bit % 8);
    if (bytes[2] != 0x09) { /* the one that is another good file: of signed bytes */
      refuse(&probe, flipped, NULL, "{idx: {images: a.idx}}", "a.idx");
    }
  }
  probe_close(&probe);
}

Test(idx, gzip_is_unpacked_and_checked)
{
  struct probe probe;
  struct probe_data data;
  char bytes[sizeof zipped + 5];
  static const float pixels[] = {'a', 'b', 'c', 'd', 'e', 'f'};
  probe_open(&probe, 1);
  probe_write(&probe, "a.idx", zipped, sizeof zipped);
  enum lamina_status status = probe_data_open(&probe, "{idx: {images: a.idx}}", "train", &data);
  probe_expect(&probe, status, LAMINA_OK, "");
  probe_data_load(&data, 3);
  cr_assert_arr_eq(probe_data_batch(&data, 0, 3, 0), pixels, sizeof pixels);
  probe_data_close(&data);
  memcpy(bytes, zipped, sizeof zipped);
  memcpy(bytes + sizeof zipped, "extra", 5);
  refuse(&probe, (struct bytes){bytes, sizeof bytes}, NULL, "{idx: {images: a.idx}}", "a.idx");
  refuse(&probe, (struct bytes){bytes, sizeof zipped - 1}, NULL, "{idx: {images: a.idx}}", "a.idx");
  bytes[sizeof zipped - 6] ^= 1; /* the checksum */
  refuse(&probe, (struct bytes){bytes, sizeof zipped}, NULL, "{idx: {images: a.idx}}", "a.idx");
  probe_close(&probe);
}

Test(idx, missing_files_and_settings_are_told)
{
  static const struct {
    const char *yaml;
    enum lamina_status status;
    const char *fragment;
  } cases[] = {
      {"{idx: {images: none.idx}}", LAMINA_E_MISSING, "none.idx"},
      {"{idx: {images: a.idx, labels: none.idx}}", LAMINA_E_MISSING, "none.idx"},
      {"{idx: {images: .}}", LAMINA_E_INVALID, "regular file"},
      {"idx", LAMINA_E_INVALID, "images"},
      {"{idx: {images: a.idx, classes: -1}}", LAMINA_E_INVALID, "classes"},
      {"{idx: {images: a.idx, limit: -1}}", LAMINA_E_INVALID, "limit"},
      {"{idx: {images: a.idx, label: b.idx}}", LAMINA_E_INVALID, "did you mean 'labels'?"},
  };
  struct probe probe;
  probe_open(&probe, 1);
  write_bytes(&probe, "a.idx", good_images);
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct probe_data data;
    enum lamina_status status = probe_data_open(&probe, cases[i].yaml, "train", &data);
    probe_expect(&probe, status, cases[i].status, cases[i].fragment);
    cr_assert_not_null(strstr(probe.error.text, "t.yaml:1:"), "%s", probe.error.text);
    probe_data_close(&data);
  }
  probe_close(&probe);
}

/** A half of MNIST and what is known of it. */
struct mnist {
  const char *part;
  int64_t count;
  int32_t first[5];
  int64_t of_digit[10];
};

static void check_mnist(const char *folder, const struct mnist *wanted, double *sum)
{
  struct probe probe;
  struct probe_data data;
  int64_t of_digit[10] = {0};
  char *yaml = lm_format("{idx: {images: %s/mnist/%s-images-idx3-ubyte.gz, "
                         "labels: %s/mnist/%s-labels-idx1-ubyte.gz, classes: 10}}",
                         folder, wanted->part, folder, wanted->part);
  probe_open(&probe, 1);
  probe_expect(&probe, probe_data_open(&probe, yaml, "train", &data), LAMINA_OK, "");
  cr_assert_eq(data.dataset->count, wanted->count);
  const struct lm_shape *shape = &data.dataset->fields[0].shape;
  cr_assert(shape->type.rank == 2 && shape->dims[0] == 28 && shape->dims[1] == 28);
  probe_data_load(&data, 1000);
  cr_assert_arr_eq(probe_data_batch(&data, 0, 5, 1), wanted->first, sizeof wanted->first);
  for (int64_t first = 0; first < wanted->count; first += 1000) {
    const float *pixels = probe_data_batch(&data, first, 1000, 0);
    const int32_t *labels = lm_loader_data(data.loader, 1);
    for (int i = 0; i < 1000; i++) {
      of_digit[labels[i]]++;
    }
    for (int i = 0; i < 784000; i++) {
      *sum += (double)pixels[i];
    }
  }
  cr_assert_arr_eq(of_digit, wanted->of_digit, sizeof of_digit);
  probe_data_close(&data);
  probe_close(&probe);
  lm_free(yaml);
}

/* Counts of digits are published; the sum of all pixels, 33.318 a pixel, is Python's. */
Test(idx, mnist_has_the_digits_that_it_is_known_for)
{
  static const struct mnist train = {"train",
                                     60000,
                                     {5, 0, 4, 1, 9},
                                     {5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949}};
  static const struct mnist test = {
      "t10k", 10000, {7, 2, 1, 0, 4}, {980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009}};
  const char *folder = ls_data();
  double sum = 0.0, rest = 0.0;
  check_mnist(folder, &train, &sum);
  check_mnist(folder, &test, &rest);
  cr_assert_eq(sum, 1567275649.0);
  cr_assert_lt(fabs(rest / (10000.0 * 784) - sum / (60000.0 * 784)), 0.5);
}
