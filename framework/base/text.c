/*
 * The text builder doubles its memory as it grows. JSON output is here because it is nothing
 * but text; JSON input is a library's business (see checkpoint/).
 */
#include "base/text.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

static bool reserve(struct lm_text *text, size_t more)
{
  size_t need;
  if (text->failed || !lm_add_size(text->length, more, &need) || !lm_add_size(need, 1, &need) ||
      !lm_grow((void **)&text->bytes, &text->capacity, need, 1)) {
    text->failed = true;
    return false;
  }
  return true;
}

void lm_text_add_bytes(struct lm_text *text, const char *bytes, size_t length)
{
  if (!reserve(text, length)) {
    return;
  }
  if (length > 0) {
    memcpy(text->bytes + text->length, bytes, length);
  }
  text->length += length;
  text->bytes[text->length] = '\0';
}

void lm_text_add(struct lm_text *text, const char *string)
{
  lm_text_add_bytes(text, string, strlen(string));
}

void lm_text_addf(struct lm_text *text, const char *format, ...)
{
  va_list args;
  va_start(args, format);
  int length = vsnprintf(NULL, 0, format, args);
  va_end(args);
  if (length < 0 || !reserve(text, (size_t)length)) {
    text->failed = true;
    return;
  }
  va_start(args, format);
  (void)vsnprintf(text->bytes + text->length, (size_t)length + 1, format, args);
  va_end(args);
  text->length += (size_t)length;
}

/* Length of the valid UTF-8 sequence at s, 0 if there is none (RFC 3629). */
static size_t utf8_length(const unsigned char *s)
{
  size_t length;
  unsigned char low = 0x80;
  unsigned char high = 0xbf;
  if (s[0] < 0x80) {
    return 1;
  } else if (s[0] >= 0xc2 && s[0] <= 0xdf) {
    length = 2;
  } else if (s[0] >= 0xe0 && s[0] <= 0xef) {
    length = 3;
    low = s[0] == 0xe0 ? 0xa0 : 0x80;
    high = s[0] == 0xed ? 0x9f : 0xbf;
  } else if (s[0] >= 0xf0 && s[0] <= 0xf4) {
    length = 4;
    low = s[0] == 0xf0 ? 0x90 : 0x80;
    high = s[0] == 0xf4 ? 0x8f : 0xbf;
  } else {
    return 0;
  }
  if (s[1] < low || s[1] > high) {
    return 0;
  }
  for (size_t i = 2; i < length; i++) {
    if (s[i] < 0x80 || s[i] > 0xbf) {
      return 0;
    }
  }
  return length;
}

bool lm_text_is_utf8(const char *string)
{
  const unsigned char *s = (const unsigned char *)string;
  while (*s != '\0') {
    size_t length = utf8_length(s);
    if (length == 0) {
      return false;
    }
    s += length;
  }
  return true;
}

void lm_text_add_json_string(struct lm_text *text, const char *string)
{
  lm_text_add(text, "\"");
  const unsigned char *s = (const unsigned char *)string;
  while (*s != '\0') {
    size_t length = utf8_length(s);
    if (length == 0) {
      lm_text_add(text, "\xef\xbf\xbd");
      s++;
    } else if (*s == '"' || *s == '\\') {
      lm_text_addf(text, "\\%c", *s++);
    } else if (*s == '\n') {
      lm_text_add(text, "\\n");
      s++;
    } else if (*s < 0x20 || *s == 0x7f) {
      lm_text_addf(text, "\\u%04x", *s++);
    } else {
      lm_text_add_bytes(text, (const char *)s, length);
      s += length;
    }
  }
  lm_text_add(text, "\"");
}

void lm_text_add_json_number(struct lm_text *text, double number)
{
  if (!isfinite(number)) {
    lm_text_add(text, "null");
    return;
  }
  char shortest[40];
  for (int digits = 6; digits <= 17; digits++) {
    (void)snprintf(shortest, sizeof shortest, "%.*g", digits, number);
    if (strtod(shortest, NULL) == number) {
      break;
    }
  }
  lm_text_add(text, shortest);
}

void lm_text_add_xml(struct lm_text *text, const char *string)
{
  for (const char *at = string; *at != '\0'; at++) {
    switch (*at) {
      case '<':
        lm_text_add(text, "&lt;");
        break;
      case '>':
        lm_text_add(text, "&gt;");
        break;
      case '&':
        lm_text_add(text, "&amp;");
        break;
      case '"':
        lm_text_add(text, "&quot;");
        break;
      default:
        lm_text_add_bytes(text, (unsigned char)*at < 0x20 ? " " : at, 1);
    }
  }
}

bool lm_text_ok(const struct lm_text *text)
{
  return !text->failed;
}

const char *lm_text_get(const struct lm_text *text)
{
  return text->bytes == NULL ? "" : text->bytes;
}

char *lm_text_take(struct lm_text *text)
{
  char *bytes = NULL;
  if (!text->failed && reserve(text, 0)) {
    text->bytes[text->length] = '\0';
    bytes = text->bytes;
    text->bytes = NULL;
  }
  lm_text_release(text);
  return bytes;
}

void lm_text_clear(struct lm_text *text)
{
  text->length = 0;
  text->failed = false;
  if (text->bytes != NULL) {
    text->bytes[0] = '\0';
  }
}

void lm_text_release(struct lm_text *text)
{
  lm_free(text->bytes);
  *text = (struct lm_text){0};
}

void lm_format_bytes(char *out, size_t size, uint64_t bytes)
{
  static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
  double value = (double)bytes;
  size_t unit = 0;
  while (value >= 1024 && unit + 1 < sizeof units / sizeof units[0]) {
    value /= 1024;
    unit++;
  }
  (void)snprintf(out, size, unit == 0 ? "%.0f %s" : "%.1f %s", value, units[unit]);
}
