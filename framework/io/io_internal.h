/*
 * What the files of this room share: an open file to read from, gzip over it, and writing whole.
 */
#ifndef LM_IO_IO_INTERNAL_H
#define LM_IO_IO_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/** A regular file that is open for reading. */
struct lm_source {
  const char *path; /* as the caller gave it, borrowed */
  int descriptor;
  uint64_t size;     /* when it was opened */
  uint64_t position; /* of the next byte to read */
};

/** Opens a regular file without ever waiting for one that is not. Close it with _close(). */
enum lamina_status lm_source_open(const char *path, struct lm_source *source,
                                  struct lm_error *error) LM_MUST_CHECK;
void lm_source_close(struct lm_source *source);

/**
 * Reads from the position on until size bytes are there or the file ends.
 * @return LAMINA_OK; LAMINA_E_IO, also when the file ends elsewhere than it did when opened
 */
enum lamina_status lm_source_read(struct lm_source *source, void *buffer, size_t size, size_t *got,
                                  struct lm_error *error) LM_MUST_CHECK;

/** Unpacks gzip from a source. */
struct lm_gunzip;

/** source is borrowed and must outlive it. Release with lm_gunzip_free(). */
enum lamina_status lm_gunzip_create(struct lm_source *source, struct lm_gunzip **out,
                                    struct lm_error *error) LM_MUST_CHECK;
void lm_gunzip_free(struct lm_gunzip *gunzip);

/** Like lm_source_read(); LAMINA_E_INVALID for broken gzip. */
enum lamina_status lm_gunzip_read(struct lm_gunzip *gunzip, void *buffer, size_t size, size_t *got,
                                  struct lm_error *error) LM_MUST_CHECK;

/** Whether a file that begins with these bytes is gzip. */
static inline bool lm_gunzip_wants(const unsigned char *start, size_t size)
{
  return size >= 2 && start[0] == 0x1f && start[1] == 0x8b;
}

/** Writes size bytes, however many calls that takes; false with the reason in errno. */
bool lm_write_all(int descriptor, const void *bytes, size_t size);

#endif
