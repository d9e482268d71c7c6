/*
 * What the files that write about plugins share: texts of plugins made harmless for a
 * terminal, rows of settings tables, and ranges taken apart.
 */
#ifndef LM_CLI_PLUGINS_INTERNAL_H
#define LM_CLI_PLUGINS_INTERNAL_H

#include "cli/plugins.h"

/** Adds a plugin's text on one line: control characters become spaces. */
void lm_cli_add_plain(struct lm_text *out, const char *text);

/** Row i of the plugin's settings, whatever its stride. */
struct lamina_setting lm_cli_setting(const struct lm_plugin *plugin, uint32_t i);

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

void lm_cli_inspect_yaml(const struct lm_plugin *plugin, struct lm_text *out);
void lm_cli_inspect_json(const struct lm_plugin *plugin, struct lm_text *out);

#endif
