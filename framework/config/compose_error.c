/*
 * libyaml's refusals in words for people, with the place where the mistake is.
 *
 * libyaml speaks of tokens and nodes, and for errors below the level of characters gives only
 * an offset in bytes. A table turns its sentences into ours; what the table does not know
 * passes through. Characters that explain a mistake (tabs, `@`, `${`) are looked up in the
 * text itself.
 */
#include <stdio.h>
#include <string.h>

#include "config/compose_internal.h"

enum place { AT_PROBLEM, AT_BEGIN };

/* libyaml's problem, ours, which mark it belongs to, and whether to say where it began. */
struct translation {
  const char *problem;
  const char *sentence;
  enum place place;
  bool tells_begin;
};

static const struct translation translations[] = {
    {"could not find expected ':'",
     "expected ': ' after this key (a key stands on one line and has at most 1024 bytes)", AT_BEGIN,
     false},
    {"did not find expected key", "expected a key, indented like the others of the map", AT_PROBLEM,
     true},
    {"did not find expected '-' indicator",
     "expected '- ' of the next item, or a smaller indentation, after the list", AT_PROBLEM, true},
    {"did not find expected ',' or ']'", "expected ',' or ']' in the list", AT_PROBLEM, true},
    {"did not find expected ',' or '}'", "expected ',' or '}' in the map", AT_PROBLEM, true},
    {"did not find expected node content", "expected a value here", AT_PROBLEM, false},
    {"mapping values are not allowed in this context",
     "unexpected ':' (is the key before it indented like its neighbours? a text with ': ' in it "
     "needs quotes)",
     AT_PROBLEM, false},
    {"block sequence entries are not allowed in this context",
     "unexpected '- ' (a list begins on a line of its own)", AT_PROBLEM, false},
    {"found unexpected end of stream", "the quotes that begin here do not end", AT_BEGIN, false},
    {"found unexpected document indicator", "the quotes that begin here do not end", AT_BEGIN,
     false},
    {"found unknown escape character",
     "unknown escape after '\\' (single quotes keep backslashes as they are)", AT_PROBLEM, false},
    {"found a tab character that violates indentation", "a tab cannot indent, use spaces",
     AT_PROBLEM, false},
    {"found a tab character where an indentation space is expected",
     "a tab cannot indent, use spaces", AT_PROBLEM, false},
    {"found incompatible YAML document", "a %YAML version other than 1.1 or 1.2", AT_PROBLEM,
     false},
};

struct lm_where lm_compose_where(const struct lm_composer *composer, const yaml_mark_t *mark)
{
  if (composer->source->in_command) {
    return (struct lm_where){composer->source->name, 0, 0};
  }
  return (struct lm_where){composer->source->name, (int32_t)mark->line + 1,
                           (int32_t)mark->column + 1};
}

/* Length of the line break at s, 0 if there is none; the breaks that libyaml counts. */
static size_t line_break(const char *s, size_t left)
{
  if (s[0] == '\r' && left > 1 && s[1] == '\n') {
    return 2;
  }
  if (s[0] == '\r' || s[0] == '\n') {
    return 1;
  }
  if (left > 1 && memcmp(s, "\xc2\x85", 2) == 0) {
    return 2;
  }
  if (left > 2 && (memcmp(s, "\xe2\x80\xa8", 3) == 0 || memcmp(s, "\xe2\x80\xa9", 3) == 0)) {
    return 3;
  }
  return 0;
}

static bool begins_character(char c)
{
  return ((unsigned char)c & 0xc0) != 0x80;
}

/* Line and column, in characters, of a byte. */
static yaml_mark_t mark_of_offset(const struct lm_source *source, size_t offset)
{
  yaml_mark_t mark = {0};
  size_t end = offset < source->length ? offset : source->length;
  size_t at = end >= 3 && memcmp(source->text, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
  while (at < end) {
    size_t width = line_break(source->text + at, source->length - at);
    if (width > 0) {
      mark.line++;
      mark.column = 0;
    } else if (begins_character(source->text[at])) {
      mark.column++;
    }
    at += width > 0 ? width : 1;
  }
  return mark;
}

/* The byte at a mark and the one before it, 0 outside of the text. */
static void bytes_at(const struct lm_source *source, const yaml_mark_t *mark, char *before,
                     char *here)
{
  size_t at = 0;
  size_t line = 0;
  size_t column = 0;
  while (at < source->length && (line < mark->line || column < mark->column)) {
    size_t width = line_break(source->text + at, source->length - at);
    at += width > 0 ? width : 1;
    if (width > 0) {
      line++;
      column = 0;
    } else if (at >= source->length || begins_character(source->text[at])) {
      column++;
    }
  }
  *here = at < source->length ? source->text[at] : '\0';
  *before = at > 0 ? source->text[at - 1] : '\0';
}

static enum lamina_status refuse_bytes(const struct lm_composer *composer)
{
  const yaml_parser_t *parser = &composer->parser;
  yaml_mark_t mark = mark_of_offset(composer->source, parser->problem_offset);
  struct lm_where where = lm_compose_where(composer, &mark);
  if (strcmp(parser->problem, "control characters are not allowed") == 0) {
    return lm_fail_at(composer->error, LAMINA_E_INVALID, &where,
                      "control character 0x%02x, expected text", (unsigned)parser->problem_value);
  }
  return lm_fail_at(composer->error, LAMINA_E_INVALID, &where, "bytes that are not UTF-8 (%s)",
                    parser->problem);
}

static enum lamina_status refuse_token(const struct lm_composer *composer)
{
  const yaml_mark_t *mark = &composer->parser.problem_mark;
  struct lm_where where = lm_compose_where(composer, mark);
  char before;
  char here;
  bytes_at(composer->source, mark, &before, &here);
  if (here == '\t') {
    return lm_fail_at(composer->error, LAMINA_E_INVALID, &where, "a tab cannot indent, use spaces");
  }
  return lm_fail_at(composer->error, LAMINA_E_INVALID, &where,
                    "a value cannot begin with '%c' unless it is in quotes", here);
}

static const struct translation *translation_of(const char *problem)
{
  for (size_t i = 0; i < sizeof translations / sizeof translations[0]; i++) {
    if (strcmp(problem, translations[i].problem) == 0) {
      return &translations[i];
    }
  }
  return NULL;
}

static void add_hints(const struct lm_composer *composer, bool tells_begin)
{
  const yaml_parser_t *parser = &composer->parser;
  char before;
  char here;
  if (tells_begin && !composer->source->in_command) {
    lm_error_suffix(composer->error, " that begins at %zu:%zu", parser->context_mark.line + 1,
                    parser->context_mark.column + 1);
  }
  bytes_at(composer->source, &parser->problem_mark, &before, &here);
  if (before == '$' && here == '{') {
    lm_error_suffix(composer->error, " (inside [...] or {...}, put \"${...}\" in quotes)");
  }
}

static enum lamina_status refuse_syntax(const struct lm_composer *composer)
{
  const yaml_parser_t *parser = &composer->parser;
  const char *problem = parser->problem == NULL ? "not YAML" : parser->problem;
  if (strcmp(problem, "found character that cannot start any token") == 0) {
    return refuse_token(composer);
  }
  const struct translation *translation = translation_of(problem);
  bool at_begin = translation != NULL && translation->place == AT_BEGIN;
  struct lm_where where =
      lm_compose_where(composer, at_begin ? &parser->context_mark : &parser->problem_mark);
  if (translation != NULL) {
    (void)lm_fail_at(composer->error, LAMINA_E_INVALID, &where, "%s", translation->sentence);
    add_hints(composer, translation->tells_begin);
  } else {
    const char *context = parser->context == NULL ? "" : parser->context;
    (void)lm_fail_at(composer->error, LAMINA_E_INVALID, &where, "%s%s%s", context,
                     context[0] == '\0' ? "" : ": ", problem);
  }
  return LAMINA_E_INVALID;
}

enum lamina_status lm_compose_refusal(const struct lm_composer *composer)
{
  switch (composer->parser.error) {
    case YAML_MEMORY_ERROR:
      return lm_fail_memory(composer->error, 0);
    case YAML_READER_ERROR:
      return refuse_bytes(composer);
    default:
      return refuse_syntax(composer);
  }
}

static enum lamina_status screen_tag_directives(const struct lm_composer *composer)
{
  static const char directive[] = "%TAG";
  const struct lm_source *source = composer->source;
  size_t count = 0;
  for (size_t i = 0; i + sizeof directive <= source->length; i++) {
    bool begins_line = i == 0 || source->text[i - 1] == '\n' || source->text[i - 1] == '\r';
    if (begins_line && memcmp(source->text + i, directive, sizeof directive - 1) == 0 &&
        ++count > LM_LIMIT_TAG_DIRECTIVES) {
      yaml_mark_t mark = mark_of_offset(source, i);
      struct lm_where where = lm_compose_where(composer, &mark);
      return lm_fail_at(composer->error, LAMINA_E_INVALID, &where, "more than %d %%TAG directives",
                        LM_LIMIT_TAG_DIRECTIVES);
    }
  }
  return LAMINA_OK;
}

enum lamina_status lm_compose_screen(const struct lm_composer *composer)
{
  const struct lm_source *source = composer->source;
  const yaml_mark_t begin = {0};
  struct lm_where where = lm_compose_where(composer, &begin);
  if (source->length > LM_LIMIT_FILE) {
    return lm_fail_at(composer->error, LAMINA_E_INVALID, &where,
                      "%zu bytes, expected at most %d bytes", source->length, LM_LIMIT_FILE);
  }
  if (source->length >= 2 &&
      (memcmp(source->text, "\xff\xfe", 2) == 0 || memcmp(source->text, "\xfe\xff", 2) == 0)) {
    return lm_fail_at(composer->error, LAMINA_E_INVALID, &where,
                      "the file is in UTF-16, expected UTF-8");
  }
  return screen_tag_directives(composer);
}
