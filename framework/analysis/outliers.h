/*
 * Outliers by their scores: the threshold that normals set, and how well scores tell records of
 * a class from normals.
 *
 * A score is any number that is larger for what is less normal. Nothing is assumed of how scores
 * are distributed; only that the normals at hand, and those to come, are drawn alike.
 * Floor 10.
 */
#ifndef LM_ANALYSIS_OUTLIERS_H
#define LM_ANALYSIS_OUTLIERS_H

#include "analysis/binomial.h"
#include "base/error.h"

/** What is to be flagged, and how sure the intervals are to be. */
struct lm_threshold_options {
  double rate;       /* false alarms: share of normals that may be flagged, in (0, 1) */
  double confidence; /* of the intervals, in (0, 1) */
};

/** A threshold; what scores above it, and nothing else, is an outlier. */
struct lm_threshold {
  double value;
  struct lm_interval interval; /* of the quantile that it stands for; an end may be infinite */
  struct lm_interval rates;    /* share of all normals that are above it, if no two are equal */
  int64_t rank;                /* value is the rank-th smallest score of the normals, from 1 */
};

/** Normals that a threshold for this rate takes at least. */
int64_t lm_normals_needed(double rate);

/** Normals that both ends of the threshold's interval take at least. */
int64_t lm_normals_needed_for_interval(const struct lm_threshold_options *options);

/** Sorts scores, the smallest first; none of them is NaN. */
void lm_scores_sort(double *scores, int64_t n);

/**
 * Sets the threshold: the score of rank ceil((n + 1) (1 - rate)) of n normals. Of normals drawn
 * like these, a share of at most `rate` is flagged, in the mean over what may be drawn. The
 * interval is that of order statistics: it holds the quantile of all normals' scores for 1 - rate
 * with at least that confidence.
 * @param normals  their scores, sorted
 * @return LAMINA_OK; LAMINA_E_INVALID when there are too few normals for the rate
 */
enum lamina_status lm_threshold_set(const double *normals, int64_t n,
                                    const struct lm_threshold_options *options,
                                    struct lm_threshold *out, struct lm_error *error) LM_MUST_CHECK;

/**
 * (1 + number of normals that score as much or more) / (n + 1): the chance of such a rank for a
 * normal. It is at most the rate exactly when the score is above the threshold.
 */
double lm_outlier_chance(const double *normals, int64_t n, double score);

/**
 * The area under the curve of hits over false alarms: the share of pairs of an outlier and a
 * normal in which the outlier scores more; a pair of equals counts half. NaN if there are none.
 * @param normals   sorted
 * @param outliers  in any order
 */
double lm_outlier_auc(const double *normals, int64_t n_normals, const double *outliers,
                      int64_t n_outliers);

#endif
