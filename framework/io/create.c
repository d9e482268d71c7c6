/*
 * Files and folders that were not there before: whatever is at the path, even a link that leads
 * nowhere, is left alone, because the system itself refuses (O_EXCL) and nobody asks first.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/files.h"
#include "io/io_internal.h"

static enum lamina_status fail_create(const char *path, const char *what, struct lm_error *error)
{
  int reason = errno;
  if (reason == EEXIST) {
    return lm_fail(error, LAMINA_E_INVALID, "%s is there already, and is left as it is", path);
  }
  return lm_fail(error, LAMINA_E_IO, "%s: this %s cannot be made: %s", path, what,
                 strerror(reason));
}

enum lamina_status lm_folder_create(const char *path, struct lm_error *error)
{
  enum { FOLDER_MODE = 0777 };
  return mkdir(path, FOLDER_MODE) == 0 ? LAMINA_OK : fail_create(path, "folder", error);
}

enum lamina_status lm_file_create(const char *path, bool program, const void *bytes, size_t size,
                                  struct lm_error *error)
{
  enum { TEXT_MODE = 0666, PROGRAM_MODE = 0777 };
  int descriptor =
      open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, program ? PROGRAM_MODE : TEXT_MODE);
  if (descriptor < 0) {
    return fail_create(path, "file", error);
  }
  bool well = lm_write_all(descriptor, bytes, size);
  int reason = errno;
  if (close(descriptor) != 0 && well && errno != EINTR) { /* Linux has closed it after EINTR */
    reason = errno;
    well = false;
  }
  if (!well) {
    (void)unlink(path);
    return lm_fail(error, LAMINA_E_IO, "%s: this file cannot be written: %s", path,
                   strerror(reason));
  }
  return LAMINA_OK;
}
