/*
 * Every declaration is checked when it is made, so that infer() fails at the line that is
 * wrong. Indices must come in order (0, 1, ...), which makes holes impossible.
 */
#include "graph/recorder.h"

#include <string.h>

#include "base/memory.h"

/** Behind struct lamina_plan while one infer() runs. */
struct recorder {
  struct lamina_plan base; /* first: plugins see this */
  struct lm_call call;
  struct lm_recording *recording;
};

static struct recorder *own(struct lamina_plan *plan)
{
  return (struct recorder *)plan;
}

static int32_t tell(struct lamina_plan *plan, enum lamina_status status, const char *what,
                    uint32_t index, const struct lm_error *error)
{
  return lamina_failf(plan->call, status, "%s %u: %s", what, index, error->text);
}

static int32_t check_index(struct lamina_plan *plan, const char *what, uint32_t index,
                           uint32_t next)
{
  if (index != next || index >= LM_MAX_FACTS) {
    return lamina_failf(plan->call, LAMINA_E_PLUGIN,
                        "declared %s %u where %u was next (there may be %d)", what, index, next,
                        LM_MAX_FACTS);
  }
  return LAMINA_OK;
}

static int32_t no_memory(struct lamina_plan *plan)
{
  return lamina_fail(plan->call, LAMINA_E_NOMEM, "not enough memory for what it declares");
}

struct lm_tensor *lm_tensor_create(const char *name, const struct lm_shape *shape)
{
  struct lm_tensor *tensor = lm_alloc(1, sizeof *tensor);
  if (tensor == NULL) {
    return NULL;
  }
  if (name != NULL && (tensor->name = lm_copy_text(name)) == NULL) {
    lm_free(tensor);
    return NULL;
  }
  tensor->shape = *shape;
  tensor->shape.type.dims = tensor->shape.dims;
  tensor->bytes = lm_shape_bytes(&tensor->shape);
  return tensor;
}

void lm_tensor_free(struct lm_tensor *tensor)
{
  if (tensor != NULL) {
    lm_free(tensor->name);
    lm_free(tensor);
  }
}

static uint32_t plan_n_in(const struct lamina_plan *plan)
{
  return ((const struct recorder *)plan)->recording->facts->n_in;
}

static const struct lamina_type *plan_in(struct lamina_plan *plan, uint32_t index)
{
  const struct lm_facts *facts = own(plan)->recording->facts;
  if (index >= facts->n_in) {
    (void)lamina_failf(plan->call, LAMINA_E_SHAPE, "needs input %u, but has %u input%s", index,
                       facts->n_in, facts->n_in == 1 ? "" : "s");
    return NULL;
  }
  return &facts->in[index]->shape.type;
}

/* Appends a tensor to one of the facts' lists. */
static int32_t add_tensor(struct lamina_plan *plan, const char *what, uint32_t index,
                          const struct lamina_type *type, struct lm_tensor **list, uint32_t *count)
{
  struct lm_error error = {0};
  struct lm_shape shape;
  LAMINA_TRY(check_index(plan, what, index, *count));
  enum lamina_status status = lm_shape_copy(&shape, type, &error);
  if (status != LAMINA_OK) {
    return tell(plan, status, what, index, &error);
  }
  list[index] = lm_tensor_create(NULL, &shape);
  if (list[index] == NULL) {
    return no_memory(plan);
  }
  (*count)++;
  return LAMINA_OK;
}

static int32_t plan_out(struct lamina_plan *plan, uint32_t index, const struct lamina_type *type)
{
  struct lm_facts *facts = own(plan)->recording->facts;
  return add_tensor(plan, "output", index, type, facts->out, &facts->n_out);
}

static int32_t plan_save(struct lamina_plan *plan, uint32_t slot, const struct lamina_type *type)
{
  struct lm_facts *facts = own(plan)->recording->facts;
  return add_tensor(plan, "saved tensor", slot, type, facts->save, &facts->n_save);
}

static bool is_key(const char *name)
{
  size_t length = name == NULL ? 0 : strlen(name);
  return length > 0 && length < 64 &&
         strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_") == length;
}

/* The parts that weights and states have in common. */
static int32_t declare(struct lamina_plan *plan, const char *what, uint32_t index, const char *name,
                       const struct lamina_type *type, struct lm_declared *declared)
{
  struct lm_error error = {0};
  if (!is_key(name)) {
    return lamina_failf(plan->call, LAMINA_E_PLUGIN, "%s %u is named '%s', expected [a-z0-9_]+",
                        what, index, name == NULL ? "" : name);
  }
  declared->per_weight = type == NULL;
  if (type != NULL) {
    enum lamina_status status = lm_shape_copy(&declared->shape, type, &error);
    if (status != LAMINA_OK) {
      return tell(plan, status, what, index, &error);
    }
  }
  declared->name = lm_copy_text(name);
  return declared->name == NULL ? no_memory(plan) : LAMINA_OK;
}

static int32_t plan_weight(struct lamina_plan *plan, uint32_t index,
                           const struct lamina_weight *weight)
{
  struct lm_recording *recording = own(plan)->recording;
  LAMINA_TRY(check_index(plan, "weight", index, recording->n_weights));
  struct lm_declared *declared = &recording->weights[recording->n_weights++];
  if (weight->type == NULL || !lamina_type_is_f32(weight->type)) {
    return lamina_failf(plan->call, LAMINA_E_PLUGIN, "weight %u is not float32", index);
  }
  LAMINA_TRY(declare(plan, "weight", index, weight->name, weight->type, declared));
  declared->init = lm_copy_text(weight->init == NULL ? "" : weight->init);
  declared->fan_in = weight->fan_in;
  declared->fan_out = weight->fan_out;
  declared->flags = weight->flags;
  declared->value = weight->lr_mult;
  return declared->init == NULL ? no_memory(plan) : LAMINA_OK;
}

static int32_t plan_state(struct lamina_plan *plan, uint32_t index,
                          const struct lamina_state *state)
{
  struct recorder *recorder = own(plan);
  struct lm_recording *recording = recorder->recording;
  bool is_optimizer = recorder->call.instance->plugin->info.kind == LAMINA_KIND_OPTIMIZER;
  LAMINA_TRY(check_index(plan, "state", index, recording->n_states));
  if ((state->type == NULL) != is_optimizer) {
    return lamina_failf(plan->call, LAMINA_E_PLUGIN, "state %u %s", index,
                        is_optimizer ? "has a type, which an optimizer's has not" : "has no type");
  }
  struct lm_declared *declared = &recording->states[recording->n_states++];
  declared->value = state->init;
  return declare(plan, "state", index, state->name, state->type, declared);
}

static int32_t plan_scratch(struct lamina_plan *plan, uint32_t pass, uint64_t bytes,
                            uint64_t bytes_per_lane)
{
  struct lm_facts *facts = own(plan)->recording->facts;
  if (pass > LAMINA_BACKWARD || bytes >> 46 != 0 || bytes_per_lane >> 40 != 0) {
    return lamina_failf(plan->call, LAMINA_E_SHAPE,
                        "scratch of %llu and %llu bytes for pass %u is not possible",
                        (unsigned long long)bytes, (unsigned long long)bytes_per_lane, pass);
  }
  facts->scratch[pass] = bytes;
  facts->lane_scratch[pass] = bytes_per_lane;
  return LAMINA_OK;
}

static int32_t plan_bwd_reads(struct lamina_plan *plan, uint32_t what, uint32_t index)
{
  struct lm_facts *facts = own(plan)->recording->facts;
  if (what > LAMINA_STATE || index >= LM_MAX_FACTS) {
    return lamina_failf(plan->call, LAMINA_E_PLUGIN,
                        "declared that backward reads tensor %u of role %u, which there is not",
                        index, what);
  }
  facts->reads[what] |= 1u << index;
  return LAMINA_OK;
}

static int32_t plan_may_share(struct lamina_plan *plan, uint32_t pass, uint32_t from, uint32_t to)
{
  struct lm_facts *facts = own(plan)->recording->facts;
  if (pass > LAMINA_BACKWARD || facts->n_sharing == LM_MAX_FACTS) {
    return lamina_failf(plan->call, LAMINA_E_PLUGIN, "declared sharing for a pass %u", pass);
  }
  facts->sharing[facts->n_sharing++] = (struct lm_sharing){pass, from, to};
  return LAMINA_OK;
}

static int32_t plan_random(struct lamina_plan *plan, uint32_t purpose)
{
  if (purpose >= 32) {
    return lamina_failf(plan->call, LAMINA_E_PLUGIN, "declared random purpose %u, the last is 31",
                        purpose);
  }
  own(plan)->recording->facts->purposes |= 1u << purpose;
  return LAMINA_OK;
}

static int32_t plan_note(struct lamina_plan *plan, uint32_t topic, const char *utf8)
{
  struct lm_facts *facts = own(plan)->recording->facts;
  if (topic > LAMINA_NOTE_SHAPE || utf8 == NULL) {
    return LAMINA_OK; /* a later host may know more topics */
  }
  lm_free(facts->notes[topic]);
  facts->notes[topic] = lm_copy_text(utf8);
  return facts->notes[topic] == NULL ? no_memory(plan) : LAMINA_OK;
}

static int32_t plan_classes(struct lamina_plan *plan, uint32_t index, int64_t *classes,
                            int32_t *exact)
{
  *classes = 0;
  *exact = 0;
  const struct lm_facts *facts = own(plan)->recording->facts;
  if (plan_in(plan, index) == NULL) {
    return LAMINA_E_SHAPE;
  }
  *classes = facts->in[index]->classes;
  *exact = facts->in[index]->classes_exact ? 1 : 0;
  return LAMINA_OK;
}

static int32_t plan_field(struct lamina_plan *plan, uint32_t index,
                          const struct lamina_field *field)
{
  struct lm_recording *recording = own(plan)->recording;
  struct lm_error error = {0};
  LAMINA_TRY(check_index(plan, "field", index, recording->n_fields));
  struct lm_declared_field *declared = &recording->fields[recording->n_fields++];
  if (!is_key(field->name) || field->type == NULL) {
    return lamina_failf(plan->call, LAMINA_E_PLUGIN, "field %u has no proper name or type", index);
  }
  enum lamina_status status = lm_shape_copy(&declared->shape, field->type, &error);
  if (status != LAMINA_OK) {
    return tell(plan, status, "field", index, &error);
  }
  declared->classes = field->classes;
  declared->exact = (field->flags & LAMINA_FIELD_CLASSES_EXACT) != 0;
  declared->name = lm_copy_text(field->name);
  return declared->name == NULL ? no_memory(plan) : LAMINA_OK;
}

static int32_t plan_may_fuse(struct lamina_plan *plan, uint32_t pass, uint32_t index)
{
  if (pass > LAMINA_BACKWARD || index >= LM_MAX_FACTS) {
    return lamina_failf(plan->call, LAMINA_E_PLUGIN,
                        "declared fusion of tensor %u in pass %u, which there is not", index, pass);
  }
  own(plan)->recording->facts->may_fuse[pass] |= 1u << index;
  return LAMINA_OK;
}

static int32_t plan_accumulators(struct lamina_plan *plan, uint32_t count)
{
  if (count == 0 || count > 65536) {
    return lamina_failf(plan->call, LAMINA_E_PLUGIN, "declared %u accumulators", count);
  }
  own(plan)->recording->facts->accumulators = count;
  return LAMINA_OK;
}

static const struct lamina_planner planner_table = {
    .size = sizeof(struct lamina_planner),
    .abi_minor = LAMINA_ABI_MINOR,
    .n_in = plan_n_in,
    .in = plan_in,
    .out = plan_out,
    .weight = plan_weight,
    .state = plan_state,
    .save = plan_save,
    .scratch = plan_scratch,
    .bwd_reads = plan_bwd_reads,
    .may_share = plan_may_share,
    .random = plan_random,
    .note = plan_note,
    .classes = plan_classes,
    .field = plan_field,
    .accumulators = plan_accumulators,
    .may_fuse = plan_may_fuse,
};

/* What can only be checked when all is declared: declarations name tensors that exist. */
static int32_t check_facts(struct lamina_plan *plan, const struct lm_recording *recording)
{
  const struct lm_facts *facts = recording->facts;
  const uint32_t counts[4] = {facts->n_in, facts->n_out, recording->n_weights, recording->n_states};
  for (uint32_t role = 0; role < 4; role++) {
    if (counts[role] < 32 && facts->reads[role] >> counts[role] != 0) {
      return lamina_failf(plan->call, LAMINA_E_PLUGIN,
                          "declared that backward reads a tensor of role %u that it has not", role);
    }
  }
  for (uint32_t pass = LAMINA_FORWARD; pass <= LAMINA_BACKWARD; pass++) {
    uint32_t count = pass == LAMINA_FORWARD ? facts->n_out : facts->n_in;
    if (count < 32 && facts->may_fuse[pass] >> count != 0) {
      return lamina_failf(plan->call, LAMINA_E_PLUGIN, "declared fusion of an %s that it has not",
                          pass == LAMINA_FORWARD ? "output" : "input");
    }
  }
  for (uint32_t i = 0; i < facts->n_sharing; i++) {
    const struct lm_sharing *sharing = &facts->sharing[i];
    uint32_t in = sharing->pass == LAMINA_FORWARD ? sharing->from : sharing->to;
    uint32_t out = sharing->pass == LAMINA_FORWARD ? sharing->to : sharing->from;
    if (in >= facts->n_in || out >= facts->n_out) {
      return lamina_failf(plan->call, LAMINA_E_PLUGIN,
                          "declared sharing of input %u and output %u, which it has not", in, out);
    }
    if (sharing->pass == LAMINA_FORWARD && (facts->reads[LAMINA_IN] & (1u << in)) != 0) {
      return lamina_failf(plan->call, LAMINA_E_PLUGIN,
                          "declared that input %u may be overwritten and that backward reads it",
                          in);
    }
  }
  return LAMINA_OK;
}

enum lamina_status lm_record(struct lm_host *host, struct lm_instance *instance, lm_infer_fn infer,
                             struct lm_recording *recording, struct lm_error *error)
{
  struct recorder recorder = {.base = {.planner = &planner_table}, .recording = recording};
  lm_call_init(&recorder.call, host, instance, "infer");
  recorder.base.call = &recorder.call.base;
  lm_call_begin(&recorder.call, error);
  const char *previous = lm_guard_enter(instance->label);
  int32_t returned = infer(instance->self, &recorder.base);
  lm_guard_leave(previous);
  if (returned == LAMINA_OK && !recorder.call.failed) {
    returned = check_facts(&recorder.base, recording);
  }
  return lm_call_end(&recorder.call, returned);
}

static void release_declared(struct lm_declared *list, uint32_t count)
{
  for (uint32_t i = 0; i < count; i++) {
    lm_free(list[i].name);
    lm_free(list[i].init);
  }
}

void lm_recording_release(struct lm_recording *recording)
{
  release_declared(recording->weights, recording->n_weights);
  release_declared(recording->states, recording->n_states);
  for (uint32_t i = 0; i < recording->n_fields; i++) {
    lm_free(recording->fields[i].name);
  }
  recording->n_weights = recording->n_states = recording->n_fields = 0;
}

void lm_facts_release(struct lm_facts *facts)
{
  for (uint32_t i = 0; i < facts->n_out; i++) {
    lm_tensor_free(facts->out[i]);
  }
  for (uint32_t i = 0; i < facts->n_save; i++) {
    lm_tensor_free(facts->save[i]);
  }
  lm_free(facts->notes[0]);
  lm_free(facts->notes[1]);
  *facts = (struct lm_facts){0};
}
