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
#include <string.h>

#include <lamina/epilogue.h>
#include <lamina/span.h>

#include "normalization/batch.h"

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

/** One pass; it lies at the beginning of the shared scratch, and what it points to behind it. */
struct job {
  const struct batch_norm *self;
  struct lm_batch batch;
  const float *scale; /* [C]; NULL: 1 */
  float *y;
  struct lm_rows_gradient gradient;
  const struct lamina_epilogue *epilogue;
};

enum {
  JOB_BYTES = (sizeof(struct job) + LAMINA_ALIGNMENT - 1) / LAMINA_ALIGNMENT * LAMINA_ALIGNMENT
};

static int32_t infer(void *instance, struct lamina_plan *plan)
{
  const struct batch_norm *self = instance;
  const struct lamina_type *x = NULL;
  LAMINA_TRY(lm_rows_input(plan, &x));
  const int64_t c = lamina_type_columns(x);
  const uint64_t scratch = JOB_BYTES + lm_batch_bytes(lamina_type_rows(x), c);
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
                      .batch.blocks.rows = {.rows = lamina_type_rows(&x->type),
                                            .c = lamina_type_columns(&x->type),
                                            .x = x->data}};
  lm_batch_lay_out(&job->batch, (char *)job + JOB_BYTES);
  return LAMINA_OK;
}

/* ---- forward ---- */

/* Makes centre and inverse: of the batch, which the running ones follow, or the running ones. */
static int32_t measure(struct job *job, struct lamina_call *call)
{
  const struct lamina_view *mean = lamina_get(call, LAMINA_STATE, MEAN);
  const struct lamina_view *variance = lamina_get(call, LAMINA_STATE, VARIANCE);
  if (mean == NULL || variance == NULL) {
    return LAMINA_E_PLUGIN;
  }
  const struct lm_running running = {.mean = mean->data,
                                     .variance = variance->data,
                                     .momentum = job->self->momentum,
                                     .epsilon = job->self->epsilon};
  bool training = (lamina_mode(call) & LAMINA_MODE_TRAIN) != 0;
  (training ? lm_batch_measure : lm_batch_use_running)(&job->batch, &running);
  return LAMINA_OK;
}

static int32_t save(const struct job *job, struct lamina_call *call)
{
  const struct lamina_view *centre = lamina_get(call, LAMINA_SAVE, CENTRE);
  const struct lamina_view *inverse = lamina_get(call, LAMINA_SAVE, INVERSE);
  if (centre == NULL || inverse == NULL) {
    return LAMINA_E_PLUGIN;
  }
  memcpy(centre->data, job->batch.centre, (size_t)job->batch.blocks.rows.c * sizeof(float));
  memcpy(inverse->data, job->batch.inverse, (size_t)job->batch.blocks.rows.c * sizeof(float));
  return LAMINA_OK;
}

/* Factor and shift, when centre and inverse are there. */
static int32_t settle(struct job *job, struct lamina_call *call)
{
  int64_t c = job->batch.blocks.rows.c;
  const struct lamina_view *shift =
      job->self->affine ? lamina_get(call, LAMINA_WEIGHT, LM_SHIFT) : NULL;
  lm_rows_fold(job->batch.factor, job->batch.blocks.rows.inverse, job->scale, c);
  if (!job->self->affine) {
    lm_rows_fill(job->batch.shift, c, 0.0f);
  } else if (shift != NULL) {
    memcpy(job->batch.shift, shift->data, (size_t)c * sizeof(float));
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
  int64_t c = job->batch.blocks.rows.c;
  struct lm_rows part = lm_rows_part(&job->batch.blocks.rows, begin, end);
  (void)lane;
  lm_rows_normalize(&part, job->y + begin * c);
  return lamina_epilogue_apply(job->epilogue, begin * c, (end - begin) * c);
}

static int64_t rows_a_chunk(const struct job *job)
{
  return job->batch.blocks.rows.c >= CHUNK ? 1 : CHUNK / job->batch.blocks.rows.c;
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
      LAMINA_TRY(lm_blocks_each(&job->batch.blocks, call, lm_block_describe));
    }
  }
  LAMINA_TRY(measure(job, call));
  LAMINA_TRY(settle_forward(job, call));
  job->y = y->data;
  job->epilogue = lamina_epilogue(call, LAMINA_OUT, 0);
  return lamina_parallel_for(call, job->batch.blocks.rows.rows, rows_a_chunk(job), normalize_body,
                             job);
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
  job->batch.blocks.rows.centre = centre->data;
  job->batch.blocks.rows.inverse = inverse->data;
  job->batch.blocks.dy = dy->data;
  return settle(job, call);
}

/* Gives the sums of one kind out as the gradient of a weight. */
static int32_t give_weight(const struct job *job, struct lamina_call *call, const double *sums,
                           uint32_t weight)
{
  uint32_t request = LAMINA_SKIP;
  const struct lamina_view *gradient =
      job->self->affine ? lamina_grad(call, LAMINA_WEIGHT, weight, &request) : NULL;
  for (int64_t i = 0; i < job->batch.blocks.rows.c && request != LAMINA_SKIP; i++) {
    float *out = (float *)gradient->data + i;
    *out = request == LAMINA_ADD ? *out + (float)sums[i] : (float)sums[i];
  }
  return LAMINA_OK;
}

/* The gradients of the weights, and what dx needs of them. */
static int32_t finish_sums(struct job *job, struct lamina_call *call)
{
  lm_batch_average(&job->batch);
  LAMINA_TRY(give_weight(job, call, job->batch.mean, LM_SHIFT));
  return give_weight(job, call, job->batch.squares, LM_SCALE);
}

static int32_t propagate_body(void *arg, int64_t begin, int64_t end, uint32_t lane)
{
  const struct job *job = arg;
  int64_t c = job->batch.blocks.rows.c;
  struct lm_rows part = lm_rows_part(&job->batch.blocks.rows, begin, end);
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
  job->gradient = (struct lm_rows_gradient){.dy = job->batch.blocks.dy,
                                            .factor = job->batch.factor,
                                            .plain = training ? job->batch.plain : NULL,
                                            .normal = training ? job->batch.normal : NULL,
                                            .add = request == LAMINA_ADD,
                                            .dx = dx->data};
  job->epilogue = lamina_epilogue(call, LAMINA_IN, 0);
  return lamina_parallel_for(call, job->batch.blocks.rows.rows, rows_a_chunk(job), propagate_body,
                             job);
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
    LAMINA_TRY(sums ? lm_blocks_each(&job->batch.blocks, call, lm_block_add) : LAMINA_OK);
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
  LAMINA_TRY(measure(job, call));
  return settle_forward(job, call);
}

/* In evaluation's forward; and in the backward of a training, what forward made. */
static int32_t value(const void *self, struct lamina_call *call, const struct lamina_span *span)
{
  const struct job *job = find_job(call);
  (void)self;
  lm_rows_normalize_run(&job->batch.blocks.rows, span->first, span->count, span->from, span->to);
  return LAMINA_OK;
}

static int32_t prepare_look(const void *self, struct lamina_call *call, uint32_t pass)
{
  struct job *job = NULL;
  LAMINA_TRY(pass == LAMINA_FORWARD ? open_job(self, call, &job) : open_backward(self, call, &job));
  lm_blocks_expect(&job->batch.blocks);
  return LAMINA_OK;
}

static int32_t look_forward(const void *self, struct lamina_call *call,
                            const struct lamina_span *span)
{
  (void)self;
  lm_blocks_see(&find_job(call)->batch.blocks, span->first, span->count, lm_block_describe);
  return LAMINA_OK;
}

static int32_t look_backward(const void *self, struct lamina_call *call,
                             const struct lamina_span *span)
{
  (void)self;
  lm_blocks_see(&find_job(call)->batch.blocks, span->first, span->count, lm_block_add);
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
