/*
 * All plugins on the search path that can be used, loaded: what the schema and the manual are
 * made of. One that cannot is left out, with a warning that names it.
 */
#ifndef LM_CLI_CATALOG_H
#define LM_CLI_CATALOG_H

#include "registry/registry.h"

/** Plugins sorted by kind and name, borrowed from the registry; release with lm_free(items). */
struct lm_catalog {
  const struct lm_plugin **items;
  size_t count, capacity;
  size_t left_out; /* files that cannot be used */
};

struct lm_catalog_options {
  struct lm_registry *registry;
  const char *folder; /* absolute: only plugins that lie in it; NULL: all */
  uint32_t limit_ms;  /* for one plugin, usually LM_CLI_LOAD_MS */
  void (*log)(void *arg, int32_t level, const char *sentence);
  void *log_arg;
};

/**
 * Loads the plugins. Each is tried in a process of its own first, so that none can take the
 * program with it: call it while the program has one thread.
 */
enum lamina_status lm_catalog_make(const struct lm_catalog_options *options, struct lm_catalog *out,
                                   struct lm_error *error) LM_MUST_CHECK;

#endif
