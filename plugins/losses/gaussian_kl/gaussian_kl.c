/*
 * gaussian_kl: how far normal distributions are from the standard one: the regularizing term of a
 * variational autoencoder. Kingma and Welling: "Auto-encoding variational Bayes", ICLR 2014.
 *
 *   L = sum over d of  mean over n of  k(mu_nd, v_nd),   k = (mu^2 + e^v - 1 - v) / 2
 *   dmu = g mu / N    dv = g (e^v - 1) / (2 N)           g: the weight of the loss
 *
 * Free bits: in training a dimension whose mean is not above them counts with them, and has no
 * gradient. Kingma et al.: "Improving variational inference with inverse autoregressive flow",
 * NIPS 2016.
 *
 * Shapes: mu and v = log_var [N, ...], alike, with D elements a sample. Saved is for each of the D
 * whether it has a gradient. Sums are made column by column, so that threads share columns.
 */
#include <lamina/loss.h>

#include "divergence/kl.h"

enum { MU = 0, LOG_VAR = 1, OPEN = 0, COLUMNS = 256, CHUNK = 8192 };

struct gaussian_kl {
  double free_bits;
};

static const struct lamina_setting settings[] = {
    LAMINA_F64_SCHEDULABLE(struct gaussian_kl, free_bits, "0", "[0, 1e6]",
                           "in training, nats that each dimension has at least; 0: none"),
};

static int32_t infer(void *self, struct lamina_plan *plan)
{
  (void)self;
  LAMINA_TRY(lamina_expect_inputs(plan, 2));
  const struct lamina_type *mu = lamina_in_f32(plan, MU);
  if (mu == NULL) {
    return LAMINA_E_SHAPE;
  }
  if (mu->rank == 0) {
    return lamina_fail(plan->call, LAMINA_E_SHAPE, "input 0 has no axis for the batch");
  }
  LAMINA_TRY(lamina_expect_like_first(plan, LOG_VAR));
  LAMINA_TRY(lamina_out_loss(plan));
  const int64_t columns = lamina_type_product(mu, 1, mu->rank);
  const struct lamina_type open = lamina_type_f32(1, &columns);
  LAMINA_TRY(lamina_save(plan, OPEN, &open));
  LAMINA_TRY(lamina_plan_scratch(plan, LAMINA_FORWARD, (uint64_t)columns * sizeof(double), 0));
  LAMINA_TRY(lamina_bwd_reads(plan, LAMINA_IN, MU));
  return lamina_bwd_reads(plan, LAMINA_IN, LOG_VAR);
}

struct work {
  const float *mu, *log_var;
  int64_t size[2]; /* N, D */
  double *sums;
  const float *open;
  float *dmu, *dlog_var; /* NULL: not asked for */
  int32_t add_mu, add_log_var;
  float scale, unused;
};

static struct work work_of(const struct lamina_view *mu, const struct lamina_view *log_var)
{
  return (struct work){
      .mu = mu->data,
      .log_var = log_var->data,
      .size = {mu->type.dims[0], lamina_type_product(&mu->type, 1, mu->type.rank)}};
}

LAMINA_CLONES
static int32_t sum_columns(void *arg, int64_t begin, int64_t end, uint32_t lane)
{
  const struct work *work = arg;
  (void)lane;
  memset(work->sums + begin, 0, (size_t)(end - begin) * sizeof(double));
  lm_kl_columns(work->mu, work->log_var, work->size, begin, end - begin, work->sums + begin);
  return LAMINA_OK;
}

/* The largest logarithm of a variance is looked for where a sum is suspicious, and only there. */
static int32_t check_sum(struct lamina_call *call, const struct work *work, int64_t column)
{
  if (work->sums[column] < 1e30) {
    return LAMINA_OK;
  }
  for (int64_t r = 0; r < work->size[0]; r++) {
    float v = work->log_var[r * work->size[1] + column];
    if (v > LM_KL_MOST) {
      return lamina_failf(
          call, LAMINA_E_INVALID,
          "the log variance of dimension %lld of sample %lld of the batch is %g, and "
          "must be %g or less: its exponential would overflow",
          (long long)column, (long long)r, (double)v, (double)LM_KL_MOST);
    }
  }
  return LAMINA_OK;
}

static int32_t forward(void *instance, struct lamina_call *call)
{
  const struct gaussian_kl *self = instance;
  const struct lamina_view *mu = lamina_get(call, LAMINA_IN, MU);
  const struct lamina_view *log_var = lamina_get(call, LAMINA_IN, LOG_VAR);
  const struct lamina_view *loss = lamina_get(call, LAMINA_OUT, 0);
  if (mu == NULL || log_var == NULL || loss == NULL) {
    return LAMINA_E_PLUGIN;
  }
  struct work work = work_of(mu, log_var);
  int is_kept = (lamina_mode(call) & LAMINA_MODE_KEEP) != 0;
  const struct lamina_view *open = is_kept ? lamina_get(call, LAMINA_SAVE, OPEN) : NULL;
  double least = (lamina_mode(call) & LAMINA_MODE_TRAIN) != 0 ? self->free_bits : 0.0, sum = 0.0;
  work.sums = lamina_scratch(call, LAMINA_SHARED);
  LAMINA_TRY(lamina_parallel_for(call, work.size[1], COLUMNS, sum_columns, &work));
  for (int64_t j = 0; j < work.size[1] && work.size[0] > 0; j++) {
    double mean = work.sums[j] / (double)work.size[0];
    LAMINA_TRY(check_sum(call, &work, j));
    sum += mean < least ? least : mean;
    if (open != NULL) {
      ((float *)open->data)[j] = least > 0.0 && mean <= least ? 0.0f : 1.0f;
    }
  }
  *(float *)loss->data = (float)sum;
  return LAMINA_OK;
}

LAMINA_INLINE void put(float *to, int32_t add, int64_t i, float value)
{
  to[i] = add ? to[i] + value : value;
}

/* Rows begin .. end - 1; a NaN stays one where a dimension has no gradient. */
LAMINA_CLONES
static int32_t gradient_rows(void *arg, int64_t begin, int64_t end, uint32_t lane)
{
  const struct work work = *(const struct work *)arg;
  int64_t d = work.size[1];
  (void)lane;
  for (int64_t r = begin; r < end; r++) {
    const float *mu = work.mu + r * d, *v = work.log_var + r * d;
    for (int64_t j = 0; work.dmu != NULL && j < d; j++) {
      put(work.dmu + r * d, work.add_mu, j, work.scale * work.open[j] * mu[j]);
    }
    for (int64_t j = 0; work.dlog_var != NULL && j < d; j++) {
      float slope = 0.5f * lamina_expm1f(v[j]);
      put(work.dlog_var + r * d, work.add_log_var, j, work.scale * work.open[j] * slope);
    }
  }
  return LAMINA_OK;
}

/* The memory that an input's gradient goes to; NULL when it is not asked for. */
static float *gradient_of(struct lamina_call *call, uint32_t index, int32_t *add)
{
  uint32_t request = LAMINA_SKIP;
  const struct lamina_view *gradient = lamina_grad(call, LAMINA_IN, index, &request);
  *add = request == LAMINA_ADD;
  return request == LAMINA_SKIP || gradient == NULL ? NULL : gradient->data;
}

static int32_t backward(void *self, struct lamina_call *call)
{
  const struct lamina_view *mu = lamina_get(call, LAMINA_IN, MU);
  const struct lamina_view *log_var = lamina_get(call, LAMINA_IN, LOG_VAR);
  const struct lamina_view *open = lamina_get(call, LAMINA_SAVE, OPEN);
  const struct lamina_view *weight = lamina_grad(call, LAMINA_OUT, 0, NULL);
  (void)self;
  if (mu == NULL || log_var == NULL || open == NULL || weight == NULL) {
    return LAMINA_E_PLUGIN;
  }
  struct work work = work_of(mu, log_var);
  work.open = open->data;
  work.scale = (float)((double)*(const float *)weight->data / (double)work.size[0]);
  work.dmu = gradient_of(call, MU, &work.add_mu);
  work.dlog_var = gradient_of(call, LOG_VAR, &work.add_log_var);
  int64_t rows = CHUNK / (work.size[1] > 0 ? work.size[1] : 1);
  return lamina_parallel_for(call, work.size[0], rows > 0 ? rows : 1, gradient_rows, &work);
}

LAMINA_LOSS(gaussian_kl, "1.0.0", "divergence of normal distributions from the standard one",
            struct gaussian_kl, LAMINA_SETTINGS(settings), .infer = infer, .forward = forward,
            .backward = backward);
