/*
 * Experiment files: YAML as a tree in which every value knows where it was written.
 *
 * lm_config_load() reads a file by libyaml's event API (the only user of libyaml), applies
 * `include:`, `vars:`/`${...}` and overrides, and gives one tree. Types follow the YAML 1.2
 * core schema and are decided when a value is asked for: a plain scalar is what its reader
 * wants it to be, a quoted one is text. Limits: 1 MiB a file and 4 MiB all files, depth 64,
 * 100,000 values, 64 KiB a text and 4 MiB all texts, 1000 anchors a file, 16 includes deep,
 * 32 variables deep. Aliases are expanded within these limits. Duplicate keys, several
 * documents, tags outside the core schema and merge keys (<<) are refused.
 *
 * Floor 2. Knows YAML and nothing of what an experiment means.
 */
#ifndef LM_CONFIG_CONFIG_H
#define LM_CONFIG_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/text.h"

enum lm_value_kind { LM_VALUE_NULL = 0, LM_VALUE_SCALAR, LM_VALUE_LIST, LM_VALUE_MAP };

struct lm_value;

/** An entry of a map. */
struct lm_pair {
  char *key;
  struct lm_where key_where;
  struct lm_value *value;
};

/** A value. Trees are owned by their struct lm_config. */
struct lm_value {
  enum lm_value_kind kind;
  struct lm_where where;   /* where it was written; "--set" values: file is "--set PATH=..." */
  char *text;              /* SCALAR: content, 0-terminated */
  bool quoted;             /* SCALAR: written with quotes or as a block: always text */
  struct lm_value **items; /* LIST: count items */
  struct lm_pair *pairs;   /* MAP: count pairs, in written order */
  size_t count, capacity;
};

/** A document: owns its tree and the names of the files it came from. */
struct lm_config;

/**
 * Reads an experiment.
 * @param path       file; "-" is standard input
 * @param overrides  count texts "a.b[2].c=value" (value is YAML, flow style), applied in order
 *                   after includes and before ${...}; a path may name a new key of a map, and
 *                   [n] must exist (or be the length, to append)
 * @param out        owned by the caller, release with lm_config_free()
 * @return LAMINA_OK; LAMINA_E_MISSING for a file, or for a variable that ${env:NAME:?text} asks
 *         for; LAMINA_E_INVALID with file:line:column; LAMINA_E_USAGE for a malformed override;
 *         LAMINA_E_IO; LAMINA_E_NOMEM
 */
enum lamina_status lm_config_load(const char *path, const char *const *overrides, size_t count,
                                  struct lm_config **out, struct lm_error *error) LM_MUST_CHECK;

/** The same from text in memory; name stands for the file in messages and for its folder. */
enum lamina_status lm_config_parse(const char *text, size_t length, const char *name,
                                   const char *const *overrides, size_t count,
                                   struct lm_config **out, struct lm_error *error) LM_MUST_CHECK;

/** A config whose root is an empty map, for values made by code; NULL when memory is short. */
struct lm_config *lm_config_create(void);

void lm_config_free(struct lm_config *config);

/** The tree's root: always a map (an empty document is refused). */
struct lm_value *lm_config_root(struct lm_config *config);

/** Writes a value as YAML that reads back as the same tree; keeps quotes' meaning. */
void lm_value_write(const struct lm_value *value, struct lm_text *out);

/** Writes a value on one line, for people: "{kernel: 3, same: true}". */
void lm_value_write_flow(const struct lm_value *value, struct lm_text *out);

/* Looking into a tree. Returned pointers are borrowed; NULL means that there is none. */

struct lm_value *lm_value_get(const struct lm_value *map, const char *key);
const struct lm_pair *lm_value_pair(const struct lm_value *map, const char *key);

/** Whether the value is absent: NULL, or a YAML null (plain "null", "~", empty). */
bool lm_value_is_null(const struct lm_value *value);

/* Typed readings of a scalar. Failures are LAMINA_E_INVALID, say what was found and what was
 * expected, and hint at `yes`, `0x10`, `1_000` and quoted numbers. `what` names the value in
 * the sentence, such as "units". *out changes on success only. */

enum lamina_status lm_value_i64(const struct lm_value *value, const char *what, int64_t *out,
                                struct lm_error *error) LM_MUST_CHECK;
/** Also accepts a fraction of two numbers: 1/255. Infinities and NaN as .inf and .nan. */
enum lamina_status lm_value_f64(const struct lm_value *value, const char *what, double *out,
                                struct lm_error *error) LM_MUST_CHECK;
enum lamina_status lm_value_bool(const struct lm_value *value, const char *what, bool *out,
                                 struct lm_error *error) LM_MUST_CHECK;
/** Any scalar as text, borrowed. */
enum lamina_status lm_value_text(const struct lm_value *value, const char *what, const char **out,
                                 struct lm_error *error) LM_MUST_CHECK;

/** A kind in words: "a map", "a list", "text 'abc'", "null"; borrowed from buffer. */
const char *lm_value_describe(const struct lm_value *value, char *buffer, size_t size);

/* Changing a tree: how resolved values are written back before the experiment is saved. New
 * values belong to config and take `where` of the value they stand in. */

struct lm_value *lm_config_scalar(struct lm_config *config, const char *text, bool quoted,
                                  const struct lm_where *where);
struct lm_value *lm_config_map(struct lm_config *config, const struct lm_where *where);
/** Sets a key of a map, new at the end; false when memory is short. */
bool lm_config_set(struct lm_config *config, struct lm_value *map, const char *key,
                   struct lm_value *value);
/** Gives a key of a map another name, in its place; false when memory is short. */
bool lm_config_rename(struct lm_config *config, struct lm_value *map, const char *old_key,
                      const char *new_key);
/** Replaces a scalar's text. */
bool lm_config_set_text(struct lm_config *config, struct lm_value *scalar, const char *text,
                        bool quoted);

/**
 * Reads a value from YAML text of the program's own, such as a default of a settings table.
 * Every part of it takes `where`; ${...} is left alone. LAMINA_E_INVALID; LAMINA_E_NOMEM.
 */
enum lamina_status lm_config_value(struct lm_config *config, const char *text,
                                   const struct lm_where *where, struct lm_value **out,
                                   struct lm_error *error) LM_MUST_CHECK;

/**
 * Absolute form of a path that was written at `where`: relative to the folder of that file;
 * in overrides and on standard input relative to the working directory. Release with
 * lm_free(); NULL when memory is short.
 */
char *lm_config_path(const char *path, const struct lm_where *where);

/**
 * Refuses a map's keys that are not in a list of words.
 * @param words  count words, `stride` bytes apart, each entry beginning with a const char *
 */
enum lamina_status lm_value_check_keys(const struct lm_value *map, const char *what,
                                       const void *words, size_t count, size_t stride,
                                       struct lm_error *error) LM_MUST_CHECK;

#endif
