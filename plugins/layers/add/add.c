/*
 * add: y = x_0 + x_1 + ... + x_(n-1), elementwise, in this order: the join of residual branches.
 *
 *   dx_i = dy for every i
 *
 * Shapes: n >= 1 inputs and y, all the same. Sums are made block by block in a buffer on the
 * stack and then written, so y may take the memory of x_0 even where another input is the
 * same tensor again.
 */
#include <lamina/expect.h>
#include <lamina/layer.h>
#include <lamina/math.h>

enum { CHUNK = 16384, BLOCK = 1024 };

static int32_t infer(void *instance, struct lamina_plan *plan)
{
  uint32_t inputs = lamina_n_in(plan);
  (void)instance;
  LAMINA_TRY(lamina_out_like(plan, 0, lamina_in_f32(plan, 0)));
  for (uint32_t i = 1; i < inputs; i++) {
    LAMINA_TRY(lamina_expect_like_first(plan, i));
  }
  LAMINA_TRY(lamina_plan_scratch(plan, LAMINA_FORWARD, inputs * sizeof(float *), 0));
  LAMINA_TRY(lamina_may_share(plan, LAMINA_FORWARD, 0, 0));
  return lamina_may_share(plan, LAMINA_BACKWARD, 0, 0);
}

struct sum {
  const float **x;
  uint64_t inputs;
  float *y;
};

LAMINA_CLONES
static void add_to(float *sum, const float *x, int64_t n)
{
  LAMINA_INDEPENDENT
  for (int64_t i = 0; i < n; i++) {
    sum[i] += x[i];
  }
}

static int32_t sum_elements(void *arg, int64_t begin, int64_t end, uint32_t lane)
{
  const struct sum *work = arg;
  float block[BLOCK];
  (void)lane;
  for (int64_t at = begin; at < end; at += BLOCK) {
    int64_t n = end - at < BLOCK ? end - at : BLOCK;
    memcpy(block, work->x[0] + at, (size_t)n * sizeof *block);
    for (uint64_t i = 1; i < work->inputs; i++) {
      add_to(block, work->x[i] + at, n);
    }
    memcpy(work->y + at, block, (size_t)n * sizeof *block);
  }
  return LAMINA_OK;
}

static int32_t forward(void *instance, struct lamina_call *call)
{
  const struct lamina_view *y = lamina_get(call, LAMINA_OUT, 0);
  struct sum work = {lamina_scratch(call, LAMINA_SHARED), lamina_count(call, LAMINA_IN), NULL};
  (void)instance;
  if (y == NULL || work.x == NULL) {
    return LAMINA_E_PLUGIN;
  }
  for (uint32_t i = 0; i < work.inputs; i++) {
    const struct lamina_view *x = lamina_get(call, LAMINA_IN, i);
    if (x == NULL) {
      return LAMINA_E_PLUGIN;
    }
    work.x[i] = x->data;
  }
  work.y = y->data;
  return lamina_parallel_for(call, lamina_type_count(&y->type), CHUNK, sum_elements, &work);
}

struct copy {
  const float *dy;
  float *dx;
  int64_t add;
};

static int32_t copy_elements(void *arg, int64_t begin, int64_t end, uint32_t lane)
{
  const struct copy *work = arg;
  (void)lane;
  if (work->add) {
    add_to(work->dx + begin, work->dy + begin, end - begin);
  } else {
    memcpy(work->dx + begin, work->dy + begin, (size_t)(end - begin) * sizeof(float));
  }
  return LAMINA_OK;
}

/* dy is never written, except where the host has made it the memory of dx_0, which is equal. */
static int32_t backward(void *instance, struct lamina_call *call)
{
  const struct lamina_view *dy = lamina_grad(call, LAMINA_OUT, 0, NULL);
  if (dy == NULL) {
    return LAMINA_E_PLUGIN;
  }
  uint32_t inputs = lamina_count(call, LAMINA_IN);
  (void)instance;
  for (uint32_t i = 0; i < inputs; i++) {
    uint32_t request = LAMINA_SKIP;
    const struct lamina_view *dx = lamina_grad(call, LAMINA_IN, i, &request);
    if (request == LAMINA_SKIP || (dx != NULL && dx->data == dy->data)) {
      continue;
    }
    if (dx == NULL) {
      return LAMINA_E_PLUGIN;
    }
    struct copy work = {dy->data, dx->data, request == LAMINA_ADD};
    LAMINA_TRY(
        lamina_parallel_for(call, lamina_type_count(&dy->type), CHUNK, copy_elements, &work));
  }
  return LAMINA_OK;
}

LAMINA_LAYER(add, "1.0.0", "the sum of its inputs, elementwise", LAMINA_NOTHING, .infer = infer,
             .forward = forward, .backward = backward);
