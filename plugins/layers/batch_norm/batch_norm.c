/*
 * batch_norm: y = scale (x - mean) / sqrt(variance + epsilon) + shift, channel by channel. Ioffe,
 * Szegedy: "Batch normalization: accelerating deep network training by reducing internal
 * covariate shift", ICML 2015.
 *
 * In training, mean and variance are those of the batch: over all R = N * ... rows of x
 * [N, ..., C]; the running ones follow by the given momentum, the variance unbiased. Otherwise
 * the running ones are used, and are constants in backward too. With n = (x - mean) / sigma,
 *
 *   dshift = the sum of dy     dscale = the sum of dy n
 *   dx = scale / sigma (dy - dshift / R - n dscale / R)     (training; else scale / sigma dy)
 *
 * Sums and variances are made block by block of rows, see normalization/blocks.h: nothing is lost
 * when the mean is large, and bits do not depend on threads.
 */
#include <math.h>
#include <string.h>

#include <lamina/epilogue.h>
#include <lamina/layer.h>

#include "normalization/blocks.h"

enum { MEAN = 0, VARIANCE = 1 };  /* states */
enum { CENTRE = 0, INVERSE = 1 }; /* saved: the mean and 1 / sigma that forward used */
enum { CHUNK = 1 << 14 };         /* elements */

struct batch_norm {
  double momentum, epsilon;
  int32_t affine;
};

static const struct lamina_setting settings[] = {
    LAMINA_F64_SCHEDULABLE(struct batch_norm, momentum, "0.1", "[0, 1]",
                           "share of a batch in the running mean and variance"),
    LAMINA_F64(struct batch_norm, epsilon, "1e-5", "(0, inf)", "added to the variance"),
    LAMINA_BOOL(struct batch_norm, affine, "true", "whether there are scale and shift"),
};

/** One pass over the rows. */
struct job {
  const struct batch_norm *self;
  struct lm_rows rows;
  float *centre, *inverse; /* [C]: those of rows, in forward */
  float *first, *second;   /* [blocks, C]: a block's sums */
  float *y;
  struct lm_rows_gradient gradient;
  const struct lamina_epilogue *epilogue;
};

/* Shared scratch of either pass: two rows of results, then two rows for each block. */
static uint64_t scratch_bytes(int64_t rows, int64_t c)
{
  return 2 * lm_rows_bytes(c) + 2 * (uint64_t)(lm_blocks_of(rows) * c) * sizeof(float);
}

static int32_t infer(void *instance, struct lamina_plan *plan)
{
  const struct batch_norm *self = instance;
  const struct lamina_type *x = NULL;
  LAMINA_TRY(lm_rows_input(plan, &x));
  const int64_t c = lamina_type_columns(x);
  const uint64_t scratch = scratch_bytes(lamina_type_rows(x), c);
  struct lamina_type row = lamina_type_f32(1, &c);
  LAMINA_TRY(lamina_out_like(plan, 0, x));
  LAMINA_TRY(lamina_state(plan, MEAN, "running_mean", &row, 0.0));
  LAMINA_TRY(lamina_state(plan, VARIANCE, "running_variance", &row, 1.0));
  if (self->affine) {
    LAMINA_TRY(lm_rows_weights(plan, c));
  }
  LAMINA_TRY(lamina_save(plan, CENTRE, &row));
  LAMINA_TRY(lamina_save(plan, INVERSE, &row));
  LAMINA_TRY(lamina_plan_scratch(plan, LAMINA_FORWARD, scratch, 0));
  LAMINA_TRY(lamina_plan_scratch(plan, LAMINA_BACKWARD, scratch, 0));
  LAMINA_TRY(lamina_may_fuse(plan, LAMINA_FORWARD, 0));
  LAMINA_TRY(lamina_may_fuse(plan, LAMINA_BACKWARD, 0));
  LAMINA_TRY(lamina_may_share(plan, LAMINA_BACKWARD, 0, 0));
  return lamina_bwd_reads(plan, LAMINA_IN, 0);
}

/* ---- mean and variance ---- */

/* Makes centre and inverse from the batch, and lets the running ones follow. */
static int32_t measure(struct job *job, struct lamina_call *call)
{
  const struct lamina_view *mean = lamina_get(call, LAMINA_STATE, MEAN);
  const struct lamina_view *variance = lamina_get(call, LAMINA_STATE, VARIANCE);
  double momentum = job->self->momentum, rows = (double)job->rows.rows;
  if (mean == NULL || variance == NULL) {
    return LAMINA_E_PLUGIN;
  }
  struct lm_blocks blocks = {.rows = job->rows, .first = job->first, .second = job->second};
  LAMINA_TRY(lm_blocks_describe(&blocks, call));
  for (int64_t i = 0; i < job->rows.c && job->rows.rows > 0; i++) {
    float *running_mean = (float *)mean->data + i;
    float *running_variance = (float *)variance->data + i;
    double centre, squares;
    lm_blocks_join(&blocks, i, &centre, &squares);
    double unbiased = squares / (job->rows.rows > 1 ? rows - 1.0 : 1.0);
    job->centre[i] = (float)centre;
    job->inverse[i] = (float)(1.0 / sqrt(squares / rows + job->self->epsilon));
    *running_mean = (float)((1.0 - momentum) * (double)*running_mean + momentum * centre);
    *running_variance = (float)((1.0 - momentum) * (double)*running_variance + momentum * unbiased);
  }
  return LAMINA_OK;
}

static int32_t use_running(struct job *job, struct lamina_call *call)
{
  const struct lamina_view *mean = lamina_get(call, LAMINA_STATE, MEAN);
  const struct lamina_view *variance = lamina_get(call, LAMINA_STATE, VARIANCE);
  if (mean == NULL || variance == NULL) {
    return LAMINA_E_PLUGIN;
  }
  for (int64_t i = 0; i < job->rows.c; i++) {
    job->centre[i] = ((const float *)mean->data)[i];
    double sigma = sqrt((double)((const float *)variance->data)[i] + job->self->epsilon);
    job->inverse[i] = (float)(1.0 / sigma);
  }
  return LAMINA_OK;
}

/* ---- forward ---- */

static int32_t normalize_body(void *arg, int64_t begin, int64_t end, uint32_t lane)
{
  const struct job *job = arg;
  int64_t c = job->rows.c;
  struct lm_rows part = lm_rows_part(&job->rows, begin, end);
  (void)lane;
  lm_rows_normalize(&part, job->y + begin * c);
  return lamina_epilogue_apply(job->epilogue, begin * c, (end - begin) * c);
}

static int64_t rows_a_chunk(const struct job *job)
{
  return job->rows.c >= CHUNK ? 1 : CHUNK / job->rows.c;
}

static struct job job_of(const struct batch_norm *self, const struct lamina_view *x,
                         const struct lamina_view *scale, const struct lamina_view *shift)
{
  return (struct job){.self = self,
                      .rows = {.rows = lamina_type_rows(&x->type),
                               .c = lamina_type_columns(&x->type),
                               .x = x->data,
                               .scale = self->affine ? scale->data : NULL,
                               .shift = self->affine ? shift->data : NULL}};
}

/* The rows of the shared scratch. */
static int32_t lay_out(struct job *job, struct lamina_call *call)
{
  char *scratch = lamina_scratch(call, LAMINA_SHARED);
  if (scratch == NULL) {
    return LAMINA_E_PLUGIN;
  }
  job->centre = (float *)(void *)scratch;
  job->inverse = (float *)(void *)(scratch + lm_rows_bytes(job->rows.c));
  job->first = (float *)(void *)(scratch + 2 * lm_rows_bytes(job->rows.c));
  job->second = job->first + lm_blocks_of(job->rows.rows) * job->rows.c;
  return LAMINA_OK;
}

static int32_t save(const struct job *job, struct lamina_call *call)
{
  const struct lamina_view *centre = lamina_get(call, LAMINA_SAVE, CENTRE);
  const struct lamina_view *inverse = lamina_get(call, LAMINA_SAVE, INVERSE);
  if (centre == NULL || inverse == NULL) {
    return LAMINA_E_PLUGIN;
  }
  memcpy(centre->data, job->centre, (size_t)job->rows.c * sizeof(float));
  memcpy(inverse->data, job->inverse, (size_t)job->rows.c * sizeof(float));
  return LAMINA_OK;
}

static int32_t forward(void *instance, struct lamina_call *call)
{
  const struct batch_norm *self = instance;
  const struct lamina_view *x = lamina_get(call, LAMINA_IN, 0);
  const struct lamina_view *y = lamina_get(call, LAMINA_OUT, 0);
  const struct lamina_view *scale = self->affine ? lamina_get(call, LAMINA_WEIGHT, LM_SCALE) : x;
  const struct lamina_view *shift = self->affine ? lamina_get(call, LAMINA_WEIGHT, LM_SHIFT) : x;
  if (x == NULL || y == NULL || scale == NULL || shift == NULL) {
    return LAMINA_E_PLUGIN;
  }
  struct job job = job_of(self, x, scale, shift);
  job.y = y->data;
  job.epilogue = lamina_epilogue(call, LAMINA_OUT, 0);
  LAMINA_TRY(lay_out(&job, call));
  if ((lamina_mode(call) & LAMINA_MODE_TRAIN) != 0) {
    LAMINA_TRY(measure(&job, call));
  } else {
    LAMINA_TRY(use_running(&job, call));
  }
  if ((lamina_mode(call) & LAMINA_MODE_KEEP) != 0) {
    LAMINA_TRY(save(&job, call));
  }
  job.rows.centre = job.centre;
  job.rows.inverse = job.inverse;
  return lamina_parallel_for(call, job.rows.rows, rows_a_chunk(&job), normalize_body, &job);
}

/* ---- backward ---- */

/* Sums the blocks of one kind: as the gradient of a weight, and, times scale / R, in the first
 * block's place for dx. */
static int32_t finish_sums(const struct job *job, struct lamina_call *call, float *sums,
                           uint32_t weight)
{
  uint32_t request = LAMINA_SKIP;
  const struct lamina_view *gradient =
      job->self->affine ? lamina_grad(call, LAMINA_WEIGHT, weight, &request) : NULL;
  for (int64_t i = 0; i < job->rows.c; i++) {
    double sum = lm_blocks_sum(&job->rows, sums, i);
    if (request != LAMINA_SKIP) {
      float *out = (float *)gradient->data + i;
      *out = request == LAMINA_ADD ? *out + (float)sum : (float)sum;
    }
    if (job->rows.rows > 0) {
      double scale = job->rows.scale == NULL ? 1.0 : (double)job->rows.scale[i];
      sums[i] = (float)(scale * sum / (double)job->rows.rows);
    }
  }
  return LAMINA_OK;
}

static int32_t propagate_body(void *arg, int64_t begin, int64_t end, uint32_t lane)
{
  const struct job *job = arg;
  int64_t c = job->rows.c;
  struct lm_rows part = lm_rows_part(&job->rows, begin, end);
  struct lm_rows_gradient gradient = job->gradient;
  (void)lane;
  gradient.dy += begin * c;
  gradient.dx += begin * c;
  lm_rows_propagate(&part, &gradient);
  return lamina_epilogue_apply(job->epilogue, begin * c, (end - begin) * c);
}

static int32_t propagate(struct job *job, struct lamina_call *call)
{
  uint32_t request = LAMINA_SKIP;
  const struct lamina_view *dx = lamina_grad(call, LAMINA_IN, 0, &request);
  if (request == LAMINA_SKIP) {
    return LAMINA_OK;
  }
  if (dx == NULL) {
    return LAMINA_E_PLUGIN;
  }
  int training = (lamina_mode(call) & LAMINA_MODE_TRAIN) != 0;
  job->gradient.dx = dx->data;
  job->gradient.add = request == LAMINA_ADD;
  job->gradient.plain = training ? job->first : NULL;
  job->gradient.normal = training ? job->second : NULL;
  job->epilogue = lamina_epilogue(call, LAMINA_IN, 0);
  return lamina_parallel_for(call, job->rows.rows, rows_a_chunk(job), propagate_body, job);
}

/* Whether anybody asks for the sums: the weights, or in training dx. */
static bool needs_sums(const struct job *job, struct lamina_call *call)
{
  uint32_t requests[2] = {LAMINA_SKIP, LAMINA_SKIP};
  if (job->self->affine) {
    (void)lamina_grad(call, LAMINA_WEIGHT, LM_SCALE, &requests[0]);
    (void)lamina_grad(call, LAMINA_WEIGHT, LM_SHIFT, &requests[1]);
  }
  return (lamina_mode(call) & LAMINA_MODE_TRAIN) != 0 || requests[0] != LAMINA_SKIP ||
         requests[1] != LAMINA_SKIP;
}

static int32_t backward(void *instance, struct lamina_call *call)
{
  const struct batch_norm *self = instance;
  const struct lamina_view *x = lamina_get(call, LAMINA_IN, 0);
  const struct lamina_view *dy = lamina_grad(call, LAMINA_OUT, 0, NULL);
  const struct lamina_view *scale = self->affine ? lamina_get(call, LAMINA_WEIGHT, LM_SCALE) : x;
  const struct lamina_view *centre = lamina_get(call, LAMINA_SAVE, CENTRE);
  const struct lamina_view *inverse = lamina_get(call, LAMINA_SAVE, INVERSE);
  if (x == NULL || dy == NULL || scale == NULL || centre == NULL || inverse == NULL) {
    return LAMINA_E_PLUGIN;
  }
  struct job job = job_of(self, x, scale, scale);
  LAMINA_TRY(lay_out(&job, call));
  job.rows.centre = centre->data;
  job.rows.inverse = inverse->data;
  job.gradient.dy = dy->data;
  if (needs_sums(&job, call)) {
    struct lm_blocks blocks = {job.rows, dy->data, job.first, job.second};
    LAMINA_TRY(lm_blocks_add(&blocks, call));
    LAMINA_TRY(finish_sums(&job, call, job.first, LM_SHIFT));
    LAMINA_TRY(finish_sums(&job, call, job.second, LM_SCALE));
  }
  return propagate(&job, call);
}

LAMINA_LAYER(batch_norm, "1.0.0", "normalizes each channel over the batch", struct batch_norm,
             LAMINA_SETTINGS(settings), .infer = infer, .forward = forward, .backward = backward);
