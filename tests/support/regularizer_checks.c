/*
 * Sums of penalties are in double: over WEIGHTS weights, another order changes them by less than
 * WEIGHTS ulp.
 */
#include "tests/support/regularizer_checks.h"

#include <criterion/criterion.h>
#include <float.h>
#include <math.h>
#include <string.h>

#include "tests/support/part_probe.h"

enum { WEIGHTS = 53 };

void regularizer_check(const struct regularizer_case *wanted)
{
  struct probe probe;
  float grad[WEIGHTS];
  size_t bytes = (size_t)wanted->n * sizeof *grad;
  cr_assert(wanted->n <= WEIGHTS);
  probe_open(&probe, 1);
  struct lm_instance *instance = probe_make(&probe, LAMINA_KIND_REGULARIZER, wanted->yaml);
  memcpy(grad, wanted->before, bytes);
  double value = probe_penalty(&probe, instance, wanted->weight, grad, wanted->n);
  double alone = probe_penalty(&probe, instance, wanted->weight, NULL, wanted->n);
  cr_assert(fabs(value - wanted->value) <= 4 * DBL_EPSILON * wanted->value, "%s: %.17g, not %.17g",
            wanted->yaml, value, wanted->value);
  cr_assert_eq(alone, value);
  cr_assert_arr_eq(grad, wanted->after, bytes, "%s: another gradient", wanted->yaml);
  cr_assert_eq(probe_penalty(&probe, instance, wanted->weight, grad, 0), 0.0);
  probe_close(&probe);
}

void regularizer_check_splits(const char *yaml)
{
  struct probe probe;
  float weight[WEIGHTS], whole[WEIGHTS], parts[WEIGHTS];
  probe_open(&probe, 1);
  struct lm_instance *instance = probe_make(&probe, LAMINA_KIND_REGULARIZER, yaml);
  for (int i = 0; i < WEIGHTS; i++) {
    weight[i] = ldexpf((float)(i * 29 % 31 - 15) / 3.0f, i % 9 - 4);
    whole[i] = (float)i / 7.0f;
  }
  double sum = probe_penalty(&probe, instance, weight, whole, WEIGHTS);
  cr_assert(sum > 0.0);
  for (int cut = 0; cut <= WEIGHTS; cut++) {
    for (int i = 0; i < WEIGHTS; i++) {
      parts[i] = (float)i / 7.0f;
    }
    double split = probe_penalty(&probe, instance, weight, parts, cut);
    split += probe_penalty(&probe, instance, weight + cut, parts + cut, WEIGHTS - cut);
    cr_assert(fabs(split - sum) <= WEIGHTS * DBL_EPSILON * sum, "%s: cut at %d: %.17g, not %.17g",
              yaml, cut, split, sum);
    cr_assert_arr_eq(whole, parts, sizeof whole, "%s: cut at %d", yaml, cut);
  }
  probe_close(&probe);
}
