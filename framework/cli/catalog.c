/*
 * The catalog: the listing decides who is asked for, a child process whether loading is safe, and
 * the check of the settings' table whether what it says can be passed on.
 */
#include "cli/catalog.h"

#include <string.h>

#include "base/memory.h"
#include "cli/plugins_internal.h"
#include "settings/settings.h"

/* The files to load, copied while they are listed. */
struct files {
  const struct lm_catalog_options *options;
  struct lm_catalog *catalog;
  char **paths;
  size_t count, capacity;
  bool failed;
};

static void leave_out(const struct lm_catalog_options *options, struct lm_catalog *out,
                      const char *sentence)
{
  struct lm_text text = {0};
  out->left_out++;
  lm_text_add(&text, "left out: ");
  lm_cli_add_plain(&text, sentence);
  options->log(options->log_arg, LAMINA_LOG_WARNING, lm_text_get(&text));
  lm_text_release(&text);
}

static bool lies_in(const char *path, const char *folder)
{
  size_t length = strlen(folder);
  return strncmp(path, folder, length) == 0 && path[length] == '/' &&
         strchr(path + length + 1, '/') == NULL;
}

static void collect(void *arg, const struct lm_listing *listing)
{
  struct files *files = arg;
  const char *folder = files->options->folder;
  if ((folder != NULL && !lies_in(listing->path, folder)) ||
      (listing->shadowed && listing->refusal == NULL)) {
    return;
  }
  if (listing->refusal != NULL) {
    leave_out(files->options, files->catalog, listing->refusal);
    return;
  }
  char *path = lm_copy_text(listing->path);
  if (path == NULL ||
      !lm_grow((void **)&files->paths, &files->capacity, files->count + 1, sizeof *files->paths)) {
    lm_free(path);
    files->failed = true;
    return;
  }
  files->paths[files->count++] = path;
}

static enum lamina_status check(const struct lm_plugin *plugin, struct lm_error *error)
{
  char owner[256];
  (void)lm_plugin_describe(plugin, owner, sizeof owner);
  const struct lm_settings table = lm_cli_settings_of(plugin, owner);
  return lm_settings_check(&table, plugin->info.instance_bytes, error);
}

/* Loads one file; a plugin that cannot be used is no failure. */
static enum lamina_status add_file(const struct lm_catalog_options *options, const char *path,
                                   struct lm_catalog *out, struct lm_error *error)
{
  const struct lm_plugin *plugin;
  struct lm_text line = {0};
  struct lm_error refusal = {0};
  bool loads = false;
  enum lamina_status status =
      lm_cli_try_plugin(options->registry, path, options->limit_ms, &line, &loads, error);
  if (status == LAMINA_OK && !loads) {
    leave_out(options, out, lm_text_get(&line));
  }
  lm_text_release(&line);
  if (status != LAMINA_OK || !loads) {
    return status;
  }
  status = lm_registry_open_file(options->registry, path, &plugin, &refusal);
  if (status == LAMINA_OK) {
    status = check(plugin, &refusal);
  }
  if (status != LAMINA_OK) {
    leave_out(options, out, refusal.text);
    return LAMINA_OK;
  }
  if (!lm_grow((void **)&out->items, &out->capacity, out->count + 1, sizeof *out->items)) {
    return lm_fail_memory(error, 0);
  }
  out->items[out->count++] = plugin;
  return LAMINA_OK;
}

enum lamina_status lm_catalog_make(const struct lm_catalog_options *options, struct lm_catalog *out,
                                   struct lm_error *error)
{
  struct files files = {.options = options, .catalog = out};
  *out = (struct lm_catalog){0};
  enum lamina_status status =
      lm_registry_list(options->registry, LAMINA_KIND_NONE, collect, &files, error);
  if (status == LAMINA_OK && files.failed) {
    status = lm_fail_memory(error, 0);
  }
  for (size_t i = 0; i < files.count; i++) {
    if (status == LAMINA_OK) {
      status = add_file(options, files.paths[i], out, error);
    }
    lm_free(files.paths[i]);
  }
  lm_free(files.paths);
  if (status != LAMINA_OK) {
    lm_free(out->items);
    *out = (struct lm_catalog){0};
  }
  return status;
}
