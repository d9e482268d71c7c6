/*
 * What the files of this room share: the owner of a tree, its limits, and how trees are made.
 *
 * Values that come from a user's files are made by lm_tree_* functions, which count against
 * the limits of the whole load, whatever aliases, includes and variables multiply. Values that
 * the runtime adds later (lm_config_scalar and so on) are not counted.
 */
#ifndef LM_CONFIG_CONFIG_INTERNAL_H
#define LM_CONFIG_CONFIG_INTERNAL_H

#include "config/config.h"

/** Limits, each with a test on both sides. Sizes are in bytes. */
enum {
  LM_LIMIT_FILE = 1 << 20,      /* one file */
  LM_LIMIT_ALL_FILES = 4 << 20, /* all files of one load */
  LM_LIMIT_ALL_TEXT = 4 << 20,  /* all texts of one tree */
  LM_LIMIT_SCALAR = 64 << 10,   /* one text */
  LM_LIMIT_KEY = 1024,          /* one key; libyaml's own limit for keys on one line */
  LM_LIMIT_DEPTH = 64,          /* lists and maps in each other */
  LM_LIMIT_VALUES = 100000,     /* values of one load, aliases expanded */
  LM_LIMIT_ANCHORS = 1000,      /* anchors of one file */
  LM_LIMIT_TAG_DIRECTIVES = 16, /* %TAG lines; libyaml compares each with all before it */
  LM_LIMIT_INCLUDES = 16,       /* files that include each other */
  LM_LIMIT_VARIABLES = 32       /* variables that use each other */
};

/** Room for a text as messages show it. */
enum { LM_EXCERPT = 64 };

struct lm_config {
  struct lm_value *root;
  struct lm_value **values; /* all that were made, in the tree or not any more */
  size_t value_count, value_capacity;
  char **names; /* of files and overrides, for struct lm_where */
  size_t name_count, name_capacity;
  size_t spent_values, spent_text, spent_files; /* against the limits */
};

/** A name that lives as long as the config; NULL when memory is short. */
const char *lm_tree_name(struct lm_config *config, const char *name);

/** A new empty list or map, or null. LAMINA_E_INVALID over the limit of values. */
enum lamina_status lm_tree_value(struct lm_config *config, enum lm_value_kind kind,
                                 const struct lm_where *where, struct lm_value **out,
                                 struct lm_error *error) LM_MUST_CHECK;

/** A text as it comes from a file, not yet a value. */
struct lm_scalar {
  const char *text;
  size_t length;
  bool quoted;
};

/** A new scalar, or null if it is a plain null. Refuses texts over the limits, and zeros. */
enum lamina_status lm_tree_scalar(struct lm_config *config, const struct lm_scalar *scalar,
                                  const struct lm_where *where, struct lm_value **out,
                                  struct lm_error *error) LM_MUST_CHECK;

/** A deep copy that will stand inside `depth` lists and maps; where is kept. */
enum lamina_status lm_tree_copy(struct lm_config *config, const struct lm_value *src, int depth,
                                struct lm_value **out, struct lm_error *error) LM_MUST_CHECK;

/** Appends; false when memory is short. The key is copied. */
bool lm_tree_add_item(struct lm_value *list, struct lm_value *item);
bool lm_tree_add_pair(struct lm_value *map, const char *key, const struct lm_where *key_where,
                      struct lm_value *value);

/** Takes a key out of a map; the map must have it. */
void lm_tree_remove(struct lm_value *map, const char *key);

/** LAMINA_E_INVALID if a list or map at `where` inside `depth` others is too deep. */
enum lamina_status lm_tree_check_depth(int depth, const struct lm_where *where,
                                       struct lm_error *error) LM_MUST_CHECK;

/** The keys of a map in alphabetical order, so that large maps are searched quickly. */
struct lm_index_entry {
  const char *key;
  size_t at; /* position in the map */
};
struct lm_index {
  struct lm_index_entry *entries;
  size_t count;
};

/** Equal keys stand in written order. false when memory is short. */
bool lm_index_make(const struct lm_value *map, struct lm_index *out);
/** The position of a key; false when the map does not have it. */
bool lm_index_find(const struct lm_index *index, const char *key, size_t *at);
void lm_index_release(struct lm_index *index);

/** The core schema's classes of plain scalars. */
enum lm_plain { LM_PLAIN_TEXT = 0, LM_PLAIN_NULL, LM_PLAIN_BOOL, LM_PLAIN_INTEGER, LM_PLAIN_FLOAT };

enum lm_plain lm_plain_class(const char *text);

/** Bytes of the UTF-8 sequence at s and its code point; 0 when it is not valid. */
size_t lm_code_point(const unsigned char *s, uint32_t *out);

/** Part of a text on one line, cut and escaped for a message; borrowed from buffer. */
const char *lm_excerpt(const char *text, char *buffer, size_t size);

/** What a reader wanted of a scalar that it refuses. */
enum lm_wanted { LM_WANT_INTEGER, LM_WANT_NUMBER, LM_WANT_BOOL };

/** What the writer most likely meant, as a clause for the end of the sentence, or "". */
void lm_scalar_hint(const struct lm_value *value, enum lm_wanted wanted, char *hint, size_t size);

/** Events of one YAML document to a tree. */
struct lm_source {
  const char *text;
  size_t length;
  const char *name; /* from lm_tree_name() */
  bool in_command;  /* of an override: positions inside mean nothing */
};
/** *out is NULL when there is no document. */
enum lamina_status lm_compose(struct lm_config *config, const struct lm_source *source,
                              struct lm_value **out, struct lm_error *error) LM_MUST_CHECK;

/** A file's tree with what it includes; sets config->root. */
enum lamina_status lm_include_all(struct lm_config *config, const struct lm_source *source,
                                  struct lm_error *error) LM_MUST_CHECK;

enum lamina_status lm_override(struct lm_config *config, const char *text,
                               struct lm_error *error) LM_MUST_CHECK;

/** Replaces ${...} in the whole tree. */
enum lamina_status lm_substitute(struct lm_config *config, struct lm_error *error) LM_MUST_CHECK;

/** `path` as seen from the folder of the file `name`; NULL when memory is short. */
char *lm_config_join(const char *name, const char *path);

#endif
