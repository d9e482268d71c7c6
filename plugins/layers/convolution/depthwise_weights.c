/*
 * The gradient of the weights of a depthwise convolution: for each position of the window, the
 * sum over all pixels of x times dy, channel by channel. Up to 3 x 3 positions are summed up at
 * once, in registers, along a row of pixels. Rows are cut into parts with a sum each, which are
 * added in their order.
 */
#include <string.h>

#include "depthwise.h"
#include "lanes.h"

enum { PARTS = 16, SIDE = 3 };

struct job {
  const struct lm_convolution *v;
  const struct lm_convolution_task *task;
  int64_t rows, parts; /* of the outputs, of all images */
  float *sums;         /* [parts, KH, KW, C] */
};

/** Positions of the window that pixels beside each other have in the image. */
struct grid {
  const float *x, *dy;
  float *sums;
  int64_t rows, columns;
  int64_t x_row, x_column, x_pixel;
  int64_t sum_row;
  int64_t pixels, channels;
};

/* A vector of channels from c on. */
#define POSITIONS_OF(V, suffix)                                                                 \
  LAMINA_INLINE void positions_##suffix(const struct grid *g, int64_t c, int rows, int columns) \
  {                                                                                             \
    V sum[SIDE][SIDE];                                                                          \
    _Pragma("GCC unroll 3") for (int i = 0; i < rows; i++)                                      \
    {                                                                                           \
      _Pragma("GCC unroll 3") for (int j = 0; j < columns; j++)                                 \
      {                                                                                         \
        sum[i][j] = LM_LOAD(V, g->sums + i * g->sum_row + j * g->channels + c);                 \
      }                                                                                         \
    }                                                                                           \
    const float *x = g->x + c, *dy = g->dy + c;                                                 \
    for (int64_t p = 0; p < g->pixels; p++) {                                                   \
      V d = LM_LOAD(V, dy);                                                                     \
      _Pragma("GCC unroll 3") for (int i = 0; i < rows; i++)                                    \
      {                                                                                         \
        _Pragma("GCC unroll 3") for (int j = 0; j < columns; j++)                               \
        {                                                                                       \
          sum[i][j] += LM_LOAD(V, x + i * g->x_row + j * g->x_column) * d;                      \
        }                                                                                       \
      }                                                                                         \
      x += g->x_pixel;                                                                          \
      dy += g->channels;                                                                        \
    }                                                                                           \
    _Pragma("GCC unroll 3") for (int i = 0; i < rows; i++)                                      \
    {                                                                                           \
      _Pragma("GCC unroll 3") for (int j = 0; j < columns; j++)                                 \
      {                                                                                         \
        LM_STORE(V, g->sums + i * g->sum_row + j * g->channels + c, sum[i][j]);                 \
      }                                                                                         \
    }                                                                                           \
  }
POSITIONS_OF(lm_lanes, lanes)
POSITIONS_OF(lm_few_lanes, few)
POSITIONS_OF(lm_lane, lane)

LAMINA_INLINE void all_channels(const struct grid *g, int rows, int columns)
{
  int64_t c = 0;
  for (; c + LM_LANES <= g->channels; c += LM_LANES) {
    positions_lanes(g, c, rows, columns);
  }
  for (; c + LM_FEW_LANES <= g->channels; c += LM_FEW_LANES) {
    positions_few(g, c, rows, columns);
  }
  for (; c < g->channels; c++) {
    positions_lane(g, c, rows, columns);
  }
}

/* One to three rows of positions. */
LAMINA_INLINE void add_columns(struct grid g, int rows)
{
  int64_t left = g.columns;
  for (; left >= SIDE; left -= SIDE) {
    all_channels(&g, rows, SIDE);
    g.x += SIDE * g.x_column;
    g.sums += SIDE * g.channels;
  }
  for (; left > 0; left--) {
    all_channels(&g, rows, 1);
    g.x += g.x_column;
    g.sums += g.channels;
  }
}

LAMINA_INLINE void add_grid(struct grid g)
{
  while (g.rows > 0) {
    int64_t step = g.rows >= SIDE ? SIDE : 1;
    if (step == SIDE) {
      add_columns(g, SIDE);
    } else {
      add_columns(g, 1);
    }
    g.x += step * g.x_row;
    g.sums += step * g.sum_row;
    g.rows -= step;
  }
}

/* `count` pixels of a row of outputs from `column` on, with the same positions. */
LAMINA_INLINE void add_pixels(const struct job *job, float *sums, int64_t row, int64_t column,
                              int64_t count)
{
  const struct lm_convolution *v = job->v;
  const struct lm_inside h = lm_window_inside(&v->h, row % v->h.out);
  const struct lm_inside w = lm_window_inside(&v->w, column);
  if (h.first >= h.last || w.first >= w.last) {
    return;
  }
  int64_t y = row / v->h.out * v->h.in + h.start + h.first * v->h.dilation;
  int64_t x = w.start + w.first * v->w.dilation;
  add_grid((struct grid){.x = job->task->x + (y * v->w.in + x) * v->c,
                         .dy = job->task->dy + (row * v->w.out + column) * v->c,
                         .sums = sums + (h.first * v->w.kernel + w.first) * v->c,
                         .rows = h.last - h.first,
                         .columns = w.last - w.first,
                         .x_row = v->h.dilation * v->w.in * v->c,
                         .x_column = v->w.dilation * v->c,
                         .x_pixel = v->w.stride * v->c,
                         .sum_row = v->w.kernel * v->c,
                         .pixels = count,
                         .channels = v->c});
}

LAMINA_CLONES
static void add_part(const struct job *job, int64_t part)
{
  const struct lm_convolution *v = job->v;
  int64_t count = lm_convolution_patch(v) * v->k, first, last;
  float *sums = job->sums + part * count;
  memset(sums, 0, (size_t)count * sizeof *sums);
  lm_window_whole(&v->w, &first, &last);
  for (int64_t r = job->rows * part / job->parts; r < job->rows * (part + 1) / job->parts; r++) {
    for (int64_t column = 0; column < v->w.out;) {
      int64_t pixels = column == first && last > first ? last - first : 1;
      add_pixels(job, sums, r, column, pixels);
      column += pixels;
    }
  }
}

static int32_t parts_body(void *arg, int64_t begin, int64_t end, uint32_t lane)
{
  (void)lane;
  for (int64_t part = begin; part < end; part++) {
    add_part(arg, part);
  }
  return LAMINA_OK;
}

static struct job job_of(const struct lm_convolution *v)
{
  struct job job = {.v = v, .rows = v->images * v->h.out};
  job.parts = job.rows < PARTS ? job.rows : PARTS;
  return job;
}

void lm_depthwise_weight_scratch(const struct lm_convolution *v, struct lm_convolution_scratch *out)
{
  struct job job = job_of(v);
  uint64_t floats = (uint64_t)(job.parts * lm_convolution_patch(v) * v->k);
  *out = (struct lm_convolution_scratch){floats * sizeof(float), 0};
}

int32_t lm_depthwise_weight_gradient(const struct lm_convolution *v, struct lamina_call *call,
                                     const struct lm_convolution_task *task)
{
  struct job job = job_of(v);
  job.task = task;
  job.sums = job.parts == 0 ? NULL : lamina_scratch(call, LAMINA_SHARED);
  if (job.parts > 0 && job.sums == NULL) {
    return LAMINA_E_PLUGIN;
  }
  LAMINA_TRY(lamina_parallel_for(call, job.parts, 1, parts_body, &job));
  return lm_convolution_add_parts(v, call, task, job.sums, job.parts);
}
