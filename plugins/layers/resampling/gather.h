/*
 * Images whose pixels are copies of another image's pixels: padding, cropping, repetition. Each
 * axis maps its positions by itself, so that a layer is two maps.
 *
 * Shapes: x [N, H, W, C] or [N, H, W], y [N, OH, OW, C] or [N, OH, OW].
 */
#ifndef LM_RESAMPLING_GATHER_H
#define LM_RESAMPLING_GATHER_H

#include <lamina/layer.h>
#include <lamina/math.h>

/** Where position o of the output comes from, if at = o - before is outside of the input. */
enum {
  LM_OUTSIDE_VALUE = 0,    /* nowhere: it is a constant */
  LM_OUTSIDE_CIRCULAR = 1, /* the opposite side */
  LM_OUTSIDE_REFLECT = 2,  /* the mirror image, the border itself not repeated */
  LM_OUTSIDE_EDGE = 3      /* the nearest position */
};

/** The map of an axis. */
struct lm_axis {
  int64_t in, out;
  int64_t before;  /* positions before the input; negative: so many are left out */
  int64_t repeats; /* of each position; 1, unless before is 0 */
  int32_t outside; /* LM_OUTSIDE_* */
};

/** The maps of a batch of images. */
struct lm_gather {
  struct lm_axis h, w;
  int64_t images, c;
  float value;
};

/** The input position of output position o; -1 for the constant. */
LAMINA_INLINE int64_t lm_axis_from(const struct lm_axis *axis, int64_t o)
{
  int64_t at = (axis->repeats == 1 ? o : o / axis->repeats) - axis->before, in = axis->in;
  if (at >= 0 && at < in) {
    return at;
  }
  switch (axis->outside) {
    case LM_OUTSIDE_CIRCULAR:
      return ((at % in) + in) % in;
    case LM_OUTSIDE_REFLECT:
      return at < 0 ? -at : 2 * (in - 1) - at;
    case LM_OUTSIDE_EDGE:
      return at < 0 ? 0 : in - 1;
    default:
      return -1;
  }
}

/** Fills the maps for an input of this type, or refuses it with a sentence; pure. */
typedef int32_t (*lm_gather_fn)(const void *self, struct lamina_call *call,
                                const struct lamina_type *x, struct lm_gather *gather);

/**
 * infer() of such a layer: one input that is not empty, an output of the maps' sizes; both passes
 * hand pieces over.
 */
int32_t lm_gather_infer(const void *self, struct lamina_plan *plan, lm_gather_fn maps);
/** forward() and backward(). */
int32_t lm_gather_forward(const void *self, struct lamina_call *call, lm_gather_fn maps);
int32_t lm_gather_backward(const void *self, struct lamina_call *call, lm_gather_fn maps);

/** Output rows in a chunk of a parallel loop. */
int64_t lm_gather_grain(const struct lm_gather *gather);

#endif
