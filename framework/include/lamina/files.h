/*
 * The service "lamina.files/1", offered by the host itself: files for data sets.
 *
 * Regular files only, read whole or from the start, gzip unpacked when the content begins with
 * its magic number. Errors are recorded with lamina_fail() before a function returns: the
 * sentence names the file, where it was looked for, and says what was wrong with it.
 */
#ifndef LAMINA_FILES_H
#define LAMINA_FILES_H

#include <lamina/host.h>

#ifdef __cplusplus
extern "C" {
#endif

#define LAMINA_FILES_ID "lamina.files/1"

/** Content of a file. bytes[size] is 0, so text can be parsed as a string. */
struct lamina_file {
  const char *bytes; /* owned by the host; lives as long as the plugin's instance */
  uint64_t size;     /* after unpacking */
};

/** What lies in a folder: a regular file or another folder. Frozen. */
struct lamina_entry {
  const char *name; /* without the folder */
  uint64_t size;    /* of a file as it lies there; 0 for a folder */
  uint32_t is_folder, reserved;
};

/** Everything in a folder whose name does not begin with a dot, in the order of the names' bytes.
 *  Frozen. */
struct lamina_folder {
  const struct lamina_entry *entries; /* owned by the host, like a file's bytes */
  uint64_t count;
};

/** The interface. Append-only. */
struct lamina_files {
  uint32_t size, reserved;
  void *self;

  /** Reads the whole file. LAMINA_E_MISSING, LAMINA_E_IO, LAMINA_E_INVALID (gzip), _NOMEM. */
  int32_t (*load)(void *self, struct lamina_call *call, const char *path, struct lamina_file *file);

  /** Reads up to limit bytes from the start (after unpacking) into buffer; *got of them. */
  int32_t (*peek)(void *self, struct lamina_call *call, const char *path, void *buffer,
                  uint64_t limit, uint64_t *got);

  /** Lists a folder. In setup() and open() only. LAMINA_E_MISSING, _IO, _INVALID, _NOMEM. */
  int32_t (*list)(void *self, struct lamina_call *call, const char *path,
                  struct lamina_folder *folder);
};

#ifdef __cplusplus
}
#endif
#endif
