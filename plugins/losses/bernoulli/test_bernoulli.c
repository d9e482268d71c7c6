/* bernoulli: the general checklist, PyTorch's numbers, shapes of targets, refusals. */
#include <criterion/criterion.h>
#include <math.h>

#include <lamina/testing.h>

#include "tests/support/layer_checklist.h"
#include "tests/support/layer_oracle.h"

LAMINA_CONFORM(loss, bernoulli)

/* As of bce, whose loops they are; sums over a sample are larger than means. */
Test(bernoulli, passes_the_checklist)
{
  static const char *const shares[] = {"1x1 1u", "7x13 7x13u", "6x12 6x3x4u", "101x99 101x9x11u",
                                       NULL};
  static const char *const labels[] = {"1x1 1:2", "7x13 7x13:2", "2x15 2x3x5:0", NULL};
  for (int i = 0; i < 2; i++) {
    const struct ls_layer layer = {
        .kind = "loss",
        .name = "bernoulli",
        .shapes = i == 0 ? shares : labels,
        .declares = "reads:in0 reads:in1",
        .constant = 1u << 1,
        .fifth = 0.13,
        .rounding = 8.0,
    };
    ls_layer_checklist(&layer);
  }
}

Test(bernoulli, equals_pytorch)
{
  ls_check_oracle(
      "loss", "bernoulli", 1u << 1,
      &(struct ls_tolerance){.value = 8, .value_absolute = 100, .gradient_absolute = 6});
}

/* -sum(y log p + (1 - y) log(1 - p)) in double, far from where it is steep. */
Test(bernoulli, is_the_log_likelihood_of_a_sample)
{
  struct lm_probe *probe = ls_open("loss", "bernoulli", NULL, "3x6 3x2x3u", 1);
  double sum = 0.0;
  lm_probe_fill(probe, 5);
  ls_forward(probe, LAMINA_MODE_TRAIN, 0);
  for (int i = 0; i < 18; i++) {
    double p = 1.0 / (1.0 + exp(-(double)lm_probe_value(probe, LAMINA_IN, 0)[i]));
    double y = (double)lm_probe_value(probe, LAMINA_IN, 1)[i];
    sum -= y * log(p) + (1.0 - y) * log(1.0 - p);
  }
  cr_assert_float_eq(*lm_probe_value(probe, LAMINA_OUT, 0), sum / 3.0, 1e-6);
  lm_probe_close(probe);
}

Test(bernoulli, refuses_targets_of_other_sizes_and_values)
{
  static const struct {
    const char *shapes, *fragments;
  } rows[] = {
      {"4x6 4x5", "[4, 5]|as many elements|[4, 6]"},
      {"4x6 6x4", "[6, 4]"},
      {"4x6 24", "[24]"},
      {"- -", "[]"},
      {"4x1 4:3", "3 classes"},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    ls_refuses("loss", "bernoulli", NULL, rows[i].shapes, LAMINA_E_SHAPE, rows[i].fragments);
  }
  struct lm_probe *probe = ls_open("loss", "bernoulli", NULL, "5x4 5x2x2u", 1);
  lm_probe_fill(probe, 1);
  lm_probe_value(probe, LAMINA_IN, 1)[14] = 1.5f;
  cr_assert_eq(lm_probe_forward(probe, LAMINA_MODE_TRAIN, 0), LAMINA_E_INVALID);
  ls_contains(probe->error.text, "loss 'bernoulli'|sample 3 |1.5|from 0 to 1");
  lm_probe_close(probe);
}
