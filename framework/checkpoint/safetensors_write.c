/*
 * Writing: the content is checked and put in order, the header made as text, and everything
 * handed over as pieces, so that the tensors' data is never copied.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "checkpoint/safetensors_internal.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "data is written as it lies in memory");

enum { OWN_KEYS = 2, PIECES_BEFORE_DATA = 2 };

/* All that is made for one file. */
struct writer {
  struct lm_named_tensor *tensors; /* in the order of the file */
  size_t n_tensors;
  struct lm_metadata *metadata; /* by key, the own keys included */
  size_t n_metadata;
  struct lm_piece *pieces; /* length, header, then the data of each tensor */
  struct lm_digest data_digest, header_digest;
  struct lm_text header;
  unsigned char prefix[LM_SAFETENSORS_PREFIX];
};

static void writer_release(struct writer *writer)
{
  lm_free(writer->tensors);
  lm_free(writer->metadata);
  lm_free(writer->pieces);
  lm_text_release(&writer->header);
}

static enum lamina_status check_tensor(const struct lm_named_tensor *tensor, size_t *total,
                                       struct lm_error *error)
{
  size_t size;
  if (!lm_text_is_utf8(tensor->name) || strcmp(tensor->name, LM_SAFETENSORS_METADATA) == 0) {
    return lm_fail(error, LAMINA_E_INVALID, "tensor \"%s\": not a name that the format allows",
                   tensor->name);
  }
  if (lm_element_of(&tensor->type) == NULL || tensor->type.rank > LAMINA_MAX_RANK) {
    return lm_fail(error, LAMINA_E_INVALID, "tensor \"%s\": not a type that the format allows",
                   tensor->name);
  }
  if (!lm_safetensors_size(&tensor->type, &size) || !lm_add_size(*total, size, total)) {
    return lm_fail(error, LAMINA_E_INVALID, "tensor \"%s\": its size is too large or negative",
                   tensor->name);
  }
  assert(tensor->data != NULL || size == 0);
  return LAMINA_OK;
}

static int compare_names(const void *a, const void *b)
{
  const struct lm_named_tensor *left = a;
  const struct lm_named_tensor *right = b;
  return strcmp(left->name, right->name);
}

/* The format's order: wide elements first, so that all are aligned; then names. */
static int compare_order(const void *a, const void *b)
{
  const struct lm_named_tensor *left = a;
  const struct lm_named_tensor *right = b;
  int wider = (int)right->type.dt_bits - (int)left->type.dt_bits;
  return wider != 0 ? wider : compare_names(a, b);
}

static enum lamina_status order_tensors(struct writer *writer, const struct lm_safetensors *content,
                                        struct lm_error *error)
{
  size_t n = content->n_tensors;
  size_t total = 0;
  writer->tensors = lm_alloc(n, sizeof *writer->tensors);
  if (writer->tensors == NULL) {
    return lm_fail_memory(error, n * sizeof *writer->tensors);
  }
  for (size_t i = 0; i < n; i++) {
    LM_TRY(check_tensor(&content->tensors[i], &total, error));
    writer->tensors[i] = content->tensors[i];
  }
  writer->n_tensors = n;
  qsort(writer->tensors, n, sizeof *writer->tensors, compare_names);
  for (size_t i = 1; i < n; i++) {
    if (compare_names(&writer->tensors[i - 1], &writer->tensors[i]) == 0) {
      return lm_fail(error, LAMINA_E_INVALID, "tensor \"%s\": the name is given twice",
                     writer->tensors[i].name);
    }
  }
  qsort(writer->tensors, n, sizeof *writer->tensors, compare_order);
  return LAMINA_OK;
}

static enum lamina_status order_metadata(struct writer *writer,
                                         const struct lm_safetensors *content,
                                         struct lm_error *error)
{
  size_t n = content->n_metadata;
  writer->metadata = lm_alloc(n + OWN_KEYS, sizeof *writer->metadata);
  if (writer->metadata == NULL) {
    return lm_fail_memory(error, (n + OWN_KEYS) * sizeof *writer->metadata);
  }
  for (size_t i = 0; i < n; i++) {
    writer->metadata[i] = content->metadata[i];
    if (!lm_text_is_utf8(content->metadata[i].key)) {
      return lm_fail(error, LAMINA_E_INVALID, "metadata key \"%s\": not UTF-8",
                     content->metadata[i].key);
    }
  }
  writer->metadata[n++] = (struct lm_metadata){LM_SAFETENSORS_DATA_KEY, writer->data_digest.text};
  writer->metadata[n++] =
      (struct lm_metadata){LM_SAFETENSORS_HEADER_KEY, writer->header_digest.text};
  writer->n_metadata = n;
  qsort(writer->metadata, n, sizeof *writer->metadata, lm_metadata_compare);
  for (size_t i = 1; i < n; i++) {
    if (lm_metadata_compare(&writer->metadata[i - 1], &writer->metadata[i]) == 0) {
      return lm_fail(error, LAMINA_E_INVALID, "metadata key \"%s\": given twice",
                     writer->metadata[i].key);
    }
  }
  return LAMINA_OK;
}

static enum lamina_status list_data(struct writer *writer, struct lm_error *error)
{
  size_t count = writer->n_tensors + PIECES_BEFORE_DATA;
  writer->pieces = lm_alloc(count, sizeof *writer->pieces);
  if (writer->pieces == NULL) {
    return lm_fail_memory(error, count * sizeof *writer->pieces);
  }
  struct lm_piece *data = writer->pieces + PIECES_BEFORE_DATA;
  for (size_t i = 0; i < writer->n_tensors; i++) {
    data[i].bytes = writer->tensors[i].data;
    (void)lm_safetensors_size(&writer->tensors[i].type, &data[i].size); /* is checked */
  }
  writer->data_digest = lm_safetensors_data_digest(data, writer->n_tensors);
  return LAMINA_OK;
}

/* Makes the header and its length, when all else is there. */
static enum lamina_status make_header(struct writer *writer, struct lm_error *error)
{
  const struct lm_safetensors content = {writer->tensors, writer->n_tensors, writer->metadata,
                                         writer->n_metadata};
  LM_TRY(lm_safetensors_header_digest(&content, &writer->header_digest, error));
  lm_safetensors_render(&writer->header, &content, NULL);
  while (lm_text_ok(&writer->header) && writer->header.length % LM_SAFETENSORS_PREFIX != 0) {
    lm_text_add(&writer->header, " ");
  }
  if (!lm_text_ok(&writer->header)) {
    return lm_fail_memory(error, 0);
  }
  size_t length = writer->header.length;
  if (length > LM_SAFETENSORS_HEADER_LIMIT) {
    return lm_fail(error, LAMINA_E_INVALID,
                   "names and metadata take %zu bytes, and the format allows %d", length,
                   LM_SAFETENSORS_HEADER_LIMIT);
  }
  for (int i = 0; i < LM_SAFETENSORS_PREFIX; i++) {
    writer->prefix[i] = (unsigned char)((uint64_t)length >> 8 * i);
  }
  writer->pieces[0] = (struct lm_piece){writer->prefix, sizeof writer->prefix};
  writer->pieces[1] = (struct lm_piece){lm_text_get(&writer->header), length};
  return LAMINA_OK;
}

static enum lamina_status prepare(struct writer *writer, const struct lm_safetensors *content,
                                  struct lm_error *error)
{
  LM_TRY(order_tensors(writer, content, error));
  LM_TRY(list_data(writer, error));
  LM_TRY(order_metadata(writer, content, error));
  return make_header(writer, error);
}

enum lamina_status lm_safetensors_write(const char *path, const char *previous,
                                        const struct lm_safetensors *content,
                                        struct lm_error *error)
{
  struct writer writer = {0};
  enum lamina_status status = prepare(&writer, content, error);
  if (status == LAMINA_OK) {
    status = lm_file_replace(path, previous, writer.pieces, writer.n_tensors + PIECES_BEFORE_DATA,
                             error);
  } else {
    lm_error_prefix(error, "%s", path);
  }
  writer_release(&writer);
  return status;
}
