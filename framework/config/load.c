/*
 * From a file to a finished tree: read, include, override, substitute, in this order.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "config/config_internal.h"
#include "io/files.h"

static enum lamina_status build(struct lm_config *config, const struct lm_source *source,
                                const char *const *overrides, size_t count, struct lm_error *error)
{
  LM_TRY(lm_include_all(config, source, error));
  for (size_t i = 0; i < count; i++) {
    LM_TRY(lm_override(config, overrides[i], error));
  }
  return lm_substitute(config, error);
}

enum lamina_status lm_config_parse(const char *text, size_t length, const char *name,
                                   const char *const *overrides, size_t count,
                                   struct lm_config **out, struct lm_error *error)
{
  *out = NULL;
  struct lm_config *config = lm_config_create();
  if (config == NULL) {
    return lm_fail_memory(error, 0);
  }
  struct lm_source source = {length == 0 ? "" : text, length, lm_tree_name(config, name), false};
  enum lamina_status status = source.name == NULL ? lm_fail_memory(error, 0)
                                                  : build(config, &source, overrides, count, error);
  if (status != LAMINA_OK) {
    lm_config_free(config);
    config = NULL;
  } else { /* what the runtime adds from here on is no user's file */
    config->spent_values = 0;
    config->spent_text = 0;
  }
  *out = config;
  return status;
}

static enum lamina_status read_standard_input(struct lm_text *text, struct lm_error *error)
{
  char buffer[4096];
  for (;;) {
    ssize_t got = read(STDIN_FILENO, buffer, sizeof buffer);
    if (got == 0) {
      return lm_text_ok(text) ? LAMINA_OK : lm_fail_memory(error, 0);
    }
    if (got < 0 && errno != EINTR) {
      return lm_fail(error, LAMINA_E_IO, "<stdin>: %s", strerror(errno));
    }
    if (got > 0) {
      lm_text_add_bytes(text, buffer, (size_t)got);
    }
    if (text->length > LM_LIMIT_FILE) {
      return lm_fail(error, LAMINA_E_INVALID, "<stdin>: more than %d bytes", LM_LIMIT_FILE);
    }
  }
}

static enum lamina_status load_standard_input(const char *const *overrides, size_t count,
                                              struct lm_config **out, struct lm_error *error)
{
  struct lm_text text = {0};
  enum lamina_status status = read_standard_input(&text, error);
  if (status == LAMINA_OK) {
    status =
        lm_config_parse(lm_text_get(&text), text.length, "<stdin>", overrides, count, out, error);
  }
  lm_text_release(&text);
  return status;
}

enum lamina_status lm_config_load(const char *path, const char *const *overrides, size_t count,
                                  struct lm_config **out, struct lm_error *error)
{
  *out = NULL;
  if (strcmp(path, "-") == 0) {
    return load_standard_input(overrides, count, out, error);
  }
  struct lm_bytes bytes = {0};
  LM_TRY(lm_file_read(path, LM_READ_PLAIN, LM_LIMIT_FILE, &bytes, error));
  enum lamina_status status =
      lm_config_parse((const char *)bytes.bytes, bytes.size, path, overrides, count, out, error);
  lm_bytes_release(&bytes);
  return status;
}

/* Gives every part of a value one place. */
static void set_where(struct lm_value *value, const struct lm_where *where)
{
  value->where = *where;
  for (size_t i = 0; value->kind == LM_VALUE_LIST && i < value->count; i++) {
    set_where(value->items[i], where);
  }
  for (size_t i = 0; value->kind == LM_VALUE_MAP && i < value->count; i++) {
    value->pairs[i].key_where = *where;
    set_where(value->pairs[i].value, where);
  }
}

enum lamina_status lm_config_value(struct lm_config *config, const char *text,
                                   const struct lm_where *where, struct lm_value **out,
                                   struct lm_error *error)
{
  struct lm_source source = {text, strlen(text), lm_tree_name(config, text), true};
  if (source.name == NULL) {
    return lm_fail_memory(error, 0);
  }
  LM_TRY(lm_compose(config, &source, out, error));
  if (*out == NULL) {
    LM_TRY(lm_tree_value(config, LM_VALUE_NULL, where, out, error));
  }
  set_where(*out, where);
  return LAMINA_OK;
}
