/*
 * Is a settings table what its author promises? Checked once, when a plugin is loaded, so that
 * the binder may rely on it and a user never meets a mistake of a plugin's author as his own.
 */
#include <string.h>

#include "base/memory.h"
#include "settings/settings_internal.h"

static enum lamina_status blame(const struct lm_settings *table, const struct lamina_setting *row,
                                const char *fault, struct lm_error *error)
{
  return lm_fail(error, LAMINA_E_PLUGIN, "%s: setting '%s': %s", table->owner, row->name, fault);
}

static bool is_name(const char *name)
{
  size_t length = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_");
  return name[0] >= 'a' && name[0] <= 'z' && name[length] == '\0' && length < 64;
}

static const struct lamina_setting *find_row(const struct lm_settings *table, const char *name)
{
  for (size_t i = 0; i < table->count; i++) {
    const struct lamina_setting *row = lm_settings_row(table, i);
    if (row->name != NULL && strcmp(row->name, name) == 0) {
      return row;
    }
  }
  return NULL;
}

/* At least one word, none empty, none twice. */
static bool are_choices(const char *range)
{
  size_t length = 0;
  const char *rest = range;
  for (const char *word; (word = lm_choice_next(&rest, &length)) != NULL;) {
    size_t other_length = 0;
    const char *later = rest;
    if (length == 0) {
      return false;
    }
    for (const char *other; (other = lm_choice_next(&later, &other_length)) != NULL;) {
      if (length == other_length && strncmp(word, other, length) == 0) {
        return false;
      }
    }
  }
  return range != NULL;
}

static const char *range_fault(const struct lamina_setting *row, enum lm_setting_type type)
{
  struct lm_range range;
  switch (type) {
    case LM_SETTING_I64:
    case LM_SETTING_I64S:
      return lm_range_parse(row->range, true, &range) ? NULL : "a range that is not of integers";
    case LM_SETTING_F64:
    case LM_SETTING_F64S:
      return lm_range_parse(row->range, false, &range) ? NULL : "a range that is not of numbers";
    case LM_SETTING_CHOICE:
      return are_choices(row->range) ? NULL : "the choices are not like 'this|that'";
    default:
      return row->range == NULL ? NULL : "a range on a type that has none";
  }
}

static const char *field_fault(const struct lamina_setting *row, enum lm_setting_type type,
                               uint64_t instance_bytes)
{
  uint64_t size = lm_setting_size(type);
  if (row->offset > instance_bytes || size > instance_bytes - row->offset) {
    return "the field is outside of the instance";
  }
  return row->offset % lm_setting_alignment(type) == 0 ? NULL : "the field is not aligned";
}

/* The old name of another setting: nothing but the names matters. */
static enum lamina_status check_renamed(const struct lm_settings *table,
                                        const struct lamina_setting *row, struct lm_error *error)
{
  const struct lamina_setting *target = find_row(table, row->replaced_by);
  if (target == NULL || target->replaced_by != NULL) {
    return blame(table, row, "replaced_by does not name a setting of today", error);
  }
  return LAMINA_OK;
}

/* Binds the default as a user's value would be, into memory as large as the field. */
static enum lamina_status check_default(const struct lm_settings *table,
                                        const struct lamina_setting *row, struct lm_error *error)
{
  static const struct lm_where nowhere = {"default", 0, 0};
  union {
    int64_t i64;
    double f64;
    struct lamina_i64s i64s;
    struct lamina_f64s f64s;
  } field;
  struct lamina_setting copy = *row;
  struct lm_settings_memory memory = {0};
  struct lm_value *value = NULL;
  struct lm_config *config = lm_config_create();
  if (config == NULL) {
    return lm_fail_memory(error, 0);
  }
  copy.offset = 0;
  enum lamina_status status = lm_setting_default(config, row, &nowhere, &value, error);
  if (status == LAMINA_OK) {
    const struct lm_binding binding = {row->name, &copy, config, value, &memory};
    status = lm_setting_bind(&binding, &field, error);
  }
  lm_settings_memory_release(&memory);
  lm_config_free(config);
  if (status == LAMINA_E_INVALID) {
    status = LAMINA_E_PLUGIN;
    lm_error_prefix(error, "%s", table->owner);
    if (error != NULL) {
      error->status = status;
    }
  }
  return status;
}

static enum lamina_status check_row(const struct lm_settings *table, size_t i,
                                    uint64_t instance_bytes, struct lm_error *error)
{
  const struct lamina_setting *row = lm_settings_row(table, i);
  if (row->name == NULL || !is_name(row->name)) {
    return lm_fail(error, LAMINA_E_PLUGIN,
                   "%s: setting number %zu has a name that is not like 'units'", table->owner, i);
  }
  if (find_row(table, row->name) != row) {
    return blame(table, row, "the name is there twice", error);
  }
  if (row->doc == NULL || row->doc[0] == '\0') {
    return blame(table, row, "there is no documentation", error);
  }
  if (row->replaced_by != NULL) {
    return check_renamed(table, row, error);
  }
  enum lm_setting_type type = lm_setting_type_of(row->type);
  if (type == LM_SETTING_UNKNOWN) {
    return blame(table, row, "the type is none of those in lamina/plugin.h", error);
  }
  const char *fault = range_fault(row, type);
  fault = fault != NULL ? fault : field_fault(row, type, instance_bytes);
  if (fault != NULL) {
    return blame(table, row, fault, error);
  }
  if ((row->flags & LAMINA_SETTING_SCHEDULABLE) != 0 && type != LM_SETTING_F64) {
    return blame(table, row, "only a setting of type f64 can be scheduled", error);
  }
  if ((row->flags & LAMINA_SETTING_REQUIRED) != 0) {
    return row->deflt == NULL ? LAMINA_OK
                              : blame(table, row, "it is required and has a default", error);
  }
  return row->deflt == NULL ? blame(table, row, "there is no default", error)
                            : check_default(table, row, error);
}

enum lamina_status lm_settings_check(const struct lm_settings *table, uint64_t instance_bytes,
                                     struct lm_error *error)
{
  if (table->count > 0 && (table->rows == NULL || table->stride < sizeof *table->rows ||
                           table->stride % _Alignof(struct lamina_setting) != 0)) {
    return lm_fail(error, LAMINA_E_PLUGIN, "%s: a table of settings with rows of %zu bytes",
                   table->owner, table->stride);
  }
  for (size_t i = 0; i < table->count; i++) {
    LM_TRY(check_row(table, i, instance_bytes, error));
  }
  return LAMINA_OK;
}
