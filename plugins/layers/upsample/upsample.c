/*
 * upsample: images enlarged by whole factors, by repetition or by bilinear interpolation.
 *
 * Bilinear: a pixel of y lies at s = (o + 1/2) / factor - 1/2 of each axis of x, between the pixels
 * floor(s) and floor(s) + 1, limited to the image; with align_corners at o (H - 1) / (OH - 1), so
 * that corners stay corners. Backward adds dy with the same four shares, image by image.
 *
 * Shapes: x [N, H, W, C] or [N, H, W], y [N, H factor, W factor, C]. Repetition is in
 * plugins/layers/resampling.
 */
#include <string.h>

#include <lamina/epilogue.h>

#include "convolution/window.h"
#include "resampling/gather.h"

enum { NEAREST = 0, BILINEAR = 1, AXES = 2 };

struct upsample {
  struct lamina_i64s factor;
  int32_t mode, align_corners;
};

static const struct lamina_setting settings[] = {
    LAMINA_I64S(struct upsample, factor, "2", "[1, 32767]",
                "how many times larger, for both axes or for each"),
    LAMINA_CHOICE(struct upsample, mode, "nearest", "nearest|bilinear",
                  "repeat pixels, or interpolate between them"),
    LAMINA_BOOL(struct upsample, align_corners, "false",
                "bilinear: corner pixels keep their values and places"),
};

/** One pass of bilinear interpolation: x and y, or dx and dy. */
struct job {
  struct lm_gather gather;
  bool align;
  uint32_t request;
  const float *x, *dy;
  float *y, *dx;
  const struct lamina_epilogue *epilogue;
};

static int32_t maps(const void *instance, struct lamina_call *call, const struct lamina_type *x,
                    struct lm_gather *gather)
{
  const struct upsample *self = instance;
  (void)x;
  LAMINA_TRY(lm_window_check_list(call, &self->factor, "factor", AXES));
  gather->h.repeats = lm_window_item(&self->factor, 0);
  gather->w.repeats = lm_window_item(&self->factor, 1);
  gather->h.out = gather->h.in * gather->h.repeats;
  gather->w.out = gather->w.in * gather->w.repeats;
  return LAMINA_OK;
}

static int32_t infer(void *instance, struct lamina_plan *plan)
{
  const struct upsample *self = instance;
  if (self->align_corners && self->mode != BILINEAR) {
    return lamina_fail(plan->call, LAMINA_E_INVALID,
                       "align_corners is for mode: bilinear, repetition has no such choice");
  }
  return lm_gather_infer(instance, plan, maps);
}

/* The gather of lm_gather_forward(), for types that it has accepted. */
static int32_t job_of(const struct upsample *self, struct lamina_call *call,
                      const struct lamina_type *x, struct job *job)
{
  job->align = self->align_corners != 0;
  job->gather = (struct lm_gather){.images = x->dims[0],
                                   .c = lm_window_channels(x, AXES),
                                   .h = {.in = x->dims[1]},
                                   .w = {.in = x->dims[2]}};
  return maps(self, call, x, &job->gather);
}

/** A position between two: share of `after`, the rest of `at`. */
struct place {
  int64_t at, after;
  float share;
};

LAMINA_INLINE struct place place_of(const struct lm_axis *axis, bool align, int64_t o)
{
  double s = ((double)o + 0.5) / (double)axis->repeats - 0.5;
  if (align) {
    s = axis->out > 1 ? (double)o * (double)(axis->in - 1) / (double)(axis->out - 1) : 0.0;
  }
  s = s > 0.0 ? s : 0.0;
  struct place place = {.at = (int64_t)s};
  place.at = place.at < axis->in ? place.at : axis->in - 1;
  place.after = place.at + 1 < axis->in ? place.at + 1 : place.at;
  place.share = (float)(s - (double)place.at);
  return place;
}

/* Row r of the output, numbered through all images. */
LAMINA_CLONES
static void interpolate_row(const struct job *job, int64_t r)
{
  const struct lm_gather *g = &job->gather;
  const float *image = job->x + r / g->h.out * g->h.in * g->w.in * g->c;
  struct place row = place_of(&g->h, job->align, r % g->h.out);
  const float *above = image + row.at * g->w.in * g->c, *below = image + row.after * g->w.in * g->c;
  float *y = job->y + r * g->w.out * g->c;
  for (int64_t o = 0; o < g->w.out; o++, y += g->c) {
    struct place column = place_of(&g->w, job->align, o);
    const float *a = above + column.at * g->c, *b = above + column.after * g->c;
    const float *c = below + column.at * g->c, *d = below + column.after * g->c;
    float left = 1.0f - column.share, up = 1.0f - row.share;
    LAMINA_INDEPENDENT
    for (int64_t i = 0; i < g->c; i++) {
      y[i] = up * (left * a[i] + column.share * b[i]) +
             row.share * (left * c[i] + column.share * d[i]);
    }
  }
}

static int32_t interpolate_rows(void *arg, int64_t begin, int64_t end, uint32_t lane)
{
  const struct job *job = arg;
  int64_t row = job->gather.w.out * job->gather.c;
  (void)lane;
  for (int64_t r = begin; r < end; r++) {
    interpolate_row(job, r);
  }
  return lamina_epilogue_apply(job->epilogue, begin * row, (end - begin) * row);
}

static int32_t forward(void *instance, struct lamina_call *call)
{
  const struct upsample *self = instance;
  if (self->mode == NEAREST) {
    return lm_gather_forward(instance, call, maps);
  }
  const struct lamina_view *x = lamina_get(call, LAMINA_IN, 0);
  const struct lamina_view *y = lamina_get(call, LAMINA_OUT, 0);
  if (x == NULL || y == NULL) {
    return LAMINA_E_PLUGIN;
  }
  struct job job = {.x = x->data, .y = y->data, .epilogue = lamina_epilogue(call, LAMINA_OUT, 0)};
  LAMINA_TRY(job_of(self, call, &x->type, &job));
  return lamina_parallel_for(call, job.gather.images * job.gather.h.out,
                             lm_gather_grain(&job.gather), interpolate_rows, &job);
}

/* dx += share * dy. */
LAMINA_INLINE void add_share(float *dx, const float *dy, float share, int64_t n)
{
  LAMINA_INDEPENDENT
  for (int64_t i = 0; i < n; i++) {
    dx[i] += share * dy[i];
  }
}

LAMINA_CLONES
static void spread_row(const struct job *job, int64_t n, int64_t oh)
{
  const struct lm_gather *g = &job->gather;
  float *image = job->dx + n * g->h.in * g->w.in * g->c;
  struct place row = place_of(&g->h, job->align, oh);
  float *above = image + row.at * g->w.in * g->c, *below = image + row.after * g->w.in * g->c;
  const float *dy = job->dy + (n * g->h.out + oh) * g->w.out * g->c;
  for (int64_t o = 0; o < g->w.out; o++, dy += g->c) {
    struct place column = place_of(&g->w, job->align, o);
    float left = 1.0f - column.share, up = 1.0f - row.share;
    add_share(above + column.at * g->c, dy, up * left, g->c);
    add_share(above + column.after * g->c, dy, up * column.share, g->c);
    add_share(below + column.at * g->c, dy, row.share * left, g->c);
    add_share(below + column.after * g->c, dy, row.share * column.share, g->c);
  }
}

static int32_t spread_images(void *arg, int64_t begin, int64_t end, uint32_t lane)
{
  const struct job *job = arg;
  int64_t size = job->gather.h.in * job->gather.w.in * job->gather.c;
  (void)lane;
  for (int64_t n = begin; n < end; n++) {
    if (job->request == LAMINA_WRITE) {
      memset(job->dx + n * size, 0, (size_t)size * sizeof(float));
    }
    for (int64_t oh = 0; oh < job->gather.h.out; oh++) {
      spread_row(job, n, oh);
    }
    LAMINA_TRY(lamina_epilogue_apply(job->epilogue, n * size, size));
  }
  return LAMINA_OK;
}

static int32_t backward(void *instance, struct lamina_call *call)
{
  const struct upsample *self = instance;
  uint32_t request = LAMINA_SKIP;
  if (self->mode == NEAREST) {
    return lm_gather_backward(instance, call, maps);
  }
  const struct lamina_view *dx = lamina_grad(call, LAMINA_IN, 0, &request);
  if (request == LAMINA_SKIP) {
    return LAMINA_OK;
  }
  const struct lamina_view *dy = lamina_grad(call, LAMINA_OUT, 0, NULL);
  if (dx == NULL || dy == NULL) {
    return LAMINA_E_PLUGIN;
  }
  struct job job = {.dy = dy->data,
                    .dx = dx->data,
                    .request = request,
                    .epilogue = lamina_epilogue(call, LAMINA_IN, 0)};
  LAMINA_TRY(job_of(self, call, &dx->type, &job));
  return lamina_parallel_for(call, job.gather.images, 1, spread_images, &job);
}

LAMINA_LAYER(upsample, "1.0.0", "enlarges images by whole factors", struct upsample,
             LAMINA_SETTINGS(settings), .infer = infer, .forward = forward, .backward = backward);
