/*
 * Helpers that need no Criterion, so that plain programs can use them: what cannot happen ends
 * the test with abort(), which Criterion and the harness report.
 */
#include "place.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void need(int condition, const char *what)
{
  if (!condition) {
    perror(what);
    abort();
  }
}

struct place place_make(void)
{
  struct place place = {.path = "/tmp/lamina-registry-XXXXXX"};
  need(mkdtemp(place.path) != NULL, place.path);
  return place;
}

static void remove_below(const char *path, int depth)
{
  DIR *directory = opendir(path);
  if (directory == NULL) {
    return;
  }
  for (const struct dirent *item = readdir(directory); item != NULL; item = readdir(directory)) {
    char child[512];
    if (strcmp(item->d_name, ".") == 0 || strcmp(item->d_name, "..") == 0) {
      continue;
    }
    (void)snprintf(child, sizeof child, "%s/%s", path, item->d_name);
    if (unlink(child) != 0 && depth > 0) {
      remove_below(child, depth - 1);
    }
  }
  (void)closedir(directory);
  (void)rmdir(path);
}

void place_remove(const struct place *place)
{
  remove_below(place->path, 4);
}

static const char *joined(const char *folder, const char *file)
{
  static _Thread_local char paths[4][512];
  static _Thread_local unsigned next;
  char *path = paths[next++ % 4];
  (void)snprintf(path, sizeof paths[0], "%s/%s", folder, file);
  return path;
}

const char *place_file(const struct place *place, const char *file)
{
  return joined(place->path, file);
}

const char *fixture(const char *file)
{
  const char *folder = getenv("LAMINA_TEST_FIXTURES");
  need(folder != NULL, "LAMINA_TEST_FIXTURES");
  return joined(folder, file);
}

char *read_file(const char *path, size_t *size)
{
  FILE *file = fopen(path, "rb");
  need(file != NULL && fseek(file, 0, SEEK_END) == 0, path);
  *size = (size_t)ftell(file);
  rewind(file);
  char *bytes = malloc(*size + 1);
  need(bytes != NULL && fread(bytes, 1, *size, file) == *size, path);
  (void)fclose(file);
  return bytes;
}

void write_file(const char *path, const void *bytes, size_t size)
{
  (void)unlink(path); /* a file that is loaded must not change */
  FILE *file = fopen(path, "wb");
  need(file != NULL && fwrite(bytes, 1, size, file) == size && fclose(file) == 0, path);
}

void place_copy(const struct place *place, const char *from, const char *file)
{
  size_t size;
  char *bytes = read_file(fixture(from), &size);
  write_file(place_file(place, file), bytes, size);
  free(bytes);
}

void place_patch(const struct place *place, const char *from, const char *file, const char *old,
                 const char *new, size_t length)
{
  size_t size;
  int hits = 0;
  char *bytes = read_file(fixture(from), &size);
  for (size_t i = 0; i + length <= size; i++) {
    if (memcmp(bytes + i, old, length) == 0) {
      memcpy(bytes + i, new, length);
      hits++;
    }
  }
  need(hits > 0, "bytes to replace");
  write_file(place_file(place, file), bytes, size);
  free(bytes);
}

static void hear(void *arg, int32_t level, const char *sentence)
{
  struct heard *heard = arg;
  if (level == LAMINA_LOG_WARNING) {
    heard->warnings++;
    (void)snprintf(heard->warning, sizeof heard->warning, "%s", sentence);
  } else {
    heard->traces++;
  }
}

struct lm_registry *registry_on(const char *path, struct heard *heard)
{
  struct lm_registry *registry;
  struct lm_error error = {0};
  struct lm_registry_options options = {
      .plugin_path = path, .log = heard == NULL ? NULL : hear, .log_arg = heard};
  if (lm_registry_create(&options, &registry, &error) != LAMINA_OK) {
    (void)fprintf(stderr, "%s\n", error.text);
    abort();
  }
  return registry;
}

const struct lm_plugin *open_fixture(struct lm_registry *registry, const char *name,
                                     struct lm_error *error)
{
  const struct lm_plugin *plugin;
  char file[128];
  *error = (struct lm_error){0};
  (void)snprintf(file, sizeof file, "%s.so", name);
  error->status = lm_registry_open_file(registry, fixture(file), &plugin, error);
  return plugin;
}
