/*
 * What there is: the folders of the search path are read, files that are named like plugins are
 * collected, and each is examined without being loaded.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "registry/registry_internal.h"

static enum lamina_status add_found(struct lm_found_list *list, const struct lm_found *found,
                                    const char *folder, const char *file, struct lm_error *error)
{
  char *path = lm_format("%s/%s", folder, file);
  if (path == NULL ||
      !lm_grow((void **)&list->items, &list->capacity, list->count + 1, sizeof *list->items)) {
    lm_free(path);
    return lm_fail_memory(error, 0);
  }
  list->items[list->count] = *found;
  list->items[list->count++].path = path;
  return LAMINA_OK;
}

/* A folder that cannot be read holds nothing; that it cannot is known from its refusal. */
static enum lamina_status read_folder(const struct lm_folder *folder, size_t order, uint32_t kind,
                                      struct lm_found_list *list, struct lm_error *error)
{
  DIR *directory = opendir(folder->path);
  enum lamina_status status = LAMINA_OK;
  if (directory == NULL) {
    return LAMINA_OK;
  }
  const struct dirent *item = readdir(directory);
  for (; item != NULL && status == LAMINA_OK; item = readdir(directory)) {
    struct lm_found found = {.order = order, .folder_refusal = folder->refusal};
    enum lm_file_name what = lm_file_split(item->d_name, &found.kind, found.stem);
    found.bad_name = what == LM_FILE_BAD_NAME;
    if (what != LM_FILE_OTHER && (kind == LAMINA_KIND_NONE || kind == found.kind)) {
      status = add_found(list, &found, folder->path, item->d_name, error);
    }
  }
  (void)closedir(directory);
  return status;
}

/* Where built-in plugins go. */
struct collection {
  struct lm_found_list *list;
  uint32_t kind;
  size_t order;
  struct lm_error *error;
};

static enum lamina_status add_builtin(void *arg, const char *file)
{
  const struct collection *collection = arg;
  struct lm_found found = {.order = collection->order};
  enum lm_file_name what = lm_file_split(file, &found.kind, found.stem);
  if (what != LM_FILE_PLUGIN ||
      (collection->kind != LAMINA_KIND_NONE && collection->kind != found.kind)) {
    return LAMINA_OK;
  }
  return add_found(collection->list, &found, "built-in:", file, collection->error);
}

static int compare_found(const void *left, const void *right)
{
  const struct lm_found *a = left;
  const struct lm_found *b = right;
  int kinds = strcmp(lm_kind_name(a->kind), lm_kind_name(b->kind));
  if (kinds != 0) {
    return kinds;
  }
  int names = strcmp(a->stem, b->stem);
  if (names != 0) {
    return names;
  }
  return a->order < b->order ? -1 : a->order > b->order;
}

enum lamina_status lm_found_make(const struct lm_folders *folders, uint32_t kind,
                                 struct lm_found_list *out, struct lm_error *error)
{
  for (size_t i = 0; i < folders->count; i++) {
    LM_TRY(read_folder(&folders->items[i], i, kind, out, error));
  }
  struct collection builtins = {out, kind, folders->count, error};
  LM_TRY(lm_builtin_visit(add_builtin, &builtins));
  if (out->count > 0) {
    qsort(out->items, out->count, sizeof *out->items, compare_found);
  }
  for (size_t i = 0; i < out->count; i++) {
    out->items[i].name = out->items[i].stem; /* only now: items have moved */
  }
  return LAMINA_OK;
}

void lm_found_release(struct lm_found_list *list)
{
  for (size_t i = 0; i < list->count; i++) {
    lm_free(list->items[i].path);
  }
  lm_free(list->items);
  *list = (struct lm_found_list){0};
}

/* Fills refusal and what the marker says. */
static void examine_found(const struct lm_found *found, struct lm_marker *marker,
                          struct lm_error *refusal)
{
  struct lm_candidate candidate = {.kind = found->kind, .name = found->stem, .path = found->path};
  if (found->folder_refusal != NULL) {
    (void)lm_fail(refusal, LAMINA_E_INVALID, "%s", found->folder_refusal);
    (void)lm_refuse(&candidate, refusal);
  } else if (found->bad_name) {
    (void)lm_fail(refusal, LAMINA_E_INVALID,
                  "refused %s: the file's name is not %s_<name>.so with a name of small letters, "
                  "digits and '_'",
                  found->path, lm_kind_name(found->kind));
  } else if (lm_builtin_is(found->path)) {
    refusal->status = lm_builtin_examine(&candidate, marker, refusal);
  } else {
    refusal->status = lm_examine(&candidate, marker, refusal);
  }
}

/* Whether an earlier file of the same kind and name can be the match. */
static bool is_shadowed(const struct lm_found_list *list, size_t i)
{
  const struct lm_found *found = &list->items[i];
  if (found->folder_refusal != NULL || found->bad_name) {
    return false;
  }
  while (i-- > 0) {
    const struct lm_found *other = &list->items[i];
    if (other->kind != found->kind || strcmp(other->stem, found->stem) != 0) {
      return false;
    }
    if (other->folder_refusal == NULL && !other->bad_name) {
      return true;
    }
  }
  return false;
}

static void visit_found(const struct lm_found_list *list, size_t i,
                        void (*visit)(void *arg, const struct lm_listing *listing), void *arg)
{
  const struct lm_found *found = &list->items[i];
  struct lm_marker marker = {0};
  struct lm_error refusal = {0};
  examine_found(found, &marker, &refusal);
  struct lm_listing listing = {
      .major = marker.major,
      .needs_minor = marker.needs_minor,
      .path = found->path,
      .refusal = refusal.status == LAMINA_OK ? NULL : refusal.text,
      .shadowed = is_shadowed(list, i),
  };
  (void)snprintf(listing.kind, sizeof listing.kind, "%s", lm_kind_name(found->kind));
  (void)snprintf(listing.name, sizeof listing.name, "%s", found->stem);
  (void)snprintf(listing.version, sizeof listing.version, "%s", marker.version);
  (void)snprintf(listing.isa, sizeof listing.isa, "%s", marker.isa);
  visit(arg, &listing);
}

enum lamina_status lm_registry_list(struct lm_registry *registry, uint32_t kind,
                                    void (*visit)(void *arg, const struct lm_listing *listing),
                                    void *arg, struct lm_error *error)
{
  struct lm_folders folders = {0};
  struct lm_found_list list = {0};
  enum lamina_status status;
  LM_TRY_OR(out, status, lm_folders_make(&registry->search, &folders, error));
  LM_TRY_OR(out, status, lm_found_make(&folders, kind, &list, error));
  for (size_t i = 0; i < list.count; i++) {
    visit_found(&list, i, visit, arg);
  }
out:
  lm_found_release(&list);
  lm_folders_release(&folders);
  return status;
}
