/*
 * Forward, block by block of pixels: gather the patches, multiply with W. The patches of a
 * window of one pixel without stride or padding are the image itself, and then the whole is one
 * product.
 */
#include "winograd.h"

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
};

static bool is_pointwise(const struct lm_convolution *v)
{
  bool alone = v->h.kernel == 1 && v->w.kernel == 1 && v->groups == 1;
  return alone && v->h.stride == 1 && v->w.stride == 1 && v->h.before == 0 && v->h.after == 0 &&
         v->w.before == 0 && v->w.after == 0;
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

void lm_convolution_forward_scratch(const struct lm_convolution *v,
                                    struct lm_convolution_scratch *out)
{
  if (lm_convolution_is_served(v)) {
    lm_served_scratch(v, LAMINA_CONV_FORWARD, out);
    return;
  }
  struct job job = job_of(v);
  if (is_pointwise(v)) {
    struct lamina_gemm_scratch gemm;
    v->gemm->scratch(v->gemm->self, lm_convolution_pixels(v), v->k, v->c, &gemm);
    *out = (struct lm_convolution_scratch){gemm.shared, gemm.per_lane};
    return;
  }
  if (lm_winograd_fits(v)) {
    lm_winograd_forward_scratch(v, out);
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

static int32_t multiply_whole(const struct lm_convolution *v, struct lamina_call *call,
                              const struct lm_convolution_task *conv)
{
  struct lamina_gemm_task task = {.size = (uint32_t)sizeof task,
                                  .flags = conv->request == LAMINA_ADD ? LAMINA_GEMM_ADD : 0,
                                  .m = lm_convolution_pixels(v),
                                  .n = v->k,
                                  .k = v->c,
                                  .a = conv->x,
                                  .a_row = v->c,
                                  .a_column = 1,
                                  .b = conv->w,
                                  .b_row = v->k,
                                  .b_column = 1,
                                  .c = conv->y,
                                  .c_row = v->k,
                                  .bias = conv->b,
                                  .shared_offset = conv->shared_offset,
                                  .epilogue = conv->epilogue};
  return v->gemm->run(v->gemm->self, call, &task);
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
    return multiply_whole(v, call, task);
  }
  if (lm_winograd_fits(v)) {
    return lm_winograd_forward(v, call, task);
  }
  return lamina_parallel_for(call, (pixels + job.block - 1) / job.block, 1, run_blocks, &job);
}
