/*
 * Differences are rounded to float32 and squared as doubles, chunk by chunk.
 */
#include "squares.h"

#include <lamina/reduce.h>

enum { PREDICTION = 0, TARGET = 1, CHUNK = 16384, BLOCK = 512 };

struct work {
  const float *p, *t;
  float *gradient;
  float scale;
  int32_t add;
};

int32_t lm_squares_infer(struct lamina_plan *plan, int64_t n)
{
  LAMINA_TRY(lamina_plan_sum(plan, n, CHUNK));
  LAMINA_TRY(lamina_bwd_reads(plan, LAMINA_IN, PREDICTION));
  return lamina_bwd_reads(plan, LAMINA_IN, TARGET);
}

LAMINA_CLONES
static int32_t sum_of_squares(const void *arg, int64_t begin, int64_t end, double *sum)
{
  const struct work *work = arg;
  float difference[BLOCK];
  *sum = 0.0;
  for (int64_t at = begin; at < end; at += BLOCK) {
    const float *p = work->p + at, *t = work->t + at;
    int64_t n = end - at < BLOCK ? end - at : BLOCK;
    for (int64_t i = 0; i < n; i++) {
      difference[i] = p[i] - t[i];
    }
    *sum += lamina_dot_f32(difference, difference, n);
  }
  return LAMINA_OK;
}

int32_t lm_squares_sum(struct lamina_call *call, double *sum)
{
  const struct lamina_view *p = lamina_get(call, LAMINA_IN, PREDICTION);
  const struct lamina_view *t = lamina_get(call, LAMINA_IN, TARGET);
  if (p == NULL || t == NULL) {
    return LAMINA_E_PLUGIN;
  }
  struct work work = {.p = p->data, .t = t->data};
  return lamina_sum_terms(call, lamina_type_count(&p->type), CHUNK, sum_of_squares, &work, sum);
}

LAMINA_CLONES
static int32_t gradient_elements(void *arg, int64_t begin, int64_t end, uint32_t lane)
{
  const struct work *work = arg;
  const float *p = work->p, *t = work->t;
  float *gradient = work->gradient, scale = work->scale;
  (void)lane;
  if (work->add) {
    LAMINA_INDEPENDENT
    for (int64_t i = begin; i < end; i++) {
      gradient[i] += scale * (p[i] - t[i]);
    }
  } else {
    LAMINA_INDEPENDENT
    for (int64_t i = begin; i < end; i++) {
      gradient[i] = scale * (p[i] - t[i]);
    }
  }
  return LAMINA_OK;
}

/* The gradient of one of the inputs; scale has the sign of the input in p - t. */
static int32_t gradient_of(struct lamina_call *call, uint32_t index, double scale)
{
  uint32_t request = LAMINA_SKIP;
  const struct lamina_view *gradient = lamina_grad(call, LAMINA_IN, index, &request);
  if (request == LAMINA_SKIP) {
    return LAMINA_OK;
  }
  const struct lamina_view *p = lamina_get(call, LAMINA_IN, PREDICTION);
  const struct lamina_view *t = lamina_get(call, LAMINA_IN, TARGET);
  if (gradient == NULL || p == NULL || t == NULL) {
    return LAMINA_E_PLUGIN;
  }
  struct work work = {.p = p->data,
                      .t = t->data,
                      .gradient = gradient->data,
                      .scale = (float)scale,
                      .add = request == LAMINA_ADD};
  return lamina_parallel_for(call, lamina_type_count(&p->type), CHUNK, gradient_elements, &work);
}

int32_t lm_squares_gradients(struct lamina_call *call, double scale)
{
  LAMINA_TRY(gradient_of(call, PREDICTION, scale));
  return gradient_of(call, TARGET, -scale);
}
