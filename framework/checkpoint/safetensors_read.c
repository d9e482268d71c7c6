/*
 * Reading: the file is taken whole and believed last. In order: the header's length, its JSON
 * (jansson refuses bad UTF-8, duplicate keys, numbers that do not fit), each tensor by itself,
 * then all of them together, which must cover the data without gap or overlap, and at the end
 * the checksums. Names and metadata stay jansson's; the data stays where it was read.
 */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "checkpoint/safetensors_internal.h"

struct lm_safetensors_file {
  struct lm_bytes bytes;
  const unsigned char *data; /* after the header, data_size bytes */
  size_t data_size;
  json_t *header;                  /* owns all strings below */
  struct lm_named_tensor *tensors; /* by offset */
  size_t n_tensors;
  int64_t *dims; /* LAMINA_MAX_RANK a tensor */
  const struct lm_named_tensor **by_name;
  struct lm_metadata *metadata; /* by key */
  size_t n_metadata;
};

void lm_safetensors_free(struct lm_safetensors_file *file)
{
  if (file != NULL) {
    lm_free(file->metadata);
    lm_free(file->by_name);
    lm_free(file->dims);
    lm_free(file->tensors);
    json_decref(file->header);
    lm_bytes_release(&file->bytes);
    lm_free(file);
  }
}

/* Finds the header: its length must leave it within the file. */
static enum lamina_status find_header(struct lm_safetensors_file *file, size_t *length,
                                      struct lm_error *error)
{
  if (file->bytes.size < LM_SAFETENSORS_PREFIX) {
    return lm_fail(error, LAMINA_E_INVALID,
                   "not a safetensors file: %zu bytes, expected 8 at least", file->bytes.size);
  }
  uint64_t claimed = 0;
  for (int i = 0; i < LM_SAFETENSORS_PREFIX; i++) {
    claimed |= (uint64_t)file->bytes.bytes[i] << 8 * i;
  }
  size_t rest = file->bytes.size - LM_SAFETENSORS_PREFIX;
  if (claimed > LM_SAFETENSORS_HEADER_LIMIT || claimed > rest) {
    return lm_fail(error, LAMINA_E_INVALID,
                   "not a whole safetensors file: a header of %llu bytes is announced, and %zu "
                   "bytes follow (%d are allowed)",
                   (unsigned long long)claimed, rest, LM_SAFETENSORS_HEADER_LIMIT);
  }
  *length = (size_t)claimed;
  file->data = file->bytes.bytes + LM_SAFETENSORS_PREFIX + *length;
  file->data_size = rest - *length;
  return LAMINA_OK;
}

static enum lamina_status parse_header(struct lm_safetensors_file *file, size_t length,
                                       struct lm_error *error)
{
  json_error_t fault;
  const char *text = (const char *)file->bytes.bytes + LM_SAFETENSORS_PREFIX;
  file->header = json_loadb(text, length, JSON_REJECT_DUPLICATES, &fault);
  /* Without words for a fault, jansson's memory ran out. (When it runs out within a string,
     jansson reports a fault of the text there; that cannot be told apart.) */
  if (file->header == NULL && fault.text[0] == '\0') {
    return lm_fail_memory(error, 0);
  }
  if (file->header == NULL) {
    return lm_fail(error, LAMINA_E_INVALID, "the header is not JSON at byte %d of it: %s",
                   fault.position, fault.text);
  }
  if (!json_is_object(file->header)) {
    return lm_fail(error, LAMINA_E_INVALID, "the header is JSON but not an object");
  }
  return LAMINA_OK;
}

/* Without metadata in the header, none is found later. */
static enum lamina_status read_metadata(struct lm_safetensors_file *file, struct lm_error *error)
{
  json_t *pairs = json_object_get(file->header, LM_SAFETENSORS_METADATA);
  if (pairs == NULL) {
    return LAMINA_OK;
  }
  if (!json_is_object(pairs)) {
    return lm_fail(error, LAMINA_E_INVALID, "%s: expected an object", LM_SAFETENSORS_METADATA);
  }
  size_t count = json_object_size(pairs);
  file->metadata = lm_alloc(count, sizeof *file->metadata);
  if (file->metadata == NULL) {
    return lm_fail_memory(error, count * sizeof *file->metadata);
  }
  const char *key;
  json_t *value;
  json_object_foreach(pairs, key, value)
  {
    if (!json_is_string(value)) {
      return lm_fail(error, LAMINA_E_INVALID, "%s: the value of \"%.100s\" is not a string",
                     LM_SAFETENSORS_METADATA, key);
    }
    file->metadata[file->n_metadata++] = (struct lm_metadata){key, json_string_value(value)};
  }
  qsort(file->metadata, count, sizeof *file->metadata, lm_metadata_compare);
  return LAMINA_OK;
}

static enum lamina_status read_shape(struct lm_named_tensor *tensor, const json_t *shape,
                                     int64_t *dims, struct lm_error *error)
{
  size_t rank = json_array_size(shape);
  if (!json_is_array(shape) || rank > LAMINA_MAX_RANK) {
    return lm_fail(error, LAMINA_E_INVALID, "expected \"shape\" with up to %d dimensions",
                   LAMINA_MAX_RANK);
  }
  for (size_t i = 0; i < rank; i++) {
    const json_t *dim = json_array_get(shape, i);
    if (!json_is_integer(dim) || json_integer_value(dim) < 0) {
      return lm_fail(error, LAMINA_E_INVALID, "dimension %zu is not a number from 0", i);
    }
    dims[i] = json_integer_value(dim);
  }
  tensor->type.dims = dims;
  tensor->type.rank = (uint32_t)rank;
  return LAMINA_OK;
}

/* The data's range must be in the file and as long as the type says. */
static enum lamina_status read_range(const struct lm_safetensors_file *file,
                                     struct lm_named_tensor *tensor, const json_t *range,
                                     struct lm_error *error)
{
  const json_t *first = json_array_get(range, 0);
  const json_t *last = json_array_get(range, 1);
  if (json_array_size(range) != 2 || !json_is_integer(first) || !json_is_integer(last)) {
    return lm_fail(error, LAMINA_E_INVALID, "expected \"data_offsets\" with two numbers");
  }
  json_int_t begin = json_integer_value(first);
  json_int_t end = json_integer_value(last);
  if (begin < 0 || end < begin || (uint64_t)end > file->data_size) {
    return lm_fail(error, LAMINA_E_INVALID,
                   "data from %" JSON_INTEGER_FORMAT " to %" JSON_INTEGER_FORMAT
                   " is not a range within the %zu bytes of data",
                   begin, end, file->data_size);
  }
  size_t size;
  if (!lm_safetensors_size(&tensor->type, &size)) {
    return lm_fail(error, LAMINA_E_INVALID, "its shape is too large");
  }
  if (size != (size_t)(end - begin)) {
    return lm_fail(error, LAMINA_E_INVALID,
                   "type and shape need %zu bytes, and %" JSON_INTEGER_FORMAT " are given", size,
                   end - begin);
  }
  tensor->data = file->data + begin;
  return LAMINA_OK;
}

static enum lamina_status read_tensor(const struct lm_safetensors_file *file, const json_t *entry,
                                      struct lm_named_tensor *tensor, int64_t *dims,
                                      struct lm_error *error)
{
  if (!json_is_object(entry) || json_object_size(entry) != 3) {
    return lm_fail(error, LAMINA_E_INVALID,
                   "expected an object of \"dtype\", \"shape\" and \"data_offsets\"");
  }
  const char *dtype = json_string_value(json_object_get(entry, "dtype"));
  const struct lm_element *element = dtype == NULL ? NULL : lm_element_named(dtype);
  if (element == NULL) {
    return lm_fail(error, LAMINA_E_INVALID, "\"dtype\" is %.100s, which is not known here",
                   dtype == NULL ? "not a string" : dtype);
  }
  tensor->type = lamina_type_make(element->code, element->bits, 0, dims);
  LM_TRY(read_shape(tensor, json_object_get(entry, "shape"), dims, error));
  return read_range(file, tensor, json_object_get(entry, "data_offsets"), error);
}

static size_t size_of(const struct lm_named_tensor *tensor)
{
  size_t size = 0;
  (void)lm_safetensors_size(&tensor->type, &size); /* fits: it was checked as it was read */
  return size;
}

/* By offset; at one offset tensors without data come first, as the writer orders them. */
static int compare_offsets(const void *a, const void *b)
{
  const struct lm_named_tensor *left = a;
  const struct lm_named_tensor *right = b;
  if (left->data != right->data) {
    return (const char *)left->data < (const char *)right->data ? -1 : 1;
  }
  if (size_of(left) != size_of(right)) {
    return size_of(left) < size_of(right) ? -1 : 1;
  }
  int wider = (int)right->type.dt_bits - (int)left->type.dt_bits;
  return wider != 0 ? wider : strcmp(left->name, right->name);
}

static enum lamina_status check_cover(const struct lm_safetensors_file *file,
                                      struct lm_error *error)
{
  const unsigned char *end = file->data;
  for (size_t i = 0; i < file->n_tensors; i++) {
    const struct lm_named_tensor *tensor = &file->tensors[i];
    if (tensor->data != end) {
      const unsigned char *begin = tensor->data;
      return lm_fail(error, LAMINA_E_INVALID,
                     "tensor \"%.100s\": its data begins at %zu, %s, expected at %zu", tensor->name,
                     (size_t)(begin - file->data), begin < end ? "within another's" : "after a gap",
                     (size_t)(end - file->data));
    }
    end += size_of(tensor);
  }
  size_t used = (size_t)(end - file->data);
  if (used != file->data_size) {
    return lm_fail(error, LAMINA_E_INVALID, "%zu bytes of data, and the tensors take %zu",
                   file->data_size, used);
  }
  return LAMINA_OK;
}

static int compare_names(const void *a, const void *b)
{
  const struct lm_named_tensor *const *left = a;
  const struct lm_named_tensor *const *right = b;
  return strcmp((*left)->name, (*right)->name);
}

static enum lamina_status add_tensor(struct lm_safetensors_file *file, const char *name,
                                     const json_t *entry, struct lm_error *error)
{
  size_t i = file->n_tensors++;
  file->tensors[i].name = name;
  enum lamina_status status =
      read_tensor(file, entry, &file->tensors[i], file->dims + i * LAMINA_MAX_RANK, error);
  if (status != LAMINA_OK) {
    lm_error_prefix(error, "tensor \"%.100s\"", name); /* a name may be as long as the file */
  }
  return status;
}

static enum lamina_status read_tensors(struct lm_safetensors_file *file, struct lm_error *error)
{
  size_t count = json_object_size(file->header);
  file->tensors = lm_alloc(count, sizeof *file->tensors);
  file->dims = lm_alloc(count, LAMINA_MAX_RANK * sizeof *file->dims);
  file->by_name = lm_alloc(count, sizeof *file->by_name);
  if (file->tensors == NULL || file->dims == NULL || file->by_name == NULL) {
    return lm_fail_memory(error, count * sizeof *file->tensors);
  }
  const char *key;
  json_t *entry;
  json_object_foreach(file->header, key, entry)
  {
    if (strcmp(key, LM_SAFETENSORS_METADATA) != 0) {
      LM_TRY(add_tensor(file, key, entry, error));
    }
  }
  qsort(file->tensors, file->n_tensors, sizeof *file->tensors, compare_offsets);
  for (size_t i = 0; i < file->n_tensors; i++) {
    file->by_name[i] = &file->tensors[i];
  }
  qsort(file->by_name, file->n_tensors, sizeof *file->by_name, compare_names);
  return check_cover(file, error);
}

static enum lamina_status check_digest(const struct lm_safetensors_file *file, const char *key,
                                       const struct lm_digest *found, struct lm_error *error)
{
  const char *expected = lm_safetensors_metadata(file, key);
  if (expected != NULL && strcmp(expected, found->text) != 0) {
    return lm_fail(error, LAMINA_E_INVALID,
                   "damaged: its checksum \"%s\" is %s, and the metadata says %.100s", key,
                   found->text, expected);
  }
  return LAMINA_OK;
}

/* Files of other writers have no checksums; nothing is checked, or computed, then. */
static enum lamina_status check_digests(const struct lm_safetensors_file *file,
                                        struct lm_error *error)
{
  struct lm_digest digest;
  if (lm_safetensors_metadata(file, LM_SAFETENSORS_HEADER_KEY) != NULL) {
    const struct lm_safetensors content = {file->tensors, file->n_tensors, file->metadata,
                                           file->n_metadata};
    LM_TRY(lm_safetensors_header_digest(&content, &digest, error));
    LM_TRY(check_digest(file, LM_SAFETENSORS_HEADER_KEY, &digest, error));
  }
  if (lm_safetensors_metadata(file, LM_SAFETENSORS_DATA_KEY) == NULL) {
    return LAMINA_OK;
  }
  const struct lm_piece data = {file->data, file->data_size};
  digest = lm_safetensors_data_digest(&data, 1);
  return check_digest(file, LM_SAFETENSORS_DATA_KEY, &digest, error);
}

static enum lamina_status understand(struct lm_safetensors_file *file, struct lm_error *error)
{
  size_t length = 0;
  LM_TRY(find_header(file, &length, error));
  LM_TRY(parse_header(file, length, error));
  LM_TRY(read_metadata(file, error));
  LM_TRY(read_tensors(file, error));
  return check_digests(file, error);
}

enum lamina_status lm_safetensors_read(const char *path, struct lm_safetensors_file **out,
                                       struct lm_error *error)
{
  struct lm_safetensors_file *file = lm_alloc(1, sizeof *file);
  *out = NULL;
  if (file == NULL) {
    return lm_fail_memory(error, sizeof *file);
  }
  enum lamina_status status = lm_file_read(path, LM_READ_PLAIN, SIZE_MAX, &file->bytes, error);
  if (status == LAMINA_OK) {
    status = understand(file, error);
    if (status != LAMINA_OK) {
      lm_error_prefix(error, "%s", path);
    }
  }
  if (status != LAMINA_OK) {
    lm_safetensors_free(file);
    return status;
  }
  *out = file;
  return LAMINA_OK;
}

size_t lm_safetensors_count(const struct lm_safetensors_file *file)
{
  return file->n_tensors;
}

const struct lm_named_tensor *lm_safetensors_at(const struct lm_safetensors_file *file, size_t i)
{
  return &file->tensors[i];
}

const struct lm_named_tensor *lm_safetensors_find(const struct lm_safetensors_file *file,
                                                  const char *name)
{
  const struct lm_named_tensor wanted = {.name = name};
  const struct lm_named_tensor *key = &wanted;
  const struct lm_named_tensor **found =
      bsearch(&key, file->by_name, file->n_tensors, sizeof *file->by_name, compare_names);
  return found == NULL ? NULL : *found;
}

const char *lm_safetensors_metadata(const struct lm_safetensors_file *file, const char *key)
{
  if (file->n_metadata == 0) {
    return NULL;
  }
  const struct lm_metadata wanted = {.key = key};
  const struct lm_metadata *found = bsearch(&wanted, file->metadata, file->n_metadata,
                                            sizeof *file->metadata, lm_metadata_compare);
  return found == NULL ? NULL : found->value;
}
