/* AdamW against PyTorch and by hand. */
#include <criterion/criterion.h>
#include <math.h>

#include <lamina/testing.h>

#include "tests/support/optimizer_checks.h"

LAMINA_CONFORM(optimizer, adamw)

Test(adamw, fifty_steps_agree_with_pytorch)
{
  optimizer_check_oracle("adamw");
}

/* The moments of Adam's trace; beside them the weight keeps 1 - 0.25 * 0.5 = 7/8 a step. */
Test(adamw, three_steps_agree_with_a_hand_computed_trace)
{
  const char *yaml =
      "{adamw: {rate: 0.25, beta1: 0.5, beta2: 0.75, epsilon: 1e-30, weight_decay: 0.5}}";
  const float gradients[] = {1.0f, -1.0f, 2.0f};
  double second = 0.875 * 0.625 + 0.25 / 3.0;
  const double weights[] = {0.625, second, 0.875 * second - 0.25 / sqrt(85.0 / 37.0)};
  optimizer_check_trace(yaml, gradients, weights);
}

Test(adamw, decays_by_a_hundredth_of_the_rate_unless_told_otherwise)
{
  const float gradients[] = {0.0f, 0.0f, 0.0f};
  const double keep = 1.0 - 0.5 * 0.01;
  const double weights[] = {keep, keep * keep, keep * keep * keep};
  optimizer_check_trace("{adamw: {rate: 0.5}}", gradients, weights);
}

Test(adamw, a_step_in_ranges_gives_the_bits_of_a_step_as_a_whole)
{
  optimizer_check_splits("{adamw: {rate: 0.1, weight_decay: 0.3}}");
}

Test(adamw, decay_shrinks_by_the_closed_form)
{
  optimizer_check_decay("adamw");
}

Test(adamw, the_gradient_may_come_with_a_factor)
{
  optimizer_check_grad_scale("{adamw: {rate: 0.25, epsilon: 1}}");
}

Test(adamw, wrong_settings_are_refused)
{
  optimizer_check_refusals("adamw");
}
