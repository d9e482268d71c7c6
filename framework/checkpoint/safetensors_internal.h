/*
 * What the reader and the writer of safetensors files share: the element types, the size of a
 * tensor, the header as text, and the checksums.
 */
#ifndef LM_CHECKPOINT_SAFETENSORS_INTERNAL_H
#define LM_CHECKPOINT_SAFETENSORS_INTERNAL_H

#include <stdbool.h>

#include "base/text.h"
#include "checkpoint/safetensors.h"
#include "io/files.h"

/* The header's length comes before it in 8 bytes; the format bounds it. */
enum { LM_SAFETENSORS_PREFIX = 8, LM_SAFETENSORS_HEADER_LIMIT = 100000000 };

#define LM_SAFETENSORS_METADATA "__metadata__"

/** Metadata key: checksum of the data. */
#define LM_SAFETENSORS_DATA_KEY "lamina.xxh3"

/** Metadata key: checksum of what the header says, this key left out. */
#define LM_SAFETENSORS_HEADER_KEY "lamina.xxh3.header"

/** 16 hex digits and a 0. */
struct lm_digest {
  char text[17];
};

/** An element type of the format. */
struct lm_element {
  const char *name;
  uint8_t code, bits;
};

/** NULL for types that are not known here. */
const struct lm_element *lm_element_named(const char *name);
const struct lm_element *lm_element_of(const struct lamina_type *type);

/**
 * Bytes of a tensor's data. false when a dimension is negative or the product does not fit,
 * also when a dimension of 0 makes it 0: others multiply parts of a shape unchecked.
 */
bool lm_safetensors_size(const struct lamina_type *type, size_t *bytes);

/** XXH3-64 of the pieces as if they were one. */
struct lm_digest lm_safetensors_data_digest(const struct lm_piece *pieces, size_t count);

/**
 * The header as this room writes it, without padding: metadata, then the tensors with offsets
 * that follow each other.
 * @param content  checked; tensors in the order of their data, metadata in the order of keys
 * @param without  NULL, or a metadata key to leave out
 */
void lm_safetensors_render(struct lm_text *text, const struct lm_safetensors *content,
                           const char *without);

/** XXH3-64 of lm_safetensors_render() without LM_SAFETENSORS_HEADER_KEY. LAMINA_E_NOMEM. */
enum lamina_status lm_safetensors_header_digest(const struct lm_safetensors *content,
                                                struct lm_digest *out,
                                                struct lm_error *error) LM_MUST_CHECK;

/** For qsort and bsearch over struct lm_metadata, by key. */
int lm_metadata_compare(const void *a, const void *b);

#endif
