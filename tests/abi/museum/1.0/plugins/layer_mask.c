/* Drops half of the elements in training; the bits are drawn again in backward. In place. */
#include <lamina/layer.h>

enum { BITS = 0 };

static int32_t infer(void *self, struct lamina_plan *plan)
{
  (void)self;
  LAMINA_TRY(lamina_out_like(plan, 0, lamina_in(plan, 0)));
  LAMINA_TRY(lamina_random(plan, BITS));
  LAMINA_TRY(lamina_may_share(plan, LAMINA_FORWARD, 0, 0));
  return lamina_may_share(plan, LAMINA_BACKWARD, 0, 0);
}

static int32_t factor(struct lamina_call *call, int64_t i, float *out)
{
  uint32_t word = 1;
  *out = 1.0f;
  if ((lamina_mode(call) & LAMINA_MODE_TRAIN) == 0) {
    return LAMINA_OK;
  }
  LAMINA_TRY(lamina_random_u32(call, BITS, (uint64_t)i, 1, &word));
  *out = lamina_unit_f32(word) < 0.5f ? 0.0f : 2.0f;
  return LAMINA_OK;
}

static int32_t forward(void *self, struct lamina_call *call)
{
  const struct lamina_view *x = lamina_get(call, LAMINA_IN, 0);
  const struct lamina_view *y = lamina_get(call, LAMINA_OUT, 0);
  (void)self;
  if (x == NULL || y == NULL) {
    return LAMINA_E_PLUGIN;
  }
  for (int64_t i = 0; i < lamina_type_count(&x->type); i++) {
    float f;
    LAMINA_TRY(factor(call, i, &f));
    ((float *)y->data)[i] = f * ((const float *)x->data)[i];
  }
  return LAMINA_OK;
}

static int32_t backward(void *self, struct lamina_call *call)
{
  uint32_t request;
  const struct lamina_view *dy = lamina_grad(call, LAMINA_OUT, 0, NULL);
  const struct lamina_view *dx = lamina_grad(call, LAMINA_IN, 0, &request);
  (void)self;
  for (int64_t i = 0; request != LAMINA_SKIP && i < lamina_type_count(&dy->type); i++) {
    float f;
    float *to = (float *)dx->data + i;
    LAMINA_TRY(factor(call, i, &f));
    *to = (request == LAMINA_ADD ? *to : 0.0f) + f * ((const float *)dy->data)[i];
  }
  return LAMINA_OK;
}

static const void *extension(const char *id)
{
  (void)id;
  return NULL;
}

LAMINA_LAYER(mask, "1.0.0", "drops every other element", LAMINA_NOTHING, .infer = infer,
             .forward = forward, .backward = backward, .extension = extension);
