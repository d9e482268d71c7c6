/*
 * The search path: an ordered list of absolute directories, each with where it came from.
 *
 * The folders beside the program make an uninstalled tree and a moved prefix work without a
 * path compiled in: <program>/plugins/.libs is the build tree's, and the configured directory
 * is also looked for from the program's folder, as ../lib/.../lamina/1. Where the runtime is a
 * shared library in somebody else's program, its own folder counts, and not that program's. The
 * linker's own variables and the current directory play no part.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <link.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "registry/registry_internal.h"

static const char *origin_text(enum lm_origin origin)
{
  switch (origin) {
    case LM_FROM_OPTION:
      return "--plugin-path";
    case LM_FROM_ENVIRONMENT:
      return "LAMINA_PLUGIN_PATH";
    case LM_FROM_EXPERIMENT:
      return "plugin_path";
    case LM_FROM_PROGRAM:
    case LM_FROM_BUILD:
      break;
  }
  return "the search path";
}

static bool has_directory(const struct lm_search *search, const char *path, size_t length)
{
  for (size_t i = 0; i < search->count; i++) {
    if (strlen(search->items[i].path) == length &&
        memcmp(search->items[i].path, path, length) == 0) {
      return true;
    }
  }
  return false;
}

static size_t without_slashes(const char *path, size_t length)
{
  while (length > 1 && path[length - 1] == '/') {
    length--;
  }
  return length;
}

enum lamina_status lm_search_add(struct lm_search *search, enum lm_origin origin, const char *path,
                                 size_t length, struct lm_error *error)
{
  length = without_slashes(path, length);
  if (length == 0 || path[0] != '/') {
    return lm_fail(error, LAMINA_E_USAGE,
                   "%s: the plugin directory '%.*s' is not absolute: begin it with '/'",
                   origin_text(origin), (int)(length > 200 ? 200 : length), path);
  }
  if (length >= PATH_MAX) {
    return lm_fail(error, LAMINA_E_USAGE, "%s: a plugin directory of %zu bytes is too long",
                   origin_text(origin), length);
  }
  if (has_directory(search, path, length)) {
    return LAMINA_OK;
  }
  char *copy = lm_copy_bytes(path, length);
  if (copy == NULL || !lm_grow((void **)&search->items, &search->capacity, search->count + 1,
                               sizeof *search->items)) {
    lm_free(copy);
    return lm_fail_memory(error, length);
  }
  size_t place = search->count;
  while (place > 0 && search->items[place - 1].origin > origin) {
    search->items[place] = search->items[place - 1];
    place--;
  }
  search->items[place] = (struct lm_directory){.path = copy, .origin = origin};
  search->count++;
  return LAMINA_OK;
}

enum lamina_status lm_search_add_list(struct lm_search *search, enum lm_origin origin,
                                      const char *list, struct lm_error *error)
{
  while (*list != '\0') {
    size_t length = strcspn(list, ":");
    if (length > 0) {
      LM_TRY(lm_search_add(search, origin, list, length, error));
    }
    list += length;
    list += *list == ':' ? 1 : 0;
  }
  return LAMINA_OK;
}

static bool is_directory(const char *path)
{
  struct stat status;
  return stat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

/* Adds folder + "/" + rest if there is such a directory. */
static enum lamina_status add_existing(struct lm_search *search, const char *folder,
                                       const char *rest, struct lm_error *error)
{
  char *path = lm_format("%s/%s", folder, rest);
  if (path == NULL) {
    return lm_fail_memory(error, 0);
  }
  enum lamina_status status = LAMINA_OK;
  if (is_directory(path)) {
    status = lm_search_add(search, LM_FROM_PROGRAM, path, strlen(path), error);
  }
  lm_free(path);
  return status;
}

/* Cuts the last part off a path and returns it; "" when there is none left. */
static const char *cut_last(char *path)
{
  char *slash = strrchr(path, '/');
  if (slash == NULL || slash == path) {
    return "";
  }
  *slash = '\0';
  return slash + 1;
}

/* "lib/x86_64-linux-gnu/lamina/1" of "/usr/lib/x86_64-linux-gnu/lamina/1"; NULL if unusual. */
static const char *below_prefix(const char *configured)
{
  const char *found = NULL;
  for (const char *at = strstr(configured, "/lib"); at != NULL; at = strstr(at + 1, "/lib")) {
    found = at + 1;
  }
  return found;
}

enum lamina_status lm_search_add_beside(struct lm_search *search, const char *program,
                                        const char *configured, struct lm_error *error)
{
  char *folder = lm_copy_text(program);
  if (folder == NULL) {
    return lm_fail_memory(error, strlen(program));
  }
  enum lamina_status status = LAMINA_OK;
  (void)cut_last(folder);
  LM_TRY_OR(out, status, add_existing(search, folder, "plugins/.libs", error));
  bool in_libs = strcmp(cut_last(folder), ".libs") == 0; /* libtool's own build tree */
  const char *rest = in_libs ? "plugins/.libs" : below_prefix(configured);
  if (rest != NULL) {
    status = add_existing(search, folder, rest, error);
  }
out:
  lm_free(folder);
  return status;
}

/* The part of the configured directory below the folder of libraries: "lamina/1". */
static const char *below_libraries(const char *configured)
{
  const char *last = strrchr(configured, '/');
  while (last != NULL && last > configured && *--last != '/') {
  }
  return last == NULL ? configured : last + 1;
}

enum lamina_status lm_search_add_around(struct lm_search *search, const char *library,
                                        const char *configured, struct lm_error *error)
{
  char *folder = lm_copy_text(library);
  if (folder == NULL) {
    return lm_fail_memory(error, strlen(library));
  }
  (void)cut_last(folder);
  enum lamina_status status = add_existing(search, folder, below_libraries(configured), error);
  if (status == LAMINA_OK && strcmp(cut_last(folder), ".libs") == 0) { /* libtool's own tree */
    status = add_existing(search, folder, "plugins/.libs", error);
  }
  lm_free(folder);
  return status;
}

static bool own_program(char path[PATH_MAX])
{
  ssize_t length = readlink("/proc/self/exe", path, PATH_MAX - 1);
  path[length > 0 ? length : 0] = '\0';
  return path[0] == '/';
}

/* The file of the shared library that this code is in; false when it is in the program itself. */
static bool own_library(char path[PATH_MAX])
{
  Dl_info info;
  struct link_map *map = NULL;
  bool found = dladdr1(LM_PLUGIN_DIR, &info, (void **)&map, RTLD_DL_LINKMAP) != 0;
  return found && map != NULL && map->l_name[0] != '\0' && realpath(map->l_name, path) != NULL;
}

enum lamina_status lm_search_add_own(struct lm_search *search, struct lm_error *error)
{
  char path[PATH_MAX];
  if (own_library(path)) {
    LM_TRY(lm_search_add_around(search, path, LM_PLUGIN_DIR, error));
  } else if (own_program(path)) {
    LM_TRY(lm_search_add_beside(search, path, LM_PLUGIN_DIR, error));
  }
  return lm_search_add(search, LM_FROM_BUILD, LM_PLUGIN_DIR, strlen(LM_PLUGIN_DIR), error);
}

void lm_search_release(struct lm_search *search)
{
  for (size_t i = 0; i < search->count; i++) {
    lm_free(search->items[i].path);
  }
  lm_free(search->items);
  *search = (struct lm_search){0};
}

/* The sentence why a folder that is there cannot be used, or NULL. */
static const char *judge(const char *path, const struct stat *status, struct lm_error *error)
{
  if (!S_ISDIR(status->st_mode)) {
    (void)lm_fail(error, LAMINA_E_INVALID, "%s is not a directory", path);
    return error->text;
  }
  if (faccessat(AT_FDCWD, path, R_OK | X_OK, AT_EACCESS) != 0) {
    (void)lm_fail(error, LAMINA_E_IO, "the directory %s cannot be read: %s", path, strerror(errno));
    return error->text;
  }
  return lm_policy_check(status, "directory", path, error) == LAMINA_OK ? NULL : error->text;
}

/* Takes path over. refusal, if any, is copied. */
static enum lamina_status add_folder(struct lm_folders *folders, char *path, bool absent,
                                     const char *refusal, struct lm_error *error)
{
  char *copy = refusal == NULL ? NULL : lm_copy_text(refusal);
  if (path == NULL || (refusal != NULL && copy == NULL) ||
      !lm_grow((void **)&folders->items, &folders->capacity, folders->count + 1,
               sizeof *folders->items)) {
    lm_free(path);
    lm_free(copy);
    return lm_fail_memory(error, 0);
  }
  folders->items[folders->count++] =
      (struct lm_folder){.path = path, .absent = absent, .refusal = copy};
  return LAMINA_OK;
}

/* A directory as it is; `above` is the refusal of the directory it lies in, which is its own. */
static enum lamina_status look_at(struct lm_folders *folders, char *path, bool optional,
                                  const char *above, struct lm_error *error)
{
  struct stat status;
  struct lm_error refusal = {0};
  if (path == NULL) {
    return lm_fail_memory(error, 0);
  }
  if (stat(path, &status) == 0) {
    const char *own = above != NULL ? above : judge(path, &status, &refusal);
    return add_folder(folders, path, false, own, error);
  }
  if (errno == ENOENT || errno == ENOTDIR) {
    if (optional) {
      lm_free(path);
      return LAMINA_OK;
    }
    return add_folder(folders, path, true, NULL, error);
  }
  (void)lm_fail(&refusal, LAMINA_E_IO, "%s cannot be read: %s", path, strerror(errno));
  return add_folder(folders, path, false, refusal.text, error);
}

enum lamina_status lm_folders_make(const struct lm_search *search, struct lm_folders *out,
                                   struct lm_error *error)
{
  for (size_t i = 0; i < search->count; i++) {
    const char *path = search->items[i].path;
    LM_TRY(look_at(out, lm_copy_text(path), false, NULL, error));
    const char *above = out->items[out->count - 1].refusal;
    LM_TRY(look_at(out, lm_format("%s/.libs", path), true, above, error));
  }
  return LAMINA_OK;
}

void lm_folders_release(struct lm_folders *folders)
{
  for (size_t i = 0; i < folders->count; i++) {
    lm_free(folders->items[i].path);
    lm_free(folders->items[i].refusal);
  }
  lm_free(folders->items);
  *folders = (struct lm_folders){0};
}
