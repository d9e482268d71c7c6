/*
 * @NAME@: F1, the harmonic mean of precision and recall (van Rijsbergen, 1979), for two classes
 * of which class 1 is rare.
 *
 *   F1 = 2 hits / (2 hits + false alarms + misses)
 *
 * One output a sample; class 1 where it is above a threshold. The counts are a partial result:
 * the host zeroes it, adds batches, and merges those of its threads in any grouping.
 *
 * Shapes: prediction [N, ...] float32; target the same, or [N] for [N, 1]; int32, 0 or 1.
 *
 * SPDX-License-Identifier: MIT
 */
#define LAMINA_LICENSE "MIT"
#include <math.h>

#include <lamina/expect.h>
#include <lamina/metric.h>

enum { HITS = 0, FALSE_ALARMS = 1, MISSES = 2, SEEN = 3, PARTS = 4 };

struct @NAME@ {
  double threshold;
};

/* The YAML keys: the host checks them and fills them in. */
static const struct lamina_setting settings[] = {
    LAMINA_F64(struct @NAME@, threshold, "0", "(-inf, inf)",
               "class 1 where the output is above it; 0 for logits, 0.5 for probabilities"),
};

static int32_t infer(void *self, struct lamina_plan *plan)
{
  (void)self;
  LAMINA_TRY(lamina_expect_inputs(plan, 2));
  const struct lamina_type *prediction = lamina_in_f32(plan, 0);
  const struct lamina_type *target = lamina_in(plan, 1);
  if (prediction == NULL || target == NULL) {
    return LAMINA_E_SHAPE;
  }
  if (!lamina_type_is_i32(target)) {
    return lamina_fail(plan->call, LAMINA_E_SHAPE, "the target must be int32 labels, 0 or 1");
  }
  LAMINA_TRY(lamina_expect_alike(plan, prediction, target));
  return lamina_accumulators(plan, PARTS);
}

static int32_t update(void *self, struct lamina_call *call, double *part)
{
  const struct @NAME@ *own = self;
  const struct lamina_view *prediction = lamina_get(call, LAMINA_IN, 0);
  const struct lamina_view *target = lamina_get(call, LAMINA_IN, 1);
  if (prediction == NULL || target == NULL) {
    return LAMINA_E_PLUGIN;
  }
  const float *output = prediction->data;
  const int32_t *label = target->data;
  int64_t n = lamina_type_count(&prediction->type);
  int64_t hits = 0, false_alarms = 0, misses = 0;
  for (int64_t i = 0; i < n; i++) {
    int found = (double)output[i] > own->threshold; /* NaN is above nothing */
    hits += found && label[i] == 1;
    false_alarms += found && label[i] != 1;
    misses += !found && label[i] == 1;
  }
  part[HITS] += (double)hits;
  part[FALSE_ALARMS] += (double)false_alarms;
  part[MISSES] += (double)misses;
  part[SEEN] += (double)n;
  return LAMINA_OK;
}

static void merge(const void *self, double *part, const double *other)
{
  (void)self;
  for (int i = 0; i < PARTS; i++) {
    part[i] += other[i];
  }
}

/* Without a sample there is no number; with none of class 1, found or true, nothing is wrong. */
static double value(const void *self, const double *part)
{
  double all = 2.0 * part[HITS] + part[FALSE_ALARMS] + part[MISSES];
  (void)self;
  if (!(part[SEEN] > 0.0)) {
    return (double)NAN;
  }
  return all > 0.0 ? 2.0 * part[HITS] / all : 1.0;
}

static int32_t direction(const void *self)
{
  (void)self;
  return 1; /* larger is better */
}

LAMINA_METRIC(@NAME@, "1.0.0", "harmonic mean of precision and recall of class 1", struct @NAME@,
              LAMINA_SETTINGS(settings), .infer = infer, .update = update, .merge = merge,
              .value = value, .direction = direction);
