/*
 * The number of dimensions of a code that a model uses: those whose mean differs from sample to
 * sample, by its variance over the data. Burda et al.: "Importance weighted autoencoders", ICLR
 * 2016.
 *
 * Shape: mu [N, ...], D elements a sample. A partial result: D, samples, then of each dimension the
 * sum and the sum of squares.
 */
#include <math.h>

#include <lamina/expect.h>
#include <lamina/metric.h>

enum { DIMENSIONS = 0, SEEN = 1, SUMS = 2 };

struct active_units {
  double threshold;
};

static const struct lamina_setting settings[] = {
    LAMINA_F64(struct active_units, threshold, "0.01", "[0, 1e30]",
               "variance above which a dimension is active"),
};

static int32_t infer(void *self, struct lamina_plan *plan)
{
  (void)self;
  LAMINA_TRY(lamina_expect_inputs(plan, 1));
  const struct lamina_type *mu = lamina_in_f32(plan, 0);
  if (mu == NULL) {
    return LAMINA_E_SHAPE;
  }
  int64_t dimensions = lamina_type_product(mu, 1, mu->rank);
  if (mu->rank == 0 || dimensions > INT32_MAX / 4) {
    return lamina_failf(plan->call, LAMINA_E_SHAPE,
                        "input 0 has %u axes and %lld dimensions a sample, expected 1 axis or more "
                        "and %d dimensions or less",
                        mu->rank, (long long)dimensions, INT32_MAX / 4);
  }
  return lamina_accumulators(plan, (uint32_t)(SUMS + 2 * dimensions));
}

static int32_t update(void *self, struct lamina_call *call, double *part)
{
  const struct lamina_view *mu = lamina_get(call, LAMINA_IN, 0);
  (void)self;
  if (mu == NULL) {
    return LAMINA_E_PLUGIN;
  }
  const float *at = mu->data;
  int64_t dimensions = lamina_type_product(&mu->type, 1, mu->type.rank);
  double *sums = part + SUMS, *squares = sums + dimensions;
  for (int64_t r = 0; r < mu->type.dims[0]; r++, at += dimensions) {
    for (int64_t j = 0; j < dimensions; j++) {
      sums[j] += (double)at[j];
      squares[j] += (double)at[j] * (double)at[j];
    }
  }
  part[DIMENSIONS] = (double)dimensions;
  part[SEEN] += (double)mu->type.dims[0];
  return LAMINA_OK;
}

/* What has seen nothing has zeros everywhere, its dimensions included. */
static void merge(const void *self, double *part, const double *other)
{
  int64_t numbers = 2 * (int64_t)other[DIMENSIONS];
  (void)self;
  for (int64_t i = 0; i < numbers; i++) {
    part[SUMS + i] += other[SUMS + i];
  }
  part[SEEN] += other[SEEN];
  part[DIMENSIONS] = numbers > 0 ? other[DIMENSIONS] : part[DIMENSIONS];
}

static double value(const void *instance, const double *part)
{
  const struct active_units *self = instance;
  int64_t dimensions = (int64_t)part[DIMENSIONS], active = 0;
  const double *sums = part + SUMS, *squares = sums + dimensions;
  if (!(part[SEEN] > 0.0)) {
    return (double)NAN;
  }
  for (int64_t j = 0; j < dimensions; j++) {
    double mean = sums[j] / part[SEEN], variance = squares[j] / part[SEEN] - mean * mean;
    if (isnan(variance)) {
      return (double)NAN;
    }
    active += variance > self->threshold;
  }
  return (double)active;
}

static int32_t direction(const void *self)
{
  (void)self;
  return 1;
}

LAMINA_METRIC(active_units, "1.0.0", "number of dimensions of a code that differ between samples",
              struct active_units, LAMINA_SETTINGS(settings), .infer = infer, .update = update,
              .merge = merge, .value = value, .direction = direction);
