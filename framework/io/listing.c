/*
 * What lies in a folder, sorted, so that who reads it does not depend on the file system. Names
 * are collected one by one, then packed behind the entries into one block, which has one owner.
 */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/memory.h"
#include "io/files.h"

struct found {
  char *name;
  uint64_t size;
  bool is_folder;
};

struct names {
  struct found *items;
  size_t count, capacity, bytes; /* bytes: of all names with their ends */
};

static void release(struct names *names)
{
  for (size_t i = 0; i < names->count; i++) {
    lm_free(names->items[i].name);
  }
  lm_free(names->items);
}

static bool add(struct names *names, const char *name, const struct stat *stat)
{
  if (!lm_grow((void **)&names->items, &names->capacity, names->count + 1, sizeof *names->items)) {
    return false;
  }
  struct found *found = &names->items[names->count];
  found->is_folder = S_ISDIR(stat->st_mode);
  found->size = found->is_folder ? 0 : (uint64_t)stat->st_size;
  found->name = lm_copy_text(name);
  if (found->name == NULL) {
    return false;
  }
  names->count++;
  names->bytes += strlen(name) + 1;
  return true;
}

static enum lamina_status collect(const char *path, DIR *entries, struct names *names,
                                  struct lm_error *error)
{
  const struct dirent *entry;
  struct stat stat;
  while (errno = 0, (entry = readdir(entries)) != NULL) {
    bool is_wanted = entry->d_name[0] != '.' &&
                     fstatat(dirfd(entries), entry->d_name, &stat, 0) == 0 &&
                     (S_ISREG(stat.st_mode) || S_ISDIR(stat.st_mode));
    if (is_wanted && !add(names, entry->d_name, &stat)) {
      return lm_fail_memory(error, names->capacity * sizeof *names->items);
    }
  }
  return errno == 0 ? LAMINA_OK
                    : lm_fail(error, LAMINA_E_IO, "%s: the folder cannot be read: %s", path,
                              strerror(errno));
}

static int by_name(const void *left, const void *right)
{
  return strcmp(((const struct found *)left)->name, ((const struct found *)right)->name);
}

static enum lamina_status pack(const struct names *names, struct lamina_folder *out,
                               struct lm_error *error)
{
  size_t bytes = names->count * sizeof(struct lamina_entry) + names->bytes;
  char *block = names->count == 0 ? NULL : lm_alloc(bytes, 1);
  if (block == NULL && names->count > 0) {
    return lm_fail_memory(error, bytes);
  }
  struct lamina_entry *entries = (struct lamina_entry *)(void *)block;
  char *text = block + names->count * sizeof *entries;
  for (size_t i = 0; i < names->count; i++) {
    size_t length = strlen(names->items[i].name) + 1;
    entries[i] = (struct lamina_entry){text, names->items[i].size, names->items[i].is_folder, 0};
    memcpy(text, names->items[i].name, length);
    text += length;
  }
  *out = (struct lamina_folder){entries, names->count};
  return LAMINA_OK;
}

enum lamina_status lm_folder_list(const char *path, struct lamina_folder *out,
                                  struct lm_error *error)
{
  struct names names = {0};
  *out = (struct lamina_folder){0};
  DIR *entries = opendir(path);
  if (entries == NULL && errno == ENOENT) {
    return lm_fail(error, LAMINA_E_MISSING, "%s: there is no such folder", path);
  }
  if (entries == NULL && errno == ENOTDIR) {
    return lm_fail(error, LAMINA_E_INVALID, "%s: not a folder, expected one", path);
  }
  if (entries == NULL) {
    return lm_fail(error, LAMINA_E_IO, "%s: the folder cannot be opened: %s", path,
                   strerror(errno));
  }
  enum lamina_status status = collect(path, entries, &names, error);
  (void)closedir(entries);
  if (status == LAMINA_OK) {
    if (names.count > 1) {
      qsort(names.items, names.count, sizeof *names.items, by_name);
    }
    status = pack(&names, out, error);
  }
  release(&names);
  return status;
}
