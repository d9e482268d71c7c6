/*
 * gaussian_sample: the general checklist, draws against Box and Muller in double, the estimate of a
 * derivative against its closed form, evaluation, and logarithms that would overflow.
 */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include <lamina/random.h>
#include <lamina/testing.h>

#include "tests/support/layer_checklist.h"

LAMINA_CONFORM(layer, gaussian_sample)

enum { TRAINING = LAMINA_MODE_TRAIN | LAMINA_MODE_KEEP, MU = 0, LOG_VAR = 1 };

/* The fifth derivative by log_var is eps exp(log_var / 2) / 32, and eps is below 5. */
Test(gaussian_sample, passes_the_checklist)
{
  static const char *const shapes[] = {"0x3 0x3",         "1 1",         "7x13 7x13",
                                       "2x1x3x5 2x1x3x5", "20011 20011", NULL};
  static const char *const settings[] = {NULL, "{log_var_max: 0.25}", "{evaluation: sample}"};
  for (int i = 0; i < 3; i++) {
    const struct ls_layer layer = {
        .kind = "layer",
        .name = "gaussian_sample",
        .settings = settings[i],
        .shapes = shapes,
        .declares = i == 2 ? "reads:in1 forward:0>0 backward:0>0 random:0 random:31"
                           : "reads:in1 forward:0>0 backward:0>0 random:0",
        .has_kink = i == 1,
        .kink = 0.25,
        .fifth = 0.3,
        .rounding = 16.0,
    };
    ls_layer_checklist(&layer);
  }
}

/* Normal number i of the node's stream, from words 2k and 2k + 1, as lamina/random.h says. */
static double normal(uint64_t step, uint64_t i)
{
  const struct lm_stream stream = lm_stream_make(LM_HOME_SEED, LM_HOME_STREAM);
  uint32_t words[2];
  lm_stream_fill(&stream, step, 0, i - i % 2, 2, words);
  double radius = sqrt(-2.0 * log(((double)words[0] + 0.5) * 0x1p-32));
  double angle = 6.283185307179586 * (((double)words[1] + 0.5) * 0x1p-32);
  return radius * (i % 2 == 0 ? cos(angle) : sin(angle));
}

/* eps is right to 5 ulp, exp to 1; a sum of numbers below 16 is rounded to 2^-21. */
static void check_draws(struct lm_probe *probe, uint64_t step)
{
  const float *mu = lm_probe_value(probe, LAMINA_IN, MU),
              *v = lm_probe_value(probe, LAMINA_IN, LOG_VAR),
              *z = lm_probe_value(probe, LAMINA_OUT, 0),
              *dz = lm_probe_gradient(probe, LAMINA_OUT, 0),
              *dmu = lm_probe_gradient(probe, LAMINA_IN, MU),
              *dv = lm_probe_gradient(probe, LAMINA_IN, LOG_VAR);
  for (int64_t i = 0; i < lm_probe_count(probe, LAMINA_OUT, 0); i++) {
    double noise = exp(0.5 * (double)v[i]) * normal(step, (uint64_t)i);
    double slope = 0.5 * (double)dz[i] * noise;
    cr_assert(fabs((double)z[i] - ((double)mu[i] + noise)) <= 0x1p-20, "%s: draw %lld",
              probe->label, (long long)i);
    cr_assert_eq(dmu[i], dz[i]);
    cr_assert(fabs((double)dv[i] - slope) <= 0x1p-20 * fabs(slope) + 1e-12,
              "%s: slope %lld: %g, not %g", probe->label, (long long)i, (double)dv[i], slope);
  }
}

Test(gaussian_sample, draws_are_of_the_counter_stream_at_any_number_of_threads)
{
  static const uint64_t steps[] = {0, 1, (1ull << 32) + 5};
  static const uint32_t threads[] = {1, 8};
  static const char *const shapes[] = {"3x4099 3x4099", "7x5 7x5", "1 1"};
  for (int t = 0; t < 6; t++) {
    struct lm_probe *probe =
        ls_open("layer", "gaussian_sample", NULL, shapes[t % 3], threads[t / 3]);
    lm_probe_fill(probe, 3);
    for (int i = 0; i < 3; i++) {
      ls_forward(probe, TRAINING, steps[i]);
      ls_backward(probe, TRAINING, steps[i]);
      check_draws(probe, steps[i]);
    }
    lm_probe_close(probe);
  }
}

enum { DRAWS = 400000 };

static double mean_within(const float *x, double expected)
{
  double sum = 0.0, squares = 0.0;
  for (int i = 0; i < DRAWS; i++) {
    sum += (double)x[i] - expected;
    squares += ((double)x[i] - expected) * ((double)x[i] - expected);
  }
  return fabs(sum) / sqrt(squares); /* in standard errors */
}

/* E[z^3] = mu^3 + 3 mu s^2: by mu it is 3 (mu^2 + s^2), by log_var it is 3 mu s^2. */
Test(gaussian_sample, estimates_of_derivatives_are_within_three_standard_errors)
{
  static const float places[][2] = {{0.5f, -1.0f}, {0.0f, 0.0f}, {-1.5f, 1.0f}, {2.0f, -4.0f}};
  struct lm_probe *probe = ls_open("layer", "gaussian_sample", NULL, "400000 400000", 2);
  for (int p = 0; p < 4; p++) {
    double mu = (double)places[p][MU], variance = exp((double)places[p][LOG_VAR]);
    for (int i = 0; i < DRAWS; i++) {
      lm_probe_value(probe, LAMINA_IN, MU)[i] = places[p][MU];
      lm_probe_value(probe, LAMINA_IN, LOG_VAR)[i] = places[p][LOG_VAR];
    }
    ls_forward(probe, TRAINING, 9);
    for (int i = 0; i < DRAWS; i++) {
      float z = lm_probe_value(probe, LAMINA_OUT, 0)[i];
      lm_probe_gradient(probe, LAMINA_OUT, 0)[i] = 3.0f * z * z;
    }
    ls_backward(probe, TRAINING, 9);
    double of_mu = mean_within(lm_probe_gradient(probe, LAMINA_IN, MU), 3 * (mu * mu + variance));
    double of_v = mean_within(lm_probe_gradient(probe, LAMINA_IN, LOG_VAR), 3 * mu * variance);
    cr_assert(of_mu <= 3.0 && of_v <= 3.0, "place %d: %g and %g standard errors", p, of_mu, of_v);
  }
  lm_probe_close(probe);
}

Test(gaussian_sample, a_smaller_batch_gets_the_draws_of_a_larger_one)
{
  struct lm_probe *large = ls_open("layer", "gaussian_sample", NULL, "8x3 8x3", 1);
  struct lm_probe *small = ls_open_beside(large, "5x3 5x3");
  lm_probe_fill(large, 1);
  for (uint32_t i = 0; i < 2; i++) {
    ls_set(small, LAMINA_IN, i, lm_probe_value(large, LAMINA_IN, i));
  }
  ls_forward(large, TRAINING, 4);
  ls_forward(small, TRAINING, 4);
  cr_assert_eq(memcmp(lm_probe_value(small, LAMINA_OUT, 0), lm_probe_value(large, LAMINA_OUT, 0),
                      15 * sizeof(float)),
               0);
  lm_probe_close(small);
  lm_probe_close(large);
}

/* Draws of another kind than in training, so that training does not depend on the setting. */
Test(gaussian_sample, evaluation_gives_the_mean_or_a_draw)
{
  static const char *const settings[] = {"{}", "{evaluation: sample}"};
  float trained[2][77], drawn[77];
  for (int s = 0; s < 2; s++) {
    struct lm_probe *probe = ls_open("layer", "gaussian_sample", settings[s], "7x11 7x11", 1);
    const float *z = lm_probe_value(probe, LAMINA_OUT, 0);
    lm_probe_fill(probe, 1);
    ls_forward(probe, TRAINING, 2);
    memcpy(trained[s], z, sizeof drawn);
    ls_forward(probe, LAMINA_MODE_KEEP, 2);
    memcpy(drawn, z, sizeof drawn);
    const float *mu = lm_probe_value(probe, LAMINA_IN, MU);
    cr_assert_eq(memcmp(z, mu, sizeof drawn) == 0, s == 0, "%s", settings[s]);
    cr_assert_neq(memcmp(z, trained[s], sizeof drawn), 0, "%s", settings[s]);
    ls_backward(probe, LAMINA_MODE_KEEP, 2);
    const float *slope = lm_probe_gradient(probe, LAMINA_IN, LOG_VAR),
                *dz = lm_probe_gradient(probe, LAMINA_OUT, 0);
    for (int i = 0; i < 77; i++) {
      float wanted = 0.5f * dz[i] * (drawn[i] - mu[i]);
      cr_assert(fabsf(slope[i] - wanted) <= 1e-6f, "%s: %g", settings[s], (double)slope[i]);
    }
    ls_forward(probe, 0, 3);
    cr_assert_eq(memcmp(z, drawn, sizeof drawn) == 0, s == 0, "%s", settings[s]);
    lm_probe_close(probe);
  }
  cr_assert_eq(memcmp(trained[0], trained[1], sizeof drawn), 0);
}

/* The bound itself still has a gradient; what is above it counts as the bound and has none. */
Test(gaussian_sample, logarithms_that_would_overflow_are_bounded)
{
  static const float v[] = {20.0f, 20.5f, 1e3f, INFINITY, -1e3f, -INFINITY, NAN, -200.0f};
  struct lm_probe *probe = ls_open("layer", "gaussian_sample", NULL, "8 8", 1);
  lm_probe_fill(probe, 1);
  ls_set(probe, LAMINA_IN, LOG_VAR, v);
  ls_forward(probe, TRAINING, 0);
  ls_backward(probe, TRAINING, 0);
  const float *mu = lm_probe_value(probe, LAMINA_IN, MU), *z = lm_probe_value(probe, LAMINA_OUT, 0),
              *slope = lm_probe_gradient(probe, LAMINA_IN, LOG_VAR);
  for (int i = 0; i < 4; i++) {
    double wanted = (double)mu[i] + exp(10.0) * normal(0, (uint64_t)i);
    cr_assert(fabs((double)z[i] - wanted) <= 0x1p-20 * fabs(wanted), "%g", (double)v[i]);
    cr_assert_eq(slope[i] == 0.0f, i > 0, "%g", (double)v[i]);
  }
  cr_assert_eq(z[4], mu[4]);
  cr_assert_eq(z[5], mu[5]);
  cr_assert_eq(slope[4], 0.0f);
  cr_assert_eq(slope[5], 0.0f);
  cr_assert(isnan(z[6]) && isnan(slope[6]));
  lm_probe_close(probe);
}

Test(gaussian_sample, refuses_inputs_that_are_not_alike)
{
  ls_refuses("layer", "gaussian_sample", NULL, "4x2", LAMINA_E_INVALID, "takes 2 inputs, not 1");
  ls_refuses("layer", "gaussian_sample", NULL, "4x2 4x3", LAMINA_E_SHAPE, "[4, 3]|[4, 2]");
  ls_refuses("layer", "gaussian_sample", NULL, "4:2 4", LAMINA_E_SHAPE, "float32");
  ls_refuses("layer", "gaussian_sample", "{evaluation: mode}", "4 4", LAMINA_E_INVALID, "mean");
  ls_refuses("layer", "gaussian_sample", "{log_var_max: 100}", "4 4", LAMINA_E_INVALID,
             "log_var_max|80");
}
