/*
 * A convolution as a layer: its weights, its scratch, and which of the three products of
 * convolution.h each pass asks for.
 *
 * Shapes: x [N, (H,) W, C] or without C, y [N, (OH,) OW, K], W [(KH,) KW, C / groups, K], b [K].
 */
#include "layer.h"

#include <lamina/columns.h>

enum { WEIGHT = 0, BIAS = 1, AXES = 2 };
enum { ZEROS = 0, CIRCULAR = 1 };

int32_t lm_convolution_layer_setup(struct lm_convolution_layer *self, struct lamina_call *call,
                                   uint32_t axes)
{
  self->axes = axes;
  self->gemm = lamina_service(call, LAMINA_GEMM_ID);
  return self->gemm == NULL ? LAMINA_E_MISSING : lm_convolution_choose(call, &self->conv);
}

/* The convolution of an input of this type. */
static int32_t convolution_of(const struct lm_convolution_layer *self, struct lamina_call *call,
                              const struct lamina_type *x, struct lm_convolution *v)
{
  const struct lm_window_settings windows = {.kernel = self->kernel,
                                             .stride = self->stride,
                                             .padding = self->padding,
                                             .dilation = self->dilation,
                                             .same = self->same != 0};
  struct lm_window axes[AXES];
  LAMINA_TRY(lm_windows_infer(call, &windows, x, self->axes, axes));
  *v = (struct lm_convolution){.images = x->dims[0],
                               .h = self->axes == 1 ? lm_window_none() : axes[0],
                               .w = axes[self->axes - 1],
                               .c = lm_window_channels(x, self->axes),
                               .k = self->filters,
                               .groups = self->groups,
                               .circular = self->border == CIRCULAR,
                               .gemm = self->gemm,
                               .conv = self->conv};
  return lm_convolution_check(call, v);
}

int32_t lm_convolution_note(struct lamina_plan *plan, const struct lm_convolution *v, uint32_t axes,
                            bool bias)
{
  const char *more = bias ? " + 1" : "";
  const double in = (double)(v->h.in * v->w.in) * (double)v->c;
  const double out = (double)(v->h.out * v->w.out) * (double)v->k;
  char window[48] = "";
  if (axes == 2) {
    (void)snprintf(window, sizeof window, "%lld * ", (long long)v->h.kernel);
  }
  return lamina_notef(plan, LAMINA_NOTE_PARAMETERS,
                      "(%s%lld * %lld%s) * %lld; a dense layer: (%.0f%s) * %.0f = %.15g", window,
                      (long long)v->w.kernel, (long long)(v->c / v->groups), more, (long long)v->k,
                      in, more, out, (in + (bias ? 1.0 : 0.0)) * out);
}

static int32_t declare_weights(const struct lm_convolution_layer *self, struct lamina_plan *plan,
                               const struct lm_convolution *v)
{
  const int64_t shape[4] = {v->h.kernel, v->w.kernel, v->c / v->groups, v->k};
  const int64_t patch = lm_convolution_patch(v);
  const int64_t fan_out = v->h.kernel * v->w.kernel * (v->k / v->groups);
  struct lamina_type weight = lamina_type_f32(self->axes + 2, shape + AXES - self->axes);
  struct lamina_type bias = lamina_type_f32(1, &self->filters);
  LAMINA_TRY(
      lamina_weight(plan, WEIGHT, "weight", "he", &weight, patch, fan_out, LAMINA_WEIGHT_DECAY));
  LAMINA_TRY(lm_convolution_note(plan, v, self->axes, self->bias != 0));
  return self->bias
             ? lamina_weight(plan, BIAS, "bias", "{constant: {value: 0}}", &bias, patch, fan_out, 0)
             : LAMINA_OK;
}

static int32_t declare_scratch(const struct lm_convolution_layer *self, struct lamina_plan *plan,
                               const struct lm_convolution *v)
{
  struct lm_convolution_scratch forward, input, weight;
  lm_convolution_forward_scratch(v, &forward);
  lm_convolution_input_scratch(v, &input);
  lm_convolution_weight_scratch(v, &weight);
  /* The gradients are made one after the other, in the same memory. */
  uint64_t bias = self->bias ? lamina_columns_bytes(lm_convolution_pixels(v), v->k) : 0;
  uint64_t shared = weight.shared > input.shared ? weight.shared : input.shared;
  uint64_t lane = weight.lane > input.lane ? weight.lane : input.lane;
  LAMINA_TRY(lamina_plan_scratch(plan, LAMINA_FORWARD, forward.shared, forward.lane));
  return lamina_plan_scratch(plan, LAMINA_BACKWARD, bias > shared ? bias : shared, lane);
}

int32_t lm_convolution_layer_infer(void *instance, struct lamina_plan *plan)
{
  const struct lm_convolution_layer *self = instance;
  struct lm_convolution v;
  LAMINA_TRY(lamina_expect_inputs(plan, 1));
  const struct lamina_type *x = lamina_in_f32(plan, 0);
  if (x == NULL) {
    return LAMINA_E_SHAPE;
  }
  LAMINA_TRY(convolution_of(self, plan->call, x, &v));
  const int64_t image[4] = {v.images, v.h.out, v.w.out, v.k};
  const int64_t signal[3] = {v.images, v.w.out, v.k};
  const struct lm_window windows[AXES] = {v.h, v.w};
  struct lamina_type y = lamina_type_f32(self->axes + 2, self->axes == 1 ? signal : image);
  LAMINA_TRY(lamina_out(plan, 0, &y));
  LAMINA_TRY(lm_windows_note(plan, windows + AXES - self->axes, self->axes));
  LAMINA_TRY(declare_weights(self, plan, &v));
  LAMINA_TRY(declare_scratch(self, plan, &v));
  LAMINA_TRY(lamina_may_fuse(plan, LAMINA_FORWARD, 0));
  LAMINA_TRY(lamina_may_fuse(plan, LAMINA_BACKWARD, 0));
  LAMINA_TRY(lamina_bwd_reads(plan, LAMINA_IN, 0));
  return lamina_bwd_reads(plan, LAMINA_WEIGHT, WEIGHT);
}

int32_t lm_convolution_layer_forward(void *instance, struct lamina_call *call)
{
  const struct lm_convolution_layer *self = instance;
  const struct lamina_view *x = lamina_get(call, LAMINA_IN, 0);
  const struct lamina_view *y = lamina_get(call, LAMINA_OUT, 0);
  const struct lamina_view *w = lamina_get(call, LAMINA_WEIGHT, WEIGHT);
  const struct lamina_view *b = self->bias ? lamina_get(call, LAMINA_WEIGHT, BIAS) : w;
  struct lm_convolution v;
  if (x == NULL || y == NULL || w == NULL || b == NULL) {
    return LAMINA_E_PLUGIN;
  }
  LAMINA_TRY(convolution_of(self, call, &x->type, &v));
  return lm_convolution_forward(
      &v, call,
      &(struct lm_convolution_task){.x = x->data,
                                    .w = w->data,
                                    .b = self->bias ? b->data : NULL,
                                    .y = y->data,
                                    .request = LAMINA_WRITE,
                                    .epilogue = lamina_epilogue(call, LAMINA_OUT, 0)});
}

static int32_t input_gradient(const struct lm_convolution *v, struct lamina_call *call,
                              const struct lamina_view *dy)
{
  uint32_t request = LAMINA_SKIP;
  const struct lamina_view *dx = lamina_grad(call, LAMINA_IN, 0, &request);
  if (request == LAMINA_SKIP) {
    return LAMINA_OK;
  }
  const struct lamina_view *w = lamina_get(call, LAMINA_WEIGHT, WEIGHT);
  if (dx == NULL || w == NULL) {
    return LAMINA_E_PLUGIN;
  }
  return lm_convolution_input_gradient(
      v, call,
      &(struct lm_convolution_task){.w = w->data,
                                    .dy = dy->data,
                                    .dx = dx->data,
                                    .request = request,
                                    .epilogue = lamina_epilogue(call, LAMINA_IN, 0)});
}

static int32_t weight_gradient(const struct lm_convolution *v, struct lamina_call *call,
                               const struct lamina_view *dy)
{
  uint32_t request = LAMINA_SKIP;
  const struct lamina_view *dw = lamina_grad(call, LAMINA_WEIGHT, WEIGHT, &request);
  if (request == LAMINA_SKIP) {
    return LAMINA_OK;
  }
  const struct lamina_view *x = lamina_get(call, LAMINA_IN, 0);
  if (dw == NULL || x == NULL) {
    return LAMINA_E_PLUGIN;
  }
  return lm_convolution_weight_gradient(
      v, call,
      &(struct lm_convolution_task){
          .x = x->data, .dy = dy->data, .dw = dw->data, .request = request});
}

int32_t lm_convolution_layer_backward(void *instance, struct lamina_call *call)
{
  const struct lm_convolution_layer *self = instance;
  const struct lamina_view *dy = lamina_grad(call, LAMINA_OUT, 0, NULL);
  const struct lamina_view *x = lamina_get(call, LAMINA_IN, 0);
  struct lm_convolution v;
  if (dy == NULL || x == NULL) {
    return LAMINA_E_PLUGIN;
  }
  LAMINA_TRY(convolution_of(self, call, &x->type, &v));
  LAMINA_TRY(weight_gradient(&v, call, dy));
  LAMINA_TRY(input_gradient(&v, call, dy));
  return self->bias ? lamina_bias_gradient(call, dy, BIAS) : LAMINA_OK;
}
