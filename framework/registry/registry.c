/*
 * A registry: its search path, and the plugins that were loaded through it. Each is loaded and
 * checked once and remembered; entries never move, so plugins can be handed out by address.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

#include "base/memory.h"
#include "io/files.h"
#include "registry/registry_internal.h"

void lm_registry_log(const struct lm_registry *registry, int32_t level, const char *format, ...)
{
  if (registry->log == NULL || (level == LAMINA_LOG_DEBUG && !registry->trace)) {
    return;
  }
  char sentence[1024];
  va_list args;
  va_start(args, format);
  (void)vsnprintf(sentence, sizeof sentence, format, args);
  va_end(args);
  registry->log(registry->log_arg, level, sentence);
}

/* A program that runs with more rights than its user does not listen to the user's variables. */
static const char *environment(const char *name)
{
  return getauxval(AT_SECURE) != 0 ? NULL : getenv(name);
}

/* Folders with ':' between them, those that are relative counted from here. */
static char *absolute_list(const char *list)
{
  struct lm_text out = {0};
  while (*list != '\0') {
    size_t length = strcspn(list, ":");
    char *folder = length == 0 ? NULL : lm_copy_bytes(list, length);
    char *path = folder == NULL ? NULL : lm_path_absolute(folder, NULL);
    bool failed = length > 0 && path == NULL;
    if (path != NULL) {
      lm_text_addf(&out, "%s%s", out.length == 0 ? "" : ":", path);
    }
    lm_free(folder);
    lm_free(path);
    if (failed) {
      lm_text_release(&out);
      return NULL;
    }
    list += length;
    list += *list == ':' ? 1 : 0;
  }
  lm_text_add(&out, "");
  return lm_text_take(&out);
}

static enum lamina_status add_list(struct lm_registry *registry, enum lm_origin origin,
                                   const char *list, bool from_here, struct lm_error *error)
{
  if (list == NULL || !from_here) {
    return list == NULL ? LAMINA_OK : lm_search_add_list(&registry->search, origin, list, error);
  }
  char *absolute = absolute_list(list);
  if (absolute == NULL) {
    return lm_fail_memory(error, 0);
  }
  enum lamina_status status = lm_search_add_list(&registry->search, origin, absolute, error);
  lm_free(absolute);
  return status;
}

static enum lamina_status fill(struct lm_registry *registry,
                               const struct lm_registry_options *options, struct lm_error *error)
{
  const char *debug = environment("LAMINA_DEBUG");
  registry->trace = debug != NULL && strstr(debug, "loader") != NULL;
  if (options != NULL) {
    registry->log = options->log;
    registry->log_arg = options->log_arg;
  }
  const char *given = options == NULL ? NULL : options->plugin_path;
  const char *path = environment("LAMINA_PLUGIN_PATH");
  bool from_here = options != NULL && options->from_here;
  LM_TRY(add_list(registry, LM_FROM_OPTION, given, from_here, error));
  LM_TRY(add_list(registry, LM_FROM_ENVIRONMENT, path, from_here, error));
  return lm_search_add_own(&registry->search, error);
}

enum lamina_status lm_registry_create(const struct lm_registry_options *options,
                                      struct lm_registry **out, struct lm_error *error)
{
  *out = NULL;
  struct lm_registry *registry = lm_alloc(1, sizeof *registry);
  if (registry == NULL) {
    return lm_fail_memory(error, sizeof *registry);
  }
  enum lamina_status status = lm_modules_begin(error);
  if (status != LAMINA_OK) {
    lm_free(registry);
    return status;
  }
  status = fill(registry, options, error);
  if (status != LAMINA_OK) {
    lm_registry_free(registry);
    return status;
  }
  *out = registry;
  return LAMINA_OK;
}

static void free_entry(struct lm_entry *entry)
{
  const char *previous = lm_guard_enter(entry->guard); /* destructors may run */
  lm_module_close(entry->module);
  lm_guard_leave(previous);
  lm_free(entry->plugin.rows);
  lm_free(entry->path);
  lm_free(entry->guard);
  lm_free(entry);
}

void lm_registry_free(struct lm_registry *registry)
{
  if (registry == NULL) {
    return;
  }
  struct lm_entry *entry = registry->entries;
  while (entry != NULL) {
    struct lm_entry *next = entry->next;
    free_entry(entry);
    entry = next;
  }
  lm_search_release(&registry->search);
  lm_free(registry);
  lm_modules_end();
}

enum lamina_status lm_registry_add_directory(struct lm_registry *registry, const char *directory,
                                             struct lm_error *error)
{
  return lm_search_add(&registry->search, LM_FROM_EXPERIMENT, directory, strlen(directory), error);
}

void lm_registry_redirect(struct lm_registry *registry, lm_redirect_fn redirect, void *arg)
{
  registry->redirect = redirect;
  registry->redirect_arg = arg;
}

/* file: what is loaded; the candidate's path, unless redirected. */
static enum lamina_status load_module(struct lm_entry *entry, const struct lm_candidate *candidate,
                                      const char *file, struct lm_error *error)
{
  char symbol[LM_FILE_NAME_MAX];
  const char *kind = lm_kind_name(candidate->kind);
  const struct lamina_plugin *descriptor;
  (void)snprintf(symbol, sizeof symbol, "%s_%s_LTX_lamina_plugin_v%d", kind, candidate->name,
                 LAMINA_ABI_MAJOR);
  entry->path = lm_copy_text(candidate->path);
  entry->guard = lm_format("%s '%s' (%s)", kind, candidate->name, candidate->path);
  if (entry->path == NULL || entry->guard == NULL) {
    return lm_fail_memory(error, 0);
  }
  if (lm_builtin_is(file)) {
    descriptor = lm_builtin_find(candidate->kind, candidate->name);
  } else {
    LM_TRY(lm_module_open(file, symbol, entry->guard, &entry->module, &descriptor, error));
  }
  entry->plugin.path = entry->path;
  return lm_descriptor_take(descriptor, candidate->kind, candidate->name, &entry->plugin, error);
}

static struct lm_entry *loaded(const struct lm_registry *registry, const char *path)
{
  struct lm_entry *entry = registry->entries;
  while (entry != NULL && strcmp(entry->path, path) != 0) {
    entry = entry->next;
  }
  return entry;
}

enum lamina_status lm_registry_load(struct lm_registry *registry,
                                    const struct lm_candidate *candidate, struct lm_entry **out,
                                    struct lm_error *error)
{
  struct lm_marker marker;
  *out = loaded(registry, candidate->path);
  if (*out != NULL) {
    return LAMINA_OK;
  }
  struct lm_candidate actual = *candidate;
  if (registry->redirect != NULL) {
    LM_TRY(registry->redirect(registry->redirect_arg, candidate->path, &actual.path, error));
  }
  LM_TRY(lm_builtin_is(actual.path) ? lm_builtin_examine(&actual, &marker, error)
                                    : lm_examine(&actual, &marker, error));
  lm_registry_log(registry, LAMINA_LOG_DEBUG, "loading %s (ABI %u.%u, %s)", actual.path,
                  marker.major, marker.needs_minor, marker.isa);
  struct lm_entry *entry = lm_alloc(1, sizeof *entry);
  if (entry == NULL) {
    return lm_fail_memory(error, sizeof *entry);
  }
  enum lamina_status status = load_module(entry, candidate, actual.path, error);
  if (status != LAMINA_OK) {
    free_entry(entry);
    if (error != NULL) {
      (void)lm_refuse(candidate, error);
    }
    return status;
  }
  entry->next = registry->entries;
  registry->entries = entry;
  *out = entry;
  return LAMINA_OK;
}
