/* Glorot's initial weights: variance 2 gain^2 / (fan_in + fan_out) (2010), streams, fans. */
#include <criterion/criterion.h>

#include <lamina/testing.h>

#include "tests/support/initializer_checks.h"
#include "tests/support/part_probe.h"

LAMINA_CONFORM(initializer, glorot)

Test(glorot, has_the_variance_of_the_formula)
{
  static const struct initializer_case cases[] = {
      {"glorot", 50, 14, 2.0 / 64, false},
      {"{glorot: {distribution: normal}}", 1, 99, 2.0 / 100, true},
      {"{glorot: {gain: 2}}", 300, 20, 8.0 / 320, false},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    initializer_check_moments(&cases[i]);
  }
}

Test(glorot, numbers_depend_on_seed_and_name_alone)
{
  initializer_check_streams("glorot");
  initializer_check_streams("{glorot: {distribution: normal}}");
}

Test(glorot, a_weight_without_both_fans_is_refused)
{
  initializer_check_no_fans("glorot", 0, 5, "glorot needs fan_in and fan_out");
  initializer_check_no_fans("glorot", 5, 0, "glorot needs fan_in and fan_out");
  initializer_check_no_fans("glorot", 0, 0, "glorot needs fan_in and fan_out");
}

Test(glorot, wrong_settings_are_refused)
{
  static const struct probe_refusal cases[] = {
      {"{glorot: {gain: 0}}", "gain"},
      {"{glorot: {gain: .inf}}", "gain"},
      {"{glorot: {distribution: normall}}", "did you mean 'normal'?"},
      {"{glorot: {mode: fan_in}}", "mode"},
  };
  probe_refuses(LAMINA_KIND_INITIALIZER, cases, sizeof cases / sizeof cases[0]);
}
