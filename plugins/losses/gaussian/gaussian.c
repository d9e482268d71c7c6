/*
 * gaussian: the negative log likelihood of data under independent normal variables whose means are
 * predicted: the sum over a sample, the mean over the batch.
 *
 *   L = sum over all elements of  (log(2 pi) + v + (p - t)^2 e^-v) / 2,  over N
 *   dp = g (p - t) e^-v / N    dt = -dp    dv = g (1 - (p - t)^2 e^-v) / (2 N)
 *
 * v is 2 log(sigma), a setting, or the third input. g: the weight of the loss. The loops of a fixed
 * sigma are in plugins/losses/squares.
 *
 * Shapes: p [N, ...] float32; t of any shape with as many elements a sample; v that of p.
 */
#include <math.h>

#include <lamina/reduce.h>

#include "squares/squares.h"

enum { PREDICTION = 0, TARGET = 1, LOG_VAR = 2, CHUNK = 8192, BLOCK = 512 };

static const double LOG_TWO_PI = 1.8378770664093454836;
static const float LEAST = -80.0f; /* of v: e^-v and its product with a square stay finite */

struct gaussian {
  double sigma;
};

static const struct lamina_setting settings[] = {
    LAMINA_F64_SCHEDULABLE(struct gaussian, sigma, "1", "[1e-6, 1e6]",
                           "standard deviation of every element; without a third input"),
};

static int32_t check_log_var(const struct gaussian *self, struct lamina_plan *plan)
{
  if (self->sigma != 1.0) {
    return lamina_fail(plan->call, LAMINA_E_INVALID,
                       "the third input is the logarithm of the variance, so sigma has no meaning");
  }
  LAMINA_TRY(lamina_expect_like_first(plan, LOG_VAR));
  return lamina_bwd_reads(plan, LAMINA_IN, LOG_VAR);
}

static int32_t infer(void *self, struct lamina_plan *plan)
{
  int has_log_var = lamina_n_in(plan) == 3;
  LAMINA_TRY(has_log_var ? LAMINA_OK : lamina_expect_inputs(plan, 2));
  const struct lamina_type *p = lamina_in_f32(plan, PREDICTION);
  const struct lamina_type *t = lamina_in_f32(plan, TARGET);
  if (p == NULL || t == NULL) {
    return LAMINA_E_SHAPE;
  }
  LAMINA_TRY(lamina_expect_as_many(plan, p, t));
  LAMINA_TRY(has_log_var ? check_log_var(self, plan) : LAMINA_OK);
  LAMINA_TRY(lamina_out_loss(plan));
  LAMINA_TRY(lm_squares_infer(plan, lamina_type_count(p)));
  return has_log_var ? lamina_plan_sum(plan, lamina_type_count(p), CHUNK) : LAMINA_OK;
}

/* ---- with a third input ---- */

struct work {
  const float *p, *t, *v;
  float *dp, *dt, *dv; /* NULL: not asked for */
  uint32_t add[3];     /* to what is there */
  float scale;
};

/* term[i] = (v + (p - t)^2 e^-v) / 2, n elements from `at` on. Returns how many v are refused. */
LAMINA_INLINE int32_t make_terms(const struct work *work, int64_t at, int64_t n, float *term)
{
  const float *p = work->p + at, *t = work->t + at, *v = work->v + at;
  int32_t bad = 0;
  for (int64_t i = 0; i < n; i++) {
    float difference = p[i] - t[i];
    bad += v[i] < LEAST;
    term[i] = 0.5f * (v[i] + difference * difference * lamina_expf(-v[i]));
  }
  return bad;
}

LAMINA_CLONES
static int32_t sum_terms(const void *arg, int64_t begin, int64_t end, double *sum)
{
  float term[BLOCK];
  *sum = 0.0;
  for (int64_t at = begin; at < end; at += BLOCK) {
    int64_t n = end - at < BLOCK ? end - at : BLOCK;
    if (make_terms(arg, at, n, term) > 0) {
      return LAMINA_E_INVALID;
    }
    *sum += lamina_sum_f32(term, n);
  }
  return LAMINA_OK;
}

static int32_t refuse_log_var(struct lamina_call *call, const float *v, int64_t n, int64_t samples)
{
  int64_t i = 0;
  while (i < n - 1 && !(v[i] < LEAST)) {
    i++;
  }
  return lamina_failf(
      call, LAMINA_E_INVALID,
      "the log variance of element %lld of sample %lld of the batch is %g, and must "
      "be %g or more: its exponential would overflow",
      (long long)(i % (n / samples)), (long long)(i / (n / samples)), (double)v[i], (double)LEAST);
}

static int32_t sum_with_log_var(struct lamina_call *call, const struct lamina_view *p, double *sum)
{
  const struct lamina_view *t = lamina_get(call, LAMINA_IN, TARGET);
  const struct lamina_view *v = lamina_get(call, LAMINA_IN, LOG_VAR);
  if (t == NULL || v == NULL) {
    return LAMINA_E_PLUGIN;
  }
  struct work work = {.p = p->data, .t = t->data, .v = v->data};
  int64_t n = lamina_type_count(&p->type);
  int32_t status = lamina_sum_terms(call, n, CHUNK, sum_terms, &work, sum);
  return status == LAMINA_E_INVALID ? refuse_log_var(call, v->data, n, p->type.dims[0]) : status;
}

static int32_t forward(void *instance, struct lamina_call *call)
{
  const struct gaussian *self = instance;
  const struct lamina_view *p = lamina_get(call, LAMINA_IN, PREDICTION);
  const struct lamina_view *loss = lamina_get(call, LAMINA_OUT, 0);
  double sum = 0.0;
  if (p == NULL || loss == NULL) {
    return LAMINA_E_PLUGIN;
  }
  double n = (double)lamina_type_count(&p->type);
  if (lamina_count(call, LAMINA_IN) == 3) {
    LAMINA_TRY(sum_with_log_var(call, p, &sum));
  } else {
    LAMINA_TRY(lm_squares_sum(call, &sum));
    sum = 0.5 * sum / (self->sigma * self->sigma) + n * log(self->sigma);
  }
  sum += 0.5 * n * LOG_TWO_PI;
  *(float *)loss->data = n > 0.0 ? (float)(sum / (double)p->type.dims[0]) : 0.0f;
  return LAMINA_OK;
}

LAMINA_INLINE void put(float *to, const float *from, int64_t n, uint32_t add)
{
  for (int64_t i = 0; i < n; i++) {
    to[i] = add ? to[i] + from[i] : from[i];
  }
}

LAMINA_CLONES
static int32_t gradient_elements(void *arg, int64_t begin, int64_t end, uint32_t lane)
{
  const struct work *work = arg;
  float of_p[BLOCK], of_t[BLOCK], of_v[BLOCK], scale = work->scale;
  (void)lane;
  for (int64_t at = begin; at < end; at += BLOCK) {
    const float *p = work->p + at, *t = work->t + at, *v = work->v + at;
    int64_t n = end - at < BLOCK ? end - at : BLOCK;
    for (int64_t i = 0; i < n; i++) {
      float difference = p[i] - t[i], slope = difference * lamina_expf(-v[i]);
      of_p[i] = scale * slope;
      of_t[i] = -of_p[i];
      of_v[i] = scale * (0.5f - 0.5f * difference * slope);
    }
    float *const to[3] = {work->dp, work->dt, work->dv};
    const float *const from[3] = {of_p, of_t, of_v};
    for (int k = 0; k < 3; k++) {
      if (to[k] != NULL) {
        put(to[k] + at, from[k], n, work->add[k]);
      }
    }
  }
  return LAMINA_OK;
}

/* The memory that an input's gradient goes to; NULL when it is not asked for. */
static float *gradient_of(struct lamina_call *call, uint32_t index, uint32_t *add)
{
  uint32_t request = LAMINA_SKIP;
  const struct lamina_view *gradient = lamina_grad(call, LAMINA_IN, index, &request);
  *add = request == LAMINA_ADD;
  return request == LAMINA_SKIP || gradient == NULL ? NULL : gradient->data;
}

static int32_t gradients_with_log_var(struct lamina_call *call, double scale)
{
  const struct lamina_view *p = lamina_get(call, LAMINA_IN, PREDICTION);
  const struct lamina_view *t = lamina_get(call, LAMINA_IN, TARGET);
  const struct lamina_view *v = lamina_get(call, LAMINA_IN, LOG_VAR);
  if (p == NULL || t == NULL || v == NULL) {
    return LAMINA_E_PLUGIN;
  }
  struct work work = {.p = p->data, .t = t->data, .v = v->data, .scale = (float)scale};
  work.dp = gradient_of(call, PREDICTION, &work.add[0]);
  work.dt = gradient_of(call, TARGET, &work.add[1]);
  work.dv = gradient_of(call, LOG_VAR, &work.add[2]);
  return lamina_parallel_for(call, lamina_type_count(&p->type), CHUNK, gradient_elements, &work);
}

static int32_t backward(void *instance, struct lamina_call *call)
{
  const struct gaussian *self = instance;
  const struct lamina_view *p = lamina_get(call, LAMINA_IN, PREDICTION);
  const struct lamina_view *weight = lamina_grad(call, LAMINA_OUT, 0, NULL);
  if (p == NULL || weight == NULL) {
    return LAMINA_E_PLUGIN;
  }
  double scale = (double)*(const float *)weight->data / (double)p->type.dims[0];
  return lamina_count(call, LAMINA_IN) == 3
             ? gradients_with_log_var(call, scale)
             : lm_squares_gradients(call, scale / (self->sigma * self->sigma));
}

LAMINA_LOSS(gaussian, "1.0.0", "negative log likelihood of normal variables, by their means",
            struct gaussian, LAMINA_SETTINGS(settings), .infer = infer, .forward = forward,
            .backward = backward);
