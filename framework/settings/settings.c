/*
 * Filling a struct from a map by a table.
 *
 * First the map's keys are settled: renamed ones get their new name, unknown ones are refused.
 * Then every row takes its value or its default. Defaults go through the very same binding as
 * given values, so that a default cannot be what a user may not write, and are recorded in the
 * map, so that the experiment as saved does not change its meaning when a default does.
 */
#include "settings/settings.h"

#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "settings/settings_internal.h"

/* A table being filled; map is NULL when nothing is recorded. */
struct filling {
  const struct lm_settings *table;
  const struct lm_settings_use *use;
  struct lm_config *config;
  struct lm_value *map;
  struct lm_settings_memory *memory;
  struct lm_error *error;
};

const struct lamina_setting *lm_settings_row(const struct lm_settings *table, size_t i)
{
  return (const struct lamina_setting *)(const void *)((const char *)table->rows +
                                                       i * table->stride);
}

static void warn_renamed(const struct filling *filling, const struct lm_pair *pair,
                         const struct lamina_setting *row)
{
  struct lm_error sentence;
  if (filling->use->warn != NULL) {
    (void)lm_fail_at(&sentence, LAMINA_OK, &pair->key_where, "'%s' of %s is now called '%s'",
                     row->name, filling->table->owner, row->replaced_by);
    filling->use->warn(filling->use->warn_arg, sentence.text);
  }
}

/* Gives a key of an older version its new name. */
static enum lamina_status rename_key(const struct filling *filling,
                                     const struct lamina_setting *row)
{
  const struct lm_pair *pair = lm_value_pair(filling->map, row->name);
  if (pair == NULL) {
    return LAMINA_OK;
  }
  const struct lm_pair *other = lm_value_pair(filling->map, row->replaced_by);
  if (other != NULL) {
    return lm_fail_at(filling->error, LAMINA_E_INVALID, &pair->key_where,
                      "'%s' of %s is the old name of '%s', which is given too", row->name,
                      filling->table->owner, row->replaced_by);
  }
  warn_renamed(filling, pair, row);
  if (!lm_config_rename(filling->config, filling->map, row->name, row->replaced_by)) {
    return lm_fail_memory(filling->error, 0);
  }
  return LAMINA_OK;
}

static enum lamina_status rename_keys(const struct filling *filling)
{
  for (size_t i = 0; i < filling->table->count; i++) {
    const struct lamina_setting *row = lm_settings_row(filling->table, i);
    if (row->replaced_by != NULL) {
      LM_TRY(rename_key(filling, row));
    }
  }
  return LAMINA_OK;
}

static enum lamina_status check_keys(const struct filling *filling)
{
  const struct lm_settings *table = filling->table;
  const char *const *also = filling->use->also;
  size_t extra = 0;
  while (also != NULL && also[extra] != NULL) {
    extra++;
  }
  const char **words = lm_alloc(table->count + extra, sizeof *words);
  if (words == NULL) {
    return lm_fail_memory(filling->error, 0);
  }
  size_t count = 0;
  for (size_t i = 0; i < table->count; i++) {
    const struct lamina_setting *row = lm_settings_row(table, i);
    if (row->replaced_by == NULL) {
      words[count++] = row->name;
    }
  }
  for (size_t i = 0; i < extra; i++) {
    words[count++] = also[i];
  }
  enum lamina_status status =
      lm_value_check_keys(filling->map, table->owner, words, count, sizeof *words, filling->error);
  lm_free(words);
  return status;
}

static enum lamina_status refuse_missing(const struct filling *filling,
                                         const struct lamina_setting *row)
{
  const struct lm_where *where = filling->map == NULL ? &filling->use->where : &filling->map->where;
  return lm_fail_at(filling->error, LAMINA_E_INVALID, where, "%s needs '%s': %s",
                    filling->table->owner, row->name, row->doc);
}

static enum lamina_status refuse_null(const struct filling *filling,
                                      const struct lamina_setting *row, const char *what,
                                      const struct lm_value *value)
{
  enum lamina_status status = lm_fail_at(filling->error, LAMINA_E_INVALID, &value->where,
                                         "%s: expected a value, found null", what);
  if (row->deflt != NULL) {
    lm_error_suffix(filling->error, " (leave the key out for the default %s)",
                    row->deflt[0] == '\0' ? "\"\"" : row->deflt);
  }
  return status;
}

static enum lamina_status fill_default(const struct filling *filling,
                                       const struct lamina_setting *row, struct lm_value **out)
{
  const struct lm_where *where = filling->map == NULL ? &filling->use->where : &filling->map->where;
  if ((row->flags & LAMINA_SETTING_REQUIRED) != 0 || row->deflt == NULL) {
    return refuse_missing(filling, row);
  }
  LM_TRY(lm_setting_default(filling->config, row, where, out, filling->error));
  if (filling->map != NULL && !lm_config_set(filling->config, filling->map, row->name, *out)) {
    return lm_fail_memory(filling->error, 0);
  }
  return LAMINA_OK;
}

static enum lamina_status fill_row(const struct filling *filling, const struct lamina_setting *row,
                                   void *instance)
{
  char what[128];
  (void)snprintf(what, sizeof what, "%s of %s", row->name, filling->table->owner);
  struct lm_value *value = lm_value_get(filling->map, row->name);
  if (value == NULL) {
    LM_TRY(fill_default(filling, row, &value));
  } else if (lm_value_is_null(value)) {
    return refuse_null(filling, row, what, value);
  }
  const struct lm_binding binding = {what, row, filling->config, value, filling->memory};
  return lm_setting_bind(&binding, instance, filling->error);
}

static enum lamina_status fill_rows(const struct filling *filling, void *instance)
{
  if (filling->map != NULL) {
    LM_TRY(rename_keys(filling));
    LM_TRY(check_keys(filling));
  }
  for (size_t i = 0; i < filling->table->count; i++) {
    const struct lamina_setting *row = lm_settings_row(filling->table, i);
    if (row->replaced_by == NULL) {
      LM_TRY(fill_row(filling, row, instance));
    }
  }
  return LAMINA_OK;
}

enum lamina_status lm_settings_fill(const struct lm_settings *table,
                                    const struct lm_settings_use *use, void *instance,
                                    struct lm_settings_memory *memory, struct lm_error *error)
{
  struct filling filling = {table, use, use->config, use->map, memory, error};
  if (!lm_value_is_null(use->map) && use->map->kind != LM_VALUE_MAP) {
    char found[80];
    return lm_fail_at(error, LAMINA_E_INVALID, &use->map->where,
                      "%s: expected a map of settings, found %s", table->owner,
                      lm_value_describe(use->map, found, sizeof found));
  }
  if (!lm_value_is_null(use->map)) {
    return fill_rows(&filling, instance);
  }
  /* Defaults alone: they pass through a tree of their own, which nobody keeps. */
  filling.map = NULL;
  filling.config = lm_config_create();
  if (filling.config == NULL) {
    return lm_fail_memory(error, 0);
  }
  enum lamina_status status = fill_rows(&filling, instance);
  lm_config_free(filling.config);
  return status;
}

void lm_settings_memory_release(struct lm_settings_memory *memory)
{
  for (size_t i = 0; i < memory->count; i++) {
    lm_free(memory->blocks[i]);
  }
  lm_free(memory->blocks);
  *memory = (struct lm_settings_memory){0};
}
