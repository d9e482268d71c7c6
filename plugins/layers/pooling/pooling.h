/*
 * Pooling: one number of each window and channel. One or two axes; a signal is an image of
 * height 1.
 *
 * Padding holds no numbers: a window looks only at what lies inside of the input. Every window
 * has something there, or the settings are refused.
 *
 * Shapes: x [N, (H,) W, C] or [N, (H,) W], y the same with OH and OW.
 */
#ifndef LM_POOLING_H
#define LM_POOLING_H

#include <lamina/layer.h>
#include <lamina/math.h>

#include "convolution/window.h"

/** The instance of max_pool1d, max_pool2d, avg_pool1d and avg_pool2d. */
struct lm_pooling {
  struct lamina_i64s kernel, stride, padding, dilation;
  int32_t same, ceil;
  int32_t count_padding; /* of averages */
  uint32_t axes;         /* 1 or 2, from setup */
};

/** The settings of all of them. */
#define LM_POOLING_ROWS                             \
  LM_WINDOW_ROWS(struct lm_pooling, "2", "2"),      \
      LAMINA_BOOL(struct lm_pooling, ceil, "false", \
                  "let a last window reach beyond the border instead of leaving pixels out")

/** Pooling of one batch. */
struct lm_pool {
  struct lm_window h, w;
  int64_t images, c;
};

int32_t lm_pool_of(const struct lm_pooling *self, struct lamina_call *call,
                   const struct lamina_type *x, struct lm_pool *pool);

/**
 * The part of infer() that is the same for all: one input, the output, whose type comes back for
 * tensors that are as large, and both passes hand pieces over.
 *
 * @param dims  room for the dimensions of *y
 */
int32_t lm_pool_infer(const struct lm_pooling *self, struct lamina_plan *plan, struct lm_pool *pool,
                      struct lamina_type *y, int64_t dims[4]);

/** Rows in a chunk of a parallel loop over `rows` rows of each image. */
int64_t lm_pool_grain(const struct lm_pool *pool, int64_t rows);

/** Windows first .. last - 1 reach to position q, or step over it. */
struct lm_reaching {
  int64_t first, last;
};

LAMINA_INLINE struct lm_reaching lm_windows_reaching(const struct lm_window *w, int64_t q)
{
  int64_t at = q + w->before, beyond = at - w->dilation * (w->kernel - 1);
  struct lm_reaching reaching = {.last = at / w->stride + 1};
  reaching.first = beyond <= 0 ? 0 : (beyond + w->stride - 1) / w->stride;
  reaching.last = reaching.last < w->out ? reaching.last : w->out;
  return reaching;
}

/** The position of window o that lies at q; -1 when it steps over it. */
LAMINA_INLINE int64_t lm_window_position(const struct lm_window *w, int64_t o, int64_t q)
{
  int64_t distance = q + w->before - o * w->stride;
  return w->dilation == 1 ? distance : distance % w->dilation == 0 ? distance / w->dilation : -1;
}

#endif
