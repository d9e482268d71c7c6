/*
 * What every regularizer must pass: values by hand, and ranges that add up to the whole.
 */
#ifndef LM_TESTS_REGULARIZER_CHECKS_H
#define LM_TESTS_REGULARIZER_CHECKS_H

#include <stdint.h>

/** Weights, gradients before and after, and the penalty, all exact in float32. */
struct regularizer_case {
  const char *yaml;
  const float *weight, *before, *after;
  int64_t n;
  double value;
};

/** The numbers of the case, with a gradient and without; no weights have no penalty. */
void regularizer_check(const struct regularizer_case *wanted);

/** Two ranges, cut anywhere, give the same gradient to the bit and the same sum. */
void regularizer_check_splits(const char *yaml);

#endif
