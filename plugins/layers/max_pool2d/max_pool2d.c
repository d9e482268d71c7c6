/*
 * max_pool2d: y = the largest x of each window, channel by channel.
 *
 * Of equal numbers the first in row-major order counts; NaN is larger than all others. Padding
 * holds no numbers: a window looks only at what lies inside of the image. Which position won is
 * saved, so backward reads neither x nor y, and others may overwrite them.
 *
 * Shapes: x [N, H, W, C] or [N, H, W], y [N, OH, OW, C].
 */
#include <string.h>

#include <lamina/layer.h>
#include <lamina/math.h>

#include "convolution/window.h"

/* Work of a chunk in comparisons: 5 to 30 us. */
enum { WINNER = 0, AXES = 2, MOST_POSITIONS = 65535, CHUNK = 65536 };

struct max_pool2d {
  struct lamina_i64s kernel, stride, padding, dilation;
  int32_t same, ceil;
};

static const struct lamina_setting settings[] = {
    LM_WINDOW_ROWS(struct max_pool2d, "2", "2"),
    LAMINA_BOOL(struct max_pool2d, ceil, "false",
                "let a last window reach beyond the border instead of leaving pixels out"),
};

struct job {
  struct lm_window h, w;
  int64_t images, c;
  const float *x, *dy;
  float *y, *dx;
  uint16_t *winner;
  uint32_t request;
};

static int32_t job_of(const struct max_pool2d *self, struct lamina_call *call,
                      const struct lamina_type *x, struct job *job)
{
  const struct lm_window_settings windows = {.kernel = self->kernel,
                                             .stride = self->stride,
                                             .padding = self->padding,
                                             .dilation = self->dilation,
                                             .same = self->same != 0,
                                             .ceil = self->ceil != 0};
  struct lm_window axes[AXES];
  LAMINA_TRY(lm_windows_infer(call, &windows, x, AXES, axes));
  LAMINA_TRY(lm_windows_expect_inside(call, axes, AXES));
  *job = (struct job){
      .h = axes[0], .w = axes[1], .images = x->dims[0], .c = lm_window_channels(x, AXES)};
  return LAMINA_OK;
}

static int32_t infer(void *instance, struct lamina_plan *plan)
{
  const struct max_pool2d *self = instance;
  struct job job;
  LAMINA_TRY(lamina_expect_inputs(plan, 1));
  const struct lamina_type *x = lamina_in_f32(plan, 0);
  if (x == NULL) {
    return LAMINA_E_SHAPE;
  }
  LAMINA_TRY(job_of(self, plan->call, x, &job));
  if (job.h.kernel * job.w.kernel > MOST_POSITIONS) {
    return lamina_failf(plan->call, LAMINA_E_SHAPE, "a window has %lld positions, more than %d",
                        (long long)(job.h.kernel * job.w.kernel), MOST_POSITIONS);
  }
  const int64_t dims[4] = {job.images, job.h.out, job.w.out, job.c};
  struct lamina_type y = lamina_type_f32(x->rank, dims);
  struct lamina_type winner = lamina_type_make(LAMINA_DT_UINT, 16, x->rank, dims);
  LAMINA_TRY(lamina_out(plan, 0, &y));
  LAMINA_TRY(lm_windows_note(plan, (const struct lm_window[]){job.h, job.w}, AXES));
  return lamina_save(plan, WINNER, &winner);
}

/* Position `position` of a window is at x: channel by channel, the larger one stays. winner is
 * NULL when no backward follows. */
LAMINA_INLINE void take_larger(const float *x, uint16_t position, float *best, uint16_t *winner,
                               int64_t c)
{
  LAMINA_INDEPENDENT
  for (int64_t i = 0; i < c; i++) {
    /* Not `x > best`: a NaN is to win, and then to stay. */
    int larger = (x[i] > best[i]) | (x[i] != x[i] && best[i] == best[i]);
    best[i] = lamina_selectf(larger, x[i], best[i]);
    if (winner != NULL) {
      winner[i] = (uint16_t)(larger ? position : winner[i]);
    }
  }
}

LAMINA_INLINE void take_first(const float *x, uint16_t position, float *best, uint16_t *winner,
                              int64_t c)
{
  for (int64_t i = 0; i < c; i++) {
    best[i] = x[i];
    if (winner != NULL) {
      winner[i] = position;
    }
  }
}

LAMINA_INLINE void pool_window(const struct job *job, const float *image, int64_t oh, int64_t ow,
                               float *best, uint16_t *winner)
{
  bool first = true;
  for (int64_t i = 0; i < job->h.kernel; i++) {
    int64_t row = oh * job->h.stride - job->h.before + i * job->h.dilation;
    for (int64_t j = 0; j < job->w.kernel && row >= 0 && row < job->h.in; j++) {
      int64_t column = ow * job->w.stride - job->w.before + j * job->w.dilation;
      const float *x = image + (row * job->w.in + column) * job->c;
      if (column >= 0 && column < job->w.in) {
        (first ? take_first : take_larger)(x, (uint16_t)(i * job->w.kernel + j), best, winner,
                                           job->c);
        first = false;
      }
    }
  }
}

/* Rows of the output, numbered through all images. */
LAMINA_INLINE void pool_rows(const struct job *job, int64_t begin, int64_t end, bool keep)
{
  for (int64_t r = begin; r < end; r++) {
    const float *image = job->x + r / job->h.out * job->h.in * job->w.in * job->c;
    for (int64_t ow = 0; ow < job->w.out; ow++) {
      int64_t at = (r * job->w.out + ow) * job->c;
      pool_window(job, image, r % job->h.out, ow, job->y + at, keep ? job->winner + at : NULL);
    }
  }
}

LAMINA_CLONES
static void pool_and_keep(const struct job *job, int64_t begin, int64_t end)
{
  pool_rows(job, begin, end, true);
}

LAMINA_CLONES
static void pool_only(const struct job *job, int64_t begin, int64_t end)
{
  pool_rows(job, begin, end, false);
}

static int32_t pool_body(void *arg, int64_t begin, int64_t end, uint32_t lane)
{
  const struct job *job = arg;
  (void)lane;
  (job->winner != NULL ? pool_and_keep : pool_only)(job, begin, end);
  return LAMINA_OK;
}

/* Rows a chunk. */
static int64_t grain(const struct job *job)
{
  int64_t row = job->w.out * job->c * job->h.kernel * job->w.kernel;
  return row >= CHUNK || row == 0 ? 1 : CHUNK / row;
}

static int32_t forward(void *instance, struct lamina_call *call)
{
  const struct lamina_view *x = lamina_get(call, LAMINA_IN, 0);
  const struct lamina_view *y = lamina_get(call, LAMINA_OUT, 0);
  bool keep = (lamina_mode(call) & LAMINA_MODE_KEEP) != 0;
  const struct lamina_view *winner = keep ? lamina_get(call, LAMINA_SAVE, WINNER) : NULL;
  struct job job;
  if (x == NULL || y == NULL || (keep && winner == NULL)) {
    return LAMINA_E_PLUGIN;
  }
  LAMINA_TRY(job_of(instance, call, &x->type, &job));
  job.x = x->data;
  job.y = y->data;
  job.winner = keep ? winner->data : NULL;
  return lamina_parallel_for(call, job.images * job.h.out, grain(&job), pool_body, &job);
}

/* dx gets dy where the position won. Windows may overlap, so dx is added to. */
LAMINA_INLINE void give_back(const float *dy, const uint16_t *winner, uint16_t position, float *dx,
                             int64_t c)
{
  LAMINA_INDEPENDENT
  for (int64_t i = 0; i < c; i++) {
    dx[i] += lamina_selectf(winner[i] == position, dy[i], 0.0f);
  }
}

LAMINA_INLINE void unpool_window(const struct job *job, float *image, int64_t oh, int64_t ow,
                                 int64_t at)
{
  for (int64_t i = 0; i < job->h.kernel; i++) {
    int64_t row = oh * job->h.stride - job->h.before + i * job->h.dilation;
    for (int64_t j = 0; j < job->w.kernel && row >= 0 && row < job->h.in; j++) {
      int64_t column = ow * job->w.stride - job->w.before + j * job->w.dilation;
      if (column >= 0 && column < job->w.in) {
        give_back(job->dy + at, job->winner + at, (uint16_t)(i * job->w.kernel + j),
                  image + (row * job->w.in + column) * job->c, job->c);
      }
    }
  }
}

LAMINA_CLONES
static void unpool_images(const struct job *job, int64_t begin, int64_t end)
{
  int64_t size = job->h.in * job->w.in * job->c;
  for (int64_t n = begin; n < end; n++) {
    float *image = job->dx + n * size;
    if (job->request == LAMINA_WRITE) {
      memset(image, 0, (size_t)size * sizeof *image);
    }
    for (int64_t o = 0; o < job->h.out * job->w.out; o++) {
      unpool_window(job, image, o / job->w.out, o % job->w.out,
                    (n * job->h.out * job->w.out + o) * job->c);
    }
  }
}

static int32_t unpool_body(void *arg, int64_t begin, int64_t end, uint32_t lane)
{
  (void)lane;
  unpool_images(arg, begin, end);
  return LAMINA_OK;
}

static int32_t backward(void *instance, struct lamina_call *call)
{
  struct job job;
  uint32_t request = LAMINA_SKIP;
  const struct lamina_view *dx = lamina_grad(call, LAMINA_IN, 0, &request);
  if (request == LAMINA_SKIP) {
    return LAMINA_OK;
  }
  const struct lamina_view *dy = lamina_grad(call, LAMINA_OUT, 0, NULL);
  const struct lamina_view *winner = lamina_get(call, LAMINA_SAVE, WINNER);
  if (dx == NULL || dy == NULL || winner == NULL) {
    return LAMINA_E_PLUGIN;
  }
  LAMINA_TRY(job_of(instance, call, &dx->type, &job));
  job.dy = dy->data;
  job.dx = dx->data;
  job.winner = winner->data;
  job.request = request;
  return lamina_parallel_for(call, job.images, 1, unpool_body, &job);
}

LAMINA_LAYER(max_pool2d, "1.0.0", "the largest number of each window", struct max_pool2d,
             LAMINA_SETTINGS(settings), .infer = infer, .forward = forward, .backward = backward);
