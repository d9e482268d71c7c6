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
 *
 * Other layers' loops do part of the work: outside of training the layer is elementwise and runs
 * in the loop of a convolution, say; in training it looks on there, and makes the sums of each
 * block when its last element has come. Either way they find the pass, as a struct job, at the
 * beginning of the shared scratch.
 */
#include <math.h>
#include <string.h>

#include <lamina/epilogue.h>
#include <lamina/span.h>

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

/** One pass; all of its memory lies in the shared scratch, and it lies before that. */
struct job {
  const struct batch_norm *self;
  struct lm_blocks blocks; /* the rows, and what their blocks come to */
  const float *scale;      /* [C]; NULL: 1 */
  float *centre, *inverse, *factor, *shift;
  float *plain, *normal;  /* [C]: as in struct lm_rows_gradient */
  double *mean, *squares; /* [C]: or sums of dy and of dy n */
  float *y;
  struct lm_rows_gradient gradient;
  const struct lamina_epilogue *epilogue;
};

enum { FLOAT_ROWS = 6, DOUBLE_ROWS = 2 }; /* of C numbers, in a job */

static uint64_t aligned(uint64_t bytes)
{
  return (bytes + LAMINA_ALIGNMENT - 1) / LAMINA_ALIGNMENT * LAMINA_ALIGNMENT;
}

static uint64_t scratch_bytes(int64_t rows, int64_t c)
{
  uint64_t blocks = (uint64_t)lm_blocks_of(rows);
  return aligned(sizeof(struct job)) + (FLOAT_ROWS + 2 * DOUBLE_ROWS) * lm_rows_bytes(c) +
         aligned(2 * blocks * (uint64_t)c * sizeof(float)) + blocks * sizeof(int64_t);
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
  if (self->affine) { /* to make y once more */
    LAMINA_TRY(lamina_bwd_reads(plan, LAMINA_WEIGHT, LM_SHIFT));
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

/* ---- the job ---- */

/* Deals the scratch out. */
static void lay_out(struct job *job, char *scratch)
{
  int64_t c = job->blocks.rows.c, blocks = lm_blocks_of(job->blocks.rows.rows);
  float *const first = (float *)(void *)(scratch + aligned(sizeof *job));
  float *rows[FLOAT_ROWS + 2 * DOUBLE_ROWS + 1];
  for (int i = 0; i <= FLOAT_ROWS + 2 * DOUBLE_ROWS; i++) {
    rows[i] = first + (uint64_t)i * (lm_rows_bytes(c) / sizeof *first);
  }
  job->centre = rows[0];
  job->inverse = rows[1];
  job->factor = rows[2];
  job->shift = rows[3];
  job->plain = rows[4];
  job->normal = rows[5];
  job->mean = (double *)(void *)rows[6];
  job->squares = (double *)(void *)rows[8];
  job->blocks.first = rows[10];
  job->blocks.second = job->blocks.first + blocks * c;
  job->blocks.missing = (int64_t *)(void *)((char *)job->blocks.first +
                                            aligned(2 * (uint64_t)(blocks * c) * sizeof(float)));
}

/* The job of this pass, which its observer may have begun. */
static struct job *find_job(struct lamina_call *call)
{
  return lamina_scratch(call, LAMINA_SHARED);
}

static int32_t open_job(const struct batch_norm *self, struct lamina_call *call, struct job **out)
{
  const struct lamina_view *x = lamina_get(call, LAMINA_IN, 0);
  const struct lamina_view *scale = self->affine ? lamina_get(call, LAMINA_WEIGHT, LM_SCALE) : x;
  struct job *job = *out = find_job(call);
  if (x == NULL || scale == NULL || job == NULL) {
    return LAMINA_E_PLUGIN;
  }
  *job = (struct job){.self = self,
                      .scale = self->affine ? scale->data : NULL,
                      .blocks.rows = {.rows = lamina_type_rows(&x->type),
                                      .c = lamina_type_columns(&x->type),
                                      .x = x->data}};
  lay_out(job, (char *)job);
  job->blocks.rows.centre = job->centre;
  job->blocks.rows.inverse = job->inverse;
  job->blocks.rows.factor = job->factor;
  job->blocks.rows.shift = job->shift;
  return LAMINA_OK;
}

/* ---- forward ---- */

/* Makes centre and inverse from the batch, and lets the running ones follow. */
static int32_t measure(struct job *job, struct lamina_call *call)
{
  const struct lamina_view *mean = lamina_get(call, LAMINA_STATE, MEAN);
  const struct lamina_view *variance = lamina_get(call, LAMINA_STATE, VARIANCE);
  double momentum = job->self->momentum, rows = (double)job->blocks.rows.rows;
  if (mean == NULL || variance == NULL) {
    return LAMINA_E_PLUGIN;
  }
  lm_blocks_join(&job->blocks, job->mean, job->squares);
  for (int64_t i = 0; i < job->blocks.rows.c && rows > 0.0; i++) {
    float *running_mean = (float *)mean->data + i;
    float *running_variance = (float *)variance->data + i;
    double unbiased = job->squares[i] / (rows > 1.0 ? rows - 1.0 : 1.0);
    job->centre[i] = (float)job->mean[i];
    job->inverse[i] = (float)(1.0 / sqrt(job->squares[i] / rows + job->self->epsilon));
    *running_mean = (float)((1.0 - momentum) * (double)*running_mean + momentum * job->mean[i]);
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
  for (int64_t i = 0; i < job->blocks.rows.c; i++) {
    job->centre[i] = ((const float *)mean->data)[i];
    double sigma = sqrt((double)((const float *)variance->data)[i] + job->self->epsilon);
    job->inverse[i] = (float)(1.0 / sigma);
  }
  return LAMINA_OK;
}

static int32_t save(const struct job *job, struct lamina_call *call)
{
  const struct lamina_view *centre = lamina_get(call, LAMINA_SAVE, CENTRE);
  const struct lamina_view *inverse = lamina_get(call, LAMINA_SAVE, INVERSE);
  if (centre == NULL || inverse == NULL) {
    return LAMINA_E_PLUGIN;
  }
  memcpy(centre->data, job->centre, (size_t)job->blocks.rows.c * sizeof(float));
  memcpy(inverse->data, job->inverse, (size_t)job->blocks.rows.c * sizeof(float));
  return LAMINA_OK;
}

/* Factor and shift, when centre and inverse are there. */
static int32_t settle(struct job *job, struct lamina_call *call)
{
  int64_t c = job->blocks.rows.c;
  const struct lamina_view *shift =
      job->self->affine ? lamina_get(call, LAMINA_WEIGHT, LM_SHIFT) : NULL;
  lm_rows_fold(job->factor, job->blocks.rows.inverse, job->scale, c);
  if (!job->self->affine) {
    lm_rows_fill(job->shift, c, 0.0f);
  } else if (shift != NULL) {
    memcpy(job->shift, shift->data, (size_t)c * sizeof(float));
  } else {
    return LAMINA_E_PLUGIN;
  }
  return LAMINA_OK;
}

/* Before the first row is normalized, in forward. */
static int32_t settle_forward(struct job *job, struct lamina_call *call)
{
  LAMINA_TRY(settle(job, call));
  return (lamina_mode(call) & LAMINA_MODE_KEEP) != 0 ? save(job, call) : LAMINA_OK;
}

static int32_t normalize_body(void *arg, int64_t begin, int64_t end, uint32_t lane)
{
  const struct job *job = arg;
  int64_t c = job->blocks.rows.c;
  struct lm_rows part = lm_rows_part(&job->blocks.rows, begin, end);
  (void)lane;
  lm_rows_normalize(&part, job->y + begin * c);
  return lamina_epilogue_apply(job->epilogue, begin * c, (end - begin) * c);
}

static int64_t rows_a_chunk(const struct job *job)
{
  return job->blocks.rows.c >= CHUNK ? 1 : CHUNK / job->blocks.rows.c;
}

static int32_t forward(void *instance, struct lamina_call *call)
{
  const struct lamina_view *y = lamina_get(call, LAMINA_OUT, 0);
  uint32_t mode = lamina_mode(call);
  struct job *job = find_job(call);
  if (y == NULL || job == NULL) {
    return LAMINA_E_PLUGIN;
  }
  if ((mode & LAMINA_MODE_OBSERVED) == 0) {
    LAMINA_TRY(open_job(instance, call, &job));
    if ((mode & LAMINA_MODE_TRAIN) != 0) {
      LAMINA_TRY(lm_blocks_each(&job->blocks, call, lm_block_describe));
    }
  }
  LAMINA_TRY((mode & LAMINA_MODE_TRAIN) != 0 ? measure(job, call) : use_running(job, call));
  LAMINA_TRY(settle_forward(job, call));
  job->y = y->data;
  job->epilogue = lamina_epilogue(call, LAMINA_OUT, 0);
  return lamina_parallel_for(call, job->blocks.rows.rows, rows_a_chunk(job), normalize_body, job);
}

/* ---- backward ---- */

static int32_t open_backward(const struct batch_norm *self, struct lamina_call *call,
                             struct job **out)
{
  const struct lamina_view *dy = lamina_grad(call, LAMINA_OUT, 0, NULL);
  const struct lamina_view *centre = lamina_get(call, LAMINA_SAVE, CENTRE);
  const struct lamina_view *inverse = lamina_get(call, LAMINA_SAVE, INVERSE);
  if (dy == NULL || centre == NULL || inverse == NULL) {
    return LAMINA_E_PLUGIN;
  }
  LAMINA_TRY(open_job(self, call, out));
  struct job *job = *out;
  job->blocks.rows.centre = centre->data;
  job->blocks.rows.inverse = inverse->data;
  job->blocks.dy = dy->data;
  return settle(job, call);
}

/* Gives the sums of one kind out as the gradient of a weight. */
static int32_t give_weight(const struct job *job, struct lamina_call *call, const double *sums,
                           uint32_t weight)
{
  uint32_t request = LAMINA_SKIP;
  const struct lamina_view *gradient =
      job->self->affine ? lamina_grad(call, LAMINA_WEIGHT, weight, &request) : NULL;
  for (int64_t i = 0; i < job->blocks.rows.c && request != LAMINA_SKIP; i++) {
    float *out = (float *)gradient->data + i;
    *out = request == LAMINA_ADD ? *out + (float)sums[i] : (float)sums[i];
  }
  return LAMINA_OK;
}

/* The gradients of the weights, and what dx needs of them. */
static int32_t finish_sums(struct job *job, struct lamina_call *call)
{
  const float *inverse = job->blocks.rows.inverse;
  double rows = (double)job->blocks.rows.rows;
  lm_blocks_sum(&job->blocks, job->blocks.first, job->mean);
  lm_blocks_sum(&job->blocks, job->blocks.second, job->squares);
  for (int64_t i = 0; i < job->blocks.rows.c && rows > 0.0; i++) {
    job->plain[i] = (float)(job->mean[i] / rows);
    job->normal[i] = (float)(job->squares[i] / rows * (double)inverse[i]);
  }
  LAMINA_TRY(give_weight(job, call, job->mean, LM_SHIFT));
  return give_weight(job, call, job->squares, LM_SCALE);
}

static int32_t propagate_body(void *arg, int64_t begin, int64_t end, uint32_t lane)
{
  const struct job *job = arg;
  int64_t c = job->blocks.rows.c;
  struct lm_rows part = lm_rows_part(&job->blocks.rows, begin, end);
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
  bool training = (lamina_mode(call) & LAMINA_MODE_TRAIN) != 0;
  job->gradient = (struct lm_rows_gradient){.dy = job->blocks.dy,
                                            .factor = job->factor,
                                            .plain = training ? job->plain : NULL,
                                            .normal = training ? job->normal : NULL,
                                            .add = request == LAMINA_ADD,
                                            .dx = dx->data};
  job->epilogue = lamina_epilogue(call, LAMINA_IN, 0);
  return lamina_parallel_for(call, job->blocks.rows.rows, rows_a_chunk(job), propagate_body, job);
}

/* Whether anybody asks for the sums: the weights, or in training dx. */
static bool needs_sums(const struct batch_norm *self, struct lamina_call *call)
{
  uint32_t requests[2] = {LAMINA_SKIP, LAMINA_SKIP};
  if (self->affine) {
    (void)lamina_grad(call, LAMINA_WEIGHT, LM_SCALE, &requests[0]);
    (void)lamina_grad(call, LAMINA_WEIGHT, LM_SHIFT, &requests[1]);
  }
  return (lamina_mode(call) & LAMINA_MODE_TRAIN) != 0 || requests[0] != LAMINA_SKIP ||
         requests[1] != LAMINA_SKIP;
}

static int32_t backward(void *instance, struct lamina_call *call)
{
  bool observed = (lamina_mode(call) & LAMINA_MODE_OBSERVED) != 0;
  bool sums = needs_sums(instance, call);
  struct job *job = find_job(call);
  if (job == NULL) {
    return LAMINA_E_PLUGIN;
  }
  if (!observed) {
    LAMINA_TRY(open_backward(instance, call, &job));
    LAMINA_TRY(sums ? lm_blocks_each(&job->blocks, call, lm_block_add) : LAMINA_OK);
  }
  LAMINA_TRY(sums ? finish_sums(job, call) : LAMINA_OK);
  return propagate(job, call);
}

/* ---- in the loops of other layers ---- */

static int32_t prepare_value(const void *self, struct lamina_call *call, uint32_t pass)
{
  struct job *job = NULL;
  (void)pass;
  LAMINA_TRY(open_job(self, call, &job));
  LAMINA_TRY(use_running(job, call));
  return settle_forward(job, call);
}

/* In evaluation's forward; and in the backward of a training, what forward made. */
static int32_t value(const void *self, struct lamina_call *call, const struct lamina_span *span)
{
  const struct job *job = find_job(call);
  (void)self;
  lm_rows_normalize_run(&job->blocks.rows, span->first, span->count, span->from, span->to);
  return LAMINA_OK;
}

static int32_t prepare_look(const void *self, struct lamina_call *call, uint32_t pass)
{
  struct job *job = NULL;
  LAMINA_TRY(pass == LAMINA_FORWARD ? open_job(self, call, &job) : open_backward(self, call, &job));
  lm_blocks_expect(&job->blocks);
  return LAMINA_OK;
}

static int32_t look_forward(const void *self, struct lamina_call *call,
                            const struct lamina_span *span)
{
  (void)self;
  lm_blocks_see(&find_job(call)->blocks, span->first, span->count, lm_block_describe);
  return LAMINA_OK;
}

static int32_t look_backward(const void *self, struct lamina_call *call,
                             const struct lamina_span *span)
{
  (void)self;
  lm_blocks_see(&find_job(call)->blocks, span->first, span->count, lm_block_add);
  return LAMINA_OK;
}

static const struct lamina_pointwise pointwise = {.size = sizeof pointwise,
                                                  .reads = LAMINA_READS_NOTHING,
                                                  .value = value,
                                                  .not_in = LAMINA_MODE_TRAIN,
                                                  .prepare = prepare_value};
static const struct lamina_observer observer = {.size = sizeof observer,
                                                .only_in = LAMINA_MODE_TRAIN,
                                                .prepare = prepare_look,
                                                .forward = look_forward,
                                                .backward = look_backward,
                                                .again = value};

static const void *extension(const char *id)
{
  if (strcmp(id, LAMINA_POINTWISE_ID) == 0) {
    return &pointwise;
  }
  return strcmp(id, LAMINA_OBSERVER_ID) == 0 ? &observer : NULL;
}

LAMINA_LAYER(batch_norm, "1.0.0", "normalizes each channel over the batch", struct batch_norm,
             LAMINA_SETTINGS(settings), .infer = infer, .forward = forward, .backward = backward,
             .extension = extension);
