/*
 * Plugins that are linked into the program (libtool's -dlpreopen, for machines or builds without
 * shared objects). They are what a search finds last, so a file of the same name takes their
 * place. Each has a path that no file can have, "built-in:/layer_dense.so", so that all else
 * treats it like any other.
 */
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "registry/registry_internal.h"

#define FOLDER "built-in:/"

static const struct lm_preloaded *symbols; /* set before there is a second thread */

void lm_registry_preload(const struct lm_preloaded *table)
{
  symbols = table;
}

bool lm_builtin_is(const char *path)
{
  return strncmp(path, FOLDER, strlen(FOLDER)) == 0;
}

/* The file that a symbol's plugin would be: "layer_dense.so"; false for other symbols. */
static bool file_of(const struct lm_preloaded *symbol, char *out, size_t size)
{
  char tail[32];
  int tail_length = snprintf(tail, sizeof tail, "_LTX_lamina_plugin_v%d", LAMINA_ABI_MAJOR);
  size_t length = strlen(symbol->name);
  if (symbol->address == NULL || length <= (size_t)tail_length ||
      strcmp(symbol->name + length - (size_t)tail_length, tail) != 0) {
    return false;
  }
  int stem = (int)(length - (size_t)tail_length);
  return snprintf(out, size, "%.*s.so", stem, symbol->name) < (int)size;
}

const struct lamina_plugin *lm_builtin_find(uint32_t kind, const char *name)
{
  char wanted[LM_FILE_NAME_MAX];
  char file[LM_FILE_NAME_MAX];
  (void)snprintf(wanted, sizeof wanted, "%s_%s.so", lm_kind_name(kind), name);
  for (const struct lm_preloaded *at = symbols; at != NULL && at->name != NULL; at++) {
    if (file_of(at, file, sizeof file) && strcmp(file, wanted) == 0) {
      return at->address;
    }
  }
  return NULL;
}

char *lm_builtin_path(const char *file)
{
  return lm_format(FOLDER "%s", file);
}

enum lamina_status lm_builtin_examine(const struct lm_candidate *candidate,
                                      struct lm_marker *marker, struct lm_error *error)
{
  const struct lamina_plugin *plugin = lm_builtin_find(candidate->kind, candidate->name);
  *marker = (struct lm_marker){0};
  if (plugin == NULL) {
    return lm_fail(error, LAMINA_E_MISSING, "there is no %s '%s' built into the program",
                   lm_kind_name(candidate->kind), candidate->name);
  }
  marker->major = plugin->major;
  marker->needs_minor = plugin->needs_minor;
  (void)snprintf(marker->kind, sizeof marker->kind, "%s", lm_kind_name(candidate->kind));
  (void)snprintf(marker->name, sizeof marker->name, "%s", candidate->name);
  (void)snprintf(marker->version, sizeof marker->version, "%s", plugin->version);
  return LAMINA_OK;
}

enum lamina_status lm_builtin_visit(enum lamina_status (*visit)(void *arg, const char *file),
                                    void *arg)
{
  char file[LM_FILE_NAME_MAX];
  for (const struct lm_preloaded *at = symbols; at != NULL && at->name != NULL; at++) {
    if (file_of(at, file, sizeof file)) {
      LM_TRY(visit(arg, file));
    }
  }
  return LAMINA_OK;
}
