/*
 * Opening and reading one regular file. O_NONBLOCK keeps open() from waiting for the writer of
 * a FIFO; fstat() then refuses whatever is not a regular file. Reading goes by pread(), so a
 * look at the first bytes needs no rewinding. A file must end where it ended when it was
 * opened: else somebody is writing it, and what was read is half of something.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/io_internal.h"

/* The kernel reads no more than 2 GiB at once; less also keeps ssize_t safe everywhere. */
enum { LARGEST_READ = 1 << 30 };

static const char *kind_of(mode_t mode)
{
  switch (mode & S_IFMT) {
    case S_IFDIR:
      return "a folder";
    case S_IFIFO:
      return "a pipe";
    case S_IFSOCK:
      return "a socket";
    default:
      return "a device";
  }
}

static enum lamina_status fail_open(const char *path, int reason, struct lm_error *error)
{
  if (reason == ENOENT || reason == ENOTDIR) {
    return lm_fail(error, LAMINA_E_MISSING, "%s: there is no such file", path);
  }
  if (reason == ENXIO) {
    return lm_fail(error, LAMINA_E_INVALID, "%s: a socket, expected a regular file", path);
  }
  return lm_fail(error, LAMINA_E_IO, "%s: cannot be opened: %s", path, strerror(reason));
}

enum lamina_status lm_source_open(const char *path, struct lm_source *source,
                                  struct lm_error *error)
{
  *source = (struct lm_source){.path = path, .descriptor = -1};
  do {
    source->descriptor = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
  } while (source->descriptor < 0 && errno == EINTR);
  if (source->descriptor < 0) {
    return fail_open(path, errno, error);
  }
  struct stat stat;
  enum lamina_status status = LAMINA_OK;
  if (fstat(source->descriptor, &stat) != 0) {
    status = lm_fail(error, LAMINA_E_IO, "%s: cannot be examined: %s", path, strerror(errno));
  } else if (!S_ISREG(stat.st_mode)) {
    status = lm_fail(error, LAMINA_E_INVALID, "%s: %s, expected a regular file", path,
                     kind_of(stat.st_mode));
  } else {
    source->size = (uint64_t)stat.st_size;
  }
  if (status != LAMINA_OK) {
    lm_source_close(source);
  }
  return status;
}

void lm_source_close(struct lm_source *source)
{
  if (source->descriptor >= 0) {
    (void)close(source->descriptor); /* nothing was written, so nothing can be lost */
    source->descriptor = -1;
  }
}

/* One read: *got is 0 at the end of the file. */
static enum lamina_status read_some(struct lm_source *source, void *buffer, size_t size,
                                    size_t *got, struct lm_error *error)
{
  ssize_t count;
  do {
    count = pread(source->descriptor, buffer, size < LARGEST_READ ? size : LARGEST_READ,
                  (off_t)source->position);
  } while (count < 0 && errno == EINTR);
  if (count < 0) {
    return lm_fail(error, LAMINA_E_IO, "%s: cannot be read at byte %llu: %s", source->path,
                   (unsigned long long)source->position, strerror(errno));
  }
  *got = (size_t)count;
  source->position += (uint64_t)count;
  return LAMINA_OK;
}

enum lamina_status lm_source_read(struct lm_source *source, void *buffer, size_t size, size_t *got,
                                  struct lm_error *error)
{
  *got = 0;
  while (*got < size) {
    size_t count = 0;
    LM_TRY(read_some(source, (char *)buffer + *got, size - *got, &count, error));
    *got += count;
    if (count == 0 && source->position != source->size) {
      return lm_fail(
          error, LAMINA_E_IO, "%s: changed while it was read: had %llu bytes at first, now %llu",
          source->path, (unsigned long long)source->size, (unsigned long long)source->position);
    }
    if (count == 0) {
      break;
    }
  }
  return LAMINA_OK;
}
