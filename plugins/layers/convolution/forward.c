/*
 * Forward, block by block of pixels: gather the patches, multiply with W. The patches of a
 * window of one pixel without stride or padding are the image itself, and then the whole is one
 * product; and so it is where there are so few pixels that all patches fit into the cache, since
 * a product can be cut by filters, too, to keep all threads busy.
 */
#include "depthwise.h"
#include "winograd.h"

/* Blocks and floats of all patches, at most; floats of patches that a chunk gathers. */
enum { MOST_BLOCKS = 8, MOST_GATHERED = 1 << 18, GATHER_CHUNK = 1 << 15 };

#define MOST_WEIGHTS ((double)((int64_t)1 << 40))

int32_t lm_convolution_check(struct lamina_call *call, const struct lm_convolution *v)
{
  if (v->c == 0 || v->c % v->groups != 0 || v->k % v->groups != 0) {
    return lamina_failf(call, LAMINA_E_SHAPE,
                        "%lld channels and %lld filters do not divide into %lld groups",
                        (long long)v->c, (long long)v->k, (long long)v->groups);
  }
  double weights = (double)lm_convolution_patch(v) * (double)v->k;
  double most = (double)v->images * (double)(v->h.in + v->h.out) * (double)(v->w.in + v->w.out) *
                (double)(v->c + v->k);
  if (weights > MOST_WEIGHTS || most > MOST_WEIGHTS) {
    return lamina_failf(call, LAMINA_E_SHAPE,
                        "windows of %lld x %lld over %lld channels for %lld filters are too many",
                        (long long)v->h.kernel, (long long)v->w.kernel, (long long)v->c,
                        (long long)v->k);
  }
  return LAMINA_OK;
}

struct job {
  const struct lm_convolution *v;
  struct lamina_call *call;
  const struct lm_convolution_task *task;
  int64_t length, row, block;
  float *gathered; /* all patches */
};

static bool is_pointwise(const struct lm_convolution *v)
{
  bool alone = v->h.kernel == 1 && v->w.kernel == 1 && v->groups == 1;
  return alone && v->h.stride == 1 && v->w.stride == 1 && v->h.before == 0 && v->h.after == 0 &&
         v->w.before == 0 && v->w.after == 0;
}

/* Whether all patches are gathered first. */
static bool is_small(const struct job *job)
{
  const struct lm_convolution *v = job->v;
  int64_t pixels = lm_convolution_pixels(v);
  return v->groups == 1 && pixels <= MOST_BLOCKS * job->block && pixels * job->row <= MOST_GATHERED;
}

static struct lamina_gemm_scratch product_scratch(const struct lm_convolution *v, int64_t length)
{
  struct lamina_gemm_scratch scratch;
  v->gemm->scratch(v->gemm->self, lm_convolution_pixels(v), v->k, length, &scratch);
  return scratch;
}

static uint64_t patch_bytes(const struct job *job)
{
  return (uint64_t)(job->block * job->row) * sizeof(float);
}

static struct job job_of(const struct lm_convolution *v)
{
  int64_t length = lm_convolution_patch(v);
  return (struct job){.v = v,
                      .length = length,
                      .row = lm_patch_row(length),
                      .block = lm_patch_block(length, lm_convolution_pixels(v))};
}

/* Of all patches; rows are whole alignments. */
static uint64_t gathered_bytes(const struct job *job)
{
  return (uint64_t)(lm_convolution_pixels(job->v) * job->row) * sizeof(float);
}

void lm_convolution_forward_scratch(const struct lm_convolution *v,
                                    struct lm_convolution_scratch *out)
{
  if (lm_convolution_is_served(v)) {
    lm_served_scratch(v, LAMINA_CONV_FORWARD, out);
    return;
  }
  struct job job = job_of(v);
  if (is_pointwise(v)) {
    struct lamina_gemm_scratch gemm = product_scratch(v, v->c);
    *out = (struct lm_convolution_scratch){gemm.shared, gemm.per_lane};
    return;
  }
  if (lm_depthwise_fits(v)) {
    *out = (struct lm_convolution_scratch){0, 0};
    return;
  }
  if (lm_winograd_fits(v)) {
    lm_winograd_forward_scratch(v, out);
    return;
  }
  if (is_small(&job)) {
    struct lamina_gemm_scratch gemm = product_scratch(v, job.length);
    *out = (struct lm_convolution_scratch){gathered_bytes(&job) + gemm.shared, gemm.per_lane};
    return;
  }
  uint64_t gemm = lm_gemm_alone_bytes(v->gemm, job.block, v->k / v->groups, job.length);
  *out = (struct lm_convolution_scratch){0, patch_bytes(&job) + gemm};
}

static int32_t multiply_group(const struct job *job, const struct lm_patches *patches,
                              char *scratch)
{
  const struct lm_convolution *v = job->v;
  int64_t k = v->k / v->groups;
  float *gathered = (float *)(void *)scratch;
  lm_patches_gather(v, job->task->x, patches, gathered);
  struct lamina_gemm_task task = {.size = (uint32_t)sizeof task,
                                  .flags = job->task->request == LAMINA_ADD ? LAMINA_GEMM_ADD : 0,
                                  .m = patches->count,
                                  .n = k,
                                  .k = job->length,
                                  .a = gathered,
                                  .a_row = job->row,
                                  .a_column = 1,
                                  .b = job->task->w + patches->group * k,
                                  .b_row = v->k,
                                  .b_column = 1,
                                  .c = job->task->y + patches->pixel * v->k + patches->group * k,
                                  .c_row = v->k,
                                  .bias = job->task->b == NULL ? NULL
                                                               : job->task->b + patches->group * k};
  return v->gemm->run_alone(v->gemm->self, job->call, &task, scratch + patch_bytes(job));
}

static int32_t run_blocks(void *arg, int64_t begin, int64_t end, uint32_t lane)
{
  const struct job *job = arg;
  const struct lm_convolution *v = job->v;
  char *scratch = lamina_scratch(job->call, lane);
  if (scratch == NULL) {
    return LAMINA_E_PLUGIN;
  }
  for (int64_t i = begin; i < end; i++) {
    int64_t left = lm_convolution_pixels(v) - i * job->block;
    struct lm_patches patches = {.pixel = i * job->block,
                                 .count = left < job->block ? left : job->block,
                                 .last = v->h.kernel,
                                 .row = job->row};
    for (patches.group = 0; patches.group < v->groups; patches.group++) {
      LAMINA_TRY(multiply_group(job, &patches, scratch));
    }
    LAMINA_TRY(
        lamina_epilogue_apply(job->task->epilogue, patches.pixel * v->k, patches.count * v->k));
  }
  return LAMINA_OK;
}

/* All of y as one product of patches that lie `row` floats apart. */
static int32_t multiply_whole(const struct job *job, const float *patches, int64_t row,
                              uint64_t shared_offset)
{
  const struct lm_convolution *v = job->v;
  const struct lm_convolution_task *conv = job->task;
  struct lamina_gemm_task task = {.size = (uint32_t)sizeof task,
                                  .flags = conv->request == LAMINA_ADD ? LAMINA_GEMM_ADD : 0,
                                  .m = lm_convolution_pixels(v),
                                  .n = v->k,
                                  .k = job->length,
                                  .a = patches,
                                  .a_row = row,
                                  .a_column = 1,
                                  .b = conv->w,
                                  .b_row = v->k,
                                  .b_column = 1,
                                  .c = conv->y,
                                  .c_row = v->k,
                                  .bias = conv->b,
                                  .shared_offset = shared_offset,
                                  .epilogue = conv->epilogue};
  return v->gemm->run(v->gemm->self, job->call, &task);
}

static int32_t gather_body(void *arg, int64_t begin, int64_t end, uint32_t lane)
{
  const struct job *job = arg;
  const struct lm_patches patches = {
      .pixel = begin, .count = end - begin, .last = job->v->h.kernel, .row = job->row};
  (void)lane;
  lm_patches_gather(job->v, job->task->x, &patches, job->gathered + begin * job->row);
  return LAMINA_OK;
}

static int32_t gather_and_multiply(struct job *job)
{
  char *shared = lamina_scratch(job->call, LAMINA_SHARED);
  int64_t grain = GATHER_CHUNK / job->row + 1;
  if (shared == NULL) {
    return LAMINA_E_PLUGIN;
  }
  job->gathered = (float *)(void *)(shared + job->task->shared_offset);
  LAMINA_TRY(
      lamina_parallel_for(job->call, lm_convolution_pixels(job->v), grain, gather_body, job));
  return multiply_whole(job, job->gathered, job->row,
                        job->task->shared_offset + gathered_bytes(job));
}

int32_t lm_convolution_forward(const struct lm_convolution *v, struct lamina_call *call,
                               const struct lm_convolution_task *task)
{
  if (lm_convolution_is_served(v)) {
    return lm_served_run(v, call, LAMINA_CONV_FORWARD, task);
  }
  struct job job = job_of(v);
  int64_t pixels = lm_convolution_pixels(v);
  job.call = call;
  job.task = task;
  if (pixels == 0) {
    return LAMINA_OK;
  }
  if (is_pointwise(v)) {
    return multiply_whole(&job, task->x, v->c, task->shared_offset);
  }
  if (lm_depthwise_fits(v)) {
    return lm_depthwise_forward(v, call, task);
  }
  if (lm_winograd_fits(v)) {
    return lm_winograd_forward(v, call, task);
  }
  if (is_small(&job)) {
    return gather_and_multiply(&job);
  }
  return lamina_parallel_for(call, (pixels + job.block - 1) / job.block, 1, run_blocks, &job);
}
