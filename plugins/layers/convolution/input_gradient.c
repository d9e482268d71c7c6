/*
 * The gradient of the image. Without a stride it is itself a convolution, of dy with W turned
 * around and its channels exchanged. With one, or around borders that wrap, or where that is
 * less work, each block of dy is multiplied with the transpose of W, and the patches that come
 * of it are added to where they came from: image by image, so that no two threads add to one
 * pixel.
 */
#include <string.h>

#include "depthwise.h"
#include "winograd.h"

/* Floats of a vector; adding an element back costs as much as so many multiplications. */
enum { VECTOR = 16, ADDING = 8 };

struct job {
  const struct lm_convolution *v;
  struct lamina_call *call;
  const struct lm_convolution_task *task;
  int64_t length, row, block; /* of pixels of one image */
};

static double whole_vectors(int64_t floats)
{
  return (double)((floats + VECTOR - 1) / VECTOR * VECTOR);
}

static struct lm_window turned(const struct lm_window *w)
{
  int64_t reach = w->dilation * (w->kernel - 1);
  return (struct lm_window){.in = w->out,
                            .out = w->in,
                            .kernel = w->kernel,
                            .stride = 1,
                            .dilation = w->dilation,
                            .before = reach - w->before,
                            .after = reach - w->after};
}

static struct lm_convolution turned_around(const struct lm_convolution *v)
{
  struct lm_convolution back = *v;
  back.h = turned(&v->h);
  back.w = turned(&v->w);
  back.c = v->k;
  back.k = v->c;
  return back;
}

/* Whether the turned convolution is possible, and less work than adding patches back: it makes
 * every pixel of the image from a whole window of dy, and most of them lie outside of a small
 * one. */
static bool is_convolution(const struct lm_convolution *v)
{
  struct lm_convolution back = turned_around(v);
  if (v->h.stride != 1 || v->w.stride != 1 || v->circular) {
    return false;
  }
  if (lm_winograd_fits(&back)) {
    return true;
  }
  int64_t positions = v->h.kernel * v->w.kernel, groups = v->groups;
  double turned_work = (double)(v->h.in * v->w.in) * (double)(positions * v->k / groups) *
                       whole_vectors(v->c / groups);
  double added = (double)(v->h.out * v->w.out) * whole_vectors(positions * v->c / groups) *
                 ((double)(v->k / groups) + ADDING);
  return turned_work <= added;
}

static uint64_t weight_bytes(const struct lm_convolution *v)
{
  uint64_t bytes = (uint64_t)(lm_convolution_patch(v) * v->k) * sizeof(float);
  return (bytes + LAMINA_ALIGNMENT - 1) / LAMINA_ALIGNMENT * LAMINA_ALIGNMENT;
}

static struct job job_of(const struct lm_convolution *v)
{
  int64_t length = lm_convolution_patch(v);
  return (struct job){.v = v,
                      .length = length,
                      .row = lm_patch_row(length),
                      .block = lm_patch_block(length, v->h.out * v->w.out)};
}

static uint64_t patch_bytes(const struct job *job)
{
  return (uint64_t)(job->block * job->row) * sizeof(float);
}

void lm_convolution_input_scratch(const struct lm_convolution *v,
                                  struct lm_convolution_scratch *out)
{
  if (lm_convolution_is_served(v)) {
    lm_served_scratch(v, LAMINA_CONV_INPUT_GRADIENT, out);
    return;
  }
  struct job job = job_of(v);
  if (lm_depthwise_fits(v)) {
    *out = (struct lm_convolution_scratch){0, 0};
    return;
  }
  if (is_convolution(v)) {
    struct lm_convolution back = turned_around(v);
    lm_convolution_forward_scratch(&back, out);
    out->shared += weight_bytes(v);
    return;
  }
  uint64_t gemm = lm_gemm_alone_bytes(v->gemm, job.block, job.length, v->k / v->groups);
  *out = (struct lm_convolution_scratch){0, patch_bytes(&job) + gemm};
}

/* One position of the window, of all groups: channels by filters to filters by channels. */
static void turn_position(const struct lm_convolution *v, const float *from, float *to)
{
  int64_t c = v->c / v->groups, k = v->k / v->groups;
  for (int64_t o = 0; o < v->k; o++) {
    for (int64_t i = 0; i < c; i++) {
      to[o % k * v->c + o / k * c + i] = from[i * v->k + o];
    }
  }
}

/* turned[i', j', k, c] = w[i, j, c, k], where i' = KH - 1 - i and j' = KW - 1 - j; by groups. */
static int32_t turn_positions(void *arg, int64_t begin, int64_t end, uint32_t lane)
{
  const struct job *job = arg;
  const struct lm_convolution *v = job->v;
  int64_t positions = v->h.kernel * v->w.kernel, size = v->c / v->groups * v->k;
  float *out = lamina_scratch(job->call, LAMINA_SHARED);
  (void)lane;
  for (int64_t p = begin; p < end; p++) {
    turn_position(v, job->task->w + p * size, out + (positions - 1 - p) * size);
  }
  return LAMINA_OK;
}

static int32_t convolve_back(struct job *job)
{
  const struct lm_convolution *v = job->v;
  struct lm_convolution back = turned_around(v);
  float *weights = lamina_scratch(job->call, LAMINA_SHARED);
  if (weights == NULL) {
    return LAMINA_E_PLUGIN;
  }
  LAMINA_TRY(lamina_parallel_for(job->call, v->h.kernel * v->w.kernel, 1, turn_positions, job));
  struct lm_convolution_task task = {.x = job->task->dy,
                                     .w = weights,
                                     .y = job->task->dx,
                                     .request = job->task->request,
                                     .epilogue = job->task->epilogue,
                                     .shared_offset = weight_bytes(v)};
  return lm_convolution_forward(&back, job->call, &task);
}

static int32_t scatter_block(const struct job *job, const struct lm_patches *patches, char *scratch)
{
  const struct lm_convolution *v = job->v;
  int64_t k = v->k / v->groups;
  float *patch = (float *)(void *)scratch;
  struct lamina_gemm_task task = {.size = (uint32_t)sizeof task,
                                  .m = patches->count,
                                  .n = job->length,
                                  .k = k,
                                  .a = job->task->dy + patches->pixel * v->k + patches->group * k,
                                  .a_row = v->k,
                                  .a_column = 1,
                                  .b = job->task->w + patches->group * k,
                                  .b_row = 1,
                                  .b_column = v->k,
                                  .c = patch,
                                  .c_row = job->row};
  LAMINA_TRY(v->gemm->run_alone(v->gemm->self, job->call, &task, scratch + patch_bytes(job)));
  lm_patches_scatter(v, patch, patches, job->task->dx);
  return LAMINA_OK;
}

static int32_t scatter_images(void *arg, int64_t begin, int64_t end, uint32_t lane)
{
  const struct job *job = arg;
  const struct lm_convolution *v = job->v;
  int64_t pixels = v->h.out * v->w.out, size = v->h.in * v->w.in * v->c;
  char *scratch = lamina_scratch(job->call, lane);
  for (int64_t image = begin; image < end; image++) {
    if (job->task->request == LAMINA_WRITE) {
      memset(job->task->dx + image * size, 0, (size_t)size * sizeof(float));
    }
    for (int64_t pixel = 0; pixel < pixels; pixel += job->block) {
      int64_t left = pixels - pixel;
      struct lm_patches patches = {.pixel = image * pixels + pixel,
                                   .count = left < job->block ? left : job->block,
                                   .last = v->h.kernel,
                                   .row = job->row};
      for (patches.group = 0; patches.group < v->groups; patches.group++) {
        LAMINA_TRY(scatter_block(job, &patches, scratch));
      }
    }
    LAMINA_TRY(lamina_epilogue_apply(job->task->epilogue, image * size, size));
  }
  return LAMINA_OK;
}

int32_t lm_convolution_input_gradient(const struct lm_convolution *v, struct lamina_call *call,
                                      const struct lm_convolution_task *task)
{
  if (lm_convolution_is_served(v)) {
    return lm_served_run(v, call, LAMINA_CONV_INPUT_GRADIENT, task);
  }
  struct job job = job_of(v);
  job.call = call;
  job.task = task;
  if (lm_convolution_pixels(v) == 0) {
    return LAMINA_OK;
  }
  if (lm_depthwise_fits(v)) {
    return lm_depthwise_input_gradient(v, call, task);
  }
  if (is_convolution(v)) {
    return convolve_back(&job);
  }
  return lamina_parallel_for(call, v->images, 1, scatter_images, &job);
}
