/*
 * Settings as JSON Schema: types, bounds, choices, defaults and documentation of each row, from
 * the table that the binder of experiments uses.
 *
 * Keywords of a schema bind only values of their own type, so a number that may be written as
 * a fraction is {"type": ["number", "string"]} with bounds for the one and a pattern for the
 * other. The pattern takes plain numbers too, because readers of older YAML see 1e-3 as text.
 */
#include <string.h>

#include "cli/plugins_internal.h"

#define REFERENCE "\"" LM_SCHEMA_REFERENCE "\""

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
    lm_text_add(out, "\"type\": [\"integer\", \"string\"], \"pattern\": " REFERENCE);
  } else {
    lm_text_add(out, "\"type\": [\"number\", \"string\"], \"pattern\": \"" LM_SCHEMA_FRACTION
                     "|" LM_SCHEMA_REFERENCE "\"");
  }
  add_bounds(row, out);
}

/* A word that YAML reads as a number or a truth is a choice in that form, too. */
static void add_choices(const struct lamina_setting *row, struct lm_text *out)
{
  const char *word = row->range == NULL ? "" : row->range;
  lm_text_add(out, "\"anyOf\": [{\"enum\": [");
  while (*word != '\0') {
    size_t length = strcspn(word, "|");
    double number;
    add_string(out, word, length);
    if (lm_cli_parse_number(word, length, &number)) {
      lm_text_add(out, ", ");
      lm_text_add_json_number(out, number);
    } else if ((length == 4 && memcmp(word, "true", 4) == 0) ||
               (length == 5 && memcmp(word, "false", 5) == 0)) {
      lm_text_addf(out, ", %.*s", (int)length, word);
    }
    word += length;
    if (*word == '|') {
      lm_text_add(out, ", ");
      word++;
    }
  }
  lm_text_add(out, "]}, {\"type\": \"string\", \"pattern\": " REFERENCE "}]");
}

static void add_type(const struct lamina_setting *row, struct lm_text *out)
{
  if (is(row, "i64s") || is(row, "f64s")) {
    lm_text_add(out, "\"anyOf\": [{");
    add_number_type(row, is(row, "i64s"), out);
    lm_text_add(out, "}, {\"type\": \"array\", \"items\": {");
    add_number_type(row, is(row, "i64s"), out);
    lm_text_add(out, "}}]");
  } else if (is(row, "i64") || is(row, "f64")) {
    add_number_type(row, is(row, "i64"), out);
  } else if (is(row, "bool")) {
    lm_text_add(out, "\"type\": [\"boolean\", \"string\"], \"pattern\": " REFERENCE);
  } else if (is(row, "choice")) {
    add_choices(row, out);
  } else {
    lm_text_add(out, "\"type\": [\"string\", \"number\", \"boolean\"]"); /* any scalar is a text */
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

/* "[3, 1/2]", or a number that stands for a list of one. */
static void add_numbers(const char *text, struct lm_text *out)
{
  size_t length = strlen(text);
  if (text[0] != '[') {
    add_number(text, length, out);
    return;
  }
  lm_text_add(out, "[");
  if (length >= 2 && text[length - 1] == ']') {
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
  if (row->deflt == NULL || row->replaced_by != NULL) {
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

/* A renamed key is of the type of the one that has replaced it. */
static const struct lamina_setting *typed_row(const struct lm_settings *table,
                                              const struct lamina_setting *row)
{
  for (size_t i = 0; row->replaced_by != NULL && i < table->count; i++) {
    const struct lamina_setting *other = lm_settings_row(table, i);
    if (strcmp(other->name, row->replaced_by) == 0) {
      return other;
    }
  }
  return row;
}

static void add_property(const struct lm_settings *table, const struct lamina_setting *row,
                         struct lm_text *out)
{
  struct lm_text doc = {0};
  lm_cli_add_meaning(&doc, row);
  if (row->unit != NULL) {
    lm_text_addf(&doc, " (%s)", row->unit);
  }
  if (row->replaced_by != NULL) {
    lm_text_addf(&doc, " (old name of %s)", row->replaced_by);
  }
  lm_text_add_json_string(out, row->name);
  lm_text_add(out, ": {");
  add_type(typed_row(table, row), out);
  add_default(row, out);
  lm_text_add(out, ", \"description\": ");
  lm_text_add_json_string(out, lm_text_get(&doc));
  lm_text_add(out, row->replaced_by == NULL ? "}" : ", \"deprecated\": true}");
  out->failed = out->failed || !lm_text_ok(&doc);
  lm_text_release(&doc);
}

bool lm_cli_has_required(const struct lm_settings *table)
{
  for (size_t i = 0; i < table->count; i++) {
    if ((lm_settings_row(table, i)->flags & LAMINA_SETTING_REQUIRED) != 0) {
      return true;
    }
  }
  return false;
}

void lm_cli_schema_required(const struct lm_settings *table, struct lm_text *out)
{
  const char *between = "";
  lm_text_add(out, "\"required\": [");
  for (size_t i = 0; i < table->count; i++) {
    const struct lamina_setting *row = lm_settings_row(table, i);
    if ((row->flags & LAMINA_SETTING_REQUIRED) != 0) {
      lm_text_add(out, between);
      lm_text_add_json_string(out, row->name);
      between = ", ";
    }
  }
  lm_text_add(out, "]");
}

void lm_cli_schema_properties(const struct lm_settings *table, const char *indent,
                              struct lm_text *out)
{
  for (size_t i = 0; i < table->count; i++) {
    lm_text_addf(out, "%s\n%s  ", i == 0 ? "" : ",", indent);
    add_property(table, lm_settings_row(table, i), out);
  }
}
