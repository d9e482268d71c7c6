/*
 * Arrays to files of NumPy's own format (numpy.lib.format, version 1.0), row by row, so that an
 * array never needs to be in memory as a whole. Floor 1. Such files are read by the dataset
 * plugin `npy`.
 */
#ifndef LM_IO_NPY_H
#define LM_IO_NPY_H

#include <stdint.h>

#include "io/files.h"

enum lm_npy_type { LM_NPY_F32, LM_NPY_I32 };

enum { LM_NPY_MAX_RANK = 32 };

/** An array; elements are little-endian, the last dimension varies fastest. */
struct lm_npy_shape {
  enum lm_npy_type type;
  uint32_t rank;
  int64_t dims[LM_NPY_MAX_RANK];
};

/** A file that is being written. */
struct lm_npy {
  struct lm_writer writer;
  int64_t left; /* bytes that the shape says are still to come */
};

/**
 * Begins a file, as lm_writer_open() does, with its header.
 * @return LAMINA_OK; LAMINA_E_INVALID for a shape whose bytes cannot be counted; as
 *         lm_writer_open()
 */
enum lamina_status lm_npy_open(const char *path, const struct lm_npy_shape *shape,
                               struct lm_npy *npy, struct lm_error *error) LM_MUST_CHECK;

/** Adds elements of 4 bytes, as many as there are left at most (LAMINA_E_INTERNAL). */
enum lamina_status lm_npy_add(struct lm_npy *npy, const void *elements, int64_t count,
                              struct lm_error *error) LM_MUST_CHECK;

/** Puts the whole array in place; LAMINA_E_INTERNAL when elements are missing. */
enum lamina_status lm_npy_commit(struct lm_npy *npy, struct lm_error *error) LM_MUST_CHECK;

/** Removes what was written; does nothing after lm_npy_commit(). */
void lm_npy_discard(struct lm_npy *npy);

#endif
