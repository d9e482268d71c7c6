/*
 * @NAME@: y = gain x + shift along the last axis, with a gain and a shift for each feature: what
 * follows a normalization, or scales a residual branch (Touvron et al., "Going deeper with image
 * transformers", ICCV 2021).
 *
 *   dx = gain dy     dgain = sum over the rows of dy x     dshift = sum over the rows of dy
 *
 * Shapes: x and y [N, ..., D], gain and shift [D]; the R = N * ... rows are folded into one axis.
 * Rows are cut among the threads where each is written by one; the sums over rows are cut by
 * features instead, so that their order, and their bits, do not depend on the threads.
 *
 * SPDX-License-Identifier: MIT
 */
#define LAMINA_LICENSE "MIT"
#include <lamina/expect.h>
#include <lamina/layer.h>

enum { GAIN = 0, SHIFT = 1, ROWS_A_CHUNK = 64, FEATURES_A_CHUNK = 16 };

struct @NAME@ {
  int32_t shift, reserved;
};

/* The YAML keys: the host checks them and fills them in. */
static const struct lamina_setting settings[] = {
    LAMINA_BOOL(struct @NAME@, shift, "true", "whether the shift is added"),
};

/** What a loop works on. Rows and features (columns) are those of x. */
struct @NAME@_work {
  const float *x, *dy, *gain, *shift;
  float *to;
  int64_t rows, features;
  int32_t add, reserved;
};

/* Declares everything, for any batch size. What is not declared cannot be reached later. */
static int32_t infer(void *self, struct lamina_plan *plan)
{
  const struct @NAME@ *own = self;
  const struct lamina_type *x = lamina_in_f32(plan, 0);
  char text[LAMINA_SHAPE_TEXT];
  LAMINA_TRY(lamina_expect_inputs(plan, 1));
  if (x == NULL) {
    return LAMINA_E_SHAPE;
  }
  int64_t d = lamina_type_columns(x);
  if (x->rank < 2 || d == 0) {
    return lamina_failf(plan->call, LAMINA_E_SHAPE,
                        "the input is %s, and must be [N, ..., D] with D >= 1 features",
                        lamina_shape_text(x, text));
  }
  struct lamina_type each = lamina_type_f32(1, &d);
  LAMINA_TRY(lamina_out_like(plan, 0, x));
  LAMINA_TRY(lamina_weight(plan, GAIN, "gain", "{constant: {value: 1}}", &each, d, d, 0));
  if (own->shift) {
    LAMINA_TRY(lamina_weight(plan, SHIFT, "shift", "{constant: {value: 0}}", &each, d, d, 0));
  }
  LAMINA_TRY(
      lamina_notef(plan, LAMINA_NOTE_PARAMETERS, "%d * %lld", own->shift ? 2 : 1, (long long)d));
  LAMINA_TRY(lamina_bwd_reads(plan, LAMINA_IN, 0));
  LAMINA_TRY(lamina_bwd_reads(plan, LAMINA_WEIGHT, GAIN));
  return lamina_may_share(plan, LAMINA_BACKWARD, 0, 0);
}

static int32_t forward_rows(void *arg, int64_t begin, int64_t end, uint32_t lane)
{
  const struct @NAME@_work *work = arg;
  (void)lane;
  for (int64_t r = begin; r < end; r++) {
    const float *x = work->x + r * work->features;
    float *y = work->to + r * work->features;
    for (int64_t j = 0; j < work->features; j++) {
      y[j] = work->gain[j] * x[j] + (work->shift == NULL ? 0.0f : work->shift[j]);
    }
  }
  return LAMINA_OK;
}

static int32_t forward(void *self, struct lamina_call *call)
{
  const struct @NAME@ *own = self;
  const struct lamina_view *x = lamina_get(call, LAMINA_IN, 0);
  const struct lamina_view *y = lamina_get(call, LAMINA_OUT, 0);
  const struct lamina_view *gain = lamina_get(call, LAMINA_WEIGHT, GAIN);
  const struct lamina_view *shift = own->shift ? lamina_get(call, LAMINA_WEIGHT, SHIFT) : gain;
  if (x == NULL || y == NULL || gain == NULL || shift == NULL) {
    return LAMINA_E_PLUGIN;
  }
  struct @NAME@_work work = {.x = x->data,
                             .gain = gain->data,
                             .shift = own->shift ? shift->data : NULL,
                             .to = y->data,
                             .rows = lamina_type_rows(&x->type),
                             .features = lamina_type_columns(&x->type)};
  return lamina_parallel_for(call, work.rows, ROWS_A_CHUNK, forward_rows, &work);
}

/* dx, row by row. It may be the memory of dy, which is read first. */
static int32_t input_gradient_rows(void *arg, int64_t begin, int64_t end, uint32_t lane)
{
  const struct @NAME@_work *work = arg;
  (void)lane;
  for (int64_t r = begin; r < end; r++) {
    const float *dy = work->dy + r * work->features;
    float *dx = work->to + r * work->features;
    for (int64_t j = 0; j < work->features; j++) {
      dx[j] = (work->add ? dx[j] : 0.0f) + work->gain[j] * dy[j];
    }
  }
  return LAMINA_OK;
}

/* dgain, or dshift where x is NULL, feature by feature, summed in double. */
static int32_t weight_gradient_features(void *arg, int64_t begin, int64_t end, uint32_t lane)
{
  const struct @NAME@_work *work = arg;
  (void)lane;
  for (int64_t j = begin; j < end; j++) {
    double sum = work->add ? (double)work->to[j] : 0.0;
    for (int64_t r = 0; r < work->rows; r++) {
      int64_t at = r * work->features + j;
      sum += (double)work->dy[at] * (work->x == NULL ? 1.0 : (double)work->x[at]);
    }
    work->to[j] = (float)sum;
  }
  return LAMINA_OK;
}

/* One gradient, as it is asked for: not at all, written, or added to what is there. */
static int32_t gradient(struct lamina_call *call, uint32_t what, uint32_t index,
                        struct @NAME@_work work)
{
  uint32_t request = LAMINA_SKIP;
  const struct lamina_view *to = lamina_grad(call, what, index, &request);
  if (request == LAMINA_SKIP) {
    return LAMINA_OK;
  }
  if (to == NULL) {
    return LAMINA_E_PLUGIN;
  }
  work.to = to->data;
  work.add = request == LAMINA_ADD;
  if (what == LAMINA_IN) {
    return lamina_parallel_for(call, work.rows, ROWS_A_CHUNK, input_gradient_rows, &work);
  }
  work.x = index == GAIN ? work.x : NULL;
  return lamina_parallel_for(call, work.features, FEATURES_A_CHUNK, weight_gradient_features,
                             &work);
}

/* dx may overwrite dy, so it comes last. */
static int32_t backward(void *self, struct lamina_call *call)
{
  const struct @NAME@ *own = self;
  const struct lamina_view *x = lamina_get(call, LAMINA_IN, 0);
  const struct lamina_view *gain = lamina_get(call, LAMINA_WEIGHT, GAIN);
  const struct lamina_view *dy = lamina_grad(call, LAMINA_OUT, 0, NULL);
  if (x == NULL || gain == NULL || dy == NULL) {
    return LAMINA_E_PLUGIN;
  }
  struct @NAME@_work work = {.x = x->data,
                             .dy = dy->data,
                             .gain = gain->data,
                             .rows = lamina_type_rows(&x->type),
                             .features = lamina_type_columns(&x->type)};
  LAMINA_TRY(gradient(call, LAMINA_WEIGHT, GAIN, work));
  if (own->shift) {
    LAMINA_TRY(gradient(call, LAMINA_WEIGHT, SHIFT, work));
  }
  return gradient(call, LAMINA_IN, 0, work);
}

LAMINA_LAYER(@NAME@, "1.0.0", "a gain and a shift for each feature", struct @NAME@,
             LAMINA_SETTINGS(settings), .infer = infer, .forward = forward, .backward = backward);
