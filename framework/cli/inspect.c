/*
 * `lamina inspect KIND NAME`: what a plugin says of itself, for people; and what the other two
 * formats need to read in a settings table.
 *
 * Texts come from the plugin's file and end on a terminal, so control characters are dropped.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/plugins_internal.h"

void lm_cli_add_plain(struct lm_text *out, const char *text)
{
  size_t clean = 0;
  for (size_t i = 0;; i++) {
    unsigned char c = (unsigned char)text[i];
    if (c >= ' ' && c != 0x7f) {
      continue;
    }
    lm_text_add_bytes(out, text + clean, i - clean);
    if (c == '\0') {
      return;
    }
    lm_text_add(out, " ");
    clean = i + 1;
  }
}

void lm_cli_add_meaning(struct lm_text *out, const struct lamina_setting *row)
{
  lm_cli_add_plain(out, row->doc);
  if ((row->flags & LAMINA_SETTING_SCHEDULABLE) != 0) {
    lm_text_add(out, "; may be scheduled");
  }
}

struct lm_settings lm_cli_settings_of(const struct lm_plugin *plugin, const char *owner)
{
  return (struct lm_settings){.owner = owner,
                              .rows = plugin->info.settings,
                              .count = plugin->info.n_settings,
                              .stride = plugin->info.setting_stride};
}

struct lamina_setting lm_cli_setting(const struct lm_plugin *plugin, uint32_t i)
{
  return plugin->info.settings[i];
}

const char *lm_cli_type_words(const char *type)
{
  static const char *const words[][2] = {{"i64", "integer"},
                                         {"f64", "number"},
                                         {"bool", "true or false"},
                                         {"str", "text"},
                                         {"path", "file"},
                                         {"choice", "choice"},
                                         {"i64s", "list of integers"},
                                         {"f64s", "list of numbers"}};
  for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
    if (strcmp(type, words[i][0]) == 0) {
      return words[i][1];
    }
  }
  return type;
}

bool lm_cli_parse_number(const char *text, size_t length, double *out)
{
  char copy[64];
  char *end;
  while (length > 0 && text[0] == ' ') {
    text++;
    length--;
  }
  while (length > 0 && text[length - 1] == ' ') {
    length--;
  }
  if (length == 0 || length >= sizeof copy || strcspn(text, "xXpPnN") < length) {
    return false; /* YAML has no hexadecimal floats, and infinity is nobody's value here */
  }
  memcpy(copy, text, length);
  copy[length] = '\0';
  *out = strtod(copy, &end);
  if (end != copy && *end == '/') {
    const char *below = end + 1;
    *out /= strtod(below, &end);
    return end != below && *end == '\0' && isfinite(*out);
  }
  return end != copy && *end == '\0' && isfinite(*out);
}

void lm_cli_parse_range(const char *range, struct lm_cli_bound *low, struct lm_cli_bound *high)
{
  *low = (struct lm_cli_bound){0};
  *high = (struct lm_cli_bound){0};
  size_t length = range == NULL ? 0 : strlen(range);
  const char *comma = length == 0 ? NULL : strchr(range, ',');
  if (comma == NULL || strchr("[(", range[0]) == NULL || strchr("])", range[length - 1]) == NULL) {
    return;
  }
  const char *last = range + length - 1;
  low->given = lm_cli_parse_number(range + 1, (size_t)(comma - range - 1), &low->value);
  high->given = lm_cli_parse_number(comma + 1, (size_t)(last - comma - 1), &high->value);
  low->open = range[0] == '(';
  high->open = *last == ')';
}

/* The cells of one line of the settings table. */
enum { CELL_NAME, CELL_TYPE, CELL_DEFAULT, CELL_RANGE, CELL_UNIT, CELLS };

static const char *cell(const struct lamina_setting *row, size_t column)
{
  const char *deflt = row->deflt;
  if ((row->flags & LAMINA_SETTING_REQUIRED) != 0) {
    deflt = "(required)";
  }
  const char *const cells[CELLS] = {row->name, lm_cli_type_words(row->type), deflt, row->range,
                                    row->unit};
  return cells[column] == NULL ? "" : cells[column];
}

static void pad(struct lm_text *out, const char *text, size_t width)
{
  lm_cli_add_plain(out, text);
  lm_text_addf(out, "%*s", (int)(width - strlen(text)) + 2, "");
}

static void add_settings(const struct lm_plugin *plugin, struct lm_text *out)
{
  static const char *const heads[CELLS] = {"SETTING", "TYPE", "DEFAULT", "RANGE", "UNIT"};
  size_t width[CELLS];
  lm_text_add(out, "\n");
  for (size_t c = 0; c < CELLS; c++) {
    width[c] = strlen(heads[c]);
    for (uint32_t i = 0; i < plugin->info.n_settings; i++) {
      struct lamina_setting row = lm_cli_setting(plugin, i);
      size_t length = strlen(cell(&row, c));
      width[c] = length > width[c] ? length : width[c];
    }
    pad(out, heads[c], width[c]);
  }
  lm_text_add(out, "MEANING\n");
  for (uint32_t i = 0; i < plugin->info.n_settings; i++) {
    struct lamina_setting row = lm_cli_setting(plugin, i);
    for (size_t c = 0; c < CELLS; c++) {
      pad(out, cell(&row, c), width[c]);
    }
    lm_cli_add_meaning(out, &row);
    if (row.replaced_by != NULL) {
      lm_text_add(out, " (old name of ");
      lm_cli_add_plain(out, row.replaced_by);
      lm_text_add(out, ")");
    }
    lm_text_add(out, "\n");
  }
}

static void add_line(struct lm_text *out, const char *head, const char *text)
{
  lm_text_addf(out, "  %-9s", head);
  lm_cli_add_plain(out, text[0] == '\0' ? "(not given)" : text);
  lm_text_add(out, "\n");
}

static void inspect_table(const struct lm_plugin *plugin, struct lm_text *out)
{
  const struct lamina_plugin *info = &plugin->info;
  lm_text_addf(out, "%s '%s' ", lm_kind_name(info->kind), info->name);
  lm_cli_add_plain(out, info->version);
  lm_text_add(out, "\n");
  add_line(out, "summary", info->summary);
  add_line(out, "license", info->license);
  add_line(out, "origin", info->origin);
  lm_text_addf(out, "  %-9sbuilt with %u.%u, needs %u.%u or a later %u\n", "ABI", info->major,
               info->built_minor, info->major, info->needs_minor, info->major);
  add_line(out, "file", plugin->path);
  if (info->n_settings == 0) {
    add_line(out, "settings", "none");
  } else {
    add_settings(plugin, out);
  }
}

enum lamina_status lm_cli_inspect(const struct lm_plugin *plugin, enum lm_cli_format format,
                                  struct lm_text *out, struct lm_error *error)
{
  switch (format) {
    case LM_CLI_TABLE:
      inspect_table(plugin, out);
      break;
    case LM_CLI_YAML:
      lm_cli_inspect_yaml(plugin, out);
      break;
    case LM_CLI_JSON:
      lm_cli_inspect_json(plugin, out);
      break;
    case LM_CLI_MARKDOWN:
      lm_cli_inspect_markdown(plugin, out);
      break;
  }
  return lm_text_ok(out) ? LAMINA_OK : lm_fail_memory(error, 0);
}
