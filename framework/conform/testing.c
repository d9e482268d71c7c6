/*
 * lamina/testing.h over this room: what a plugin's own test program links. One registry serves
 * all probes of a program and lives as long as it.
 */
#include <lamina/testing.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "conform/conform_internal.h"
#include "conform/mock.h"

enum { USUAL_SEED = 1 };

/* ---- conformance ---- */

static enum lamina_status find_file(const struct lamina_conform *what, char **out,
                                    struct lm_error *error)
{
  struct lm_registry *registry = NULL;
  const struct lm_plugin *plugin = NULL;
  if (what->file != NULL) {
    *out = lm_copy_text(what->file);
    return *out == NULL ? lm_fail_memory(error, 0) : LAMINA_OK;
  }
  LM_TRY(lm_registry_create(NULL, &registry, error));
  enum lamina_status status =
      lm_registry_find(registry, lm_kind_parse(what->kind), what->name, &plugin, error);
  *out = status == LAMINA_OK ? lm_copy_text(plugin->path) : NULL;
  lm_registry_free(registry);
  return status == LAMINA_OK && *out == NULL ? lm_fail_memory(error, 0) : status;
}

static enum lamina_status run(const struct lamina_conform *what, const char *file,
                              struct lm_text *text, size_t *broken, struct lm_error *error)
{
  const struct lm_conform_options options = {
      .file = file,
      .settings = what->settings,
      .shapes = what->shapes,
      .only = what->only,
      .skip = what->skip,
      .seed = what->seed == 0 ? USUAL_SEED : what->seed,
      .limit_ms = what->limit_seconds * 1000,
  };
  struct lm_conform_report report;
  enum lamina_status status = lm_conform(&options, &report, error);
  if (status == LAMINA_OK) {
    lm_conform_write(&report, LM_CONFORM_TEXT, what->strict != 0, text);
    *broken = lm_conform_broken(&report, what->strict != 0);
  }
  lm_conform_release(&report);
  return status;
}

int32_t lamina_testing_conform(const struct lamina_conform *what, char **report)
{
  struct lm_error error = {0};
  struct lm_text text = {0};
  char *file = NULL;
  size_t broken = 0;
  enum lamina_status status = find_file(what, &file, &error);
  if (status == LAMINA_OK) {
    status = run(what, file, &text, &broken, &error);
  }
  if (status != LAMINA_OK) {
    lm_text_add(&text, error.text);
  }
  lm_free(file);
  lm_text_add(&text, "");
  *report = lm_text_take(&text);
  return status != LAMINA_OK ? (int32_t)status : (int32_t)broken;
}

void lamina_testing_free(void *memory)
{
  lm_free(memory);
}

/* ---- probes ---- */

struct lamina_probe {
  struct lm_probe *probe;
  struct lm_observer observer;
  struct lm_ledger *ledger; /* of the gradient check */
  char breach[LM_PROBE_LABEL + 160];
};

static void keep_breach(void *arg, enum lm_breach breach, const char *sentence)
{
  struct lamina_probe *probe = arg;
  (void)breach;
  (void)snprintf(probe->breach, sizeof probe->breach, "%s", sentence);
}

static enum lamina_status open_probe(const struct lm_probe_spec *wanted, struct lamina_probe *probe,
                                     struct lm_error *error)
{
  static struct lm_registry *registry;
  struct lm_probe_spec spec = *wanted;
  if (registry == NULL) {
    LM_TRY(lm_registry_create(NULL, &registry, error));
  }
  probe->observer = (struct lm_observer){.arg = probe, .breach = keep_breach};
  probe->ledger = lm_alloc(1, sizeof *probe->ledger);
  if (probe->ledger == NULL) {
    return lm_fail_memory(error, sizeof *probe->ledger);
  }
  spec.home.registry = registry;
  spec.home.observer = &probe->observer;
  return lm_probe_open(&spec, &probe->probe, error);
}

struct lamina_probe *lamina_probe_open(const char *kind, const char *name, const char *settings,
                                       const char *shapes, char *why, uint64_t size)
{
  struct lm_error error = {0};
  const struct lm_probe_spec spec = {
      .home = {.kind = lm_kind_parse(kind), .name = name, .settings = settings, .threads = 2},
      .shapes = shapes};
  struct lamina_probe *probe = lm_alloc(1, sizeof *probe);
  bool is_layer = spec.home.kind == LAMINA_KIND_LAYER || spec.home.kind == LAMINA_KIND_LOSS;
  enum lamina_status status =
      probe == NULL ? lm_fail_memory(&error, sizeof *probe)
      : !is_layer
          ? lm_fail(&error, LAMINA_E_USAGE, "a probe is of a layer or a loss, not of a %s", kind)
          : open_probe(&spec, probe, &error);
  if (size > 0) {
    (void)snprintf(why, (size_t)size, "%s", error.text);
  }
  if (status != LAMINA_OK) {
    lamina_probe_close(probe);
    return NULL;
  }
  return probe;
}

void lamina_probe_close(struct lamina_probe *probe)
{
  if (probe != NULL) {
    lm_probe_close(probe->probe);
    lm_free(probe->ledger);
    lm_free(probe);
  }
}

void lamina_probe_fill(struct lamina_probe *probe, uint64_t seed)
{
  lm_probe_fill(probe->probe, seed);
}

static int32_t conclude(struct lamina_probe *probe, enum lamina_status status)
{
  if (status == LAMINA_OK && probe->breach[0] != '\0') {
    return lm_fail(&probe->probe->error, LAMINA_E_PLUGIN, "%s", probe->breach);
  }
  return status;
}

int32_t lamina_probe_forward(struct lamina_probe *probe, uint32_t mode, uint64_t step)
{
  probe->breach[0] = '\0';
  return conclude(probe, lm_probe_forward(probe->probe, mode, step));
}

int32_t lamina_probe_backward(struct lamina_probe *probe, uint32_t mode, uint64_t step)
{
  probe->breach[0] = '\0';
  return conclude(probe, lm_probe_backward(probe->probe, mode, step));
}

const char *lamina_probe_error(const struct lamina_probe *probe)
{
  return probe->probe->error.text;
}

const struct lamina_view *lamina_probe_tensor(struct lamina_probe *probe, uint32_t what,
                                              uint32_t index)
{
  bool known = what < LM_ROLES && index < probe->probe->count[what];
  return known ? &probe->probe->tensors[what][index].view : NULL;
}

const struct lamina_view *lamina_probe_gradient(struct lamina_probe *probe, uint32_t what,
                                                uint32_t index)
{
  bool known = what < LM_GRADIENT_ROLES && index < probe->probe->count[what];
  return known ? &probe->probe->gradients[what][index].view : NULL;
}

void lamina_probe_request(struct lamina_probe *probe, uint32_t what, uint32_t index,
                          uint32_t request)
{
  if (what < LM_GRADIENT_ROLES && index < probe->probe->count[what]) {
    probe->probe->requests[what][index] = request;
  }
}

const char *lamina_probe_check_gradients(struct lamina_probe *probe, uint64_t seed,
                                         uint32_t constant)
{
  struct lm_trial trial = {.ledger = probe->ledger, .seed = seed};
  const struct lm_case item = {.constant = constant};
  struct lm_bout bout = {.trial = &trial, .item = &item, .probe = probe->probe};
  probe->ledger->n_findings = 0;
  if (lm_case_step(&trial, &item, probe->probe, "L18") && lm_bits_take(probe->probe, &bout.step)) {
    lm_check_gradients(&bout);
  }
  lm_bits_release(&bout.step);
  return probe->ledger->n_findings == 0 ? NULL : probe->ledger->findings[0].text;
}

/* ---- comparisons ---- */

static bool is_near(float found, float expected, double relative, double absolute)
{
  if (isnan(found) || isnan(expected)) {
    return isnan(found) && isnan(expected);
  }
  if (isinf(found) || isinf(expected)) {
    return memcmp(&found, &expected, sizeof found) == 0;
  }
  return fabs((double)found - (double)expected) <= relative * fabs((double)expected) + absolute;
}

int64_t lamina_testing_far(const float *found, const float *expected, int64_t n, double relative,
                           double absolute, char why[LAMINA_TESTING_WHY])
{
  int64_t i = 0;
  while (i < n && is_near(found[i], expected[i], relative, absolute)) {
    i++;
  }
  if (i == n) {
    return -1;
  }
  (void)snprintf(why, LAMINA_TESTING_WHY, "element %lld is %.9g, expected %.9g", (long long)i,
                 (double)found[i], (double)expected[i]);
  return i;
}

/* ---- the host that is not one ---- */

struct lamina_mock {
  struct lm_mock host;
};

struct lamina_mock *lamina_mock_create(uint32_t threads)
{
  struct lamina_mock *mock = lm_alloc(1, sizeof *mock);
  if (mock != NULL && !lm_mock_init(&mock->host, threads)) {
    lm_free(mock);
    return NULL;
  }
  return mock;
}

void lamina_mock_free(struct lamina_mock *mock)
{
  if (mock != NULL) {
    lm_mock_release(&mock->host);
    lm_free(mock);
  }
}

struct lamina_call *lamina_mock_call(struct lamina_mock *mock)
{
  return &mock->host.call;
}

void lamina_mock_mode(struct lamina_mock *mock, uint32_t mode, uint64_t step)
{
  mock->host.mode = mode;
  mock->host.step = step;
}

void lamina_mock_tensor(struct lamina_mock *mock, uint32_t what, uint32_t index,
                        const struct lamina_view *view)
{
  if (what < LM_MOCK_ROLES && index < LM_MOCK_TENSORS) {
    mock->host.tensors[what][index] = view;
  }
}

void lamina_mock_gradient(struct lamina_mock *mock, uint32_t what, uint32_t index,
                          const struct lamina_view *view, uint32_t request)
{
  if (what < LM_MOCK_ROLES && index < LM_MOCK_TENSORS) {
    mock->host.gradients[what][index] = view;
    mock->host.requests[what][index] = request;
  }
}

int32_t lamina_mock_scratch(struct lamina_mock *mock, uint64_t shared, uint64_t per_lane)
{
  return lm_mock_set_scratch(&mock->host, shared, per_lane) ? 1 : 0;
}

int32_t lamina_mock_scratch_intact(const struct lamina_mock *mock)
{
  return lm_mock_scratch_intact(&mock->host) ? 1 : 0;
}

void lamina_mock_services(struct lamina_mock *mock, const void *(*find)(const char *id))
{
  mock->host.find_service = find;
}

int32_t lamina_mock_failure(const struct lamina_mock *mock, const char **text)
{
  *text = mock->host.failed_text;
  return mock->host.failed_status;
}
