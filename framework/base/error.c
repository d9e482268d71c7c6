/*
 * Status texts come from the one list in lamina/status.h; sentences are formatted into the
 * caller's storage, so that reporting an error never allocates.
 */
#include "base/error.h"

#include <stdio.h>
#include <string.h>

static void mark_cut(char *text, size_t size)
{
  static const char dots[] = "...";
  memcpy(text + size - sizeof dots, dots, sizeof dots);
}

static void format_into(char *text, size_t size, const char *format, va_list args)
{
  int length = vsnprintf(text, size, format, args);
  if (length < 0) {
    text[0] = '\0';
  } else if ((size_t)length >= size) {
    mark_cut(text, size);
  }
}

enum lamina_status lm_fail(struct lm_error *error, enum lamina_status status, const char *format,
                           ...)
{
  if (error != NULL) {
    va_list args;
    va_start(args, format);
    format_into(error->text, sizeof error->text, format, args);
    va_end(args);
    error->status = status;
  }
  return status;
}

enum lamina_status lm_fail_at(struct lm_error *error, enum lamina_status status,
                              const struct lm_where *where, const char *format, ...)
{
  if (error != NULL) {
    va_list args;
    va_start(args, format);
    format_into(error->text, sizeof error->text, format, args);
    va_end(args);
    error->status = status;
    lm_error_prefix_at(error, where);
  }
  return status;
}

void lm_error_prefix_at(struct lm_error *error, const struct lm_where *where)
{
  if (where != NULL && where->file != NULL && where->line > 0) {
    lm_error_prefix(error, "%s:%d:%d", where->file, where->line, where->column);
  } else if (where != NULL && where->file != NULL) {
    lm_error_prefix(error, "%s", where->file);
  }
}

void lm_error_prefix(struct lm_error *error, const char *format, ...)
{
  if (error == NULL) {
    return;
  }
  char old[sizeof error->text];
  memcpy(old, error->text, sizeof old);
  va_list args;
  va_start(args, format);
  format_into(error->text, sizeof error->text, format, args);
  va_end(args);
  size_t length = strlen(error->text);
  int added = snprintf(error->text + length, sizeof error->text - length, ": %s", old);
  if (added < 0 || (size_t)added >= sizeof error->text - length) {
    mark_cut(error->text, sizeof error->text);
  }
}

void lm_error_suffix(struct lm_error *error, const char *format, ...)
{
  if (error == NULL) {
    return;
  }
  size_t length = strlen(error->text);
  va_list args;
  va_start(args, format);
  int added = vsnprintf(error->text + length, sizeof error->text - length, format, args);
  va_end(args);
  if (added < 0 || (size_t)added >= sizeof error->text - length) {
    mark_cut(error->text, sizeof error->text);
  }
}

enum lamina_status lm_fail_memory(struct lm_error *error, uint64_t bytes)
{
  if (bytes == 0) {
    return lm_fail(error, LAMINA_E_NOMEM, "not enough memory");
  }
  return lm_fail(error, LAMINA_E_NOMEM, "not enough memory for %llu bytes",
                 (unsigned long long)bytes);
}

const char *lm_status_text(enum lamina_status status)
{
  switch (status) {
#define LM_STATUS_ENTRY(name, value, exit_code, text) \
  case name:                                          \
    return text;
    LAMINA_STATUS_LIST(LM_STATUS_ENTRY)
#undef LM_STATUS_ENTRY
    case LAMINA_STATUS_END:
      break;
  }
  return "unknown status";
}

const char *lm_status_name(enum lamina_status status)
{
  switch (status) {
#define LM_STATUS_ENTRY(name, value, exit_code, text) \
  case name:                                          \
    return #name;
    LAMINA_STATUS_LIST(LM_STATUS_ENTRY)
#undef LM_STATUS_ENTRY
    case LAMINA_STATUS_END:
      break;
  }
  return "unknown status";
}

int lm_status_exit_code(enum lamina_status status)
{
  switch (status) {
#define LM_STATUS_ENTRY(name, value, exit_code, text) \
  case name:                                          \
    return exit_code;
    LAMINA_STATUS_LIST(LM_STATUS_ENTRY)
#undef LM_STATUS_ENTRY
    case LAMINA_STATUS_END:
      break;
  }
  return 70;
}
