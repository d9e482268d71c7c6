/* Adam against PyTorch and by hand. */
#include <criterion/criterion.h>
#include <math.h>

#include <lamina/testing.h>

#include "tests/support/optimizer_checks.h"
#include "tests/support/part_probe.h"

LAMINA_CONFORM(optimizer, adam)

Test(adam, fifty_steps_agree_with_pytorch)
{
  optimizer_check_oracle("adam");
}

/* With beta1 1/2, beta2 3/4 and gradients 1, -1, 2 the corrected moments are 1, -1/3, 1 and
 * 1, 1, 85/37. */
Test(adam, three_steps_agree_with_a_hand_computed_trace)
{
  const char *yaml = "{adam: {rate: 0.25, beta1: 0.5, beta2: 0.75, epsilon: 1e-30}}";
  const float gradients[] = {1.0f, -1.0f, 2.0f};
  double second = 0.75 + 0.25 / 3.0;
  const double weights[] = {0.75, second, second - 0.25 / sqrt(85.0 / 37.0)};
  optimizer_check_trace(yaml, gradients, weights);
}

Test(adam, epsilon_is_added_to_the_root)
{
  const float gradients[] = {1.0f, 1.0f, 1.0f};
  const double weights[] = {0.75, 0.5, 0.25}; /* 1 / (1 + 1) of the rate a step */
  optimizer_check_trace("{adam: {rate: 0.5, epsilon: 1}}", gradients, weights);
}

Test(adam, a_step_in_ranges_gives_the_bits_of_a_step_as_a_whole)
{
  optimizer_check_splits("{adam: {rate: 0.1, weight_decay: 0.3}}");
}

Test(adam, decay_shrinks_by_the_closed_form)
{
  optimizer_check_decay("adam");
}

Test(adam, the_gradient_may_come_with_a_factor)
{
  optimizer_check_grad_scale("{adam: {rate: 0.25, epsilon: 1}}");
}

Test(adam, keeps_two_moments)
{
  struct probe probe;
  struct probe_optimizer optimizer;
  probe_open(&probe, 1);
  probe_optimizer_open(&probe, "adam", 3, &optimizer);
  cr_assert_eq(optimizer.store.n_slots, 2);
  cr_assert_str_eq(optimizer.store.slot_names[0], "first_moment");
  cr_assert_str_eq(optimizer.store.slot_names[1], "second_moment");
  probe_optimizer_close(&optimizer);
  probe_close(&probe);
}

Test(adam, wrong_settings_are_refused)
{
  static const struct probe_refusal cases[] = {
      {"{adam: {beta1: 1}}", "beta1"},
      {"{adam: {beta2: 1.5}}", "beta2"},
      {"{adam: {beta1: -0.1}}", "beta1"},
      {"{adam: {epsilon: 0}}", "epsilon"},
      {"{adam: {beta_1: 0.9}}", "did you mean 'beta1'?"},
  };
  optimizer_check_refusals("adam");
  probe_refuses(LAMINA_KIND_OPTIMIZER, cases, sizeof cases / sizeof cases[0]);
}
