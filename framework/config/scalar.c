/*
 * What plain scalars mean: the YAML 1.2 core schema, and typed readings with their messages.
 *
 * Core schema without its octal and hexadecimal numbers: those, leading zeros, underscores
 * and yes/no are what people bring along from YAML 1.1 and other languages, and are refused
 * with the spelling that is meant. Number parsing does not depend on the process's locale,
 * which a plugin may have changed.
 */
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/config_internal.h"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static bool is_digit(char c)
{
  return c >= '0' && c <= '9';
}

static bool is_one_of(const char *text, const char *const *words, size_t count)
{
  for (size_t i = 0; i < count; i++) {
    if (strcmp(text, words[i]) == 0) {
      return true;
    }
  }
  return false;
}

static bool is_null(const char *text)
{
  static const char *const words[] = {"", "~", "null", "Null", "NULL"};
  return is_one_of(text, words, COUNT_OF(words));
}

static bool read_bool(const char *text, bool *out)
{
  static const char *const words[] = {"true", "True", "TRUE", "false", "False", "FALSE"};
  if (!is_one_of(text, words, COUNT_OF(words))) {
    return false;
  }
  *out = text[0] == 't' || text[0] == 'T';
  return true;
}

static const char *skip_sign(const char *s)
{
  return *s == '-' || *s == '+' ? s + 1 : s;
}

static const char *skip_digits(const char *s)
{
  while (is_digit(*s)) {
    s++;
  }
  return s;
}

/* [-+]?(0|[1-9][0-9]*) with nothing behind it. */
static bool is_integer(const char *text)
{
  const char *digits = skip_sign(text);
  const char *end = skip_digits(digits);
  return end > digits && *end == '\0' && (digits[0] != '0' || end == digits + 1);
}

/* End of a decimal number with an optional fraction and exponent, NULL if there is none. */
static const char *skip_decimal(const char *text)
{
  const char *whole = skip_sign(text);
  const char *s = skip_digits(whole);
  size_t digits = (size_t)(s - whole);
  if (digits > 1 && whole[0] == '0') {
    return NULL;
  }
  if (*s == '.') {
    const char *fraction = s + 1;
    s = skip_digits(fraction);
    digits += (size_t)(s - fraction);
  }
  if (digits == 0) {
    return NULL;
  }
  if (*s == 'e' || *s == 'E') {
    const char *exponent = skip_sign(s + 1);
    s = skip_digits(exponent);
    return s > exponent ? s : NULL;
  }
  return s;
}

static bool is_decimal(const char *text)
{
  const char *end = skip_decimal(text);
  return end != NULL && *end == '\0';
}

static bool is_special(const char *text, double *out)
{
  static const char *const infinities[] = {".inf", ".Inf", ".INF"};
  static const char *const nans[] = {".nan", ".NaN", ".NAN"};
  if (is_one_of(text, nans, COUNT_OF(nans))) {
    *out = (double)NAN;
    return true;
  }
  if (!is_one_of(skip_sign(text), infinities, COUNT_OF(infinities))) {
    return false;
  }
  *out = text[0] == '-' ? -(double)INFINITY : (double)INFINITY;
  return true;
}

enum lm_plain lm_plain_class(const char *text)
{
  bool truth;
  double number;
  if (is_null(text)) {
    return LM_PLAIN_NULL;
  }
  if (read_bool(text, &truth)) {
    return LM_PLAIN_BOOL;
  }
  if (is_integer(text)) {
    return LM_PLAIN_INTEGER;
  }
  return is_decimal(text) || is_special(text, &number) ? LM_PLAIN_FLOAT : LM_PLAIN_TEXT;
}

static bool parse_i64(const char *text, int64_t *out)
{
  bool negative = text[0] == '-';
  int64_t number = 0;
  for (const char *s = skip_sign(text); *s != '\0'; s++) {
    int64_t digit = negative ? -(int64_t)(*s - '0') : (int64_t)(*s - '0');
    if (__builtin_mul_overflow(number, 10, &number) ||
        __builtin_add_overflow(number, digit, &number)) {
      return false;
    }
  }
  *out = number;
  return true;
}

/* Whether a decimal number has a digit other than 0 before its exponent. */
static bool is_nonzero(const char *text)
{
  for (const char *s = text; *s != '\0' && *s != 'e' && *s != 'E' && *s != '/'; s++) {
    if (*s >= '1' && *s <= '9') {
      return true;
    }
  }
  return false;
}

/* One decimal number, in the C locale. NULL, or what is wrong with it. */
static const char *parse_decimal(const char *text, double *out)
{
  locale_t c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
  if (c_locale == (locale_t)0) {
    return "the C locale is not available";
  }
  *out = strtod_l(text, NULL, c_locale);
  freelocale(c_locale);
  if (isinf(*out)) {
    return "is too large for a double (about 1.8e308)";
  }
  if (*out == 0 && is_nonzero(text)) {
    return "is too small for a double (about 4.9e-324)";
  }
  return NULL;
}

static bool is_fraction(const char *text)
{
  const char *slash = skip_decimal(text);
  return slash != NULL && *slash == '/' && is_decimal(slash + 1);
}

static const char *parse_fraction(const char *text, double *out)
{
  double above;
  double below;
  const char *fault = parse_decimal(text, &above);
  if (fault == NULL) {
    fault = parse_decimal(strchr(text, '/') + 1, &below);
  }
  if (fault != NULL) {
    return fault;
  }
  if (below == 0) {
    return "divides by zero";
  }
  *out = above / below;
  return isinf(*out) ? "is too large for a double (about 1.8e308)" : NULL;
}

const char *lm_excerpt(const char *text, char *buffer, size_t size)
{
  static const char dots[] = "...";
  size_t used = 0;
  for (const unsigned char *s = (const unsigned char *)text; *s != '\0'; s++) {
    if (used + sizeof "\\x00" + sizeof dots > size) {
      while (used > 0 && ((unsigned char)buffer[used - 1] & 0xc0) == 0x80) {
        used--;
      }
      if (used > 0 && ((unsigned char)buffer[used - 1] & 0x80) != 0) {
        used--;
      }
      memcpy(buffer + used, dots, sizeof dots);
      return buffer;
    }
    if (*s == '\n' || *s == '\t') {
      buffer[used++] = '\\';
      buffer[used++] = *s == '\n' ? 'n' : 't';
    } else if (*s < 0x20 || *s == 0x7f) {
      used += (size_t)snprintf(buffer + used, sizeof "\\x00", "\\x%02x", *s);
    } else {
      buffer[used++] = (char)*s;
    }
  }
  buffer[used] = '\0';
  return buffer;
}

const char *lm_value_describe(const struct lm_value *value, char *buffer, size_t size)
{
  static const char *const kinds[] = {
      [LM_VALUE_NULL] = "null", [LM_VALUE_LIST] = "a list", [LM_VALUE_MAP] = "a map"};
  if (value == NULL || value->kind != LM_VALUE_SCALAR) {
    (void)snprintf(buffer, size, "%s", value == NULL ? "nothing" : kinds[value->kind]);
    return buffer;
  }
  char excerpt[LM_EXCERPT];
  (void)lm_excerpt(value->text, excerpt, sizeof excerpt);
  enum lm_plain class = value->quoted ? LM_PLAIN_TEXT : lm_plain_class(value->text);
  if (class == LM_PLAIN_TEXT) {
    (void)snprintf(buffer, size, "text '%s'", excerpt);
  } else if (class == LM_PLAIN_BOOL) {
    (void)snprintf(buffer, size, "%s", excerpt);
  } else {
    (void)snprintf(buffer, size, "number %s", excerpt);
  }
  return buffer;
}

static enum lamina_status refuse(const struct lm_value *value, const char *what,
                                 enum lm_wanted wanted, struct lm_error *error)
{
  static const char *const names[] = {[LM_WANT_INTEGER] = "an integer",
                                      [LM_WANT_NUMBER] = "a number",
                                      [LM_WANT_BOOL] = "true or false"};
  char found[LM_EXCERPT + 16];
  char hint[LM_EXCERPT + 64];
  lm_scalar_hint(value, wanted, hint, sizeof hint);
  return lm_fail_at(error, LAMINA_E_INVALID, value == NULL ? NULL : &value->where,
                    "%s: expected %s, found %s%s", what, names[wanted],
                    lm_value_describe(value, found, sizeof found), hint);
}

static enum lamina_status refuse_number(const struct lm_value *value, const char *what,
                                        const char *fault, struct lm_error *error)
{
  char excerpt[LM_EXCERPT];
  return lm_fail_at(error, LAMINA_E_INVALID, &value->where, "%s: the number %s %s", what,
                    lm_excerpt(value->text, excerpt, sizeof excerpt), fault);
}

/* The text of a plain scalar, NULL for anything else. */
static const char *plain_text(const struct lm_value *value)
{
  bool is_plain = value != NULL && value->kind == LM_VALUE_SCALAR && !value->quoted;
  return is_plain ? value->text : NULL;
}

enum lamina_status lm_value_i64(const struct lm_value *value, const char *what, int64_t *out,
                                struct lm_error *error)
{
  const char *text = plain_text(value);
  if (text == NULL || !is_integer(text)) {
    return refuse(value, what, LM_WANT_INTEGER, error);
  }
  int64_t number;
  if (!parse_i64(text, &number)) {
    return refuse_number(value, what, "does not fit into a 64-bit integer", error);
  }
  *out = number;
  return LAMINA_OK;
}

enum lamina_status lm_value_f64(const struct lm_value *value, const char *what, double *out,
                                struct lm_error *error)
{
  const char *text = plain_text(value);
  const char *fault = NULL;
  double number = 0;
  if (text == NULL) {
    return refuse(value, what, LM_WANT_NUMBER, error);
  }
  if (is_decimal(text)) {
    fault = parse_decimal(text, &number);
  } else if (is_fraction(text)) {
    fault = parse_fraction(text, &number);
  } else if (!is_special(text, &number)) {
    return refuse(value, what, LM_WANT_NUMBER, error);
  }
  if (fault != NULL) {
    return refuse_number(value, what, fault, error);
  }
  *out = number;
  return LAMINA_OK;
}

enum lamina_status lm_value_bool(const struct lm_value *value, const char *what, bool *out,
                                 struct lm_error *error)
{
  const char *text = plain_text(value);
  if (text == NULL || !read_bool(text, out)) {
    return refuse(value, what, LM_WANT_BOOL, error);
  }
  return LAMINA_OK;
}

enum lamina_status lm_value_text(const struct lm_value *value, const char *what, const char **out,
                                 struct lm_error *error)
{
  if (value == NULL || value->kind != LM_VALUE_SCALAR) {
    char found[LM_EXCERPT + 16];
    return lm_fail_at(error, LAMINA_E_INVALID, value == NULL ? NULL : &value->where,
                      "%s: expected a text, found %s", what,
                      lm_value_describe(value, found, sizeof found));
  }
  *out = value->text;
  return LAMINA_OK;
}
