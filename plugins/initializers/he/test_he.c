/* He's initial weights: variance gain^2 / fan (He et al. 2015), streams, fans. */
#include <criterion/criterion.h>

#include <lamina/testing.h>

#include "tests/support/initializer_checks.h"
#include "tests/support/part_probe.h"

LAMINA_CONFORM(initializer, he)

Test(he, has_the_variance_of_the_formula)
{
  static const struct initializer_case cases[] = {
      {"he", 50, 7, 2.0 / 50, true},
      {"{he: {mode: fan_out}}", 50, 8, 2.0 / 8, true},
      {"{he: {distribution: uniform}}", 300, 7, 2.0 / 300, false},
      {"{he: {gain: 1, distribution: uniform, mode: fan_out}}", 0, 100, 1.0 / 100, false},
      {"{he: {gain: 3}}", 1, 0, 9.0, true},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    initializer_check_moments(&cases[i]);
  }
}

Test(he, numbers_depend_on_seed_and_name_alone)
{
  initializer_check_streams("he");
  initializer_check_streams("{he: {distribution: uniform}}");
}

Test(he, a_weight_without_the_fan_is_refused)
{
  initializer_check_no_fans("he", 0, 5, "he needs fan_in");
  initializer_check_no_fans("{he: {mode: fan_out}}", 5, 0, "he needs fan_out");
}

Test(he, wrong_settings_are_refused)
{
  static const struct probe_refusal cases[] = {
      {"{he: {gain: 0}}", "gain"},
      {"{he: {gain: -1}}", "gain"},
      {"{he: {distribution: gauss}}", "distribution"},
      {"{he: {mode: fan_on}}", "fan_in"},
      {"{he: {gian: 1}}", "did you mean 'gain'?"},
  };
  probe_refuses(LAMINA_KIND_INITIALIZER, cases, sizeof cases / sizeof cases[0]);
}
