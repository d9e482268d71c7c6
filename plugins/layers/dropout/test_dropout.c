/* dropout: the general checklist, the mask word by word, its statistics, and its rates. */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include <lamina/testing.h>

#include "tests/support/layer_checklist.h"

LAMINA_CONFORM(layer, dropout)

enum { TRAINING = LAMINA_MODE_TRAIN | LAMINA_MODE_KEEP };

static const char *const shapes[] = {"0x3", "1", "1x1", "7x13", "2x1x3x5", "50021", NULL};

Test(dropout, passes_the_checklist)
{
  static const char *const settings[] = {NULL, "{rate: 0}", "{rate: 0.3}", "{rate: 0.999}"};
  for (int i = 0; i < 4; i++) {
    /* With rate 0.999, y is 1000 x, and x reaches 2 while it is moved. */
    const struct ls_layer dropout = {
        .kind = "layer",
        .name = "dropout",
        .settings = settings[i],
        .shapes = shapes,
        .declares = "forward:0>0 backward:0>0 random:0",
        .step = 0.5,
        .rounding = i == 3 ? 2000.0 : 4.0,
    };
    ls_layer_checklist(&dropout);
  }
}

/* Philox4x32-10 as in the paper, one word at a time; counter layout as lamina promises it. */
static uint32_t philox_word(const uint32_t seed_key[2], uint64_t step, uint64_t word)
{
  uint32_t c[4] = {(uint32_t)(word / 4), (uint32_t)(word / 4 >> 32), (uint32_t)step,
                   (uint32_t)(step >> 32) << 8};
  uint32_t key[2] = {seed_key[0], seed_key[1]};
  for (int round = 0; round < 10; round++) {
    uint64_t a = (uint64_t)c[0] * 0xd2511f53u, b = (uint64_t)c[2] * 0xcd9e8d57u;
    const uint32_t next[4] = {(uint32_t)(b >> 32) ^ c[1] ^ key[0], (uint32_t)b,
                              (uint32_t)(a >> 32) ^ c[3] ^ key[1], (uint32_t)a};
    memcpy(c, next, sizeof c);
    key[0] += 0x9e3779b9u;
    key[1] += 0xbb67ae85u;
  }
  return c[word % 4];
}

/* Element i is dropped if word i / 2^32 < rate, and otherwise divided by 1 - rate. */
static void check_mask(struct lm_probe *probe, double rate, uint64_t step)
{
  const struct lm_stream stream = lm_stream_make(LM_HOME_SEED, LM_HOME_STREAM);
  const float *x = lm_probe_value(probe, LAMINA_IN, 0), *y = lm_probe_value(probe, LAMINA_OUT, 0);
  const float *dy = lm_probe_gradient(probe, LAMINA_OUT, 0),
              *dx = lm_probe_gradient(probe, LAMINA_IN, 0);
  for (int64_t i = 0; i < lm_probe_count(probe, LAMINA_IN, 0); i++) {
    double u = (double)philox_word(stream.key, step, (uint64_t)i) / 4294967296.0;
    double scale = u < rate ? 0.0 : 1.0 / (1.0 - rate);
    /* The scale and the product are rounded: an ulp at most. */
    cr_assert(fabs((double)y[i] - scale * (double)x[i]) <= ldexp(scale, -23), "%s: element %lld",
              probe->label, (long long)i);
    cr_assert(fabs((double)dx[i] - scale * (double)dy[i]) <= ldexp(scale, -23), "%s: gradient %lld",
              probe->label, (long long)i);
  }
}

Test(dropout, mask_is_the_philox_words_at_any_number_of_threads)
{
  static const uint64_t steps[] = {0, 1, 77, (1ull << 32) + 5};
  static const uint32_t threads[] = {1, 8};
  for (int t = 0; t < 2; t++) {
    struct lm_probe *probe = ls_open("layer", "dropout", "{rate: 0.3}", "3x16387", threads[t]);
    lm_probe_fill(probe, 3);
    for (int i = 0; i < 4; i++) {
      ls_forward(probe, TRAINING, steps[i]);
      ls_backward(probe, TRAINING, steps[i]);
      check_mask(probe, 0.3, steps[i]);
    }
    lm_probe_close(probe);
  }
}

/* A rate that is exactly the number of one element: that element stays, those below it go. */
Test(dropout, an_element_whose_number_equals_the_rate_is_kept)
{
  const struct lm_stream stream = lm_stream_make(LM_HOME_SEED, LM_HOME_STREAM);
  for (uint64_t i = 0; i < 20; i++) {
    char settings[64];
    double rate = (double)philox_word(stream.key, 0, i) / 4294967296.0;
    (void)snprintf(settings, sizeof settings, "{rate: %.17g}", rate);
    struct lm_probe *probe = ls_open("layer", "dropout", settings, "20", 1);
    lm_probe_fill(probe, 3);
    lm_probe_value(probe, LAMINA_IN, 0)[i] = 1.0f;
    ls_forward(probe, TRAINING, 0);
    ls_backward(probe, TRAINING, 0);
    cr_assert_gt(lm_probe_value(probe, LAMINA_OUT, 0)[i], 0.0f, "rate %.17g", rate);
    check_mask(probe, rate, 0);
    lm_probe_close(probe);
  }
}

/* Ones go in, so y is 0 or 1 / (1 - rate): mean 1, variance rate / (1 - rate). */
Test(dropout, mean_and_variance_are_those_of_the_theory)
{
  static const char *const settings[] = {"{rate: 0.1}", "{rate: 0.5}", "{rate: 0.9}"};
  static const double rates[] = {0.1, 0.5, 0.9};
  enum { N = 200000 };
  for (int r = 0; r < 3; r++) {
    struct lm_probe *probe = ls_open("layer", "dropout", settings[r], "200000", 2);
    double sum = 0.0, squares = 0.0, pairs = 0.0, v = rates[r] / (1.0 - rates[r]);
    for (int i = 0; i < N; i++) {
      lm_probe_value(probe, LAMINA_IN, 0)[i] = 1.0f;
    }
    ls_forward(probe, TRAINING, 5);
    const float *y = lm_probe_value(probe, LAMINA_OUT, 0);
    for (int i = 0; i < N; i++) {
      double d = (double)y[i] - 1.0;
      sum += d;
      squares += d * d;
      pairs += i == 0 ? 0.0 : d * ((double)y[i - 1] - 1.0);
    }
    /*
     * Five standard deviations. Of the mean: sqrt(v / n); of d^2, which is 1 or (v)^2:
     * |v^2 - 1| sqrt(rate (1 - rate)); of the product of neighbours: v.
     */
    double spread = fabs(v * v - 1.0) * sqrt(rates[r] * (1.0 - rates[r]));
    cr_assert(fabs(sum / N) <= 5.0 * sqrt(v / N), "rate %g: mean 1 + %g", rates[r], sum / N);
    cr_assert(fabs(squares / N - v) <= 5.0 * spread / sqrt(N) + 1e-6, "rate %g: variance %g",
              rates[r], squares / N);
    cr_assert(fabs(pairs / N) <= 5.0 * v / sqrt(N), "rate %g: neighbours %g", rates[r], pairs / N);
    lm_probe_close(probe);
  }
}

static void expect_identity(const char *settings, uint32_t mode)
{
  struct lm_probe *probe = ls_open("layer", "dropout", settings, "20011", 2);
  lm_probe_fill(probe, 1);
  lm_probe_value(probe, LAMINA_IN, 0)[0] = -0.0f;
  lm_probe_value(probe, LAMINA_IN, 0)[1] = NAN;
  lm_probe_value(probe, LAMINA_IN, 0)[2] = INFINITY;
  lm_probe_value(probe, LAMINA_IN, 0)[3] = 0x1p-149f;
  ls_forward(probe, mode, 1);
  ls_backward(probe, mode, 1);
  size_t bytes = 20011 * sizeof(float);
  cr_assert_eq(
      memcmp(lm_probe_value(probe, LAMINA_OUT, 0), lm_probe_value(probe, LAMINA_IN, 0), bytes), 0);
  cr_assert_eq(memcmp(lm_probe_gradient(probe, LAMINA_IN, 0),
                      lm_probe_gradient(probe, LAMINA_OUT, 0), bytes),
               0);
  lm_probe_close(probe);
}

Test(dropout, evaluation_gives_the_bits_of_the_input)
{
  expect_identity("{rate: 0.7}", 0);
  expect_identity("{rate: 0.7}", LAMINA_MODE_KEEP);
}

/* p < rate, not p <= rate: a word of 0 would be dropped otherwise, one of 2^32. */
Test(dropout, rate_0_drops_nothing)
{
  expect_identity("{rate: 0}", TRAINING);
  expect_identity("{rate: -0.0}", TRAINING);
}

/* The rest of an infinity or a NaN that is dropped is 0, not NaN. */
Test(dropout, what_is_dropped_is_zero)
{
  struct lm_probe *probe = ls_open("layer", "dropout", "{rate: 0.5}", "1000", 1);
  int dropped = 0;
  for (int i = 0; i < 1000; i++) {
    lm_probe_value(probe, LAMINA_IN, 0)[i] = i % 2 == 0 ? INFINITY : NAN;
  }
  ls_forward(probe, TRAINING, 0);
  for (int i = 0; i < 1000; i++) {
    dropped += lm_probe_value(probe, LAMINA_OUT, 0)[i] == 0.0f;
    cr_assert(lm_probe_value(probe, LAMINA_OUT, 0)[i] == 0.0f ||
              !isfinite(lm_probe_value(probe, LAMINA_OUT, 0)[i]));
  }
  /* Five standard deviations of 16. */
  cr_assert(dropped > 420 && dropped < 580, "%d of 1000", dropped);
  lm_probe_close(probe);
}

Test(dropout, mask_changes_with_the_step)
{
  struct lm_probe *probe = ls_open("layer", "dropout", NULL, "1000", 1);
  static float first[1000];
  int same = 0;
  lm_probe_fill(probe, 1);
  ls_forward(probe, TRAINING, 0);
  memcpy(first, lm_probe_value(probe, LAMINA_OUT, 0), sizeof first);
  ls_forward(probe, TRAINING, 1);
  for (int i = 0; i < 1000; i++) {
    same += (first[i] == 0.0f) == (lm_probe_value(probe, LAMINA_OUT, 0)[i] == 0.0f);
  }
  cr_assert(same > 420 && same < 580, "%d of 1000", same);
  lm_probe_close(probe);
}

Test(dropout, refuses_rates_outside_0_to_1)
{
  static const char *const rates[] = {"1", "1.0", "-0.1", "-1e-300", ".nan", ".inf", "2"};
  for (size_t i = 0; i < sizeof rates / sizeof rates[0]; i++) {
    char settings[64];
    (void)snprintf(settings, sizeof settings, "{rate: %s}", rates[i]);
    ls_refuses("layer", "dropout", settings, "5", LAMINA_E_INVALID, "probe.yaml:1:|rate");
  }
  ls_refuses("layer", "dropout", "{rat: 0.5}", "5", LAMINA_E_INVALID, "rat|rate");
  ls_refuses("layer", "dropout", NULL, "5:2", LAMINA_E_SHAPE, "must be float32");
}
