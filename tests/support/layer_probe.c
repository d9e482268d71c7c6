/*
 * Making a probe: registry, settings and declarations as the program makes them, then memory for
 * every tensor; and how tests reach into it. layer_run.c runs it.
 */
#include "tests/support/layer_probe.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "tests/support/support.h"

/* ---- inputs from text ---- */

/* Reads one word, such as "7x5" or "7:5+"; the end of the word is returned. */
static const char *parse_input(const char *word, struct lm_tensor *tensor)
{
  const char *at = word;
  char *end = NULL;
  int64_t dims[LAMINA_MAX_RANK];
  uint32_t rank = 0;
  while (*at >= '0' && *at <= '9') {
    cr_assert_lt(rank, LAMINA_MAX_RANK);
    dims[rank++] = strtoll(at, &end, 10);
    at = *end == 'x' ? end + 1 : end;
  }
  at += *at == '-';
  bool labels = *at == ':';
  if (labels) {
    tensor->classes = strtoll(at + 1, &end, 10);
    tensor->classes_exact = *end != '+';
    at = end + (*end == '+');
  }
  struct lamina_type type = labels ? lamina_type_i32(rank, dims) : lamina_type_f32(rank, dims);
  cr_assert(*at == ' ' || *at == '\0', "'%s' is not a shape", word);
  cr_assert_eq(lm_shape_copy(&tensor->shape, &type, NULL), LAMINA_OK);
  tensor->shape.type.dims = tensor->shape.dims;
  tensor->bytes = lm_shape_bytes(&tensor->shape);
  return at + (*at == ' ');
}

static void make_inputs(struct ls_probe *probe, const char *shapes)
{
  while (*shapes != '\0') {
    struct lm_tensor *tensor = lm_alloc(1, sizeof *tensor);
    cr_assert_not_null(tensor);
    cr_assert_lt(probe->facts.n_in, LS_MOST);
    shapes = parse_input(shapes, tensor);
    probe->facts.in[probe->facts.n_in++] = tensor;
  }
}

/* ---- the instance ---- */

static void home_release(struct ls_home *home)
{
  if (home == NULL || --home->users > 0) {
    return;
  }
  lm_instance_free(home->instance);
  lm_host_release(&home->host);
  lm_config_free(home->config);
  lm_pool_free(home->pool);
  lm_registry_free(home->registry);
  lm_free(home);
}

static enum lamina_status make_instance(struct ls_home *home, const char *kind, const char *name,
                                        const char *settings, struct lm_error *error)
{
  char *text = lm_format("%s: %s\n", name, settings == NULL ? "{}" : settings);
  cr_assert_not_null(text);
  enum lamina_status status =
      lm_config_parse(text, strlen(text), "probe.yaml", NULL, 0, &home->config, error);
  lm_free(text);
  LM_TRY(status);
  home->host.config = home->config;
  struct lm_instance_spec spec = {0};
  LM_TRY(lm_component_parse(lm_config_root(home->config), "the plugin", &spec, error));
  spec.kind = lm_kind_parse(kind);
  return lm_instance_create(&home->host, &spec, &home->instance, error);
}

static struct ls_home *make_home(uint32_t threads)
{
  struct ls_home *home = lm_alloc(1, sizeof *home);
  char *path = lm_format("%s:%s", ls_environment("LAMINA_TEST_PLUGINS"),
                         ls_environment("LAMINA_TEST_FIXTURES"));
  cr_assert(home != NULL && path != NULL);
  struct lm_registry_options options = {.plugin_path = path};
  struct lm_error error = {0};
  cr_assert_eq(lm_registry_create(&options, &home->registry, &error), LAMINA_OK, "%s", error.text);
  cr_assert_eq(lm_pool_create(threads, &home->pool, &error), LAMINA_OK, "%s", error.text);
  home->host.registry = home->registry;
  home->host.pool = home->pool;
  home->host.seed = LS_SEED;
  home->users = 1;
  lm_free(path);
  return home;
}

/* ---- memory ---- */

static void make_tensor(struct ls_tensor *tensor, const struct lm_shape *shape)
{
  tensor->shape = *shape;
  tensor->shape.type.dims = tensor->shape.dims;
  ls_zone_make(&tensor->zone, lm_shape_bytes(shape));
  tensor->view = (struct lamina_view){.data = tensor->zone.data, .type = tensor->shape.type};
}

static void make_tensors(struct ls_probe *probe, uint32_t role, const struct lm_shape *shape)
{
  uint32_t i = probe->count[role]++;
  cr_assert_lt(i, LS_MOST, "%s: too many tensors for a probe", probe->label);
  make_tensor(&probe->tensors[role][i], shape);
  if (role < LM_GRADIENT_ROLES) {
    make_tensor(&probe->gradients[role][i], shape);
    probe->requests[role][i] = ls_is_float(probe, role, i) ? LAMINA_WRITE : LAMINA_SKIP;
  }
}

static void make_memory(struct ls_probe *probe)
{
  const struct lm_facts *facts = &probe->facts;
  for (uint32_t i = 0; i < facts->n_in; i++) {
    make_tensors(probe, LAMINA_IN, &facts->in[i]->shape);
  }
  for (uint32_t i = 0; i < facts->n_out; i++) {
    make_tensors(probe, LAMINA_OUT, &facts->out[i]->shape);
  }
  for (uint32_t i = 0; i < probe->recording.n_weights; i++) {
    make_tensors(probe, LAMINA_WEIGHT, &probe->recording.weights[i].shape);
  }
  for (uint32_t i = 0; i < probe->recording.n_states; i++) {
    make_tensors(probe, LAMINA_STATE, &probe->recording.states[i].shape);
  }
  for (uint32_t i = 0; i < facts->n_save; i++) {
    make_tensors(probe, LAMINA_SAVE, &facts->save[i]->shape);
  }
  for (uint32_t pass = 0; pass < 2; pass++) {
    ls_zone_make(&probe->scratch[pass], (size_t)facts->scratch[pass]);
    size_t lane = lm_round_up((size_t)facts->lane_scratch[pass], LAMINA_ALIGNMENT);
    probe->lane_stride[pass] = lane == 0 ? 0 : lane + LAMINA_ALIGNMENT;
    ls_zone_make(&probe->lanes[pass],
                 probe->lane_stride[pass] * lm_pool_threads(probe->home->pool));
  }
}

static struct ls_probe *make_probe(struct ls_home *home, const char *kind, const char *name,
                                   const char *settings, const char *shapes)
{
  struct ls_probe *probe = lm_alloc(1, sizeof *probe);
  cr_assert_not_null(probe);
  (void)snprintf(probe->label, sizeof probe->label, "%s %s %s on %s, %u thread(s)", kind, name,
                 settings == NULL ? "" : settings, shapes, lm_pool_threads(home->pool));
  probe->home = home;
  probe->poison = 0xff;
  probe->recording.facts = &probe->facts;
  make_inputs(probe, shapes);
  return probe;
}

struct ls_probe *ls_try_open(const char *kind, const char *name, const char *settings,
                             const char *shapes, uint32_t threads, struct lm_error *error)
{
  struct ls_home *home = make_home(threads);
  struct ls_probe *probe = make_probe(home, kind, name, settings, shapes);
  enum lamina_status status = make_instance(home, kind, name, settings, error);
  if (status == LAMINA_OK) {
    status = lm_record(&home->host, home->instance, home->instance->plugin->table.layer.infer,
                       &probe->recording, error);
  }
  if (status != LAMINA_OK) {
    ls_close(probe);
    return NULL;
  }
  make_memory(probe);
  return probe;
}

struct ls_probe *ls_open(const char *kind, const char *name, const char *settings,
                         const char *shapes, uint32_t threads)
{
  struct lm_error error = {0};
  struct ls_probe *probe = ls_try_open(kind, name, settings, shapes, threads, &error);
  cr_assert_not_null(probe, "%s %s on %s: %s", kind, name, shapes, error.text);
  return probe;
}

struct ls_probe *ls_open_beside(const struct ls_probe *first, const char *shapes)
{
  struct ls_home *home = first->home;
  const struct lamina_plugin *info = &home->instance->plugin->info;
  struct ls_probe *probe = make_probe(home, lm_kind_name(info->kind), info->name, "again", shapes);
  struct lm_error error = {0};
  home->users++;
  cr_assert_eq(lm_record(&home->host, home->instance, home->instance->plugin->table.layer.infer,
                         &probe->recording, &error),
               LAMINA_OK, "%s: %s", probe->label, error.text);
  make_memory(probe);
  return probe;
}

void ls_close(struct ls_probe *probe)
{
  for (uint32_t role = 0; role < LM_ROLES; role++) {
    for (uint32_t i = 0; i < probe->count[role]; i++) {
      ls_zone_release(&probe->tensors[role][i].zone);
    }
  }
  for (uint32_t role = 0; role < LM_GRADIENT_ROLES; role++) {
    for (uint32_t i = 0; i < probe->count[role]; i++) {
      ls_zone_release(&probe->gradients[role][i].zone);
    }
  }
  for (uint32_t pass = 0; pass < 2; pass++) {
    ls_zone_release(&probe->scratch[pass]);
    ls_zone_release(&probe->lanes[pass]);
  }
  for (uint32_t i = 0; i < probe->facts.n_in; i++) {
    lm_tensor_free(probe->facts.in[i]);
  }
  lm_recording_release(&probe->recording);
  lm_facts_release(&probe->facts);
  home_release(probe->home);
  lm_free(probe);
}

/* ---- content ---- */

float *ls_value(struct ls_probe *probe, uint32_t role, uint32_t index)
{
  return probe->tensors[role][index].view.data;
}

int32_t *ls_labels(struct ls_probe *probe, uint32_t index)
{
  return probe->tensors[LAMINA_IN][index].view.data;
}

float *ls_gradient(struct ls_probe *probe, uint32_t role, uint32_t index)
{
  return probe->gradients[role][index].view.data;
}

int64_t ls_count(const struct ls_probe *probe, uint32_t role, uint32_t index)
{
  return lamina_type_count(&probe->tensors[role][index].view.type);
}

bool ls_is_float(const struct ls_probe *probe, uint32_t role, uint32_t index)
{
  return lamina_type_is_f32(&probe->tensors[role][index].shape.type);
}

void ls_set(struct ls_probe *probe, uint32_t role, uint32_t index, const float *values)
{
  size_t bytes = (size_t)ls_count(probe, role, index) * sizeof *values;
  if (bytes > 0) {
    memcpy(ls_value(probe, role, index), values, bytes);
  }
}

/* Steele, Lea, Flood: "Fast splittable pseudorandom number generators", OOPSLA 2014. */
uint64_t ls_number(uint64_t *seed, uint64_t below)
{
  uint64_t z = (*seed += 0x9e3779b97f4a7c15u);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return (z ^ (z >> 31)) % below;
}

static void fill_tensor(struct ls_probe *probe, uint32_t role, uint32_t index, uint64_t *seed)
{
  float *values = ls_value(probe, role, index);
  for (int64_t i = 0; i < ls_count(probe, role, index); i++) {
    values[i] = (float)((int64_t)ls_number(seed, 2049) - 1024) / 1024.0f;
  }
}

static void fill_labels(struct ls_probe *probe, uint32_t index, uint64_t *seed)
{
  int64_t classes = probe->facts.in[index]->classes;
  int32_t *labels = ls_labels(probe, index);
  for (int64_t i = 0; i < ls_count(probe, LAMINA_IN, index); i++) {
    labels[i] = (int32_t)ls_number(seed, (uint64_t)(classes > 0 ? classes : 2));
  }
}

void ls_fill(struct ls_probe *probe, uint64_t seed)
{
  for (uint32_t i = 0; i < probe->count[LAMINA_IN]; i++) {
    if (ls_is_float(probe, LAMINA_IN, i)) {
      fill_tensor(probe, LAMINA_IN, i, &seed);
    } else {
      fill_labels(probe, i, &seed);
    }
  }
  for (uint32_t i = 0; i < probe->count[LAMINA_WEIGHT]; i++) {
    fill_tensor(probe, LAMINA_WEIGHT, i, &seed);
  }
  for (uint32_t i = 0; i < probe->count[LAMINA_OUT]; i++) {
    float *dy = ls_gradient(probe, LAMINA_OUT, i);
    for (int64_t j = 0; j < ls_count(probe, LAMINA_OUT, i); j++) {
      float size = (float)(8 + ls_number(&seed, 9)) / 16.0f;
      dy[j] = ls_number(&seed, 2) == 0 ? size : -size;
    }
  }
}

void ls_request_all(struct ls_probe *probe, uint32_t request)
{
  for (uint32_t role = LAMINA_IN; role <= LAMINA_WEIGHT; role++) {
    for (uint32_t i = 0; i < probe->count[role]; i++) {
      bool any = probe->requests[role][i] != LAMINA_SKIP || request == LAMINA_SKIP;
      probe->requests[role][i] = any || ls_is_float(probe, role, i) ? request : LAMINA_SKIP;
    }
  }
}

void ls_share(struct ls_probe *probe, const struct lm_sharing *sharing)
{
  bool forward = sharing->pass == LAMINA_FORWARD;
  const struct ls_tensor *from = forward ? probe->tensors[LAMINA_IN] : probe->gradients[LAMINA_OUT];
  struct ls_tensor *to = forward ? probe->tensors[LAMINA_OUT] : probe->gradients[LAMINA_IN];
  cr_assert_eq(from[sharing->from].zone.bytes, to[sharing->to].zone.bytes,
               "%s: tensors of different sizes may not share memory", probe->label);
  to[sharing->to].view.data = from[sharing->from].zone.data;
}

void ls_unshare(struct ls_probe *probe)
{
  for (uint32_t role = 0; role < LM_GRADIENT_ROLES; role++) {
    for (uint32_t i = 0; i < probe->count[role]; i++) {
      probe->tensors[role][i].view.data = probe->tensors[role][i].zone.data;
      probe->gradients[role][i].view.data = probe->gradients[role][i].zone.data;
    }
  }
}

/* ---- refusals ---- */

void ls_contains(const char *text, const char *fragments)
{
  char fragment[256];
  while (*fragments != '\0') {
    size_t length = strcspn(fragments, "|");
    cr_assert_lt(length, sizeof fragment);
    memcpy(fragment, fragments, length);
    fragment[length] = '\0';
    cr_assert_not_null(strstr(text, fragment), "'%s' does not say '%s'", text, fragment);
    fragments += length + (fragments[length] == '|');
  }
}

void ls_refuses(const char *kind, const char *name, const char *settings, const char *shapes,
                enum lamina_status status, const char *fragments)
{
  struct lm_error error = {0};
  struct ls_probe *probe = ls_try_open(kind, name, settings, shapes, 1, &error);
  cr_assert_null(probe, "%s %s %s on '%s' was not refused", kind, name,
                 settings == NULL ? "" : settings, shapes);
  cr_assert_eq(error.status, status, "%s: %s", lm_status_name(error.status), error.text);
  ls_contains(error.text, fragments);
}
