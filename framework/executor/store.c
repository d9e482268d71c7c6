/*
 * Laying out the flat blocks: groups are found by comparing attributes, weights keep their
 * order inside a group.
 */
#include "executor/store.h"

#include <string.h>

#include "base/memory.h"
#include "graph/recorder.h"

enum { PAD = LAMINA_ALIGNMENT / sizeof(float) };

void lm_store_release(struct lm_store *store)
{
  lm_free(store->weights);
  lm_free(store->gradients);
  for (uint32_t i = 0; i < store->n_slots; i++) {
    lm_free(store->slots[i]);
    lm_free(store->slot_names[i]);
  }
  lm_free(store->offsets);
  lm_free(store->groups);
  lm_free(store->states);
  lm_free(store->state_offsets);
  lm_free(store->weight_views);
  lm_free(store->gradient_views);
  lm_free(store->state_views);
  *store = (struct lm_store){0};
}

bool lm_store_is_trained(const struct lm_store *store, uint32_t parameter)
{
  return store->offsets[parameter] < store->trained;
}

static size_t padded_count(const struct lm_parameter *parameter)
{
  return lm_round_up(lm_shape_bytes(&parameter->shape) / sizeof(float), PAD);
}

static bool belongs(const struct lm_group *group, bool decays, double lr_mult)
{
  return group->decays == decays && group->lr_mult == lr_mult;
}

/* Places all parameters that are trained alike with the first one not yet placed. */
static size_t place_group(struct lm_store *store, const bool *trained, bool decay_all, bool *placed)
{
  const struct lm_graph *graph = store->graph;
  struct lm_group *group = NULL;
  size_t count = 0;
  for (uint32_t i = 0; i < graph->n_parameters; i++) {
    const struct lm_parameter *parameter = graph->parameters[i];
    bool decays = decay_all || (parameter->flags & LAMINA_WEIGHT_DECAY) != 0;
    if (placed[i] || trained == NULL || !trained[i]) {
      continue;
    }
    if (group == NULL) {
      group = &store->groups[store->n_groups++];
      *group = (struct lm_group){store->n, store->n, decays, parameter->lr_mult};
    }
    if (belongs(group, decays, parameter->lr_mult)) {
      store->offsets[i] = store->n;
      store->n += padded_count(parameter);
      group->end = store->n;
      placed[i] = true;
      count++;
    }
  }
  return count;
}

static void place_rest(struct lm_store *store, const bool *placed)
{
  store->trained = store->n;
  for (uint32_t i = 0; i < store->graph->n_parameters; i++) {
    if (!placed[i]) {
      store->offsets[i] = store->n;
      store->n += padded_count(store->graph->parameters[i]);
    }
  }
}

static void place_states(struct lm_store *store)
{
  for (uint32_t i = 0; i < store->graph->n_states; i++) {
    store->state_offsets[i] = store->state_bytes;
    store->state_bytes +=
        lm_round_up(lm_shape_bytes(&store->graph->states[i]->shape), LAMINA_ALIGNMENT);
  }
}

static void make_views(struct lm_store *store)
{
  const struct lm_graph *graph = store->graph;
  for (uint32_t i = 0; i < graph->n_parameters; i++) {
    store->weight_views[i].type = graph->parameters[i]->shape.type;
    store->weight_views[i].data = store->weights + store->offsets[i];
    store->gradient_views[i].type = graph->parameters[i]->shape.type;
    store->gradient_views[i].data =
        lm_store_is_trained(store, i) ? store->gradients + store->offsets[i] : NULL;
  }
  for (uint32_t i = 0; i < graph->n_states; i++) {
    store->state_views[i].type = graph->states[i]->shape.type;
    store->state_views[i].data = store->states + store->state_offsets[i];
    lm_view_fill(&store->state_views[i], graph->states[i]->init);
  }
}

static bool allocate_tables(struct lm_store *store)
{
  const struct lm_graph *graph = store->graph;
  store->offsets = lm_alloc(graph->n_parameters, sizeof *store->offsets);
  store->groups = lm_alloc(graph->n_parameters, sizeof *store->groups);
  store->state_offsets = lm_alloc(graph->n_states, sizeof *store->state_offsets);
  store->weight_views = lm_alloc(graph->n_parameters, sizeof *store->weight_views);
  store->gradient_views = lm_alloc(graph->n_parameters, sizeof *store->gradient_views);
  store->state_views = lm_alloc(graph->n_states, sizeof *store->state_views);
  return store->offsets != NULL && store->groups != NULL && store->state_offsets != NULL &&
         store->weight_views != NULL && store->gradient_views != NULL && store->state_views != NULL;
}

static bool allocate_blocks(struct lm_store *store)
{
  store->weights = lm_alloc_aligned(store->n * sizeof(float), LAMINA_ALIGNMENT);
  store->gradients = lm_alloc_aligned(store->trained * sizeof(float), LAMINA_ALIGNMENT);
  store->states = lm_alloc_aligned(store->state_bytes, LAMINA_ALIGNMENT);
  return store->weights != NULL && store->gradients != NULL && store->states != NULL;
}

enum lamina_status lm_store_init(struct lm_store *store, const struct lm_graph *graph,
                                 const bool *trained, bool decay_all, struct lm_error *error)
{
  *store = (struct lm_store){.graph = graph};
  bool *placed = lm_alloc(graph->n_parameters, sizeof *placed);
  bool done = placed != NULL && allocate_tables(store);
  if (done) {
    while (place_group(store, trained, decay_all, placed) > 0) {
      /* one group at a time */
    }
    place_rest(store, placed);
    place_states(store);
    done = allocate_blocks(store);
  }
  lm_free(placed);
  if (!done) {
    size_t bytes = (store->n + store->trained) * sizeof(float) + store->state_bytes;
    lm_store_release(store);
    return lm_fail_memory(error, bytes);
  }
  make_views(store);
  return LAMINA_OK;
}

enum lamina_status lm_store_fill(struct lm_store *store, uint32_t parameter,
                                 struct lm_instance *initializer, struct lm_error *error)
{
  const struct lm_parameter *weight = store->graph->parameters[parameter];
  struct lamina_init init = {.size = sizeof init,
                             .type = &weight->shape.type,
                             .fan_in = weight->fan_in,
                             .fan_out = weight->fan_out,
                             .weight = store->weights + store->offsets[parameter],
                             .n = lamina_type_count(&weight->shape.type)};
  char *name = lm_format("init/%s", weight->name);
  if (name == NULL) {
    return lm_fail_memory(error, 0);
  }
  struct lm_call call;
  lm_call_init(&call, store->graph->host, initializer, "fill");
  call.stream = lm_stream_make(store->graph->host->seed, name);
  call.purposes = 1;
  lm_call_begin(&call, error);
  int32_t returned =
      initializer->plugin->table.initializer.fill(initializer->self, &call.base, &init);
  lm_free(name);
  enum lamina_status status = lm_call_end(&call, returned);
  if (status != LAMINA_OK) {
    lm_error_suffix(error, " (weight '%s')", weight->name);
  }
  return status;
}

/* A sum over x - x is 0 when all are finite, else NaN: a loop without branches. */
static bool all_finite(const float *data, int64_t count)
{
  float sum = 0.0f;
  for (int64_t i = 0; i < count; i++) {
    sum += data[i] - data[i];
  }
  return sum == 0.0f;
}

enum lamina_status lm_store_check_finite(const struct lm_store *store, struct lm_error *error)
{
  for (uint32_t i = 0; i < store->graph->n_parameters; i++) {
    const struct lm_parameter *weight = store->graph->parameters[i];
    if (!all_finite(store->weights + store->offsets[i], lamina_type_count(&weight->shape.type))) {
      return lm_fail(error, LAMINA_E_NONFINITE, "weight '%s' has a number that is not finite",
                     weight->name);
    }
  }
  return LAMINA_OK;
}

static enum lamina_status add_slot(struct lm_store *store, const struct lm_declared *state,
                                   struct lm_error *error)
{
  if (store->n_slots == LM_MAX_SLOTS) {
    return lm_fail(error, LAMINA_E_PLUGIN, "an optimizer has at most %d states", LM_MAX_SLOTS);
  }
  float *slot = lm_alloc_aligned(store->trained * sizeof(float), LAMINA_ALIGNMENT);
  char *name = lm_copy_text(state->name);
  if (slot == NULL || name == NULL) {
    lm_free(slot);
    lm_free(name);
    return lm_fail_memory(error, store->trained * sizeof(float));
  }
  for (size_t i = 0; state->value != 0.0 && i < store->trained; i++) {
    slot[i] = (float)state->value;
  }
  store->slots[store->n_slots] = slot;
  store->slot_names[store->n_slots++] = name;
  return LAMINA_OK;
}

enum lamina_status lm_store_add_slots(struct lm_store *store, struct lm_instance *optimizer,
                                      struct lm_error *error)
{
  lm_infer_fn infer = optimizer->plugin->table.optimizer.infer;
  if (infer == NULL) {
    return LAMINA_OK;
  }
  struct lm_facts facts = {0};
  struct lm_recording *recording = lm_alloc(1, sizeof *recording);
  if (recording == NULL) {
    return lm_fail_memory(error, sizeof *recording);
  }
  recording->facts = &facts;
  enum lamina_status status = lm_record(store->graph->host, optimizer, infer, recording, error);
  for (uint32_t i = 0; i < recording->n_states && status == LAMINA_OK; i++) {
    status = add_slot(store, &recording->states[i], error);
  }
  lm_recording_release(recording);
  lm_facts_release(&facts);
  lm_free(recording);
  return status;
}
