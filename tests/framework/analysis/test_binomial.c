/*
 * Chances of counts, beside SciPy 1.10 (stats.binom, stats.beta).
 */
#include <criterion/criterion.h>
#include <math.h>

#include "analysis/binomial.h"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static bool near(double found, double expected)
{
  return fabs(found - expected) <= 1e-9 * expected + 1e-14;
}

Test(binomial, chances_are_those_of_scipy)
{
  static const struct {
    int64_t k, n;
    double p, at_most;
  } cases[] = {
      {0, 1, 0.5, 0.5},
      {3, 10, 0.3, 0.6496107184000002},
      {9, 10, 0.99, 0.09561792499119559},
      {50, 100, 0.5, 0.5397946186935892},
      {989, 1000, 0.99, 0.41695919669890363},
      {995, 1000, 0.99, 0.9713136000009954},
      {3, 1000000, 1e-6, 0.9810119044370966},
      {500800, 1000000, 0.5, 0.9453115635236266},
      {5, 359, 0.01, 0.8464673913836473},
      {99000, 100000, 0.99, 0.5042686879721219},
      {0, 368, 0.99, 0.0},
      {-1, 5, 0.5, 0.0},
      {5, 5, 0.5, 1.0},
      {2, 5, 0.0, 1.0},
      {2, 5, 1.0, 0.0},
  };
  for (size_t i = 0; i < COUNT_OF(cases); i++) {
    double found = lm_binomial_at_most(cases[i].k, cases[i].n, cases[i].p);
    cr_expect(near(found, cases[i].at_most), "case %zu: %.17g", i, found);
  }
}

Test(binomial, quantiles_are_those_of_scipy)
{
  static const struct {
    double chance, p;
    int64_t n, k;
  } cases[] = {
      {0.025, 0.5, 100, 40},    {0.975, 0.5, 100, 60}, {0.025, 0.99, 1000, 983}, {0.5, 0.2, 7, 1},
      {0.975, 0.99, 1000, 996}, {0.025, 0.99, 10, 9},  {0.975, 0.99, 10, 10},
  };
  for (size_t i = 0; i < COUNT_OF(cases); i++) {
    int64_t found = lm_binomial_quantile(cases[i].chance, cases[i].n, cases[i].p);
    cr_expect_eq(found, cases[i].k, "case %zu: %lld", i, (long long)found);
  }
}

Test(binomial, intervals_of_shares_are_those_of_clopper_and_pearson)
{
  static const struct {
    int64_t k, n;
    double confidence, low, high;
  } cases[] = {
      {0, 10, 0.95, 0.0, 0.3084971078187608},
      {10, 10, 0.95, 0.6915028921812392, 1.0},
      {3, 10, 0.95, 0.0667395111777345, 0.6524528500599973},
      {18, 359, 0.95, 0.02998288028567653, 0.07808609295667654},
      {1, 100000, 0.99, 5.0125416979164106e-08, 7.429890621390486e-05},
      {50, 100, 0.9, 0.41362171463091163, 0.5863782853690883},
      {10000, 1000000, 0.95, 0.00980590624074581, 0.010196939813514574},
  };
  for (size_t i = 0; i < COUNT_OF(cases); i++) {
    struct lm_interval found = lm_share_interval(cases[i].k, cases[i].n, cases[i].confidence);
    cr_expect(near(found.low, cases[i].low) && near(found.high, cases[i].high),
              "case %zu: %.17g to %.17g", i, found.low, found.high);
  }
}
