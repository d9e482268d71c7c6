/*
 * Folders: made with their parents, and swept of what dead writers have left. A temporary
 * file's name (see replace.c) holds its writer's process id, so the sweep can tell the files
 * of the dead from those of the living.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"
#include "io/files.h"

/* The process id in ".<name>.<pid>.tmp"; 0 for every other name. */
static pid_t writer_of(const char *name)
{
  static const char ending[] = ".tmp";
  enum { ENDING = sizeof ending - 1, SHORTEST = 3, MOST_DIGITS = 9 };
  size_t length = strlen(name);
  if (name[0] != '.' || length < ENDING || strcmp(name + length - ENDING, ending) != 0) {
    return 0;
  }
  size_t end = length - ENDING;
  size_t start = end;
  while (start > 0 && isdigit((unsigned char)name[start - 1])) {
    start--;
  }
  bool has_name = start >= SHORTEST && name[start - 1] == '.';
  if (!has_name || start == end || end - start > MOST_DIGITS || name[start] == '0') {
    return 0;
  }
  return (pid_t)strtol(name + start, NULL, 10);
}

static bool is_stale(int folder, const char *name)
{
  pid_t writer = writer_of(name);
  struct stat stat;
  return writer > 0 && kill(writer, 0) != 0 && errno == ESRCH &&
         fstatat(folder, name, &stat, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(stat.st_mode);
}

void lm_file_remove_stale(const char *folder)
{
  DIR *entries = opendir(folder);
  if (entries == NULL) {
    return;
  }
  const struct dirent *entry;
  while ((entry = readdir(entries)) != NULL) {
    if (is_stale(dirfd(entries), entry->d_name)) {
      (void)unlinkat(dirfd(entries), entry->d_name, 0);
    }
  }
  (void)closedir(entries);
}

/* One folder, whose parent is there. */
static enum lamina_status make_one(const char *path, struct lm_error *error)
{
  enum { FOLDER_MODE = 0777 };
  if (mkdir(path, FOLDER_MODE) == 0) {
    return LAMINA_OK;
  }
  int reason = errno;
  struct stat there;
  if (stat(path, &there) != 0) {
    return lm_fail(error, LAMINA_E_IO, "%s: this folder cannot be made: %s", path,
                   strerror(reason));
  }
  if (!S_ISDIR(there.st_mode)) {
    return lm_fail(error, LAMINA_E_IO, "%s: a file is in the way of a folder", path);
  }
  return LAMINA_OK;
}

enum lamina_status lm_folder_make(const char *path, struct lm_error *error)
{
  char *part = lm_copy_text(path);
  if (part == NULL) {
    return lm_fail_memory(error, 0);
  }
  enum lamina_status status = LAMINA_OK;
  char *slash = part;
  while (status == LAMINA_OK && (slash = strchr(slash + strspn(slash, "/"), '/')) != NULL) {
    *slash = '\0';
    status = make_one(part, error);
    *slash = '/';
  }
  if (status == LAMINA_OK) {
    status = make_one(part, error);
  }
  lm_free(part);
  return status;
}
