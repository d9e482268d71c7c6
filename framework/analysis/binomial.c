/*
 * A tail is summed from its largest term outwards, where each term is a simple multiple of the
 * one before and smaller than it, so a few times sqrt(n) terms are all that count. Shares are
 * found by halving an interval.
 */
#include "analysis/binomial.h"

#include <float.h>
#include <math.h>

static double log_term(int64_t k, int64_t n, double p)
{
  double all = (double)n, some = (double)k;
  return lgamma(all + 1.0) - lgamma(some + 1.0) - lgamma(all - some + 1.0) + some * log(p) +
         (all - some) * log1p(-p);
}

/* P(B <= k) for k below the mean: from k down. */
static double lower_tail(int64_t k, int64_t n, double p)
{
  double term = exp(log_term(k, n, p)), sum = 0.0;
  for (int64_t i = k; i >= 0 && term > sum * DBL_EPSILON; i--) {
    sum += term;
    term *= (double)i / (double)(n - i + 1) * (1.0 - p) / p;
  }
  return sum;
}

double lm_binomial_at_most(int64_t k, int64_t n, double p)
{
  if (k < 0) {
    return 0.0;
  }
  if (k >= n || p <= 0.0) {
    return 1.0;
  }
  if (p >= 1.0) {
    return 0.0;
  }
  /* The other tail is that of the failures. */
  return (double)k <= (double)n * p ? lower_tail(k, n, p) : 1.0 - lower_tail(n - k - 1, n, 1.0 - p);
}

int64_t lm_binomial_quantile(double chance, int64_t n, double p)
{
  int64_t below = -1, at = n; /* P(B <= below) < chance <= P(B <= at) */
  while (at - below > 1) {
    int64_t middle = below + (at - below) / 2;
    if (lm_binomial_at_most(middle, n, p) >= chance) {
      at = middle;
    } else {
      below = middle;
    }
  }
  return at;
}

/* The p with P(B <= k) = chance, which falls as p rises; 0 <= k < n. */
static double solve(int64_t k, int64_t n, double chance)
{
  double low = 0.0, high = 1.0;
  for (int i = 0; i < 100 && high - low > DBL_EPSILON * high; i++) {
    double middle = 0.5 * (low + high);
    if (lm_binomial_at_most(k, n, middle) > chance) {
      low = middle;
    } else {
      high = middle;
    }
  }
  return 0.5 * (low + high);
}

struct lm_interval lm_share_interval(int64_t k, int64_t n, double confidence)
{
  double chance = 0.5 * (1.0 - confidence);
  return (struct lm_interval){.low = k <= 0 ? 0.0 : solve(k - 1, n, 1.0 - chance),
                              .high = k >= n ? 1.0 : solve(k, n, chance)};
}
