/*
 * safetensors files: tensors by name, with text metadata.
 *
 * The writer is strict (header begins with '{', padded to a multiple of 8, tensors sorted by
 * alignment then name); the reader checks everything before it believes anything: length,
 * UTF-8, JSON without duplicate keys (jansson, its only user), ranges that start at 0 and leave
 * no gap, sizes that equal shape times element. The data's XXH3-64 is kept in the metadata key
 * "lamina.xxh3" (16 hex digits), that of names, types, shapes and metadata in
 * "lamina.xxh3.header"; they are checked when they are there, as in files of this writer, and
 * are absent in files of others. Floor 5.
 */
#ifndef LM_CHECKPOINT_SAFETENSORS_H
#define LM_CHECKPOINT_SAFETENSORS_H

#include <stddef.h>
#include <stdint.h>

#include <lamina/tensor.h>

#include "base/error.h"

/** Element kinds that files may hold besides those of lamina/tensor.h, numbered as in DLPack. */
enum { LM_SAFETENSORS_DT_BFLOAT = 4, LM_SAFETENSORS_DT_BOOL = 6 };

/** A tensor to write, or one of a file read; all pointers borrowed. */
struct lm_named_tensor {
  const char *name; /* UTF-8 */
  struct lamina_type type;
  const void *data; /* little-endian, as the host is. In files of other writers it may lie at
                       any address: copy it, do not read it in place. */
};

struct lm_metadata {
  const char *key;
  const char *value;
};

/** What to write: metadata keys in UTF-8 and none that begins with "lamina.xxh3". */
struct lm_safetensors {
  const struct lm_named_tensor *tensors;
  size_t n_tensors;
  const struct lm_metadata *metadata;
  size_t n_metadata;
};

/**
 * Replaces the file at path as lm_file_replace() does.
 * @param previous  NULL, or where the old file is kept
 * @return LAMINA_OK; LAMINA_E_INVALID for a name given twice or a name, type or size that the
 *         format does not allow; LAMINA_E_IO; LAMINA_E_NOMEM
 */
enum lamina_status lm_safetensors_write(const char *path, const char *previous,
                                        const struct lm_safetensors *content,
                                        struct lm_error *error) LM_MUST_CHECK;

/** A file in memory. */
struct lm_safetensors_file;

/**
 * Reads a file whole and checks it.
 * @return LAMINA_OK; LAMINA_E_MISSING; LAMINA_E_INVALID with the fault; LAMINA_E_IO; _NOMEM
 */
enum lamina_status lm_safetensors_read(const char *path, struct lm_safetensors_file **out,
                                       struct lm_error *error) LM_MUST_CHECK;
void lm_safetensors_free(struct lm_safetensors_file *file);

size_t lm_safetensors_count(const struct lm_safetensors_file *file);
/** Tensor i, by offset in the file. Views live as long as the file. */
const struct lm_named_tensor *lm_safetensors_at(const struct lm_safetensors_file *file, size_t i);
/** The tensor of a name; NULL if there is none. */
const struct lm_named_tensor *lm_safetensors_find(const struct lm_safetensors_file *file,
                                                  const char *name);
/** The metadata of a key, NULL if there is none. */
const char *lm_safetensors_metadata(const struct lm_safetensors_file *file, const char *key);

#endif
