/*
 * mse: L = mean over all elements of (p - t)^2, the mean squared error.
 *
 *   dp = 2 g (p - t) / n     dt = -dp     g: the weight of the loss, n: number of elements
 *
 * Shapes: p [N, ...]; t the same, or [N] for p [N, 1]; both float32.
 */
#include <lamina/loss.h>
#include <lamina/reduce.h>

enum { PREDICTION = 0, TARGET = 1, CHUNK = 16384, BLOCK = 512 };

struct work {
  const float *p, *t;
  float *gradient;
  float scale;
  int32_t add;
};

static int32_t infer(void *self, struct lamina_plan *plan)
{
  (void)self;
  LAMINA_TRY(lamina_expect_inputs(plan, 2));
  const struct lamina_type *p = lamina_in_f32(plan, PREDICTION);
  const struct lamina_type *t = lamina_in(plan, TARGET);
  if (p == NULL || t == NULL) {
    return LAMINA_E_SHAPE;
  }
  if (!lamina_type_is_f32(t)) {
    return lamina_fail(plan->call, LAMINA_E_SHAPE,
                       "the target must be float32 numbers: for class labels use cross_entropy");
  }
  LAMINA_TRY(lamina_expect_alike(plan, p, t));
  LAMINA_TRY(lamina_out_loss(plan));
  LAMINA_TRY(lamina_plan_sum(plan, lamina_type_count(p), CHUNK));
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

static int32_t forward(void *self, struct lamina_call *call)
{
  const struct lamina_view *p = lamina_get(call, LAMINA_IN, PREDICTION);
  const struct lamina_view *t = lamina_get(call, LAMINA_IN, TARGET);
  const struct lamina_view *loss = lamina_get(call, LAMINA_OUT, 0);
  double sum = 0.0;
  (void)self;
  if (p == NULL || t == NULL || loss == NULL) {
    return LAMINA_E_PLUGIN;
  }
  struct work work = {.p = p->data, .t = t->data};
  int64_t n = lamina_type_count(&p->type);
  LAMINA_TRY(lamina_sum_terms(call, n, CHUNK, sum_of_squares, &work, &sum));
  *(float *)loss->data = n == 0 ? 0.0f : (float)(sum / (double)n);
  return LAMINA_OK;
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

/* The gradient of one of the inputs; sign is that of the input in p - t. */
static int32_t gradient_of(struct lamina_call *call, uint32_t index, double sign)
{
  uint32_t request = LAMINA_SKIP;
  const struct lamina_view *gradient = lamina_grad(call, LAMINA_IN, index, &request);
  if (request == LAMINA_SKIP) {
    return LAMINA_OK;
  }
  const struct lamina_view *p = lamina_get(call, LAMINA_IN, PREDICTION);
  const struct lamina_view *t = lamina_get(call, LAMINA_IN, TARGET);
  const struct lamina_view *weight = lamina_grad(call, LAMINA_OUT, 0, NULL);
  if (gradient == NULL || p == NULL || t == NULL || weight == NULL) {
    return LAMINA_E_PLUGIN;
  }
  int64_t n = lamina_type_count(&p->type);
  struct work work = {
      .p = p->data, .t = t->data, .gradient = gradient->data, .add = request == LAMINA_ADD};
  work.scale = (float)(sign * 2.0 * (double)*(const float *)weight->data / (double)n);
  return lamina_parallel_for(call, n, CHUNK, gradient_elements, &work);
}

static int32_t backward(void *self, struct lamina_call *call)
{
  (void)self;
  LAMINA_TRY(gradient_of(call, PREDICTION, 1.0));
  return gradient_of(call, TARGET, -1.0);
}

LAMINA_LOSS(mse, "1.0.0", "mean of squared differences", LAMINA_NOTHING, .infer = infer,
            .forward = forward, .backward = backward);
