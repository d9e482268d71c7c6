/*
 * A row gives everything that goes in and everything that must come out; shapes say how much.
 */
#include "tests/support/layer_oracle.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "tests/support/layer_probe.h"

struct oracle_row {
  const char *kind, *plugin, *settings, *shapes;
  const double *in[3], *weight[2], *out, *dy, *din[3], *dweight[2];
};

#include "tests/oracle/layers.inc"

#include "tests/oracle/images.inc"

enum { PASSES = LAMINA_MODE_TRAIN | LAMINA_MODE_KEEP };

static void set(struct lm_probe *probe, uint32_t role, uint32_t index, const double *numbers)
{
  for (int64_t i = 0; i < lm_probe_count(probe, role, index); i++) {
    if (lm_probe_is_float(probe, role, index)) {
      lm_probe_value(probe, role, index)[i] = (float)numbers[i];
    } else {
      lm_probe_labels(probe, index)[i] = (int32_t)numbers[i];
    }
  }
}

static void expect(const struct lm_probe *probe, const char *what, const float *found,
                   const double *expected, int64_t n, const double tolerance[2])
{
  for (int64_t i = 0; i < n; i++) {
    double bound = ldexp(tolerance[0] * fabs(expected[i]) + tolerance[1], -24);
    cr_assert(fabs((double)found[i] - expected[i]) <= bound,
              "%s: element %lld of %s is %.9g, expected %.9g (+- %.2g)", probe->label, (long long)i,
              what, (double)found[i], expected[i], bound);
  }
}

static void check_row(const struct oracle_row *row, unsigned constant,
                      const struct ls_tolerance *tolerance)
{
  const double value[] = {tolerance->value, tolerance->value_absolute};
  const double gradient[] = {tolerance->gradient, tolerance->gradient_absolute};
  struct lm_probe *probe = ls_open(row->kind, row->plugin, row->settings, row->shapes, 2);
  for (uint32_t i = 0; i < probe->count[LAMINA_IN]; i++) {
    set(probe, LAMINA_IN, i, row->in[i]);
    probe->requests[LAMINA_IN][i] = (constant & (1u << i)) != 0 ? LAMINA_SKIP : LAMINA_WRITE;
  }
  for (uint32_t i = 0; i < probe->count[LAMINA_WEIGHT]; i++) {
    set(probe, LAMINA_WEIGHT, i, row->weight[i]);
  }
  for (int64_t i = 0; i < lm_probe_count(probe, LAMINA_OUT, 0); i++) {
    lm_probe_gradient(probe, LAMINA_OUT, 0)[i] = (float)row->dy[i];
  }
  ls_forward(probe, PASSES, 0);
  ls_backward(probe, PASSES, 0);
  expect(probe, "y", lm_probe_value(probe, LAMINA_OUT, 0), row->out,
         lm_probe_count(probe, LAMINA_OUT, 0), value);
  for (uint32_t i = 0; i < probe->count[LAMINA_IN]; i++) {
    if ((constant & (1u << i)) == 0) {
      expect(probe, "dx", lm_probe_gradient(probe, LAMINA_IN, i), row->din[i],
             lm_probe_count(probe, LAMINA_IN, i), gradient);
    }
  }
  for (uint32_t i = 0; i < probe->count[LAMINA_WEIGHT]; i++) {
    expect(probe, "dw", lm_probe_gradient(probe, LAMINA_WEIGHT, i), row->dweight[i],
           lm_probe_count(probe, LAMINA_WEIGHT, i), gradient);
  }
  lm_probe_close(probe);
}

static int check_rows(const struct oracle_row *rows, size_t count, const char *kind,
                      const char *name, unsigned constant, const struct ls_tolerance *tolerance)
{
  int found = 0;
  for (size_t i = 0; i < count; i++) {
    if (strcmp(rows[i].kind, kind) == 0 && strcmp(rows[i].plugin, name) == 0) {
      check_row(&rows[i], constant, tolerance);
      found++;
    }
  }
  return found;
}

void ls_check_oracle(const char *kind, const char *name, unsigned constant,
                     const struct ls_tolerance *tolerance)
{
  int found = check_rows(oracle_rows, sizeof oracle_rows / sizeof oracle_rows[0], kind, name,
                         constant, tolerance);
  found += check_rows(image_rows, sizeof image_rows / sizeof image_rows[0], kind, name, constant,
                      tolerance);
  cr_assert_gt(found, 0, "the oracle does not know %s %s", kind, name);
}
