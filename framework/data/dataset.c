/*
 * A data set is asked for its fields twice: before its data is read, for the shapes, and
 * after, for what only the data can tell (the number of classes).
 */
#include "data/dataset.h"

#include <string.h>

#include "base/memory.h"

static void release_fields(struct lm_dataset *dataset)
{
  for (uint32_t i = 0; i < dataset->n_fields; i++) {
    lm_free(dataset->fields[i].name);
  }
  dataset->n_fields = 0;
}

void lm_dataset_free(struct lm_dataset *dataset)
{
  if (dataset != NULL) {
    release_fields(dataset);
    lm_instance_free(dataset->instance);
    lm_free(dataset->role);
    lm_free(dataset);
  }
}

static enum lamina_status take_fields(struct lm_dataset *dataset, struct lm_recording *recording,
                                      struct lm_error *error)
{
  bool same = dataset->n_fields == 0 || dataset->n_fields == recording->n_fields;
  for (uint32_t i = 0; same && i < dataset->n_fields; i++) {
    same = lm_shape_equal(&dataset->fields[i].shape, &recording->fields[i].shape);
  }
  if (!same || recording->n_fields == 0) {
    return lm_fail_at(error, LAMINA_E_PLUGIN, &dataset->instance->where, "%s: %s",
                      dataset->instance->label,
                      same ? "declared no fields" : "declared other fields after reading the data");
  }
  for (uint32_t i = 0; i < dataset->n_fields; i++) { /* names stay, perhaps as they were changed */
    char *name = dataset->fields[i].name;
    dataset->fields[i].name = recording->fields[i].name;
    recording->fields[i].name = name;
  }
  release_fields(dataset);
  memcpy(dataset->fields, recording->fields, sizeof dataset->fields);
  dataset->n_fields = recording->n_fields;
  for (uint32_t i = 0; i < dataset->n_fields; i++) {
    dataset->fields[i].shape.type.dims = dataset->fields[i].shape.dims;
  }
  recording->n_fields = 0; /* the names have moved */
  return LAMINA_OK;
}

static enum lamina_status ask_fields(struct lm_dataset *dataset, struct lm_error *error)
{
  struct lm_facts facts = {0};
  struct lm_recording *recording = lm_alloc(1, sizeof *recording);
  if (recording == NULL) {
    return lm_fail_memory(error, sizeof *recording);
  }
  recording->facts = &facts;
  enum lamina_status status =
      lm_record(dataset->host, dataset->instance, dataset->instance->plugin->table.dataset.infer,
                recording, error);
  if (status == LAMINA_OK) {
    dataset->purposes = facts.purposes;
    status = take_fields(dataset, recording, error);
  }
  lm_recording_release(recording);
  lm_facts_release(&facts);
  lm_free(recording);
  return status;
}

enum lamina_status lm_dataset_adopt(struct lm_host *host, struct lm_instance *instance,
                                    const char *role, struct lm_dataset **out,
                                    struct lm_error *error)
{
  struct lm_dataset *dataset = lm_alloc(1, sizeof *dataset);
  *out = NULL;
  if (dataset == NULL || (dataset->role = lm_copy_text(role)) == NULL) {
    lm_free(dataset);
    lm_instance_free(instance);
    return lm_fail_memory(error, sizeof *dataset);
  }
  dataset->host = host;
  dataset->instance = instance;
  enum lamina_status status = ask_fields(dataset, error);
  if (status != LAMINA_OK) {
    lm_dataset_free(dataset);
    return status;
  }
  *out = dataset;
  return LAMINA_OK;
}

enum lamina_status lm_dataset_create(struct lm_host *host, const struct lm_instance_spec *spec,
                                     const char *role, struct lm_dataset **out,
                                     struct lm_error *error)
{
  struct lm_instance *instance = NULL;
  *out = NULL;
  LM_TRY(lm_instance_create(host, spec, &instance, error));
  return lm_dataset_adopt(host, instance, role, out, error);
}

enum lamina_status lm_dataset_create_given(struct lm_host *host,
                                           const struct lm_declared_field *fields, uint32_t n,
                                           struct lm_dataset **out, struct lm_error *error)
{
  struct lm_dataset *dataset = lm_alloc(1, sizeof *dataset);
  *out = NULL;
  if (dataset == NULL) {
    return lm_fail_memory(error, sizeof *dataset);
  }
  dataset->host = host;
  for (uint32_t i = 0; i < n; i++) {
    struct lm_declared_field *field = &dataset->fields[dataset->n_fields++];
    *field = fields[i];
    field->shape.type.dims = field->shape.dims;
    field->name = lm_copy_text(fields[i].name);
    field->names = NULL; /* the caller's */
    if (field->name == NULL) {
      lm_dataset_free(dataset);
      return lm_fail_memory(error, 0);
    }
  }
  *out = dataset;
  return LAMINA_OK;
}

const char *lm_dataset_label(const struct lm_dataset *dataset)
{
  return dataset->instance == NULL ? "the data given" : dataset->instance->label;
}

struct lm_where lm_dataset_where(const struct lm_dataset *dataset)
{
  return dataset->instance == NULL ? (struct lm_where){0} : dataset->instance->where;
}

enum lamina_status lm_dataset_open(struct lm_dataset *dataset, struct lm_error *error)
{
  const struct lamina_dataset *table = &dataset->instance->plugin->table.dataset;
  struct lm_call call;
  char *stream = lm_format("data/%s", dataset->role);
  if (stream == NULL) {
    return lm_fail_memory(error, 0);
  }
  lm_call_init(&call, dataset->host, dataset->instance, "open");
  call.may_keep_memory = true;
  call.stream = lm_stream_make(dataset->host->seed, stream);
  call.purposes = dataset->purposes;
  lm_free(stream);
  lm_call_begin(&call, error);
  const char *previous = lm_guard_enter(dataset->instance->label);
  int32_t returned = table->open(dataset->instance->self, &call.base);
  lm_guard_leave(previous);
  LM_TRY(lm_call_end(&call, returned));
  LM_TRY(ask_fields(dataset, error));
  dataset->count = table->count(dataset->instance->self);
  if (dataset->count <= 0) {
    return lm_fail_at(error, LAMINA_E_INVALID, &dataset->instance->where, "%s has no records",
                      dataset->instance->label);
  }
  return LAMINA_OK;
}

enum lamina_status lm_dataset_rename(struct lm_dataset *dataset, uint32_t field, const char *name,
                                     struct lm_error *error)
{
  char *copy = lm_copy_text(name);
  if (copy == NULL) {
    return lm_fail_memory(error, 0);
  }
  lm_free(dataset->fields[field].name);
  dataset->fields[field].name = copy;
  return LAMINA_OK;
}

int32_t lm_dataset_field(const struct lm_dataset *dataset, const char *name)
{
  for (uint32_t i = 0; i < dataset->n_fields; i++) {
    if (strcmp(dataset->fields[i].name, name) == 0) {
      return (int32_t)i;
    }
  }
  return -1;
}
