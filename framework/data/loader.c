/*
 * For each field there are at most three buffers: the raw records, and two of float32 that
 * the transforms write in turn (one suffices when all of them may work in place). Views are
 * made for the largest batch; a smaller one changes their first dimension.
 */
#include "data/loader.h"

#include <string.h>

#include "base/memory.h"

/** A transform with its views and its call. */
struct stage {
  struct lm_transform *transform;
  struct lm_shape in_shape, out_shape;
  struct lamina_view in, out;
  const struct lamina_view *in_table[1], *out_table[1], *records_table[1];
  const struct lamina_view *state_table[LM_MAX_FACTS];
  struct lm_call call;
};

/** A field on its way. */
struct field {
  struct lm_shape raw_shape;
  struct lamina_view raw;
  bool convert; /* raw is not what models take */
  void *buffers[2];
  void *data; /* of the finished batch */
  struct stage *stages;
  uint32_t n_stages;
};

struct lm_loader {
  struct lm_dataset *dataset;
  int64_t largest;
  struct field *fields;
  const struct lamina_view *raw_table[LM_MAX_FACTS];
  struct lm_call read_call;
  int64_t record_dims[1];
  struct lamina_view records;
};

void lm_loader_free(struct lm_loader *loader)
{
  if (loader == NULL) {
    return;
  }
  for (uint32_t i = 0; loader->fields != NULL && i < loader->dataset->n_fields; i++) {
    struct field *field = &loader->fields[i];
    if (field->raw.data != field->buffers[0]) {
      lm_free(field->raw.data);
    }
    lm_free(field->buffers[0]);
    lm_free(field->buffers[1]);
    lm_free(field->stages);
  }
  lm_free(loader->fields);
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

static void prepare_call(struct lm_loader *loader, struct stage *stage)
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

static enum lamina_status make_stages(struct lm_loader *loader, struct field *field,
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
    struct stage *stage = &field->stages[field->n_stages++];
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

static size_t largest_bytes(const struct field *field)
{
  size_t most = (size_t)lamina_type_count(&field->raw_shape.type) * sizeof(float);
  for (uint32_t i = 0; i < field->n_stages; i++) {
    size_t bytes = lm_shape_bytes(&field->stages[i].out_shape);
    most = bytes > most ? bytes : most;
  }
  return most;
}

/* Gives each stage its memory: in place, or the other of the two buffers. */
static enum lamina_status place_stages(struct field *field, struct lm_error *error)
{
  size_t bytes = largest_bytes(field);
  field->buffers[0] = lm_alloc_aligned(bytes, LAMINA_ALIGNMENT);
  if (field->buffers[0] == NULL) {
    return lm_fail_memory(error, bytes);
  }
  field->raw.data = field->convert
                        ? lm_alloc_aligned(lm_shape_bytes(&field->raw_shape), LAMINA_ALIGNMENT)
                        : field->buffers[0];
  if (field->raw.data == NULL) {
    return lm_fail_memory(error, lm_shape_bytes(&field->raw_shape));
  }
  unsigned at = 0;
  for (uint32_t i = 0; i < field->n_stages; i++) {
    struct stage *stage = &field->stages[i];
    stage->in.data = field->buffers[at];
    bool same = lm_shape_bytes(&stage->in_shape) == lm_shape_bytes(&stage->out_shape);
    at = may_work_in_place(stage->transform) && same ? at : 1 - at;
    if (field->buffers[at] == NULL &&
        (field->buffers[at] = lm_alloc_aligned(bytes, LAMINA_ALIGNMENT)) == NULL) {
      return lm_fail_memory(error, bytes);
    }
    stage->out.data = field->buffers[at];
  }
  field->data = field->buffers[at];
  return LAMINA_OK;
}

#define CONVERT(T)                       \
  for (int64_t i = 0; i < count; i++) {  \
    out[i] = (float)((const T *)raw)[i]; \
  }

/* Numbers as they came into float32; false when the type has no case. out NULL: only ask. */
static bool convert(const struct lamina_view *view, float *out)
{
  int64_t count = out == NULL ? 0 : lamina_type_count(&view->type);
  const void *raw = view->data;
  switch (view->type.dt_code * 100 + view->type.dt_bits) {
    case LAMINA_DT_UINT * 100 + 8:
      CONVERT(uint8_t)
      return true;
    case LAMINA_DT_INT * 100 + 8:
      CONVERT(int8_t)
      return true;
    case LAMINA_DT_INT * 100 + 16:
      CONVERT(int16_t)
      return true;
    case LAMINA_DT_UINT * 100 + 16:
      CONVERT(uint16_t)
      return true;
    case LAMINA_DT_FLOAT * 100 + 64:
      CONVERT(double)
      return true;
    case LAMINA_DT_INT * 100 + 64:
      CONVERT(int64_t)
      return true;
    default:
      return false;
  }
}

static bool is_convertible(const struct lamina_type *type)
{
  struct lamina_view view = {.type = *type};
  return convert(&view, NULL);
}

static enum lamina_status make_field(struct lm_loader *loader, uint32_t index,
                                     struct lm_transforms *transforms, struct lm_error *error)
{
  struct field *field = &loader->fields[index];
  const struct lm_declared_field *declared = &loader->dataset->fields[index];
  LM_TRY(lm_shape_batched(&field->raw_shape, loader->largest, &declared->shape, error));
  field->raw.type = field->raw_shape.type;
  field->convert = !lamina_type_is_f32(&field->raw.type) && !lamina_type_is_i32(&field->raw.type);
  if (field->convert && !is_convertible(&field->raw.type)) {
    char text[160];
    return lm_fail_at(error, LAMINA_E_UNSUPPORTED, &loader->dataset->instance->where,
                      "%s: field '%s' is %s, which cannot be made into float32",
                      loader->dataset->instance->label, declared->name,
                      lm_shape_format(&field->raw.type, loader->largest, text, sizeof text));
  }
  loader->raw_table[index] = &field->raw;
  LM_TRY(make_stages(loader, field, declared->name, transforms, error));
  return place_stages(field, error);
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
  lm_call_init(&loader->read_call, dataset->host, dataset->instance, "read");
  loader->read_call.tensors[LAMINA_OUT] = (struct lm_views){loader->raw_table, dataset->n_fields};
  *out = loader;
  return LAMINA_OK;

fail:
  lm_loader_free(loader);
  return status;
}

/* ---- a batch ---- */

static void set_batch(struct lm_loader *loader, int64_t n)
{
  loader->record_dims[0] = n;
  for (uint32_t i = 0; i < loader->dataset->n_fields; i++) {
    struct field *field = &loader->fields[i];
    field->raw_shape.dims[0] = n;
    for (uint32_t s = 0; s < field->n_stages; s++) {
      field->stages[s].in_shape.dims[0] = n;
      field->stages[s].out_shape.dims[0] = n;
    }
  }
}

static enum lamina_status read_records(struct lm_loader *loader, const int64_t *index, int64_t n,
                                       struct lm_error *error)
{
  struct lm_instance *instance = loader->dataset->instance;
  lm_call_begin(&loader->read_call, error);
  const char *previous = lm_guard_enter(instance->label);
  int32_t returned =
      instance->plugin->table.dataset.read(instance->self, &loader->read_call.base, index, n);
  lm_guard_leave(previous);
  LM_TRY(lm_call_end(&loader->read_call, returned));
  for (uint32_t i = 0; i < loader->dataset->n_fields; i++) {
    if (loader->fields[i].convert) {
      (void)convert(&loader->fields[i].raw, loader->fields[i].buffers[0]);
    }
  }
  return LAMINA_OK;
}

typedef int32_t (*stage_fn)(void *self, struct lamina_call *call);

static enum lamina_status run_stage(struct stage *stage, stage_fn run, const char *pass,
                                    struct lm_error *error)
{
  struct lm_instance *instance = stage->transform->instance;
  stage->call.pass = pass;
  lm_call_begin(&stage->call, error);
  const char *previous = lm_guard_enter(instance->label);
  int32_t returned = run(instance->self, &stage->call.base);
  lm_guard_leave(previous);
  return lm_call_end(&stage->call, returned);
}

static enum lamina_status apply(struct stage *stage, bool train, uint64_t epoch,
                                struct lm_error *error)
{
  stage->call.mode = train ? LAMINA_MODE_TRAIN : 0;
  stage->call.step = epoch;
  return run_stage(stage, stage->transform->instance->plugin->table.transform.apply, "apply",
                   error);
}

static void begin_batch(struct lm_loader *loader, const int64_t *index, int64_t n)
{
  set_batch(loader, n);
  loader->records.data = (void *)(uintptr_t)index; /* read only behind the view */
}

enum lamina_status lm_loader_fill(struct lm_loader *loader, const int64_t *index, int64_t n,
                                  bool train, uint64_t epoch, struct lm_error *error)
{
  begin_batch(loader, index, n);
  LM_TRY(read_records(loader, index, n, error));
  for (uint32_t i = 0; i < loader->dataset->n_fields; i++) {
    for (uint32_t s = 0; s < loader->fields[i].n_stages; s++) {
      LM_TRY(apply(&loader->fields[i].stages[s], train, epoch, error));
    }
  }
  return LAMINA_OK;
}

/* Shows all records to stage s of a field, through the stages before it. */
static enum lamina_status fit_stage(struct lm_loader *loader, struct field *field, uint32_t s,
                                    const int64_t *index, int64_t n, struct lm_error *error)
{
  const struct lm_plugin *plugin = field->stages[s].transform->instance->plugin;
  const struct lamina_transform *table = &plugin->table.transform;
  for (int64_t begin = 0; begin < n; begin += loader->largest) {
    int64_t count = n - begin < loader->largest ? n - begin : loader->largest;
    begin_batch(loader, index + begin, count);
    LM_TRY(read_records(loader, index + begin, count, error));
    for (uint32_t before = 0; before < s; before++) {
      LM_TRY(apply(&field->stages[before], false, 0, error));
    }
    LM_TRY(run_stage(&field->stages[s], table->fit, "fit", error));
  }
  return table->fit_end == NULL ? LAMINA_OK
                                : run_stage(&field->stages[s], table->fit_end, "fit_end", error);
}

enum lamina_status lm_loader_fit(struct lm_loader *loader, const int64_t *index, int64_t n,
                                 struct lm_error *error)
{
  for (uint32_t i = 0; i < loader->dataset->n_fields; i++) {
    struct field *field = &loader->fields[i];
    for (uint32_t s = 0; s < field->n_stages; s++) {
      if (field->stages[s].transform->instance->plugin->table.transform.fit != NULL) {
        LM_TRY(fit_stage(loader, field, s, index, n, error));
      }
    }
  }
  return LAMINA_OK;
}
