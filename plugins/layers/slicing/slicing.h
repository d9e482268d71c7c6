/*
 * Positions of one axis that are copied to a tensor of their own, and their gradients back: what
 * split and slice have in common.
 *
 * Shapes: x [..., L, ...] seen as [R, L, I], y [R, K, I]: y[r, k, :] = x[r, first + k * step, :].
 */
#ifndef LM_SLICING_H
#define LM_SLICING_H

#include <lamina/expect.h>
#include <lamina/layer.h>

/** Which positions of x are in y. */
struct lm_slice {
  int64_t rows, length, inner; /* R, L, I */
  int64_t first, count, step;  /* count: K; all positions lie in 0 .. L - 1 */
};

/**
 * For infer() and the passes: the number of the axis that a setting names, where negative ones
 * count from the last, and R, L and I. Refuses axes that x has not, and the batch.
 */
int32_t lm_slice_axis(struct lamina_call *call, const struct lamina_type *x, int64_t axis,
                      uint32_t *number, struct lm_slice *slice);

/** Declares output index: x with K positions on the axis. */
int32_t lm_slice_out(struct lamina_plan *plan, uint32_t index, const struct lamina_type *x,
                     uint32_t axis, const struct lm_slice *slice);

/** y from x. */
int32_t lm_slice_take(struct lamina_call *call, const struct lm_slice *slice, const float *x,
                      float *y);

/**
 * What the slice adds to the gradient of x.
 * @param request  LAMINA_WRITE or LAMINA_ADD
 * @param alone    the rest of dx is set to 0, if request is LAMINA_WRITE; else it stays
 */
int32_t lm_slice_give(struct lamina_call *call, const struct lm_slice *slice, const float *dy,
                      float *dx, uint32_t request, int32_t alone);

#endif
