/*
 * Names: kinds as words, the rule for plugins' names, and <kind>_<name>.so taken apart.
 *
 * The rule is what keeps a name from being a path: no slash, no dot, no capital, so that one
 * name is one file in one of our own directories on any file system.
 */
#include <stdio.h>
#include <string.h>

#include "registry/registry_internal.h"

static const char *const kind_names[LM_KINDS] = {
    NULL,       "layer",  "loss",    "optimizer", "regularizer", "initializer",
    "schedule", "metric", "dataset", "transform", "service"};

const char *lm_kind_name(uint32_t kind)
{
  return kind < LM_KINDS ? kind_names[kind] : NULL;
}

uint32_t lm_kind_parse(const char *word)
{
  for (uint32_t kind = 1; kind < LM_KINDS; kind++) {
    if (strcmp(word, kind_names[kind]) == 0) {
      return kind;
    }
  }
  return LAMINA_KIND_NONE;
}

bool lm_name_ok(const char *name)
{
  size_t length = strlen(name);
  return length >= 1 && length <= LM_NAME_MAX && name[0] >= 'a' && name[0] <= 'z' &&
         strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_") == length;
}

const char *lm_show(const char *text, char out[LM_SHOWN_MAX])
{
  size_t n = 0;
  for (; text[n] != '\0' && n < 60; n++) {
    out[n] = text[n] >= ' ' && text[n] <= '~' ? text[n] : '?';
  }
  (void)snprintf(out + n, LM_SHOWN_MAX - n, "%s", text[n] == '\0' ? "" : "...");
  return out;
}

enum lamina_status lm_name_check(uint32_t kind, const char *name, struct lm_error *error)
{
  if (lm_kind_name(kind) == NULL) {
    return lm_fail(error, LAMINA_E_INVALID, "%u is not the number of a kind of plugin", kind);
  }
  if (name == NULL || !lm_name_ok(name)) {
    char shown[LM_SHOWN_MAX];
    return lm_fail(error, LAMINA_E_INVALID,
                   "'%s' cannot be the name of a %s plugin: names begin with a small letter, "
                   "have only small letters, digits and '_', and at most %d of them",
                   lm_show(name == NULL ? "" : name, shown), lm_kind_name(kind), LM_NAME_MAX);
  }
  return LAMINA_OK;
}

enum lm_file_name lm_file_split(const char *file, uint32_t *kind, char name[LM_NAME_MAX + 1])
{
  size_t length = strlen(file);
  if (length < 3 || strcmp(file + length - 3, ".so") != 0) {
    return LM_FILE_OTHER;
  }
  for (uint32_t k = 1; k < LM_KINDS; k++) {
    size_t prefix = strlen(kind_names[k]);
    if (strncmp(file, kind_names[k], prefix) != 0 || file[prefix] != '_') {
      continue;
    }
    size_t rest = length - prefix - 1 - 3;
    *kind = k;
    (void)snprintf(name, LM_NAME_MAX + 1, "%.*s", (int)(rest > LM_NAME_MAX ? LM_NAME_MAX : rest),
                   file + prefix + 1);
    return rest <= LM_NAME_MAX && lm_name_ok(name) ? LM_FILE_PLUGIN : LM_FILE_BAD_NAME;
  }
  return LM_FILE_OTHER;
}

void lm_plugin_describe(const struct lm_plugin *plugin, char *out, size_t size)
{
  (void)snprintf(out, size, "%s '%s' %s (%s)", lm_kind_name(plugin->info.kind), plugin->info.name,
                 plugin->info.version, plugin->path);
}
