/*
 * With 2^18 numbers the estimated variance of normal ones deviates by sqrt(2 / 2^18) = 0.28 %,
 * that of uniform ones by less, and a share p by at most 0.1 %; the limits are seven deviations
 * or more, and the seed is fixed.
 */
#include "tests/support/initializer_checks.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "tests/support/part_probe.h"

enum { NUMBERS = 1 << 18, FEW = 1000 };

static void check_shape(const struct initializer_case *wanted, const float *numbers)
{
  double deviation = sqrt(wanted->variance), inside = 0.0, most = 0.0;
  for (int i = 0; i < NUMBERS; i++) {
    double size = fabs((double)numbers[i]) / deviation;
    inside += size < 1.0;
    most = fmax(most, size);
  }
  /* erf(1 / sqrt(2)) of normal numbers are within a deviation, 1 / sqrt(3) of uniform ones. */
  double share = wanted->normal ? 0.682689492 : 0.577350269;
  cr_assert(fabs(inside / NUMBERS - share) < 0.007, "%s: %g within a deviation, not %g",
            wanted->yaml, inside / NUMBERS, share);
  if (wanted->normal) {
    cr_assert(most > 4.0 && most < 6.7, "%s: the largest is %g deviations", wanted->yaml, most);
  } else {
    cr_assert(most > 1.732 && most < 1.7320509, "%s: the largest is %g deviations", wanted->yaml,
              most);
  }
}

void initializer_check_moments(const struct initializer_case *wanted)
{
  struct probe probe;
  probe_open(&probe, 1);
  struct lm_instance *instance = probe_make(&probe, LAMINA_KIND_INITIALIZER, wanted->yaml);
  const struct probe_weight weight = {"dense1/weight", NUMBERS, wanted->fan_in, wanted->fan_out};
  float *numbers = lm_alloc(NUMBERS, sizeof *numbers);
  double mean = 0.0, square = 0.0;
  probe_expect(&probe, probe_fill(&probe, instance, &weight, numbers), LAMINA_OK, "");
  for (int i = 0; i < NUMBERS; i++) {
    mean += (double)numbers[i] / NUMBERS;
    square += (double)numbers[i] * (double)numbers[i] / NUMBERS;
  }
  cr_assert(fabs(mean) < 5.0 * sqrt(wanted->variance / NUMBERS), "%s: mean %g", wanted->yaml, mean);
  cr_assert(fabs(square / wanted->variance - 1.0) < 0.02, "%s: variance %g, not %g", wanted->yaml,
            square, wanted->variance);
  check_shape(wanted, numbers);
  lm_free(numbers);
  probe_close(&probe);
}

/* FEW numbers, or fewer, of a weight under a seed. */
static void fill(struct probe *probe, const char *yaml, const char *name, int64_t n, float *out)
{
  struct lm_instance *instance = probe_make(probe, LAMINA_KIND_INITIALIZER, yaml);
  const struct probe_weight weight = {name, n, 100, 100};
  probe_expect(probe, probe_fill(probe, instance, &weight, out), LAMINA_OK, "");
}

void initializer_check_streams(const char *yaml)
{
  struct probe one, same, other;
  float first[FEW], again[FEW], second[FEW], seed[FEW];
  probe_open(&one, 7);
  probe_open(&same, 7);
  probe_open(&other, 8);
  fill(&one, yaml, "a/weight", FEW, first);
  fill(&one, yaml, "b/weight", FEW, second);
  fill(&same, yaml, "b/weight", FEW, again);
  cr_assert_arr_eq(second, again, sizeof again, "%s: the order matters", yaml);
  fill(&same, yaml, "a/weight", FEW, again);
  cr_assert_arr_eq(first, again, sizeof again, "%s: the order matters", yaml);
  for (int64_t n = 1; n < FEW; n += 111) {
    fill(&same, yaml, "a/weight", n, again);
    cr_assert_arr_eq(first, again, (size_t)n * sizeof *again, "%s: the size matters", yaml);
  }
  fill(&other, yaml, "a/weight", FEW, seed);
  for (int i = 0; i < FEW; i++) {
    cr_assert(memcmp(&first[i], &second[i], sizeof *first) != 0, "%s: names share numbers", yaml);
    cr_assert(memcmp(&first[i], &seed[i], sizeof *first) != 0, "%s: seeds share numbers", yaml);
  }
  probe_close(&one);
  probe_close(&same);
  probe_close(&other);
}

void initializer_check_no_fans(const char *yaml, int64_t fan_in, int64_t fan_out,
                               const char *fragment)
{
  struct probe probe;
  float out[4] = {9.0f, 9.0f, 9.0f, 9.0f};
  struct probe_weight weight = {"norm/scale", 4, fan_in, fan_out};
  probe_open(&probe, 1);
  struct lm_instance *instance = probe_make(&probe, LAMINA_KIND_INITIALIZER, yaml);
  enum lamina_status status = probe_fill(&probe, instance, &weight, out);
  probe_expect(&probe, status, LAMINA_E_INVALID, fragment);
  probe_expect(&probe, status, LAMINA_E_INVALID, "norm/scale");
  weight.n = 0;
  probe_expect(&probe, probe_fill(&probe, instance, &weight, out), LAMINA_OK, "");
  cr_assert_eq(out[0], 9.0f);
  probe_close(&probe);
}
