/*
 * What the files that write about plugins share: texts of plugins made harmless for a
 * terminal, rows of settings tables, and ranges taken apart.
 */
#ifndef LM_CLI_PLUGINS_INTERNAL_H
#define LM_CLI_PLUGINS_INTERNAL_H

#include "cli/plugins.h"
#include "settings/settings.h"

/** Adds a plugin's text on one line: control characters become spaces. */
void lm_cli_add_plain(struct lm_text *out, const char *text);

/** What a setting means: its documentation, and whether it may be scheduled. */
void lm_cli_add_meaning(struct lm_text *out, const struct lamina_setting *row);

/** Row i of the plugin's settings, whatever its stride. */
struct lamina_setting lm_cli_setting(const struct lm_plugin *plugin, uint32_t i);

/** The plugin's settings as a table of owner, which must outlive it. */
struct lm_settings lm_cli_settings_of(const struct lm_plugin *plugin, const char *owner);

/**
 * Loads a file in a process of its own, and adds what became of it as a sentence: loads, was
 * refused and why, crashed, ended the process, or did not come back.
 */
enum lamina_status lm_cli_try_plugin(struct lm_registry *registry, const char *path,
                                     uint32_t limit_ms, struct lm_text *out, bool *loads,
                                     struct lm_error *error) LM_MUST_CHECK;

/** The words of types that people read: "integer", "list of numbers", ... */
const char *lm_cli_type_words(const char *type);

/** One end of a range. */
struct lm_cli_bound {
  bool given; /* false: none, or infinite */
  bool open;  /* the end itself is outside */
  double value;
};

/** Takes "[1, 100]" or "(0, inf)" apart; without bounds where it is something else. */
void lm_cli_parse_range(const char *range, struct lm_cli_bound *low, struct lm_cli_bound *high);

/** A number or a fraction "1/255"; false when the text is something else. */
bool lm_cli_parse_number(const char *text, size_t length, double *out);

/**
 * Adds the properties of a JSON Schema for a map of settings: lines of members, each behind a
 * line end and an indent. A text with ${ is taken for any value, because it is a reference and
 * known only when the experiment is read.
 */
void lm_cli_schema_properties(const struct lm_settings *table, const char *indent,
                              struct lm_text *out);
/** Adds "required": ["units", ...]. */
void lm_cli_schema_required(const struct lm_settings *table, struct lm_text *out);
bool lm_cli_has_required(const struct lm_settings *table);

/* Patterns of texts, as parts of a JSON string: one that stands for another value, and one that
 * is a number or a fraction. */
#define LM_SCHEMA_REFERENCE "\\\\$\\\\{"
#define LM_SCHEMA_FRACTION "^[-+]?[0-9.]+([eE][-+]?[0-9]+)?(/[0-9.]+([eE][-+]?[0-9]+)?)?$"

void lm_cli_inspect_yaml(const struct lm_plugin *plugin, struct lm_text *out);
void lm_cli_inspect_markdown(const struct lm_plugin *plugin, struct lm_text *out);
void lm_cli_inspect_json(const struct lm_plugin *plugin, struct lm_text *out);

#endif
