/* Falls at the right step, and by the right factor. */
#include <criterion/criterion.h>
#include <math.h>

#include <lamina/testing.h>

#include "tests/support/part_probe.h"

LAMINA_CONFORM(schedule, step)

Test(schedule_step, falls_where_and_as_far_as_it_says)
{
  static const struct {
    const char *yaml;
    uint64_t step, steps_per_epoch;
    double factor;
  } cases[] = {
      {"{step: {every: 2}}", 0, 10, 1.0},
      {"{step: {every: 2}}", 19, 10, 1.0},
      {"{step: {every: 2}}", 20, 10, 0.1},
      {"{step: {every: 2}}", 39, 10, 0.1},
      {"{step: {every: 2}}", 40, 10, 0.01},
      {"{step: {every: 1, factor: 0.5}}", 69, 7, 1.0 / 512},
      {"{step: {every: 1, factor: 0.5}}", 70, 7, 1.0 / 1024},
      {"{step: {every: 3, unit: steps, factor: 0.5}}", 2, 100, 1.0},
      {"{step: {every: 3, unit: steps, factor: 0.5}}", 3, 100, 0.5},
      {"{step: {every: 3, unit: steps, factor: 0.5}}", 5, 100, 0.5},
      {"{step: {every: 3, unit: steps, factor: 0.5}}", 6, 100, 0.25},
      {"{step: {every: 1, unit: steps, factor: 1}}", 1000000, 1, 1.0},
      {"{step: {every: 2, warmup_steps: 5}}", 0, 10, 0.2},
      {"{step: {every: 2, warmup_steps: 5}}", 4, 10, 1.0},
      {"{step: {every: 2, warmup_steps: 5}}", 5, 10, 1.0},
      {"{step: {every: 2, warmup_steps: 5}}", 20, 10, 0.1},
      {"{step: {every: 1, warmup_steps: 40}}", 19, 10, 0.05}, /* half the way up, a fall */
      {"{step: {every: 9223372036854775807}}", UINT64_MAX / 2 - 1, 1, 1.0},
  };
  struct probe probe;
  probe_open(&probe, 1);
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct lm_instance *step = probe_make(&probe, LAMINA_KIND_SCHEDULE, cases[i].yaml);
    double factor = probe_factor(step, cases[i].step, 1000, cases[i].steps_per_epoch);
    cr_assert(fabs(factor - cases[i].factor) <= 1e-15 * cases[i].factor,
              "%s: step %llu gives %.17g, not %.17g", cases[i].yaml,
              (unsigned long long)cases[i].step, factor, cases[i].factor);
  }
  probe_close(&probe);
}

Test(schedule_step, wrong_settings_are_refused)
{
  static const struct probe_refusal cases[] = {
      {"step", "every"},
      {"{step: {every: 0}}", "every"},
      {"{step: {every: 2, factor: 0}}", "factor"},
      {"{step: {every: 2, factor: 1.5}}", "factor"},
      {"{step: {every: 2, warmup_steps: -1}}", "warmup_steps"},
      {"{step: {every: 2, unit: epoch}}", "did you mean 'epochs'?"},
      {"{step: {evry: 2}}", "did you mean 'every'?"},
  };
  probe_refuses(LAMINA_KIND_SCHEDULE, cases, sizeof cases / sizeof cases[0]);
}
