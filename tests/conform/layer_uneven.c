/*
 * A test-only elementwise layer, y = 2 x, whose function treats the first element of a run
 * otherwise.
 */
#include <lamina/pointwise.h>

static int32_t value(const void *self, struct lamina_call *call, const struct lamina_span *span)
{
  (void)self, (void)call;
  for (int64_t i = 0; i < span->count; i++) {
    span->to[i] = (i == 0 && span->first > 0 ? 2.0001f : 2.0f) * span->from[i];
  }
  return LAMINA_OK;
}

static int32_t gradient(const void *self, struct lamina_call *call, const struct lamina_span *span)
{
  (void)self, (void)call;
  for (int64_t i = 0; i < span->count; i++) {
    float part = 2.0f * span->from[i];
    span->to[i] = span->add ? span->to[i] + part : part;
  }
  return LAMINA_OK;
}

static const struct lamina_pointwise table = {
    .size = sizeof table, .reads = LAMINA_READS_NOTHING, .value = value, .gradient = gradient};

static int32_t infer(void *self, struct lamina_plan *plan)
{
  (void)self;
  return lamina_pointwise_infer(&table, plan);
}

static int32_t forward(void *self, struct lamina_call *call)
{
  return lamina_pointwise_forward(&table, self, call);
}

static int32_t backward(void *self, struct lamina_call *call)
{
  return lamina_pointwise_backward(&table, self, call);
}

static const void *extension(const char *id)
{
  return strcmp(id, LAMINA_POINTWISE_ID) == 0 ? &table : NULL;
}

LAMINA_LAYER(uneven, "1.0.0", "twice the input, nearly", LAMINA_NOTHING, .infer = infer,
             .forward = forward, .backward = backward, .extension = extension);
