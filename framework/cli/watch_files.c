/*
 * The files that workers use: their versions, copied to RUN/.watch/<version>/<file>, and when
 * they were rebuilt. A linker takes its time, so a file counts when it has not changed between
 * two looks and is complete; one that is no plugin gets some more, since it may not be done yet.
 *
 * The folder belongs to the user alone, as plugins are trusted by where they lie.
 */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"
#include "cli/watch.h"
#include "io/files.h"

enum { STILL = 1, STILL_WHEN_BAD = 5, PLUGIN_LIMIT = 1 << 30, DEPTH = 8 };

/* ---- the folder ---- */

static int remove_entry(const char *path, const struct stat *status, int kind, struct FTW *walk)
{
  (void)status;
  (void)kind;
  (void)walk;
  (void)remove(path);
  return 0;
}

static void remove_tree(const char *folder)
{
  (void)nftw(folder, remove_entry, DEPTH, FTW_DEPTH | FTW_PHYS);
}

enum lamina_status lm_watched_open(struct lm_watched_list *list, const char *run_dir,
                                   struct lm_error *error)
{
  char *run = lm_path_absolute(run_dir, NULL);
  *list = (struct lm_watched_list){.folder = run == NULL ? NULL : lm_format("%s/.watch", run)};
  lm_free(run);
  if (list->folder == NULL) {
    return lm_fail_memory(error, 0);
  }
  remove_tree(list->folder); /* of one that was killed: the run folder is locked */
  if (mkdir(list->folder, 0700) != 0) {
    return lm_fail(error, LAMINA_E_IO, "%s: cannot be made (%s)", list->folder, strerror(errno));
  }
  return LAMINA_OK;
}

void lm_watched_close(struct lm_watched_list *list, bool remove)
{
  if (remove && list->folder != NULL) {
    remove_tree(list->folder);
  }
  for (size_t i = 0; i < list->count; i++) {
    lm_free(list->items[i].path);
  }
  lm_free(list->items);
  lm_free(list->folder);
  *list = (struct lm_watched_list){0};
}

/* ---- versions ---- */

static const char *file_of(const char *path)
{
  const char *slash = strrchr(path, '/');
  return slash == NULL ? path : slash + 1;
}

/* "/path/layer_dense.so" gives "layer 'dense'". */
static void label_of(const char *path, char *out, size_t size)
{
  const char *file = file_of(path);
  int kind = (int)strcspn(file, "_");
  const char *name = file + kind + (file[kind] == '_' ? 1 : 0);
  (void)snprintf(out, size, "%.*s '%.*s'", kind, file, (int)strcspn(name, "."), name);
}

struct lm_watched *lm_watched_find(const struct lm_watched_list *list, const char *path)
{
  for (size_t i = 0; i < list->count; i++) {
    if (strcmp(list->items[i].path, path) == 0) {
      return &list->items[i];
    }
  }
  return NULL;
}

bool lm_watched_add(struct lm_watched_list *list, const char *path, uint32_t version,
                    const struct lm_stamp *stamp)
{
  if (lm_watched_find(list, path) != NULL) {
    return true;
  }
  struct lm_watched watched = {
      .path = lm_copy_text(path), .version = version, .seen = *stamp, .last = *stamp};
  if (watched.path == NULL ||
      !lm_grow((void **)&list->items, &list->capacity, list->count + 1, sizeof *list->items)) {
    lm_free(watched.path);
    return false;
  }
  label_of(path, watched.label, sizeof watched.label);
  list->items[list->count++] = watched;
  return true;
}

char *lm_watched_copy_path(const struct lm_watched_list *list, const char *path, uint32_t version)
{
  return lm_format("%s/%u/%s", list->folder, version, file_of(path));
}

static bool stamp_of(const char *path, struct lm_stamp *stamp)
{
  struct stat status;
  if (stat(path, &status) != 0) {
    return false;
  }
  *stamp = (struct lm_stamp){.device = (uint64_t)status.st_dev,
                             .inode = (uint64_t)status.st_ino,
                             .size = (int64_t)status.st_size,
                             .seconds = (int64_t)status.st_mtim.tv_sec,
                             .nanoseconds = (int64_t)status.st_mtim.tv_nsec};
  return true;
}

static bool same_stamp(const struct lm_stamp *a, const struct lm_stamp *b)
{
  return a->device == b->device && a->inode == b->inode && a->size == b->size &&
         a->seconds == b->seconds && a->nanoseconds == b->nanoseconds;
}

static enum lamina_status write_copy(const char *path, const char *copy,
                                     const struct lm_bytes *content, struct lm_error *error)
{
  char *folder = lm_copy_bytes(copy, (size_t)(strrchr(copy, '/') - copy));
  if (folder == NULL) {
    return lm_fail_memory(error, 0);
  }
  enum lamina_status status = lm_folder_make(folder, error);
  lm_free(folder);
  LM_TRY(status);
  int file = open(copy, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  bool well = file >= 0;
  for (size_t at = 0; at < content->size && well;) {
    ssize_t count = write(file, content->bytes + at, content->size - at);
    at += count > 0 ? (size_t)count : 0;
    well = count > 0 || (count < 0 && errno == EINTR);
  }
  int reason = errno;
  if (file >= 0) {
    (void)close(file);
  }
  return well ? LAMINA_OK
              : lm_fail(error, LAMINA_E_IO, "%s: cannot be copied to %s (%s)", path, copy,
                        strerror(reason));
}

enum lamina_status lm_watched_copy(const struct lm_watched_list *list, const char *path,
                                   uint32_t version, struct lm_stamp *stamp, struct lm_error *error)
{
  struct lm_bytes content = {0};
  struct lm_stamp after;
  char *copy = lm_watched_copy_path(list, path, version);
  enum lamina_status status;
  if (copy == NULL) {
    return lm_fail_memory(error, 0);
  }
  if (!stamp_of(path, stamp)) {
    status = lm_fail(error, LAMINA_E_MISSING, "%s: is gone", path);
  } else {
    status = lm_file_read(path, LM_READ_PLAIN, PLUGIN_LIMIT, &content, error);
  }
  if (status == LAMINA_OK && !(stamp_of(path, &after) && same_stamp(stamp, &after))) {
    status = lm_fail(error, LAMINA_E_MISSING, "%s: changes while it is read", path);
  }
  if (status == LAMINA_OK) {
    status = write_copy(path, copy, &content, error);
  }
  lm_bytes_release(&content);
  lm_free(copy);
  return status;
}

void lm_watched_drop(const struct lm_watched_list *list, const char *path, uint32_t version)
{
  char *copy = lm_watched_copy_path(list, path, version);
  if (version != 0 && copy != NULL) {
    (void)unlink(copy);
  }
  lm_free(copy);
}

static bool read_version(const struct lm_watched_list *list, const char *path, uint32_t version,
                         struct lm_bytes *out)
{
  char *copy = lm_watched_copy_path(list, path, version);
  bool well =
      copy != NULL && lm_file_read(copy, LM_READ_PLAIN, PLUGIN_LIMIT, out, NULL) == LAMINA_OK;
  lm_free(copy);
  return well;
}

bool lm_watched_same(const struct lm_watched_list *list, const char *path, uint32_t a, uint32_t b)
{
  struct lm_bytes first = {0};
  struct lm_bytes second = {0};
  bool same = read_version(list, path, a, &first) && read_version(list, path, b, &second) &&
              first.size == second.size && memcmp(first.bytes, second.bytes, first.size) == 0;
  lm_bytes_release(&first);
  lm_bytes_release(&second);
  return same;
}

/* ---- looking ---- */

/* Whether the file is another one than was taken last, and no longer changes. */
static bool has_settled(struct lm_watched *watched)
{
  struct lm_stamp stamp;
  if (!stamp_of(watched->path, &stamp)) {
    watched->still = 0; /* a linker removes the old one first */
    watched->last = (struct lm_stamp){0};
    return false;
  }
  watched->still = same_stamp(&stamp, &watched->last) ? watched->still + 1 : 0;
  watched->last = stamp;
  return watched->still >= STILL && !same_stamp(&stamp, &watched->seen);
}

struct lm_watched *lm_watched_look(struct lm_watched_list *list, struct lm_error *error)
{
  struct lm_watched *found = NULL;
  for (size_t i = 0; i < list->count; i++) {
    struct lm_watched *watched = &list->items[i];
    struct lm_error local = {0};
    if (!has_settled(watched) || found != NULL) {
      continue; /* the others have their turn later */
    }
    if (lm_registry_examine_file(watched->path, &local) == LAMINA_OK ||
        watched->still >= STILL_WHEN_BAD) {
      found = watched;
      *error = local;
    }
  }
  return found;
}
