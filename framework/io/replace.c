/*
 * Files replaced whole: written beside under a name of this process, synced, renamed, and the
 * folder synced. rename() is what makes it one step for readers; the syncs make it one for a
 * power cut. The old content is kept by a second link to it, so that `path` never goes
 * missing. fsync() is not tried again after an error: the kernel may have dropped the data.
 *
 * One process writes one path from one thread at a time.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"
#include "io/files.h"
#include "io/io_internal.h"

enum { LARGEST_WRITE = 1 << 30, COPY_SIZE = 1 << 16, FILE_MODE = 0666 };

/* The name to write under: in the folder of path, hidden, with the writer's process id. */
static char *temporary_beside(const char *path)
{
  const char *slash = strrchr(path, '/');
  const char *name = slash == NULL ? path : slash + 1;
  return lm_format("%.*s.%s.%ld.tmp", (int)(name - path), path, name, (long)getpid());
}

static enum lamina_status fail_write(const char *path, const char *what, struct lm_error *error)
{
  int reason = errno;
  return lm_fail(error, LAMINA_E_IO, "%s: %s: %s", path, what, strerror(reason));
}

bool lm_write_all(int descriptor, const void *bytes, size_t size)
{
  const char *next = bytes;
  while (size > 0) {
    ssize_t count = write(descriptor, next, size < LARGEST_WRITE ? size : LARGEST_WRITE);
    if (count > 0) {
      next += count;
      size -= (size_t)count;
    } else if (count == 0) {
      errno = EIO; /* cannot happen for files, and must not loop */
      return false;
    } else if (errno != EINTR) {
      return false;
    }
  }
  return true;
}

static bool sync_open(int descriptor)
{
  int result;
  do {
    result = fsync(descriptor);
  } while (result != 0 && errno == EINTR);
  return result == 0;
}

static int open_retry(const char *path, int flags)
{
  int descriptor;
  do {
    descriptor = open(path, flags | O_CLOEXEC, FILE_MODE);
  } while (descriptor < 0 && errno == EINTR);
  return descriptor;
}

/* A file that was not there before; a leftover of a dead process with our id gives way. */
static int create_new(const char *path)
{
  int descriptor = open_retry(path, O_WRONLY | O_CREAT | O_EXCL);
  if (descriptor < 0 && errno == EEXIST && unlink(path) == 0) {
    descriptor = open_retry(path, O_WRONLY | O_CREAT | O_EXCL);
  }
  return descriptor;
}

/* Syncs and closes a file that was written well so far; errno says why not. */
static bool finish(int descriptor, bool well)
{
  well = well && sync_open(descriptor);
  int reason = errno;
  int closed = close(descriptor);
  if (well && closed != 0 && errno != EINTR) { /* Linux has closed it after EINTR */
    return false;
  }
  errno = reason;
  return well;
}

static bool copy_open(int from, int to)
{
  char bytes[COPY_SIZE];
  for (;;) {
    ssize_t count = read(from, bytes, sizeof bytes);
    if (count == 0) {
      return true;
    }
    if (count > 0 && !lm_write_all(to, bytes, (size_t)count)) {
      return false;
    }
    if (count < 0 && errno != EINTR) {
      return false;
    }
  }
}

static bool copy_file(const char *from, const char *to)
{
  int in = open_retry(from, O_RDONLY);
  if (in < 0) {
    return false;
  }
  int out = create_new(to);
  bool well = out >= 0 && finish(out, copy_open(in, out));
  int reason = errno;
  (void)close(in);
  errno = reason;
  return well;
}

/* Gives the file a second name: a link, or a copy where the file system has no links. */
static bool duplicate(const char *from, const char *to)
{
  if (link(from, to) == 0) {
    return true;
  }
  if (errno == EEXIST && unlink(to) == 0 && link(from, to) == 0) {
    return true;
  }
  bool no_links = errno == EPERM || errno == EOPNOTSUPP || errno == ENOSYS || errno == EMLINK;
  return no_links && copy_file(from, to);
}

/* Lets `previous` name what path holds now, in one step; no file at path is fine. */
static enum lamina_status keep_previous(const char *path, const char *previous,
                                        struct lm_error *error)
{
  struct stat stat_now;
  if (lstat(path, &stat_now) != 0 && errno == ENOENT) {
    return LAMINA_OK;
  }
  char *temporary = temporary_beside(previous);
  if (temporary == NULL) {
    return lm_fail_memory(error, 0);
  }
  enum lamina_status status = LAMINA_OK;
  if (!duplicate(path, temporary) || rename(temporary, previous) != 0) {
    status = fail_write(previous, "cannot keep the previous file", error);
  }
  /* rename() leaves both names when they are links to one file already, as after a crash. */
  (void)unlink(temporary);
  lm_free(temporary);
  return status;
}

static enum lamina_status sync_folder(const char *path, struct lm_error *error)
{
  const char *slash = strrchr(path, '/');
  size_t length = slash == NULL ? 0 : (size_t)(slash - path) + 1;
  char *folder = slash == NULL ? lm_copy_text(".") : lm_copy_bytes(path, length);
  if (folder == NULL) {
    return lm_fail_memory(error, 0);
  }
  enum lamina_status status = LAMINA_OK;
  int descriptor = open_retry(folder, O_RDONLY | O_DIRECTORY);
  bool well = descriptor >= 0 && sync_open(descriptor);
  /* Some network file systems cannot sync folders and say so by EINVAL. */
  if (!well && !(descriptor >= 0 && errno == EINVAL)) {
    status = fail_write(path, "written, but its folder cannot be synced", error);
  }
  if (descriptor >= 0) {
    (void)close(descriptor);
  }
  lm_free(folder);
  return status;
}

/* rename() would replace /dev/null, too. */
static enum lamina_status check_target(const char *path, struct lm_error *error)
{
  struct stat target;
  if (stat(path, &target) == 0 && !S_ISREG(target.st_mode)) {
    return lm_fail(error, LAMINA_E_IO, "%s: cannot be written: not a regular file", path);
  }
  return LAMINA_OK;
}

enum lamina_status lm_writer_open(const char *path, struct lm_writer *writer,
                                  struct lm_error *error)
{
  *writer = (struct lm_writer){.descriptor = -1};
  LM_TRY(check_target(path, error));
  writer->path = lm_copy_text(path);
  writer->temporary = temporary_beside(path);
  if (writer->path == NULL || writer->temporary == NULL) {
    lm_writer_discard(writer);
    return lm_fail_memory(error, 0);
  }
  writer->descriptor = create_new(writer->temporary);
  if (writer->descriptor < 0) {
    (void)fail_write(path, "cannot be written", error);
    lm_writer_discard(writer);
    return LAMINA_E_IO;
  }
  return LAMINA_OK;
}

enum lamina_status lm_writer_add(struct lm_writer *writer, const void *bytes, size_t size,
                                 struct lm_error *error)
{
  if (!lm_write_all(writer->descriptor, bytes, size)) {
    return fail_write(writer->path, "cannot be written", error);
  }
  return LAMINA_OK;
}

/* Gives the file that is written and synced its name. */
static enum lamina_status put_in_place(const struct lm_writer *writer, const char *previous,
                                       struct lm_error *error)
{
  if (previous != NULL) {
    LM_TRY(keep_previous(writer->path, previous, error));
  }
  if (rename(writer->temporary, writer->path) != 0) {
    return fail_write(writer->path, "cannot be written", error);
  }
  return LAMINA_OK;
}

static enum lamina_status commit(struct lm_writer *writer, const char *previous,
                                 struct lm_error *error)
{
  enum lamina_status status = LAMINA_OK;
  bool well = finish(writer->descriptor, true);
  writer->descriptor = -1;
  if (!well) {
    status = fail_write(writer->path, "cannot be written", error);
  }
  if (status == LAMINA_OK) {
    status = put_in_place(writer, previous, error);
  }
  if (status == LAMINA_OK) {
    lm_free(writer->temporary);
    writer->temporary = NULL;
    status = sync_folder(writer->path, error);
  }
  lm_writer_discard(writer);
  return status;
}

enum lamina_status lm_writer_commit(struct lm_writer *writer, struct lm_error *error)
{
  return commit(writer, NULL, error);
}

void lm_writer_discard(struct lm_writer *writer)
{
  if (writer->descriptor >= 0) {
    (void)close(writer->descriptor);
  }
  if (writer->temporary != NULL) {
    (void)unlink(writer->temporary);
  }
  lm_free(writer->temporary);
  lm_free(writer->path);
  *writer = (struct lm_writer){.descriptor = -1};
}

enum lamina_status lm_file_replace(const char *path, const char *previous,
                                   const struct lm_piece *pieces, size_t count,
                                   struct lm_error *error)
{
  struct lm_writer writer;
  LM_TRY(lm_writer_open(path, &writer, error));
  for (size_t i = 0; i < count; i++) {
    enum lamina_status status = lm_writer_add(&writer, pieces[i].bytes, pieces[i].size, error);
    if (status != LAMINA_OK) {
      lm_writer_discard(&writer);
      return status;
    }
  }
  return commit(&writer, previous, error);
}

enum lamina_status lm_file_append(const char *path, const void *bytes, size_t size,
                                  struct lm_error *error)
{
  int descriptor;
  do {
    descriptor = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
  } while (descriptor < 0 && errno == EINTR);
  if (descriptor < 0) {
    return fail_write(path, "cannot be opened", error);
  }
  enum lamina_status status = LAMINA_OK;
  if (!lm_write_all(descriptor, bytes, size)) {
    status = fail_write(path, "cannot be written", error);
  }
  (void)close(descriptor);
  return status;
}
