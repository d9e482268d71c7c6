/*
 * The experiment beside a plugin: swish.yaml beside layer_swish.so, or beside the .libs folder
 * that it lies in. Its uses of the plugin are settings that the author means.
 */
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "conform/conform_internal.h"

enum { DEPTH = 32 };

/* Adds a line for each map that stands behind the plugin's name. */
static void collect(const struct lm_value *value, const char *name, struct lm_text *out, int depth)
{
  for (size_t i = 0; depth > 0 && value->kind == LM_VALUE_LIST && i < value->count; i++) {
    collect(value->items[i], name, out, depth - 1);
  }
  for (size_t i = 0; depth > 0 && value->kind == LM_VALUE_MAP && i < value->count; i++) {
    const struct lm_value *inner = value->pairs[i].value;
    if (strcmp(value->pairs[i].key, name) == 0 && inner->kind == LM_VALUE_MAP) {
      lm_value_write_flow(inner, out);
      lm_text_add(out, "\n");
    } else {
      collect(inner, name, out, depth - 1);
    }
  }
}

/* The path of the experiment; NULL when there is none. */
static char *find_example(const struct lm_plugin *plugin)
{
  static const char *const places[] = {"", "../"};
  const char *slash = strrchr(plugin->path, '/');
  int folder = slash == NULL ? 0 : (int)(slash + 1 - plugin->path);
  bool in_libs = folder >= 7 && strncmp(plugin->path + folder - 7, "/.libs/", 7) == 0;
  for (size_t i = 0; i < (in_libs ? 2u : 1u); i++) {
    char *path = lm_format("%.*s%s%s.yaml", folder, plugin->path, places[i], plugin->info.name);
    if (path != NULL && access(path, R_OK) == 0) {
      return path;
    }
    lm_free(path);
  }
  return NULL;
}

void lm_example_find(struct lm_trial *trial)
{
  trial->example = find_example(trial->plugin);
}

void lm_example_settings(struct lm_trial *trial, struct lm_text *out)
{
  struct lm_config *config = NULL;
  struct lm_error error = {0};
  lm_text_clear(out);
  if (trial->example == NULL ||
      lm_config_load(trial->example, NULL, 0, &config, &error) != LAMINA_OK) {
    return;
  }
  collect(lm_config_root(config), trial->plugin->info.name, out, DEPTH);
  lm_config_free(config);
}
