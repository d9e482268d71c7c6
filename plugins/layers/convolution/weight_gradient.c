/*
 * The gradient of the weights: dW = the transposed patches times dy, a sum over all pixels.
 *
 * The pixels are cut into parts, each with a sum of its own, and long windows into their rows,
 * so that there are about CHUNKS pieces of work. The parts are added in their order.
 */
#include <lamina/math.h>

#include "depthwise.h"
#include "winograd.h"

enum { CHUNKS = 8, LONG_PATCH = 256, GRAIN = 16384 };

struct job {
  const struct lm_convolution *v;
  struct lamina_call *call;
  const struct lm_convolution_task *task;
  int64_t strips;      /* pieces of a window: its rows, or all in one */
  int64_t length, row; /* of a patch of a strip */
  int64_t block, blocks;
  int64_t parts;
  float *sums; /* [parts, KH, KW, C / groups, K] */
};

static struct job job_of(const struct lm_convolution *v)
{
  struct job job = {.v = v};
  int64_t pixels = lm_convolution_pixels(v);
  job.strips = lm_convolution_patch(v) >= LONG_PATCH ? v->h.kernel : 1;
  job.length = lm_convolution_patch(v) / job.strips;
  job.row = lm_patch_row(job.length);
  job.block = lm_patch_block(job.length, pixels);
  job.blocks = pixels == 0 ? 0 : (pixels + job.block - 1) / job.block;
  job.parts = (CHUNKS + job.strips - 1) / job.strips;
  job.parts = job.parts < job.blocks ? job.parts : job.blocks;
  return job;
}

static int64_t weight_count(const struct lm_convolution *v)
{
  return lm_convolution_patch(v) * v->k;
}

static uint64_t patch_bytes(const struct job *job)
{
  return (uint64_t)(job->block * job->row) * sizeof(float);
}

void lm_convolution_weight_scratch(const struct lm_convolution *v,
                                   struct lm_convolution_scratch *out)
{
  if (lm_convolution_is_served(v)) {
    lm_served_scratch(v, LAMINA_CONV_WEIGHT_GRADIENT, out);
    return;
  }
  if (lm_depthwise_fits(v)) {
    lm_depthwise_weight_scratch(v, out);
    return;
  }
  if (lm_winograd_fits(v)) {
    lm_winograd_weight_scratch(v, out);
    return;
  }
  struct job job = job_of(v);
  uint64_t gemm = lm_gemm_alone_bytes(v->gemm, job.length, v->k / v->groups, job.block);
  out->shared = (uint64_t)(job.parts * weight_count(v)) * sizeof(float);
  out->lane = patch_bytes(&job) + gemm;
}

/* Adds a block of pixels to the sum of its part. */
static int32_t add_block(const struct job *job, const struct lm_patches *patches, float *sum,
                         bool first, char *scratch)
{
  const struct lm_convolution *v = job->v;
  int64_t k = v->k / v->groups;
  float *gathered = (float *)(void *)scratch;
  lm_patches_gather(v, job->task->x, patches, gathered);
  struct lamina_gemm_task task = {.size = (uint32_t)sizeof task,
                                  .flags = first ? 0 : LAMINA_GEMM_ADD,
                                  .m = job->length,
                                  .n = k,
                                  .k = patches->count,
                                  .a = gathered,
                                  .a_row = 1,
                                  .a_column = job->row,
                                  .b = job->task->dy + patches->pixel * v->k + patches->group * k,
                                  .b_row = v->k,
                                  .b_column = 1,
                                  .c = sum + patches->group * k,
                                  .c_row = v->k};
  return v->gemm->run_alone(v->gemm->self, job->call, &task, scratch + patch_bytes(job));
}

static int32_t add_chunk(const struct job *job, int64_t part, int64_t strip, char *scratch)
{
  const struct lm_convolution *v = job->v;
  int64_t rows = v->h.kernel / job->strips;
  int64_t begin = job->blocks * part / job->parts, end = job->blocks * (part + 1) / job->parts;
  float *sum = job->sums + part * weight_count(v) + strip * job->length * v->k;
  for (int64_t i = begin; i < end; i++) {
    int64_t left = lm_convolution_pixels(v) - i * job->block;
    struct lm_patches patches = {.pixel = i * job->block,
                                 .count = left < job->block ? left : job->block,
                                 .first = strip * rows,
                                 .last = (strip + 1) * rows,
                                 .row = job->row};
    for (patches.group = 0; patches.group < v->groups; patches.group++) {
      LAMINA_TRY(add_block(job, &patches, sum, i == begin, scratch));
    }
  }
  return LAMINA_OK;
}

static int32_t add_chunks(void *arg, int64_t begin, int64_t end, uint32_t lane)
{
  const struct job *job = arg;
  char *scratch = lamina_scratch(job->call, lane);
  if (scratch == NULL) {
    return LAMINA_E_PLUGIN;
  }
  for (int64_t i = begin; i < end; i++) {
    LAMINA_TRY(add_chunk(job, i / job->strips, i % job->strips, scratch));
  }
  return LAMINA_OK;
}

/** Sums of parts. */
struct parts {
  const float *sums;
  int64_t parts, count;
  const struct lm_convolution_task *task;
};

LAMINA_CLONES
static void add_range(const struct parts *job, int64_t begin, int64_t end)
{
  float *dw = job->task->dw;
  if (job->task->request == LAMINA_WRITE) {
    for (int64_t i = begin; i < end; i++) {
      dw[i] = 0.0f;
    }
  }
  for (int64_t part = 0; part < job->parts; part++) {
    const float *sum = job->sums + part * job->count;
    LAMINA_INDEPENDENT
    for (int64_t i = begin; i < end; i++) {
      dw[i] += sum[i];
    }
  }
}

static int32_t parts_body(void *arg, int64_t begin, int64_t end, uint32_t lane)
{
  (void)lane;
  add_range(arg, begin, end);
  return LAMINA_OK;
}

int32_t lm_convolution_add_parts(const struct lm_convolution *v, struct lamina_call *call,
                                 const struct lm_convolution_task *task, const float *sums,
                                 int64_t parts)
{
  struct parts job = {.sums = sums, .parts = parts, .count = weight_count(v), .task = task};
  return lamina_parallel_for(call, job.count, GRAIN, parts_body, &job);
}

int32_t lm_convolution_weight_gradient(const struct lm_convolution *v, struct lamina_call *call,
                                       const struct lm_convolution_task *task)
{
  if (lm_convolution_is_served(v)) {
    return lm_served_run(v, call, LAMINA_CONV_WEIGHT_GRADIENT, task);
  }
  struct job job = job_of(v);
  if (lm_depthwise_fits(v)) {
    return lm_depthwise_weight_gradient(v, call, task);
  }
  if (lm_winograd_fits(v)) {
    return lm_winograd_weight_gradient(v, call, task);
  }
  job.call = call;
  job.task = task;
  job.sums = job.parts == 0 ? NULL : lamina_scratch(call, LAMINA_SHARED);
  if (job.parts > 0 && job.sums == NULL) {
    return LAMINA_E_PLUGIN;
  }
  LAMINA_TRY(lamina_parallel_for(call, job.parts * job.strips, 1, add_chunks, &job));
  return lm_convolution_add_parts(v, call, task, job.sums, job.parts);
}
