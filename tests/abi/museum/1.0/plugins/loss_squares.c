/* The mean over the batch of (p - t)^2 / 2. */
#include <lamina/loss.h>

enum { GRAIN = 2 };

struct pair {
  const float *p, *t;
};

static int32_t infer(void *self, struct lamina_plan *plan)
{
  const struct lamina_type *p = lamina_in_f32(plan, 0);
  const struct lamina_type *t = lamina_in_f32(plan, 1);
  int64_t classes = -1;
  int32_t exact = -1;
  (void)self;
  if (p == NULL || t == NULL) {
    return LAMINA_E_SHAPE;
  }
  LAMINA_TRY(lamina_expect_alike(plan, p, t));
  LAMINA_TRY(lamina_classes(plan, 1, &classes, &exact));
  if (classes != 0) {
    return lamina_fail(plan->call, LAMINA_E_SHAPE, "the target are classes, expected numbers");
  }
  LAMINA_TRY(lamina_plan_sum(plan, lamina_type_count(p), GRAIN));
  LAMINA_TRY(lamina_bwd_reads(plan, LAMINA_IN, 0));
  LAMINA_TRY(lamina_bwd_reads(plan, LAMINA_IN, 1));
  return lamina_out_loss(plan);
}

static int32_t terms(const void *work, int64_t begin, int64_t end, double *sum)
{
  const struct pair *pair = work;
  *sum = 0.0;
  for (int64_t i = begin; i < end; i++) {
    double d = (double)pair->p[i] - (double)pair->t[i];
    *sum += 0.5 * d * d;
  }
  return LAMINA_OK;
}

static int32_t forward(void *self, struct lamina_call *call)
{
  const struct lamina_view *p = lamina_get(call, LAMINA_IN, 0);
  const struct lamina_view *t = lamina_get(call, LAMINA_IN, 1);
  const struct lamina_view *loss = lamina_get(call, LAMINA_OUT, 0);
  double sum;
  (void)self;
  if (p == NULL || t == NULL || loss == NULL) {
    return LAMINA_E_PLUGIN;
  }
  struct pair pair = {p->data, t->data};
  int64_t n = p->type.dims[0];
  LAMINA_TRY(lamina_sum_terms(call, lamina_type_count(&p->type), GRAIN, terms, &pair, &sum));
  *(float *)loss->data = n == 0 ? 0.0f : (float)(sum / (double)n);
  return LAMINA_OK;
}

static int32_t backward(void *self, struct lamina_call *call)
{
  uint32_t request;
  const struct lamina_view *p = lamina_get(call, LAMINA_IN, 0);
  const struct lamina_view *t = lamina_get(call, LAMINA_IN, 1);
  const struct lamina_view *dp = lamina_grad(call, LAMINA_IN, 0, &request);
  const struct lamina_view *dy = lamina_grad(call, LAMINA_OUT, 0, NULL);
  (void)self;
  LAMINA_TRY(lamina_expect_no_gradient(call, 1));
  if (p == NULL || t == NULL || dy == NULL) {
    return LAMINA_E_PLUGIN;
  }
  float share = *(const float *)dy->data / (float)p->type.dims[0];
  for (int64_t i = 0; request != LAMINA_SKIP && i < lamina_type_count(&p->type); i++) {
    float *to = (float *)dp->data + i;
    float part = share * (((const float *)p->data)[i] - ((const float *)t->data)[i]);
    *to = request == LAMINA_ADD ? *to + part : part;
  }
  return LAMINA_OK;
}

LAMINA_LOSS(squares, "1.0.0", "half the squared error", LAMINA_NOTHING, .infer = infer,
            .forward = forward, .backward = backward);
