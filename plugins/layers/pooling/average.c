/*
 * y = the sum of x over each window, divided by the number of positions inside of the input, or
 * of the input and its padding. What a last window has beyond the padding never counts.
 *
 * Backward needs no values: dx gets dy divided by the same number at each position.
 */
#include "average.h"

#include <string.h>

#include <lamina/epilogue.h>

#include "convolution/lanes.h"

struct job {
  struct lm_pool pool;
  bool count_padding;
  uint32_t request;
  const float *x, *dy;
  float *y, *dx;
  const struct lamina_epilogue *epilogue;
};

/** A window: its image, what of it lies inside, how many positions count, and its means. */
struct place {
  const float *image;
  struct lm_inside at[2];
  float count;
  float *y;
};

int32_t lm_average_pool_infer(void *instance, struct lamina_plan *plan)
{
  struct lm_pool pool;
  struct lamina_type y;
  int64_t dims[4];
  return lm_pool_infer(instance, plan, &pool, &y, dims);
}

/* Positions of an axis that count. */
LAMINA_INLINE int64_t counted(const struct job *job, const struct lm_window *w,
                              const struct lm_inside *at)
{
  if (!job->count_padding) {
    return at->last - at->first;
  }
  int64_t room = w->in + w->after - at->start;
  int64_t last = (room + w->dilation - 1) / w->dilation;
  return last < w->kernel ? last : w->kernel;
}

/* The means of a vector of channels of one window, from channel c on. */
#define POOL_WINDOW(V)                                                                          \
  LAMINA_INLINE void pool_##V(const struct lm_pool *pool, const struct place *place, int64_t c) \
  {                                                                                             \
    const struct lm_inside *at = place->at;                                                     \
    V sum = {0};                                                                                \
    for (int64_t i = at[0].first; i < at[0].last; i++) {                                        \
      const float *row =                                                                        \
          place->image + (at[0].start + i * pool->h.dilation) * pool->w.in * pool->c + c;       \
      for (int64_t j = at[1].first; j < at[1].last; j++) {                                      \
        sum += LM_LOAD(V, row + (at[1].start + j * pool->w.dilation) * pool->c);                \
      }                                                                                         \
    }                                                                                           \
    LM_STORE(V, place->y + c, sum / place->count);                                              \
  }
POOL_WINDOW(lm_lanes)
POOL_WINDOW(lm_few_lanes)
POOL_WINDOW(lm_one_lane)

LAMINA_INLINE void pool_window(const struct lm_pool *pool, const struct place *place)
{
  int64_t c = 0;
  for (; c + LM_LANES <= pool->c; c += LM_LANES) {
    pool_lm_lanes(pool, place, c);
  }
  for (; c + LM_FEW_LANES <= pool->c; c += LM_FEW_LANES) {
    pool_lm_few_lanes(pool, place, c);
  }
  for (; c < pool->c; c++) {
    pool_lm_one_lane(pool, place, c);
  }
}

/* Rows of the output, numbered through all images. */
LAMINA_CLONES
static void pool_rows(const struct job *job, int64_t begin, int64_t end)
{
  const struct lm_pool *pool = &job->pool;
  for (int64_t r = begin; r < end; r++) {
    struct place place = {
        .image = job->x + r / pool->h.out * pool->h.in * pool->w.in * pool->c,
        .at = {lm_window_inside(&pool->h, r % pool->h.out)},
        .y = job->y + r * pool->w.out * pool->c,
    };
    int64_t rows = counted(job, &pool->h, &place.at[0]);
    for (int64_t ow = 0; ow < pool->w.out; ow++) {
      place.at[1] = lm_window_inside(&pool->w, ow);
      place.count = (float)(rows * counted(job, &pool->w, &place.at[1]));
      pool_window(pool, &place);
      place.y += pool->c;
    }
  }
}

static int32_t pool_body(void *arg, int64_t begin, int64_t end, uint32_t lane)
{
  const struct job *job = arg;
  int64_t row = job->pool.w.out * job->pool.c;
  (void)lane;
  pool_rows(job, begin, end);
  return lamina_epilogue_apply(job->epilogue, begin * row, (end - begin) * row);
}

int32_t lm_average_pool_forward(void *instance, struct lamina_call *call)
{
  const struct lm_pooling *self = instance;
  const struct lamina_view *x = lamina_get(call, LAMINA_IN, 0);
  const struct lamina_view *y = lamina_get(call, LAMINA_OUT, 0);
  if (x == NULL || y == NULL) {
    return LAMINA_E_PLUGIN;
  }
  struct job job = {.count_padding = self->count_padding != 0,
                    .x = x->data,
                    .y = y->data,
                    .epilogue = lamina_epilogue(call, LAMINA_OUT, 0)};
  LAMINA_TRY(lm_pool_of(self, call, &x->type, &job.pool));
  return lamina_parallel_for(call, job.pool.images * job.pool.h.out,
                             lm_pool_grain(&job.pool, job.pool.h.out), pool_body, &job);
}

/* What windows of a row of outputs give to a row of dx; `rows` of each window count. */
LAMINA_INLINE void spread_row(const struct job *job, const float *dy, int64_t rows, float *row)
{
  const struct lm_pool *pool = &job->pool;
  for (int64_t ow = 0; ow < pool->w.out; ow++) {
    const struct lm_inside at = lm_window_inside(&pool->w, ow);
    float share = 1.0f / (float)(rows * counted(job, &pool->w, &at));
    for (int64_t j = at.first; j < at.last; j++) {
      float *dx = row + (at.start + j * pool->w.dilation) * pool->c;
      LAMINA_INDEPENDENT
      for (int64_t k = 0; k < pool->c; k++) {
        dx[k] += dy[k] * share;
      }
    }
    dy += pool->c;
  }
}

/* Rows of dx, numbered through all images; each takes from the windows in their order. */
LAMINA_CLONES
static void spread_rows(const struct job *job, int64_t begin, int64_t end)
{
  const struct lm_pool *pool = &job->pool;
  int64_t size = pool->w.in * pool->c;
  for (int64_t r = begin; r < end; r++) {
    float *row = job->dx + r * size;
    const struct lm_reaching windows = lm_windows_reaching(&pool->h, r % pool->h.in);
    if (job->request == LAMINA_WRITE) {
      memset(row, 0, (size_t)size * sizeof *row);
    }
    for (int64_t oh = windows.first; oh < windows.last; oh++) {
      const struct lm_inside at = lm_window_inside(&pool->h, oh);
      int64_t out = (r / pool->h.in * pool->h.out + oh) * pool->w.out * pool->c;
      if (lm_window_position(&pool->h, oh, r % pool->h.in) >= 0) {
        spread_row(job, job->dy + out, counted(job, &pool->h, &at), row);
      }
    }
  }
}

static int32_t spread_body(void *arg, int64_t begin, int64_t end, uint32_t lane)
{
  const struct job *job = arg;
  int64_t size = job->pool.w.in * job->pool.c;
  (void)lane;
  spread_rows(job, begin, end);
  return lamina_epilogue_apply(job->epilogue, begin * size, (end - begin) * size);
}

int32_t lm_average_pool_backward(void *instance, struct lamina_call *call)
{
  const struct lm_pooling *self = instance;
  uint32_t request = LAMINA_SKIP;
  const struct lamina_view *dx = lamina_grad(call, LAMINA_IN, 0, &request);
  if (request == LAMINA_SKIP) {
    return LAMINA_OK;
  }
  const struct lamina_view *dy = lamina_grad(call, LAMINA_OUT, 0, NULL);
  if (dx == NULL || dy == NULL) {
    return LAMINA_E_PLUGIN;
  }
  struct job job = {.count_padding = self->count_padding != 0,
                    .dy = dy->data,
                    .dx = dx->data,
                    .request = request,
                    .epilogue = lamina_epilogue(call, LAMINA_IN, 0)};
  LAMINA_TRY(lm_pool_of(self, call, &dx->type, &job.pool));
  return lamina_parallel_for(call, job.pool.images * job.pool.h.in,
                             lm_pool_grain(&job.pool, job.pool.h.in), spread_body, &job);
}
