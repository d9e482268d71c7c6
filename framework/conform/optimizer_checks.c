/*
 * Optimizers: a few steps over a range of weights, with one thing changed at a time.
 */
#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "conform/kind_step.h"

enum { OPTIMIZER = 1 << LAMINA_KIND_OPTIMIZER, WEIGHTS = 67, STEPS = 4, SLOTS = 8, DOWNHILL = 200 };

/** A training of some weights; each array lies between forbidden pages. */
struct training {
  struct lm_trial *trial;
  struct lm_home *home;
  struct lm_zone weight, grad, slots[SLOTS];
  uint32_t n_slots;
  int64_t cut;   /* steps are done in two ranges, the later one first; 0: in one */
  double factor; /* on the rate */
  double scale;  /* grad_scale */
  bool exempt;   /* no decay */
  bool failed;
  uint64_t step;
};

static float *floats(const struct lm_zone *zone)
{
  return (float *)(void *)zone->data;
}

static enum lamina_status declare_slots(struct training *training, struct lm_recording *recording)
{
  const struct lamina_optimizer *table = &training->home->instance->plugin->table.optimizer;
  struct lm_facts facts = {0};
  struct lm_error error = {0};
  recording->facts = &facts;
  enum lamina_status status = LAMINA_OK;
  if (table->infer != NULL) {
    lm_home_enter(training->home, "infer", training->home->label);
    status =
        lm_record(&training->home->host, training->home->instance, table->infer, recording, &error);
    lm_home_leave(training->home);
    lm_judge_refusal(training->trial, status, &error);
  }
  if (status != LAMINA_OK || recording->n_states > SLOTS) {
    lm_find(training->trial, "O04", "%s: %s", training->home->label,
            status == LAMINA_OK ? "more states than an optimizer may have" : error.text);
    return LAMINA_E_PLUGIN;
  }
  lm_facts_release(&facts);
  return status;
}

static bool make_slots(struct training *training)
{
  struct lm_recording *recording = lm_alloc(1, sizeof *recording);
  bool made = recording != NULL && declare_slots(training, recording) == LAMINA_OK;
  for (uint32_t i = 0; made && i < recording->n_states; i++) {
    made = lm_zone_make(&training->slots[i], WEIGHTS * sizeof(float), &lm_zone_usual, "a state");
    for (int k = 0; made && k < WEIGHTS; k++) {
      floats(&training->slots[i])[k] = (float)recording->states[i].value;
    }
    training->n_slots += made;
  }
  if (recording != NULL) {
    lm_recording_release(recording);
    lm_free(recording);
  }
  return made;
}

static bool begin(struct training *training, struct lm_trial *trial, struct lm_home *home)
{
  *training = (struct training){.trial = trial, .home = home, .factor = 1.0, .scale = 1.0};
  bool made = lm_zone_make(&training->weight, WEIGHTS * sizeof(float), &lm_zone_usual, "weights") &&
              lm_zone_make(&training->grad, WEIGHTS * sizeof(float), &lm_zone_usual, "gradients") &&
              make_slots(training);
  for (int i = 0; made && i < WEIGHTS; i++) {
    floats(&training->weight)[i] = (float)(i - 30) / 7.0f;
  }
  return made;
}

static void end(struct training *training)
{
  lm_zone_release(&training->weight);
  lm_zone_release(&training->grad);
  for (uint32_t i = 0; i < SLOTS; i++) {
    lm_zone_release(&training->slots[i]);
  }
}

/* Gradients of many sizes, the same each time. */
static void set_gradients(struct training *training, int step)
{
  for (int i = 0; i < WEIGHTS; i++) {
    floats(&training->grad)[i] = ldexpf((float)((i * 37 + step * 11) % 19 - 9), i % 7 - 5);
  }
}

static void step_range(struct training *training, struct lamina_update update, int64_t from,
                       int64_t to)
{
  float *slots[SLOTS] = {NULL};
  struct lm_instance *instance = training->home->instance;
  struct lm_kind_call call;
  for (uint32_t i = 0; i < training->n_slots; i++) {
    slots[i] = floats(&training->slots[i]) + from;
  }
  update.weight += from;
  update.grad += from;
  update.state = slots;
  update.n = to - from;
  lm_kind_begin(&call, training->home, instance, "the step");
  int32_t returned =
      instance->plugin->table.optimizer.step(instance->self, &call.call.base, &update);
  training->failed |= lm_kind_end(training->trial, &call, returned, "O01") != LAMINA_OK;
}

static void check_memory(const struct training *training, uint64_t gradients)
{
  bool intact = lm_zone_intact(&training->weight) && lm_zone_intact(&training->grad);
  for (uint32_t i = 0; i < training->n_slots; i++) {
    intact = intact && lm_zone_intact(&training->slots[i]);
  }
  if (!intact) {
    lm_find(training->trial, "P13", "step, %s: writes beyond the range", training->home->label);
  }
  if (lm_zone_digest(&training->grad) != gradients) {
    lm_find(training->trial, "P14", "step, %s: changes the gradient", training->home->label);
  }
}

static void step(struct training *training)
{
  const struct lamina_optimizer *table = &training->home->instance->plugin->table.optimizer;
  const void *self = training->home->instance->self;
  double rate = table->rate(self) * training->factor;
  bool decays = !training->exempt && table->keep != NULL;
  const struct lamina_update update = {
      .size = sizeof update,
      .n_state = training->n_slots,
      .weight = floats(&training->weight),
      .grad = floats(&training->grad),
      .rate = rate,
      .keep = decays ? table->keep(self, rate) : 1.0,
      .grad_scale = training->scale,
      .step = ++training->step,
  };
  uint64_t gradients = lm_zone_digest(&training->grad);
  if (training->cut > 0) {
    step_range(training, update, training->cut, WEIGHTS);
  }
  step_range(training, update, 0, training->cut > 0 ? training->cut : WEIGHTS);
  check_memory(training, gradients);
}

static void train(struct training *training, int steps)
{
  for (int i = 0; i < steps && !training->failed; i++) {
    set_gradients(training, i);
    step(training);
  }
}

bool lm_exercise_optimizer(struct lm_trial *trial, struct lm_home *home, uint64_t *digest)
{
  struct training training;
  bool made = begin(&training, trial, home);
  if (made) {
    train(&training, STEPS);
    *digest = lm_mix_bytes(*digest, training.weight.data, training.weight.bytes);
  }
  made = made && !training.failed;
  end(&training);
  return made;
}

/* ---- O01 ---- */

static void check_cuts(struct lm_trial *trial, struct lm_home *home)
{
  struct training whole;
  bool made = begin(&whole, trial, home);
  if (made) {
    train(&whole, STEPS);
  }
  for (int64_t cut = 1; made && !whole.failed && cut < WEIGHTS; cut++) {
    struct training parts;
    if (begin(&parts, trial, home)) {
      parts.cut = cut;
      train(&parts, STEPS);
      if (memcmp(parts.weight.data, whole.weight.data, whole.weight.bytes) != 0) {
        lm_find(trial, "O01", "%s: cut at weight %lld, %d steps give other weights", home->label,
                (long long)cut, STEPS);
        made = false;
      }
    }
    end(&parts);
  }
  end(&whole);
}

static void check_splits(struct lm_trial *trial)
{
  lm_each_home(trial, 1, check_cuts);
}

/* ---- O02 ---- */

/* Weights after steps with gradients of 0 are old ones times keep, but for rounding. */
static void check_decay(struct lm_trial *trial, struct lm_home *home)
{
  struct training training;
  const struct lamina_optimizer *table = &home->instance->plugin->table.optimizer;
  double keep = table->keep == NULL
                    ? 1.0
                    : table->keep(home->instance->self, table->rate(home->instance->self));
  if (begin(&training, trial, home)) {
    double wanted = pow(keep, 3.0) * (double)floats(&training.weight)[WEIGHTS - 1];
    memset(training.grad.data, 0, training.grad.bytes);
    for (int i = 0; i < 3; i++) {
      step(&training);
    }
    double found = (double)floats(&training.weight)[WEIGHTS - 1];
    if (!training.failed && !(fabs(found - wanted) <= 1e-5 * fabs(wanted) + 1e-30)) {
      lm_find(trial, "O02", "%s: three steps without a gradient give %.9g, and decay alone %.9g",
              home->label, found, wanted);
    }
  }
  end(&training);
}

static void check_standstill(struct lm_trial *trial, struct lm_home *home)
{
  struct training training;
  check_decay(trial, home);
  if (begin(&training, trial, home)) {
    uint64_t before = lm_zone_digest(&training.weight);
    training.factor = 0.0;
    training.exempt = true;
    train(&training, 2);
    if (!training.failed && lm_zone_digest(&training.weight) != before) {
      lm_find(trial, "O02", "%s: weights move at a rate of 0", home->label);
    }
  }
  end(&training);
}

static void check_zeros(struct lm_trial *trial)
{
  lm_each_home(trial, 1, check_standstill);
}

/* ---- O03 ---- */

static void check_factor(struct lm_trial *trial, struct lm_home *home)
{
  struct training scaled, plain;
  bool made = begin(&scaled, trial, home);
  made = begin(&plain, trial, home) && made;
  scaled.scale = 0.5;
  for (int i = 0; made && i < STEPS; i++) {
    set_gradients(&scaled, i);
    set_gradients(&plain, i);
    for (int k = 0; k < WEIGHTS; k++) {
      floats(&plain.grad)[k] *= 0.5f;
    }
    step(&scaled);
    step(&plain);
  }
  if (made && !scaled.failed &&
      memcmp(scaled.weight.data, plain.weight.data, plain.weight.bytes) != 0) {
    lm_find(trial, "O03", "%s: gradients with a factor of 0.5 do not act as halved ones",
            home->label);
  }
  end(&scaled);
  end(&plain);
}

static void check_scale(struct lm_trial *trial)
{
  lm_each_home(trial, 1, check_factor);
}

/* ---- O04 ---- */

static void check_resume(struct lm_trial *trial, struct lm_home *home)
{
  struct training old, fresh;
  struct lm_home *other = NULL;
  struct lm_error error = {0};
  bool made = begin(&old, trial, home);
  if (made) {
    train(&old, STEPS);
  }
  made = made && lm_trial_home(trial, home->settings, 1, &other, &error) == LAMINA_OK;
  if (made && begin(&fresh, trial, other)) {
    memcpy(fresh.weight.data, old.weight.data, old.weight.bytes);
    for (uint32_t i = 0; i < old.n_slots; i++) {
      memcpy(fresh.slots[i].data, old.slots[i].data, old.slots[i].bytes);
    }
    fresh.step = old.step;
    train(&old, STEPS);
    train(&fresh, STEPS);
    if (!old.failed && memcmp(fresh.weight.data, old.weight.data, old.weight.bytes) != 0) {
      lm_find(trial, "O04", "%s: resumed with the declared states, steps give other weights",
              home->label);
    }
    end(&fresh);
  }
  end(&old);
  lm_home_free(other);
}

static void check_states(struct lm_trial *trial)
{
  lm_each_home(trial, 1, check_resume);
}

/* ---- O05 to O07 ---- */

static void check_numbers(struct lm_trial *trial, struct lm_home *home)
{
  static const double factors[] = {0.0, 1e-3, 0.5, 1.0};
  const struct lamina_optimizer *table = &home->instance->plugin->table.optimizer;
  const void *self = home->instance->self;
  double rate = table->rate(self);
  if (!(isfinite(rate) && rate >= 0.0)) {
    lm_find(trial, "O05", "%s: the rate is %g", home->label, rate);
  }
  for (size_t i = 0; table->keep != NULL && i < sizeof factors / sizeof factors[0]; i++) {
    double keep = table->keep(self, rate * factors[i]);
    if (!(keep > 0.0 && keep <= 1.0)) {
      lm_find(trial, "O05", "%s: keep at rate %g is %g", home->label, rate * factors[i], keep);
    }
  }
}

static void check_rate(struct lm_trial *trial)
{
  lm_each_home(trial, 1, check_numbers);
}

static void check_poisoned(struct lm_trial *trial, struct lm_home *home)
{
  struct training training;
  if (begin(&training, trial, home)) {
    set_gradients(&training, 0);
    floats(&training.grad)[5] = NAN;
    step(&training);
    if (!training.failed && !isnan(floats(&training.weight)[5])) {
      lm_find(trial, "O06", "%s: a gradient of NaN gives the weight %g", home->label,
              (double)floats(&training.weight)[5]);
    }
  }
  end(&training);
}

static void check_nan(struct lm_trial *trial)
{
  lm_each_home(trial, 1, check_poisoned);
}

/* Of w^2 / 2 the gradient is w. */
static void check_descent(struct lm_trial *trial)
{
  struct training training;
  struct lm_home *home = NULL;
  struct lm_error error = {0};
  if (trial->n_cases == 0 ||
      lm_trial_home(trial, trial->cases[0].settings, 1, &home, &error) != LAMINA_OK) {
    lm_skip(trial, "no settings were found that it takes; give some by --settings");
    return;
  }
  if (begin(&training, trial, home)) {
    double before = 0.0, after = 0.0;
    for (int i = 0; i < WEIGHTS; i++) {
      before += fabs((double)floats(&training.weight)[i]);
    }
    for (int i = 0; i < DOWNHILL; i++) {
      memcpy(training.grad.data, training.weight.data, training.weight.bytes);
      step(&training);
    }
    for (int i = 0; i < WEIGHTS; i++) {
      after += fabs((double)floats(&training.weight)[i]);
    }
    if (!training.failed && !(after < before)) {
      lm_find(trial, "O07", "%s: %d steps down a parabola lead from %g to %g", home->label,
              DOWNHILL, before, after);
    }
  }
  end(&training);
  lm_home_free(home);
}

static const struct lm_check checks[] = {
    {"O01 P13 P14", OPTIMIZER, check_splits}, {"O02", OPTIMIZER, check_zeros},
    {"O03", OPTIMIZER, check_scale},          {"O04", OPTIMIZER, check_states},
    {"O05", OPTIMIZER, check_rate},           {"O06", OPTIMIZER, check_nan},
    {"O07", OPTIMIZER, check_descent},
};
const struct lm_checks lm_optimizer_checks = {checks, sizeof checks / sizeof checks[0]};
