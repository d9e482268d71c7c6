/*
 * conv_transpose2d: the transpose of conv2d as a linear map, which turns small images into larger
 * ones. Every pixel of x adds its multiple of the window to y. Zeiler et al.: "Deconvolutional
 * networks", CVPR 2010.
 *
 * In the words of plugins/layers/convolution, y is the image and x what a convolution makes of
 * it: y is the gradient of that image from x, dx the convolution of dy, and dW is as ever. The
 * bias is added as pieces of y are finished, before they are handed on.
 *
 * Shapes: x [N, H, W, C] or [N, H, W], y [N, OH, OW, K], W [KH, KW, K / groups, C], b [K].
 */
#include <lamina/columns.h>

#include <lamina/layer.h>

#include "convolution/bias.h"

enum { WEIGHT = 0, BIAS = 1, AXES = 2, MOST = 2147483647 };

struct conv_transpose2d {
  int64_t filters, groups;
  struct lamina_i64s kernel, stride, padding, dilation, output_padding;
  int32_t bias;
  const struct lamina_gemm *gemm;
  const struct lamina_conv *conv;
};

static const struct lamina_setting settings[] = {
    LAMINA_I64_REQUIRED(struct conv_transpose2d, filters, "[1, 2147483647]", "output channels, K"),
    LAMINA_I64S(struct conv_transpose2d, kernel, "3", "[1, 32767]",
                "size of the window, for both axes or for each"),
    LAMINA_I64S(struct conv_transpose2d, stride, "1", "[1, 32767]",
                "pixels of the output from one pixel of the input to the next"),
    LAMINA_I64S(struct conv_transpose2d, padding, "0", "[0, 32767]",
                "pixels taken away at all borders, at those of each axis, or at each border"),
    LAMINA_I64S(struct conv_transpose2d, output_padding, "0", "[0, 32767]",
                "pixels added at the bottom and the right, fewer than the stride"),
    LAMINA_I64S(struct conv_transpose2d, dilation, "1", "[1, 32767]",
                "distance of the window's positions"),
    LAMINA_I64(struct conv_transpose2d, groups, "1", "[1, 2147483647]",
               "groups of channels that do not see each other"),
    LAMINA_BOOL(struct conv_transpose2d, bias, "true", "whether b is added"),
};

static int32_t setup(void *instance, struct lamina_call *call)
{
  struct conv_transpose2d *self = instance;
  self->gemm = lamina_service(call, LAMINA_GEMM_ID);
  return self->gemm == NULL ? LAMINA_E_MISSING : lm_convolution_choose(call, &self->conv);
}

/* The window that leads from an axis of y (in) to an axis of x (out). */
static int32_t window_of(const struct conv_transpose2d *self, struct lamina_call *call,
                         uint32_t axis, int64_t size, struct lm_window *w)
{
  static const char *const names[] = {"height", "width"};
  int64_t more = lm_window_item(&self->output_padding, axis);
  *w = (struct lm_window){.out = size,
                          .kernel = lm_window_item(&self->kernel, axis),
                          .stride = lm_window_item(&self->stride, axis),
                          .dilation = lm_window_item(&self->dilation, axis)};
  LAMINA_TRY(lm_window_borders(call, &self->padding, AXES, axis, &w->before, &w->after));
  if (more >= w->stride) {
    return lamina_failf(call, LAMINA_E_INVALID,
                        "output_padding is %lld, and must be less than the stride, %lld",
                        (long long)more, (long long)w->stride);
  }
  if (size < 1 || size > MOST) {
    return lamina_failf(call, LAMINA_E_SHAPE, "the input has a %s of %lld, expected 1 to %d",
                        names[axis], (long long)size, MOST);
  }
  w->in = (size - 1) * w->stride - w->before - w->after + w->dilation * (w->kernel - 1) + 1 + more;
  if (w->in < 1 || w->in > MOST) {
    return lamina_failf(
        call, LAMINA_E_SHAPE,
        "the output would have a %s of (%lld - 1) * %lld - %lld + %lld + %lld = "
        "%lld, expected 1 to %d",
        names[axis], (long long)size, (long long)w->stride, (long long)(w->before + w->after),
        (long long)(w->dilation * (w->kernel - 1) + 1), (long long)more, (long long)w->in, MOST);
  }
  return LAMINA_OK;
}

/* The convolution that leads from y to an input of this type. */
static int32_t convolution_of(const struct conv_transpose2d *self, struct lamina_call *call,
                              const struct lamina_type *x, struct lm_convolution *v)
{
  LAMINA_TRY(lm_window_expect_image(call, x, AXES));
  LAMINA_TRY(lm_window_check_list(call, &self->kernel, "kernel", AXES));
  LAMINA_TRY(lm_window_check_list(call, &self->stride, "stride", AXES));
  LAMINA_TRY(lm_window_check_list(call, &self->dilation, "dilation", AXES));
  LAMINA_TRY(lm_window_check_list(call, &self->output_padding, "output_padding", AXES));
  *v = (struct lm_convolution){.images = x->dims[0],
                               .c = self->filters,
                               .k = lm_window_channels(x, AXES),
                               .groups = self->groups,
                               .gemm = self->gemm,
                               .conv = self->conv};
  LAMINA_TRY(window_of(self, call, 0, x->dims[1], &v->h));
  LAMINA_TRY(window_of(self, call, 1, x->dims[2], &v->w));
  if (v->k == 0) {
    return lamina_fail(call, LAMINA_E_SHAPE, "the input has no channels");
  }
  return lm_convolution_check(call, v);
}

static int32_t note_shape(struct lamina_plan *plan, const struct lm_convolution *v)
{
  char text[2][120];
  for (int i = 0; i < AXES; i++) {
    const struct lm_window *w = i == 0 ? &v->h : &v->w;
    int64_t reach = w->dilation * (w->kernel - 1) + 1, cut = w->before + w->after;
    int64_t more = w->in - ((w->out - 1) * w->stride + reach - cut);
    (void)snprintf(text[i], sizeof text[i], "(%lld - 1) * %lld + %lld - %lld + %lld = %lld",
                   (long long)w->out, (long long)w->stride, (long long)reach, (long long)cut,
                   (long long)more, (long long)w->in);
  }
  return lamina_notef(plan, LAMINA_NOTE_SHAPE, "%s, %s", text[0], text[1]);
}

/* Windows of how many pixels of x meet at a pixel of y, at most. */
static int64_t overlap(const struct lm_window *w)
{
  return (w->kernel + w->stride - 1) / w->stride;
}

static int32_t declare_weights(const struct conv_transpose2d *self, struct lamina_plan *plan,
                               const struct lm_convolution *v)
{
  const int64_t shape[4] = {v->h.kernel, v->w.kernel, v->c / v->groups, v->k};
  const int64_t fan_in = overlap(&v->h) * overlap(&v->w) * (v->k / v->groups);
  const int64_t fan_out = lm_convolution_patch(v);
  struct lamina_type weight = lamina_type_f32(4, shape);
  struct lamina_type bias = lamina_type_f32(1, &self->filters);
  char more[24] = "";
  if (self->bias) {
    (void)snprintf(more, sizeof more, "%lld", (long long)self->filters);
  }
  LAMINA_TRY(
      lamina_weight(plan, WEIGHT, "weight", "he", &weight, fan_in, fan_out, LAMINA_WEIGHT_DECAY));
  LAMINA_TRY(lamina_notef(plan, LAMINA_NOTE_PARAMETERS, "%lld * %lld * %lld * %lld%s%s",
                          (long long)shape[0], (long long)shape[1], (long long)shape[2],
                          (long long)shape[3], self->bias ? " + " : "", more));
  return self->bias ? lamina_weight(plan, BIAS, "bias", "{constant: {value: 0}}", &bias, fan_in,
                                    fan_out, 0)
                    : LAMINA_OK;
}

static int32_t declare_scratch(const struct conv_transpose2d *self, struct lamina_plan *plan,
                               const struct lm_convolution *v)
{
  struct lm_convolution_scratch forward, input, weight;
  lm_convolution_input_scratch(v, &forward);
  lm_convolution_forward_scratch(v, &input);
  lm_convolution_weight_scratch(v, &weight);
  /* The gradients are made one after the other, in the same memory. */
  uint64_t bias = self->bias ? lamina_columns_bytes(v->images * v->h.in * v->w.in, v->c) : 0;
  uint64_t shared = weight.shared > input.shared ? weight.shared : input.shared;
  uint64_t lane = weight.lane > input.lane ? weight.lane : input.lane;
  LAMINA_TRY(lamina_plan_scratch(plan, LAMINA_FORWARD, forward.shared, forward.lane));
  return lamina_plan_scratch(plan, LAMINA_BACKWARD, bias > shared ? bias : shared, lane);
}

static int32_t infer(void *instance, struct lamina_plan *plan)
{
  const struct conv_transpose2d *self = instance;
  struct lm_convolution v;
  LAMINA_TRY(lamina_expect_inputs(plan, 1));
  const struct lamina_type *x = lamina_in_f32(plan, 0);
  if (x == NULL) {
    return LAMINA_E_SHAPE;
  }
  LAMINA_TRY(convolution_of(self, plan->call, x, &v));
  const int64_t dims[4] = {v.images, v.h.in, v.w.in, v.c};
  struct lamina_type y = lamina_type_f32(4, dims);
  LAMINA_TRY(lamina_out(plan, 0, &y));
  LAMINA_TRY(note_shape(plan, &v));
  LAMINA_TRY(declare_weights(self, plan, &v));
  LAMINA_TRY(declare_scratch(self, plan, &v));
  LAMINA_TRY(lamina_may_fuse(plan, LAMINA_FORWARD, 0));
  LAMINA_TRY(lamina_may_fuse(plan, LAMINA_BACKWARD, 0));
  LAMINA_TRY(lamina_bwd_reads(plan, LAMINA_IN, 0));
  return lamina_bwd_reads(plan, LAMINA_WEIGHT, WEIGHT);
}

static int32_t forward(void *instance, struct lamina_call *call)
{
  const struct conv_transpose2d *self = instance;
  const struct lamina_view *x = lamina_get(call, LAMINA_IN, 0);
  const struct lamina_view *y = lamina_get(call, LAMINA_OUT, 0);
  const struct lamina_view *w = lamina_get(call, LAMINA_WEIGHT, WEIGHT);
  const struct lamina_view *b = self->bias ? lamina_get(call, LAMINA_WEIGHT, BIAS) : w;
  struct lm_convolution v;
  if (x == NULL || y == NULL || w == NULL || b == NULL) {
    return LAMINA_E_PLUGIN;
  }
  LAMINA_TRY(convolution_of(self, call, &x->type, &v));
  struct lm_bias_finish finish;
  const struct lamina_epilogue *next = lamina_epilogue(call, LAMINA_OUT, 0);
  const struct lamina_epilogue *whole = lm_bias_finish(&finish, b->data, y, next);
  return lm_convolution_input_gradient(
      &v, call,
      &(struct lm_convolution_task){.w = w->data,
                                    .dy = x->data,
                                    .dx = y->data,
                                    .request = LAMINA_WRITE,
                                    .epilogue = self->bias ? whole : next});
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
          .x = dy->data, .dy = x->data, .dw = dw->data, .request = request});
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
  return lm_convolution_forward(
      v, call,
      &(struct lm_convolution_task){.x = dy->data,
                                    .w = w->data,
                                    .y = dx->data,
                                    .request = request,
                                    .epilogue = lamina_epilogue(call, LAMINA_IN, 0)});
}

static int32_t backward(void *instance, struct lamina_call *call)
{
  const struct conv_transpose2d *self = instance;
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

LAMINA_LAYER(conv_transpose2d, "1.0.0", "transposed convolution of images, channels last",
             struct conv_transpose2d, LAMINA_SETTINGS(settings), .setup = setup, .infer = infer,
             .forward = forward, .backward = backward);
