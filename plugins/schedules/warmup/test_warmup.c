/* The line at its ends and between, in steps and in epochs. */
#include <criterion/criterion.h>
#include <math.h>

#include <lamina/testing.h>

#include "tests/support/part_probe.h"

LAMINA_CONFORM(schedule, warmup)

Test(warmup, rises_on_a_straight_line_and_stays)
{
  static const struct {
    const char *yaml;
    uint64_t step, steps_per_epoch;
    double factor;
  } cases[] = {
      {"{warmup: {steps: 4}}", 0, 10, 0.0},
      {"{warmup: {steps: 4}}", 1, 10, 0.25},
      {"{warmup: {steps: 4}}", 3, 10, 0.75},
      {"{warmup: {steps: 4}}", 4, 10, 1.0},
      {"{warmup: {steps: 4}}", UINT64_MAX, 10, 1.0},
      {"warmup", 5, 10, 0.5},
      {"{warmup: {epochs: 2}}", 5, 10, 0.25},
      {"{warmup: {epochs: 2}}", 19, 10, 0.95},
      {"{warmup: {epochs: 2}}", 20, 10, 1.0},
      {"{warmup: {epochs: 1/4}}", 1, 10, 0.4}, /* two and a half steps */
      {"{warmup: {epochs: 1/4}}", 2, 10, 0.8},
      {"{warmup: {epochs: 1/4}}", 3, 10, 1.0},
      {"{warmup: {epochs: 0.01}}", 0, 10, 0.0},
      {"{warmup: {epochs: 0.01}}", 1, 10, 1.0},
      {"{warmup: {steps: 4, from: 0.5}}", 0, 10, 0.5},
      {"{warmup: {steps: 4, from: 0.5}}", 2, 10, 0.75},
      {"{warmup: {steps: 4, from: 1}}", 1, 10, 1.0},
  };
  struct probe probe;
  probe_open(&probe, 1);
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct lm_instance *warmup = probe_make(&probe, LAMINA_KIND_SCHEDULE, cases[i].yaml);
    double factor = probe_factor(warmup, cases[i].step, 1000, cases[i].steps_per_epoch);
    cr_assert(fabs(factor - cases[i].factor) < 1e-15, "%s: step %llu gives %.17g, not %.17g",
              cases[i].yaml, (unsigned long long)cases[i].step, factor, cases[i].factor);
  }
  probe_close(&probe);
}

Test(warmup, wrong_settings_are_refused)
{
  static const struct probe_refusal cases[] = {
      {"{warmup: {steps: -1}}", "steps"},
      {"{warmup: {epochs: 0}}", "epochs"},
      {"{warmup: {steps: 3, from: 2}}", "from"},
      {"{warmup: {step: 3}}", "did you mean 'steps'?"},
  };
  probe_refuses(LAMINA_KIND_SCHEDULE, cases, sizeof cases / sizeof cases[0]);
}
