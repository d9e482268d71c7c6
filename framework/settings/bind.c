/*
 * One value to one field: read by type, compared with the range, stored.
 *
 * Lists and texts that a field points to are kept in the caller's struct lm_settings_memory,
 * not in the tree, because instances outlive experiments.
 */
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "settings/settings_internal.h"

static const struct {
  const char *name;
  size_t size, alignment;
} types[] = {
    [LM_SETTING_I64] = {"i64", sizeof(int64_t), _Alignof(int64_t)},
    [LM_SETTING_F64] = {"f64", sizeof(double), _Alignof(double)},
    [LM_SETTING_BOOL] = {"bool", sizeof(int32_t), _Alignof(int32_t)},
    [LM_SETTING_STR] = {"str", sizeof(char *), _Alignof(char *)},
    [LM_SETTING_PATH] = {"path", sizeof(char *), _Alignof(char *)},
    [LM_SETTING_CHOICE] = {"choice", sizeof(int32_t), _Alignof(int32_t)},
    [LM_SETTING_I64S] = {"i64s", sizeof(struct lamina_i64s), _Alignof(struct lamina_i64s)},
    [LM_SETTING_F64S] = {"f64s", sizeof(struct lamina_f64s), _Alignof(struct lamina_f64s)},
};

enum lm_setting_type lm_setting_type_of(const char *name)
{
  for (size_t i = 1; i < sizeof types / sizeof types[0]; i++) {
    if (name != NULL && strcmp(types[i].name, name) == 0) {
      return (enum lm_setting_type)i;
    }
  }
  return LM_SETTING_UNKNOWN;
}

size_t lm_setting_size(enum lm_setting_type type)
{
  return types[type].size;
}

size_t lm_setting_alignment(enum lm_setting_type type)
{
  return types[type].alignment;
}

/* Hands a block over to the memory, or releases it; NULL is lack of memory too. */
static enum lamina_status keep(struct lm_settings_memory *memory, void *block,
                               struct lm_error *error)
{
  if (block == NULL || !lm_grow((void **)&memory->blocks, &memory->capacity, memory->count + 1,
                                sizeof *memory->blocks)) {
    lm_free(block);
    return lm_fail_memory(error, 0);
  }
  memory->blocks[memory->count++] = block;
  return LAMINA_OK;
}

static enum lamina_status refuse_range(const struct lm_binding *binding,
                                       const struct lm_value *value, const char *kind,
                                       struct lm_error *error)
{
  const struct lamina_setting *row = binding->row;
  enum lamina_status status =
      lm_fail_at(error, LAMINA_E_INVALID, &value->where, "%s: expected %s", binding->what, kind);
  if (row->range != NULL) {
    lm_error_suffix(error, " in %s", row->range);
  }
  if (row->unit != NULL) {
    lm_error_suffix(error, " (%s)", row->unit);
  }
  lm_error_suffix(error, ", found %.40s", value->text);
  return status;
}

static enum lamina_status read_i64(const struct lm_binding *binding, const struct lm_value *value,
                                   int64_t *out, struct lm_error *error)
{
  struct lm_range range;
  LM_TRY(lm_value_i64(value, binding->what, out, error));
  if (!lm_range_parse(binding->row->range, true, &range) || !lm_range_has_i64(&range, *out)) {
    return refuse_range(binding, value, "an integer", error);
  }
  return LAMINA_OK;
}

static enum lamina_status read_f64(const struct lm_binding *binding, const struct lm_value *value,
                                   double *out, struct lm_error *error)
{
  struct lm_range range;
  LM_TRY(lm_value_f64(value, binding->what, out, error));
  if (!lm_range_parse(binding->row->range, false, &range) || !lm_range_has_f64(&range, *out)) {
    const char *kind = binding->row->range == NULL ? "a finite number" : "a number";
    return refuse_range(binding, value, kind, error);
  }
  return LAMINA_OK;
}

static enum lamina_status bind_i64(const struct lm_binding *binding, void *field,
                                   struct lm_error *error)
{
  return read_i64(binding, binding->value, field, error);
}

static enum lamina_status bind_f64(const struct lm_binding *binding, void *field,
                                   struct lm_error *error)
{
  return read_f64(binding, binding->value, field, error);
}

static enum lamina_status bind_bool(const struct lm_binding *binding, void *field,
                                    struct lm_error *error)
{
  bool truth = false;
  LM_TRY(lm_value_bool(binding->value, binding->what, &truth, error));
  *(int32_t *)field = truth ? 1 : 0;
  return LAMINA_OK;
}

static enum lamina_status keep_text(const struct lm_binding *binding, const char *text, void *field,
                                    struct lm_error *error)
{
  char *copy = lm_copy_text(text);
  LM_TRY(keep(binding->memory, copy, error));
  *(const char **)field = copy;
  return LAMINA_OK;
}

static enum lamina_status bind_str(const struct lm_binding *binding, void *field,
                                   struct lm_error *error)
{
  const char *text = NULL;
  LM_TRY(lm_value_text(binding->value, binding->what, &text, error));
  return keep_text(binding, text, field, error);
}

/* Whether no path at all is a value: it is if it is the default. */
static bool may_be_empty(const struct lamina_setting *row)
{
  return row->deflt != NULL && (row->deflt[0] == '\0' || strcmp(row->deflt, "\"\"") == 0 ||
                                strcmp(row->deflt, "''") == 0);
}

static enum lamina_status bind_path(const struct lm_binding *binding, void *field,
                                    struct lm_error *error)
{
  struct lm_value *value = binding->value;
  const char *text = NULL;
  LM_TRY(lm_value_text(value, binding->what, &text, error));
  if (text[0] == '\0' && may_be_empty(binding->row)) {
    return keep_text(binding, text, field, error);
  }
  if (text[0] == '\0') {
    return lm_fail_at(error, LAMINA_E_INVALID, &value->where,
                      "%s: expected a path, found an empty text", binding->what);
  }
  char *absolute = lm_config_path(text, &value->where);
  if (absolute == NULL || !lm_config_set_text(binding->config, value, absolute, true)) {
    lm_free(absolute);
    return lm_fail_memory(error, 0);
  }
  LM_TRY(keep(binding->memory, absolute, error));
  *(const char **)field = absolute;
  return LAMINA_OK;
}

/* The nearest of the words between bars; they are not C strings, so each is copied. */
static void suggest_choice(const char *range, const char *text, struct lm_error *error)
{
  char word[64];
  char nearest[64] = "";
  const char *only = word;
  int least = INT32_MAX;
  size_t length = 0;
  for (const char *at; (at = lm_choice_next(&range, &length)) != NULL;) {
    (void)snprintf(word, sizeof word, "%.*s", (int)length, at);
    int distance = lm_spelling_distance(text, word);
    if (distance < least && lm_spelling_nearest(text, &only, 1, sizeof only) != NULL) {
      least = distance;
      memcpy(nearest, word, sizeof nearest);
    }
  }
  if (nearest[0] != '\0') {
    lm_error_suffix(error, ", did you mean '%s'?", nearest);
  }
}

static enum lamina_status refuse_choice(const struct lm_binding *binding, const char *text,
                                        struct lm_error *error)
{
  char found[80];
  const char *range = binding->row->range;
  size_t length = 0;
  enum lamina_status status = lm_fail_at(error, LAMINA_E_INVALID, &binding->value->where,
                                         "%s: expected one of ", binding->what);
  for (const char *word; (word = lm_choice_next(&range, &length)) != NULL;) {
    lm_error_suffix(error, "%.*s%s", (int)length, word, range == NULL ? "" : ", ");
  }
  lm_error_suffix(error, "; found %s", lm_value_describe(binding->value, found, sizeof found));
  if (text != NULL) {
    suggest_choice(binding->row->range, text, error);
  }
  return status;
}

static enum lamina_status bind_choice(const struct lm_binding *binding, void *field,
                                      struct lm_error *error)
{
  const char *text = NULL;
  const char *range = binding->row->range;
  size_t length = 0;
  if (lm_value_text(binding->value, binding->what, &text, NULL) != LAMINA_OK) {
    return refuse_choice(binding, NULL, error);
  }
  int32_t index = 0;
  for (const char *word; (word = lm_choice_next(&range, &length)) != NULL; index++) {
    if (strlen(text) == length && strncmp(text, word, length) == 0) {
      *(int32_t *)field = index;
      return LAMINA_OK;
    }
  }
  return refuse_choice(binding, text, error);
}

/** The items of a list; one value that is no list stands for a list of it. */
struct items {
  struct lm_value *const *values;
  size_t count;
};

static enum lamina_status read_items(const struct lm_binding *binding, const char *items,
                                     struct items *out, struct lm_error *error)
{
  const struct lm_value *value = binding->value;
  char found[80];
  if (value->kind == LM_VALUE_LIST) {
    *out = (struct items){value->items, value->count};
  } else if (value->kind == LM_VALUE_SCALAR) {
    *out = (struct items){&binding->value, 1};
  } else {
    return lm_fail_at(error, LAMINA_E_INVALID, &value->where,
                      "%s: expected a list of %s, or one, found %s", binding->what, items,
                      lm_value_describe(value, found, sizeof found));
  }
  return LAMINA_OK;
}

static enum lamina_status bind_i64s(const struct lm_binding *binding, void *field,
                                    struct lm_error *error)
{
  struct items list = {0};
  LM_TRY(read_items(binding, "integers", &list, error));
  int64_t *items = lm_alloc(list.count, sizeof *items);
  LM_TRY(keep(binding->memory, items, error));
  for (size_t i = 0; i < list.count; i++) {
    LM_TRY(read_i64(binding, list.values[i], &items[i], error));
  }
  *(struct lamina_i64s *)field = (struct lamina_i64s){items, (int64_t)list.count};
  return LAMINA_OK;
}

static enum lamina_status bind_f64s(const struct lm_binding *binding, void *field,
                                    struct lm_error *error)
{
  struct items list = {0};
  LM_TRY(read_items(binding, "numbers", &list, error));
  double *items = lm_alloc(list.count, sizeof *items);
  LM_TRY(keep(binding->memory, items, error));
  for (size_t i = 0; i < list.count; i++) {
    LM_TRY(read_f64(binding, list.values[i], &items[i], error));
  }
  *(struct lamina_f64s *)field = (struct lamina_f64s){items, (int64_t)list.count};
  return LAMINA_OK;
}

enum lamina_status lm_setting_bind(const struct lm_binding *binding, void *instance,
                                   struct lm_error *error)
{
  static enum lamina_status (*const binders[])(const struct lm_binding *, void *,
                                               struct lm_error *) = {
      [LM_SETTING_I64] = bind_i64,   [LM_SETTING_F64] = bind_f64,
      [LM_SETTING_BOOL] = bind_bool, [LM_SETTING_STR] = bind_str,
      [LM_SETTING_PATH] = bind_path, [LM_SETTING_CHOICE] = bind_choice,
      [LM_SETTING_I64S] = bind_i64s, [LM_SETTING_F64S] = bind_f64s,
  };
  enum lm_setting_type type = lm_setting_type_of(binding->row->type);
  if (type == LM_SETTING_UNKNOWN) {
    return lm_fail(error, LAMINA_E_PLUGIN, "%s: unknown type '%s' of a setting", binding->what,
                   binding->row->type);
  }
  return binders[type](binding, (char *)instance + binding->row->offset, error);
}

/* A default is YAML; of texts, one without quotes is taken as it is, so that "," needs none. */
enum lamina_status lm_setting_default(struct lm_config *config, const struct lamina_setting *row,
                                      const struct lm_where *where, struct lm_value **out,
                                      struct lm_error *error)
{
  enum lm_setting_type type = lm_setting_type_of(row->type);
  bool is_text = type == LM_SETTING_STR || type == LM_SETTING_PATH || type == LM_SETTING_CHOICE;
  if (is_text && row->deflt[0] != '"' && row->deflt[0] != '\'') {
    *out = lm_config_scalar(config, row->deflt, true, where);
    return *out == NULL ? lm_fail_memory(error, 0) : LAMINA_OK;
  }
  enum lamina_status status = lm_config_value(config, row->deflt, where, out, error);
  if (status != LAMINA_OK) {
    lm_error_prefix(error, "default of '%s'", row->name);
  }
  return status;
}
