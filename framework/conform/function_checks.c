/*
 * Kinds that are functions: regularizers of weights, initializers of a weight's name and shape,
 * schedules of time.
 */
#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "conform/kind_step.h"

enum {
  REGULARIZER = 1 << LAMINA_KIND_REGULARIZER,
  INITIALIZER = 1 << LAMINA_KIND_INITIALIZER,
  SCHEDULE = 1 << LAMINA_KIND_SCHEDULE,
  WEIGHTS = 53
};

static float *floats(const struct lm_zone *zone)
{
  return (float *)(void *)zone->data;
}

/* ---- regularizers ---- */

/** Weights and their gradient, between forbidden pages. */
struct pair {
  struct lm_zone weight, grad;
};

static bool make_pair(struct pair *pair)
{
  *pair = (struct pair){0};
  bool made = lm_zone_make(&pair->weight, WEIGHTS * sizeof(float), &lm_zone_usual, "weights") &&
              lm_zone_make(&pair->grad, WEIGHTS * sizeof(float), &lm_zone_usual, "gradients");
  for (int i = 0; made && i < WEIGHTS; i++) {
    floats(&pair->weight)[i] = ldexpf((float)(i * 29 % 31 - 15) / 4.0f, i % 5 - 2);
    floats(&pair->grad)[i] = (float)i / 8.0f;
  }
  return made;
}

static void release_pair(struct pair *pair)
{
  lm_zone_release(&pair->weight);
  lm_zone_release(&pair->grad);
}

/* The penalty of weights from .. to - 1; NAN when it fails. */
static double penalty(struct lm_trial *trial, struct lm_home *home, const struct pair *pair,
                      int64_t from, int64_t to, bool with_gradient)
{
  struct lm_kind_call call;
  struct lm_instance *instance = home->instance;
  struct lamina_penalty job = {.size = sizeof job,
                               .weight = floats(&pair->weight) + from,
                               .grad = with_gradient ? floats(&pair->grad) + from : NULL,
                               .n = to - from};
  uint64_t before = lm_zone_digest(&pair->weight);
  lm_kind_begin(&call, home, instance, "apply");
  int32_t returned =
      instance->plugin->table.regularizer.apply(instance->self, &call.call.base, &job);
  enum lamina_status status = lm_kind_end(trial, &call, returned, "R01");
  if (!lm_zone_intact(&pair->weight) || !lm_zone_intact(&pair->grad)) {
    lm_find(trial, "P13", "apply, %s: writes beyond the range", home->label);
  }
  if (lm_zone_digest(&pair->weight) != before) {
    lm_find(trial, "P14", "apply, %s: changes the weights", home->label);
  }
  return status == LAMINA_OK ? job.value : (double)NAN;
}

/* Differences of the penalty along one weight, unless they see a kink. */
static void compare_slope(struct lm_trial *trial, struct lm_home *home, const struct pair *pair,
                          int64_t i, double found)
{
  const double h = 1.0 / 128.0;
  float *weight = floats(&pair->weight) + i;
  const float before = *weight;
  double at[5];
  for (int k = 0; k < 5; k++) {
    *weight = (float)((double)before + (double)(k - 2) * h);
    at[k] = penalty(trial, home, pair, 0, WEIGHTS, false);
  }
  *weight = before;
  double slope = (8.0 * (at[3] - at[1]) - (at[4] - at[0])) / (12.0 * h);
  double right = (at[3] - at[2]) / h, left = (at[2] - at[1]) / h;
  bool kink = fabs(right - left) > 0.25 * (fabs(right) + fabs(left)) + 1e-9;
  if (!kink && !(fabs(found - slope) <= 1e-4 * fabs(slope) + 1e-5)) {
    lm_find(trial, "R01", "%s: at weight %g the gradient is %.9g, differences say %.9g",
            home->label, (double)before, found, slope);
  }
}

static void check_penalty(struct lm_trial *trial, struct lm_home *home)
{
  struct pair pair;
  float added[WEIGHTS];
  bool made = make_pair(&pair);
  double value = made ? penalty(trial, home, &pair, 0, WEIGHTS, true) : (double)NAN;
  double alone = made ? penalty(trial, home, &pair, 0, WEIGHTS, false) : (double)NAN;
  for (int i = 0; made && i < WEIGHTS; i++) {
    added[i] = floats(&pair.grad)[i] - (float)i / 8.0f;
  }
  if (made && !(isfinite(value) && value >= 0.0)) {
    lm_find(trial, "R01", "%s: the penalty is %g", home->label, value);
  }
  if (made && (value < alone || value > alone)) {
    lm_find(trial, "R02", "%s: the penalty is %.17g, and %.17g without a gradient", home->label,
            value, alone);
  }
  memset(pair.grad.data, 0, made ? pair.grad.bytes : 0);
  if (made) {
    (void)penalty(trial, home, &pair, 0, WEIGHTS, true);
  }
  for (int64_t i = 0; made && i < WEIGHTS; i++) {
    float plain = floats(&pair.grad)[i];
    if (!(fabsf(plain - added[i]) <= 1e-5f * fmaxf(8.0f, fabsf(plain)))) {
      lm_find(trial, "R02", "%s: adds %g to a gradient, and %g to a gradient of 0", home->label,
              (double)added[i], (double)plain);
      made = false;
    } else {
      compare_slope(trial, home, &pair, i, (double)plain);
    }
  }
  release_pair(&pair);
}

static void check_penalties(struct lm_trial *trial)
{
  lm_each_home(trial, 1, check_penalty);
}

static void check_cuts(struct lm_trial *trial, struct lm_home *home)
{
  struct pair whole, parts;
  bool made = make_pair(&whole);
  double sum = made ? penalty(trial, home, &whole, 0, WEIGHTS, true) : 0.0;
  for (int64_t cut = 0; made && cut <= WEIGHTS; cut++) {
    if (make_pair(&parts)) {
      double split = penalty(trial, home, &parts, cut, WEIGHTS, true);
      split += penalty(trial, home, &parts, 0, cut, true);
      if (!(fabs(split - sum) <= 1e-12 * (1.0 + fabs(sum))) ||
          memcmp(whole.grad.data, parts.grad.data, whole.grad.bytes) != 0) {
        lm_find(trial, "R03",
                "%s: cut at weight %lld, the penalty is %.17g and not %.17g, or the "
                "gradient differs",
                home->label, (long long)cut, split, sum);
        made = false;
      }
    }
    release_pair(&parts);
  }
  release_pair(&whole);
}

static void check_ranges(struct lm_trial *trial)
{
  lm_each_home(trial, 1, check_cuts);
}

/* ---- initializers ---- */

/** A weight to fill. */
struct wish {
  const char *name;
  uint32_t rank;
  int64_t dims[4], fan_in, fan_out;
};

static const struct wish wishes[] = {
    {"dense1/weight", 2, {13, 7}, 13, 7}, {"conv1/weight", 4, {8, 3, 3, 3}, 27, 72},
    {"dense1/bias", 1, {7}, 13, 7},       {"other/weight", 2, {16, 64}, 16, 64},
    {"empty/weight", 2, {0, 5}, 1, 5},
};

/* Fills a weight in a zone of its own, which the caller releases. */
static enum lamina_status fill(struct lm_trial *trial, struct lm_home *home,
                               const struct wish *wish, int poison, struct lm_zone *zone)
{
  struct lm_kind_call call;
  struct lm_instance *instance = home->instance;
  struct lamina_type type = lamina_type_f32(wish->rank, wish->dims);
  int64_t n = lamina_type_count(&type);
  if (!lm_zone_make(zone, (size_t)n * sizeof(float), &lm_zone_usual, "the weight")) {
    return LAMINA_E_NOMEM;
  }
  lm_zone_fill(zone, poison);
  const struct lamina_init job = {.size = sizeof job,
                                  .type = &type,
                                  .fan_in = wish->fan_in,
                                  .fan_out = wish->fan_out,
                                  .weight = floats(zone),
                                  .n = n};
  lm_kind_begin(&call, home, instance, "fill");
  call.call.stream = lm_stream_make(home->host.seed, wish->name);
  int32_t returned =
      instance->plugin->table.initializer.fill(instance->self, &call.call.base, &job);
  enum lamina_status status = lm_kind_end(trial, &call, returned, NULL);
  if (!lm_zone_intact(zone)) {
    lm_find(trial, "P13", "fill, %s: writes beyond the weight", home->label);
  }
  return status;
}

static bool all_written(const struct lm_zone *a, const struct lm_zone *b)
{
  for (size_t i = 0; i < a->bytes / sizeof(float); i++) {
    if (!isfinite(floats(a)[i]) || memcmp(&floats(a)[i], &floats(b)[i], sizeof(float)) != 0) {
      return false;
    }
  }
  return true;
}

static void check_wish(struct lm_trial *trial, struct lm_home *home, struct lm_home *other,
                       const struct wish *wish)
{
  struct lm_zone first = {0}, second = {0}, third = {0};
  enum lamina_status status = fill(trial, home, wish, 0xff, &first);
  if (status == LAMINA_OK && fill(trial, home, wish, 0x3c, &second) == LAMINA_OK &&
      !all_written(&first, &second)) {
    lm_find(trial, "I02", "%s: '%s' has elements that are not written, or not finite", home->label,
            wish->name);
  }
  if (status == LAMINA_OK && fill(trial, other, wish, 0xff, &third) == LAMINA_OK &&
      lm_zone_digest(&first) != lm_zone_digest(&third)) {
    lm_find(trial, "I01", "%s: '%s' gets other numbers in a fresh instance", home->label,
            wish->name);
  }
  lm_zone_release(&first);
  lm_zone_release(&second);
  lm_zone_release(&third);
}

/* The other instance fills in another order, on 8 threads. */
static void check_filling(struct lm_trial *trial, struct lm_home *home)
{
  enum { COUNT = sizeof wishes / sizeof wishes[0] };
  struct lm_home *other = NULL;
  struct lm_error error = {0};
  struct lm_zone zone = {0};
  if (lm_trial_home(trial, home->settings, 8, &other, &error) != LAMINA_OK) {
    return;
  }
  (void)fill(trial, other, &wishes[COUNT - 2], 0xff, &zone);
  lm_zone_release(&zone);
  for (size_t i = 0; i < COUNT; i++) {
    check_wish(trial, home, other, &wishes[i]);
  }
  lm_home_free(other);
}

static void check_fills(struct lm_trial *trial)
{
  lm_each_home(trial, 1, check_filling);
}

static void check_without_fans(struct lm_trial *trial, struct lm_home *home)
{
  static const struct wish wish = {"norm1/scale", 1, {7}, 0, 0};
  struct lm_zone first = {0}, second = {0};
  enum lamina_status status = fill(trial, home, &wish, 0xff, &first);
  if (status == LAMINA_OK && fill(trial, home, &wish, 0x3c, &second) == LAMINA_OK &&
      !all_written(&first, &second)) {
    lm_find(trial, "I03", "%s: a weight without fans gets numbers that are not finite",
            home->label);
  } else if (status == LAMINA_E_PLUGIN || status == LAMINA_E_INTERNAL) {
    lm_find(trial, "I03", "%s: a weight without fans fails with %s", home->label,
            lm_status_name(status));
  }
  lm_zone_release(&first);
  lm_zone_release(&second);
}

static void check_fans(struct lm_trial *trial)
{
  lm_each_home(trial, 1, check_without_fans);
}

/* ---- schedules ---- */

static double factor(struct lm_home *home, uint64_t step, uint64_t total, uint64_t epoch)
{
  const struct lamina_progress progress = {
      .size = sizeof progress, .step = step, .total_steps = total, .steps_per_epoch = epoch};
  lm_home_enter(home, "factor", home->label);
  double found = home->instance->plugin->table.schedule.factor(home->instance->self, &progress);
  lm_home_leave(home);
  return found;
}

/** Lengths of trainings, and of their epochs. */
static const struct {
  uint64_t total, epoch;
} lengths[] = {{0, 1}, {1, 1}, {10, 3}, {100, 10}, {1000, 1000}, {100000, 469}};

enum { LENGTHS = sizeof lengths / sizeof lengths[0], TIMES = 40 };

/* Times from the first step to twice the last, and a few at the ends. */
static uint64_t time_of(uint64_t total, int k)
{
  uint64_t at = (uint64_t)k;
  if (k < 4) {
    return at;
  }
  return k < 8 ? total + at - (total > 2 ? 6 : 0) : total * (at - 8) / 16;
}

static void check_factor(struct lm_trial *trial, struct lm_home *home)
{
  struct lm_home *other = NULL;
  struct lm_error error = {0};
  if (lm_trial_home(trial, home->settings, 1, &other, &error) != LAMINA_OK) {
    return;
  }
  for (int l = 0; l < LENGTHS; l++) {
    double forth[TIMES];
    for (int k = 0; k < TIMES; k++) {
      forth[k] = factor(home, time_of(lengths[l].total, k), lengths[l].total, lengths[l].epoch);
      if (!(isfinite(forth[k]) && forth[k] >= 0.0)) {
        lm_find(trial, "C01", "%s: at step %llu of %llu the factor is %g", home->label,
                (unsigned long long)time_of(lengths[l].total, k),
                (unsigned long long)lengths[l].total, forth[k]);
      }
    }
    for (int k = TIMES - 1; k >= 0; k--) {
      uint64_t time = time_of(lengths[l].total, k);
      double back = factor(other, time, lengths[l].total, lengths[l].epoch);
      double again = factor(home, time, lengths[l].total, lengths[l].epoch);
      if (memcmp(&back, &forth[k], sizeof back) != 0 || memcmp(&again, &back, sizeof back) != 0) {
        lm_find(trial, "C02", "%s: at step %llu of %llu the factor is %.17g, %.17g or %.17g",
                home->label, (unsigned long long)time, (unsigned long long)lengths[l].total,
                forth[k], again, back);
      }
    }
  }
  lm_home_free(other);
}

static void check_factors(struct lm_trial *trial)
{
  lm_each_home(trial, 1, check_factor);
}

/* ---- all three ---- */

static bool exercise_fill(struct lm_trial *trial, struct lm_home *home, uint64_t *digest)
{
  bool any = false;
  for (size_t i = 0; i < sizeof wishes / sizeof wishes[0]; i++) {
    struct lm_zone zone = {0};
    if (fill(trial, home, &wishes[i], 0xff, &zone) == LAMINA_OK && zone.bytes > 0) {
      *digest = lm_mix_bytes(*digest, zone.data, zone.bytes);
      any = true;
    }
    lm_zone_release(&zone);
  }
  return any;
}

bool lm_exercise_function(struct lm_trial *trial, struct lm_home *home, uint64_t *digest)
{
  struct pair pair = {0};
  switch (trial->plugin->info.kind) {
    case LAMINA_KIND_INITIALIZER:
      return exercise_fill(trial, home, digest);
    case LAMINA_KIND_REGULARIZER:
      if (make_pair(&pair)) {
        double value = penalty(trial, home, &pair, 0, WEIGHTS, true);
        *digest = lm_mix_bytes(*digest, pair.grad.data, pair.grad.bytes);
        *digest = lm_mix_bytes(*digest, &value, sizeof value);
      }
      release_pair(&pair);
      return true;
    default:
      for (int k = 0; k < 3 * TIMES; k++) {
        double now = factor(home, time_of(100, k / 3), 100, 10);
        *digest = lm_mix_bytes(*digest, &now, sizeof now);
      }
      return true;
  }
}

static const struct lm_check checks[] = {
    {"R01 R02 P13 P14", REGULARIZER, check_penalties},
    {"R03", REGULARIZER, check_ranges},
    {"I01 I02 P13", INITIALIZER, check_fills},
    {"I03", INITIALIZER, check_fans},
    {"C01 C02", SCHEDULE, check_factors},
};
const struct lm_checks lm_function_checks = {checks, sizeof checks / sizeof checks[0]};
