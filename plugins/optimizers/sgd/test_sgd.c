/* Gradient descent against PyTorch and by hand. */
#include <criterion/criterion.h>

#include <lamina/testing.h>

#include "tests/support/optimizer_checks.h"
#include "tests/support/part_probe.h"

LAMINA_CONFORM(optimizer, sgd)

Test(sgd, fifty_steps_agree_with_pytorch)
{
  optimizer_check_oracle("sgd");
}

Test(sgd, three_steps_agree_with_a_hand_computed_trace)
{
  static const struct {
    const char *yaml;
    float gradients[3];
    double weights[3];
  } cases[] = {
      {"{sgd: {rate: 0.5}}", {1.0f, 2.0f, -4.0f}, {0.5, -0.5, 1.5}},
      /* v = 1, 3/2, 7/4 */
      {"{sgd: {rate: 0.5, momentum: 0.5}}", {1.0f, 1.0f, 1.0f}, {0.5, -0.25, -1.125}},
      /* g + v / 2 = 3/2, 7/4, 15/8 */
      {"{sgd: {rate: 0.5, momentum: 0.5, nesterov: true}}",
       {1.0f, 1.0f, 1.0f},
       {0.25, -0.625, -1.5625}},
      /* the weight keeps 3/4, the velocity does not know */
      {"{sgd: {rate: 0.5, momentum: 0.5, weight_decay: 0.5}}",
       {1.0f, 1.0f, 1.0f},
       {0.25, -0.5625, -1.296875}},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    optimizer_check_trace(cases[i].yaml, cases[i].gradients, cases[i].weights);
  }
}

Test(sgd, a_step_in_ranges_gives_the_bits_of_a_step_as_a_whole)
{
  optimizer_check_splits("{sgd: {rate: 0.1, weight_decay: 0.01}}");
  optimizer_check_splits("{sgd: {rate: 0.1, momentum: 0.9}}");
  optimizer_check_splits("{sgd: {rate: 0.1, momentum: 0.9, nesterov: true, weight_decay: 0.3}}");
}

Test(sgd, decay_shrinks_by_the_closed_form)
{
  optimizer_check_decay("sgd");
}

Test(sgd, the_gradient_may_come_with_a_factor)
{
  optimizer_check_grad_scale("{sgd: {rate: 0.25}}");
  optimizer_check_grad_scale("{sgd: {rate: 0.25, momentum: 0.9}}");
  optimizer_check_grad_scale("{sgd: {rate: 0.25, momentum: 0.9, nesterov: true}}");
}

Test(sgd, without_momentum_there_is_no_state)
{
  struct probe probe;
  struct probe_optimizer optimizer;
  probe_open(&probe, 1);
  probe_optimizer_open(&probe, "sgd", 3, &optimizer);
  cr_assert_eq(optimizer.store.n_slots, 0);
  probe_optimizer_close(&optimizer);
  probe_optimizer_open(&probe, "{sgd: {momentum: 0.9}}", 3, &optimizer);
  cr_assert_eq(optimizer.store.n_slots, 1);
  cr_assert_str_eq(optimizer.store.slot_names[0], "momentum");
  probe_optimizer_close(&optimizer);
  probe_close(&probe);
}

Test(sgd, wrong_settings_are_refused)
{
  static const struct probe_refusal cases[] = {
      {"{sgd: {nesterov: true}}", "needs a momentum above 0"},
      {"{sgd: {nesterov: true, momentum: 0}}", "needs a momentum above 0"},
      {"{sgd: {momentum: 1}}", "momentum"},
      {"{sgd: {momentum: -0.1}}", "momentum"},
      {"{sgd: {nesterov: yes}}", "nesterov"},
      {"{sgd: {momentun: 0.9}}", "did you mean 'momentum'?"},
  };
  optimizer_check_refusals("sgd");
  probe_refuses(LAMINA_KIND_OPTIMIZER, cases, sizeof cases / sizeof cases[0]);
}
