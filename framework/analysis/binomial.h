/*
 * Chances of counts: the binomial distribution, and what a count tells about the share behind it.
 * Floor 10.
 */
#ifndef LM_ANALYSIS_BINOMIAL_H
#define LM_ANALYSIS_BINOMIAL_H

#include <stdint.h>

/** A range with both ends in it. */
struct lm_interval {
  double low, high;
};

/** P(B <= k) for B successes in n independent trials that succeed with probability p. */
double lm_binomial_at_most(int64_t k, int64_t n, double p);

/**
 * The smallest k with P(B <= k) >= chance, for chance in (0, 1).
 */
int64_t lm_binomial_quantile(double chance, int64_t n, double p);

/**
 * The interval of Clopper and Pearson for a share of which k of n were seen: it holds the true
 * share in at least `confidence` of all cases, whatever that is. n >= 1, 0 <= k <= n.
 */
struct lm_interval lm_share_interval(int64_t k, int64_t n, double confidence);

#endif
