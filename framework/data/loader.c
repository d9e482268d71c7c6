/*
 * Making a loader: for each field the shapes on its way, a call for each transform, and buffers,
 * of which transforms that may work in place need fewer.
 */
#include "data/loader_internal.h"

#include <string.h>

#include "base/memory.h"

void lm_loader_free(struct lm_loader *loader)
{
  if (loader == NULL) {
    return;
  }
  lm_loader_settle(loader);
  for (uint32_t i = 0; loader->fields != NULL && i < loader->dataset->n_fields; i++) {
    struct lm_field *field = &loader->fields[i];
    if (field->convert) {
      lm_free(field->raw.data);
    }
    lm_free(field->buffers[0]);
    lm_free(field->buffers[1]);
    lm_free(field->spare);
    lm_free(field->stages);
  }
  lm_free(loader->fields);
  lm_free(loader->numbers);
  lm_free(loader);
}

void *lm_loader_data(const struct lm_loader *loader, uint32_t field)
{
  return loader->fields[field].data;
}

static bool may_work_in_place(const struct lm_transform *transform)
{
  for (uint32_t i = 0; i < transform->facts.n_sharing; i++) {
    if (transform->facts.sharing[i].pass == LAMINA_FORWARD) {
      return true;
    }
  }
  return false;
}

static void prepare_call(struct lm_loader *loader, struct lm_stage *stage)
{
  struct lm_transform *transform = stage->transform;
  lm_call_init(&stage->call, loader->dataset->host, transform->instance, "apply");
  stage->in_table[0] = &stage->in;
  stage->out_table[0] = &stage->out;
  stage->records_table[0] = &loader->records;
  for (uint32_t i = 0; i < transform->n_states; i++) {
    stage->state_table[i] = &transform->states[i];
  }
  stage->call.tensors[LAMINA_IN] = (struct lm_views){stage->in_table, 1};
  stage->call.tensors[LAMINA_OUT] = (struct lm_views){stage->out_table, 1};
  stage->call.tensors[LAMINA_STATE] = (struct lm_views){stage->state_table, transform->n_states};
  stage->call.tensors[LAMINA_RECORDS] = (struct lm_views){stage->records_table, 1};
  stage->call.stream = transform->stream;
  stage->call.purposes = transform->facts.purposes;
}

static enum lamina_status make_stages(struct lm_loader *loader, struct lm_field *field,
                                      const char *name, struct lm_transforms *transforms,
                                      struct lm_error *error)
{
  field->stages = lm_alloc(transforms->count, sizeof *field->stages);
  if (field->stages == NULL) {
    return lm_fail_memory(error, transforms->count * sizeof *field->stages);
  }
  struct lm_shape shape = field->raw_shape;
  shape.type.dims = shape.dims;
  shape.type.dt_code = LAMINA_DT_FLOAT;
  shape.type.dt_bits = 32;
  for (size_t i = 0; i < transforms->count; i++) {
    if (strcmp(transforms->items[i]->field, name) != 0) {
      continue;
    }
    struct lm_stage *stage = &field->stages[field->n_stages++];
    stage->transform = transforms->items[i];
    LM_TRY(lm_shape_copy(&stage->in_shape, &shape.type, error));
    LM_TRY(lm_shape_batched(&stage->out_shape, loader->largest, &stage->transform->record, error));
    stage->in.type = stage->in_shape.type;
    stage->out.type = stage->out_shape.type;
    LM_TRY(lm_shape_copy(&shape, &stage->out_shape.type, error));
    prepare_call(loader, stage);
  }
  return LAMINA_OK;
}

static size_t largest_bytes(const struct lm_field *field)
{
  size_t most = (size_t)lamina_type_count(&field->raw_shape.type) * sizeof(float);
  for (uint32_t i = 0; i < field->n_stages; i++) {
    size_t bytes = lm_shape_bytes(&field->stages[i].out_shape);
    most = bytes > most ? bytes : most;
  }
  return most;
}

/* Gives each stage its memory: in place, or the other of the two buffers. */
static enum lamina_status place_stages(struct lm_field *field, struct lm_error *error)
{
  size_t bytes = largest_bytes(field);
  field->buffers[0] = lm_alloc_aligned(bytes, LAMINA_ALIGNMENT);
  if (field->buffers[0] == NULL) {
    return lm_fail_memory(error, bytes);
  }
  if (field->convert) {
    field->raw.data = lm_alloc_aligned(lm_shape_bytes(&field->raw_shape), LAMINA_ALIGNMENT);
    if (field->raw.data == NULL) {
      return lm_fail_memory(error, lm_shape_bytes(&field->raw_shape));
    }
  }
  unsigned at = 0;
  for (uint32_t i = 0; i < field->n_stages; i++) {
    struct lm_stage *stage = &field->stages[i];
    stage->from = at;
    bool same = lm_shape_bytes(&stage->in_shape) == lm_shape_bytes(&stage->out_shape);
    at = may_work_in_place(stage->transform) && same ? at : 1 - at;
    if (field->buffers[at] == NULL &&
        (field->buffers[at] = lm_alloc_aligned(bytes, LAMINA_ALIGNMENT)) == NULL) {
      return lm_fail_memory(error, bytes);
    }
    stage->to = at;
  }
  field->last = at;
  field->data = field->buffers[at];
  return LAMINA_OK;
}

static enum lamina_status add_spares(struct lm_loader *loader, struct lm_error *error)
{
  if (loader->dataset->instance == NULL || lm_pool_threads(loader->dataset->host->pool) == 1) {
    return LAMINA_OK;
  }
  for (uint32_t i = 0; i < loader->dataset->n_fields; i++) {
    struct lm_field *field = &loader->fields[i];
    field->spare = lm_alloc_aligned(largest_bytes(field), LAMINA_ALIGNMENT);
    if (field->spare == NULL) {
      return lm_fail_memory(error, largest_bytes(field));
    }
  }
  loader->has_spares = true;
  return LAMINA_OK;
}

static bool is_convertible(const struct lamina_type *type)
{
  struct lamina_view view = {.type = *type};
  return lm_loader_convert(&view, NULL);
}

static enum lamina_status make_field(struct lm_loader *loader, uint32_t index,
                                     struct lm_transforms *transforms, struct lm_error *error)
{
  struct lm_field *field = &loader->fields[index];
  const struct lm_declared_field *declared = &loader->dataset->fields[index];
  LM_TRY(lm_shape_batched(&field->raw_shape, loader->largest, &declared->shape, error));
  field->raw.type = field->raw_shape.type;
  field->convert = !lamina_type_is_f32(&field->raw.type) && !lamina_type_is_i32(&field->raw.type);
  if (field->convert && !is_convertible(&field->raw.type)) {
    char text[160];
    struct lm_where where = lm_dataset_where(loader->dataset);
    return lm_fail_at(error, LAMINA_E_UNSUPPORTED, &where,
                      "%s: field '%s' is %s, which cannot be made into float32",
                      lm_dataset_label(loader->dataset), declared->name,
                      lm_shape_format(&field->raw.type, loader->largest, text, sizeof text));
  }
  loader->raw_table[index] = &field->raw;
  LM_TRY(make_stages(loader, field, declared->name, transforms, error));
  return place_stages(field, error);
}

/* Transforms may ask for the number of a record. */
static enum lamina_status number_records(struct lm_loader *loader, struct lm_error *error)
{
  if (loader->dataset->instance != NULL) {
    return LAMINA_OK;
  }
  loader->numbers = lm_alloc((size_t)loader->largest, sizeof *loader->numbers);
  if (loader->numbers == NULL) {
    return lm_fail_memory(error, (size_t)loader->largest * sizeof *loader->numbers);
  }
  for (int64_t i = 0; i < loader->largest; i++) {
    loader->numbers[i] = i;
  }
  return LAMINA_OK;
}

enum lamina_status lm_loader_create(struct lm_dataset *dataset, struct lm_transforms *transforms,
                                    int64_t largest, struct lm_loader **out, struct lm_error *error)
{
  enum lamina_status status = LAMINA_OK;
  struct lm_loader *loader = lm_alloc(1, sizeof *loader);
  *out = NULL;
  if (loader == NULL ||
      (loader->fields = lm_alloc(dataset->n_fields, sizeof *loader->fields)) == NULL) {
    lm_free(loader);
    return lm_fail_memory(error, sizeof *loader);
  }
  loader->dataset = dataset;
  loader->largest = largest;
  loader->records.type = lamina_type_make(LAMINA_DT_INT, 64, 1, loader->record_dims);
  for (uint32_t i = 0; i < dataset->n_fields; i++) {
    LM_TRY_OR(fail, status, make_field(loader, i, transforms, error));
  }
  LM_TRY_OR(fail, status, add_spares(loader, error));
  LM_TRY_OR(fail, status, number_records(loader, error));
  lm_call_init(&loader->read_call, dataset->host, dataset->instance, "read");
  loader->read_call.tensors[LAMINA_OUT] = (struct lm_views){loader->raw_table, dataset->n_fields};
  *out = loader;
  return LAMINA_OK;

fail:
  lm_loader_free(loader);
  return status;
}
