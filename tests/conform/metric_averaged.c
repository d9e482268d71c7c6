/*
 * A test-only metric, the mean of its inputs, that merges parts as if they were of one size.
 */
#include <math.h>

#include <lamina/expect.h>
#include <lamina/metric.h>

static int32_t infer(void *self, struct lamina_plan *plan)
{
  (void)self;
  LAMINA_TRY(lamina_expect_inputs(plan, 1));
  return lamina_in_f32(plan, 0) == NULL ? LAMINA_E_SHAPE : lamina_accumulators(plan, 2);
}

static int32_t update(void *self, struct lamina_call *call, double *part)
{
  const struct lamina_view *x = lamina_get(call, LAMINA_IN, 0);
  (void)self;
  if (x == NULL) {
    return LAMINA_E_PLUGIN;
  }
  int64_t n = lamina_type_count(&x->type);
  for (int64_t i = 0; i < n; i++) {
    part[0] += (double)((const float *)x->data)[i] / (double)n;
  }
  part[1] += n > 0 ? 1.0 : 0.0;
  return LAMINA_OK;
}

static void merge(const void *self, double *part, const double *other)
{
  (void)self;
  part[0] += other[0];
  part[1] += other[1];
}

static double value(const void *self, const double *part)
{
  (void)self;
  return part[1] > 0.0 ? part[0] / part[1] : NAN;
}

LAMINA_METRIC(averaged, "1.0.0", "the mean, badly merged", LAMINA_NOTHING, .infer = infer,
              .update = update, .merge = merge, .value = value);
