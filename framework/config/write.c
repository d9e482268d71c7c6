/*
 * Trees to YAML, one value a line, two spaces a level.
 *
 * A plain scalar is written plain where that reads back the same, and everything else in
 * double quotes with escapes; a quoted text loses its quotes only when it is an ordinary word
 * that no reader could take for something else. `${` becomes `$${`, so that what was replaced
 * once is not replaced again.
 */
#include <string.h>
#include <strings.h>

#include "config/config_internal.h"

/* Keys longer than this get the "? key" form, because libyaml looks no further for ':'. */
enum { LONGEST_SIMPLE_KEY = 1000, STEP = 2 };

static void write_map(const struct lm_value *map, size_t indent, bool first_is_indented,
                      struct lm_text *out);
static void write_list(const struct lm_value *list, size_t indent, bool first_is_indented,
                       struct lm_text *out);

size_t lm_code_point(const unsigned char *s, uint32_t *out)
{
  static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
  size_t length = s[0] < 0x80 ? 1 : s[0] < 0xc2 ? 0 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
  if (length == 0 || s[0] > 0xf4) {
    return 0;
  }
  uint32_t code = length == 1 ? s[0] : s[0] & (0x7fu >> length);
  for (size_t i = 1; i < length; i++) {
    if ((s[i] & 0xc0) != 0x80) {
      return 0;
    }
    code = code << 6 | (s[i] & 0x3fu);
  }
  if (code < least[length] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) {
    return 0;
  }
  *out = code;
  return length;
}

/* What a YAML file may hold as it is, and what a line break or a mark is not. */
static bool is_printable(uint32_t code)
{
  if (code < 0xa0) {
    return code >= 0x20 && code < 0x7f;
  }
  return code != 0x2028 && code != 0x2029 && code != 0xfeff && code != 0xfffe && code != 0xffff;
}

static bool all_printable(const char *text)
{
  const unsigned char *s = (const unsigned char *)text;
  while (*s != '\0') {
    uint32_t code;
    size_t length = lm_code_point(s, &code);
    if (length == 0 || !is_printable(code)) {
      return false;
    }
    s += length;
  }
  return true;
}

/* Whether YAML reads the text without quotes as this text, in a block. */
static bool is_safe_plain(const char *text)
{
  size_t length = strlen(text);
  if (length == 0 || strcmp(text, "<<") == 0 || strncmp(text, "...", 3) == 0) {
    return false;
  }
  bool signed_number = text[0] == '-' && text[1] != '\0' && strchr(".0123456789", text[1]) != NULL;
  if (strchr("-?:,[]{}#&*!|>'\"%@` ", text[0]) != NULL && !signed_number) {
    return false;
  }
  return text[length - 1] != ' ' && text[length - 1] != ':' && strstr(text, ": ") == NULL &&
         strstr(text, " #") == NULL && all_printable(text);
}

/* Whether some reader of YAML may take the plain text for something other than a text. */
static bool is_suspect(const char *text)
{
  static const char *const words[] = {"true", "false", "yes",  "no",  "on", "off",
                                      "y",    "n",     "null", "nan", "inf"};
  for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
    if (strcasecmp(text, words[i]) == 0) {
      return true;
    }
  }
  return lm_plain_class(text) != LM_PLAIN_TEXT || strchr("0123456789+-.=~", text[0]) != NULL;
}

static void write_escaped(const unsigned char **s, struct lm_text *out)
{
  uint32_t code;
  size_t length = lm_code_point(*s, &code);
  if (length == 0) {
    lm_text_add(out, "\xef\xbf\xbd");
    length = 1;
  } else if (code == '"' || code == '\\') {
    lm_text_addf(out, "\\%c", (char)code);
  } else if (code == '\n' || code == '\t') {
    lm_text_add(out, code == '\n' ? "\\n" : "\\t");
  } else if (is_printable(code)) {
    lm_text_add_bytes(out, (const char *)*s, length);
  } else {
    lm_text_addf(out, code < 0x100 ? "\\x%02x" : "\\u%04x", (unsigned)code);
  }
  *s += length;
}

static void write_quoted(const char *text, struct lm_text *out)
{
  const unsigned char *s = (const unsigned char *)text;
  lm_text_add(out, "\"");
  while (*s != '\0') {
    if (s[0] == '$' && s[1] == '{') {
      lm_text_add(out, "$");
    }
    write_escaped(&s, out);
  }
  lm_text_add(out, "\"");
}

static void write_plain(const char *text, struct lm_text *out)
{
  for (const char *s = text; *s != '\0'; s++) {
    if (s[0] == '$' && s[1] == '{') {
      lm_text_add(out, "$");
    }
    lm_text_add_bytes(out, s, 1);
  }
}

static void write_scalar(const struct lm_value *value, struct lm_text *out)
{
  if (value->kind == LM_VALUE_LIST || value->kind == LM_VALUE_MAP) {
    lm_text_add(out, value->kind == LM_VALUE_LIST ? "[]" : "{}");
  } else if (value->kind == LM_VALUE_NULL) {
    lm_text_add(out, "null");
  } else if (is_safe_plain(value->text) && !(value->quoted && is_suspect(value->text))) {
    write_plain(value->text, out);
  } else {
    write_quoted(value->text, out);
  }
}

static void write_indent(size_t indent, struct lm_text *out)
{
  for (size_t i = 0; i < indent; i++) {
    lm_text_add_bytes(out, " ", 1);
  }
}

static void write_key(const char *key, size_t indent, struct lm_text *out)
{
  struct lm_text written = {0};
  if (is_safe_plain(key)) {
    write_plain(key, &written);
  } else {
    write_quoted(key, &written);
  }
  if (written.failed) {
    out->failed = true;
  }
  if (written.length > LONGEST_SIMPLE_KEY) {
    lm_text_addf(out, "? %s\n", lm_text_get(&written));
    write_indent(indent, out);
  } else {
    lm_text_add(out, lm_text_get(&written));
  }
  lm_text_add(out, ":");
  lm_text_release(&written);
}

static void write_map(const struct lm_value *map, size_t indent, bool first_is_indented,
                      struct lm_text *out)
{
  for (size_t i = 0; i < map->count; i++) {
    const struct lm_value *value = map->pairs[i].value;
    write_indent(i == 0 && first_is_indented ? 0 : indent, out);
    write_key(map->pairs[i].key, indent, out);
    if (value->count > 0) {
      lm_text_add(out, "\n");
    } else {
      lm_text_add(out, " ");
    }
    if (value->count > 0 && value->kind == LM_VALUE_MAP) {
      write_map(value, indent + STEP, false, out);
    } else if (value->count > 0) {
      write_list(value, indent + STEP, false, out);
    } else {
      write_scalar(value, out);
      lm_text_add(out, "\n");
    }
  }
}

static void write_list(const struct lm_value *list, size_t indent, bool first_is_indented,
                       struct lm_text *out)
{
  for (size_t i = 0; i < list->count; i++) {
    const struct lm_value *item = list->items[i];
    write_indent(i == 0 && first_is_indented ? 0 : indent, out);
    lm_text_add(out, "- ");
    if (item->count > 0 && item->kind == LM_VALUE_MAP) {
      write_map(item, indent + STEP, true, out);
    } else if (item->count > 0) {
      write_list(item, indent + STEP, true, out);
    } else {
      write_scalar(item, out);
      lm_text_add(out, "\n");
    }
  }
}

void lm_value_write(const struct lm_value *value, struct lm_text *out)
{
  if (value->count > 0 && value->kind == LM_VALUE_MAP) {
    write_map(value, 0, false, out);
  } else if (value->count > 0) {
    write_list(value, 0, false, out);
  } else {
    write_scalar(value, out);
    lm_text_add(out, "\n");
  }
}

void lm_value_write_flow(const struct lm_value *value, struct lm_text *out)
{
  if (value->kind == LM_VALUE_SCALAR && value->quoted) {
    lm_text_add_json_string(out, value->text);
  } else if (value->kind == LM_VALUE_SCALAR) {
    lm_text_add(out, value->text);
  } else if (value->kind == LM_VALUE_NULL) {
    lm_text_add(out, "null");
  } else if (value->kind == LM_VALUE_LIST) {
    lm_text_add(out, "[");
    for (size_t i = 0; i < value->count; i++) {
      lm_text_add(out, i == 0 ? "" : ", ");
      lm_value_write_flow(value->items[i], out);
    }
    lm_text_add(out, "]");
  } else {
    lm_text_add(out, "{");
    for (size_t i = 0; i < value->count; i++) {
      lm_text_addf(out, "%s%s: ", i == 0 ? "" : ", ", value->pairs[i].key);
      lm_value_write_flow(value->pairs[i].value, out);
    }
    lm_text_add(out, "}");
  }
}
