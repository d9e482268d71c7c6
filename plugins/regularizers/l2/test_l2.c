/*
 * (lambda / 2) |w|^2: value and gradient by hand, and over ranges. Then what it is to weight
 * decay: the same thing for plain gradient descent at a constant rate with lambda = d / rate,
 * and for nothing else (R15, C7).
 */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>

#include <lamina/testing.h>

#include "tests/support/part_probe.h"
#include "tests/support/regularizer_checks.h"

LAMINA_CONFORM(regularizer, l2)

Test(l2, value_and_gradient_are_those_of_the_formula)
{
  static const float weight[] = {1.5f, -2.0f, 0.0f, -0.0f, 4.0f};
  static const float before[] = {1.0f, 1.0f, 1.0f, -3.0f, 0.0f};
  static const float after[] = {1.375f, 0.5f, 1.0f, -3.0f, 1.0f};
  struct regularizer_case wanted = {"{l2: {lambda: 0.25}}", weight, before, after, 5, 2.78125};
  regularizer_check(&wanted);
}

Test(l2, ranges_add_up_to_the_whole)
{
  regularizer_check_splits("{l2: {lambda: 0.3}}");
}

Test(l2, wrong_settings_are_refused)
{
  static const struct probe_refusal cases[] = {
      {"l2", "lambda"},
      {"{l2: {lambda: -1e-4}}", "lambda"},
      {"{l2: {lambda: .nan}}", "lambda"},
      {"{l2: {lamda: 1}}", "did you mean 'lambda'?"},
  };
  probe_refuses(LAMINA_KIND_REGULARIZER, cases, sizeof cases / sizeof cases[0]);
}

/** A descent on (w - 1)^2 / 2 from a start, with a penalty or without. */
struct descent {
  const char *optimizer, *penalty; /* YAML; penalty may be NULL */
  float start;
  int steps;
  bool falls; /* the rate, in a straight line to 0 */
};

static double descend(const struct descent *descent)
{
  struct probe probe;
  struct probe_optimizer optimizer;
  float weight = descent->start;
  probe_open(&probe, 1);
  probe_optimizer_open(&probe, descent->optimizer, 1, &optimizer);
  struct lm_instance *penalty = descent->penalty == NULL
                                    ? NULL
                                    : probe_make(&probe, LAMINA_KIND_REGULARIZER, descent->penalty);
  for (int step = 0; step < descent->steps; step++) {
    float grad = weight - 1.0f;
    if (penalty != NULL) {
      (void)probe_penalty(&probe, penalty, &weight, &grad, 1);
    }
    optimizer.factor = descent->falls ? 1.0 - (double)step / descent->steps : 1.0;
    probe_optimizer_step(&optimizer, &weight, &grad);
  }
  probe_optimizer_close(&optimizer);
  probe_close(&probe);
  return (double)weight;
}

/* Every number here has few bits: a step takes two more, so nothing is rounded. */
Test(l2, equals_weight_decay_under_plain_descent_at_a_constant_rate)
{
  for (int steps = 1; steps <= 9; steps++) {
    struct descent l2 = {"{sgd: {rate: 0.25}}", "{l2: {lambda: 2}}", 1.5f, steps, false};
    struct descent decoupled = {"{sgd: {rate: 0.25, weight_decay: 0.5, decay_mode: decoupled}}",
                                NULL, 1.5f, steps, false};
    double penalized = descend(&l2);
    double decayed = descend(&decoupled);
    cr_assert(fabs(penalized - decayed) <= 1e-12, "%d steps: %.17g and %.17g", steps, penalized,
              decayed);
    /* w' = w / 4 + 1/4, with the fixed point 1/3 */
    double wanted = 1.0 / 3.0 + (1.5 - 1.0 / 3.0) * pow(0.25, steps);
    cr_assert(fabs(penalized - wanted) <= 1e-12, "%.17g", penalized);
  }
}

/* Decay 0.03 a step at rate 0.1 against lambda 0.3, 200 steps each. */
Test(l2, differs_from_weight_decay_under_anything_else)
{
  static const struct {
    const char *optimizer; /* with a place for more settings */
    bool falls;
    double least, most; /* of the difference */
  } cases[] = {
      {"{sgd: {rate: 0.1%s}}", false, 0.0, 1e-6},
      {"{sgd: {rate: 0.1, momentum: 0.9%s}}", false, 0.1, 0.4},
      {"{sgd: {rate: 0.1%s}}", true, 0.3, 1.0},
      {"{adam: {rate: 0.1%s}}", false, 0.05, 0.6},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    char plain[96], decaying[160];
    (void)snprintf(plain, sizeof plain, cases[i].optimizer, "");
    (void)snprintf(decaying, sizeof decaying, cases[i].optimizer,
                   ", weight_decay: 0.03, decay_mode: decoupled");
    struct descent l2 = {plain, "{l2: {lambda: 0.3}}", 0.0f, 200, cases[i].falls};
    struct descent decay = {decaying, NULL, 0.0f, 200, cases[i].falls};
    double difference = fabs(descend(&l2) - descend(&decay));
    cr_assert(difference >= cases[i].least && difference <= cases[i].most, "%s: %g", plain,
              difference);
  }
}

Test(l2, with_momentum_the_same_resting_point_needs_a_smaller_lambda)
{
  struct descent l2 = {"{sgd: {rate: 0.1, momentum: 0.9}}", "{l2: {lambda: 0.03}}", 0.0f, 1000,
                       false};
  struct descent decay = {
      "{sgd: {rate: 0.1, momentum: 0.9, weight_decay: 0.03, decay_mode: decoupled}}", NULL, 0.0f,
      1000, false};
  double rest = 1.0 / 1.03; /* lambda = d (1 - momentum) / rate */
  cr_assert(fabs(descend(&l2) - rest) < 1e-5, "%.9g", descend(&l2));
  cr_assert(fabs(descend(&decay) - rest) < 1e-5, "%.9g", descend(&decay));
}
