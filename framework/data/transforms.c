/*
 * A transform is inferred for a batch of one: what it makes of a sample does not depend on
 * how many there are.
 */
#include "data/transforms.h"

#include <stdio.h>
#include <string.h>

#include "base/memory.h"

static void free_transform(struct lm_transform *transform)
{
  if (transform == NULL) {
    return;
  }
  for (uint32_t i = 0; i < transform->n_states; i++) {
    lm_free(transform->states[i].data);
    lm_free(transform->state_names[i]);
  }
  lm_facts_release(&transform->facts);
  lm_instance_free(transform->instance);
  lm_free(transform->field);
  lm_free(transform);
}

void lm_transforms_release(struct lm_transforms *transforms)
{
  for (size_t i = 0; i < transforms->count; i++) {
    free_transform(transforms->items[i]);
  }
  lm_free(transforms->items);
  *transforms = (struct lm_transforms){0};
}

bool lm_transforms_need_fit(const struct lm_transforms *transforms)
{
  for (size_t i = 0; i < transforms->count; i++) {
    if (transforms->items[i]->instance->plugin->table.transform.fit != NULL) {
      return true;
    }
  }
  return false;
}

static enum lamina_status take_states(struct lm_transform *transform, size_t index,
                                      const struct lm_recording *recording, struct lm_error *error)
{
  for (uint32_t i = 0; i < recording->n_states; i++) {
    const struct lm_declared *declared = &recording->states[i];
    struct lm_shape *shape = &transform->state_shapes[i];
    *shape = declared->shape;
    shape->type.dims = shape->dims;
    transform->states[i].type = shape->type;
    transform->states[i].data = lm_alloc_aligned(lm_shape_bytes(shape), LAMINA_ALIGNMENT);
    transform->state_names[i] = lm_format("transform%zu/%s", index, declared->name);
    transform->n_states++;
    if (transform->states[i].data == NULL || transform->state_names[i] == NULL) {
      return lm_fail_memory(error, lm_shape_bytes(shape));
    }
    lm_view_fill(&transform->states[i], declared->value);
  }
  return LAMINA_OK;
}

static enum lamina_status check_output(const struct lm_transform *transform, struct lm_error *error)
{
  const struct lm_facts *facts = &transform->facts;
  if (facts->n_out == 1 && facts->out[0]->shape.type.rank > 0 &&
      facts->out[0]->shape.dims[0] == 1 && lamina_type_is_f32(&facts->out[0]->shape.type)) {
    return LAMINA_OK;
  }
  return lm_fail_at(error, LAMINA_E_PLUGIN, &transform->instance->where,
                    "%s: a transform has one float32 output with the batch axis first",
                    transform->instance->label);
}

static enum lamina_status infer_transform(struct lm_host *host, struct lm_transform *transform,
                                          size_t index, const struct lm_shape *record,
                                          struct lm_error *error)
{
  struct lm_shape batched;
  LM_TRY(lm_shape_batched(&batched, 1, record, error));
  struct lm_tensor *input = lm_tensor_create(transform->field, &batched);
  struct lm_recording *recording = lm_alloc(1, sizeof *recording);
  enum lamina_status status;
  if (input == NULL || recording == NULL) {
    status = lm_fail_memory(error, sizeof *recording);
    goto out;
  }
  recording->facts = &transform->facts;
  transform->facts.in[0] = input;
  transform->facts.n_in = 1;
  LM_TRY_OR(out, status,
            lm_record(host, transform->instance, transform->instance->plugin->table.transform.infer,
                      recording, error));
  LM_TRY_OR(out, status, check_output(transform, error));
  status = take_states(transform, index, recording, error);

out:
  if (recording != NULL) {
    lm_recording_release(recording);
  }
  lm_free(recording);
  lm_tensor_free(input);
  transform->facts.n_in = 0;
  return status;
}

static void set_record(struct lm_transform *transform)
{
  const struct lm_shape *out = &transform->facts.out[0]->shape;
  transform->record = *out;
  transform->record.type.rank = out->type.rank - 1;
  memmove(transform->record.dims, out->dims + 1, transform->record.type.rank * sizeof out->dims[0]);
  transform->record.type.dims = transform->record.dims;
}

enum lamina_status lm_transforms_add(struct lm_transforms *transforms,
                                     const struct lm_instance_spec *spec, const char *field,
                                     struct lm_shape *record, struct lm_error *error)
{
  enum lamina_status status;
  struct lm_transform *transform = lm_alloc(1, sizeof *transform);
  char name[48];
  size_t number = transforms->count + transforms->left_out;
  if (transform == NULL || (transform->field = lm_copy_text(field)) == NULL ||
      !lm_grow((void **)&transforms->items, &transforms->capacity, transforms->count + 1,
               sizeof *transforms->items)) {
    free_transform(transform);
    return lm_fail_memory(error, sizeof *transform);
  }
  (void)snprintf(name, sizeof name, "transform/%zu", number);
  transform->stream = lm_stream_make(transforms->host->seed, name);
  LM_TRY_OR(fail, status, lm_instance_create(transforms->host, spec, &transform->instance, error));
  LM_TRY_OR(fail, status, infer_transform(transforms->host, transform, number, record, error));
  set_record(transform);
  *record = transform->record;
  record->type.dims = record->dims;
  transforms->items[transforms->count++] = transform;
  return LAMINA_OK;

fail:
  free_transform(transform);
  return status;
}
