/*
 * Thresholds from normals: closed forms, and what is promised of them held by thousands of draws
 * from a distribution whose quantiles are known.
 */
#include "analysis/outliers.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "base/rng.h"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

enum { MOST = 2000 };

/* Scores 1, 2, ... n. */
static void numbers(double *scores, int64_t n)
{
  for (int64_t i = 0; i < n; i++) {
    scores[i] = (double)(i + 1);
  }
}

Test(outliers, threshold_is_the_score_of_the_conformal_rank)
{
  static const struct {
    int64_t n;
    double rate, confidence;
    double value, low, high; /* ranks by SciPy's stats.binom.ppf */
  } cases[] = {
      {99, 0.01, 0.95, 99, 96, INFINITY},     {100, 0.01, 0.95, 100, 97, INFINITY},
      {199, 0.01, 0.95, 198, 194, INFINITY},  {1000, 0.01, 0.95, 991, 983, 997},
      {1000, 0.1, 0.95, 901, 881, 919},       {99, 0.29, 0.95, 71, 61, 80},
      {1, 0.5, 0.95, 1, -INFINITY, INFINITY}, {9, 0.9, 0.95, 1, -INFINITY, 4},
      {368, 0.01, 0.95, 366, 360, 368},       {367, 0.01, 0.95, 365, 359, INFINITY},
      {1000, 0.01, 0.5, 991, 988, 993},
  };
  double scores[MOST];
  numbers(scores, MOST);
  for (size_t i = 0; i < COUNT_OF(cases); i++) {
    struct lm_threshold_options options = {cases[i].rate, cases[i].confidence};
    struct lm_threshold found;
    struct lm_error error = {0};
    cr_assert(lm_threshold_set(scores, cases[i].n, &options, &found, &error) == LAMINA_OK, "%s",
              error.text);
    cr_expect(found.value == cases[i].value && (double)found.rank == cases[i].value &&
                  found.interval.low == cases[i].low && found.interval.high == cases[i].high,
              "case %zu: %g in %g to %g", i, found.value, found.interval.low, found.interval.high);
  }
}

Test(outliers, too_few_normals_are_refused_with_the_number_that_is_needed)
{
  static const struct {
    double rate;
    int64_t needed, for_interval; /* log(0.025) / log(1 - rate), or of rate, rounded up */
  } cases[] = {{0.01, 99, 368}, {0.05, 19, 72}, {0.001, 999, 3688}, {0.1, 9, 36},
               {0.29, 3, 11},   {0.5, 1, 6},    {0.07, 14, 51},     {0.9, 1, 36}};
  double scores[MOST];
  numbers(scores, MOST);
  for (size_t i = 0; i < COUNT_OF(cases); i++) {
    struct lm_threshold_options options = {cases[i].rate, 0.95};
    struct lm_threshold found;
    struct lm_error error = {0};
    int64_t needed = cases[i].needed;
    char *words = lm_format("expected at least %lld", (long long)needed);
    cr_assert_eq(lm_normals_needed(options.rate), needed, "%g: %lld", options.rate,
                 (long long)lm_normals_needed(options.rate));
    cr_assert_eq(lm_normals_needed_for_interval(&options), cases[i].for_interval, "%g: %lld",
                 options.rate, (long long)lm_normals_needed_for_interval(&options));
    cr_assert(lm_threshold_set(scores, needed, &options, &found, &error) == LAMINA_OK);
    cr_assert(needed == 1 ||
              lm_threshold_set(scores, needed - 1, &options, &found, &error) == LAMINA_E_INVALID);
    cr_assert(needed == 1 || strstr(error.text, words) != NULL, "%s", error.text);
    lm_free(words);
    int64_t n = cases[i].for_interval;
    if (n <= MOST) {
      cr_assert(lm_threshold_set(scores, n, &options, &found, &error) == LAMINA_OK);
      cr_assert(isfinite(found.interval.low) && isfinite(found.interval.high));
      cr_assert(lm_threshold_set(scores, n - 1, &options, &found, &error) == LAMINA_OK);
      cr_assert(!isfinite(found.interval.low) || !isfinite(found.interval.high));
    }
  }
}

/* Normals are uniform on [0, 1), so a threshold of t flags 1 - t of all normals to come. In
 * DRAWS draws each promise is held but for three standard errors. */
Test(outliers, promises_hold_in_thousands_of_draws)
{
  enum { DRAWS = 4000 };
  static const struct {
    int64_t n;
    double rate;
  } cases[] = {{150, 0.01}, {400, 0.05}, {57, 0.3}};
  struct lm_stream stream = lm_stream_make(7, "draws");
  double scores[MOST];
  for (size_t i = 0; i < COUNT_OF(cases); i++) {
    struct lm_threshold_options options = {cases[i].rate, 0.9};
    int64_t n = cases[i].n;
    double sum = 0.0, squares = 0.0,
           share = floor((double)(n + 1) * options.rate) / (double)(n + 1);
    int holds = 0, rates = 0;
    for (int d = 0; d < DRAWS; d++) {
      struct lm_threshold found;
      for (int64_t k = 0; k < n; k++) {
        scores[k] = (double)lm_stream_below(&stream, (uint64_t)d, (uint64_t)k, 1u << 31) / 0x1p31;
      }
      lm_scores_sort(scores, n);
      cr_assert(lm_threshold_set(scores, n, &options, &found, NULL) == LAMINA_OK);
      double flagged = 1.0 - found.value;
      sum += flagged;
      squares += flagged * flagged;
      holds +=
          found.interval.low <= 1.0 - options.rate && found.interval.high >= 1.0 - options.rate;
      rates += found.rates.low <= flagged && flagged <= found.rates.high;
    }
    double mean = sum / DRAWS, error = sqrt((squares / DRAWS - mean * mean) / DRAWS);
    cr_expect(fabs(mean - share) < 3.0 * error, "%zu: %g are flagged, expected %g", i, mean, share);
    cr_expect(share <= options.rate);
    double least = 0.9 - 3.0 * sqrt(0.9 * 0.1 / DRAWS);
    cr_expect(holds >= (int)(least * DRAWS), "%zu: %d intervals hold the quantile", i, holds);
    cr_expect(fabs((double)rates / DRAWS - 0.9) < 0.9 - least, "%zu: %d hold the rate", i, rates);
  }
}

/* Ties and all: a chance of at most the rate is the same as a score above the threshold. */
Test(outliers, chances_agree_with_the_threshold)
{
  struct lm_stream stream = lm_stream_make(3, "ties");
  double scores[120];
  cr_assert_eq(lm_outlier_chance(scores, 0, 1.0), 1.0);
  for (uint64_t d = 0; d < 300; d++) {
    struct lm_threshold_options options = {0.01 * (double)(1 + d % 40), 0.95};
    int64_t n = 100 + (int64_t)(d % 20);
    struct lm_threshold found;
    for (int64_t k = 0; k < n; k++) {
      scores[k] = (double)lm_stream_below(&stream, d, (uint64_t)k, 1 + d % 50);
    }
    lm_scores_sort(scores, n);
    cr_assert(lm_threshold_set(scores, n, &options, &found, NULL) == LAMINA_OK);
    for (double score = -1.0; score < 52.0; score += 0.5) {
      double chance = lm_outlier_chance(scores, n, score);
      double as_much = 1.0;
      for (int64_t k = 0; k < n; k++) {
        as_much += scores[k] >= score ? 1.0 : 0.0;
      }
      cr_assert_eq(chance, as_much / (double)(n + 1));
      cr_assert_eq(chance <= options.rate * (1.0 + 1e-12), score > found.value,
                   "draw %d, score %g: %g and %g", (int)d, score, chance, found.value);
    }
  }
}

Test(outliers, auc_counts_pairs_and_halves_of_equals)
{
  static const double normals[] = {1, 2, 2, 3}, far[] = {9, 8}, same[] = {2}, below[] = {0, 0.5};
  struct lm_stream stream = lm_stream_make(5, "auc");
  cr_assert_eq(lm_outlier_auc(normals, 4, far, 2), 1.0);
  cr_assert_eq(lm_outlier_auc(normals, 4, below, 2), 0.0);
  cr_assert_eq(lm_outlier_auc(normals, 4, same, 1), 0.5);
  cr_assert_eq(lm_outlier_auc(normals, 4, normals, 4), 0.5);
  cr_assert(isnan(lm_outlier_auc(normals, 0, far, 2)) && isnan(lm_outlier_auc(normals, 4, far, 0)));
  double one[60], two[45];
  for (uint64_t d = 0; d < 50; d++) {
    double pairs = 0.0;
    for (uint64_t k = 0; k < 60; k++) {
      one[k] = (double)lm_stream_below(&stream, d, k, 30);
    }
    for (uint64_t k = 0; k < 45; k++) {
      two[k] = (double)lm_stream_below(&stream, d, 100 + k, 40);
      for (int i = 0; i < 60; i++) {
        pairs += two[k] > one[i] ? 1.0 : two[k] == one[i] ? 0.5 : 0.0;
      }
    }
    lm_scores_sort(one, 60);
    cr_assert_eq(lm_outlier_auc(one, 60, two, 45), pairs / (60.0 * 45.0));
  }
}
