/*
 * What the tests of safetensors files share: files put together from a header's text, and a
 * content of all kinds with its comparison.
 */
#ifndef TESTS_FRAMEWORK_CHECKPOINT_TENSORS_H
#define TESTS_FRAMEWORK_CHECKPOINT_TENSORS_H

#include "../io/scratch.h"
#include "base/memory.h"
#include "checkpoint/safetensors.h"
#include "io/files.h"

/* Writes the length of a header, the header, and data_size bytes of data. */
static inline const char *write_parts(struct scratch *scratch, const char *header,
                                      size_t header_size, const void *data, size_t data_size)
{
  char *bytes = malloc(8 + header_size + data_size);
  cr_assert(bytes != NULL);
  for (int i = 0; i < 8; i++) {
    bytes[i] = (char)(unsigned char)((uint64_t)header_size >> 8 * i);
  }
  memcpy(bytes + 8, header, header_size);
  if (data_size > 0) {
    memcpy(bytes + 8 + header_size, data, data_size);
  }
  const char *path =
      scratch_write(scratch, "parts.safetensors", bytes, 8 + header_size + data_size);
  free(bytes);
  return path;
}

static const float content_floats[] = {1.5f, -2.25f, 3e-38f, 4, 5, 6};
static const int64_t content_longs[] = {INT64_MIN, INT64_MAX};
static const uint8_t content_bytes[] = {0, 127, 128, 255, 1, 2, 3};
static const int64_t content_dims[] = {2, 3, 7, 0, 2, 9, 1, 1, 1};

/* Tensors of all kinds, in no order. */
static const struct lm_named_tensor content_tensors[] = {
    {"bytes", {content_dims + 2, 1, 0, LAMINA_DT_UINT, 8, 1, 0}, content_bytes},
    {"nothing.i8", {content_dims + 3, 3, 0, LAMINA_DT_INT, 8, 1, 0}, NULL},
    {"nothing.f64", {content_dims + 3, 1, 0, LAMINA_DT_FLOAT, 64, 1, 0}, NULL},
    {"dense/weight", {content_dims, 2, 0, LAMINA_DT_FLOAT, 32, 1, 0}, content_floats},
    {"longs", {content_dims + 4, 1, 0, LAMINA_DT_INT, 64, 1, 0}, content_longs},
    {"scalar \"\xc3\xa4\"", {NULL, 0, 0, LAMINA_DT_FLOAT, 32, 1, 0}, content_floats + 1},
    {"u64", {content_dims + 4, 1, 0, LAMINA_DT_UINT, 64, 1, 0}, content_longs},
    {"f64", {content_dims + 6, 3, 0, LAMINA_DT_FLOAT, 64, 1, 0}, content_longs},
    {"labels", {content_dims, 2, 0, LAMINA_DT_INT, 32, 1, 0}, content_floats},
    {"u32", {NULL, 0, 0, LAMINA_DT_UINT, 32, 1, 0}, content_floats},
    {"i16", {content_dims + 4, 1, 0, LAMINA_DT_INT, 16, 1, 0}, content_bytes},
    {"u16", {content_dims, 1, 0, LAMINA_DT_UINT, 16, 1, 0}, content_bytes + 1},
    {"half", {content_dims, 1, 0, LAMINA_DT_FLOAT, 16, 1, 0}, content_bytes + 2},
    {"brain", {content_dims, 1, 0, LM_SAFETENSORS_DT_BFLOAT, 16, 1, 0}, content_bytes + 3},
    {"mask", {content_dims + 7, 1, 0, LM_SAFETENSORS_DT_BOOL, 8, 1, 0}, content_bytes + 4},
    {"", {content_dims, 1, 0, LAMINA_DT_INT, 8, 1, 0}, content_bytes},
};

static const struct lm_metadata content_metadata[] = {
    {"step", "120"},
    {"lamina.format", "1"},
    {"experiment", "model:\n  - dense: {units: 3} # \"quoted\" \\ \x01 \xe2\x82\xac\n"},
    {"", ""},
};

enum {
  CONTENT_TENSORS = sizeof content_tensors / sizeof content_tensors[0],
  CONTENT_METADATA = sizeof content_metadata / sizeof content_metadata[0]
};

static const struct lm_safetensors content_all = {content_tensors, CONTENT_TENSORS,
                                                  content_metadata, CONTENT_METADATA};

/* Bytes of a tensor of the content. */
static inline size_t content_size(const struct lm_named_tensor *tensor)
{
  return (size_t)lamina_type_count(&tensor->type) * tensor->type.dt_bits / 8;
}

static inline bool content_has_tensor(const struct lm_safetensors_file *file,
                                      const struct lm_named_tensor *expected)
{
  const struct lm_named_tensor *found = lm_safetensors_find(file, expected->name);
  size_t size = content_size(expected);
  return found != NULL && strcmp(found->name, expected->name) == 0 &&
         lamina_type_is(&found->type, expected->type.dt_code, expected->type.dt_bits) &&
         lamina_shape_equal(&found->type, &expected->type) &&
         (size == 0 || memcmp(found->data, expected->data, size) == 0);
}

/* Whether a file read holds all of the content and no other tensor. */
static inline bool content_is_in(const struct lm_safetensors_file *file)
{
  bool same = lm_safetensors_count(file) == CONTENT_TENSORS;
  for (int i = 0; i < CONTENT_TENSORS; i++) {
    same = same && content_has_tensor(file, &content_tensors[i]);
  }
  for (int i = 0; i < CONTENT_METADATA; i++) {
    const char *value = lm_safetensors_metadata(file, content_metadata[i].key);
    same = same && value != NULL && strcmp(value, content_metadata[i].value) == 0;
  }
  return same;
}

#endif
