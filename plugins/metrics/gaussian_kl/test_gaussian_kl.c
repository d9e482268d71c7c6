/* The divergence from the prior: all dimensions, one of them, parts, refusals. */
#include <criterion/criterion.h>
#include <math.h>

#include <lamina/testing.h>

#include "tests/support/layer_probe.h"

LAMINA_CONFORM(metric, gaussian_kl)

enum { N = 37, D = 300 };

static double kl(double mu, double v)
{
  return 0.5 * (mu * mu + exp(v) - 1.0 - v);
}

/* The metric of a batch that lm_probe_fill() makes, and beside it the sum over what counts. */
static double value_of(const char *settings, int only, double *wanted)
{
  struct lm_probe *probe = ls_open("metric", "gaussian_kl", settings, "37x30x10 37x30x10", 1);
  const struct lm_instance *instance = probe->home->instance;
  double part[2] = {0};
  lm_probe_fill(probe, 1);
  *wanted = 0.0;
  for (int i = 0; i < N * D; i++) {
    double mu = (double)lm_probe_value(probe, LAMINA_IN, 0)[i];
    double v = (double)lm_probe_value(probe, LAMINA_IN, 1)[i];
    *wanted += only < 0 || i % D == only ? kl(mu, v) / N : 0.0;
  }
  for (int batch = 0; batch < 3; batch++) {
    ls_forward(probe, 0, 0);
    instance->plugin->table.metric.merge(instance->self, part,
                                         probe->tensors[LAMINA_OUT][0].view.data);
  }
  double value = instance->plugin->table.metric.value(instance->self, part);
  const double none[2] = {0};
  cr_assert(isnan(instance->plugin->table.metric.value(instance->self, none)));
  lm_probe_close(probe);
  return value;
}

Test(metric_gaussian_kl, is_the_mean_divergence_of_a_sample)
{
  static const struct {
    const char *settings;
    int only;
  } rows[] = {
      {NULL, -1}, {"{dimension: 0}", 0}, {"{dimension: 271}", 271}, {"{dimension: 299}", 299}};
  for (int i = 0; i < 4; i++) {
    double wanted, value = value_of(rows[i].settings, rows[i].only, &wanted);
    cr_assert_float_eq(value, wanted, 1e-6 * wanted, "row %d: %.9g, not %.9g", i, value, wanted);
  }
}

Test(metric_gaussian_kl, refuses_what_has_no_divergence)
{
  ls_refuses("metric", "gaussian_kl", "{dimension: 6}", "4x2x3 4x2x3", LAMINA_E_SHAPE,
             "no dimension 6|has 6");
  ls_refuses("metric", "gaussian_kl", "{dimension: -2}", "4x2 4x2", LAMINA_E_INVALID, "dimension");
  ls_refuses("metric", "gaussian_kl", NULL, "4x2 4x3", LAMINA_E_SHAPE, "[4, 3]|[4, 2]");
  ls_refuses("metric", "gaussian_kl", NULL, "4x2", LAMINA_E_INVALID, "takes 2 inputs");
  ls_refuses("metric", "gaussian_kl", NULL, "- -", LAMINA_E_SHAPE, "no axis");
}
