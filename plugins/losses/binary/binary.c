/*
 * Backward computes e^-|z| again: reading it from memory would take as long.
 */
#include "binary.h"

#include <lamina/reduce.h>

enum { LOGIT = 0, TARGET = 1, CHUNK = 8192, BLOCK = 512 };

struct work {
  const float *z;
  const int32_t *labels; /* y, or NULL */
  const float *shares;   /* y, or NULL */
  float *dz;
  float scale;
  int32_t add;
};

static struct work work_of(const struct lamina_view *z, const struct lamina_view *y)
{
  struct work work = {.z = z->data};
  if (lamina_type_is_i32(&y->type)) {
    work.labels = y->data;
  } else {
    work.shares = y->data;
  }
  return work;
}

static int32_t check_classes(struct lamina_plan *plan)
{
  int64_t classes = 0;
  int32_t exact = 0;
  LAMINA_TRY(lamina_classes(plan, TARGET, &classes, &exact));
  if (classes <= 2) {
    return LAMINA_OK;
  }
  return lamina_failf(plan->call, LAMINA_E_SHAPE,
                      "the target has %s%lld classes, and this tells 2 apart: use cross_entropy",
                      exact ? "" : "at least ", (long long)classes);
}

int32_t lm_binary_infer(struct lamina_plan *plan, enum lm_binary_mean mean)
{
  LAMINA_TRY(lamina_expect_inputs(plan, 2));
  const struct lamina_type *z = lamina_in_f32(plan, LOGIT);
  const struct lamina_type *y = lamina_in(plan, TARGET);
  if (z == NULL || y == NULL) {
    return LAMINA_E_SHAPE;
  }
  if (!lamina_type_is_i32(y) && !lamina_type_is_f32(y)) {
    return lamina_fail(plan->call, LAMINA_E_SHAPE,
                       "the target must be int32 labels or float32 probabilities");
  }
  LAMINA_TRY(mean == LM_OVER_SAMPLES ? lamina_expect_as_many(plan, z, y)
                                     : lamina_expect_alike(plan, z, y));
  LAMINA_TRY(check_classes(plan));
  LAMINA_TRY(lamina_out_loss(plan));
  LAMINA_TRY(lamina_plan_sum(plan, lamina_type_count(z), CHUNK));
  LAMINA_TRY(lamina_bwd_reads(plan, LAMINA_IN, LOGIT));
  return lamina_bwd_reads(plan, LAMINA_IN, TARGET);
}

/* y[0 .. n-1] = the labels from first on. Returns how many are not in [0, 1]. */
LAMINA_INLINE int32_t load_labels(const struct work *work, int64_t first, int64_t n, float *y)
{
  int32_t bad = 0;
  if (work->labels != NULL) {
    for (int64_t i = 0; i < n; i++) {
      y[i] = (float)work->labels[first + i];
    }
  } else {
    memcpy(y, work->shares + first, (size_t)n * sizeof *y);
  }
  for (int64_t i = 0; i < n; i++) {
    bad += !((y[i] >= 0.0f) & (y[i] <= 1.0f));
  }
  return bad;
}

LAMINA_CLONES
static int32_t sum_terms(const void *arg, int64_t begin, int64_t end, double *sum)
{
  const struct work *work = arg;
  float y[BLOCK], term[BLOCK];
  *sum = 0.0;
  for (int64_t at = begin; at < end; at += BLOCK) {
    const float *z = work->z + at;
    int64_t n = end - at < BLOCK ? end - at : BLOCK;
    if (load_labels(work, at, n, y) > 0) {
      return LAMINA_E_INVALID;
    }
    for (int64_t i = 0; i < n; i++) {
      float above = lamina_selectf(z[i] < 0.0f, 0.0f, z[i]);
      term[i] = above - y[i] * z[i] + lamina_log1pf(lamina_expf(lamina_copysignf(z[i], -1.0f)));
    }
    *sum += lamina_sum_f32(term, n);
  }
  return LAMINA_OK;
}

static int32_t refuse_label(struct lamina_call *call, const struct work *work, int64_t n,
                            int64_t samples)
{
  for (int64_t i = 0; i < n; i++) {
    float y = 0.0f;
    if (load_labels(work, i, 1, &y) > 0) {
      return lamina_failf(call, LAMINA_E_INVALID,
                          "the label of sample %lld of the batch is %g, and must be %s",
                          (long long)(i / (n / samples)), (double)y,
                          work->labels != NULL ? "0 or 1" : "from 0 to 1");
    }
  }
  return LAMINA_E_INVALID;
}

/* What the sum of all terms is divided by. */
static int64_t divisor(const struct lamina_view *z, enum lm_binary_mean mean)
{
  return mean == LM_OVER_SAMPLES ? z->type.dims[0] : lamina_type_count(&z->type);
}

int32_t lm_binary_forward(struct lamina_call *call, enum lm_binary_mean mean)
{
  const struct lamina_view *z = lamina_get(call, LAMINA_IN, LOGIT);
  const struct lamina_view *y = lamina_get(call, LAMINA_IN, TARGET);
  const struct lamina_view *loss = lamina_get(call, LAMINA_OUT, 0);
  double sum = 0.0;
  if (z == NULL || y == NULL || loss == NULL) {
    return LAMINA_E_PLUGIN;
  }
  struct work work = work_of(z, y);
  int64_t n = lamina_type_count(&z->type);
  int32_t status = lamina_sum_terms(call, n, CHUNK, sum_terms, &work, &sum);
  if (status == LAMINA_E_INVALID) {
    return refuse_label(call, &work, n, lamina_type_product(&z->type, 0, 1));
  }
  LAMINA_TRY(status);
  *(float *)loss->data = n == 0 ? 0.0f : (float)(sum / (double)divisor(z, mean));
  return LAMINA_OK;
}

LAMINA_CLONES
static int32_t gradient_elements(void *arg, int64_t begin, int64_t end, uint32_t lane)
{
  const struct work *work = arg;
  float scale = work->scale, y[BLOCK], gradient[BLOCK];
  (void)lane;
  for (int64_t at = begin; at < end; at += BLOCK) {
    const float *z = work->z + at;
    float *dz = work->dz + at;
    int64_t n = end - at < BLOCK ? end - at : BLOCK;
    (void)load_labels(work, at, n, y);
    for (int64_t i = 0; i < n; i++) {
      gradient[i] = scale * (lamina_sigmoidf(z[i]) - y[i]);
    }
    for (int64_t i = 0; i < n; i++) {
      dz[i] = work->add ? dz[i] + gradient[i] : gradient[i];
    }
  }
  return LAMINA_OK;
}

int32_t lm_binary_backward(struct lamina_call *call, enum lm_binary_mean mean)
{
  uint32_t request = LAMINA_SKIP;
  LAMINA_TRY(lamina_expect_no_gradient(call, TARGET));
  const struct lamina_view *dz = lamina_grad(call, LAMINA_IN, LOGIT, &request);
  if (request == LAMINA_SKIP) {
    return LAMINA_OK;
  }
  const struct lamina_view *z = lamina_get(call, LAMINA_IN, LOGIT);
  const struct lamina_view *y = lamina_get(call, LAMINA_IN, TARGET);
  const struct lamina_view *weight = lamina_grad(call, LAMINA_OUT, 0, NULL);
  if (dz == NULL || z == NULL || y == NULL || weight == NULL) {
    return LAMINA_E_PLUGIN;
  }
  struct work work = work_of(z, y);
  int64_t n = lamina_type_count(&z->type);
  work.dz = dz->data;
  work.add = request == LAMINA_ADD;
  work.scale = (float)((double)*(const float *)weight->data / (double)divisor(z, mean));
  return lamina_parallel_for(call, n, CHUNK, gradient_elements, &work);
}
