/*
 * One walk over everything that is kept, used for saving and for loading, so that the two
 * cannot disagree about names.
 */
#include "checkpoint/model.h"

#include <string.h>

#include "base/memory.h"

void lm_kept_release(struct lm_kept_list *list)
{
  for (size_t i = 0; i < list->count; i++) {
    lm_free(list->items[i].name);
  }
  lm_free(list->items);
  *list = (struct lm_kept_list){0};
}

bool lm_kept_add(struct lm_kept_list *list, char *name, const struct lamina_type *type, void *data)
{
  if (name == NULL ||
      !lm_grow((void **)&list->items, &list->capacity, list->count + 1, sizeof *list->items)) {
    lm_free(name);
    return false;
  }
  list->items[list->count++] = (struct lm_kept){name, *type, data};
  return true;
}

static bool add_slots(struct lm_kept_list *list, const struct lm_store *store)
{
  const struct lm_graph *graph = store->graph;
  for (uint32_t s = 0; s < store->n_slots; s++) {
    for (uint32_t i = 0; i < graph->n_parameters; i++) {
      if (lm_store_is_trained(store, i) &&
          !lm_kept_add(
              list, lm_format("optimizer/%s/%s", store->slot_names[s], graph->parameters[i]->name),
              &graph->parameters[i]->shape.type, store->slots[s] + store->offsets[i])) {
        return false;
      }
    }
  }
  return true;
}

static bool add_transforms(struct lm_kept_list *list, const struct lm_transforms *transforms)
{
  for (size_t t = 0; t < transforms->count; t++) {
    const struct lm_transform *transform = transforms->items[t];
    for (uint32_t i = 0; i < transform->n_states; i++) {
      if (!lm_kept_add(list, lm_copy_text(transform->state_names[i]), &transform->states[i].type,
                       transform->states[i].data)) {
        return false;
      }
    }
  }
  return true;
}

bool lm_kept_collect(struct lm_kept_list *list, const struct lm_experiment *experiment,
                     const struct lm_store *store, bool with_optimizer)
{
  const struct lm_graph *graph = store->graph;
  for (uint32_t i = 0; i < graph->n_parameters; i++) {
    if (!lm_kept_add(list, lm_copy_text(graph->parameters[i]->name),
                     &graph->parameters[i]->shape.type, store->weight_views[i].data)) {
      return false;
    }
  }
  for (uint32_t i = 0; i < graph->n_states; i++) {
    if (!lm_kept_add(list, lm_copy_text(graph->states[i]->name), &graph->states[i]->shape.type,
                     store->state_views[i].data)) {
      return false;
    }
  }
  return add_transforms(list, &experiment->transforms) &&
         (!with_optimizer || add_slots(list, store));
}

/* ---- saving ---- */

enum { OWN_METADATA = 4 };

/* Texts of the metadata. */
struct texts {
  struct lm_text experiment, fields;
};

static enum lamina_status write_file(const char *path, const char *previous,
                                     const struct lm_model_content *content,
                                     const struct lm_kept_list *list, const struct texts *texts,
                                     struct lm_error *error)
{
  size_t n_tensors = list->count + content->n_tensors;
  size_t n_metadata = OWN_METADATA + content->n_metadata;
  struct lm_named_tensor *tensors = lm_alloc(n_tensors, sizeof *tensors);
  struct lm_metadata *metadata = lm_alloc(n_metadata, sizeof *metadata);
  enum lamina_status status;
  if (tensors == NULL || metadata == NULL) {
    status = lm_fail_memory(error, n_tensors * sizeof *tensors);
    goto out;
  }
  for (size_t i = 0; i < list->count; i++) {
    tensors[i] =
        (struct lm_named_tensor){list->items[i].name, list->items[i].type, list->items[i].data};
  }
  for (size_t i = 0; i < content->n_tensors; i++) {
    tensors[list->count + i] = content->tensors[i];
  }
  metadata[0] = (struct lm_metadata){
      "lamina.format", content->with_optimizer ? "lamina.checkpoint/1" : "lamina.model/1"};
  metadata[1] = (struct lm_metadata){"lamina.version", LM_VERSION};
  metadata[2] = (struct lm_metadata){"lamina.experiment", lm_text_get(&texts->experiment)};
  metadata[3] = (struct lm_metadata){"lamina.fields", lm_text_get(&texts->fields)};
  for (size_t i = 0; i < content->n_metadata; i++) {
    metadata[OWN_METADATA + i] = content->metadata[i];
  }
  struct lm_safetensors file = {tensors, n_tensors, metadata, n_metadata};
  status = lm_safetensors_write(path, previous, &file, error);

out:
  lm_free(tensors);
  lm_free(metadata);
  return status;
}

enum lamina_status lm_model_save(const char *path, const char *previous,
                                 const struct lm_model_content *content, struct lm_error *error)
{
  struct lm_kept_list list = {0};
  struct texts texts = {0};
  enum lamina_status status;
  lm_value_write(lm_config_root(content->experiment->config), &texts.experiment);
  lm_fields_write(content->experiment->train_data, &texts.fields);
  if (!lm_text_ok(&texts.experiment) || !lm_text_ok(&texts.fields) ||
      !lm_kept_collect(&list, content->experiment, content->store, content->with_optimizer)) {
    status = lm_fail_memory(error, 0);
  } else {
    status = write_file(path, previous, content, &list, &texts, error);
  }
  lm_kept_release(&list);
  lm_text_release(&texts.experiment);
  lm_text_release(&texts.fields);
  return status;
}

/* ---- loading ---- */

static enum lamina_status load_one(const struct lm_safetensors_file *file, const char *path,
                                   const struct lm_kept *kept, struct lm_error *error)
{
  char own[160];
  char other[160];
  const struct lm_named_tensor *tensor = lm_safetensors_find(file, kept->name);
  (void)lm_shape_format(&kept->type, -1, own, sizeof own);
  if (tensor == NULL) {
    return lm_fail(error, LAMINA_E_INVALID, "%s: has no tensor '%s', expected %s", path, kept->name,
                   own);
  }
  if (!lamina_type_is(&tensor->type, kept->type.dt_code, kept->type.dt_bits) ||
      !lamina_shape_equal(&tensor->type, &kept->type)) {
    return lm_fail(error, LAMINA_E_INVALID, "%s: tensor '%s' is %s, but the experiment has %s",
                   path, kept->name, lm_shape_format(&tensor->type, -1, other, sizeof other), own);
  }
  size_t bytes = (size_t)lamina_type_count(&kept->type) * (kept->type.dt_bits / 8u);
  if (bytes > 0) {
    memcpy(kept->data, tensor->data, bytes);
  }
  return LAMINA_OK;
}

/*
 * A checkpoint is of this experiment only when it holds nothing else. The trainer's own tensors
 * are not in the list.
 */
static enum lamina_status refuse_others(const struct lm_safetensors_file *file, const char *path,
                                        const struct lm_kept_list *list, struct lm_error *error)
{
  for (size_t t = 0; t < lm_safetensors_count(file); t++) {
    const char *name = lm_safetensors_at(file, t)->name;
    bool known = strncmp(name, "trainer/", 8) == 0;
    for (size_t i = 0; i < list->count && !known; i++) {
      known = strcmp(list->items[i].name, name) == 0;
    }
    if (!known) {
      return lm_fail(error, LAMINA_E_INVALID,
                     "%s: has the tensor '%s', which the experiment has not", path, name);
    }
  }
  return LAMINA_OK;
}

enum lamina_status lm_model_load(const struct lm_safetensors_file *file, const char *path,
                                 struct lm_experiment *experiment, struct lm_store *store,
                                 bool with_optimizer, struct lm_error *error)
{
  struct lm_kept_list list = {0};
  enum lamina_status status = LAMINA_OK;
  if (!lm_kept_collect(&list, experiment, store, with_optimizer)) {
    status = lm_fail_memory(error, 0);
  }
  for (size_t i = 0; i < list.count && status == LAMINA_OK; i++) {
    status = load_one(file, path, &list.items[i], error);
  }
  if (status == LAMINA_OK && with_optimizer) {
    status = refuse_others(file, path, &list, error);
  }
  lm_kept_release(&list);
  return status;
}

enum lamina_status lm_model_experiment(const struct lm_safetensors_file *file, const char *path,
                                       const char *const *overrides, size_t n_overrides,
                                       struct lm_config **out, struct lm_error *error)
{
  const char *text = lm_safetensors_metadata(file, "lamina.experiment");
  if (text == NULL) {
    return lm_fail(error, LAMINA_E_INVALID,
                   "%s: holds tensors but no experiment, expected a model written by Lamina", path);
  }
  return lm_config_parse(text, strlen(text), path, overrides, n_overrides, out, error);
}
