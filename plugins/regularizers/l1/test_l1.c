/* lambda |w|: value and subgradient by hand, and over ranges. */
#include <criterion/criterion.h>

#include <lamina/testing.h>

#include "tests/support/part_probe.h"
#include "tests/support/regularizer_checks.h"

LAMINA_CONFORM(regularizer, l1)

Test(l1, value_and_gradient_are_those_of_the_formula)
{
  static const float weight[] = {1.5f, -2.0f, 0.0f, -0.0f, 1e-30f, -4.0f};
  static const float before[] = {1.0f, 1.0f, 1.0f, -3.0f, 0.0f, -0.5f};
  static const float after[] = {1.5f, 0.5f, 1.0f, -3.0f, 0.5f, -1.0f};
  struct regularizer_case wanted = {"{l1: {lambda: 0.5}}", weight, before, after, 6, 3.75};
  regularizer_check(&wanted);
}

Test(l1, ranges_add_up_to_the_whole)
{
  regularizer_check_splits("{l1: {lambda: 0.3}}");
}

Test(l1, wrong_settings_are_refused)
{
  static const struct probe_refusal cases[] = {
      {"l1", "lambda"},
      {"{l1: {lambda: -1}}", "lambda"},
      {"{l1: {lambda: .inf}}", "lambda"},
      {"{l1: {lambd: 1}}", "did you mean 'lambda'?"},
  };
  probe_refuses(LAMINA_KIND_REGULARIZER, cases, sizeof cases / sizeof cases[0]);
}
