/*
 * softmax: y_k = exp(x_k - m) / sum_j exp(x_j - m) along the last axis, m the row's largest x.
 *
 *   dx = y (dy - sum_k dy_k y_k)
 *
 * Shapes: x and y [N, ..., K]; the R = N * ... rows are independent. Backward reads only y, and
 * both passes read an element before they write it, so both may work in place.
 *
 * Infinite inputs give the limits: a row of -inf only is as flat as any row of equal numbers
 * (1 / K each), +inf takes everything. NaN makes its row NaN.
 */
#include <lamina/expect.h>
#include <lamina/layer.h>
#include <lamina/reduce.h>

enum { CHUNK = 8192 }; /* elements a chunk, about */

struct work {
  const float *x, *y, *dy;
  float *out;
  int64_t columns, add;
};

static int32_t infer(void *self, struct lamina_plan *plan)
{
  const struct lamina_type *x = lamina_in_f32(plan, 0);
  char text[LAMINA_SHAPE_TEXT];
  (void)self;
  LAMINA_TRY(lamina_expect_inputs(plan, 1));
  if (x == NULL) {
    return LAMINA_E_SHAPE;
  }
  if (x->rank < 2) {
    return lamina_failf(plan->call, LAMINA_E_SHAPE,
                        "the input is %s, and must be [N, ..., K]: the first axis is the batch",
                        lamina_shape_text(x, text));
  }
  LAMINA_TRY(lamina_out_like(plan, 0, x));
  LAMINA_TRY(lamina_bwd_reads(plan, LAMINA_OUT, 0));
  LAMINA_TRY(lamina_may_share(plan, LAMINA_FORWARD, 0, 0));
  return lamina_may_share(plan, LAMINA_BACKWARD, 0, 0);
}

static int64_t rows_a_chunk(int64_t columns)
{
  return columns < CHUNK ? CHUNK / (columns > 0 ? columns : 1) : 1;
}

LAMINA_CLONES
static void normalise_row(const float *x, float *y, int64_t columns)
{
  float most = lamina_max_f32(x, columns);
  LAMINA_INDEPENDENT
  for (int64_t j = 0; j < columns; j++) {
    /* inf - inf is not 0, so what equals the largest is compared. */
    y[j] = lamina_expf(lamina_selectf(x[j] == most, 0.0f, x[j] - most));
  }
  float scale = (float)(1.0 / lamina_sum_f32(y, columns));
  for (int64_t j = 0; j < columns; j++) {
    y[j] *= scale;
  }
}

static int32_t forward_rows(void *arg, int64_t begin, int64_t end, uint32_t lane)
{
  const struct work *work = arg;
  (void)lane;
  for (int64_t i = begin; i < end; i++) {
    normalise_row(work->x + i * work->columns, work->out + i * work->columns, work->columns);
  }
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
  struct work work = {.x = x->data, .out = y->data, .columns = lamina_type_columns(&x->type)};
  return lamina_parallel_for(call, lamina_type_rows(&x->type), rows_a_chunk(work.columns),
                             forward_rows, &work);
}

LAMINA_CLONES
static void row_gradient(const struct work *work, int64_t row)
{
  int64_t columns = work->columns;
  const float *y = work->y + row * columns, *dy = work->dy + row * columns;
  float *dx = work->out + row * columns;
  float mean = (float)lamina_dot_f32(dy, y, columns);
  if (work->add) {
    LAMINA_INDEPENDENT
    for (int64_t j = 0; j < columns; j++) {
      dx[j] += y[j] * (dy[j] - mean);
    }
  } else {
    LAMINA_INDEPENDENT
    for (int64_t j = 0; j < columns; j++) {
      dx[j] = y[j] * (dy[j] - mean);
    }
  }
}

static int32_t backward_rows(void *arg, int64_t begin, int64_t end, uint32_t lane)
{
  (void)lane;
  for (int64_t i = begin; i < end; i++) {
    row_gradient(arg, i);
  }
  return LAMINA_OK;
}

static int32_t backward(void *self, struct lamina_call *call)
{
  uint32_t request = LAMINA_SKIP;
  const struct lamina_view *dx = lamina_grad(call, LAMINA_IN, 0, &request);
  (void)self;
  if (request == LAMINA_SKIP) {
    return LAMINA_OK;
  }
  const struct lamina_view *y = lamina_get(call, LAMINA_OUT, 0);
  const struct lamina_view *dy = lamina_grad(call, LAMINA_OUT, 0, NULL);
  if (dx == NULL || y == NULL || dy == NULL) {
    return LAMINA_E_PLUGIN;
  }
  struct work work = {.y = y->data,
                      .dy = dy->data,
                      .out = dx->data,
                      .columns = lamina_type_columns(&dx->type),
                      .add = request == LAMINA_ADD};
  return lamina_parallel_for(call, lamina_type_rows(&dx->type), rows_a_chunk(work.columns),
                             backward_rows, &work);
}

LAMINA_LAYER(softmax, "1.0.0", "exp(x) / sum exp(x) along the last axis", LAMINA_NOTHING,
             .infer = infer, .forward = forward, .backward = backward);
