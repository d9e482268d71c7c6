/*
 * What the writer of a refused scalar most likely meant: numbers as other languages spell
 * them, yes and no, numbers in quotes. A hint names the right spelling where it can.
 */
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "config/config_internal.h"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static bool is_digit(char c)
{
  return c >= '0' && c <= '9';
}

static const char *skip_sign(const char *s)
{
  return *s == '-' || *s == '+' ? s + 1 : s;
}

/* A number in digits, so not .inf or .nan. */
static bool is_decimal(const char *text)
{
  enum lm_plain class = lm_plain_class(text);
  return (class == LM_PLAIN_INTEGER || class == LM_PLAIN_FLOAT) &&
         strpbrk(text, "0123456789") != NULL;
}

static bool is_yes_or_no(const char *text)
{
  static const char *const words[] = {"yes", "no", "on", "off", "y", "n"};
  for (size_t i = 0; i < COUNT_OF(words); i++) {
    if (strcasecmp(text, words[i]) == 0) {
      return true;
    }
  }
  return strcmp(text, "0") == 0 || strcmp(text, "1") == 0;
}

/* The text without its underscores, if that makes it a number. */
static bool cleaned_number(const char *text, char *out, size_t size)
{
  size_t used = 0;
  for (const char *s = text; *s != '\0'; s++) {
    if (*s != '_' && used + 1 < size) {
      out[used++] = *s;
    }
  }
  out[used] = '\0';
  return strlen(text) < size && is_decimal(out);
}

/* Numbers of other languages: 0x10, 0o17, 010, 1_000, 1,5. */
static void hint_foreign_number(const char *text, char *hint, size_t size)
{
  const char *digits = skip_sign(text);
  const char *zeros = digits;
  char plain[LM_EXCERPT];
  char *end = NULL;
  while (zeros[0] == '0' && is_digit(zeros[1])) {
    zeros++;
  }
  if (digits[0] == '0' && (digits[1] == 'x' || digits[1] == 'o' || digits[1] == 'b')) {
    int base = digits[1] == 'x' ? 16 : digits[1] == 'o' ? 8 : 2;
    errno = 0;
    long long number = strtoll(digits + 2, &end, base);
    if (isalnum((unsigned char)digits[2]) && *end == '\0' && errno == 0) {
      (void)snprintf(hint, size, " (only decimal numbers are read: write %s%lld)",
                     text[0] == '-' ? "-" : "", number);
    }
  } else if (zeros != digits && is_decimal(zeros) && strlen(zeros) < LM_EXCERPT) {
    (void)snprintf(hint, size, " (write %s%s without leading zeros; octal is not read)",
                   text[0] == '-' ? "-" : "", zeros);
  } else if (strchr(text, '_') != NULL && cleaned_number(text, plain, sizeof plain)) {
    (void)snprintf(hint, size, " (write %s without underscores)", plain);
  } else if (is_digit(digits[0]) && digits[strspn(digits, "0123456789.,")] == '\0') {
    (void)snprintf(hint, size, " (write a point for decimals and nothing between thousands)");
  } else if (strcasecmp(digits, "inf") == 0 || strcasecmp(digits, "nan") == 0 ||
             strcasecmp(digits, "infinity") == 0) {
    (void)snprintf(hint, size, " (write .inf or .nan)");
  }
}

static void hint_integer(const struct lm_value *value, char *hint, size_t size)
{
  double number;
  if (!is_decimal(value->text) || lm_value_f64(value, "", &number, NULL) != LAMINA_OK) {
    hint_foreign_number(value->text, hint, size);
  } else if (fabs(number) < 1e15 && floor(number) == number) {
    (void)snprintf(hint, size, " (write %.0f)", number);
  }
}

void lm_scalar_hint(const struct lm_value *value, enum lm_wanted wanted, char *hint, size_t size)
{
  hint[0] = '\0';
  if (value == NULL || value->kind != LM_VALUE_SCALAR) {
    return;
  }
  enum lm_plain class = lm_plain_class(value->text);
  bool is_number = class == LM_PLAIN_INTEGER || class == LM_PLAIN_FLOAT;
  if (value->quoted && (wanted == LM_WANT_BOOL ? class == LM_PLAIN_BOOL : is_number)) {
    (void)snprintf(hint, size, " (in quotes it is text: remove the quotes)");
  } else if (wanted == LM_WANT_BOOL && is_yes_or_no(value->text)) {
    (void)snprintf(hint, size, " (write true or false)");
  } else if (wanted == LM_WANT_INTEGER && !value->quoted) {
    hint_integer(value, hint, size);
  } else if (wanted == LM_WANT_NUMBER && !value->quoted) {
    hint_foreign_number(value->text, hint, size);
  }
}
