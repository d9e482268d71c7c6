/*
 * A folder of a test's own, and whole files in it by the shortest means: what the tests of
 * reading and writing compare the runtime with. Each test makes one and removes it.
 */
#ifndef TESTS_FRAMEWORK_IO_SCRATCH_H
#define TESTS_FRAMEWORK_IO_SCRATCH_H

#include <criterion/criterion.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SCRATCH_PATH = 512 };

struct scratch {
  char folder[64];
  char path[4][SCRATCH_PATH]; /* of the last four names asked for */
  unsigned int next;
};

static inline void scratch_make(struct scratch *scratch)
{
  *scratch = (struct scratch){.folder = "/tmp/lamina-test-XXXXXX"};
  cr_assert(mkdtemp(scratch->folder) != NULL);
}

/* The path of a name in the folder; good for four further calls. */
static inline const char *scratch_path(struct scratch *scratch, const char *name)
{
  char *path = scratch->path[scratch->next++ % 4];
  size_t length = strlen(scratch->folder);
  cr_assert(length + strlen(name) + 2 <= SCRATCH_PATH);
  memcpy(path, scratch->folder, length);
  path[length] = '/';
  memcpy(path + length + 1, name, strlen(name) + 1);
  return path;
}

static inline const char *scratch_write(struct scratch *scratch, const char *name,
                                        const void *bytes, size_t size)
{
  const char *path = scratch_path(scratch, name);
  (void)unlink(path); /* it may be a link to another file here */
  FILE *file = fopen(path, "wb");
  cr_assert(file != NULL);
  cr_assert(size == 0 || fwrite(bytes, 1, size, file) == size);
  cr_assert(fclose(file) == 0);
  return path;
}

/* Whether a file holds exactly these bytes. */
static inline bool scratch_holds(const char *path, const void *bytes, size_t size)
{
  FILE *file = fopen(path, "rb");
  if (file == NULL) {
    return false;
  }
  char *found = malloc(size + 1);
  bool same =
      found != NULL && fread(found, 1, size + 1, file) == size && memcmp(found, bytes, size) == 0;
  free(found);
  (void)fclose(file);
  return same;
}

/* Entries of the folder whose name ends so; "" counts all. */
static inline int scratch_count(const struct scratch *scratch, const char *ending)
{
  DIR *entries = opendir(scratch->folder);
  cr_assert(entries != NULL);
  int count = 0;
  const struct dirent *entry;
  while ((entry = readdir(entries)) != NULL) {
    size_t length = strlen(entry->d_name);
    size_t tail = strlen(ending);
    bool dots = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;
    count += !dots && length >= tail && strcmp(entry->d_name + length - tail, ending) == 0;
  }
  (void)closedir(entries);
  return count;
}

/* Removes the folder with the files and empty folders in it. */
static inline void scratch_remove(struct scratch *scratch)
{
  DIR *entries = opendir(scratch->folder);
  cr_assert(entries != NULL);
  const struct dirent *entry;
  while ((entry = readdir(entries)) != NULL) {
    const char *path = scratch_path(scratch, entry->d_name);
    if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
      cr_assert(remove(path) == 0, "%s stays", path);
    }
  }
  (void)closedir(entries);
  cr_assert(rmdir(scratch->folder) == 0);
}

#endif
