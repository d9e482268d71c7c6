/*
 * Finding: the first file of the right name in a trusted folder is the plugin, even when it is
 * then refused, so that what runs never depends on what is broken. Files of that name in
 * folders that are not trusted are passed over, and told.
 *
 * When there is none, the sentence says all that was tried.
 */
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "registry/registry_internal.h"

/* What the folders hold under the name asked for. */
struct match {
  char *path;  /* the first, owned; NULL if there is none */
  char *later; /* another file of that name, owned */
  struct stat status;
};

static void match_release(struct match *match)
{
  lm_free(match->path);
  lm_free(match->later);
}

/* Takes path over. */
static void keep(struct match *match, char *path, const struct stat *status)
{
  bool same = match->path != NULL && match->status.st_ino == status->st_ino &&
              match->status.st_dev == status->st_dev;
  if (match->path == NULL) {
    match->path = path;
    match->status = *status;
  } else if (match->later == NULL && !same) {
    match->later = path;
  } else {
    lm_free(path);
  }
}

static enum lamina_status look(struct lm_registry *registry, const struct lm_folders *folders,
                               const char *file, struct match *match, struct lm_error *error)
{
  for (size_t i = 0; i < folders->count; i++) {
    const struct lm_folder *folder = &folders->items[i];
    struct stat status;
    if (folder->absent) {
      continue;
    }
    char *path = lm_format("%s/%s", folder->path, file);
    if (path == NULL) {
      return lm_fail_memory(error, 0);
    }
    bool exists = lstat(path, &status) == 0;
    lm_registry_log(registry, LAMINA_LOG_DEBUG, "%s: %s", path, exists ? "found" : "not there");
    if (exists && folder->refusal == NULL) {
      (void)stat(path, &status);
      keep(match, path, &status);
      continue;
    }
    if (exists) {
      lm_registry_log(registry, LAMINA_LOG_WARNING, "%s is passed over: %s", path, folder->refusal);
    }
    lm_free(path);
  }
  return LAMINA_OK;
}

static void add_tried(const struct lm_folders *folders, struct lm_error *error)
{
  const char *between = "; looked in ";
  for (size_t i = 0; i < folders->count; i++) {
    const struct lm_folder *folder = &folders->items[i];
    lm_error_suffix(error, "%s%s%s", between, folder->path,
                    folder->absent            ? " (no such directory)"
                    : folder->refusal != NULL ? " (refused)"
                                              : "");
    between = ", ";
  }
}

static void add_refused(const struct lm_found_list *list, uint32_t kind, const char *name,
                        struct lm_error *error)
{
  for (size_t i = 0; i < list->count; i++) {
    const struct lm_found *found = &list->items[i];
    if (found->kind == kind && !found->bad_name && found->folder_refusal != NULL &&
        strcmp(found->stem, name) == 0) {
      lm_error_suffix(error, "; refused %s: %s", found->path, found->folder_refusal);
    }
  }
}

/* Folders with a refusal that matters although no file of that name was seen in them. */
static void add_unread(const struct lm_folders *folders, struct lm_error *error)
{
  for (size_t i = 0; i < folders->count; i++) {
    const char *refusal = folders->items[i].refusal;
    if (refusal != NULL && strstr(error->text, refusal) == NULL) {
      lm_error_suffix(error, "; %s", refusal);
    }
  }
}

/* Another kind that has the name. */
static void add_other_kind(const struct lm_found_list *list, uint32_t kind, const char *name,
                           struct lm_error *error)
{
  for (size_t i = 0; i < list->count; i++) {
    const struct lm_found *found = &list->items[i];
    if (!found->bad_name && found->folder_refusal == NULL && found->kind != kind &&
        strcmp(found->stem, name) == 0) {
      lm_error_suffix(error, "; there is a %s of that name", lm_kind_name(found->kind));
      return;
    }
  }
}

/* The nearest name among the plugins of the kind. */
static void add_near(struct lm_found_list *list, uint32_t kind, const char *name,
                     struct lm_error *error)
{
  size_t count = 0;
  for (size_t i = 0; i < list->count; i++) {
    struct lm_found *found = &list->items[i];
    if (!found->bad_name && found->folder_refusal == NULL && found->kind == kind) {
      list->items[count].name = found->stem;
      count++;
    }
  }
  const char *near = lm_spelling_nearest(name, list->items, count, sizeof *list->items);
  if (near != NULL) {
    lm_error_suffix(error, "; did you mean '%s'?", near);
  }
}

static enum lamina_status fail_missing(const struct lm_folders *folders, uint32_t kind,
                                       const char *name, struct lm_error *error)
{
  struct lm_found_list list = {0};
  struct lm_error whole = {0};
  enum lamina_status status = lm_found_make(folders, LAMINA_KIND_NONE, &list, error);
  if (status == LAMINA_OK) {
    status = lm_fail(&whole, LAMINA_E_MISSING, "there is no %s '%s'", lm_kind_name(kind), name);
    add_other_kind(&list, kind, name, &whole);
    add_refused(&list, kind, name, &whole);
    add_tried(folders, &whole);
    add_unread(folders, &whole);
    add_near(&list, kind, name, &whole); /* the last: it overwrites names in the list */
    if (error != NULL) {
      *error = whole;
    }
  }
  lm_found_release(&list);
  return status;
}

static enum lamina_status search(struct lm_registry *registry, uint32_t kind, const char *name,
                                 struct lm_entry **out, struct lm_error *error)
{
  struct lm_folders folders = {0};
  struct match match = {0};
  struct lm_candidate candidate = {.kind = kind, .name = name};
  enum lamina_status status = LAMINA_OK;
  char *file = lm_format("%s_%s.so", lm_kind_name(kind), name);
  if (file == NULL) {
    return lm_fail_memory(error, 0);
  }
  LM_TRY_OR(out, status, lm_folders_make(&registry->search, &folders, error));
  LM_TRY_OR(out, status, look(registry, &folders, file, &match, error));
  if (match.path == NULL && lm_builtin_find(kind, name) != NULL &&
      (match.path = lm_builtin_path(file)) == NULL) {
    status = lm_fail_memory(error, 0);
    goto out;
  }
  if (match.path == NULL) {
    status = fail_missing(&folders, kind, name, error);
    goto out;
  }
  candidate.path = match.path;
  LM_TRY_OR(out, status, lm_registry_load(registry, &candidate, out, error));
  if (match.later != NULL) {
    lm_registry_log(registry, LAMINA_LOG_WARNING,
                    "%s '%s' is %s; %s comes later on the search path and is not used",
                    lm_kind_name(kind), name, match.path, match.later);
  }
out:
  lm_free(file);
  match_release(&match);
  lm_folders_release(&folders);
  return status;
}

enum lamina_status lm_registry_find(struct lm_registry *registry, uint32_t kind, const char *name,
                                    const struct lm_plugin **out, struct lm_error *error)
{
  *out = NULL;
  LM_TRY(lm_name_check(kind, name, error));
  struct lm_entry *entry = registry->entries;
  while (entry != NULL && !(entry->searched && entry->plugin.info.kind == kind &&
                            strcmp(entry->plugin.info.name, name) == 0)) {
    entry = entry->next;
  }
  if (entry == NULL) {
    LM_TRY(search(registry, kind, name, &entry, error));
    entry->searched = true;
  }
  *out = &entry->plugin;
  return LAMINA_OK;
}

/* Kind and name by the file's name. */
static enum lamina_status split_path(const char *path, uint32_t *kind, char name[LM_NAME_MAX + 1],
                                     struct lm_error *error)
{
  const char *slash = strrchr(path, '/');
  const char *file = slash == NULL ? path : slash + 1;
  if (lm_file_split(file, kind, name) != LM_FILE_PLUGIN) {
    return lm_fail(error, LAMINA_E_INVALID,
                   "refused %s: a plugin's file is named <kind>_<name>.so, the kind as "
                   "'lamina list' has it",
                   path);
  }
  return LAMINA_OK;
}

enum lamina_status lm_registry_examine_file(const char *path, struct lm_error *error)
{
  char name[LM_NAME_MAX + 1];
  struct lm_candidate candidate = {.name = name, .path = path, .alone = true};
  struct lm_marker marker;
  LM_TRY(split_path(path, &candidate.kind, name, error));
  return lm_examine(&candidate, &marker, error);
}

enum lamina_status lm_registry_open_file(struct lm_registry *registry, const char *path,
                                         const struct lm_plugin **out, struct lm_error *error)
{
  char folder[PATH_MAX] = "";
  char name[LM_NAME_MAX + 1];
  struct lm_candidate candidate = {.name = name};
  *out = NULL;
  LM_TRY(split_path(path, &candidate.kind, name, error));
  bool is_whole = path[0] == '/' || lm_builtin_is(path);
  if (!is_whole && getcwd(folder, sizeof folder) == NULL) {
    return lm_fail(error, LAMINA_E_IO, "the current directory cannot be read: %s", strerror(errno));
  }
  char *absolute = lm_format("%s%s%s", folder, is_whole ? "" : "/", path);
  if (absolute == NULL) {
    return lm_fail_memory(error, 0);
  }
  struct lm_entry *entry = NULL;
  candidate.path = absolute;
  enum lamina_status status = lm_registry_load(registry, &candidate, &entry, error);
  if (status == LAMINA_OK) {
    *out = &entry->plugin;
  }
  lm_free(absolute);
  return status;
}

void lm_registry_prefer(struct lm_registry *registry, const struct lm_plugin *plugin)
{
  for (struct lm_entry *entry = registry->entries; entry != NULL; entry = entry->next) {
    if (entry->plugin.info.kind == plugin->info.kind &&
        strcmp(entry->plugin.info.name, plugin->info.name) == 0) {
      entry->searched = &entry->plugin == plugin;
    }
  }
}
