/*
 * Convolutions as matrix products whose left operand is read out of the image.
 *
 *   y[n, o] = b + the sum over window positions i of x[n, o stride - before + i dilation] W[i]
 *
 * A block of output pixels by all positions and channels of their windows, the block's patches,
 * is gathered into memory that stays in the cache, and multiplied with W by the service
 * "lamina.gemm/1". The matrix of all patches, which is as many times larger than the image as a
 * window has positions, exists only where it is small. Other ways are winograd.h and depthwise.h.
 *
 * Blocks depend on the shape alone, and sums over blocks are added in their order, so results
 * do not depend on the number of threads.
 *
 * Shapes: x [N, H, W, C], y [N, OH, OW, K], W [KH, KW, C / groups, K], b [K].
 */
#ifndef LM_CONVOLUTION_H
#define LM_CONVOLUTION_H

#include <stdbool.h>

#include <lamina/conv.h>
#include <lamina/epilogue.h>
#include <lamina/gemm.h>
#include <lamina/service.h>

#include "window.h"

/** One convolution over a batch. */
struct lm_convolution {
  int64_t images;
  struct lm_window h, w;
  int64_t c, k, groups; /* input and output channels */
  bool circular;        /* windows wrap around at borders instead of reading zeros */
  const struct lamina_gemm *gemm;
  const struct lamina_conv *conv; /* computes instead of the code here; NULL: nobody does */
};

/** Refuses channels that the groups do not divide, and weights that no memory holds. */
int32_t lm_convolution_check(struct lamina_call *call, const struct lm_convolution *v);

static inline int64_t lm_convolution_pixels(const struct lm_convolution *v)
{
  return v->images * v->h.out * v->w.out;
}

/** Positions and channels of one window of one group: the length of a patch. */
static inline int64_t lm_convolution_patch(const struct lm_convolution *v)
{
  return v->h.kernel * v->w.kernel * (v->c / v->groups);
}

/** A window's rows first .. last - 1 of `count` pixels of a group. */
struct lm_patches {
  int64_t pixel, count, group;
  int64_t first, last; /* rows of the window */
  int64_t row;         /* floats between patches */
};

/** Gathers patches; what lies outside of the image is 0. patches.c */
void lm_patches_gather(const struct lm_convolution *v, const float *x,
                       const struct lm_patches *patches, float *out);
/** Adds patches to the pixels of the image that they came from. patches.c */
void lm_patches_scatter(const struct lm_convolution *v, const float *in,
                        const struct lm_patches *patches, float *x);

/** Floats between patches of a given length: aligned, and not a power of two apart. */
int64_t lm_patch_row(int64_t length);
/** Pixels of a block whose patches have this length: they fill about 192 KiB. */
int64_t lm_patch_block(int64_t length, int64_t pixels);

/** Scratch of a pass, in bytes. */
struct lm_convolution_scratch {
  uint64_t shared, lane;
};

/** What a pass works on. Those that it does not name are not used. */
struct lm_convolution_task {
  const float *x, *w, *b; /* b may be NULL */
  const float *dy;
  float *y, *dx, *dw;
  uint32_t request; /* LAMINA_WRITE or LAMINA_ADD: what is to be done with dx or dw */
  const struct lamina_epilogue *epilogue; /* of y or dx; may be NULL */
  uint64_t shared_offset;                 /* forward: where its part of the shared scratch begins */
};

/** y from x, w, b. forward.c */
void lm_convolution_forward_scratch(const struct lm_convolution *v,
                                    struct lm_convolution_scratch *out);
int32_t lm_convolution_forward(const struct lm_convolution *v, struct lamina_call *call,
                               const struct lm_convolution_task *task);

/** dx from dy, w. input_gradient.c */
void lm_convolution_input_scratch(const struct lm_convolution *v,
                                  struct lm_convolution_scratch *out);
int32_t lm_convolution_input_gradient(const struct lm_convolution *v, struct lamina_call *call,
                                      const struct lm_convolution_task *task);

/** dw from x, dy. weight_gradient.c */
void lm_convolution_weight_scratch(const struct lm_convolution *v,
                                   struct lm_convolution_scratch *out);
int32_t lm_convolution_weight_gradient(const struct lm_convolution *v, struct lamina_call *call,
                                       const struct lm_convolution_task *task);

/** dw from sums of the same shape, one for each of some parts of the pixels. weight_gradient.c */
int32_t lm_convolution_add_parts(const struct lm_convolution *v, struct lamina_call *call,
                                 const struct lm_convolution_task *task, const float *sums,
                                 int64_t parts);

/** Asks for the service `conv`: *out is NULL unless the experiment chose one. [setup] */
static inline int32_t lm_convolution_choose(struct lamina_call *call,
                                            const struct lamina_conv **out)
{
  const void *found = NULL;
  LAMINA_TRY(lamina_chosen_service(call, LAMINA_CONV_ID, &found));
  *out = found;
  return LAMINA_OK;
}

/** Whether the service `conv` computes this one: it is there, and has borders of zeros only. */
static inline bool lm_convolution_is_served(const struct lm_convolution *v)
{
  return v->conv != NULL && !v->circular && lm_convolution_pixels(v) > 0;
}

/** The passes of one that is served; pass: LAMINA_CONV_FORWARD and so on. served.c */
void lm_served_scratch(const struct lm_convolution *v, uint32_t pass,
                       struct lm_convolution_scratch *out);
int32_t lm_served_run(const struct lm_convolution *v, struct lamina_call *call, uint32_t pass,
                      const struct lm_convolution_task *task);

/** Bytes for lm_gemm run_alone(), and then whole alignments. */
static inline uint64_t lm_gemm_alone_bytes(const struct lamina_gemm *gemm, int64_t m, int64_t n,
                                           int64_t k)
{
  struct lamina_gemm_scratch scratch;
  gemm->scratch(gemm->self, m, n, k, &scratch);
  uint64_t bytes = scratch.shared + scratch.per_lane;
  return (bytes + LAMINA_ALIGNMENT - 1) / LAMINA_ALIGNMENT * LAMINA_ALIGNMENT;
}

#endif
