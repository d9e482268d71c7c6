/*
 * dense: y = x W + b along the last axis, the affine layer.
 *
 *   dx = dy W^T     dW = x^T dy     db = sum of the rows of dy
 *
 * Shapes: x [N, ..., D], y [N, ..., K], W [D, K], b [K]; the R = N * ... rows are folded into
 * one axis. The three products are tasks of the service "lamina.gemm/1", which adds the bias
 * while it writes y, and hands finished pieces of y and dx over to the layers fused into it.
 */
#include <lamina/columns.h>
#include <lamina/expect.h>
#include <lamina/gemm.h>
#include <lamina/layer.h>

enum { WEIGHT = 0, BIAS = 1 };

struct dense {
  int64_t units;
  int32_t bias;
  const struct lamina_gemm *gemm;
};

static const struct lamina_setting settings[] = {
    LAMINA_I64_REQUIRED(struct dense, units, "[1, 2147483647]", "outputs per row, K"),
    LAMINA_BOOL(struct dense, bias, "true", "whether b is added"),
};

static int32_t setup(void *instance, struct lamina_call *call)
{
  struct dense *self = instance;
  self->gemm = lamina_service(call, LAMINA_GEMM_ID);
  return self->gemm == NULL ? LAMINA_E_MISSING : LAMINA_OK;
}

static int32_t declare_weights(const struct dense *self, struct lamina_plan *plan, int64_t d)
{
  int64_t shape[2] = {d, self->units};
  struct lamina_type weight = lamina_type_f32(2, shape);
  struct lamina_type bias = lamina_type_f32(1, shape + 1);
  LAMINA_TRY(
      lamina_weight(plan, WEIGHT, "weight", "he", &weight, d, self->units, LAMINA_WEIGHT_DECAY));
  if (!self->bias) {
    return lamina_notef(plan, LAMINA_NOTE_PARAMETERS, "%lld * %lld", (long long)d,
                        (long long)self->units);
  }
  LAMINA_TRY(lamina_weight(plan, BIAS, "bias", "{constant: {value: 0}}", &bias, d, self->units, 0));
  return lamina_notef(plan, LAMINA_NOTE_PARAMETERS, "%lld * %lld + %lld", (long long)d,
                      (long long)self->units, (long long)self->units);
}

static int32_t declare_scratch(const struct dense *self, struct lamina_plan *plan, int64_t rows,
                               int64_t d)
{
  struct lamina_gemm_scratch forward, weight, input;
  const struct lamina_gemm *gemm = self->gemm;
  gemm->scratch(gemm->self, rows, self->units, d, &forward);
  gemm->scratch(gemm->self, d, self->units, rows, &weight);
  gemm->scratch(gemm->self, rows, d, self->units, &input);
  LAMINA_TRY(lamina_plan_scratch(plan, LAMINA_FORWARD, forward.shared, forward.per_lane));
  /* The gradients are made one after the other, in the same memory. */
  uint64_t bias = self->bias ? lamina_columns_bytes(rows, self->units) : 0;
  uint64_t shared = weight.shared > input.shared ? weight.shared : input.shared;
  uint64_t lane = weight.per_lane > input.per_lane ? weight.per_lane : input.per_lane;
  return lamina_plan_scratch(plan, LAMINA_BACKWARD, bias > shared ? bias : shared, lane);
}

static int32_t infer(void *instance, struct lamina_plan *plan)
{
  const struct dense *self = instance;
  const struct lamina_type *x = lamina_in_f32(plan, 0);
  char text[LAMINA_SHAPE_TEXT];
  int64_t dims[LAMINA_MAX_RANK];
  LAMINA_TRY(lamina_expect_inputs(plan, 1));
  if (x == NULL) {
    return LAMINA_E_SHAPE;
  }
  int64_t rows = lamina_type_rows(x), d = lamina_type_columns(x);
  if (x->rank < 2 || d == 0) {
    return lamina_failf(plan->call, LAMINA_E_SHAPE,
                        "the input is %s, and must be [N, ..., D] with D >= 1 features",
                        lamina_shape_text(x, text));
  }
  if ((rows > d ? rows : d) > INT64_MAX / (int64_t)sizeof(float) / self->units) {
    return lamina_failf(plan->call, LAMINA_E_SHAPE, "%lld units are too many for an input %s",
                        (long long)self->units, lamina_shape_text(x, text));
  }
  for (uint32_t i = 0; i < x->rank; i++) {
    dims[i] = i + 1 < x->rank ? x->dims[i] : self->units;
  }
  struct lamina_type y = lamina_type_f32(x->rank, dims);
  LAMINA_TRY(lamina_out(plan, 0, &y));
  LAMINA_TRY(declare_weights(self, plan, d));
  LAMINA_TRY(declare_scratch(self, plan, rows, d));
  LAMINA_TRY(lamina_may_fuse(plan, LAMINA_FORWARD, 0));
  LAMINA_TRY(lamina_may_fuse(plan, LAMINA_BACKWARD, 0));
  LAMINA_TRY(lamina_bwd_reads(plan, LAMINA_IN, 0));
  return lamina_bwd_reads(plan, LAMINA_WEIGHT, WEIGHT);
}

static int32_t forward(void *instance, struct lamina_call *call)
{
  const struct dense *self = instance;
  const struct lamina_view *x = lamina_get(call, LAMINA_IN, 0);
  const struct lamina_view *y = lamina_get(call, LAMINA_OUT, 0);
  const struct lamina_view *w = lamina_get(call, LAMINA_WEIGHT, WEIGHT);
  const struct lamina_view *b = self->bias ? lamina_get(call, LAMINA_WEIGHT, BIAS) : w;
  if (x == NULL || y == NULL || w == NULL || b == NULL) {
    return LAMINA_E_PLUGIN;
  }
  int64_t d = lamina_type_columns(&x->type), k = self->units;
  struct lamina_gemm_task task = {.size = (uint32_t)sizeof task,
                                  .m = lamina_type_rows(&x->type),
                                  .n = k,
                                  .k = d,
                                  .a = x->data,
                                  .a_row = d,
                                  .a_column = 1,
                                  .b = w->data,
                                  .b_row = k,
                                  .b_column = 1,
                                  .c = y->data,
                                  .c_row = k,
                                  .bias = self->bias ? b->data : NULL,
                                  .epilogue = lamina_epilogue(call, LAMINA_OUT, 0)};
  return self->gemm->run(self->gemm->self, call, &task);
}

/* Runs a task of the backward pass. */
static int32_t multiply(const struct dense *self, struct lamina_call *call, uint32_t request,
                        struct lamina_gemm_task *task)
{
  task->size = (uint32_t)sizeof *task;
  task->flags = request == LAMINA_ADD ? LAMINA_GEMM_ADD : 0;
  return self->gemm->run(self->gemm->self, call, task);
}

static int32_t input_gradient(const struct dense *self, struct lamina_call *call,
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
  int64_t rows = lamina_type_rows(&dx->type), d = lamina_type_columns(&dx->type), k = self->units;
  struct lamina_gemm_task task = {.m = rows,
                                  .n = d,
                                  .k = k,
                                  .a = dy->data,
                                  .a_row = k,
                                  .a_column = 1,
                                  .b = w->data,
                                  .b_row = 1,
                                  .b_column = k,
                                  .c = dx->data,
                                  .c_row = d,
                                  .epilogue = lamina_epilogue(call, LAMINA_IN, 0)};
  return multiply(self, call, request, &task);
}

static int32_t weight_gradient(const struct dense *self, struct lamina_call *call,
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
  int64_t rows = lamina_type_rows(&x->type), d = lamina_type_columns(&x->type), k = self->units;
  struct lamina_gemm_task task = {.m = d,
                                  .n = k,
                                  .k = rows,
                                  .a = x->data,
                                  .a_row = 1,
                                  .a_column = d,
                                  .b = dy->data,
                                  .b_row = k,
                                  .b_column = 1,
                                  .c = dw->data,
                                  .c_row = k};
  return multiply(self, call, request, &task);
}

static int32_t backward(void *instance, struct lamina_call *call)
{
  const struct dense *self = instance;
  const struct lamina_view *dy = lamina_grad(call, LAMINA_OUT, 0, NULL);
  if (dy == NULL) {
    return LAMINA_E_PLUGIN;
  }
  LAMINA_TRY(weight_gradient(self, call, dy));
  LAMINA_TRY(input_gradient(self, call, dy));
  return self->bias ? lamina_bias_gradient(call, dy, BIAS) : LAMINA_OK;
}

LAMINA_LAYER(dense, "1.0.0", "x W + b along the last axis", struct dense, LAMINA_SETTINGS(settings),
             .setup = setup, .infer = infer, .forward = forward, .backward = backward);
