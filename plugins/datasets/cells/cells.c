/*
 * A hand-written scanner: one pass, no copies, no state but the place in the text.
 *
 * Numbers are read here and not by strtod, which follows the process's locale. Up to 19 digits
 * are kept and scaled by powers of ten in double, so that the float32 made of it is the nearest
 * one except within about 1e-15 of the middle of two.
 */
#include "cells.h"

#include <stddef.h>
#include <string.h>

struct lm_csv_text lm_csv_text_make(const char *bytes, uint64_t size, char separator)
{
  struct lm_csv_text text = {bytes, bytes + size, 1, separator, 0};
  if (size >= 3 && memcmp(bytes, "\xef\xbb\xbf", 3) == 0) {
    text.at += 3;
  }
  return text;
}

int lm_csv_has_record(struct lm_csv_text *text)
{
  while (text->at < text->end) {
    ptrdiff_t left = text->end - text->at;
    if (*text->at == '\n') {
      text->at++;
    } else if (left >= 2 && text->at[0] == '\r' && text->at[1] == '\n') {
      text->at += 2;
    } else {
      return 1;
    }
    text->line++;
  }
  return 0;
}

static int is_blank(const struct lm_csv_text *text, char c)
{
  return (c == ' ' || c == '\t') && c != text->separator;
}

static void skip_blanks(struct lm_csv_text *text)
{
  while (text->at < text->end && is_blank(text, *text->at)) {
    text->at++;
  }
}

/* Passes the separator or the line end. */
static int finish(struct lm_csv_text *text)
{
  if (text->at < text->end && *text->at == '\r') {
    text->at++;
  }
  if (text->at == text->end) {
    return text->is_partial ? LM_CSV_TORN : LM_CSV_END;
  }
  if (*text->at == '\n') {
    text->at++;
    text->line++;
    return LM_CSV_END;
  }
  if (*text->at != text->separator) {
    return LM_CSV_TAIL;
  }
  text->at++;
  return LM_CSV_MORE;
}

static int take_quoted(struct lm_csv_text *text, struct lm_csv_cell *cell)
{
  cell->is_quoted = 1;
  cell->bytes = ++text->at;
  for (; text->at < text->end; text->at++) {
    if (*text->at == '\n') {
      text->line++;
    } else if (*text->at == '"') {
      if (text->at + 1 == text->end || text->at[1] != '"') {
        break;
      }
      text->at++;
    }
  }
  if (text->at == text->end) {
    return text->is_partial ? LM_CSV_TORN : LM_CSV_UNCLOSED;
  }
  cell->length = (uint64_t)(text->at++ - cell->bytes);
  skip_blanks(text);
  return finish(text);
}

int lm_csv_take(struct lm_csv_text *text, struct lm_csv_cell *cell)
{
  const char *end;
  cell->line = text->line;
  skip_blanks(text);
  if (text->at < text->end && *text->at == '"') {
    return take_quoted(text, cell);
  }
  cell->is_quoted = 0;
  cell->bytes = text->at;
  while (text->at < text->end && *text->at != text->separator && *text->at != '\n') {
    text->at++;
  }
  end = text->at;
  if (end > cell->bytes && end[-1] == '\r' && (end == text->end || *end == '\n')) {
    end--;
  }
  while (end > cell->bytes && is_blank(text, end[-1])) {
    end--;
  }
  cell->length = (uint64_t)(end - cell->bytes);
  return finish(text);
}

/* value * 10^exponent, with exact powers. */
static double scale(double value, int64_t exponent)
{
  static const double powers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                  1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                  1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
  int64_t left = exponent < 0 ? -exponent : exponent;
  left = left > 400 ? 400 : left; /* 1e19 * 1e-400 is 0, 1 * 1e400 is infinite */
  while (left > 0) {
    int64_t take = left > 22 ? 22 : left;
    value = exponent < 0 ? value / powers[take] : value * powers[take];
    left -= take;
  }
  return value;
}

static int is_digit(const char *at, const char *end)
{
  return at < end && *at >= '0' && *at <= '9';
}

/* Digits of a mantissa: the first 19 or so count, later ones only for the exponent. */
static const char *take_digits(const char *at, const char *end, uint64_t *mantissa,
                               int64_t *dropped)
{
  for (; is_digit(at, end); at++) {
    if (*mantissa < UINT64_C(1000000000000000000)) {
      *mantissa = *mantissa * 10 + (uint64_t)(*at - '0');
    } else {
      ++*dropped;
    }
  }
  return at;
}

/* The e+12 of a number, at its e; NULL if no digit follows. */
static const char *take_exponent(const char *at, const char *end, int64_t *exponent)
{
  int64_t number = 0;
  int is_negative;
  at++;
  is_negative = at < end && *at == '-';
  if (at < end && (*at == '-' || *at == '+')) {
    at++;
  }
  if (!is_digit(at, end)) {
    return NULL;
  }
  for (; is_digit(at, end); at++) {
    number = number < 100000000 ? number * 10 + (*at - '0') : number;
  }
  *exponent += is_negative ? -number : number;
  return at;
}

int lm_csv_number(const struct lm_csv_cell *cell, double *out)
{
  const char *at = cell->bytes, *end = at + cell->length, *from;
  uint64_t mantissa = 0;
  int64_t exponent = 0, dropped = 0, digits;
  int is_negative = at < end && *at == '-';
  if (at < end && (*at == '-' || *at == '+')) {
    at++;
  }
  from = at;
  at = take_digits(at, end, &mantissa, &exponent);
  digits = at - from;
  if (at < end && *at == '.') {
    from = ++at;
    at = take_digits(at, end, &mantissa, &dropped);
    digits += at - from;
    exponent -= at - from - dropped;
  }
  if (digits == 0) {
    return 0;
  }
  if (at < end && (*at == 'e' || *at == 'E')) {
    at = take_exponent(at, end, &exponent);
  }
  if (at != end) {
    return 0;
  }
  *out = mantissa == 0 ? 0.0 : scale((double)mantissa, exponent);
  *out = is_negative ? -*out : *out;
  return 1;
}

/* Whether the cell holds this word, in letters of either case. */
static int has_word(const struct lm_csv_cell *cell, const char *word)
{
  if (strlen(word) != cell->length) {
    return 0;
  }
  for (uint64_t i = 0; i < cell->length; i++) {
    char c = cell->bytes[i];
    if ((c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c) != word[i]) {
      return 0;
    }
  }
  return 1;
}

int lm_csv_is_word(const struct lm_csv_cell *cell)
{
  static const char *const missing[] = {"nan", "inf", "-inf", "+inf", "na", "n/a", "null", "?"};
  double number;
  if (cell->length == 0 || lm_csv_number(cell, &number)) {
    return 0;
  }
  for (size_t i = 0; i < sizeof missing / sizeof *missing; i++) {
    if (has_word(cell, missing[i])) {
      return 0;
    }
  }
  return 1;
}

struct lm_csv_cell lm_csv_cell_make(const char *bytes, uint64_t length)
{
  struct lm_csv_cell cell = {bytes, length, 0, 0};
  return cell;
}

/* The byte at *i, which moves on; -1 at the end. */
static int next_byte(const struct lm_csv_cell *cell, uint64_t *i)
{
  int byte;
  if (*i >= cell->length) {
    return -1;
  }
  byte = (unsigned char)cell->bytes[(*i)++];
  if (byte == '"' && cell->is_quoted) {
    ++*i;
  }
  return byte;
}

int lm_csv_compare(const struct lm_csv_cell *a, const struct lm_csv_cell *b)
{
  uint64_t i = 0, j = 0;
  int left, right;
  do {
    left = next_byte(a, &i);
    right = next_byte(b, &j);
  } while (left == right && left >= 0);
  return left - right;
}

uint64_t lm_csv_copy(const struct lm_csv_cell *cell, char *out, uint64_t size)
{
  uint64_t i = 0, length = 0;
  for (int byte = next_byte(cell, &i); byte >= 0; byte = next_byte(cell, &i)) {
    if (length < size) {
      out[length] = (char)byte;
    }
    length++;
  }
  return length;
}

const char *lm_csv_show(const struct lm_csv_cell *cell, char out[LM_CSV_SHOWN])
{
  uint64_t i = 0;
  size_t length = 0;
  int byte = next_byte(cell, &i);
  for (; byte >= 0 && length < LM_CSV_SHOWN - 4; byte = next_byte(cell, &i)) {
    out[length++] = byte >= ' ' && byte < 0x7f ? (char)byte : '?';
  }
  (void)memcpy(out + length, byte >= 0 ? "..." : "", byte >= 0 ? 4 : 1);
  return out;
}
