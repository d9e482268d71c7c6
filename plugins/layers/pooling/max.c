/*
 * y = the largest x of each window, channel by channel.
 *
 * Of equal numbers the first in row-major order counts; NaN is larger than all others. Which
 * position won is saved, so backward reads neither x nor y, and others may overwrite them.
 */
#include "max.h"

#include <math.h>
#include <string.h>

#include <lamina/epilogue.h>

#include "convolution/lanes.h"

enum { WINNER = 0, MOST_POSITIONS = 65535 };

struct job {
  struct lm_pool pool;
  const float *x, *dy;
  float *y, *dx;
  uint16_t *winner; /* NULL when no backward follows */
  uint32_t request;
  const struct lamina_epilogue *epilogue;
};

int32_t lm_max_pool_infer(void *instance, struct lamina_plan *plan)
{
  struct lm_pool pool;
  struct lamina_type y;
  int64_t dims[4];
  LAMINA_TRY(lm_pool_infer(instance, plan, &pool, &y, dims));
  if (pool.h.kernel * pool.w.kernel > MOST_POSITIONS) {
    return lamina_failf(plan->call, LAMINA_E_SHAPE, "a window has %lld positions, more than %d",
                        (long long)(pool.h.kernel * pool.w.kernel), MOST_POSITIONS);
  }
  struct lamina_type winner = lamina_type_make(LAMINA_DT_UINT, 16, y.rank, dims);
  return lamina_save(plan, WINNER, &winner);
}

/** A window: its image, what of it lies inside, and where its maxima are in y. */
struct place {
  const float *image;
  struct lm_inside at[2];
  int64_t out;
};

/* Which lanes of x win: not only those that are larger, since a NaN is to win, and then to stay. */
#define WINS(x, best) (((x) > (best)) | (((x) != (x)) & ((best) == (best))))
#define CHOOSE(mask, yes, no) (((mask) & (yes)) | (~(mask) & (no)))

/* A vector of channels of one window, from channel c on. */
#define POOL_WINDOW(V)                                                                     \
  LAMINA_INLINE void pool_##V(const struct job *job, const struct place *place, int64_t c, \
                              bool keep)                                                   \
  {                                                                                        \
    const struct lm_pool *pool = &job->pool;                                               \
    const struct lm_inside *at = place->at;                                                \
    V best = (V){0} - INFINITY;                                                            \
    V##_int winner = (V##_int){0} + (int32_t)(at[0].first * pool->w.kernel + at[1].first); \
    for (int64_t i = at[0].first; i < at[0].last; i++) {                                   \
      const float *row =                                                                   \
          place->image + (at[0].start + i * pool->h.dilation) * pool->w.in * pool->c + c;  \
      for (int64_t j = at[1].first; j < at[1].last; j++) {                                 \
        V x = LM_LOAD(V, row + (at[1].start + j * pool->w.dilation) * pool->c);            \
        V##_int wins = WINS(x, best);                                                      \
        best = (V)CHOOSE(wins, (V##_int)x, (V##_int)best);                                 \
        winner = CHOOSE(wins, (V##_int){0} + (int32_t)(i * pool->w.kernel + j), winner);   \
      }                                                                                    \
    }                                                                                      \
    LM_STORE(V, job->y + place->out + c, best);                                            \
    if (keep) {                                                                            \
      LM_STORE(V##_short, job->winner + place->out + c,                                    \
               __builtin_convertvector(winner, V##_short));                                \
    }                                                                                      \
  }
POOL_WINDOW(lm_few_lanes)
POOL_WINDOW(lm_one_lane)

/* Position `position` of a window is at x: channel by channel, the larger one stays. */
LAMINA_INLINE void take_larger(const float *x, uint16_t position, float *best, uint16_t *winner,
                               int64_t c)
{
  LAMINA_INDEPENDENT
  for (int64_t i = 0; i < c; i++) {
    int larger = WINS(x[i], best[i]);
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

/* The first c channels of one window, whole vectors of them, by loops that compilers widen. */
LAMINA_INLINE void pool_many(const struct job *job, const struct place *place, int64_t c, bool keep)
{
  const struct lm_pool *pool = &job->pool;
  const struct lm_inside *at = place->at;
  float *best = job->y + place->out;
  uint16_t *winner = keep ? job->winner + place->out : NULL;
  bool first = true;
  for (int64_t i = at[0].first; i < at[0].last; i++) {
    const float *row = place->image + (at[0].start + i * pool->h.dilation) * pool->w.in * pool->c;
    for (int64_t j = at[1].first; j < at[1].last; j++) {
      const float *x = row + (at[1].start + j * pool->w.dilation) * pool->c;
      uint16_t position = (uint16_t)(i * pool->w.kernel + j);
      if (first) {
        take_first(x, position, best, winner, c);
      } else {
        take_larger(x, position, best, winner, c);
      }
      first = false;
    }
  }
}

LAMINA_INLINE void pool_window(const struct job *job, const struct place *place, bool keep)
{
  int64_t channels = job->pool.c, c = channels - channels % LM_LANES;
  if (c > 0) {
    pool_many(job, place, c, keep);
  }
  for (; c + LM_FEW_LANES <= channels; c += LM_FEW_LANES) {
    pool_lm_few_lanes(job, place, c, keep);
  }
  for (; c < channels; c++) {
    pool_lm_one_lane(job, place, c, keep);
  }
}

/* Rows of the output, numbered through all images. */
LAMINA_INLINE void pool_rows(const struct job *job, int64_t begin, int64_t end, bool keep)
{
  const struct lm_pool *pool = &job->pool;
  for (int64_t r = begin; r < end; r++) {
    struct place place = {
        .image = job->x + r / pool->h.out * pool->h.in * pool->w.in * pool->c,
        .at = {lm_window_inside(&pool->h, r % pool->h.out)},
        .out = r * pool->w.out * pool->c,
    };
    for (int64_t ow = 0; ow < pool->w.out; ow++) {
      place.at[1] = lm_window_inside(&pool->w, ow);
      pool_window(job, &place, keep);
      place.out += pool->c;
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
  int64_t row = job->pool.w.out * job->pool.c;
  (void)lane;
  (job->winner != NULL ? pool_and_keep : pool_only)(job, begin, end);
  return lamina_epilogue_apply(job->epilogue, begin * row, (end - begin) * row);
}

int32_t lm_max_pool_forward(void *instance, struct lamina_call *call)
{
  const struct lamina_view *x = lamina_get(call, LAMINA_IN, 0);
  const struct lamina_view *y = lamina_get(call, LAMINA_OUT, 0);
  bool keep = (lamina_mode(call) & LAMINA_MODE_KEEP) != 0;
  const struct lamina_view *winner = keep ? lamina_get(call, LAMINA_SAVE, WINNER) : NULL;
  if (x == NULL || y == NULL || (keep && winner == NULL)) {
    return LAMINA_E_PLUGIN;
  }
  struct job job = {.x = x->data,
                    .y = y->data,
                    .winner = keep ? winner->data : NULL,
                    .epilogue = lamina_epilogue(call, LAMINA_OUT, 0)};
  LAMINA_TRY(lm_pool_of(instance, call, &x->type, &job.pool));
  return lamina_parallel_for(call, job.pool.images * job.pool.h.out,
                             lm_pool_grain(&job.pool, job.pool.h.out), pool_body, &job);
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

/* What the windows' rows number `position`, of a row of outputs from `out` on, give to a row. */
LAMINA_INLINE void unpool_row(const struct job *job, int64_t out, int64_t position, float *row)
{
  const struct lm_pool *pool = &job->pool;
  for (int64_t ow = 0; ow < pool->w.out; ow++) {
    const struct lm_inside at = lm_window_inside(&pool->w, ow);
    for (int64_t j = at.first; j < at.last; j++) {
      give_back(job->dy + out, job->winner + out, (uint16_t)(position * pool->w.kernel + j),
                row + (at.start + j * pool->w.dilation) * pool->c, pool->c);
    }
    out += pool->c;
  }
}

/* Rows of dx, numbered through all images; each takes from the windows in their order. */
LAMINA_CLONES
static void unpool_rows(const struct job *job, int64_t begin, int64_t end)
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
      int64_t position = lm_window_position(&pool->h, oh, r % pool->h.in);
      int64_t out = (r / pool->h.in * pool->h.out + oh) * pool->w.out * pool->c;
      if (position >= 0) {
        unpool_row(job, out, position, row);
      }
    }
  }
}

static int32_t unpool_body(void *arg, int64_t begin, int64_t end, uint32_t lane)
{
  const struct job *job = arg;
  int64_t size = job->pool.w.in * job->pool.c;
  (void)lane;
  unpool_rows(job, begin, end);
  return lamina_epilogue_apply(job->epilogue, begin * size, (end - begin) * size);
}

int32_t lm_max_pool_backward(void *instance, struct lamina_call *call)
{
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
  struct job job = {.dy = dy->data,
                    .dx = dx->data,
                    .winner = winner->data,
                    .request = request,
                    .epilogue = lamina_epilogue(call, LAMINA_IN, 0)};
  LAMINA_TRY(lm_pool_of(instance, call, &dx->type, &job.pool));
  return lamina_parallel_for(call, job.pool.images * job.pool.h.in,
                             lm_pool_grain(&job.pool, job.pool.h.in), unpool_body, &job);
}
