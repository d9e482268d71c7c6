/*
 * What the records of a model's data were, kept in its file: with it the model can be built where
 * its data is not. The text is JSON; what is read is checked as if a stranger had written it.
 */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "checkpoint/model.h"

enum { MOST_NAMES = 10000, LONGEST_NAME = 255 };

static const char KINDS[] = "iuf"; /* by LAMINA_DT_INT, _UINT, _FLOAT */

void lm_field_list_release(struct lm_field_list *list)
{
  for (uint32_t i = 0; i < list->count; i++) {
    struct lm_declared_field *field = &list->items[i];
    for (int64_t k = 0; field->names != NULL && k < field->classes; k++) {
      lm_free(field->names[k]);
    }
    lm_free(field->names);
    lm_free(field->name);
  }
  list->count = 0;
}

/* Names of all classes of a field; nothing is added when one of them is not known. */
static bool add_names(const struct lm_dataset *dataset, uint32_t index, struct lm_text *out)
{
  const struct lm_instance *instance = dataset->instance;
  const struct lamina_class_names *names = NULL;
  if (instance != NULL && instance->plugin->table.dataset.extension != NULL) {
    names = instance->plugin->table.dataset.extension(LAMINA_CLASS_NAMES_ID);
  }
  if (names == NULL || names->size < sizeof *names || dataset->fields[index].classes > MOST_NAMES) {
    return false;
  }
  for (int64_t k = 0; k < dataset->fields[index].classes; k++) {
    char name[LONGEST_NAME + 1];
    uint64_t length = names->name(instance->self, index, k, name, LONGEST_NAME);
    name[length <= LONGEST_NAME ? length : 0] = '\0';
    if (name[0] == '\0' || strlen(name) != length || !lm_text_is_utf8(name)) {
      return false;
    }
    lm_text_add(out, k == 0 ? ", \"names\": [" : ", ");
    lm_text_add_json_string(out, name);
  }
  lm_text_add(out, dataset->fields[index].classes > 0 ? "]" : "");
  return true;
}

void lm_fields_write(const struct lm_dataset *dataset, struct lm_text *out)
{
  lm_text_add(out, "[");
  for (uint32_t i = 0; i < dataset->n_fields; i++) {
    const struct lm_declared_field *field = &dataset->fields[i];
    lm_text_add(out, i == 0 ? "{\"name\": " : ", {\"name\": ");
    lm_text_add_json_string(out, field->name);
    lm_text_addf(out, ", \"type\": \"%c%d\", \"shape\": [", KINDS[field->shape.type.dt_code],
                 field->shape.type.dt_bits);
    for (uint32_t d = 0; d < field->shape.type.rank; d++) {
      lm_text_addf(out, "%s%lld", d == 0 ? "" : ", ", (long long)field->shape.dims[d]);
    }
    lm_text_addf(out, "], \"classes\": %lld, \"exact\": %s", (long long)field->classes,
                 field->exact ? "true" : "false");
    struct lm_text names = {0};
    if (add_names(dataset, i, &names)) {
      lm_text_add(out, lm_text_get(&names));
    }
    lm_text_release(&names);
    lm_text_add(out, "}");
  }
  lm_text_add(out, "]");
}

/* "f32" and the like; false for anything else. Whether there is such a type is checked later. */
static bool parse_type(const char *text, struct lamina_type *out)
{
  const char *kind = text == NULL || text[0] == '\0' ? NULL : strchr(KINDS, text[0]);
  if (kind == NULL) {
    return false;
  }
  char *end;
  long bits = strtol(text + 1, &end, 10);
  *out = lamina_type_make((uint8_t)(kind - KINDS), (uint8_t)bits, 0, NULL);
  return *end == '\0' && (bits == 8 || bits == 16 || bits == 32 || bits == 64);
}

static enum lamina_status parse_field(const json_t *object, struct lm_declared_field *field,
                                      struct lm_error *error)
{
  const char *name = json_string_value(json_object_get(object, "name"));
  const json_t *shape = json_object_get(object, "shape");
  int64_t dims[LAMINA_MAX_RANK];
  struct lamina_type type;
  if (name == NULL || !json_is_array(shape) || json_array_size(shape) >= LAMINA_MAX_RANK ||
      !parse_type(json_string_value(json_object_get(object, "type")), &type)) {
    return lm_fail(error, LAMINA_E_INVALID, "a field of its data lacks a name, type or shape");
  }
  type.rank = (uint32_t)json_array_size(shape);
  type.dims = dims;
  for (uint32_t d = 0; d < type.rank; d++) {
    const json_t *size = json_array_get(shape, d);
    if (!json_is_integer(size)) {
      return lm_fail(error, LAMINA_E_INVALID,
                     "field '%s' of its data has a size that is no integer", name);
    }
    dims[d] = json_integer_value(size);
  }
  LM_TRY(lm_shape_copy(&field->shape, &type, error));
  field->classes = json_integer_value(json_object_get(object, "classes"));
  if (field->classes < 0) {
    return lm_fail(error, LAMINA_E_INVALID, "field '%s' of its data has %lld classes", name,
                   (long long)field->classes);
  }
  field->exact = json_is_true(json_object_get(object, "exact"));
  field->name = lm_copy_text(name);
  return field->name == NULL ? lm_fail_memory(error, 0) : LAMINA_OK;
}

static enum lamina_status parse_names(const json_t *names, struct lm_declared_field *field,
                                      struct lm_error *error)
{
  if (names == NULL) {
    return LAMINA_OK;
  }
  size_t count = json_array_size(names);
  if (count == 0 || (int64_t)count != field->classes) {
    return lm_fail(error, LAMINA_E_INVALID, "field '%s' of its data has %lld classes and %zu names",
                   field->name, (long long)field->classes, count);
  }
  field->names = lm_alloc(count, sizeof *field->names);
  for (size_t k = 0; field->names != NULL && k < count; k++) {
    const char *name = json_string_value(json_array_get(names, k));
    if (name == NULL) {
      return lm_fail(error, LAMINA_E_INVALID, "field '%s' of its data has a name that is no text",
                     field->name);
    }
    field->names[k] = lm_copy_text(name);
    if (field->names[k] == NULL) {
      return lm_fail_memory(error, 0);
    }
  }
  return field->names == NULL ? lm_fail_memory(error, 0) : LAMINA_OK;
}

static enum lamina_status parse_fields(const json_t *array, struct lm_field_list *list,
                                       struct lm_error *error)
{
  size_t count = json_array_size(array); /* 0 for what is no array */
  if (count == 0 || count > LM_MAX_FACTS) {
    return lm_fail(error, LAMINA_E_INVALID,
                   "the metadata lamina.fields is no list of 1 to %d "
                   "fields",
                   LM_MAX_FACTS);
  }
  for (size_t i = 0; i < count; i++) {
    const json_t *object = json_array_get(array, i);
    LM_TRY(parse_field(object, &list->items[i], error));
    list->count++;
    LM_TRY(parse_names(json_object_get(object, "names"), &list->items[i], error));
  }
  return LAMINA_OK;
}

enum lamina_status lm_model_fields(const struct lm_safetensors_file *file, const char *path,
                                   struct lm_field_list *list, struct lm_error *error)
{
  const char *text = lm_safetensors_metadata(file, "lamina.fields");
  if (text == NULL) {
    return lm_fail(error, LAMINA_E_INVALID,
                   "%s: does not tell what its inputs are (metadata lamina.fields), expected a "
                   "model written by this version of Lamina",
                   path);
  }
  json_t *array = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
  enum lamina_status status = parse_fields(array, list, error);
  json_decref(array);
  if (status != LAMINA_OK) {
    lm_error_prefix(error, "%s", path);
  }
  return status;
}
