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
 * Rows are taken in blocks of fixed size. Each block makes its mean and its sum of squared
 * distances from it, in two passes while the block is in the cache; blocks are joined in their
 * order by Chan, Golub, LeVeque: "Updating formulae and a pairwise algorithm for computing sample
 * variances", 1979. So nothing is lost when the mean is large, at any number of threads.
 */
#include <math.h>
#include <string.h>

#include <lamina/epilogue.h>
#include <lamina/expect.h>
#include <lamina/layer.h>
#include <lamina/math.h>

enum { SCALE = 0, SHIFT = 1 };
enum { MEAN = 0, VARIANCE = 1 };       /* states */
enum { CENTRE = 0, INVERSE = 1 };      /* saved: the mean and 1 / sigma that forward used */
enum { BLOCK = 128, CHUNK = 1 << 14 }; /* rows; elements */

struct batch_norm {
  double momentum, epsilon;
  int32_t affine;
};

static const struct lamina_setting settings[] = {
    LAMINA_F64(struct batch_norm, momentum, "0.1", "[0, 1]",
               "share of a batch in the running mean and variance"),
    LAMINA_F64(struct batch_norm, epsilon, "1e-5", "(0, inf)", "added to the variance"),
    LAMINA_BOOL(struct batch_norm, affine, "true", "whether there are scale and shift"),
};

/** One pass over the rows. */
struct job {
  const struct batch_norm *self;
  int64_t rows, c;
  const float *x, *dy;
  const float *scale, *shift; /* NULL: 1 and 0 */
  float *centre, *inverse;    /* [C] */
  float *first, *second;      /* [blocks, C]: a block's sums */
  float *y, *dx;
  const float *dshift, *dscale; /* [C]: sums of the whole batch, over R; NULL: constants */
  uint32_t add;
  const struct lamina_epilogue *epilogue;
};

static int64_t blocks_of(int64_t rows)
{
  return (rows + BLOCK - 1) / BLOCK;
}

static uint64_t row_bytes(int64_t c)
{
  uint64_t bytes = (uint64_t)c * sizeof(float);
  return (bytes + LAMINA_ALIGNMENT - 1) / LAMINA_ALIGNMENT * LAMINA_ALIGNMENT;
}

/* Shared scratch of either pass: two rows of results, then two rows for each block. */
static uint64_t scratch_bytes(int64_t rows, int64_t c)
{
  return 2 * row_bytes(c) + 2 * (uint64_t)(blocks_of(rows) * c) * sizeof(float);
}

static int32_t declare_weights(const struct batch_norm *self, struct lamina_plan *plan,
                               const struct lamina_type *row)
{
  const int64_t c = row->dims[0];
  LAMINA_TRY(lamina_state(plan, MEAN, "running_mean", row, 0.0));
  LAMINA_TRY(lamina_state(plan, VARIANCE, "running_variance", row, 1.0));
  if (!self->affine) {
    return LAMINA_OK;
  }
  LAMINA_TRY(lamina_weight(plan, SCALE, "scale", "{constant: {value: 1}}", row, c, c, 0));
  LAMINA_TRY(lamina_weight(plan, SHIFT, "shift", "{constant: {value: 0}}", row, c, c, 0));
  LAMINA_TRY(lamina_bwd_reads(plan, LAMINA_WEIGHT, SCALE));
  return lamina_notef(plan, LAMINA_NOTE_PARAMETERS, "%lld + %lld", (long long)c, (long long)c);
}

static int32_t infer(void *instance, struct lamina_plan *plan)
{
  const struct batch_norm *self = instance;
  char text[LAMINA_SHAPE_TEXT];
  LAMINA_TRY(lamina_expect_inputs(plan, 1));
  const struct lamina_type *x = lamina_in_f32(plan, 0);
  if (x == NULL) {
    return LAMINA_E_SHAPE;
  }
  if (x->rank < 2 || lamina_type_columns(x) == 0) {
    return lamina_failf(plan->call, LAMINA_E_SHAPE,
                        "the input is %s, and must be [N, ..., C] with C >= 1 channels",
                        lamina_shape_text(x, text));
  }
  const int64_t c = lamina_type_columns(x);
  const uint64_t scratch = scratch_bytes(lamina_type_rows(x), c);
  struct lamina_type row = lamina_type_f32(1, &c);
  LAMINA_TRY(lamina_out_like(plan, 0, x));
  LAMINA_TRY(declare_weights(self, plan, &row));
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

LAMINA_CLONES
static void describe_block(const struct job *job, int64_t block)
{
  int64_t begin = block * BLOCK, c = job->c;
  int64_t rows = job->rows - begin < BLOCK ? job->rows - begin : BLOCK;
  const float *x = job->x + begin * c;
  float *mean = job->first + block * c, *squares = job->second + block * c;
  float share = 1.0f / (float)rows;
  memset(mean, 0, (size_t)c * sizeof *mean);
  memset(squares, 0, (size_t)c * sizeof *squares);
  for (int64_t r = 0; r < rows; r++) {
    LAMINA_INDEPENDENT
    for (int64_t i = 0; i < c; i++) {
      mean[i] += x[r * c + i];
    }
  }
  LAMINA_INDEPENDENT
  for (int64_t i = 0; i < c; i++) {
    mean[i] *= share;
  }
  for (int64_t r = 0; r < rows; r++) {
    LAMINA_INDEPENDENT
    for (int64_t i = 0; i < c; i++) {
      float distance = x[r * c + i] - mean[i];
      squares[i] += distance * distance;
    }
  }
}

static int32_t describe_blocks(void *arg, int64_t begin, int64_t end, uint32_t lane)
{
  (void)lane;
  for (int64_t block = begin; block < end; block++) {
    describe_block(arg, block);
  }
  return LAMINA_OK;
}

/* Joins the blocks of a channel: its mean, and the sum of squared distances from it. */
static void join_blocks(const struct job *job, int64_t i, double *mean, double *squares)
{
  double count = 0.0;
  *mean = *squares = 0.0;
  for (int64_t block = 0; block < blocks_of(job->rows); block++) {
    int64_t left = job->rows - block * BLOCK;
    double rows = (double)(left < BLOCK ? left : BLOCK);
    double apart = (double)job->first[block * job->c + i] - *mean;
    *mean += apart * rows / (count + rows);
    *squares +=
        (double)job->second[block * job->c + i] + apart * apart * count * rows / (count + rows);
    count += rows;
  }
}

/* Makes centre and inverse from the batch, and lets the running ones follow. */
static int32_t measure(struct job *job, struct lamina_call *call)
{
  const struct lamina_view *mean = lamina_get(call, LAMINA_STATE, MEAN);
  const struct lamina_view *variance = lamina_get(call, LAMINA_STATE, VARIANCE);
  double momentum = job->self->momentum, rows = (double)job->rows;
  if (mean == NULL || variance == NULL) {
    return LAMINA_E_PLUGIN;
  }
  LAMINA_TRY(lamina_parallel_for(call, blocks_of(job->rows), 1, describe_blocks, job));
  for (int64_t i = 0; i < job->c && job->rows > 0; i++) {
    float *running_mean = (float *)mean->data + i;
    float *running_variance = (float *)variance->data + i;
    double centre, squares;
    join_blocks(job, i, &centre, &squares);
    double unbiased = squares / (job->rows > 1 ? rows - 1.0 : 1.0);
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
  for (int64_t i = 0; i < job->c; i++) {
    job->centre[i] = ((const float *)mean->data)[i];
    double sigma = sqrt((double)((const float *)variance->data)[i] + job->self->epsilon);
    job->inverse[i] = (float)(1.0 / sigma);
  }
  return LAMINA_OK;
}

/* ---- forward ---- */

LAMINA_CLONES
static void normalize_rows(const struct job *job, int64_t begin, int64_t end)
{
  const float *centre = job->centre, *inverse = job->inverse;
  const float *scale = job->scale, *shift = job->shift;
  for (int64_t r = begin; r < end; r++) {
    const float *x = job->x + r * job->c;
    float *y = job->y + r * job->c;
    if (scale == NULL) {
      LAMINA_INDEPENDENT
      for (int64_t i = 0; i < job->c; i++) {
        y[i] = (x[i] - centre[i]) * inverse[i];
      }
    } else {
      LAMINA_INDEPENDENT
      for (int64_t i = 0; i < job->c; i++) {
        y[i] = (x[i] - centre[i]) * inverse[i] * scale[i] + shift[i];
      }
    }
  }
}

static int32_t normalize_body(void *arg, int64_t begin, int64_t end, uint32_t lane)
{
  const struct job *job = arg;
  (void)lane;
  normalize_rows(job, begin, end);
  return lamina_epilogue_apply(job->epilogue, begin * job->c, (end - begin) * job->c);
}

static int64_t rows_a_chunk(const struct job *job)
{
  return job->c >= CHUNK ? 1 : CHUNK / job->c;
}

/* The rows of the shared scratch. */
static int32_t lay_out(struct job *job, struct lamina_call *call)
{
  char *scratch = lamina_scratch(call, LAMINA_SHARED);
  if (scratch == NULL) {
    return LAMINA_E_PLUGIN;
  }
  job->centre = (float *)(void *)scratch;
  job->inverse = (float *)(void *)(scratch + row_bytes(job->c));
  job->first = (float *)(void *)(scratch + 2 * row_bytes(job->c));
  job->second = job->first + blocks_of(job->rows) * job->c;
  return LAMINA_OK;
}

static int32_t save(const struct job *job, struct lamina_call *call)
{
  const struct lamina_view *centre = lamina_get(call, LAMINA_SAVE, CENTRE);
  const struct lamina_view *inverse = lamina_get(call, LAMINA_SAVE, INVERSE);
  if (centre == NULL || inverse == NULL) {
    return LAMINA_E_PLUGIN;
  }
  memcpy(centre->data, job->centre, (size_t)job->c * sizeof(float));
  memcpy(inverse->data, job->inverse, (size_t)job->c * sizeof(float));
  return LAMINA_OK;
}

static int32_t forward(void *instance, struct lamina_call *call)
{
  const struct batch_norm *self = instance;
  const struct lamina_view *x = lamina_get(call, LAMINA_IN, 0);
  const struct lamina_view *y = lamina_get(call, LAMINA_OUT, 0);
  const struct lamina_view *scale = self->affine ? lamina_get(call, LAMINA_WEIGHT, SCALE) : x;
  const struct lamina_view *shift = self->affine ? lamina_get(call, LAMINA_WEIGHT, SHIFT) : x;
  if (x == NULL || y == NULL || scale == NULL || shift == NULL) {
    return LAMINA_E_PLUGIN;
  }
  struct job job = {.self = self,
                    .rows = lamina_type_rows(&x->type),
                    .c = lamina_type_columns(&x->type),
                    .x = x->data,
                    .y = y->data,
                    .scale = self->affine ? scale->data : NULL,
                    .shift = self->affine ? shift->data : NULL,
                    .epilogue = lamina_epilogue(call, LAMINA_OUT, 0)};
  LAMINA_TRY(lay_out(&job, call));
  if ((lamina_mode(call) & LAMINA_MODE_TRAIN) != 0) {
    LAMINA_TRY(measure(&job, call));
  } else {
    LAMINA_TRY(use_running(&job, call));
  }
  if ((lamina_mode(call) & LAMINA_MODE_KEEP) != 0) {
    LAMINA_TRY(save(&job, call));
  }
  return lamina_parallel_for(call, job.rows, rows_a_chunk(&job), normalize_body, &job);
}

/* ---- backward ---- */

LAMINA_CLONES
static void sum_block(const struct job *job, int64_t block)
{
  int64_t begin = block * BLOCK, c = job->c;
  int64_t rows = job->rows - begin < BLOCK ? job->rows - begin : BLOCK;
  const float *centre = job->centre, *inverse = job->inverse;
  float *plain = job->first + block * c, *normal = job->second + block * c;
  memset(plain, 0, (size_t)c * sizeof *plain);
  memset(normal, 0, (size_t)c * sizeof *normal);
  for (int64_t r = begin; r < begin + rows; r++) {
    const float *x = job->x + r * c, *dy = job->dy + r * c;
    LAMINA_INDEPENDENT
    for (int64_t i = 0; i < c; i++) {
      plain[i] += dy[i];
      normal[i] += dy[i] * ((x[i] - centre[i]) * inverse[i]);
    }
  }
}

static int32_t sum_blocks(void *arg, int64_t begin, int64_t end, uint32_t lane)
{
  (void)lane;
  for (int64_t block = begin; block < end; block++) {
    sum_block(arg, block);
  }
  return LAMINA_OK;
}

/* Sums the blocks of one kind into the first of them; as the gradient of a weight, too. */
static int32_t finish_sums(const struct job *job, struct lamina_call *call, float *sums,
                           uint32_t weight)
{
  uint32_t request = LAMINA_SKIP;
  const struct lamina_view *gradient =
      job->self->affine ? lamina_grad(call, LAMINA_WEIGHT, weight, &request) : NULL;
  for (int64_t i = 0; i < job->c; i++) {
    double sum = 0.0;
    for (int64_t block = 0; block < blocks_of(job->rows); block++) {
      sum += (double)sums[block * job->c + i];
    }
    if (request != LAMINA_SKIP) {
      float *out = (float *)gradient->data + i;
      *out = request == LAMINA_ADD ? *out + (float)sum : (float)sum;
    }
    if (job->rows > 0) {
      sums[i] = (float)(sum / (double)job->rows);
    }
  }
  return LAMINA_OK;
}

LAMINA_CLONES
static void propagate_rows(const struct job *job, int64_t begin, int64_t end)
{
  const float *centre = job->centre, *inverse = job->inverse, *scale = job->scale;
  const float *plain = job->dshift, *normal = job->dscale;
  float keep = job->add ? 1.0f : 0.0f;
  for (int64_t r = begin; r < end; r++) {
    const float *x = job->x + r * job->c, *dy = job->dy + r * job->c;
    float *dx = job->dx + r * job->c;
    LAMINA_INDEPENDENT
    for (int64_t i = 0; i < job->c; i++) {
      float n = (x[i] - centre[i]) * inverse[i];
      float rest = plain == NULL ? dy[i] : dy[i] - plain[i] - n * normal[i];
      float factor = scale == NULL ? inverse[i] : inverse[i] * scale[i];
      dx[i] = (keep != 0.0f ? dx[i] : 0.0f) + factor * rest;
    }
  }
}

static int32_t propagate_body(void *arg, int64_t begin, int64_t end, uint32_t lane)
{
  const struct job *job = arg;
  (void)lane;
  propagate_rows(job, begin, end);
  return lamina_epilogue_apply(job->epilogue, begin * job->c, (end - begin) * job->c);
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
  job->dx = dx->data;
  job->add = request == LAMINA_ADD;
  job->dshift = training ? job->first : NULL;
  job->dscale = training ? job->second : NULL;
  job->epilogue = lamina_epilogue(call, LAMINA_IN, 0);
  return lamina_parallel_for(call, job->rows, rows_a_chunk(job), propagate_body, job);
}

static int32_t backward(void *instance, struct lamina_call *call)
{
  const struct batch_norm *self = instance;
  const struct lamina_view *x = lamina_get(call, LAMINA_IN, 0);
  const struct lamina_view *dy = lamina_grad(call, LAMINA_OUT, 0, NULL);
  const struct lamina_view *scale = self->affine ? lamina_get(call, LAMINA_WEIGHT, SCALE) : x;
  const struct lamina_view *centre = lamina_get(call, LAMINA_SAVE, CENTRE);
  const struct lamina_view *inverse = lamina_get(call, LAMINA_SAVE, INVERSE);
  if (x == NULL || dy == NULL || scale == NULL || centre == NULL || inverse == NULL) {
    return LAMINA_E_PLUGIN;
  }
  struct job job = {.self = self,
                    .rows = lamina_type_rows(&x->type),
                    .c = lamina_type_columns(&x->type),
                    .x = x->data,
                    .dy = dy->data,
                    .scale = self->affine ? scale->data : NULL};
  LAMINA_TRY(lay_out(&job, call));
  job.centre = centre->data;
  job.inverse = inverse->data;
  LAMINA_TRY(lamina_parallel_for(call, blocks_of(job.rows), 1, sum_blocks, &job));
  LAMINA_TRY(finish_sums(&job, call, job.first, SHIFT));
  LAMINA_TRY(finish_sums(&job, call, job.second, SCALE));
  return propagate(&job, call);
}

LAMINA_LAYER(batch_norm, "1.0.0", "normalizes each channel over the batch", struct batch_norm,
             LAMINA_SETTINGS(settings), .infer = infer, .forward = forward, .backward = backward);
