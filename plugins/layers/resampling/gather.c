/*
 * Pixels that lie side by side in the input and come to lie side by side are copied as one run.
 * Backward adds runs, image by image, so that no two threads add to one pixel.
 */
#include "gather.h"

#include <string.h>

#include <lamina/epilogue.h>

#include "convolution/window.h"

enum { AXES = 2, MOST = 2147483647, CHUNK = 65536 }; /* elements a chunk */

struct job {
  struct lm_gather gather;
  const float *from;
  float *to;
  uint32_t request;
  const struct lamina_epilogue *epilogue;
};

static int32_t check_axis(struct lamina_call *call, const char *name, const struct lm_axis *axis)
{
  if (axis->in < 1 || axis->in > MOST) {
    return lamina_failf(call, LAMINA_E_SHAPE, "the input has a %s of %lld, expected 1 to %d", name,
                        (long long)axis->in, MOST);
  }
  if (axis->out < 1 || axis->out > MOST) {
    return lamina_failf(call, LAMINA_E_SHAPE,
                        "the output would have a %s of %lld, expected 1 to %d", name,
                        (long long)axis->out, MOST);
  }
  return LAMINA_OK;
}

static int32_t gather_of(const void *self, struct lamina_call *call, const struct lamina_type *x,
                         lm_gather_fn maps, struct lm_gather *gather)
{
  LAMINA_TRY(lm_window_expect_image(call, x, AXES));
  *gather = (struct lm_gather){.images = x->dims[0],
                               .c = lm_window_channels(x, AXES),
                               .h = {.in = x->dims[1], .repeats = 1},
                               .w = {.in = x->dims[2], .repeats = 1}};
  return maps(self, call, x, gather);
}

int32_t lm_gather_infer(const void *self, struct lamina_plan *plan, lm_gather_fn maps)
{
  struct lm_gather gather;
  LAMINA_TRY(lamina_expect_inputs(plan, 1));
  const struct lamina_type *x = lamina_in_f32(plan, 0);
  if (x == NULL) {
    return LAMINA_E_SHAPE;
  }
  LAMINA_TRY(gather_of(self, plan->call, x, maps, &gather));
  LAMINA_TRY(check_axis(plan->call, "height", &gather.h));
  LAMINA_TRY(check_axis(plan->call, "width", &gather.w));
  const int64_t dims[4] = {gather.images, gather.h.out, gather.w.out, gather.c};
  struct lamina_type y = lamina_type_f32(x->rank, dims);
  LAMINA_TRY(lamina_out(plan, 0, &y));
  LAMINA_TRY(lamina_may_fuse(plan, LAMINA_FORWARD, 0));
  return lamina_may_fuse(plan, LAMINA_BACKWARD, 0);
}

int64_t lm_gather_grain(const struct lm_gather *gather)
{
  double row = (double)gather->w.out * (double)gather->c;
  return row >= CHUNK || row < 1.0 ? 1 : (int64_t)(CHUNK / row);
}

/** A run of output columns: first .. first + count - 1 come from `from` on; -1: a constant. */
struct run {
  int64_t first, count, from;
};

LAMINA_INLINE struct run run_at(const struct lm_axis *w, int64_t first)
{
  struct run run = {first, 1, lm_axis_from(w, first)};
  int64_t step = run.from < 0 ? 0 : 1;
  while (first + run.count < w->out &&
         lm_axis_from(w, first + run.count) == run.from + step * run.count) {
    run.count++;
  }
  return run;
}

/* Row r of the output, numbered through all images. */
static void copy_row(const struct job *job, int64_t r)
{
  const struct lm_gather *g = &job->gather;
  float *to = job->to + r * g->w.out * g->c;
  int64_t row = lm_axis_from(&g->h, r % g->h.out);
  const float *from = job->from + (r / g->h.out * g->h.in + row) * g->w.in * g->c;
  for (int64_t i = 0; i < g->w.out * g->c && row < 0; i++) {
    to[i] = g->value;
  }
  for (int64_t o = 0; o < g->w.out && row >= 0;) {
    struct run run = run_at(&g->w, o);
    if (run.from >= 0) {
      memcpy(to + o * g->c, from + run.from * g->c, (size_t)(run.count * g->c) * sizeof *to);
    }
    for (int64_t i = 0; i < run.count * g->c && run.from < 0; i++) {
      to[o * g->c + i] = g->value;
    }
    o += run.count;
  }
}

static int32_t copy_rows(void *arg, int64_t begin, int64_t end, uint32_t lane)
{
  const struct job *job = arg;
  int64_t row = job->gather.w.out * job->gather.c;
  (void)lane;
  for (int64_t r = begin; r < end; r++) {
    copy_row(job, r);
  }
  return lamina_epilogue_apply(job->epilogue, begin * row, (end - begin) * row);
}

int32_t lm_gather_forward(const void *self, struct lamina_call *call, lm_gather_fn maps)
{
  const struct lamina_view *x = lamina_get(call, LAMINA_IN, 0);
  const struct lamina_view *y = lamina_get(call, LAMINA_OUT, 0);
  if (x == NULL || y == NULL) {
    return LAMINA_E_PLUGIN;
  }
  struct job job = {
      .from = x->data, .to = y->data, .epilogue = lamina_epilogue(call, LAMINA_OUT, 0)};
  LAMINA_TRY(gather_of(self, call, &x->type, maps, &job.gather));
  return lamina_parallel_for(call, job.gather.images * job.gather.h.out,
                             lm_gather_grain(&job.gather), copy_rows, &job);
}

LAMINA_CLONES
static void add_run(float *to, const float *from, int64_t n)
{
  LAMINA_INDEPENDENT
  for (int64_t i = 0; i < n; i++) {
    to[i] += from[i];
  }
}

static void add_image(const struct job *job, int64_t n)
{
  const struct lm_gather *g = &job->gather;
  int64_t size = g->h.in * g->w.in * g->c;
  float *image = job->to + n * size;
  if (job->request == LAMINA_WRITE) {
    memset(image, 0, (size_t)size * sizeof *image);
  }
  for (int64_t oh = 0; oh < g->h.out; oh++) {
    const float *from = job->from + (n * g->h.out + oh) * g->w.out * g->c;
    int64_t row = lm_axis_from(&g->h, oh);
    for (int64_t o = 0; o < g->w.out && row >= 0;) {
      struct run run = run_at(&g->w, o);
      if (run.from >= 0) {
        add_run(image + (row * g->w.in + run.from) * g->c, from + o * g->c, run.count * g->c);
      }
      o += run.count;
    }
  }
}

static int32_t add_images(void *arg, int64_t begin, int64_t end, uint32_t lane)
{
  const struct job *job = arg;
  int64_t size = job->gather.h.in * job->gather.w.in * job->gather.c;
  (void)lane;
  for (int64_t n = begin; n < end; n++) {
    add_image(job, n);
    LAMINA_TRY(lamina_epilogue_apply(job->epilogue, n * size, size));
  }
  return LAMINA_OK;
}

int32_t lm_gather_backward(const void *self, struct lamina_call *call, lm_gather_fn maps)
{
  uint32_t request = LAMINA_SKIP;
  const struct lamina_view *dx = lamina_grad(call, LAMINA_IN, 0, &request);
  if (request == LAMINA_SKIP) {
    return LAMINA_OK;
  }
  const struct lamina_view *dy = lamina_grad(call, LAMINA_OUT, 0, NULL);
  if (dx == NULL || dy == NULL) {
    return LAMINA_E_PLUGIN;
  }
  struct job job = {.from = dy->data,
                    .to = dx->data,
                    .request = request,
                    .epilogue = lamina_epilogue(call, LAMINA_IN, 0)};
  LAMINA_TRY(gather_of(self, call, &dx->type, maps, &job.gather));
  return lamina_parallel_for(call, job.gather.images, 1, add_images, &job);
}
