/*
 * Making a probe: declarations as the program records them, then memory for every tensor; and
 * how users reach into it. probe_run.c runs it.
 */
#include "conform/probe.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

enum { MOST_BYTES = 512 * 1024 * 1024 };

/* ---- inputs from text ---- */

static enum lamina_status refuse_word(const char *word, struct lm_error *error)
{
  return lm_fail(error, LAMINA_E_USAGE,
                 "'%.*s' is not a shape such as 7x5, 7x5u, 7x5p, 7:5 (labels) or - (one number)",
                 (int)strcspn(word, " "), word);
}

/* Reads one word, such as "7x5" or "7:5+"; *at is where it ends. */
static enum lamina_status parse_input(const char **at, struct lm_tensor *tensor, char *fill,
                                      struct lm_error *error)
{
  const char *word = *at, *next = word;
  char *end = NULL;
  int64_t dims[LAMINA_MAX_RANK];
  uint32_t rank = 0;
  while (*next >= '0' && *next <= '9') {
    if (rank == LAMINA_MAX_RANK) {
      return refuse_word(word, error);
    }
    dims[rank++] = strtoll(next, &end, 10);
    next = *end == 'x' ? end + 1 : end;
  }
  next += *next == '-';
  bool labels = *next == ':';
  if (labels) {
    tensor->classes = strtoll(next + 1, &end, 10);
    tensor->classes_exact = *end != '+';
    next = end + (*end == '+');
  } else if (*next == 'u' || *next == 'p') {
    *fill = *next++;
  }
  if (next == word || (*next != ' ' && *next != '\0')) {
    return refuse_word(word, error);
  }
  struct lamina_type type = labels ? lamina_type_i32(rank, dims) : lamina_type_f32(rank, dims);
  LM_TRY(lm_shape_copy(&tensor->shape, &type, error));
  tensor->shape.type.dims = tensor->shape.dims;
  tensor->bytes = lm_shape_bytes(&tensor->shape);
  *at = next + strspn(next, " ");
  return LAMINA_OK;
}

static enum lamina_status make_inputs(struct lm_facts *facts, char *fills, const char *shapes,
                                      struct lm_error *error)
{
  shapes += strspn(shapes, " ");
  while (*shapes != '\0') {
    if (facts->n_in == LM_PROBE_MOST) {
      return lm_fail(error, LAMINA_E_USAGE, "more than %d inputs", LM_PROBE_MOST);
    }
    struct lm_tensor *tensor = lm_alloc(1, sizeof *tensor);
    if (tensor == NULL) {
      return lm_fail_memory(error, sizeof *tensor);
    }
    uint32_t i = facts->n_in++;
    facts->in[i] = tensor;
    LM_TRY(parse_input(&shapes, tensor, &fills[i], error));
  }
  return LAMINA_OK;
}

static void release_inputs(struct lm_facts *facts)
{
  for (uint32_t i = 0; i < facts->n_in; i++) {
    lm_tensor_free(facts->in[i]);
  }
  facts->n_in = 0;
}

/* ---- declarations ---- */

/* The infer() of a plugin whose calls have tensors. */
static lm_infer_fn infer_of(const struct lm_plugin *plugin)
{
  switch (plugin->info.kind) {
    case LAMINA_KIND_METRIC:
      return plugin->table.metric.infer;
    case LAMINA_KIND_TRANSFORM:
      return plugin->table.transform.infer;
    default:
      return plugin->table.layer.infer;
  }
}

static enum lamina_status record(struct lm_home *home, struct lm_recording *recording,
                                 const char *label, struct lm_error *error)
{
  lm_home_enter(home, "infer", label);
  enum lamina_status status =
      lm_record(&home->host, home->instance, infer_of(home->instance->plugin), recording, error);
  lm_home_leave(home);
  return status;
}

static void list_outputs(const struct lm_facts *facts, struct lm_text *outputs)
{
  char shape[LAMINA_MAX_RANK * 24];
  for (uint32_t i = 0; outputs != NULL && i < facts->n_out; i++) {
    lm_text_addf(outputs, "%s%s", i == 0 ? "" : " ",
                 lm_shape_format(&facts->out[i]->shape.type, -1, shape, sizeof shape));
  }
}

enum lamina_status lm_probe_try(struct lm_home *home, const char *shapes, struct lm_text *outputs,
                                struct lm_error *error)
{
  char fills[LM_PROBE_MOST] = {0};
  struct lm_facts facts = {0};
  struct lm_recording *recording = lm_alloc(1, sizeof *recording);
  if (recording == NULL) {
    return lm_fail_memory(error, sizeof *recording);
  }
  recording->facts = &facts;
  enum lamina_status status = make_inputs(&facts, fills, shapes, error);
  if (status == LAMINA_OK) {
    status = record(home, recording, shapes, error);
  }
  if (status == LAMINA_OK) {
    list_outputs(&facts, outputs);
  }
  release_inputs(&facts);
  lm_recording_release(recording);
  lm_facts_release(&facts);
  lm_free(recording);
  return status;
}

/* ---- memory ---- */

const char *lm_role_name(uint32_t role)
{
  static const char *const names[LM_ROLES] = {"input", "output",       "weight",
                                              "state", "saved tensor", "records"};
  return role < LM_ROLES ? names[role] : "tensor";
}

static bool make_tensor(struct lm_probe *probe, struct lm_probe_tensor *tensor,
                        const struct lm_shape *shape, const char *name)
{
  tensor->shape = *shape;
  tensor->shape.type.dims = tensor->shape.dims;
  bool made = lm_zone_make(&tensor->zone, lm_shape_bytes(shape), &probe->style, name);
  tensor->view = (struct lamina_view){.data = tensor->zone.data, .type = tensor->shape.type};
  return made;
}

static enum lamina_status make_tensors(struct lm_probe *probe, uint32_t role,
                                       const struct lm_shape *shape, struct lm_error *error)
{
  char name[48];
  uint32_t i = probe->count[role];
  if (i == LM_PROBE_MOST) {
    return lm_fail(error, LAMINA_E_UNSUPPORTED, "%s: more than %d tensors of a role", probe->label,
                   LM_PROBE_MOST);
  }
  probe->count[role]++;
  (void)snprintf(name, sizeof name, "%s %u", lm_role_name(role), i);
  bool made = make_tensor(probe, &probe->tensors[role][i], shape, name);
  if (made && role < LM_GRADIENT_ROLES) {
    (void)snprintf(name, sizeof name, "the gradient of %s %u", lm_role_name(role), i);
    made = make_tensor(probe, &probe->gradients[role][i], shape, name);
    probe->requests[role][i] = lm_probe_is_float(probe, role, i) ? LAMINA_WRITE : LAMINA_SKIP;
  }
  return made ? LAMINA_OK : lm_fail_memory(error, lm_shape_bytes(shape));
}

static enum lamina_status make_scratch(struct lm_probe *probe, uint32_t pass,
                                       struct lm_error *error)
{
  const struct lm_facts *facts = &probe->facts;
  const char *of = pass == LAMINA_FORWARD ? "forward" : "backward";
  char name[48];
  size_t lane = lm_round_up((size_t)facts->lane_scratch[pass], LAMINA_ALIGNMENT);
  probe->lane_stride[pass] = lane == 0 ? 0 : lane + LAMINA_ALIGNMENT;
  size_t lanes = probe->lane_stride[pass] * lm_pool_threads(probe->home->pool);
  (void)snprintf(name, sizeof name, "the shared scratch of %s", of);
  if (!lm_zone_make(&probe->scratch[pass], (size_t)facts->scratch[pass], &probe->style, name)) {
    return lm_fail_memory(error, facts->scratch[pass]);
  }
  (void)snprintf(name, sizeof name, "the lanes' scratch of %s", of);
  return lm_zone_make(&probe->lanes[pass], lanes, &probe->style, name)
             ? LAMINA_OK
             : lm_fail_memory(error, lanes);
}

/* Tensors of one role in a row of pointers. */
static enum lamina_status make_role(struct lm_probe *probe, uint32_t role,
                                    struct lm_tensor *const *list, uint32_t count,
                                    struct lm_error *error)
{
  for (uint32_t i = 0; i < count; i++) {
    LM_TRY(make_tensors(probe, role, &list[i]->shape, error));
  }
  return LAMINA_OK;
}

static enum lamina_status make_declared(struct lm_probe *probe, uint32_t role,
                                        const struct lm_declared *list, uint32_t count,
                                        struct lm_error *error)
{
  for (uint32_t i = 0; i < count; i++) {
    LM_TRY(make_tensors(probe, role, &list[i].shape, error));
  }
  return LAMINA_OK;
}

/* The numbers of the records in a batch, for transforms. */
static enum lamina_status make_records(struct lm_probe *probe, struct lm_error *error)
{
  const struct lm_facts *facts = &probe->facts;
  struct lm_shape shape = {0};
  if (probe->home->instance->plugin->info.kind != LAMINA_KIND_TRANSFORM || facts->n_in == 0 ||
      facts->in[0]->shape.type.rank == 0) {
    return LAMINA_OK;
  }
  shape.dims[0] = facts->in[0]->shape.dims[0];
  shape.type = lamina_type_make(LAMINA_DT_INT, 64, 1, shape.dims);
  return make_tensors(probe, LAMINA_RECORDS, &shape, error);
}

/* The partial result of a metric stands where a layer's output would. */
static enum lamina_status make_part(struct lm_probe *probe, struct lm_error *error)
{
  struct lm_shape shape = {.dims = {probe->facts.accumulators}};
  if (probe->home->instance->plugin->info.kind != LAMINA_KIND_METRIC) {
    return LAMINA_OK;
  }
  if (probe->facts.accumulators == 0) {
    return lm_fail(error, LAMINA_E_PLUGIN, "%s: declares no accumulators", probe->label);
  }
  shape.type = lamina_type_make(LAMINA_DT_FLOAT, 64, 1, shape.dims);
  return make_tensors(probe, LAMINA_OUT, &shape, error);
}

static enum lamina_status make_memory(struct lm_probe *probe, struct lm_error *error)
{
  const struct lm_facts *facts = &probe->facts;
  const struct lm_recording *recording = &probe->recording;
  LM_TRY(make_role(probe, LAMINA_IN, facts->in, facts->n_in, error));
  LM_TRY(make_role(probe, LAMINA_OUT, facts->out, facts->n_out, error));
  LM_TRY(make_declared(probe, LAMINA_WEIGHT, recording->weights, recording->n_weights, error));
  LM_TRY(make_declared(probe, LAMINA_STATE, recording->states, recording->n_states, error));
  LM_TRY(make_role(probe, LAMINA_SAVE, facts->save, facts->n_save, error));
  LM_TRY(make_records(probe, error));
  LM_TRY(make_part(probe, error));
  LM_TRY(make_scratch(probe, LAMINA_FORWARD, error));
  return make_scratch(probe, LAMINA_BACKWARD, error);
}

/* Products may be far more than there is: nothing is asked of the system before this. */
static enum lamina_status check_size(const struct lm_probe *probe, struct lm_error *error)
{
  const struct lm_facts *facts = &probe->facts;
  double bytes = (double)facts->scratch[0] + (double)facts->scratch[1];
  bytes += 8.0 * ((double)facts->lane_scratch[0] + (double)facts->lane_scratch[1]);
  for (uint32_t i = 0; i < facts->n_in; i++) {
    bytes += 2.0 * (double)facts->in[i]->bytes;
  }
  for (uint32_t i = 0; i < facts->n_out; i++) {
    bytes += 2.0 * (double)facts->out[i]->bytes;
  }
  for (uint32_t i = 0; i < facts->n_save; i++) {
    bytes += (double)facts->save[i]->bytes;
  }
  for (uint32_t i = 0; i < probe->recording.n_weights; i++) {
    bytes += 2.0 * (double)lm_shape_bytes(&probe->recording.weights[i].shape);
  }
  for (uint32_t i = 0; i < probe->recording.n_states; i++) {
    bytes += (double)lm_shape_bytes(&probe->recording.states[i].shape);
  }
  return bytes <= (double)MOST_BYTES
             ? LAMINA_OK
             : lm_fail(error, LAMINA_E_NOMEM, "%s: needs %.3g bytes, more than a probe takes",
                       probe->label, bytes);
}

static enum lamina_status fill_probe(struct lm_probe *probe, const char *shapes,
                                     struct lm_error *error)
{
  struct lm_home *home = probe->home;
  (void)snprintf(probe->label, sizeof probe->label, "%s on %s", home->label, shapes);
  probe->poison = 0xff;
  probe->recording.facts = &probe->facts;
  LM_TRY(make_inputs(&probe->facts, probe->fills, shapes, error));
  LM_TRY(record(home, &probe->recording, probe->label, error));
  LM_TRY(check_size(probe, error));
  return make_memory(probe, error);
}

enum lamina_status lm_probe_open_at(struct lm_home *home, const char *shapes,
                                    const struct lm_zone_style *style, struct lm_probe **out,
                                    struct lm_error *error)
{
  *out = NULL;
  struct lm_probe *probe = lm_alloc(1, sizeof *probe);
  if (probe == NULL) {
    return lm_fail_memory(error, sizeof *probe);
  }
  probe->home = home;
  home->users++;
  probe->style = style == NULL ? lm_zone_usual : *style;
  enum lamina_status status = fill_probe(probe, shapes, error);
  if (status != LAMINA_OK) {
    lm_probe_close(probe);
    return status;
  }
  *out = probe;
  return LAMINA_OK;
}

enum lamina_status lm_probe_open(const struct lm_probe_spec *spec, struct lm_probe **out,
                                 struct lm_error *error)
{
  struct lm_home *home = NULL;
  *out = NULL;
  LM_TRY(lm_home_create(&spec->home, &home, error));
  enum lamina_status status = lm_probe_open_at(home, spec->shapes, spec->style, out, error);
  lm_home_free(home); /* the probe is its user now */
  return status;
}

void lm_probe_close(struct lm_probe *probe)
{
  if (probe == NULL) {
    return;
  }
  for (uint32_t role = 0; role < LM_ROLES; role++) {
    for (uint32_t i = 0; i < probe->count[role]; i++) {
      lm_zone_release(&probe->tensors[role][i].zone);
      if (role < LM_GRADIENT_ROLES) {
        lm_zone_release(&probe->gradients[role][i].zone);
      }
    }
  }
  for (uint32_t pass = 0; pass < 2; pass++) {
    lm_zone_release(&probe->scratch[pass]);
    lm_zone_release(&probe->lanes[pass]);
  }
  release_inputs(&probe->facts);
  lm_recording_release(&probe->recording);
  lm_facts_release(&probe->facts);
  lm_home_free(probe->home);
  lm_free(probe);
}

/* ---- content ---- */

float *lm_probe_value(const struct lm_probe *probe, uint32_t role, uint32_t index)
{
  return probe->tensors[role][index].view.data;
}

int32_t *lm_probe_labels(const struct lm_probe *probe, uint32_t index)
{
  return probe->tensors[LAMINA_IN][index].view.data;
}

float *lm_probe_gradient(const struct lm_probe *probe, uint32_t role, uint32_t index)
{
  return probe->gradients[role][index].view.data;
}

int64_t lm_probe_count(const struct lm_probe *probe, uint32_t role, uint32_t index)
{
  return lamina_type_count(&probe->tensors[role][index].view.type);
}

bool lm_probe_is_float(const struct lm_probe *probe, uint32_t role, uint32_t index)
{
  return lamina_type_is_f32(&probe->tensors[role][index].shape.type);
}

static void fill_numbers(struct lm_probe *probe, uint32_t role, uint32_t index, uint64_t *seed)
{
  float *values = lm_probe_value(probe, role, index);
  bool unit = role == LAMINA_IN && probe->fills[index] == 'u';
  for (int64_t i = 0; i < lm_probe_count(probe, role, index); i++) {
    float number = (float)((int64_t)lm_draw(seed, 2049) - 1024) / 1024.0f;
    values[i] = unit ? 0.5f + 0.375f * number : number; /* 1/8 to 7/8: small steps stay inside */
  }
}

/* Rows of k whole 1/4096, none of them 0, that sum to 1 exactly. */
static void fill_shares(struct lm_probe *probe, uint32_t index, uint64_t *seed)
{
  float *values = lm_probe_value(probe, LAMINA_IN, index);
  int64_t k = lamina_type_columns(&probe->tensors[LAMINA_IN][index].view.type);
  int64_t rows = k == 0 ? 0 : lm_probe_count(probe, LAMINA_IN, index) / k;
  for (int64_t row = 0; row < rows; row++, values += k) {
    int64_t left = 4096;
    for (int64_t i = 0; i < k; i++) {
      int64_t others = k - 1 - i, most = 2 * (left - others) / (others + 1);
      int64_t share =
          others == 0 ? left : 1 + (int64_t)lm_draw(seed, most < 1 ? 1 : (uint64_t)most);
      share = share > left - others ? left - others : share;
      values[i] = (float)share / 4096.0f;
      left -= share;
    }
  }
}

static void fill_labels(struct lm_probe *probe, uint32_t index, uint64_t *seed)
{
  int64_t classes = probe->facts.in[index]->classes;
  int32_t *labels = lm_probe_labels(probe, index);
  for (int64_t i = 0; i < lm_probe_count(probe, LAMINA_IN, index); i++) {
    labels[i] = (int32_t)lm_draw(seed, (uint64_t)(classes > 0 ? classes : 2));
  }
}

static void fill_input(struct lm_probe *probe, uint32_t index, uint64_t *seed)
{
  if (!lm_probe_is_float(probe, LAMINA_IN, index)) {
    fill_labels(probe, index, seed);
  } else if (probe->fills[index] == 'p') {
    fill_shares(probe, index, seed);
  } else {
    fill_numbers(probe, LAMINA_IN, index, seed);
  }
}

void lm_probe_fill(struct lm_probe *probe, uint64_t seed)
{
  for (uint32_t i = 0; i < probe->count[LAMINA_IN]; i++) {
    fill_input(probe, i, &seed);
  }
  for (uint32_t i = 0; i < probe->count[LAMINA_WEIGHT]; i++) {
    fill_numbers(probe, LAMINA_WEIGHT, i, &seed);
  }
  for (uint32_t i = 0; i < probe->count[LAMINA_STATE]; i++) {
    lm_zone_fill(&probe->tensors[LAMINA_STATE][i].zone, 0);
    lm_view_fill(&probe->tensors[LAMINA_STATE][i].view, probe->recording.states[i].value);
  }
  for (int64_t i = 0;
       probe->count[LAMINA_RECORDS] > 0 && i < lm_probe_count(probe, LAMINA_RECORDS, 0); i++) {
    ((int64_t *)probe->tensors[LAMINA_RECORDS][0].view.data)[i] = i;
  }
  for (uint32_t i = 0; i < probe->count[LAMINA_OUT]; i++) {
    float *dy = lm_probe_gradient(probe, LAMINA_OUT, i);
    for (int64_t j = 0;
         lm_probe_is_float(probe, LAMINA_OUT, i) && j < lm_probe_count(probe, LAMINA_OUT, i); j++) {
      float size = (float)(8 + lm_draw(&seed, 9)) / 16.0f;
      dy[j] = lm_draw(&seed, 2) == 0 ? size : -size;
    }
  }
}

static void roughen(float *values, int64_t n, uint64_t *seed)
{
  for (int64_t i = 0; i < n; i++) {
    values[i] += values[i] * ldexpf((float)lm_draw(seed, 4096), -24);
  }
}

void lm_probe_roughen(struct lm_probe *probe, uint64_t seed)
{
  for (uint32_t role = LAMINA_IN; role <= LAMINA_WEIGHT; role++) {
    for (uint32_t i = 0; i < probe->count[role]; i++) {
      int64_t n = lm_probe_is_float(probe, role, i) ? lm_probe_count(probe, role, i) : 0;
      if (role == LAMINA_OUT) {
        roughen(lm_probe_gradient(probe, role, i), n, &seed);
      } else if (role == LAMINA_WEIGHT || probe->fills[i] != 'p') {
        roughen(lm_probe_value(probe, role, i), n, &seed);
      }
    }
  }
}

void lm_probe_request(struct lm_probe *probe, uint32_t request)
{
  for (uint32_t role = LAMINA_IN; role <= LAMINA_WEIGHT; role++) {
    for (uint32_t i = 0; i < probe->count[role]; i++) {
      probe->requests[role][i] = lm_probe_is_float(probe, role, i) ? request : LAMINA_SKIP;
    }
  }
}

/* ---- places ---- */

bool lm_probe_share(struct lm_probe *probe, const struct lm_sharing *sharing)
{
  bool forward = sharing->pass == LAMINA_FORWARD;
  const struct lm_probe_tensor *from =
      forward ? probe->tensors[LAMINA_IN] : probe->gradients[LAMINA_OUT];
  struct lm_probe_tensor *to = forward ? probe->tensors[LAMINA_OUT] : probe->gradients[LAMINA_IN];
  if (from[sharing->from].zone.bytes != to[sharing->to].zone.bytes) {
    return false;
  }
  to[sharing->to].view.data = from[sharing->from].zone.data;
  return true;
}

void lm_probe_unshare(struct lm_probe *probe)
{
  for (uint32_t role = 0; role < LM_GRADIENT_ROLES; role++) {
    for (uint32_t i = 0; i < probe->count[role]; i++) {
      probe->tensors[role][i].view.data = probe->tensors[role][i].zone.data;
      probe->gradients[role][i].view.data = probe->gradients[role][i].zone.data;
    }
  }
}

static bool move_tensor(struct lm_probe *probe, struct lm_probe_tensor *tensor, const char *name)
{
  struct lm_zone old = tensor->zone;
  if (!lm_zone_make(&tensor->zone, old.bytes, &probe->style, name)) {
    tensor->zone = old;
    return false;
  }
  if (old.bytes > 0) {
    memcpy(tensor->zone.data, old.data, old.bytes);
  }
  tensor->view.data = tensor->zone.data;
  lm_zone_release(&old);
  return true;
}

bool lm_probe_differentiates(const struct lm_plugin *plugin)
{
  bool is_layer = plugin->info.kind == LAMINA_KIND_LAYER || plugin->info.kind == LAMINA_KIND_LOSS;
  return is_layer && plugin->table.layer.backward != NULL;
}

bool lm_probe_move(struct lm_probe *probe)
{
  char name[48];
  bool moved = true;
  for (uint32_t role = 0; role < LM_ROLES; role++) {
    for (uint32_t i = 0; i < probe->count[role] && moved; i++) {
      (void)snprintf(name, sizeof name, "%s %u", lm_role_name(role), i);
      moved = move_tensor(probe, &probe->tensors[role][i], name);
      (void)snprintf(name, sizeof name, "the gradient of %s %u", lm_role_name(role), i);
      moved = moved &&
              (role >= LM_GRADIENT_ROLES || move_tensor(probe, &probe->gradients[role][i], name));
    }
  }
  return moved;
}
