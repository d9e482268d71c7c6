/*
 * Ranks among the sorted scores of normals are found by bisection, so that equal scores, which a
 * model that copies its input gives everywhere, are counted exactly.
 */
#include "analysis/outliers.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

static int ascending(const void *left, const void *right)
{
  double a = *(const double *)left;
  double b = *(const double *)right;
  return (a > b) - (a < b);
}

void lm_scores_sort(double *scores, int64_t n)
{
  qsort(scores, (size_t)n, sizeof *scores, ascending);
}

/* A product such as 0.29 * 100 is meant to be 29, and is a little less. */
static int64_t floor_of(double product)
{
  return (int64_t)floor(product * (1.0 + 1e-12));
}

int64_t lm_normals_needed(double rate)
{
  int64_t n = (int64_t)floor(1.0 / rate) - 1; /* floor((n + 1) rate) must be 1 */
  n = n < 1 ? 1 : n;
  while (floor_of((double)(n + 1) * rate) < 1) {
    n++;
  }
  return n;
}

int64_t lm_normals_needed_for_interval(const struct lm_threshold_options *options)
{
  /* The largest score must be above the quantile, and the smallest below, but for a small chance:
     (1 - rate)^n and rate^n. */
  double chance = log(0.5 * (1.0 - options->confidence));
  double upper = ceil(chance / log1p(-options->rate));
  double lower = ceil(chance / log(options->rate));
  return (int64_t)fmax(upper, lower);
}

enum lamina_status lm_threshold_set(const double *normals, int64_t n,
                                    const struct lm_threshold_options *options,
                                    struct lm_threshold *out, struct lm_error *error)
{
  double quantile = 1.0 - options->rate;
  double chance = 0.5 * (1.0 - options->confidence);
  int64_t above = floor_of((double)(n + 1) * options->rate);
  if (above < 1) {
    return lm_fail(error, LAMINA_E_INVALID,
                   "%lld normal records are too few for a rate of false alarms of %g, expected at "
                   "least %lld",
                   (long long)n, options->rate, (long long)lm_normals_needed(options->rate));
  }
  above = above > n ? n : above;
  out->rank = n + 1 - above;
  out->value = normals[out->rank - 1];
  /* With B scores up to the quantile, the l-th smallest is above it if B < l, and the u-th
     smallest below it if B >= u. */
  int64_t lower = lm_binomial_quantile(chance, n, quantile);
  int64_t upper = lm_binomial_quantile(1.0 - chance, n, quantile) + 1;
  out->interval.low = lower < 1 ? (double)-INFINITY : normals[lower - 1];
  out->interval.high = upper > n ? (double)INFINITY : normals[upper - 1];
  /* The share above the rank-th of n is of the beta distribution with parameters above and rank,
     whose quantiles are ends of intervals of shares. */
  out->rates.low = lm_share_interval(above, n, options->confidence).low;
  out->rates.high = lm_share_interval(above - 1, n, options->confidence).high;
  return LAMINA_OK;
}

/* How many of the sorted scores are below a score, or up to it. */
static int64_t count_below(const double *sorted, int64_t n, double score, bool equal)
{
  int64_t low = 0, high = n;
  while (low < high) {
    int64_t middle = low + (high - low) / 2;
    if (sorted[middle] < score || (equal && sorted[middle] == score)) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

double lm_outlier_chance(const double *normals, int64_t n, double score)
{
  return (double)(1 + n - count_below(normals, n, score, false)) / (double)(n + 1);
}

double lm_outlier_auc(const double *normals, int64_t n_normals, const double *outliers,
                      int64_t n_outliers)
{
  int64_t halves = 0; /* a pair that is told apart is two */
  for (int64_t i = 0; i < n_outliers; i++) {
    halves += count_below(normals, n_normals, outliers[i], false) +
              count_below(normals, n_normals, outliers[i], true);
  }
  return (double)halves / (2.0 * (double)n_normals * (double)n_outliers);
}
