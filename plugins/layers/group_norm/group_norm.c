/*
 * group_norm: y = scale (x - mean) / sqrt(variance + epsilon) + shift, where mean and variance are
 * those of a group of channels of one sample. Wu, He: "Group normalization", ECCV 2018. With one
 * group it is the layer normalization of Ba, Kiros, Hinton (2016), with a group for each channel
 * the instance normalization of Ulyanov, Vedaldi, Lempitsky (2016).
 *
 * With n = (x - mean) / sigma, and M numbers in a group,
 *
 *   dscale = the sum of dy n     dshift = the sum of dy     (over all samples and pixels)
 *   dx = 1 / sigma (scale dy - A - n B),   A, B = the means of scale dy and scale dy n in the group
 *
 * A sample is a matrix [R, C]. Its channels are summed side by side, as doubles, then the
 * channels of a group. Samples are apart, so bits do not depend on threads.
 *
 * Shapes: x and y [N, ..., C], scale and shift [C].
 */
#include <math.h>
#include <string.h>

#include <lamina/columns.h>
#include <lamina/epilogue.h>
#include <lamina/layer.h>

#include "normalization/rows.h"

enum { CENTRE = 0, INVERSE = 1 }; /* saved: [N, G] */
enum { CHUNK = 1 << 14 };         /* elements */

struct group_norm {
  int64_t groups;
  double epsilon;
  int32_t affine;
};

static const struct lamina_setting settings[] = {
    LAMINA_I64(struct group_norm, groups, "1", "[1, 2147483647]",
               "groups of channels; 1 is layer normalization"),
    LAMINA_F64(struct group_norm, epsilon, "1e-5", "(0, inf)", "added to the variance"),
    LAMINA_BOOL(struct group_norm, affine, "true", "whether there are scale and shift"),
};

/** One pass over the samples. */
struct job {
  const struct group_norm *self;
  struct lamina_call *call;
  struct lm_rows rows; /* of one sample: R and C */
  int64_t samples;
  float *centre, *inverse; /* [N, G]; NULL when not to be kept */
  const float *scale;      /* [C]; NULL: 1 */
  float *y;
  struct lm_rows_gradient gradient; /* of all samples; dx may be NULL */
  float *plain, *normal;            /* [N, C] */
  const struct lamina_epilogue *epilogue;
};

/** A lane's rows of C; doubles take two of them. */
enum { LANE_ROWS = 7 };
struct lane {
  double *sums;
  float *centre, *inverse, *factor, *plain, *normal;
};

static struct lane lane_of(const struct job *job, uint32_t number)
{
  char *scratch = lamina_scratch(job->call, number);
  uint64_t row = lm_rows_bytes(job->rows.c);
  return (struct lane){.sums = (double *)(void *)scratch,
                       .centre = (float *)(void *)(scratch + 2 * row),
                       .inverse = (float *)(void *)(scratch + 3 * row),
                       .factor = (float *)(void *)(scratch + 4 * row),
                       .plain = (float *)(void *)(scratch + 5 * row),
                       .normal = (float *)(void *)(scratch + 6 * row)};
}

static int32_t infer(void *instance, struct lamina_plan *plan)
{
  const struct group_norm *self = instance;
  const struct lamina_type *x = NULL;
  LAMINA_TRY(lm_rows_input(plan, &x));
  const int64_t c = lamina_type_columns(x), samples = x->dims[0];
  if (c % self->groups != 0) {
    return lamina_failf(plan->call, LAMINA_E_SHAPE, "%lld channels do not divide into %lld groups",
                        (long long)c, (long long)self->groups);
  }
  if (lamina_type_product(x, 1, x->rank) == 0) {
    return lamina_fail(plan->call, LAMINA_E_SHAPE, "a sample of the input has no numbers");
  }
  const int64_t dims[2] = {samples, self->groups};
  struct lamina_type saved = lamina_type_f32(2, dims);
  uint64_t shared =
      self->affine ? 2 * lm_rows_bytes(samples * c) + lamina_columns_bytes(samples, c) : 0;
  LAMINA_TRY(lamina_out_like(plan, 0, x));
  if (self->affine) {
    LAMINA_TRY(lm_rows_weights(plan, c));
  }
  LAMINA_TRY(lamina_save(plan, CENTRE, &saved));
  LAMINA_TRY(lamina_save(plan, INVERSE, &saved));
  LAMINA_TRY(lamina_plan_scratch(plan, LAMINA_FORWARD, 0, LANE_ROWS * lm_rows_bytes(c)));
  LAMINA_TRY(lamina_plan_scratch(plan, LAMINA_BACKWARD, shared, LANE_ROWS * lm_rows_bytes(c)));
  LAMINA_TRY(lamina_may_fuse(plan, LAMINA_FORWARD, 0));
  LAMINA_TRY(lamina_may_fuse(plan, LAMINA_BACKWARD, 0));
  LAMINA_TRY(lamina_may_share(plan, LAMINA_BACKWARD, 0, 0));
  return lamina_bwd_reads(plan, LAMINA_IN, 0);
}

static struct job job_of(const struct group_norm *self, struct lamina_call *call,
                         const struct lamina_view *x, const struct lamina_view *scale,
                         const struct lamina_view *shift)
{
  return (struct job){.self = self,
                      .call = call,
                      .samples = x->type.dims[0],
                      .rows = {.rows = lamina_type_product(&x->type, 1, x->type.rank - 1),
                               .c = lamina_type_columns(&x->type),
                               .x = x->data,
                               .shift = self->affine ? shift->data : NULL},
                      .scale = self->affine ? scale->data : NULL};
}

static int64_t samples_a_chunk(const struct job *job)
{
  int64_t size = job->rows.rows * job->rows.c;
  return size >= CHUNK ? 1 : CHUNK / size;
}

/* ---- forward ---- */

/* Fills centre and inverse, a number for each channel of a sample. */
static void measure(const struct job *job, const struct lm_rows *sample, const struct lane *lane)
{
  int64_t width = sample->c / job->self->groups;
  double count = (double)(sample->rows * width);
  lm_rows_sum(sample, NULL, lane->sums);
  for (int64_t c = 0; c < sample->c; c += width) {
    lm_rows_fill(lane->centre + c, width, (float)(lm_rows_total(lane->sums + c, width) / count));
  }
  lm_rows_sum(sample, lane->centre, lane->sums);
  for (int64_t c = 0; c < sample->c; c += width) {
    double variance = lm_rows_total(lane->sums + c, width) / count;
    lm_rows_fill(lane->inverse + c, width, (float)(1.0 / sqrt(variance + job->self->epsilon)));
  }
  lm_rows_fold(lane->factor, lane->inverse, job->scale, sample->c);
}

static int32_t normalize_samples(void *arg, int64_t begin, int64_t end, uint32_t number)
{
  const struct job *job = arg;
  struct lane lane = lane_of(job, number);
  int64_t size = job->rows.rows * job->rows.c, groups = job->self->groups;
  lm_rows_fill(lane.plain, job->rows.c, 0.0f); /* the shift where there is none */
  for (int64_t n = begin; n < end; n++) {
    struct lm_rows sample = job->rows;
    sample.x += n * size;
    measure(job, &sample, &lane);
    sample.centre = lane.centre;
    sample.factor = lane.factor;
    sample.shift = job->scale == NULL ? lane.plain : sample.shift;
    lm_rows_normalize(&sample, job->y + n * size);
    for (int64_t g = 0; g < groups && job->centre != NULL; g++) {
      job->centre[n * groups + g] = lane.centre[g * (sample.c / groups)];
      job->inverse[n * groups + g] = lane.inverse[g * (sample.c / groups)];
    }
  }
  return lamina_epilogue_apply(job->epilogue, begin * size, (end - begin) * size);
}

/* Where centre and inverse are saved. */
static int32_t find_saved(struct job *job)
{
  const struct lamina_view *centre = lamina_get(job->call, LAMINA_SAVE, CENTRE);
  const struct lamina_view *inverse = lamina_get(job->call, LAMINA_SAVE, INVERSE);
  if (centre == NULL || inverse == NULL) {
    return LAMINA_E_PLUGIN;
  }
  job->centre = centre->data;
  job->inverse = inverse->data;
  return LAMINA_OK;
}

static int32_t forward(void *instance, struct lamina_call *call)
{
  const struct group_norm *self = instance;
  const struct lamina_view *x = lamina_get(call, LAMINA_IN, 0);
  const struct lamina_view *y = lamina_get(call, LAMINA_OUT, 0);
  const struct lamina_view *scale = self->affine ? lamina_get(call, LAMINA_WEIGHT, LM_SCALE) : x;
  const struct lamina_view *shift = self->affine ? lamina_get(call, LAMINA_WEIGHT, LM_SHIFT) : x;
  if (x == NULL || y == NULL || scale == NULL || shift == NULL) {
    return LAMINA_E_PLUGIN;
  }
  struct job job = job_of(self, call, x, scale, shift);
  job.y = y->data;
  job.epilogue = lamina_epilogue(call, LAMINA_OUT, 0);
  if ((lamina_mode(call) & LAMINA_MODE_KEEP) != 0) {
    LAMINA_TRY(find_saved(&job));
  }
  return lamina_parallel_for(call, job.samples, samples_a_chunk(&job), normalize_samples, &job);
}

/* ---- backward ---- */

static void propagate_sample(const struct job *job, int64_t n, const struct lane *lane)
{
  struct lm_rows sample = job->rows;
  int64_t c = sample.c, size = sample.rows * c, groups = job->self->groups;
  float *plain = job->plain == NULL ? lane->plain : job->plain + n * c;
  float *normal = job->normal == NULL ? lane->normal : job->normal + n * c;
  for (int64_t g = 0; g < groups; g++) {
    lm_rows_fill(lane->centre + g * (c / groups), c / groups, job->centre[n * groups + g]);
    lm_rows_fill(lane->inverse + g * (c / groups), c / groups, job->inverse[n * groups + g]);
  }
  sample.x += n * size;
  sample.centre = lane->centre;
  sample.inverse = lane->inverse;
  lm_rows_sums(&sample, job->gradient.dy + n * size, plain, normal);
  if (job->gradient.dx != NULL) {
    struct lm_rows_gradient gradient = {.dy = job->gradient.dy + n * size,
                                        .factor = lane->inverse,
                                        .scale = job->scale,
                                        .plain = lane->plain,
                                        .normal = lane->normal,
                                        .add = job->gradient.add,
                                        .dx = job->gradient.dx + n * size};
    const struct lm_groups of = {sample.rows, c, groups, job->scale};
    lm_rows_average_groups(&of, plain, lane->sums, lane->plain);
    lm_rows_average_groups(&of, normal, lane->sums, lane->normal);
    lm_rows_fold(lane->normal, lane->normal, lane->inverse, c);
    lm_rows_propagate(&sample, &gradient);
  }
}

static int32_t propagate_samples(void *arg, int64_t begin, int64_t end, uint32_t number)
{
  const struct job *job = arg;
  struct lane lane = lane_of(job, number);
  int64_t size = job->rows.rows * job->rows.c;
  for (int64_t n = begin; n < end; n++) {
    propagate_sample(job, n, &lane);
  }
  return lamina_epilogue_apply(job->epilogue, begin * size, (end - begin) * size);
}

/* The gradient of a weight from the sums of the samples. */
static int32_t finish_weight(const struct job *job, uint32_t weight, const float *sums,
                             float *scratch)
{
  uint32_t request = LAMINA_SKIP;
  const struct lamina_view *gradient = lamina_grad(job->call, LAMINA_WEIGHT, weight, &request);
  if (gradient == NULL) {
    return request == LAMINA_SKIP ? LAMINA_OK : LAMINA_E_PLUGIN;
  }
  struct lamina_columns work = {.matrix = sums,
                                .rows = job->samples,
                                .columns = job->rows.c,
                                .out = gradient->data,
                                .add = request == LAMINA_ADD,
                                .scratch = scratch};
  return lamina_sum_columns(job->call, &work);
}

static int32_t backward(void *instance, struct lamina_call *call)
{
  const struct group_norm *self = instance;
  uint32_t request = LAMINA_SKIP;
  const struct lamina_view *x = lamina_get(call, LAMINA_IN, 0);
  const struct lamina_view *dy = lamina_grad(call, LAMINA_OUT, 0, NULL);
  const struct lamina_view *dx = lamina_grad(call, LAMINA_IN, 0, &request);
  const struct lamina_view *scale = self->affine ? lamina_get(call, LAMINA_WEIGHT, LM_SCALE) : x;
  if (x == NULL || dy == NULL || scale == NULL || (request != LAMINA_SKIP && dx == NULL)) {
    return LAMINA_E_PLUGIN;
  }
  struct job job = job_of(self, call, x, scale, scale);
  LAMINA_TRY(find_saved(&job));
  job.gradient.dy = dy->data;
  if (request != LAMINA_SKIP) {
    job.gradient.dx = dx->data;
    job.gradient.add = request == LAMINA_ADD;
    job.epilogue = lamina_epilogue(call, LAMINA_IN, 0);
  }
  char *scratch = self->affine ? lamina_scratch(call, LAMINA_SHARED) : NULL;
  uint64_t rows = lm_rows_bytes(job.samples * job.rows.c);
  if (scratch != NULL) {
    job.plain = (float *)(void *)scratch;
    job.normal = (float *)(void *)(scratch + rows);
  }
  LAMINA_TRY(
      lamina_parallel_for(call, job.samples, samples_a_chunk(&job), propagate_samples, &job));
  float *rest = scratch == NULL ? NULL : (float *)(void *)(scratch + 2 * rows);
  LAMINA_TRY(self->affine ? finish_weight(&job, LM_SHIFT, job.plain, rest) : LAMINA_OK);
  return self->affine ? finish_weight(&job, LM_SCALE, job.normal, rest) : LAMINA_OK;
}

LAMINA_LAYER(group_norm, "1.0.0", "normalizes groups of channels of each sample", struct group_norm,
             LAMINA_SETTINGS(settings), .infer = infer, .forward = forward, .backward = backward);
