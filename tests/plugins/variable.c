/*
 * A test-only layer: y[n, :] = w whatever the input is, which makes a variable of a graph.
 */
#include <string.h>

#include <lamina/layer.h>

struct variable {
  int64_t units;
};

static const struct lamina_setting settings[] = {
    LAMINA_I64(struct variable, units, "1", "[1, 1000]", "elements of the variable"),
};

static int32_t infer(void *self, struct lamina_plan *plan)
{
  const struct variable *variable = self;
  const struct lamina_type *x = lamina_in(plan, 0);
  if (x == NULL) {
    return LAMINA_E_SHAPE;
  }
  const int64_t dims[2] = {x->dims[0], variable->units};
  struct lamina_type y = lamina_type_f32(2, dims);
  struct lamina_type w = lamina_type_f32(1, &dims[1]);
  LAMINA_TRY(
      lamina_weight(plan, 0, "value", "{constant: {value: 0.8}}", &w, 1, 1, LAMINA_WEIGHT_DECAY));
  return lamina_out(plan, 0, &y);
}

static int32_t forward(void *self, struct lamina_call *call)
{
  const struct lamina_view *w = lamina_get(call, LAMINA_WEIGHT, 0);
  const struct lamina_view *y = lamina_get(call, LAMINA_OUT, 0);
  const struct variable *variable = self;
  if (w == NULL || y == NULL) {
    return LAMINA_E_PLUGIN;
  }
  for (int64_t n = 0; n < y->type.dims[0]; n++) {
    memcpy((float *)y->data + n * variable->units, w->data,
           (size_t)variable->units * sizeof(float));
  }
  return LAMINA_OK;
}

static int32_t backward(void *self, struct lamina_call *call)
{
  const struct variable *variable = self;
  uint32_t request;
  const struct lamina_view *dw = lamina_grad(call, LAMINA_WEIGHT, 0, &request);
  const struct lamina_view *dy = lamina_grad(call, LAMINA_OUT, 0, NULL);
  for (int64_t i = 0; i < variable->units && request != LAMINA_SKIP; i++) {
    float sum = request == LAMINA_ADD ? ((float *)dw->data)[i] : 0.0f;
    for (int64_t n = 0; n < dy->type.dims[0]; n++) {
      sum += ((const float *)dy->data)[n * variable->units + i];
    }
    ((float *)dw->data)[i] = sum;
  }
  return LAMINA_OK;
}

LAMINA_LAYER(variable, "1.0.0", "a weight as an output", struct variable, LAMINA_SETTINGS(settings),
             .infer = infer, .forward = forward, .backward = backward);
