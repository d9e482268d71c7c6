/*
 * Text about plugins for people and machines: what there is, what one says of itself, and
 * whether all of them survive being loaded.
 *
 * Everything goes into a struct lm_text; main.c prints it. Floor 7.
 */
#ifndef LM_CLI_PLUGINS_H
#define LM_CLI_PLUGINS_H

#include "registry/registry.h"

/**
 * All plugins on the search path as an aligned table, or as a JSON array of objects with the
 * keys kind, name, version, abi, isa, path, loadable, refusal, shadowed. Opens none of them.
 * @param kind  LAMINA_KIND_NONE for all kinds
 */
enum lamina_status lm_cli_list(struct lm_registry *registry, uint32_t kind, bool json,
                               struct lm_text *out, struct lm_error *error) LM_MUST_CHECK;

/** How lm_cli_inspect() writes. */
enum lm_cli_format {
  LM_CLI_TABLE = 0, /* for people: everything the plugin says of itself */
  LM_CLI_YAML,      /* a commented piece of an experiment with all defaults */
  LM_CLI_JSON,      /* a JSON Schema of the plugin's settings */
  LM_CLI_MARKDOWN   /* the table of settings in a plugin's page */
};

enum lamina_status lm_cli_inspect(const struct lm_plugin *plugin, enum lm_cli_format format,
                                  struct lm_text *out, struct lm_error *error) LM_MUST_CHECK;

enum { LM_CLI_LOAD_MS = 5000 };

/**
 * Loads each plugin on the search path in a process of its own that does nothing else, and
 * writes one line about each: loaded, refused and why, ended by which signal, ended the
 * process, or did not come back.
 *
 * The only function that forks: call it while the program has one thread.
 * @param limit_ms  time for one plugin, usually LM_CLI_LOAD_MS
 * @param faulty    set to the number of plugins that did not load
 */
enum lamina_status lm_cli_inspect_all(struct lm_registry *registry, uint32_t limit_ms,
                                      struct lm_text *out, size_t *faulty,
                                      struct lm_error *error) LM_MUST_CHECK;

#endif
