/*
 * gaussian_kl: the general checklist, PyTorch's numbers, a Monte Carlo estimate of the divergence,
 * free bits, and logarithms that are too large.
 */
#include <criterion/criterion.h>
#include <math.h>

#include <lamina/random.h>
#include <lamina/testing.h>

#include "tests/support/layer_checklist.h"
#include "tests/support/layer_oracle.h"

LAMINA_CONFORM(loss, gaussian_kl)

enum { TRAINING = LAMINA_MODE_TRAIN | LAMINA_MODE_KEEP, MU = 0, LOG_VAR = 1 };

/* The fifth derivative is e^v / 2. */
static void check(const char *settings, const char *const *shapes)
{
  const struct ls_layer layer = {
      .kind = "loss",
      .name = "gaussian_kl",
      .settings = settings,
      .shapes = shapes,
      .declares = "reads:in0 reads:in1 save:0",
      .fifth = 1.5,
      .rounding = 8.0,
  };
  ls_layer_checklist(&layer);
}

/* Of 5003 samples each dimension's mean is far from 0.28 free nats, which are on either side. */
Test(gaussian_kl, passes_the_checklist)
{
  static const char *const shapes[] = {"0x3 0x3",       "1 1",           "7x13 7x13", "2x3x5 2x3x5",
                                       "5003x4 5003x4", "9x1031 9x1031", NULL};
  static const char *const large[] = {"5003x4 5003x4", NULL};
  check(NULL, shapes);
  check("{free_bits: 0.1}", large);
  check("{free_bits: 2}", large);
}

Test(gaussian_kl, equals_pytorch)
{
  ls_check_oracle("loss", "gaussian_kl", 0,
                  &(struct ls_tolerance){
                      .value = 8, .value_absolute = 16, .gradient = 8, .gradient_absolute = 8});
}

static double loss_of(const char *settings, const float *mu, const float *v, const char *shapes)
{
  struct lm_probe *probe = ls_open("loss", "gaussian_kl", settings, shapes, 1);
  ls_set(probe, LAMINA_IN, MU, mu);
  ls_set(probe, LAMINA_IN, LOG_VAR, v);
  ls_forward(probe, TRAINING, 0);
  double loss = (double)*lm_probe_value(probe, LAMINA_OUT, 0);
  lm_probe_close(probe);
  return loss;
}

/* E[log q(z) - log p(z)], z = mu + s eps, of 2^19 pairs of eps and -eps. */
static double estimate(double mu, double v)
{
  enum { DRAWS = 1 << 19 };
  static uint32_t words[1024];
  const struct lm_stream stream = lm_stream_make(5, "monte carlo");
  double sum = 0.0;
  for (uint64_t at = 0; at < DRAWS; at++) {
    float pair[2];
    if (at % 512 == 0) {
      lm_stream_fill(&stream, 0, 0, 2 * at, 1024, words);
    }
    lamina_normal_pair(words + 2 * (at % 512), 1.0, pair);
    for (int sign = -1; sign <= 1; sign += 2) {
      double eps = sign * (double)pair[at % 2], z = mu + exp(0.5 * v) * eps;
      sum += 0.5 * (z * z - eps * eps - v);
    }
  }
  return sum / (2.0 * DRAWS);
}

Test(gaussian_kl, closed_form_is_what_monte_carlo_finds)
{
  static const float places[][2] = {{0, 0}, {0.5f, -0.3f}, {-1, 0.2f}, {0.1f, -1}, {1.5f, -0.7f}};
  for (int i = 0; i < 5; i++) {
    double found = loss_of(NULL, &places[i][MU], &places[i][LOG_VAR], "1 1");
    double wanted = estimate((double)places[i][MU], (double)places[i][LOG_VAR]);
    cr_assert(fabs(found - wanted) <= 1e-3, "place %d: %g, not %g", i, found, wanted);
  }
}

/* Of two samples: dimension 0 has the means 0.5 and 2, dimension 1 has 0.125 and 0. */
static const float two_mu[] = {1.0f, 0.5f, 2.0f, 0.0f}, two_v[] = {0.0f, 0.0f, 0.0f, 0.0f};

Test(gaussian_kl, free_bits_bound_the_mean_of_each_dimension_while_training)
{
  static const struct {
    const char *settings;
    double loss;
  } rows[] = {{NULL, 1.25 + 0.0625},
              {"{free_bits: 0.0625}", 1.25 + 0.0625},
              {"{free_bits: 0.5}", 1.25 + 0.5},
              {"{free_bits: 3}", 6.0}};
  for (int i = 0; i < 4; i++) {
    double loss = loss_of(rows[i].settings, two_mu, two_v, "2x2 2x2");
    cr_assert_float_eq(loss, rows[i].loss, 1e-7, "%s: %g", rows[i].settings, loss);
  }
}

Test(gaussian_kl, a_dimension_within_its_free_bits_has_no_gradient)
{
  struct lm_probe *probe = ls_open("loss", "gaussian_kl", "{free_bits: 0.5}", "2x2 2x2", 1);
  static const float v[] = {0.5f, 0.5f, 0.5f, 0.5f};
  for (int i = 0; i < 2; i++) {
    uint32_t mode = i == 0 ? (uint32_t)TRAINING : (uint32_t)LAMINA_MODE_KEEP;
    ls_set(probe, LAMINA_IN, MU, two_mu);
    ls_set(probe, LAMINA_IN, LOG_VAR, v);
    *lm_probe_gradient(probe, LAMINA_OUT, 0) = 3.0f;
    ls_forward(probe, mode, 0);
    ls_backward(probe, mode, 0);
    for (int j = 0; j < 4; j++) {
      double open = j % 2 == 0 || i == 1 ? 1.5 : 0.0; /* 3 / N; all of them in evaluation */
      cr_assert_float_eq(lm_probe_gradient(probe, LAMINA_IN, MU)[j], open * (double)two_mu[j],
                         1e-6);
      cr_assert_float_eq(lm_probe_gradient(probe, LAMINA_IN, LOG_VAR)[j], open * 0.5 * expm1(0.5),
                         1e-6);
    }
    cr_assert(i == 0 || *lm_probe_value(probe, LAMINA_OUT, 0) < 1.25f + 0.5f);
  }
  lm_probe_close(probe);
}

Test(gaussian_kl, a_variance_that_overflows_is_refused_with_its_place)
{
  static const float wrong[] = {80.5f, 1e4f, INFINITY};
  for (int i = 0; i < 3; i++) {
    struct lm_probe *probe = ls_open("loss", "gaussian_kl", NULL, "50x20 50x20", 1);
    lm_probe_fill(probe, 1);
    lm_probe_value(probe, LAMINA_IN, LOG_VAR)[20 * 37 + 11] = wrong[i];
    cr_assert_eq(lm_probe_forward(probe, TRAINING, 0), LAMINA_E_INVALID);
    ls_contains(probe->error.text, "dimension 11 of sample 37 |80 or less|overflow");
    lm_probe_close(probe);
  }
}

/* e^80 is 5.5e34, and a code of variance 0 has a divergence without bound, as it should. */
Test(gaussian_kl, is_finite_up_to_its_bounds)
{
  static const struct {
    float mu, v;
    double loss;
  } rows[] = {{0, 80, 2.7703e34}, {0, -80, 39.5},     {0, -1e6f, 499999.5},
              {1e15f, 0, 5e29},   {0, 1e-4f, 2.5e-9}, {1e-4f, 0, 5e-9}};
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    double loss = loss_of(NULL, &rows[i].mu, &rows[i].v, "1 1");
    double bound = 1e-4 * rows[i].loss + (i == 4 ? 1e-9 : 0.0);
    cr_assert(fabs(loss - rows[i].loss) <= bound, "row %zu: %g", i, loss);
  }
  float nan = NAN, zero = 0.0f;
  cr_assert(isnan(loss_of(NULL, &nan, &zero, "1 1")) && isnan(loss_of(NULL, &zero, &nan, "1 1")));
}

Test(gaussian_kl, refuses_inputs_that_are_not_alike)
{
  ls_refuses("loss", "gaussian_kl", NULL, "4x2", LAMINA_E_INVALID, "takes 2 inputs, not 1");
  ls_refuses("loss", "gaussian_kl", NULL, "4x2 4x3", LAMINA_E_SHAPE, "[4, 3]|[4, 2]");
  ls_refuses("loss", "gaussian_kl", NULL, "- -", LAMINA_E_SHAPE, "no axis");
  ls_refuses("loss", "gaussian_kl", "{free_bits: -1}", "4 4", LAMINA_E_INVALID, "free_bits");
}
