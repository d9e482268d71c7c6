/* Active dimensions: their count by hand, merged parts, thresholds, refusals. */
#include <criterion/criterion.h>
#include <math.h>

#include <lamina/testing.h>

#include "tests/support/layer_probe.h"

LAMINA_CONFORM(metric, active_units)

/* Variances 0, 1/4 around 1000, 1, and 1e-4. */
static const float mu[] = {3.0f, 1000.5f, -1.0f, 0.01f, 3.0f, 999.5f, 1.0f, -0.01f};

static double count(const char *settings, const float *values)
{
  struct lm_probe *probe = ls_open("metric", "active_units", settings, "1x4", 1);
  const struct lm_instance *instance = probe->home->instance;
  const struct lamina_metric *table = &instance->plugin->table.metric;
  double part[10] = {0};
  cr_assert(isnan(table->value(instance->self, part)));
  for (int i = 0; i < 2; i++) {
    ls_set(probe, LAMINA_IN, 0, values + (size_t)i * 4);
    ls_forward(probe, 0, 0);
    table->merge(instance->self, part, probe->tensors[LAMINA_OUT][0].view.data);
    table->merge(instance->self, part, (const double[10]){0});
  }
  double value = table->value(instance->self, part);
  cr_assert_eq(table->direction(instance->self), 1);
  lm_probe_close(probe);
  return value;
}

Test(active_units, are_the_dimensions_whose_variance_is_above_the_threshold)
{
  static const float nan[] = {3.0f, NAN, -1.0f, 0.01f, 3.0f, 999.5f, 1.0f, -0.01f};
  cr_assert_eq(count(NULL, mu), 2.0);
  cr_assert_eq(count("{threshold: 0}", mu), 3.0);
  cr_assert_eq(count("{threshold: 0.24}", mu), 2.0);
  cr_assert_eq(count("{threshold: 0.25}", mu), 1.0);
  cr_assert_eq(count("{threshold: 1}", mu), 0.0);
  cr_assert(isnan(count(NULL, nan)));
}

Test(active_units, refuses_what_is_no_code)
{
  ls_refuses("metric", "active_units", NULL, "4x2 4x2", LAMINA_E_INVALID, "takes 1 input");
  ls_refuses("metric", "active_units", NULL, "4:2", LAMINA_E_SHAPE, "float32");
  ls_refuses("metric", "active_units", NULL, "-", LAMINA_E_SHAPE, "0 axes");
  ls_refuses("metric", "active_units", "{threshold: -1}", "4", LAMINA_E_INVALID, "threshold");
}
