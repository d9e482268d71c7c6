/*
 * Tones against what a sine cannot hide: x[t-1] + x[t+1] = 2 cos(w) x[t], where w is the frequency
 * that is told; the lines of its spectrum; and how often it crosses zero.
 */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include <lamina/testing.h>

#include "base/memory.h"
#include "tests/support/part_probe.h"

LAMINA_CONFORM(dataset, tones)

#define PI 3.14159265358979323846

/** Records of a data set: signals [n, length], and their targets. */
struct tones {
  int64_t n, length;
  float *signals, *targets;
  int32_t *bands; /* the targets, as classes */
};

static struct tones make(const char *yaml, const char *role, uint32_t threads)
{
  struct probe probe;
  struct probe_data data;
  struct tones tones = {0};
  probe_open(&probe, 3);
  probe_threads(&probe, threads);
  probe_expect(&probe, probe_data_open(&probe, yaml, role, &data), LAMINA_OK, "");
  tones.n = data.dataset->count;
  tones.length = data.dataset->fields[0].shape.type.dims[0];
  size_t records = (size_t)tones.n, numbers = records * (size_t)tones.length;
  tones.signals = lm_alloc(numbers, sizeof *tones.signals);
  tones.bands = lm_alloc(records, sizeof *tones.bands);
  tones.targets = lm_alloc(records, sizeof *tones.targets);
  cr_assert(tones.signals != NULL && tones.bands != NULL && tones.targets != NULL);
  probe_data_load(&data, tones.n);
  memcpy(tones.signals, probe_data_batch(&data, 0, tones.n, 0), numbers * sizeof *tones.signals);
  memcpy(tones.bands, lm_loader_data(data.loader, 1), records * sizeof *tones.bands);
  memcpy(tones.targets, lm_loader_data(data.loader, 1), records * sizeof *tones.targets);
  probe_data_close(&data);
  probe_close(&probe);
  return tones;
}

static void release(struct tones *tones)
{
  lm_free(tones->signals);
  lm_free(tones->targets);
  lm_free(tones->bands);
}

/* The target is a float, which is off by 1e-7 of the frequency; over a step that is nothing. */
Test(tones, are_sines_of_the_frequency_and_loudness_told)
{
  struct tones tones = make("{tones: {samples: 200, length: 64, target: frequency, rate: 8000,"
                            " frequency: [300, 3000], loudness: [-20, 6]}}",
                            "train", 1);
  double low = 1e9, high = 0.0;
  for (int64_t i = 0; i < tones.n; i++) {
    const float *x = tones.signals + i * tones.length;
    double f = (double)tones.targets[i], w = 2.0 * PI * f / 8000.0;
    cr_assert(f >= 300.0 && f <= 3000.0, "%g", f);
    for (int64_t t = 1; t + 1 < tones.length; t++) {
      double left = (double)x[t - 1] + (double)x[t + 1], right = 2.0 * cos(w) * (double)x[t];
      cr_assert(fabs(left - right) < 2e-6, "record %d, t %d: %g, not %g", (int)i, (int)t, left,
                right);
    }
    double a = (double)x[0], b = (double)x[1];
    double amplitude = sqrt(a * a + b * b - 2.0 * a * b * cos(w)) / sin(w);
    cr_assert(amplitude > 0.0999 && amplitude < 1.996, "amplitude %g", amplitude);
    low = fmin(low, amplitude);
    high = fmax(high, amplitude);
  }
  cr_expect(low < 0.12 && high > 1.7, "amplitudes from %g to %g", low, high);
  release(&tones);
}

/* Ten turns exactly: the amplitude of overtone k is in bin 10 k of the discrete spectrum. */
Test(tones, have_overtones_below_half_of_the_rate)
{
  static const struct {
    const char *yaml;
    int length, first;
    double lines[6];
  } rows[] = {
      {"{tones: {samples: 3, length: 160, frequency: [500, 500], loudness: [0, 0]}}",
       160,
       10,
       {1.0, 0.0, 0.0, 0.0, 0.0, 0.0}},
      {"{tones: {samples: 3, length: 160, frequency: [500, 500], loudness: [0, 0], harmonics: 2}}",
       160,
       10,
       {1.0, 1.0 / 2, 1.0 / 3, 0.0, 0.0, 0.0}},
      {"{tones: {samples: 3, length: 160, frequency: [1500, 1500], loudness: [20, 20],"
       " harmonics: 9}}",
       160,
       30,
       {10.0, 5.0, 0.0, 0.0, 0.0, 0.0}},
  };
  for (size_t r = 0; r < sizeof rows / sizeof rows[0]; r++) {
    struct tones tones = make(rows[r].yaml, "train", 1);
    for (int64_t i = 0; i < tones.n * 6; i++) {
      const float *x = tones.signals + i / 6 * tones.length;
      double w = 2.0 * PI * (double)(rows[r].first * (i % 6 + 1)) / rows[r].length, re = 0, im = 0;
      if (rows[r].first * (i % 6 + 1) >= rows[r].length / 2) {
        continue;
      }
      for (int t = 0; t < rows[r].length; t++) {
        re += (double)x[t] * cos(w * t);
        im += (double)x[t] * sin(w * t);
      }
      double line = 2.0 * hypot(re, im) / rows[r].length;
      cr_assert(fabs(line - rows[r].lines[i % 6]) < 1e-5, "%s: line %d is %g", rows[r].yaml,
                (int)(i % 6), line);
    }
    release(&tones);
  }
}

static int crossings(const float *x, int64_t begin, int64_t end)
{
  int count = 0;
  for (int64_t t = begin + 1; t < end; t++) {
    count += (x[t - 1] < 0.0f) != (x[t] < 0.0f);
  }
  return count;
}

/* The mean frequency is the one told; the halves differ from it by a quarter of the sweep. */
Test(tones, rise_or_fall_about_the_mean_frequency)
{
  struct tones tones = make("{tones: {samples: 300, length: 2000, target: frequency, sweep: 0.8,"
                            " frequency: [200, 1000]}}",
                            "train", 1);
  int rising = 0;
  double most = 0.0;
  for (int64_t i = 0; i < tones.n; i++) {
    const float *x = tones.signals + i * tones.length;
    int first = crossings(x, 0, 1000), second = crossings(x, 1000, 2000);
    double turns = (double)tones.targets[i] * 2000.0 / 8000.0;
    cr_assert(fabs(first + second - 2.0 * turns) <= 2.0, "%d crossings, %g turns", first + second,
              turns);
    rising += second > first;
    most = fmax(most, (second - first) / (2.0 * turns));
  }
  cr_expect(rising > 100 && rising < 200, "%d rise", rising);
  cr_expect(most > 0.18 && most < 0.22, "%g", most); /* a quarter of the sweep */
  release(&tones);
}

/* Octaves [125, 250), [250, 500), ... of 4000 records: each has 1000, give or take five sigma. */
Test(tones, fall_into_bands_of_equal_width_in_octaves)
{
  struct tones bands =
      make("{tones: {samples: 4000, length: 2, frequency: [125, 2000]}}", "train", 1);
  struct tones pitches = make(
      "{tones: {samples: 4000, length: 2, frequency: [125, 2000], target: frequency}}", "train", 1);
  int counts[4] = {0};
  for (int64_t i = 0; i < bands.n; i++) {
    cr_assert(bands.bands[i] >= 0 && bands.bands[i] < 4);
    counts[bands.bands[i]]++;
    double octave = log2((double)pitches.targets[i] / 125.0);
    cr_assert(fabs(octave - bands.bands[i] - 0.5) <= 0.5 + 1e-6, "%g Hz is in band %d",
              (double)pitches.targets[i], bands.bands[i]);
  }
  for (int k = 0; k < 4; k++) {
    cr_expect(fabs(counts[k] - 1000.0) < 137.0, "band %d has %d", k, counts[k]);
  }
  release(&bands);
  release(&pitches);
}

/* The deviation of 10^5 numbers is known to 0.22 %. */
Test(tones, have_noise_in_proportion_to_their_amplitude)
{
  struct tones clean =
      make("{tones: {samples: 100, length: 1000, loudness: [20, 20]}}", "train", 1);
  struct tones noisy =
      make("{tones: {samples: 100, length: 1000, loudness: [20, 20], noise: 0.25}}", "train", 1);
  double square = 0.0;
  for (int64_t i = 0; i < 100000; i++) {
    double noise = (double)noisy.signals[i] - (double)clean.signals[i];
    square += noise * noise / 100000.0;
  }
  cr_expect(fabs(sqrt(square) / 2.5 - 1.0) < 0.012, "%g", sqrt(square));
  release(&clean);
  release(&noisy);
}

Test(tones, are_functions_of_seed_role_and_number_alone)
{
  static const char many[] = "{tones: {samples: 50, length: 40, noise: 0.1}}";
  static const char few[] = "{tones: {samples: 7, length: 40, noise: 0.1}}";
  struct tones one = make(many, "train", 1), other = make(many, "train", 4);
  struct tones first = make(few, "train", 1), test = make(few, "test", 1);
  cr_expect(memcmp(one.signals, other.signals, 50 * 40 * sizeof(float)) == 0);
  cr_expect(memcmp(one.signals, first.signals, 7 * 40 * sizeof(float)) == 0);
  cr_expect(memcmp(test.signals, first.signals, 40 * sizeof(float)) != 0);
  release(&one);
  release(&other);
  release(&first);
  release(&test);
}

Test(tones, tell_the_names_of_their_bands)
{
  struct probe probe;
  struct probe_data data;
  char name[40] = "";
  probe_open(&probe, 1);
  probe_expect(
      &probe,
      probe_data_open(&probe, "{tones: {samples: 1, frequency: [125, 2000]}}", "train", &data),
      LAMINA_OK, "");
  const struct lamina_dataset *table = &data.dataset->instance->plugin->table.dataset;
  const struct lamina_class_names *names = table->extension(LAMINA_CLASS_NAMES_ID);
  cr_assert_not_null(names);
  cr_expect_eq(names->name(data.dataset->instance->self, 1, 2, name, sizeof name - 1), 11);
  cr_expect_str_eq(name, "500-1000 Hz");
  cr_expect_eq(names->name(data.dataset->instance->self, 1, 4, name, sizeof name), 0);
  cr_expect_eq(names->name(data.dataset->instance->self, 0, 0, name, sizeof name), 0);
  cr_expect(data.dataset->fields[1].classes == 4 && data.dataset->fields[1].exact);
  probe_data_close(&data);
  probe_close(&probe);
}

Test(tones, wrong_settings_are_refused)
{
  static const struct probe_refusal cases[] = {
      {"{tones: {frequency: [500]}}", "frequency has to be two numbers, the smaller one first"},
      {"{tones: {loudness: [0, -20]}}", "loudness has to be two numbers"},
      {"{tones: {frequency: [500, 4000]}}", "4000 Hz is not below half of the rate of 8000"},
      {"{tones: {frequency: [500, 3500], sweep: 0.5}}", "4375 Hz is not below"},
      {"{tones: {samples: 1000000, length: 1000000}}", "too many"},
      {"{tones: {length: 1}}", "length"},
      {"{tones: {target: pitch}}", "band, frequency"},
  };
  probe_refuses(LAMINA_KIND_DATASET, cases, sizeof cases / sizeof cases[0]);
}
