/*
 * Labels are read by a loader without transforms, a few records at a time, since a data set gives
 * all fields of a record or none.
 */
#include "data/selection.h"

#include "base/memory.h"
#include "data/loader.h"

enum { AT_ONCE = 256 };

void lm_selection_release(struct lm_selection *selection)
{
  for (size_t i = 0; i < selection->count; i++) {
    lm_free(selection->rules[i].labels);
  }
  lm_free(selection->rules);
  *selection = (struct lm_selection){0};
}

static const char *name_of(const struct lm_label_rule *rule)
{
  return rule->only ? "data.only" : "data.without";
}

/* ---- checks ---- */

static enum lamina_status refuse_field(const struct lm_label_rule *rule,
                                       const struct lm_dataset *data, struct lm_error *error)
{
  const char *names[LM_MAX_FACTS];
  for (uint32_t i = 0; i < data->n_fields; i++) {
    names[i] = data->fields[i].name;
  }
  const char *nearest = lm_spelling_nearest(rule->field, names, data->n_fields, sizeof names[0]);
  (void)lm_fail_at(error, LAMINA_E_INVALID, &rule->where, "%s: the data has no field '%s'",
                   name_of(rule), rule->field);
  if (nearest != NULL) {
    lm_error_suffix(error, ", did you mean '%s'?", nearest);
  }
  for (uint32_t i = 0; nearest == NULL && i < data->n_fields; i++) {
    lm_error_suffix(error, "%s '%s'", i == 0 ? "; it has" : ",", names[i]);
  }
  return LAMINA_E_INVALID;
}

static enum lamina_status check_field(const struct lm_label_rule *rule,
                                      const struct lm_dataset *data, struct lm_error *error)
{
  char shape[160];
  int32_t index = lm_dataset_field(data, rule->field);
  if (index < 0) {
    return refuse_field(rule, data, error);
  }
  const struct lamina_type *type = &data->fields[index].shape.type;
  if (!lamina_type_is_i32(type) || type->rank != 0) {
    (void)lm_shape_format(type, -1, shape, sizeof shape);
    return lm_fail_at(error, LAMINA_E_INVALID, &rule->where,
                      "%s: field '%s' is %s, expected one class label (int32) for each record",
                      name_of(rule), rule->field, shape);
  }
  return LAMINA_OK;
}

static enum lamina_status check_labels(const struct lm_label_rule *rule, int64_t classes,
                                       struct lm_error *error)
{
  for (size_t i = 0; i < rule->n_labels; i++) {
    if (rule->labels[i] < 0 || (classes > 0 && rule->labels[i] >= classes)) {
      (void)lm_fail_at(error, LAMINA_E_INVALID, &rule->where,
                       "%s: no record has label %lld in field '%s', expected labels from 0",
                       name_of(rule), (long long)rule->labels[i], rule->field);
      if (classes > 0) {
        lm_error_suffix(error, " to %lld", (long long)classes - 1);
      }
      return LAMINA_E_INVALID;
    }
  }
  return LAMINA_OK;
}

enum lamina_status lm_selection_add(struct lm_selection *selection,
                                    const struct lm_label_rule *rule, const struct lm_dataset *data,
                                    struct lm_error *error)
{
  enum lamina_status status = check_field(rule, data, error);
  if (status == LAMINA_OK) {
    const struct lm_declared_field *field = &data->fields[lm_dataset_field(data, rule->field)];
    status = check_labels(rule, field->exact ? field->classes : 0, error);
  }
  if (status == LAMINA_OK && !lm_grow((void **)&selection->rules, &selection->capacity,
                                      selection->count + 1, sizeof *selection->rules)) {
    status = lm_fail_memory(error, 0);
  }
  if (status != LAMINA_OK) {
    lm_free(rule->labels);
    return status;
  }
  selection->rules[selection->count++] = *rule;
  return LAMINA_OK;
}

/* ---- choosing ---- */

static bool stays(const struct lm_label_rule *rule, int32_t label)
{
  for (size_t i = 0; i < rule->n_labels; i++) {
    if (rule->labels[i] == label) {
      return rule->only;
    }
  }
  return !rule->only;
}

/* Goes through the records at index[0..n-1] and moves those that stay to the front of `kept`. */
static int64_t sift(const struct lm_selection *selection, const struct lm_dataset *data,
                    const struct lm_loader *loader, const int64_t *index, int64_t n, int64_t *kept)
{
  int64_t count = 0;
  for (int64_t i = 0; i < n; i++) {
    bool all = true;
    for (size_t r = 0; r < selection->count; r++) {
      const struct lm_label_rule *rule = &selection->rules[r];
      uint32_t field = (uint32_t)lm_dataset_field(data, rule->field);
      all = all && stays(rule, ((const int32_t *)lm_loader_data(loader, field))[i]);
    }
    if (all) {
      kept[count++] = index[i];
    }
  }
  return count;
}

static enum lamina_status sift_all(const struct lm_selection *selection, struct lm_dataset *data,
                                   int64_t *index, int64_t *count, struct lm_error *error)
{
  struct lm_transforms none = {.host = data->host};
  struct lm_loader *loader;
  enum lamina_status status = LAMINA_OK;
  int64_t all = data->count;
  *count = 0;
  LM_TRY(lm_loader_create(data, &none, all < AT_ONCE ? all : AT_ONCE, &loader, error));
  for (int64_t begin = 0; begin < all && status == LAMINA_OK; begin += AT_ONCE) {
    int64_t n = all - begin < AT_ONCE ? all - begin : AT_ONCE;
    status = lm_loader_fill(loader, index + begin, n, false, 0, error);
    if (status == LAMINA_OK) {
      *count += sift(selection, data, loader, index + begin, n, index + *count);
    }
  }
  lm_loader_free(loader);
  return status;
}

static enum lamina_status check_rules(const struct lm_selection *selection,
                                      const struct lm_dataset *data, bool strict,
                                      struct lm_error *error)
{
  for (size_t r = 0; r < selection->count; r++) {
    const struct lm_label_rule *rule = &selection->rules[r];
    LM_TRY(check_field(rule, data, error));
    int64_t classes = data->fields[lm_dataset_field(data, rule->field)].classes;
    LM_TRY(strict ? check_labels(rule, classes, error) : LAMINA_OK);
  }
  return LAMINA_OK;
}

enum lamina_status lm_selection_apply(const struct lm_selection *selection, struct lm_dataset *data,
                                      bool strict, int64_t **index, int64_t *count,
                                      struct lm_error *error)
{
  enum lamina_status status = LAMINA_OK;
  LM_TRY(check_rules(selection, data, strict, error));
  int64_t *numbers = lm_alloc((size_t)data->count, sizeof *numbers);
  if (numbers == NULL) {
    return lm_fail_memory(error, (size_t)data->count * sizeof *numbers);
  }
  for (int64_t i = 0; i < data->count; i++) {
    numbers[i] = i;
  }
  *count = data->count;
  if (selection->count > 0) {
    status = sift_all(selection, data, numbers, count, error);
  }
  if (status == LAMINA_OK && *count == 0) {
    const struct lm_label_rule *rule = &selection->rules[selection->count - 1];
    status = lm_fail_at(error, LAMINA_E_INVALID, &rule->where,
                        "%s leaves nothing of the %lld records of %s", name_of(rule),
                        (long long)data->count, lm_dataset_label(data));
  }
  if (status != LAMINA_OK) {
    lm_free(numbers);
    return status;
  }
  *index = numbers;
  return LAMINA_OK;
}
