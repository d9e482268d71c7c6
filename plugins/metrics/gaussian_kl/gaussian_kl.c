/*
 * The divergence of normal distributions from the standard one, in nats a sample: of all dimensions
 * together, or of one. The formula is in plugins/losses/divergence.
 *
 * Shapes: mu and log_var [N, ...], alike.
 */
#include <math.h>

#include <lamina/expect.h>
#include <lamina/metric.h>

#include "divergence/kl.h"

enum { NATS = 0, SEEN = 1, PARTS = 2, BLOCK = 256 };

struct gaussian_kl {
  int64_t dimension;
};

static const struct lamina_setting settings[] = {
    LAMINA_I64(struct gaussian_kl, dimension, "-1", "[-1, 2147483647]",
               "the dimension that is reported, from 0 on; -1: the sum of all"),
};

static int32_t infer(void *instance, struct lamina_plan *plan)
{
  const struct gaussian_kl *self = instance;
  LAMINA_TRY(lamina_expect_inputs(plan, 2));
  const struct lamina_type *mu = lamina_in_f32(plan, 0);
  if (mu == NULL) {
    return LAMINA_E_SHAPE;
  }
  if (mu->rank == 0) {
    return lamina_fail(plan->call, LAMINA_E_SHAPE, "input 0 has no axis for the batch");
  }
  LAMINA_TRY(lamina_expect_like_first(plan, 1));
  int64_t dimensions = lamina_type_product(mu, 1, mu->rank);
  if (self->dimension >= dimensions) {
    return lamina_failf(plan->call, LAMINA_E_SHAPE,
                        "there is no dimension %lld: a sample has %lld, counted from 0",
                        (long long)self->dimension, (long long)dimensions);
  }
  return lamina_accumulators(plan, PARTS);
}

static int32_t update(void *instance, struct lamina_call *call, double *part)
{
  const struct gaussian_kl *self = instance;
  const struct lamina_view *mu = lamina_get(call, LAMINA_IN, 0);
  const struct lamina_view *log_var = lamina_get(call, LAMINA_IN, 1);
  if (mu == NULL || log_var == NULL) {
    return LAMINA_E_PLUGIN;
  }
  const int64_t size[2] = {mu->type.dims[0], lamina_type_product(&mu->type, 1, mu->type.rank)};
  int64_t first = self->dimension < 0 ? 0 : self->dimension;
  int64_t end = self->dimension < 0 ? size[1] : first + 1;
  for (int64_t at = first; at < end; at += BLOCK) {
    double sums[BLOCK] = {0};
    int64_t n = end - at < BLOCK ? end - at : BLOCK;
    lm_kl_columns(mu->data, log_var->data, size, at, n, sums);
    for (int64_t j = 0; j < n; j++) {
      part[NATS] += sums[j];
    }
  }
  part[SEEN] += (double)size[0];
  return LAMINA_OK;
}

static void merge(const void *self, double *part, const double *other)
{
  (void)self;
  part[NATS] += other[NATS];
  part[SEEN] += other[SEEN];
}

static double value(const void *self, const double *part)
{
  (void)self;
  return part[SEEN] > 0.0 ? part[NATS] / part[SEEN] : (double)NAN;
}

LAMINA_METRIC(gaussian_kl, "1.0.0", "divergence of normal distributions from the standard one",
              struct gaussian_kl, LAMINA_SETTINGS(settings), .infer = infer, .update = update,
              .merge = merge, .value = value);
