/*
 * What reading and writing safetensors files share. The header's checksum is taken over the
 * header as the writer would write it: the reader renders what it has understood and compares,
 * so that every changed name, number or text shows, and spaces do not matter.
 */
#include "checkpoint/safetensors_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/memory.h"

static const struct lm_element elements[] = {
    {"F32", LAMINA_DT_FLOAT, 32},        {"I32", LAMINA_DT_INT, 32},
    {"U8", LAMINA_DT_UINT, 8},           {"I8", LAMINA_DT_INT, 8},
    {"I16", LAMINA_DT_INT, 16},          {"U16", LAMINA_DT_UINT, 16},
    {"F16", LAMINA_DT_FLOAT, 16},        {"BF16", LM_SAFETENSORS_DT_BFLOAT, 16},
    {"U32", LAMINA_DT_UINT, 32},         {"F64", LAMINA_DT_FLOAT, 64},
    {"I64", LAMINA_DT_INT, 64},          {"U64", LAMINA_DT_UINT, 64},
    {"BOOL", LM_SAFETENSORS_DT_BOOL, 8},
};

enum { ELEMENTS = sizeof elements / sizeof elements[0] };

const struct lm_element *lm_element_named(const char *name)
{
  for (int i = 0; i < ELEMENTS; i++) {
    if (strcmp(elements[i].name, name) == 0) {
      return &elements[i];
    }
  }
  return NULL;
}

const struct lm_element *lm_element_of(const struct lamina_type *type)
{
  for (int i = 0; i < ELEMENTS; i++) {
    if (lamina_type_is(type, elements[i].code, elements[i].bits)) {
      return &elements[i];
    }
  }
  return NULL;
}

bool lm_safetensors_size(const struct lamina_type *type, size_t *bytes)
{
  int64_t product = type->dt_bits / 8;
  bool is_empty = false;
  for (uint32_t i = 0; i < type->rank; i++) {
    int64_t dim = type->dims[i];
    is_empty = is_empty || dim == 0;
    if (dim < 0 || !lm_mul_i64(product, dim == 0 ? 1 : dim, &product)) {
      return false;
    }
  }
  *bytes = is_empty ? 0 : (size_t)product;
  return (uint64_t)product <= SIZE_MAX;
}

static struct lm_digest digest_of(XXH64_hash_t hash)
{
  struct lm_digest digest;
  (void)snprintf(digest.text, sizeof digest.text, "%016" PRIx64, (uint64_t)hash);
  return digest;
}

struct lm_digest lm_safetensors_data_digest(const struct lm_piece *pieces, size_t count)
{
  XXH3_state_t state;
  XXH3_INITSTATE(&state);
  (void)XXH3_64bits_reset(&state);
  for (size_t i = 0; i < count; i++) {
    if (pieces[i].size > 0) {
      (void)XXH3_64bits_update(&state, pieces[i].bytes, pieces[i].size);
    }
  }
  return digest_of(XXH3_64bits_digest(&state));
}

static void render_metadata(struct lm_text *text, const struct lm_safetensors *content,
                            const char *without)
{
  const char *comma = "";
  lm_text_add(text, "\"" LM_SAFETENSORS_METADATA "\":{");
  for (size_t i = 0; i < content->n_metadata; i++) {
    if (without != NULL && strcmp(content->metadata[i].key, without) == 0) {
      continue;
    }
    lm_text_add(text, comma);
    lm_text_add_json_string(text, content->metadata[i].key);
    lm_text_add(text, ":");
    lm_text_add_json_string(text, content->metadata[i].value);
    comma = ",";
  }
  lm_text_add(text, "}");
}

/* Returns where the data ends. */
static size_t render_tensor(struct lm_text *text, const struct lm_named_tensor *tensor,
                            size_t begin)
{
  size_t size = 0;
  (void)lm_safetensors_size(&tensor->type, &size); /* fits: the content is checked */
  lm_text_add_json_string(text, tensor->name);
  lm_text_addf(text, ":{\"dtype\":\"%s\",\"shape\":[", lm_element_of(&tensor->type)->name);
  for (uint32_t i = 0; i < tensor->type.rank; i++) {
    lm_text_addf(text, "%s%" PRId64, i == 0 ? "" : ",", tensor->type.dims[i]);
  }
  lm_text_addf(text, "],\"data_offsets\":[%zu,%zu]}", begin, begin + size);
  return begin + size;
}

void lm_safetensors_render(struct lm_text *text, const struct lm_safetensors *content,
                           const char *without)
{
  size_t end = 0;
  lm_text_add(text, "{");
  render_metadata(text, content, without);
  for (size_t i = 0; i < content->n_tensors; i++) {
    lm_text_add(text, ",");
    end = render_tensor(text, &content->tensors[i], end);
  }
  lm_text_add(text, "}");
}

enum lamina_status lm_safetensors_header_digest(const struct lm_safetensors *content,
                                                struct lm_digest *out, struct lm_error *error)
{
  struct lm_text text = {0};
  enum lamina_status status = LAMINA_OK;
  lm_safetensors_render(&text, content, LM_SAFETENSORS_HEADER_KEY);
  if (lm_text_ok(&text)) {
    *out = digest_of(XXH3_64bits(lm_text_get(&text), text.length));
  } else {
    status = lm_fail_memory(error, 0);
  }
  lm_text_release(&text);
  return status;
}

int lm_metadata_compare(const void *a, const void *b)
{
  const struct lm_metadata *left = a;
  const struct lm_metadata *right = b;
  return strcmp(left->key, right->key);
}
