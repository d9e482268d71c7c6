/*
 * safetensors files: what the reference package writes, what we write, and what must be
 * refused with a sentence about the right fault.
 */
#include <math.h>

#include "tensors.h"

/*
 * Written by the reference package, version 0.8.0, with save(tensors, metadata={"format": "np",
 * "note": 'a "quoted"\nline'}) of safetensors.numpy.
 */
static const char reference_header[] =
    "{\"__metadata__\":{\"format\":\"np\",\"note\":\"a \\\"quoted\\\"\\nline\"},"
    "\"step\":{\"dtype\":\"I64\",\"shape\":[],\"data_offsets\":[0,8]},"
    "\"wide\":{\"dtype\":\"F64\",\"shape\":[1],\"data_offsets\":[8,16]},"
    "\"empty\":{\"dtype\":\"F32\",\"shape\":[0,4],\"data_offsets\":[16,16]},"
    "\"weight\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[16,40]},"
    "\"labels\":{\"dtype\":\"I32\",\"shape\":[2],\"data_offsets\":[40,48]},"
    "\"half\":{\"dtype\":\"F16\",\"shape\":[1],\"data_offsets\":[48,50]},"
    "\"na\xc3\xafve\":{\"dtype\":\"I8\",\"shape\":[1],\"data_offsets\":[50,51]},"
    "\"bytes\":{\"dtype\":\"U8\",\"shape\":[3],\"data_offsets\":[51,54]},"
    "\"mask\":{\"dtype\":\"BOOL\",\"shape\":[3],\"data_offsets\":[54,57]}}   ";

static const unsigned char reference_data[] = {
    0xcb, 0x04, 0xfb, 0x71, 0x1f, 0x01, 0x00, 0x00, 0x55, 0x55, 0x55, 0x55, 0x55, 0x55, 0xd5,
    0x3f, 0x00, 0x00, 0x00, 0x3f, 0x00, 0x00, 0x80, 0xbf, 0x00, 0x00, 0x00, 0x40, 0x00, 0x00,
    0x40, 0x40, 0x00, 0x00, 0x88, 0xc0, 0x6f, 0x12, 0x83, 0x3a, 0x07, 0x00, 0x00, 0x00, 0xfe,
    0xff, 0xff, 0xff, 0x00, 0x3e, 0xfb, 0x01, 0x02, 0xfa, 0x01, 0x00, 0x01,
};

Test(safetensors, file_of_the_reference_package_is_read)
{
  struct scratch scratch;
  struct lm_error error = {0};
  struct lm_safetensors_file *file;
  scratch_make(&scratch);
  cr_assert(sizeof reference_header - 1 == 0x250 && sizeof reference_data == 57);
  const char *path = write_parts(&scratch, reference_header, sizeof reference_header - 1,
                                 reference_data, sizeof reference_data);
  cr_assert(lm_safetensors_read(path, &file, &error) == LAMINA_OK, "%s", error.text);
  cr_assert(lm_safetensors_count(file) == 9);
  static const char *const names[] = {"step", "wide",         "empty", "weight", "labels",
                                      "half", "na\xc3\xafve", "bytes", "mask"};
  for (size_t i = 0; i < 9; i++) {
    cr_assert_str_eq(lm_safetensors_at(file, i)->name, names[i]);
    cr_assert(lm_safetensors_find(file, names[i]) == lm_safetensors_at(file, i));
  }
  cr_assert_str_eq(lm_safetensors_metadata(file, "note"), "a \"quoted\"\nline");
  static const float weight[] = {0.5f, -1, 2, 3, -4.25f, 1e-3f};
  static const int64_t step = 1234567890123;
  static const int64_t weight_dims[] = {2, 3};
  static const int64_t empty_dims[] = {0, 4};
  const struct lm_named_tensor expected[] = {
      {"weight", lamina_type_f32(2, weight_dims), weight},
      {"empty", lamina_type_f32(2, empty_dims), NULL},
      {"step", lamina_type_make(LAMINA_DT_INT, 64, 0, NULL), &step}};
  for (int i = 0; i < 3; i++) {
    cr_assert(content_has_tensor(file, &expected[i]), "%s", expected[i].name);
  }
  cr_assert(lamina_type_is(&lm_safetensors_find(file, "mask")->type, 6, 8));
  cr_assert(lm_safetensors_find(file, "__metadata__") == NULL);
  cr_assert(lm_safetensors_find(file, "weigh") == NULL);
  cr_assert(lm_safetensors_metadata(file, "none") == NULL);
  lm_safetensors_free(file);
  scratch_remove(&scratch);
}

Test(safetensors, what_was_written_is_read_again)
{
  struct scratch scratch;
  struct lm_error error = {0};
  struct lm_safetensors_file *file;
  scratch_make(&scratch);
  const char *path = scratch_path(&scratch, "file");
  cr_assert(lm_safetensors_write(path, NULL, &content_all, &error) == LAMINA_OK, "%s", error.text);
  cr_assert(lm_safetensors_read(path, &file, &error) == LAMINA_OK, "%s", error.text);
  cr_assert(content_is_in(file));
  const struct lm_named_tensor *before = lm_safetensors_at(file, 0);
  for (size_t i = 0; i < lm_safetensors_count(file); i++) {
    const struct lm_named_tensor *tensor = lm_safetensors_at(file, i);
    cr_assert((uintptr_t)tensor->data % (tensor->type.dt_bits / 8) == 0, "%s", tensor->name);
    cr_assert(
        i == 0 || before->type.dt_bits > tensor->type.dt_bits ||
        (before->type.dt_bits == tensor->type.dt_bits && strcmp(before->name, tensor->name) < 0));
    before = tensor;
  }
  lm_safetensors_free(file);
  lm_safetensors_free(NULL);
  scratch_remove(&scratch);
}

/* The layout by the format's text, byte by byte; the checksums by Python's xxhash. */
Test(safetensors, file_is_laid_out_as_the_format_says)
{
  struct scratch scratch;
  struct lm_error error = {0};
  struct lm_bytes bytes;
  static const int64_t three = 3;
  static const float ones[] = {1, 1, 1};
  const struct lm_named_tensor tensors[] = {
      {"b", lamina_type_make(LAMINA_DT_UINT, 8, 1, &three), "xyz"},
      {"a", lamina_type_f32(1, &three), ones},
  };
  const struct lm_metadata metadata = {"k", "v"};
  const struct lm_safetensors content = {tensors, 2, &metadata, 1};
  static const char text[] = "{\"__metadata__\":{\"k\":\"v\",\"lamina.xxh3\":\"0329268a58bc50ff\","
                             "\"lamina.xxh3.header\":\"c3a7ae8cfcfa954a\"},"
                             "\"a\":{\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[0,12]},"
                             "\"b\":{\"dtype\":\"U8\",\"shape\":[3],\"data_offsets\":[12,15]}}";
  scratch_make(&scratch);
  const char *path = scratch_path(&scratch, "file");
  cr_assert(lm_safetensors_write(path, NULL, &content, &error) == LAMINA_OK, "%s", error.text);
  cr_assert(lm_file_read(path, LM_READ_PLAIN, 1000, &bytes, &error) == LAMINA_OK);
  size_t padded = (sizeof text - 1 + 7) / 8 * 8;
  cr_assert(bytes.size == 8 + padded + 15 && bytes.bytes[0] == padded, "%zu", bytes.size);
  cr_assert(memcmp(bytes.bytes + 1, "\0\0\0\0\0\0\0", 7) == 0);
  cr_assert(memcmp(bytes.bytes + 8, text, sizeof text - 1) == 0, "%s", bytes.bytes + 8);
  for (size_t i = sizeof text - 1; i < padded; i++) {
    cr_assert(bytes.bytes[8 + i] == ' ');
  }
  cr_assert(memcmp(bytes.bytes + 8 + padded, ones, 12) == 0);
  cr_assert(memcmp(bytes.bytes + 8 + padded + 12, "xyz", 3) == 0);
  lm_bytes_release(&bytes);
  scratch_remove(&scratch);
}

Test(safetensors, nothing_at_all_can_be_written_and_read)
{
  struct scratch scratch;
  struct lm_error error = {0};
  struct lm_safetensors_file *file;
  const struct lm_safetensors content = {NULL, 0, NULL, 0};
  scratch_make(&scratch);
  const char *path = scratch_path(&scratch, "file");
  cr_assert(lm_safetensors_write(path, NULL, &content, &error) == LAMINA_OK, "%s", error.text);
  cr_assert(lm_safetensors_read(path, &file, &error) == LAMINA_OK, "%s", error.text);
  cr_assert(lm_safetensors_count(file) == 0 && lm_safetensors_find(file, "") == NULL);
  lm_safetensors_free(file);
  scratch_remove(&scratch);
}

/* All at one offset; the header's checksum depends on their order. */
Test(safetensors, tensors_without_elements_are_read_in_the_order_of_writing)
{
  struct scratch scratch;
  struct lm_error error = {0};
  struct lm_safetensors_file *file;
  static const int64_t none = 0;
  const struct lm_named_tensor tensors[] = {
      {"a", lamina_type_make(LAMINA_DT_UINT, 8, 1, &none), NULL},
      {"z", lamina_type_f32(1, &none), NULL},
      {"y", lamina_type_f32(1, &none), NULL}};
  const struct lm_safetensors content = {tensors, 3, NULL, 0};
  scratch_make(&scratch);
  const char *path = scratch_path(&scratch, "file");
  cr_assert(lm_safetensors_write(path, NULL, &content, &error) == LAMINA_OK, "%s", error.text);
  cr_assert(lm_safetensors_read(path, &file, &error) == LAMINA_OK, "%s", error.text);
  cr_assert_str_eq(lm_safetensors_at(file, 0)->name, "y");
  cr_assert_str_eq(lm_safetensors_at(file, 1)->name, "z");
  cr_assert_str_eq(lm_safetensors_at(file, 2)->name, "a");
  lm_safetensors_free(file);
  scratch_remove(&scratch);
}

Test(safetensors, previous_file_is_kept_when_asked_for)
{
  struct scratch scratch;
  struct lm_error error = {0};
  struct lm_safetensors_file *file;
  const struct lm_safetensors content = {NULL, 0, NULL, 0};
  scratch_make(&scratch);
  const char *path = scratch_path(&scratch, "file");
  const char *previous = scratch_path(&scratch, "previous");
  cr_assert(lm_safetensors_write(path, previous, &content_all, &error) == LAMINA_OK);
  cr_assert(lm_safetensors_write(path, previous, &content, &error) == LAMINA_OK);
  cr_assert(lm_safetensors_read(previous, &file, &error) == LAMINA_OK, "%s", error.text);
  cr_assert(content_is_in(file));
  lm_safetensors_free(file);
  scratch_remove(&scratch);
}

Test(safetensors, thousands_of_tensors_are_found_by_name)
{
  struct scratch scratch;
  struct lm_error error = {0};
  struct lm_safetensors_file *file;
  enum { N = 3000 };
  static char names[N][16];
  static int32_t values[N];
  static struct lm_named_tensor tensors[N];
  for (int i = 0; i < N; i++) {
    (void)snprintf(names[i], sizeof names[i], "t%d", i * 7919 % N);
    values[i] = i;
    tensors[i] = (struct lm_named_tensor){names[i], lamina_type_i32(0, NULL), &values[i]};
  }
  const struct lm_safetensors content = {tensors, N, NULL, 0};
  scratch_make(&scratch);
  const char *path = scratch_path(&scratch, "file");
  cr_assert(lm_safetensors_write(path, NULL, &content, &error) == LAMINA_OK, "%s", error.text);
  cr_assert(lm_safetensors_read(path, &file, &error) == LAMINA_OK, "%s", error.text);
  for (int i = 0; i < N; i++) {
    cr_assert(content_has_tensor(file, &tensors[i]));
  }
  lm_safetensors_free(file);
  scratch_remove(&scratch);
}

#define ENTRY(dtype, shape, begin, end) \
  "{\"dtype\":\"" dtype "\",\"shape\":" shape ",\"data_offsets\":[" #begin "," #end "]}"

static const struct header_row {
  const char *header;
  size_t data_size;
  const char *fault; /* part of the sentence; NULL: to be accepted */
} header_rows[] = {
    {"{}", 0, NULL},
    {"{}      ", 0, NULL},
    {" \t\r\n{}", 0, NULL},
    {"{\"__metadata__\":{}}", 0, NULL},
    {"{\"a\":" ENTRY("F32", "[]", 0, 4) "}", 4, NULL},
    {"{\"a\":" ENTRY("F32", "[0]", 0, 0) "}", 0, NULL},
    {"{\"a\":" ENTRY("F32", "[3,0,5]", 0, 0) ",\"b\":" ENTRY("U8", "[1]", 0, 1) "}", 1, NULL},
    {"{\"b\":" ENTRY("U8", "[2]", 1, 3) ",\"a\":" ENTRY("I8", "[1]", 0, 1) "}", 3, NULL},
    {"{\"a\":" ENTRY("F32", "[1,1,1,1,1,1,1,1]", 0, 4) "}", 4, NULL},
    {"{\"a\":" ENTRY("F32", "[1,1,1,1,1,1,1,1,1]", 0, 4) "}", 4, "up to 8 dimensions"},
    {"", 0, "not JSON"},
    {"{", 0, "not JSON"},
    {"{}x", 0, "not JSON"},
    {"{}{}", 0, "not JSON"},
    {"[]", 0, "JSON but not an object"},
    {"7", 0, "not JSON"},
    {"{\"a\xff\":" ENTRY("F32", "[]", 0, 4) "}", 4, "not JSON at byte"},
    {"{\"a\xed\xa0\x80\":" ENTRY("F32", "[]", 0, 4) "}", 4, "not JSON"},
    {"{\"a\\u0000\":" ENTRY("F32", "[]", 0, 4) "}", 4, "not JSON"},
    {"{\"a\\ud800\":" ENTRY("F32", "[]", 0, 4) "}", 4, "not JSON"},
    {"{\"__metadata__\":{\"a\":1}}", 0, "the value of \"a\" is not a string"},
    {"{\"__metadata__\":{\"a\":{}}}", 0, "the value of \"a\" is not a string"},
    {"{\"__metadata__\":[]}", 0, "__metadata__: expected an object"},
    {"{\"__metadata__\":null}", 0, "__metadata__: expected an object"},
    {"{\"__metadata__\":{\"a\":\"1\",\"a\":\"2\"}}", 0, "duplicate"},
    {"{\"__metadata__\":{},\"__metadata__\":{}}", 0, "duplicate"},
    {"{\"a\":" ENTRY("U8", "[1]", 0, 1) ",\"a\":" ENTRY("U8", "[1]", 1, 2) "}", 2, "duplicate"},
    {"{\"a\":" ENTRY("U8", "[2]", 0, 2) ",\"b\":" ENTRY("U8", "[2]", 0, 2) "}", 2,
     "tensor \"b\": its data begins at 0, within another's, expected at 2"},
    {"{\"a\":" ENTRY("U8", "[2]", 0, 2) ",\"b\":" ENTRY("U8", "[2]", 1, 3) "}", 3,
     "tensor \"b\": its data begins at 1, within another's"},
    {"{\"a\":" ENTRY("U8", "[1]", 0, 1) ",\"b\":" ENTRY("U8", "[1]", 2, 3) "}", 3,
     "tensor \"b\": its data begins at 2, after a gap, expected at 1"},
    {"{\"a\":" ENTRY("U8", "[1]", 1, 2) "}", 2, "begins at 1, after a gap, expected at 0"},
    {"{\"a\":" ENTRY("U8", "[1]", 2, 1) "}", 2, "data from 2 to 1 is not a range"},
    {"{\"a\":" ENTRY("U8", "[1]", -1, 0) "}", 2, "data from -1 to 0 is not a range"},
    {"{\"a\":" ENTRY("U8", "[0]", 9, 9) "}", 2, "data from 9 to 9 is not a range"},
    {"{\"a\":" ENTRY("U8", "[0]", 9223372036854775807, 9223372036854775807) "}", 2,
     "is not a range within the 2 bytes"},
    {"{\"a\":" ENTRY("U8", "[0]", 0, 9223372036854775808) "}", 0, "not JSON"},
    {"{\"a\":" ENTRY("F32", "[2]", 0, 4) "}", 4, "need 8 bytes, and 4 are given"},
    {"{\"a\":" ENTRY("F64", "[1]", 0, 4) "}", 4, "need 8 bytes, and 4 are given"},
    {"{\"a\":" ENTRY("U8", "[4294967296,4294967296]", 0, 0) "}", 0, "shape is too large"},
    {"{\"a\":" ENTRY("U8", "[65536,65536,65536,65536]", 0, 0) "}", 0, "shape is too large"},
    {"{\"a\":" ENTRY("F32", "[4611686018427387904]", 0, 0) "}", 0, "shape is too large"},
    {"{\"a\":" ENTRY("F32", "[0,4611686018427387904]", 0, 0) "}", 0, "shape is too large"},
    {"{\"a\":" ENTRY("U8", "[9223372036854775807]", 0, 0) "}", 0, "need 9223372036854775807"},
    {"{\"a\":" ENTRY("U8", "[9223372036854775808]", 0, 0) "}", 0, "not JSON"},
    {"{\"a\":" ENTRY("U8", "[-1]", 0, 1) "}", 1, "dimension 0 is not a number from 0"},
    {"{\"a\":" ENTRY("U8", "[1,1.0]", 0, 1) "}", 1, "dimension 1 is not a number from 0"},
    {"{\"a\":" ENTRY("U8", "[\"1\"]", 0, 1) "}", 1, "dimension 0 is not a number from 0"},
    {"{\"a\":" ENTRY("U8", "1", 0, 1) "}", 1, "expected \"shape\""},
    {"{\"a\":" ENTRY("U8", "[1]", 0.0, 1) "}", 1, "expected \"data_offsets\" with two numbers"},
    {"{\"a\":" ENTRY("U8", "[1]", 0, [1]) "}", 1, "expected \"data_offsets\" with two numbers"},
    {"{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0]}}", 1, "with two numbers"},
    {"{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1,1]}}", 1, "two numbers"},
    {"{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":1}}", 1, "with two numbers"},
    {"{\"a\":" ENTRY("F8", "[1]", 0, 1) "}", 1, "\"dtype\" is F8, which is not known"},
    {"{\"a\":" ENTRY("f32", "[1]", 0, 4) "}", 4, "\"dtype\" is f32, which is not known"},
    {"{\"a\":{\"dtype\":32,\"shape\":[1],\"data_offsets\":[0,1]}}", 1, "is not a string"},
    {"{\"a\":{\"dtype\":\"U8\",\"shape\":[1]}}", 1, "expected an object of \"dtype\""},
    {"{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"offsets\":[0,1]}}", 1, "with two numbers"},
    {"{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1],\"x\":1}}", 1,
     "expected an object of"},
    {"{\"a\":null}", 0, "tensor \"a\": expected an object of"},
    {"{\"a\":" ENTRY("U8", "[1]", 0, 1) "}", 2, "2 bytes of data, and the tensors take 1"},
    {"{\"a\":" ENTRY("U8", "[2]", 0, 2) "}", 1, "not a range within the 1 bytes"},
    {"{}", 1, "1 bytes of data, and the tensors take 0"},
    {"{\"__metadata__\":{\"lamina.xxh3\":\"\"}}", 0, "damaged: its checksum \"lamina.xxh3\""},
    {"{\"__metadata__\":{\"lamina.xxh3\":\"2d06800538d394c2\"}}", 0, NULL}, /* XXH3 of nothing */
    {"{\"__metadata__\":{\"lamina.xxh3\":\"2D06800538D394C2\"}}", 0, "damaged"},
    {"{\"__metadata__\":{\"lamina.xxh3.header\":\"0123456789abcdef\"}}", 0, "damaged"},
};

/* Reads a file that must be refused with a fault named (NULL: accepted). */
static void check_fault(const char *path, const char *fault, const char *what)
{
  struct lm_error error = {0};
  struct lm_safetensors_file *file;
  enum lamina_status status = lm_safetensors_read(path, &file, &error);
  cr_assert(status == (fault == NULL ? LAMINA_OK : LAMINA_E_INVALID), "%.300s: %s", what,
            error.text);
  cr_assert((file != NULL) == (fault == NULL));
  cr_assert(fault == NULL || strstr(error.text, fault) != NULL, "%.300s: %s", what, error.text);
  cr_assert(fault == NULL || strncmp(error.text, path, strlen(path)) == 0, "%s", error.text);
  lm_safetensors_free(file);
}

Test(safetensors, headers_are_refused_for_the_right_reason)
{
  struct scratch scratch;
  static const char zeros[16];
  scratch_make(&scratch);
  for (size_t i = 0; i < sizeof header_rows / sizeof header_rows[0]; i++) {
    const struct header_row *row = &header_rows[i];
    const char *path =
        write_parts(&scratch, row->header, strlen(row->header), zeros, row->data_size);
    check_fault(path, row->fault, row->header);
  }
  scratch_remove(&scratch);
}

Test(safetensors, deep_json_is_refused)
{
  struct scratch scratch;
  scratch_make(&scratch);
  for (size_t depth = 200; depth <= 200000; depth *= 10) {
    char *header = malloc(2 * depth + 16);
    cr_assert(header != NULL);
    memcpy(header, "{\"a\":", 5);
    memset(header + 5, '[', depth);
    memset(header + 5 + depth, ']', depth);
    header[5 + 2 * depth] = '}';
    check_fault(write_parts(&scratch, header, 6 + 2 * depth, NULL, 0),
                depth <= 2000 ? "expected an object of" : "not JSON", "deep");
    free(header);
  }
  scratch_remove(&scratch);
}

Test(safetensors, lengths_that_the_file_does_not_have_are_refused)
{
  struct scratch scratch;
  scratch_make(&scratch);
  static const struct {
    const char *bytes;
    size_t size;
    const char *fault;
  } rows[] = {
      {"", 0, "0 bytes, expected 8 at least"},
      {"\2\0\0\0\0\0\0", 7, "7 bytes, expected 8 at least"},
      {"\0\0\0\0\0\0\0\0", 8, "not JSON"},
      {"\2\0\0\0\0\0\0\0", 8, "a header of 2 bytes is announced, and 0 bytes follow"},
      {"\2\0\0\0\0\0\0\0{", 9, "a header of 2 bytes is announced, and 1 bytes follow"},
      {"\2\0\0\0\0\0\0\0{}", 10, NULL},
      {"\1\0\0\0\0\0\0\0{}", 10, "not JSON"},
      {"\0\0\0\0\0\0\0\x80{}", 10, "a header of 9223372036854775808 bytes is announced"},
      {"\xff\xff\xff\xff\xff\xff\xff\xff{}", 10, "a header of 18446744073709551615 bytes"},
      {"\xfa\xff\xff\xff\xff\xff\xff\xff{}", 10, "a header of 18446744073709551610 bytes"},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    const char *path = scratch_write(&scratch, "file", rows[i].bytes, rows[i].size);
    check_fault(path, rows[i].fault, rows[i].fault == NULL ? "" : rows[i].fault);
  }
  /* The format's limit, 10^8, on both sides; the file is one hole. */
  const char *path = scratch_write(&scratch, "file", "\0\xe1\xf5\5\0\0\0\0", 8);
  cr_assert(truncate(path, 8 + 100000001) == 0);
  check_fault(path, "not JSON", "10^8");
  path = scratch_write(&scratch, "file", "\1\xe1\xf5\5\0\0\0\0", 8);
  cr_assert(truncate(path, 8 + 100000001) == 0);
  check_fault(path, "a header of 100000001 bytes is announced", "10^8 + 1");
  scratch_remove(&scratch);
}

Test(safetensors, numbers_in_data_may_be_anything)
{
  struct scratch scratch;
  struct lm_error error = {0};
  struct lm_safetensors_file *file;
  static const int64_t four = 4;
  const float odd[] = {NAN, INFINITY, -INFINITY, -0.0f};
  const struct lm_named_tensor tensor = {"odd", lamina_type_f32(1, &four), odd};
  const struct lm_safetensors content = {&tensor, 1, NULL, 0};
  scratch_make(&scratch);
  const char *path = scratch_path(&scratch, "file");
  cr_assert(lm_safetensors_write(path, NULL, &content, &error) == LAMINA_OK, "%s", error.text);
  cr_assert(lm_safetensors_read(path, &file, &error) == LAMINA_OK, "%s", error.text);
  cr_assert(content_has_tensor(file, &tensor));
  lm_safetensors_free(file);
  scratch_remove(&scratch);
}

Test(safetensors, files_that_are_missing_or_not_files_are_told_apart)
{
  struct scratch scratch;
  struct lm_error error = {0};
  struct lm_safetensors_file *file;
  scratch_make(&scratch);
  cr_assert(lm_safetensors_read(scratch_path(&scratch, "none"), &file, &error) == LAMINA_E_MISSING);
  cr_assert(lm_safetensors_read(scratch.folder, &file, &error) == LAMINA_E_INVALID && !file);
  const char *path = scratch_path(&scratch, "none/file");
  cr_assert(lm_safetensors_write(path, NULL, &content_all, &error) == LAMINA_E_IO);
  cr_assert(strncmp(error.text, path, strlen(path)) == 0, "%s", error.text);
  scratch_remove(&scratch);
}
