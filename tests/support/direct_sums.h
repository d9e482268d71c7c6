/*
 * Convolutions by their definition, in double precision: every term of the sum, one by one. A
 * convolution has three tensors, and each term is one element of each; what a pass computes is
 * the sum of the products of two of them over the third.
 */
#ifndef LM_TESTS_DIRECT_SUMS_H
#define LM_TESTS_DIRECT_SUMS_H

#include "tests/support/layer_probe.h"

/** One axis; `more` is the output padding of a transposed convolution. */
struct ls_axis {
  int64_t image, out, kernel, stride, dilation, before, after, more;
};

/** y [N, out, K] from image [N, in, C], W [kernel, C / groups, K]; the first axis may be 1. */
struct ls_convolution {
  int64_t n, c, k, groups;
  struct ls_axis axes[2];
  bool circular;
};

enum { LS_IMAGE = 0, LS_WEIGHTS = 1, LS_RESULT = 2 };

/** Sums, and the sums of the sizes of their terms. */
struct ls_sums {
  double *values, *sizes;
  int64_t count;
};

/**
 * sums[i] = the sum over all terms of the products of the elements of the two others, for each
 * of image, weights and result. Release with ls_release_sums().
 */
void ls_direct_sums(const struct ls_convolution *v, const float *const tensors[3],
                    struct ls_sums sums[3]);
void ls_release_sums(struct ls_sums sums[3]);

/**
 * Runs conv1d, conv2d (by the number of axes) or conv_transpose2d over random shapes: sizes of 1
 * and primes, strides beyond the kernel, batches of 0 and 1, groups, dilation, circular borders;
 * a quarter of them depthwise.
 * All outputs and gradients must be the direct sums, but for rounding.
 */
void ls_check_convolutions(const char *layer, int axes, int count);

#endif
