/*
 * Adding the bias of a layer whose channels are the last axis, where a product cannot do that
 * itself.
 */
#ifndef LM_CONVOLUTION_BIAS_H
#define LM_CONVOLUTION_BIAS_H

#include "convolution.h"

/** Adds a bias to finished pieces of y, then does what the host wants done with them. */
struct lm_bias_finish {
  struct lamina_epilogue epilogue;
  const struct lamina_epilogue *next; /* may be NULL */
  const float *bias;                  /* [K] */
  float *y;
  int64_t k;
};

/** Fills *finish and returns its epilogue. */
const struct lamina_epilogue *lm_bias_finish(struct lm_bias_finish *finish, const float *bias,
                                             const struct lamina_view *y,
                                             const struct lamina_epilogue *next);

#endif
