/*
 * `lamina inspect KIND NAME --json`: the settings as a JSON Schema (draft 2020-12), for editors
 * and for checks outside of Lamina.
 *
 * Keywords of a schema bind only values of their own type, so a number that may be written as
 * a fraction is {"type": ["number", "string"]} with bounds for the one and a pattern for the
 * other. The pattern takes plain numbers too, because readers of older YAML see 1e-3 as text.
 */
#include <string.h>

#include "cli/plugins_internal.h"

#define FRACTION "^[-+]?[0-9.]+([eE][-+]?[0-9]+)?(/[0-9.]+([eE][-+]?[0-9]+)?)?$"

static bool is(const struct lamina_setting *row, const char *type)
{
  return strcmp(row->type, type) == 0;
}

/* One line's text without control characters, as a JSON string. */
static void add_string(struct lm_text *out, const char *text, size_t length)
{
  struct lm_text copy = {0};
  lm_text_add_bytes(&copy, text, length);
  lm_text_add_json_string(out, lm_text_get(&copy));
  out->failed = out->failed || !lm_text_ok(&copy);
  lm_text_release(&copy);
}

static void add_bounds(const struct lamina_setting *row, struct lm_text *out)
{
  struct lm_cli_bound low;
  struct lm_cli_bound high;
  lm_cli_parse_range(row->range, &low, &high);
  if (low.given) {
    lm_text_addf(out, ", \"%s\": ", low.open ? "exclusiveMinimum" : "minimum");
    lm_text_add_json_number(out, low.value);
  }
  if (high.given) {
    lm_text_addf(out, ", \"%s\": ", high.open ? "exclusiveMaximum" : "maximum");
    lm_text_add_json_number(out, high.value);
  }
}

static void add_number_type(const struct lamina_setting *row, bool whole, struct lm_text *out)
{
  if (whole) {
    lm_text_add(out, "\"type\": \"integer\"");
  } else {
    lm_text_add(out, "\"type\": [\"number\", \"string\"], \"pattern\": \"" FRACTION "\"");
  }
  add_bounds(row, out);
}

static void add_choices(const struct lamina_setting *row, struct lm_text *out)
{
  const char *word = row->range == NULL ? "" : row->range;
  lm_text_add(out, "\"enum\": [");
  while (*word != '\0') {
    size_t length = strcspn(word, "|");
    add_string(out, word, length);
    word += length;
    if (*word == '|') {
      lm_text_add(out, ", ");
      word++;
    }
  }
  lm_text_add(out, "]");
}

static void add_type(const struct lamina_setting *row, struct lm_text *out)
{
  if (is(row, "i64s") || is(row, "f64s")) {
    lm_text_add(out, "\"type\": \"array\", \"items\": {");
    add_number_type(row, is(row, "i64s"), out);
    lm_text_add(out, "}");
  } else if (is(row, "i64") || is(row, "f64")) {
    add_number_type(row, is(row, "i64"), out);
  } else if (is(row, "bool")) {
    lm_text_add(out, "\"type\": \"boolean\"");
  } else if (is(row, "choice")) {
    add_choices(row, out);
  } else {
    lm_text_add(out, "\"type\": \"string\"");
  }
}

/* A number of YAML as JSON; fractions, which JSON lacks, stay text. */
static void add_number(const char *text, size_t length, struct lm_text *out)
{
  double value;
  while (length > 0 && text[0] == ' ') {
    text++;
    length--;
  }
  while (length > 0 && text[length - 1] == ' ') {
    length--;
  }
  if (memchr(text, '/', length) == NULL && lm_cli_parse_number(text, length, &value)) {
    lm_text_add_json_number(out, value);
  } else {
    add_string(out, text, length);
  }
}

/* "[3, 1/2]"; anything else becomes an empty list. */
static void add_numbers(const char *text, struct lm_text *out)
{
  size_t length = strlen(text);
  lm_text_add(out, "[");
  if (length >= 2 && text[0] == '[' && text[length - 1] == ']') {
    const char *end = text + length - 1;
    const char *item = text + 1 + strspn(text + 1, " ");
    while (item < end) {
      size_t size = strcspn(item, ",]");
      add_number(item, size, out);
      item += size + 1;
      lm_text_add(out, item < end ? ", " : "");
    }
  }
  lm_text_add(out, "]");
}

/* A scalar of YAML without the quotes that may be around it. */
static void add_scalar(const char *text, struct lm_text *out)
{
  size_t length = strlen(text);
  bool quoted = length >= 2 && (text[0] == '\'' || text[0] == '"') && text[length - 1] == text[0];
  add_string(out, quoted ? text + 1 : text, quoted ? length - 2 : length);
}

static void add_default(const struct lamina_setting *row, struct lm_text *out)
{
  if (row->deflt == NULL) {
    return;
  }
  lm_text_add(out, ", \"default\": ");
  if (is(row, "i64s") || is(row, "f64s")) {
    add_numbers(row->deflt, out);
  } else if (is(row, "i64") || is(row, "f64")) {
    add_number(row->deflt, strlen(row->deflt), out);
  } else if (is(row, "bool")) {
    lm_text_add(out, strcmp(row->deflt, "true") == 0 ? "true" : "false");
  } else {
    add_scalar(row->deflt, out);
  }
}

static void add_property(const struct lamina_setting *row, struct lm_text *out)
{
  struct lm_text doc = {0};
  lm_cli_add_plain(&doc, row->doc);
  if (row->unit != NULL) {
    lm_text_addf(&doc, " (%s)", row->unit);
  }
  lm_text_add(out, "    ");
  lm_text_add_json_string(out, row->name);
  lm_text_add(out, ": {");
  add_type(row, out);
  add_default(row, out);
  lm_text_add(out, ", \"description\": ");
  lm_text_add_json_string(out, lm_text_get(&doc));
  lm_text_add(out, row->replaced_by == NULL ? "}" : ", \"deprecated\": true}");
  out->failed = out->failed || !lm_text_ok(&doc);
  lm_text_release(&doc);
}

static void add_required(const struct lm_plugin *plugin, struct lm_text *out)
{
  const char *between = "";
  lm_text_add(out, "  \"required\": [");
  for (uint32_t i = 0; i < plugin->info.n_settings; i++) {
    struct lamina_setting row = lm_cli_setting(plugin, i);
    if ((row.flags & LAMINA_SETTING_REQUIRED) != 0) {
      lm_text_add(out, between);
      lm_text_add_json_string(out, row.name);
      between = ", ";
    }
  }
  lm_text_add(out, "],\n");
}

void lm_cli_inspect_json(const struct lm_plugin *plugin, struct lm_text *out)
{
  const struct lamina_plugin *info = &plugin->info;
  lm_text_add(out, "{\n  \"$schema\": \"https://json-schema.org/draft/2020-12/schema\",\n");
  lm_text_addf(out, "  \"title\": \"%s %s\",\n  \"description\": ", lm_kind_name(info->kind),
               info->name);
  lm_text_add_json_string(out, info->summary);
  lm_text_add(out, ",\n  \"type\": \"object\",\n  \"properties\": {");
  for (uint32_t i = 0; i < info->n_settings; i++) {
    struct lamina_setting row = lm_cli_setting(plugin, i);
    lm_text_add(out, i == 0 ? "\n" : ",\n");
    add_property(&row, out);
  }
  lm_text_add(out, info->n_settings == 0 ? "},\n" : "\n  },\n");
  add_required(plugin, out);
  lm_text_add(out, "  \"additionalProperties\": false\n}\n");
}
