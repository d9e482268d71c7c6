/* The cosine against its closed form at steps whose cosine is known, and against libm's. */
#include <criterion/criterion.h>
#include <math.h>

#include <lamina/testing.h>

#include "tests/support/part_probe.h"

LAMINA_CONFORM(schedule, cosine)

Test(cosine, follows_the_closed_form)
{
  static const double root_half = 0.70710678118654752440;
  const struct {
    const char *yaml;
    uint64_t step, total;
    double factor;
  } cases[] = {
      {"cosine", 0, 1000, 1.0},
      {"cosine", 250, 1000, 0.5 + 0.5 * root_half},
      {"cosine", 500, 1000, 0.5},
      {"cosine", 750, 1000, 0.5 - 0.5 * root_half},
      {"cosine", 1000, 1000, 0.0},
      {"cosine", 5000, 1000, 0.0},
      {"cosine", 0, 1, 1.0},
      {"{cosine: {floor: 0.2}}", 0, 90, 1.0},
      {"{cosine: {floor: 0.2}}", 30, 90, 0.2 + 0.8 * 0.75}, /* (1 + cos 60) / 2 = 3/4 */
      {"{cosine: {floor: 0.2}}", 60, 90, 0.2 + 0.8 * 0.25},
      {"{cosine: {floor: 0.2}}", 90, 90, 0.2},
      {"{cosine: {floor: 1}}", 37, 90, 1.0},
      {"{cosine: {warmup_steps: 10}}", 0, 110, 0.1},
      {"{cosine: {warmup_steps: 10}}", 8, 110, 0.9},
      {"{cosine: {warmup_steps: 10}}", 9, 110, 1.0},
      {"{cosine: {warmup_steps: 10}}", 10, 110, 1.0},
      {"{cosine: {warmup_steps: 10}}", 60, 110, 0.5},
      {"{cosine: {warmup_steps: 10, floor: 0.5}}", 60, 110, 0.75},
      {"{cosine: {warmup_steps: 10, floor: 0.5}}", 110, 110, 0.5},
      {"{cosine: {warmup_steps: 10}}", 3, 5, 0.4}, /* never done warming up */
      {"{cosine: {warmup_steps: 10}}", 10, 10, 0.0},
  };
  struct probe probe;
  probe_open(&probe, 1);
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct lm_instance *cosine = probe_make(&probe, LAMINA_KIND_SCHEDULE, cases[i].yaml);
    double factor = probe_factor(cosine, cases[i].step, cases[i].total, 10);
    cr_assert(fabs(factor - cases[i].factor) < 1e-14, "%s: step %d gives %.17g, not %.17g",
              cases[i].yaml, (int)cases[i].step, factor, cases[i].factor);
  }
  probe_close(&probe);
}

Test(cosine, never_rises_after_the_warm_up_nor_leaves_its_range)
{
  struct probe probe;
  probe_open(&probe, 1);
  struct lm_instance *cosine =
      probe_make(&probe, LAMINA_KIND_SCHEDULE, "{cosine: {warmup_steps: 100, floor: 0.01}}");
  double last = 1.0;
  for (uint64_t step = 100; step < 1100; step++) {
    double factor = probe_factor(cosine, step, 1000, 7);
    cr_assert(factor <= last && factor >= 0.01, "step %d: %.17g", (int)step, factor);
    last = factor;
  }
  probe_close(&probe);
}

Test(cosine, wrong_settings_are_refused)
{
  static const struct probe_refusal cases[] = {
      {"{cosine: {floor: -0.1}}", "floor"},
      {"{cosine: {floor: 1.1}}", "floor"},
      {"{cosine: {warmup_steps: -1}}", "warmup_steps"},
      {"{cosine: {warmup_steps: 1.5}}", "warmup_steps"},
      {"{cosine: {warmup_step: 10}}", "did you mean 'warmup_steps'?"},
  };
  probe_refuses(LAMINA_KIND_SCHEDULE, cases, sizeof cases / sizeof cases[0]);
}
