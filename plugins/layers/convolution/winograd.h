/*
 * Convolution by 3 x 3 windows with a quarter of the multiplications. Lavin, Gray: "Fast
 * algorithms for convolutional neural networks", CVPR 2016: F(4 x 4, 3 x 3), points 0, 1, -1, 2,
 * -2 and infinity.
 *
 * A tile of 6 x 6 inputs d makes 4 x 4 outputs y of a window g:
 *
 *   y = A' [(G g G') * (B' d B)] A          the product * element by element
 *
 * For all tiles and channels the products are 36 matrix products, one for each place of the
 * transformed tile. Tiles are taken in groups that stay in the cache. The price is rounding: the
 * transforms multiply by up to 8 and subtract, and the error is that of a sum some ten times as
 * large.
 */
#ifndef LM_CONVOLUTION_WINOGRAD_H
#define LM_CONVOLUTION_WINOGRAD_H

#include <lamina/math.h>

#include "convolution.h"

enum { LM_TILE = 6, LM_TILE_OUT = 4, LM_PLACES = LM_TILE * LM_TILE };

/** How the work is cut and laid out. Planes are matrices, one for each place. */
struct lm_winograd {
  const struct lm_convolution *v;
  int64_t rows, columns; /* tiles below and beside each other in an image */
  int64_t tiles, group;  /* of all images; in a group */
  int64_t c_row, k_row;  /* floats between the tiles of a plane, or between weights */
  int64_t c_plane, k_plane;
};

/** Whether a convolution can be computed so, and has enough tiles and channels to gain by it. */
bool lm_winograd_fits(const struct lm_convolution *v);

struct lm_winograd lm_winograd_of(const struct lm_convolution *v);

/** Whole alignments that hold so many floats, in bytes. */
static inline uint64_t lm_float_bytes(int64_t count)
{
  uint64_t bytes = (uint64_t)count * sizeof(float);
  return (bytes + LAMINA_ALIGNMENT - 1) / LAMINA_ALIGNMENT * LAMINA_ALIGNMENT;
}

/** Scratch and computation as of lm_convolution_forward(). winograd.c */
void lm_winograd_forward_scratch(const struct lm_convolution *v,
                                 struct lm_convolution_scratch *out);
int32_t lm_winograd_forward(const struct lm_convolution *v, struct lamina_call *call,
                            const struct lm_convolution_task *task);

/** Scratch and computation as of lm_convolution_weight_gradient(). winograd_weights.c */
void lm_winograd_weight_scratch(const struct lm_convolution *v, struct lm_convolution_scratch *out);
int32_t lm_winograd_weight_gradient(const struct lm_convolution *v, struct lamina_call *call,
                                    const struct lm_convolution_task *task);

/** A group of tiles whose inputs are transformed. */
struct lm_winograd_inputs {
  const float *x;
  const float *zeros; /* as many as there are channels */
  int64_t first;      /* tile of the group */
  float *out;         /* planes */
};

/** Transforms tiles begin .. end - 1 of a group. */
void lm_winograd_transform(const struct lm_winograd *w, const struct lm_winograd_inputs *inputs,
                           int64_t begin, int64_t end);

#endif
