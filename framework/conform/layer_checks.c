/*
 * Layers and losses: what they declare, batch sizes, modes, instances, what they remember.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "conform/conform_internal.h"

enum {
  LOSS = 1 << LAMINA_KIND_LOSS,
  LAYERS = 1 << LAMINA_KIND_LAYER | LOSS,
  TRANSFORMS = LAYERS | 1 << LAMINA_KIND_TRANSFORM,
  COMPUTES = TRANSFORMS | 1 << LAMINA_KIND_METRIC
};

/* ---- L18: what infer() accepts, runs ---- */

static void is_enough(struct lm_bout *bout)
{
  (void)bout;
}

static void check_runs(struct lm_trial *trial)
{
  lm_each_case(trial, 0, "L18", is_enough);
}

/* ---- L02: batch sizes ---- */

/* Of no samples, the gradient of a weight is a sum of nothing. */
static void expect_no_gradient(struct lm_trial *trial, const struct lm_case *item,
                               const struct lm_probe *probe)
{
  for (uint32_t i = 0; i < probe->count[LAMINA_WEIGHT]; i++) {
    const float *gradient = lm_probe_gradient(probe, LAMINA_WEIGHT, i);
    int64_t n = lm_case_has_gradient(item, probe, LAMINA_WEIGHT, i)
                    ? lm_probe_count(probe, LAMINA_WEIGHT, i)
                    : 0;
    for (int64_t k = 0; k < n; k++) {
      if (!(fabsf(gradient[k]) <= 0.0f)) {
        lm_find(trial, "L02",
                "%s: element %lld of the gradient of weight %u is %g for a batch of 0",
                probe->label, (long long)k, i, (double)gradient[k]);
        return;
      }
    }
  }
}

static void try_batches(struct lm_trial *trial, const struct lm_case *item)
{
  static const int64_t batches[] = {0, 1, 2, 7, 13, 31};
  for (size_t i = 0; i < sizeof batches / sizeof batches[0]; i++) {
    const struct lm_opening opening = {.batch = batches[i]};
    struct lm_probe *probe = lm_trial_open(trial, item, &opening);
    bool ran = probe != NULL && lm_case_step(trial, item, probe, "L02");
    if (ran && batches[i] == 0) {
      expect_no_gradient(trial, item, probe);
    }
    lm_probe_close(probe);
  }
}

static void check_batches(struct lm_trial *trial)
{
  size_t done = 0;
  for (size_t i = 0; i < trial->n_cases; i++) {
    const struct lm_case *item = &trial->cases[i];
    bool repeated = i > 0 && strcmp(item->pattern, item[-1].pattern) == 0 &&
                    strcmp(item->settings, item[-1].settings) == 0;
    if (!repeated && strchr(item->pattern, 'N') != NULL) {
      try_batches(trial, item);
      done++;
    }
  }
  if (done == 0) {
    lm_skip(trial, "nothing was found that it takes");
  }
}

/* ---- L03: infer() is pure ---- */

static bool same_declared(const struct lm_declared *a, const struct lm_declared *b)
{
  const char *first = a->init == NULL ? "" : a->init, *second = b->init == NULL ? "" : b->init;
  return strcmp(a->name, b->name) == 0 && strcmp(first, second) == 0 &&
         lm_shape_equal(&a->shape, &b->shape) && a->flags == b->flags;
}

static void compare_parameters(struct lm_trial *trial, const struct lm_probe *probe,
                               const struct lm_probe *other)
{
  const struct lm_recording *a = &probe->recording, *b = &other->recording;
  bool same = a->n_weights == b->n_weights && a->n_states == b->n_states;
  for (uint32_t i = 0; same && i < a->n_weights; i++) {
    same = same_declared(&a->weights[i], &b->weights[i]);
  }
  for (uint32_t i = 0; same && i < a->n_states; i++) {
    same = same_declared(&a->states[i], &b->states[i]);
  }
  if (!same) {
    lm_find(trial, "L03", "%s: declares other weights or states than %s", other->label,
            probe->label);
  }
}

static void compare_facts(struct lm_trial *trial, const struct lm_probe *probe,
                          const struct lm_probe *again)
{
  const struct lm_facts *a = &probe->facts, *b = &again->facts;
  bool same = a->n_out == b->n_out && a->n_save == b->n_save && a->purposes == b->purposes &&
              a->n_sharing == b->n_sharing && memcmp(a->reads, b->reads, sizeof a->reads) == 0 &&
              memcmp(a->scratch, b->scratch, sizeof a->scratch) == 0 &&
              memcmp(a->lane_scratch, b->lane_scratch, sizeof a->lane_scratch) == 0;
  for (uint32_t i = 0; same && i < a->n_out; i++) {
    same = lm_shape_equal(&a->out[i]->shape, &b->out[i]->shape);
  }
  if (!same) {
    lm_find(trial, "L03", "%s: declares something else the second time", probe->label);
  }
  compare_parameters(trial, probe, again);
}

static void check_purity(struct lm_bout *bout)
{
  struct lm_home *home = bout->probe->home;
  size_t bytes = (size_t)bout->trial->plugin->info.instance_bytes;
  char *before = lm_copy_bytes(home->instance->self, bytes);
  struct lm_probe *again = NULL, *other = NULL;
  struct lm_error error = {0};
  char *shapes = lm_pattern_shapes(bout->item->pattern, bout->item->batch);
  char *more = lm_pattern_shapes(bout->item->pattern, bout->item->batch + 1);
  if (before != NULL && shapes != NULL && more != NULL &&
      lm_probe_open_at(home, shapes, NULL, &again, &error) == LAMINA_OK) {
    compare_facts(bout->trial, bout->probe, again);
    if (memcmp(before, home->instance->self, bytes) != 0) {
      lm_find(bout->trial, "L03", "%s: infer() changes the instance", bout->probe->label);
    }
  }
  if (more != NULL && lm_probe_open_at(home, more, NULL, &other, &error) == LAMINA_OK) {
    compare_parameters(bout->trial, bout->probe, other);
  }
  lm_probe_close(again);
  lm_probe_close(other);
  lm_free(before);
  lm_free(shapes);
  lm_free(more);
}

static void check_infer(struct lm_trial *trial)
{
  lm_each_case(trial, LM_CASE_LARGE, "L18", check_purity);
}

/* ---- L10, L11, L12: who else is there ---- */

static void check_again(struct lm_bout *bout)
{
  static const int poisons[] = {0xff, 0x00, 0x7f, 0x3c};
  for (int i = 0; i < 4; i++) {
    bout->probe->poison = poisons[i];
    if (!lm_case_step(bout->trial, bout->item, bout->probe, "L10") ||
        !lm_bits_compare(bout->trial, bout->probe, &bout->step, LM_EVERYTHING, "L10",
                         i == 0 ? "the second time" : "with other content in memory")) {
      return;
    }
  }
}

static void check_repeatable(struct lm_trial *trial)
{
  lm_each_case(trial, 0, "L10", check_again);
}

static void check_pools(struct lm_bout *bout)
{
  static const struct {
    struct lm_opening opening;
    const char *when;
  } rows[] = {
      {{.threads = 2, .batch = -1}, "with 2 threads"},
      {{.threads = 8, .batch = -1}, "with 8 threads"},
      {{.threads = 8, .shuffled = true, .batch = -1}, "with its loops' chunks in another order"},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    struct lm_probe *probe = lm_trial_open(bout->trial, bout->item, &rows[i].opening);
    bool same =
        probe != NULL && lm_case_step(bout->trial, bout->item, probe, "L11") &&
        lm_bits_compare(bout->trial, probe, &bout->step, LM_EVERYTHING, "L11", rows[i].when);
    lm_probe_close(probe);
    if (!same) {
      return;
    }
  }
}

static void check_threads(struct lm_trial *trial)
{
  lm_each_case(trial, LM_CASE_UNSTEADY, "L11", check_pools);
}

/* A pass of the one, then the same pass of the other; true when the first one's bits stay. */
static bool take_turns(struct lm_bout *bout, struct lm_probe *other, const char *when)
{
  bool backward = (bout->item->flags & LM_CASE_FORWARD) == 0;
  lm_case_fill(bout->trial, bout->item, bout->probe, 0);
  lm_case_fill(bout->trial, bout->item, other, 1);
  bool ran = lm_probe_forward(bout->probe, LM_TRAINING, LM_STEP) == LAMINA_OK;
  ran = lm_probe_forward(other, LM_TRAINING, LM_STEP + 1) == LAMINA_OK && ran;
  ran = ran && (!backward || (lm_probe_backward(bout->probe, LM_TRAINING, LM_STEP) == LAMINA_OK &&
                              lm_probe_backward(other, LM_TRAINING, LM_STEP + 1) == LAMINA_OK));
  if (!ran) {
    lm_find(bout->trial, "L12", "%s: fails %s: %s", bout->probe->label, when,
            bout->probe->error.text[0] != '\0' ? bout->probe->error.text : other->error.text);
    return false;
  }
  return lm_bits_compare(bout->trial, bout->probe, &bout->step, LM_EVERYTHING, "L12", when);
}

static void check_company(struct lm_bout *bout)
{
  const struct lm_opening opening = {.threads = 1, .batch = bout->item->batch + 2};
  struct lm_probe *beside = NULL, *other = lm_trial_open(bout->trial, bout->item, &opening);
  struct lm_error error = {0};
  char *shapes = lm_pattern_shapes(bout->item->pattern, bout->item->batch + 2);
  if (shapes != NULL &&
      lm_probe_open_at(bout->probe->home, shapes, NULL, &beside, &error) == LAMINA_OK) {
    (void)take_turns(bout, beside, "with other shapes of the same instance in between");
  }
  if (other != NULL) {
    (void)take_turns(bout, other, "with another instance in between");
  }
  lm_free(shapes);
  lm_probe_close(beside);
  lm_probe_close(other);
}

static void check_instances(struct lm_trial *trial)
{
  lm_each_case(trial, 0, "L18", check_company);
}

/* ---- L13, L14: modes ---- */

static void evaluate(struct lm_bout *bout)
{
  struct lm_probe *probe = bout->probe;
  bool draws = (probe->facts.purposes >> LAMINA_RANDOM_EVALUATION & 1) != 0;
  uint64_t other = draws ? LM_STEP : LM_STEP + 1;
  struct lm_result_bits bits = {0};
  lm_case_fill(bout->trial, bout->item, probe, 0);
  lm_case_request(bout->item, probe, LAMINA_SKIP);
  bool ran = lm_probe_forward(probe, 0, LM_STEP) == LAMINA_OK && lm_bits_take(probe, &bits);
  ran =
      ran && lm_probe_forward(probe, 0, other) == LAMINA_OK &&
      lm_bits_compare(bout->trial, probe, &bits, LM_EVERYTHING, "L13", "evaluated at another step");
  ran = ran && lm_probe_forward(probe, LAMINA_MODE_KEEP, LM_STEP) == LAMINA_OK &&
        lm_bits_compare(bout->trial, probe, &bits, LM_EVERYTHING, "L14",
                        "evaluated with a backward to follow");
  if (!ran && probe->error.text[0] != '\0') {
    lm_find(bout->trial, "L13", "%s: evaluating fails: %s", probe->label, probe->error.text);
  }
  lm_bits_release(&bits);
}

static void check_evaluation(struct lm_trial *trial)
{
  lm_each_case(trial, 0, "L18", evaluate);
}

static void train_without_keeping(struct lm_bout *bout)
{
  lm_case_fill(bout->trial, bout->item, bout->probe, 0);
  if (lm_probe_forward(bout->probe, LAMINA_MODE_TRAIN, LM_STEP) != LAMINA_OK) {
    lm_find(bout->trial, "L14", "%s: training without a backward to follow fails: %s",
            bout->probe->label, bout->probe->error.text);
    return;
  }
  (void)lm_bits_compare(bout->trial, bout->probe, &bout->step, LM_OUTPUTS, "L14",
                        "trained without a backward to follow");
}

static void check_keeping(struct lm_trial *trial)
{
  lm_each_case(trial, LM_CASE_UNSTEADY, "L18", train_without_keeping);
}

/* ---- L16: what is remembered is declared ---- */

static void copy_states(const struct lm_probe *from, struct lm_probe *to)
{
  for (uint32_t i = 0; i < from->count[LAMINA_STATE]; i++) {
    const struct lm_probe_tensor *state = &from->tensors[LAMINA_STATE][i];
    if (state->zone.bytes > 0) {
      memcpy(to->tensors[LAMINA_STATE][i].zone.data, state->zone.data, state->zone.bytes);
    }
  }
}

/* Three steps on the one, the third one again on a fresh one that got the states. */
static void resume(struct lm_bout *bout)
{
  const struct lm_opening usual = {.threads = 1, .batch = -1};
  struct lm_trial *trial = bout->trial;
  struct lm_probe *old = lm_trial_open(trial, bout->item, &usual);
  struct lm_probe *fresh = lm_trial_open(trial, bout->item, &usual);
  struct lm_result_bits bits = {0};
  bool ran = old != NULL && fresh != NULL;
  if (ran) {
    lm_case_fill(trial, bout->item, fresh, 2);
    lm_case_fill(trial, bout->item, old, 0);
    ran = lm_case_run(trial, bout->item, old, "L18") && lm_case_run(trial, bout->item, old, "L18");
    copy_states(old, fresh);
    lm_case_fill(trial, bout->item, old, 2);
    copy_states(fresh, old);
  }
  if (ran && lm_case_run(trial, bout->item, old, "L18") && lm_bits_take(old, &bits) &&
      lm_case_run(trial, bout->item, fresh, "L18")) {
    (void)lm_bits_compare(trial, fresh, &bits, LM_EVERYTHING, "L16",
                          "resumed in a fresh instance with the declared states");
  }
  lm_bits_release(&bits);
  lm_probe_close(old);
  lm_probe_close(fresh);
}

static void check_states(struct lm_trial *trial)
{
  lm_each_case(trial, LM_CASE_LARGE, "L18", resume);
}

/* ---- L17: refusals ---- */

static void try_odd(struct lm_trial *trial, struct lm_home *home, const char *shapes)
{
  struct lm_error error = {0};
  struct lm_probe *probe = NULL;
  enum lamina_status status = lm_probe_open_at(home, shapes, NULL, &probe, &error);
  bool refusal = status == LAMINA_E_INVALID || status == LAMINA_E_SHAPE ||
                 status == LAMINA_E_UNSUPPORTED || status == LAMINA_E_MISSING ||
                 status == LAMINA_E_NOMEM;
  lm_judge_refusal(trial, status, &error);
  if (status != LAMINA_OK && !refusal) {
    lm_find(trial, "L17", "inputs '%s': %s", shapes, error.text);
  }
  if (probe == NULL) {
    return;
  }
  lm_probe_fill(probe, trial->seed);
  status = lm_probe_forward(probe, LM_TRAINING, LM_STEP);
  if (status == LAMINA_E_PLUGIN || status == LAMINA_E_SHAPE || status == LAMINA_E_UNSUPPORTED) {
    lm_find(trial, "L17", "infer() accepts inputs '%s', and forward fails: %s", shapes,
            probe->error.text);
  }
  lm_probe_close(probe);
}

static void check_refusals(struct lm_trial *trial)
{
  static const char *const odd[] = {"",          "-",
                                    "0",         "7",
                                    "7x0",       "0x0",
                                    "7:5",       "7x5:3",
                                    "7:0",       "7x5 7x5 7x5 7x5 7x5",
                                    "7x5 8x5",   "7x5 7x6",
                                    "7x5 7",     "7x5 7:4",
                                    "7x5 7:4+",  "7x1x1x1x1x1x1x2",
                                    "7x5x6 7x5", "7x5 7x5:5"};
  struct lm_home *home = NULL;
  struct lm_error error = {0};
  if (trial->n_cases == 0) {
    lm_skip(trial, "nothing was found that it takes");
    return;
  }
  if (lm_trial_home(trial, trial->cases[0].settings, 2, &home, &error) == LAMINA_OK) {
    /* A transform is promised an axis of samples: no single number. */
    bool promised = home->instance->plugin->info.kind == LAMINA_KIND_TRANSFORM;
    for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++) {
      if (!promised || strcmp(odd[i], "-") != 0) {
        try_odd(trial, home, odd[i]);
      }
    }
  }
  lm_home_free(home);
}

/* ---- L19, L20: losses ---- */

static void check_scalar(struct lm_bout *bout)
{
  const struct lm_facts *facts = &bout->probe->facts;
  const struct lm_opening none = {.batch = 0};
  struct lm_trial *trial = bout->trial;
  if (facts->n_out != 1 || facts->out[0]->shape.type.rank != 0 ||
      !lamina_type_is_f32(&facts->out[0]->shape.type)) {
    lm_find(trial, "L19", "%s: has %u outputs, the first of rank %u", bout->probe->label,
            facts->n_out, facts->n_out == 0 ? 0 : facts->out[0]->shape.type.rank);
    return;
  }
  struct lm_probe *probe = lm_trial_open(trial, bout->item, &none);
  if (probe != NULL && lm_case_step(trial, bout->item, probe, "L02")) {
    float loss = *lm_probe_value(probe, LAMINA_OUT, 0);
    if (!(fabsf(loss) <= 0.0f)) {
      lm_find(trial, "L19", "%s: the loss of no samples is %g", probe->label, (double)loss);
    }
  }
  lm_probe_close(probe);
}

static void check_loss(struct lm_trial *trial)
{
  lm_each_case(trial, LM_CASE_LARGE, "L18", check_scalar);
}

/* Puts the inputs of the one twice, one behind the other, into the inputs of the other. */
static bool fill_twice(const struct lm_probe *once, struct lm_probe *twice)
{
  for (uint32_t i = 0; i < once->count[LAMINA_IN]; i++) {
    const struct lm_zone *from = &once->tensors[LAMINA_IN][i].zone;
    const struct lm_zone *to = &twice->tensors[LAMINA_IN][i].zone;
    if (to->bytes != 2 * from->bytes) {
      return false;
    }
    memcpy(to->data, from->data, from->bytes);
    memcpy(to->data + from->bytes, from->data, from->bytes);
  }
  return true;
}

static void double_batch(struct lm_bout *bout)
{
  const struct lm_opening opening = {.batch = 2 * bout->item->batch};
  struct lm_probe *twice = lm_trial_open(bout->trial, bout->item, &opening);
  if (twice == NULL || bout->probe->count[LAMINA_OUT] != 1) {
    lm_probe_close(twice);
    return;
  }
  lm_case_fill(bout->trial, bout->item, twice, 0);
  if (fill_twice(bout->probe, twice) &&
      lm_probe_forward(twice, LM_TRAINING, LM_STEP) == LAMINA_OK) {
    double loss = (double)*lm_probe_value(bout->probe, LAMINA_OUT, 0);
    double same = (double)*lm_probe_value(twice, LAMINA_OUT, 0);
    if (!(fabs(loss - same) <= 1e-4 * fmax(1.0, fabs(loss)))) {
      lm_find(bout->trial, "L20", "%s: the loss is %.9g, and %.9g of the same batch twice",
              bout->probe->label, loss, same);
    }
  }
  lm_probe_close(twice);
}

static void check_mean(struct lm_trial *trial)
{
  lm_each_case(trial, LM_CASE_LARGE, "L18", double_batch);
}

/* ---- L21: initializers ---- */

static void check_initializer(struct lm_bout *bout, const struct lm_declared *weight)
{
  struct lm_config *config = NULL;
  struct lm_error error = {0};
  struct lm_instance_spec spec = {0};
  const struct lm_plugin *plugin = NULL;
  char *text = lm_format("init: %s\n", weight->init);
  if (weight->fan_in < 0 || weight->fan_out < 0) {
    lm_find(bout->trial, "L21", "%s: weight '%s' has fans %lld and %lld", bout->probe->label,
            weight->name, (long long)weight->fan_in, (long long)weight->fan_out);
  }
  enum lamina_status status =
      text == NULL ? LAMINA_E_NOMEM
                   : lm_config_parse(text, strlen(text), "init", NULL, 0, &config, &error);
  if (status == LAMINA_OK) {
    status = lm_component_parse(lm_value_get(lm_config_root(config), "init"), "the initializer",
                                &spec, &error);
  }
  if (status == LAMINA_OK) {
    status = lm_registry_find(bout->trial->registry, LAMINA_KIND_INITIALIZER, spec.name, &plugin,
                              &error);
  }
  if (status != LAMINA_OK) {
    lm_find(bout->trial, "L21", "%s: weight '%s' begins as \"%s\": %s", bout->probe->label,
            weight->name, weight->init, error.text);
  }
  lm_config_free(config);
  lm_free(text);
}

static void check_weights_of(struct lm_bout *bout)
{
  for (uint32_t i = 0; i < bout->probe->recording.n_weights; i++) {
    check_initializer(bout, &bout->probe->recording.weights[i]);
  }
}

static void check_weights(struct lm_trial *trial)
{
  lm_each_case(trial, LM_CASE_LARGE, "L18", check_weights_of);
}

static const struct lm_check checks[] = {
    {"L18", COMPUTES, check_runs},       {"L02", COMPUTES, check_batches},
    {"L03", COMPUTES, check_infer},      {"L10", COMPUTES, check_repeatable},
    {"L11", COMPUTES, check_threads},    {"L12", COMPUTES, check_instances},
    {"L13", COMPUTES, check_evaluation}, {"L14", LAYERS, check_keeping},
    {"L16", TRANSFORMS, check_states},   {"L17", COMPUTES, check_refusals},
    {"L19", LOSS, check_loss},           {"L20", LOSS, check_mean},
    {"L21", LAYERS, check_weights},
};
const struct lm_checks lm_layer_checks = {checks, sizeof checks / sizeof checks[0]};
