/*
 * Forward, and the gradient of the image, which is the same with the roles exchanged: each pixel
 * of the one image is a sum over a grid of pixels of the other one. Which, is a question for each
 * axis: positions `first`, first + step, ... of the window, and the pixels that they meet, have
 * equal distances, also with a stride or gaps. Along a row, pixels with the same grid are
 * computed a few at a time, so that an element of W is read once for all of them.
 */
#include "depthwise.h"

#include <lamina/math.h>

#include "lanes.h"

enum { PIXELS = 8, FEW_PIXELS = 3, CHUNK_WORK = 1 << 18 };

/** The window's positions that meet something, seen from one pixel of an axis. */
struct taps {
  int64_t count;
  int64_t first, step;         /* positions */
  int64_t source, source_step; /* pixels that they meet */
};

/** One axis of a pass: pixels first .. last - 1 meet all positions that they can. */
struct axis {
  const struct lm_window *window;
  int64_t to, from; /* pixels */
  int64_t first, last;
  int64_t every, moves; /* pixels so far apart have the same grid, moved by so many */
};

struct job {
  bool back; /* from dy to dx */
  struct axis h, w;
  int64_t c;
  const float *from, *weights, *bias;
  float *to;
  bool add;
  const struct lamina_epilogue *epilogue;
};

/** What is summed up for pixels beside each other. */
struct grid {
  const float *from, *weights, *bias;
  int64_t rows, columns;
  int64_t from_row, from_column, from_pixel;
  int64_t weight_row, weight_column;
  int64_t to_pixel, channels;
  bool add;
};

static int64_t clamp(int64_t value, int64_t least, int64_t most)
{
  int64_t raised = value < least ? least : value;
  return raised > most ? most : raised;
}

static int64_t common_divisor(int64_t a, int64_t b)
{
  while (b != 0) {
    int64_t rest = a % b;
    a = b;
    b = rest;
  }
  return a;
}

static int64_t ceil_div(int64_t a, int64_t b)
{
  return a / b + (a % b > 0);
}

static struct axis forward_axis(const struct lm_window *w)
{
  struct axis axis = {.window = w, .to = w->out, .from = w->in, .every = 1, .moves = w->stride};
  lm_window_whole(w, &axis.first, &axis.last);
  return axis;
}

static struct axis back_axis(const struct lm_window *w)
{
  struct axis axis = {.window = w, .to = w->in, .from = w->out, .every = w->stride, .moves = 1};
  axis.first = clamp(w->dilation * (w->kernel - 1) - w->before, 0, w->in);
  axis.last = clamp((w->out - 1) * w->stride - w->before + 1, axis.first, w->in);
  return axis;
}

static struct taps forward_taps(const struct lm_window *w, int64_t o)
{
  struct lm_inside inside = lm_window_inside(w, o);
  return (struct taps){.count = inside.last - inside.first,
                       .first = inside.first,
                       .step = 1,
                       .source = inside.start + inside.first * w->dilation,
                       .source_step = w->dilation};
}

/* Positions i, outputs o with o * stride - before + i * dilation = at. */
static struct taps back_taps(const struct lm_window *w, int64_t at)
{
  int64_t divisor = common_divisor(w->stride, w->dilation);
  struct taps taps = {.step = w->stride / divisor, .source_step = -w->dilation / divisor};
  int64_t begin = at + w->before, fall = -taps.source_step;
  while (taps.first < w->kernel && (begin - taps.first * w->dilation) % w->stride != 0) {
    taps.first++;
  }
  taps.source = (begin - taps.first * w->dilation) / w->stride;
  int64_t beyond = taps.source - (w->out - 1);
  int64_t skipped = beyond > 0 ? ceil_div(beyond, fall) : 0;
  taps.first += skipped * taps.step;
  taps.source -= skipped * fall;
  if (taps.first < w->kernel && taps.source >= 0) {
    int64_t positions = (w->kernel - 1 - taps.first) / taps.step + 1;
    taps.count = taps.source / fall + 1;
    taps.count = taps.count < positions ? taps.count : positions;
  }
  return taps;
}

static struct taps taps_of(const struct job *job, const struct axis *axis, int64_t at)
{
  return job->back ? back_taps(axis->window, at) : forward_taps(axis->window, at);
}

/* A vector of channels from c on, of `count` pixels. */
#define PIXELS_OF(V, suffix)                                                                \
  LAMINA_INLINE void pixels_##suffix(const struct grid *g, float *to, int64_t c, int count) \
  {                                                                                         \
    V sum[PIXELS];                                                                          \
    _Pragma("GCC unroll 8") for (int p = 0; p < count; p++)                                 \
    {                                                                                       \
      sum[p] = (V){0};                                                                      \
    }                                                                                       \
    for (int64_t i = 0; i < g->rows; i++) {                                                 \
      const float *from = g->from + i * g->from_row + c;                                    \
      const float *weights = g->weights + i * g->weight_row + c;                            \
      for (int64_t j = 0; j < g->columns; j++) {                                            \
        V w = LM_LOAD(V, weights);                                                          \
        _Pragma("GCC unroll 8") for (int p = 0; p < count; p++)                             \
        {                                                                                   \
          sum[p] += LM_LOAD(V, from + p * g->from_pixel) * w;                               \
        }                                                                                   \
        from += g->from_column;                                                             \
        weights += g->weight_column;                                                        \
      }                                                                                     \
    }                                                                                       \
    _Pragma("GCC unroll 8") for (int p = 0; p < count; p++)                                 \
    {                                                                                       \
      float *at = to + p * g->to_pixel + c;                                                 \
      if (g->bias != NULL) {                                                                \
        sum[p] += LM_LOAD(V, g->bias + c);                                                  \
      }                                                                                     \
      if (g->add) {                                                                         \
        sum[p] += LM_LOAD(V, at);                                                           \
      }                                                                                     \
      LM_STORE(V, at, sum[p]);                                                              \
    }                                                                                       \
  }
PIXELS_OF(lm_lanes, lanes)
PIXELS_OF(lm_few_lanes, few)
PIXELS_OF(lm_lane, lane)

LAMINA_INLINE void all_channels(const struct grid *g, float *to, int count)
{
  int64_t c = 0;
  for (; c + LM_LANES <= g->channels; c += LM_LANES) {
    pixels_lanes(g, to, c, count);
  }
  for (; c + LM_FEW_LANES <= g->channels; c += LM_FEW_LANES) {
    pixels_few(g, to, c, count);
  }
  for (; c < g->channels; c++) {
    pixels_lane(g, to, c, count);
  }
}

LAMINA_INLINE void run_pixels(struct grid *g, float *to, int64_t count)
{
  while (count > 0) {
    int64_t step = count >= PIXELS ? PIXELS : count >= FEW_PIXELS ? FEW_PIXELS : 1;
    if (step == PIXELS) {
      all_channels(g, to, PIXELS);
    } else if (step == FEW_PIXELS) {
      all_channels(g, to, FEW_PIXELS);
    } else {
      all_channels(g, to, 1);
    }
    g->from += step * g->from_pixel;
    to += step * g->to_pixel;
    count -= step;
  }
}

/* `count` pixels of a row from `column` on, `every` apart. */
LAMINA_INLINE void run_columns(const struct job *job, int64_t row, const struct taps *rows,
                               int64_t column, int64_t count)
{
  const struct axis *h = &job->h, *w = &job->w;
  struct taps columns = taps_of(job, w, column);
  int64_t pixel = (row / h->to * h->from + rows->source) * w->from + columns.source;
  int64_t position = rows->first * w->window->kernel + columns.first;
  bool empty = rows->count <= 0 || columns.count <= 0;
  struct grid grid = {.from = empty ? job->from : job->from + pixel * job->c,
                      .weights = empty ? job->weights : job->weights + position * job->c,
                      .bias = job->bias,
                      .rows = empty ? 0 : rows->count,
                      .columns = empty ? 0 : columns.count,
                      .from_row = rows->source_step * w->from * job->c,
                      .from_column = columns.source_step * job->c,
                      .from_pixel = empty ? 0 : w->moves * job->c,
                      .weight_row = rows->step * w->window->kernel * job->c,
                      .weight_column = columns.step * job->c,
                      .to_pixel = w->every * job->c,
                      .channels = job->c,
                      .add = job->add};
  run_pixels(&grid, job->to + (row * w->to + column) * job->c, count);
}

/* Columns of a row whose pixels meet all positions that they can. */
LAMINA_INLINE void run_inside(const struct job *job, int64_t row, const struct taps *rows)
{
  const struct axis *w = &job->w;
  for (int64_t i = w->first; i < w->first + w->every && i < w->last; i++) {
    run_columns(job, row, rows, i, (w->last - i + w->every - 1) / w->every);
  }
}

/* Rows of the image that is made, numbered through all images. */
LAMINA_CLONES
static void run_rows(const struct job *job, int64_t begin, int64_t end)
{
  const struct axis *w = &job->w;
  for (int64_t row = begin; row < end; row++) {
    struct taps rows = taps_of(job, &job->h, row % job->h.to);
    for (int64_t column = 0; column < w->first; column++) {
      run_columns(job, row, &rows, column, 1);
    }
    run_inside(job, row, &rows);
    for (int64_t column = w->last; column < w->to; column++) {
      run_columns(job, row, &rows, column, 1);
    }
  }
}

static int32_t rows_body(void *arg, int64_t begin, int64_t end, uint32_t lane)
{
  const struct job *job = arg;
  int64_t row = job->w.to * job->c;
  (void)lane;
  run_rows(job, begin, end);
  return lamina_epilogue_apply(job->epilogue, begin * row, (end - begin) * row);
}

static int32_t run(struct job *job, int64_t images, struct lamina_call *call)
{
  const struct lm_window *h = job->h.window, *w = job->w.window;
  double work = (double)job->w.to * (double)job->c * (double)(h->kernel * w->kernel) /
                (double)(job->h.every * job->w.every);
  int64_t grain = work >= CHUNK_WORK ? 1 : (int64_t)(CHUNK_WORK / (work < 1.0 ? 1.0 : work));
  return lamina_parallel_for(call, images * job->h.to, grain, rows_body, job);
}

int32_t lm_depthwise_forward(const struct lm_convolution *v, struct lamina_call *call,
                             const struct lm_convolution_task *task)
{
  struct job job = {.h = forward_axis(&v->h),
                    .w = forward_axis(&v->w),
                    .c = v->c,
                    .from = task->x,
                    .weights = task->w,
                    .bias = task->b,
                    .to = task->y,
                    .add = task->request == LAMINA_ADD,
                    .epilogue = task->epilogue};
  return run(&job, v->images, call);
}

int32_t lm_depthwise_input_gradient(const struct lm_convolution *v, struct lamina_call *call,
                                    const struct lm_convolution_task *task)
{
  struct job job = {.back = true,
                    .h = back_axis(&v->h),
                    .w = back_axis(&v->w),
                    .c = v->c,
                    .from = task->dy,
                    .weights = task->w,
                    .to = task->dx,
                    .add = task->request == LAMINA_ADD,
                    .epilogue = task->epilogue};
  return run(&job, v->images, call);
}
