/*
 * Settings: a table of rows (lamina/plugin.h), an experiment's map, and a struct to fill.
 *
 * One binder serves plugins and the runtime's own sections (train:, data:), so they have the
 * same checks, messages, documentation and record of defaults. Floor 3.
 */
#ifndef LM_SETTINGS_SETTINGS_H
#define LM_SETTINGS_SETTINGS_H

#include <lamina/plugin.h>

#include "config/config.h"

/** A table and whom it belongs to. */
struct lm_settings {
  const char *owner; /* "layer 'dense'", for messages */
  const struct lamina_setting *rows;
  size_t count, stride; /* stride in bytes between rows */
};

/** Memory that a filled struct points to (texts, lists); zero-initialise it. */
struct lm_settings_memory {
  void **blocks;
  size_t count, capacity;
};

/** Whether the range of a setting of type "f64" has a number; NaN is in none. */
bool lm_setting_holds(const struct lamina_setting *row, double number);

/** Row i of a table. */
const struct lamina_setting *lm_settings_row(const struct lm_settings *table, size_t i);

/**
 * Checks a plugin's table: names, types, defaults that parse and lie in range, documentation,
 * fields inside instance_bytes, no name twice. LAMINA_E_PLUGIN with the first fault.
 */
enum lamina_status lm_settings_check(const struct lm_settings *table, uint64_t instance_bytes,
                                     struct lm_error *error) LM_MUST_CHECK;

/**
 * Fills a struct from a map.
 *
 * Defaults are filled in and also written into the map, and paths are made absolute in both,
 * so that the experiment as saved says everything. Keys in `also` are the host's and skipped.
 * A key whose value is null is refused, not taken for the default. Numbers without a range are
 * finite; infinities need a range that is closed at one: "[0, inf]". NaN is never accepted.
 * Defaults are YAML; of texts, paths and choices, one without quotes is taken as it is.
 *
 * @param map     MAP, or NULL/null for "all defaults" (then nothing is recorded)
 * @param where   where the owner is used, for messages about missing keys
 * @param also    NULL or a NULL-terminated list of further keys that are allowed
 * @param memory  takes what the struct points to; release after the struct's last use
 * @return LAMINA_OK; LAMINA_E_INVALID: unknown key with the nearest right spelling, wrong type,
 *         out of range, missing; always with file:line:column
 */
struct lm_settings_use {
  struct lm_config *config;
  struct lm_value *map;
  struct lm_where where;
  const char *const *also;
  void (*warn)(void *arg, const char *sentence); /* renamed keys; may be NULL */
  void *warn_arg;
};
enum lamina_status lm_settings_fill(const struct lm_settings *table,
                                    const struct lm_settings_use *use, void *instance,
                                    struct lm_settings_memory *memory,
                                    struct lm_error *error) LM_MUST_CHECK;

void lm_settings_memory_release(struct lm_settings_memory *memory);

/** What a sample of a setting's values is to be. */
enum lm_sample {
  LM_SAMPLE_INSIDE = 0, /* an ordinary value */
  LM_SAMPLE_BOUND,      /* the least or the largest that the range has */
  LM_SAMPLE_OUTSIDE,    /* not in the range */
  LM_SAMPLE_OTHER_TYPE
};

/** Writes sample number i of a row as YAML; false when there are not so many. */
bool lm_setting_sample(const struct lamina_setting *row, enum lm_sample sample, uint32_t i,
                       struct lm_text *out);

#endif
