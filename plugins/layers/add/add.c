/*
 * add: y = x_0 + x_1 + ... + x_(n-1), elementwise, in this order: the join of residual branches.
 *
 *   dx_i = dy for every i
 *
 * Shapes: n >= 1 inputs and y, all the same. Sums are made block by block in a buffer on the
 * stack and then written, so y may take the memory of any input, even where another one is the
 * same tensor again.
 */
#include <string.h>

#include <lamina/math.h>
#include <lamina/span.h>

enum { BLOCK = 1024 };

LAMINA_CLONES
static void add_to(float *sum, const float *x, int64_t n)
{
  LAMINA_INDEPENDENT
  for (int64_t i = 0; i < n; i++) {
    sum[i] += x[i];
  }
}

LAMINA_CLONES
static void add_two(float *sum, const float *x, const float *other, int64_t n)
{
  LAMINA_INDEPENDENT
  for (int64_t i = 0; i < n; i++) {
    sum[i] = x[i] + other[i];
  }
}

static void add_many(const struct lamina_span *span)
{
  float block[BLOCK];
  for (int64_t at = 0; at < span->count; at += BLOCK) {
    int64_t n = span->count - at < BLOCK ? span->count - at : BLOCK;
    memcpy(block, span->from + at, (size_t)n * sizeof *block);
    for (uint32_t i = 0; i < span->n_others; i++) {
      add_to(block, span->others[i] + at, n);
    }
    memcpy(span->to + at, block, (size_t)n * sizeof *block);
  }
}

static int32_t value(const void *self, struct lamina_call *call, const struct lamina_span *span)
{
  (void)self;
  (void)call;
  if (span->n_others == 1) {
    add_two(span->to, span->from, span->others[0], span->count);
  } else {
    add_many(span);
  }
  return LAMINA_OK;
}

/* dy is not changed where the host has made it the memory of dx, so that comes of itself. */
static int32_t gradient(const void *self, struct lamina_call *call, const struct lamina_span *span)
{
  (void)self;
  (void)call;
  if (span->add) {
    add_to(span->to, span->from, span->count);
  } else if (span->to != span->from) {
    memcpy(span->to, span->from, (size_t)span->count * sizeof *span->to);
  }
  return LAMINA_OK;
}

static const struct lamina_pointwise pointwise = {
    .size = sizeof pointwise, .reads = LAMINA_READS_NOTHING, .value = value, .gradient = gradient};

static int32_t infer(void *instance, struct lamina_plan *plan)
{
  (void)instance;
  for (uint32_t i = 1; i < lamina_n_in(plan); i++) {
    LAMINA_TRY(lamina_expect_like_first(plan, i));
  }
  return lamina_pointwise_infer_any(&pointwise, plan);
}

static int32_t forward(void *instance, struct lamina_call *call)
{
  return lamina_pointwise_forward(&pointwise, instance, call);
}

static int32_t backward(void *instance, struct lamina_call *call)
{
  return lamina_pointwise_backward(&pointwise, instance, call);
}

static const void *extension(const char *id)
{
  return strcmp(id, LAMINA_POINTWISE_ID) == 0 ? &pointwise : NULL;
}

LAMINA_LAYER(add, "1.0.0", "the sum of its inputs, elementwise", LAMINA_NOTHING, .infer = infer,
             .forward = forward, .backward = backward, .extension = extension);
