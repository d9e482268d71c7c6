/*
 * The mean squared error: mean over all elements of (prediction - target)^2, summed in double.
 *
 * shapes: prediction [N, ...]; target the same, or [N] for [N, 1]; both f32.
 */
#include <math.h>

#include <lamina/loss.h>
#include <lamina/metric.h>

enum { SQUARES = 0, SEEN = 1, PARTS = 2 };

static int32_t infer(void *self, struct lamina_plan *plan)
{
  const struct lamina_type *prediction = lamina_in_f32(plan, 0);
  const struct lamina_type *target = lamina_in_f32(plan, 1);
  (void)self;
  if (prediction == NULL || target == NULL) {
    return LAMINA_E_SHAPE;
  }
  LAMINA_TRY(lamina_expect_alike(plan, prediction, target));
  return lamina_accumulators(plan, PARTS);
}

static int32_t update(void *self, struct lamina_call *call, double *part)
{
  const struct lamina_view *prediction = lamina_get(call, LAMINA_IN, 0);
  const struct lamina_view *target = lamina_get(call, LAMINA_IN, 1);
  double squares = 0.0;
  int64_t n;
  (void)self;
  if (prediction == NULL || target == NULL) {
    return LAMINA_E_PLUGIN;
  }
  n = lamina_type_count(&prediction->type);
  for (int64_t i = 0; i < n; i++) {
    double difference =
        (double)((const float *)prediction->data)[i] - (double)((const float *)target->data)[i];
    squares += difference * difference;
  }
  part[SQUARES] += squares;
  part[SEEN] += (double)n;
  return LAMINA_OK;
}

static void merge(const void *self, double *part, const double *other)
{
  (void)self;
  part[SQUARES] += other[SQUARES];
  part[SEEN] += other[SEEN];
}

static double value(const void *self, const double *part)
{
  (void)self;
  return part[SEEN] > 0.0 ? part[SQUARES] / part[SEEN] : (double)NAN;
}

static int32_t direction(const void *self)
{
  (void)self;
  return -1;
}

LAMINA_METRIC(mse, "1.0.0", "mean squared error over all elements", LAMINA_NOTHING, .infer = infer,
              .update = update, .merge = merge, .value = value, .direction = direction);
