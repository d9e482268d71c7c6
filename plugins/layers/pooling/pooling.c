/* Sizes and declarations of pooling layers. */
#include "pooling.h"

enum { AXES = 2, CHUNK = 65536 }; /* operations a chunk: 5 to 30 us */

int32_t lm_pool_of(const struct lm_pooling *self, struct lamina_call *call,
                   const struct lamina_type *x, struct lm_pool *pool)
{
  const struct lm_window_settings windows = {.kernel = self->kernel,
                                             .stride = self->stride,
                                             .padding = self->padding,
                                             .dilation = self->dilation,
                                             .same = self->same != 0,
                                             .ceil = self->ceil != 0};
  struct lm_window axes[AXES];
  LAMINA_TRY(lm_windows_infer(call, &windows, x, self->axes, axes));
  LAMINA_TRY(lm_windows_expect_inside(call, axes, self->axes));
  *pool = (struct lm_pool){.images = x->dims[0],
                           .h = self->axes == 1 ? lm_window_none() : axes[0],
                           .w = axes[self->axes - 1],
                           .c = lm_window_channels(x, self->axes)};
  return LAMINA_OK;
}

int32_t lm_pool_infer(const struct lm_pooling *self, struct lamina_plan *plan, struct lm_pool *pool,
                      struct lamina_type *y, int64_t dims[4])
{
  LAMINA_TRY(lamina_expect_inputs(plan, 1));
  const struct lamina_type *x = lamina_in_f32(plan, 0);
  if (x == NULL) {
    return LAMINA_E_SHAPE;
  }
  LAMINA_TRY(lm_pool_of(self, plan->call, x, pool));
  const struct lm_window windows[AXES] = {pool->h, pool->w};
  uint32_t at = 0;
  dims[at++] = pool->images;
  if (self->axes == 2) {
    dims[at++] = pool->h.out;
  }
  dims[at++] = pool->w.out;
  if (at < x->rank) {
    dims[at] = pool->c;
  }
  *y = lamina_type_f32(x->rank, dims);
  LAMINA_TRY(lamina_out(plan, 0, y));
  LAMINA_TRY(lm_windows_note(plan, windows + AXES - self->axes, self->axes));
  LAMINA_TRY(lamina_may_fuse(plan, LAMINA_FORWARD, 0));
  return lamina_may_fuse(plan, LAMINA_BACKWARD, 0);
}

int64_t lm_pool_grain(const struct lm_pool *pool, int64_t rows)
{
  double image = (double)(pool->h.out * pool->w.out) * (double)pool->c *
                 (double)(pool->h.kernel * pool->w.kernel);
  double row = image / (double)rows;
  return row >= CHUNK || row < 1.0 ? 1 : (int64_t)(CHUNK / row);
}
