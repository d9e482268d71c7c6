/*
 * A test-only layer: y = x * x. Backward reads x, so the output may not overwrite the input,
 * and the layer does not offer it.
 */
#include <lamina/layer.h>

enum { GRAIN = 4096 };

struct span {
  const float *x, *dy;
  float *out;
  uint32_t request;
};

static int32_t infer(void *self, struct lamina_plan *plan)
{
  const struct lamina_type *x = lamina_in(plan, 0);
  (void)self;
  if (x != NULL && !lamina_type_is_f32(x)) {
    return lamina_fail(plan->call, LAMINA_E_SHAPE, "the input must be float32");
  }
  LAMINA_TRY(lamina_out_like(plan, 0, x));
  return lamina_bwd_reads(plan, LAMINA_IN, 0);
}

static int32_t forward_span(void *arg, int64_t begin, int64_t end, uint32_t lane)
{
  const struct span *span = arg;
  (void)lane;
  for (int64_t i = begin; i < end; i++) {
    span->out[i] = span->x[i] * span->x[i];
  }
  return LAMINA_OK;
}

/* y = x * x. shape: any, kept. */
static int32_t forward(void *self, struct lamina_call *call)
{
  const struct lamina_view *x = lamina_get(call, LAMINA_IN, 0);
  const struct lamina_view *y = lamina_get(call, LAMINA_OUT, 0);
  (void)self;
  if (x == NULL || y == NULL) {
    return LAMINA_E_PLUGIN;
  }
  struct span span = {.x = x->data, .out = y->data};
  return lamina_parallel_for(call, lamina_type_count(&x->type), GRAIN, forward_span, &span);
}

static int32_t backward_span(void *arg, int64_t begin, int64_t end, uint32_t lane)
{
  const struct span *span = arg;
  (void)lane;
  for (int64_t i = begin; i < end; i++) {
    float dx = 2.0f * span->x[i] * span->dy[i];
    span->out[i] = span->request == LAMINA_ADD ? span->out[i] + dx : dx;
  }
  return LAMINA_OK;
}

/* dx = 2 x dy */
static int32_t backward(void *self, struct lamina_call *call)
{
  struct span span = {0};
  const struct lamina_view *dx = lamina_grad(call, LAMINA_IN, 0, &span.request);
  (void)self;
  if (span.request == LAMINA_SKIP) {
    return LAMINA_OK;
  }
  const struct lamina_view *x = lamina_get(call, LAMINA_IN, 0);
  const struct lamina_view *dy = lamina_grad(call, LAMINA_OUT, 0, NULL);
  if (x == NULL || dy == NULL || dx == NULL) {
    return LAMINA_E_PLUGIN;
  }
  span.x = x->data;
  span.dy = dy->data;
  span.out = dx->data;
  return lamina_parallel_for(call, lamina_type_count(&x->type), GRAIN, backward_span, &span);
}

LAMINA_LAYER(square, "1.0.0", "square of each element", LAMINA_NOTHING, .infer = infer,
             .forward = forward, .backward = backward);
