/*
 * Reading files whole, and replacing files so that a reader sees the old or the new.
 *
 * Reading accepts regular files only and bounds sizes before it allocates; gzip is unpacked
 * when the content begins with its magic number (the only use of zlib in the runtime). Floor 1.
 */
#ifndef LM_IO_FILES_H
#define LM_IO_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <lamina/files.h>

#include "base/error.h"

/** A file in memory; bytes[size] is 0. */
struct lm_bytes {
  unsigned char *bytes;
  size_t size;
};

enum lm_read_flags {
  LM_READ_PLAIN = 0,
  LM_READ_GUNZIP = 1 /* unpack when the content is gzip */
};

/**
 * Reads a whole file.
 * @param limit  bytes, after unpacking, that are accepted at most
 * @param out    owned by the caller, release with lm_bytes_release()
 * @return LAMINA_OK; LAMINA_E_MISSING when there is no such file; LAMINA_E_INVALID when it is
 *         not a regular file, larger than limit, or broken gzip (truncated, wrong checksum,
 *         garbage after it); LAMINA_E_IO; LAMINA_E_NOMEM. Sentences name the path as given.
 */
enum lamina_status lm_file_read(const char *path, unsigned flags, size_t limit,
                                struct lm_bytes *out, struct lm_error *error) LM_MUST_CHECK;

/** Reads up to size bytes from the start (after unpacking); *got of them. Errors as above. */
enum lamina_status lm_file_peek(const char *path, unsigned flags, void *buffer, size_t size,
                                size_t *got, struct lm_error *error) LM_MUST_CHECK;

void lm_bytes_release(struct lm_bytes *bytes);

/** One piece of a file to write. */
struct lm_piece {
  const void *bytes;
  size_t size;
};

/**
 * Writes a file beside `path`, syncs it, renames it to `path` and syncs the folder: whatever
 * happens, `path` holds its old content or the new one, whole. The temporary file is named
 * ".<name>.<pid>.tmp" and removed on failure.
 * @param previous  NULL, or a path in the same folder that keeps the old content (by link)
 * @return LAMINA_OK; LAMINA_E_IO with the path and the system's reason
 */
enum lamina_status lm_file_replace(const char *path, const char *previous,
                                   const struct lm_piece *pieces, size_t count,
                                   struct lm_error *error) LM_MUST_CHECK;

/** A file that is being written beside `path`, piece by piece; its path is empty when it is not. */
struct lm_writer {
  char *path, *temporary;
  int descriptor;
};

/**
 * Begins to replace a file as lm_file_replace() does, for content that is made bit by bit. It is
 * over with lm_writer_commit(), which puts the file in place, or lm_writer_discard(), which
 * removes what was written; both are fine to be followed by lm_writer_discard().
 * @param path  copied
 * @return LAMINA_OK; LAMINA_E_IO with the path and the system's reason; LAMINA_E_NOMEM
 */
enum lamina_status lm_writer_open(const char *path, struct lm_writer *writer,
                                  struct lm_error *error) LM_MUST_CHECK;
enum lamina_status lm_writer_add(struct lm_writer *writer, const void *bytes, size_t size,
                                 struct lm_error *error) LM_MUST_CHECK;
enum lamina_status lm_writer_commit(struct lm_writer *writer, struct lm_error *error) LM_MUST_CHECK;
void lm_writer_discard(struct lm_writer *writer);

/** Adds bytes at the end of a file, which is made when it is not there. LAMINA_E_IO. */
enum lamina_status lm_file_append(const char *path, const void *bytes, size_t size,
                                  struct lm_error *error) LM_MUST_CHECK;

/**
 * Makes a file that was not there before, with these bytes; program: that can be run. Nothing is
 * left behind on failure.
 * @return LAMINA_OK; LAMINA_E_INVALID when something is at path, which is left as it is;
 *         LAMINA_E_IO
 */
enum lamina_status lm_file_create(const char *path, bool program, const void *bytes, size_t size,
                                  struct lm_error *error) LM_MUST_CHECK;

/** Makes a folder that was not there before, in one that is. Failures as of lm_file_create(). */
enum lamina_status lm_folder_create(const char *path, struct lm_error *error) LM_MUST_CHECK;

/** Removes temporary files that writers which no longer run have left in a folder. */
void lm_file_remove_stale(const char *folder);

/** Makes a folder and its parents. LAMINA_E_IO. */
enum lamina_status lm_folder_make(const char *path, struct lm_error *error) LM_MUST_CHECK;

/**
 * Lists the regular files and the folders in a folder, links followed, in the order of their
 * names' bytes. Names that begin with a dot are left out.
 * @param out  one block: release out->entries with lm_free(); NULL when there are none
 * @return LAMINA_OK; LAMINA_E_MISSING; LAMINA_E_INVALID when it is not a folder; LAMINA_E_IO;
 *         LAMINA_E_NOMEM. Sentences name the path as given.
 */
enum lamina_status lm_folder_list(const char *path, struct lamina_folder *out,
                                  struct lm_error *error) LM_MUST_CHECK;

/**
 * Absolute, lexically clean form of path, relative to folder (NULL: working directory).
 * @return owned by the caller, release with lm_free(); NULL when memory is short or the
 *         working directory is gone
 */
char *lm_path_absolute(const char *path, const char *folder);

#endif
