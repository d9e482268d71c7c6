/* Two half circles: where the points lie, how far the noise takes them, and from what seeds. */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include <lamina/testing.h>

#include "base/memory.h"
#include "tests/support/part_probe.h"

LAMINA_CONFORM(dataset, moons)

/* All points; release with lm_free(). Labels go to the second array if it is not NULL. */
static float *points_of(uint64_t seed, const char *role, const char *yaml, int64_t n,
                        int32_t *labels)
{
  struct probe probe;
  struct probe_data data;
  float *points = lm_alloc((size_t)n * 2, sizeof *points);
  probe_open(&probe, seed);
  probe_expect(&probe, probe_data_open(&probe, yaml, role, &data), LAMINA_OK, "");
  cr_assert_eq(data.dataset->count, n);
  cr_assert(data.dataset->fields[1].classes == 2 && data.dataset->fields[1].exact);
  probe_data_load(&data, n);
  memcpy(points, probe_data_batch(&data, 0, n, 0), (size_t)n * 2 * sizeof *points);
  if (labels != NULL) {
    memcpy(labels, lm_loader_data(data.loader, 1), (size_t)n * sizeof *labels);
  }
  probe_data_close(&data);
  probe_close(&probe);
  return points;
}

/* Coordinates are at most 2 in size and rounded once. */
Test(moons, without_noise_all_points_lie_evenly_on_two_half_circles)
{
  enum { N = 101, UPPER = 51, LOWER = 50 };
  int32_t labels[N];
  float *points = points_of(1, "train", "{moons: {samples: 101, noise: 0}}", N, labels);
  for (int i = 0; i < N; i++) {
    double x = (double)points[2 * i], y = (double)points[2 * i + 1];
    bool upper = i % 2 == 0;
    double angle = upper ? atan2(y, x) : atan2(0.5 - y, 1.0 - x);
    double radius = upper ? hypot(x, y) : hypot(x - 1.0, y - 0.5);
    cr_assert_eq(labels[i], i % 2);
    cr_assert(fabs(radius - 1.0) < 3e-7, "point %d: radius %.9g", i, radius);
    double wanted = acos(-1.0) * (i / 2) / ((upper ? UPPER : LOWER) - 1);
    cr_assert(fabs(fabs(angle) - wanted) < 3e-7, "point %d: angle %.9g", i, angle);
    cr_assert(upper ? y > -3e-7 : y < 0.5 + 3e-7);
  }
  lm_free(points);
}

Test(moons, one_point_and_two_points_are_data_too)
{
  static const float wanted[] = {1.0f, 0.0f, 0.0f, 0.5f};
  for (int64_t n = 1; n <= 2; n++) {
    float *points = points_of(
        1, "train", n == 1 ? "{moons: {samples: 1, noise: 0}}" : "{moons: {samples: 2, noise: 0}}",
        n, NULL);
    cr_assert_arr_eq(points, wanted, (size_t)n * 2 * sizeof *wanted);
    lm_free(points);
  }
}

/* The variance of 2 * 10^5 numbers is known to sqrt(2 / 2e5) = 0.32 %. */
Test(moons, noise_has_the_deviation_asked_for)
{
  enum { N = 100000 };
  float *clean = points_of(1, "train", "{moons: {samples: 100000, noise: 0}}", N, NULL);
  float *noisy = points_of(1, "train", "{moons: {samples: 100000, noise: 0.25}}", N, NULL);
  double mean = 0.0, square = 0.0;
  for (int i = 0; i < 2 * N; i++) {
    double noise = (double)noisy[i] - (double)clean[i];
    mean += noise / (2 * N);
    square += noise * noise / (2 * N);
  }
  cr_assert(fabs(mean) < 5 * 0.25 / sqrt(2.0 * N), "mean %g", mean);
  cr_assert(fabs(square / 0.0625 - 1.0) < 0.02, "variance %g", square);
  lm_free(clean);
  lm_free(noisy);
}

Test(moons, seed_and_role_decide_and_nothing_else)
{
  enum { N = 300 };
  static const char yaml[] = "{moons: {samples: 300, noise: 0.1}}";
  float *first = points_of(5, "train", yaml, N, NULL);
  float *again = points_of(5, "train", yaml, N, NULL);
  float *test = points_of(5, "test", yaml, N, NULL);
  float *other = points_of(6, "train", yaml, N, NULL);
  cr_assert_arr_eq(first, again, 2 * N * sizeof *first);
  for (int i = 0; i < 2 * N; i++) {
    cr_assert(first[i] < test[i] || first[i] > test[i], "train and test share number %d", i);
    cr_assert(first[i] < other[i] || first[i] > other[i], "two seeds share number %d", i);
  }
  lm_free(first);
  lm_free(again);
  lm_free(test);
  lm_free(other);
}

Test(moons, wrong_settings_are_refused)
{
  static const struct probe_refusal cases[] = {
      {"{moons: {samples: 0}}", "samples"},
      {"{moons: {samples: 1000000001}}", "samples"},
      {"{moons: {noise: -0.1}}", "noise"},
      {"{moons: {noise: .nan}}", "noise"},
      {"{moons: {sample: 10}}", "did you mean 'samples'?"},
  };
  probe_refuses(LAMINA_KIND_DATASET, cases, sizeof cases / sizeof cases[0]);
}
