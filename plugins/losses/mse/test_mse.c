/* mse: the general checklist, PyTorch's numbers, and shapes that it refuses. */
#include <criterion/criterion.h>
#include <math.h>

#include <lamina/testing.h>

#include "tests/support/layer_checklist.h"
#include "tests/support/layer_oracle.h"

LAMINA_CONFORM(loss, mse)

static const char *const shapes[] = {"0x2 0x2", "1 1",         "1x1 1",       "7x13 7x13",
                                     "5x1 5",   "2x3x5 2x3x5", "50021 50021", NULL};

/* A quadratic function: any step is exact. Terms are rounded three times, and are 4 at most. */
static const struct ls_layer mse = {
    .kind = "loss",
    .name = "mse",
    .shapes = shapes,
    .declares = "reads:in0 reads:in1",
    .step = 0.5,
    .rounding = 4.0 * 3.0 + 1.0,
};

Test(mse, passes_the_checklist)
{
  ls_layer_checklist(&mse);
}

/* p - t, its square, the mean; p - t, the scale, their product: each rounded once. */
Test(mse, equals_pytorch)
{
  ls_check_oracle("loss", "mse", 0, &(struct ls_tolerance){.value = 4, .gradient = 4});
}

Test(mse, is_the_mean_over_all_elements)
{
  struct lm_probe *probe = ls_open("loss", "mse", NULL, "2x2 2x2", 1);
  ls_set(probe, LAMINA_IN, 0, (const float[]){1.0f, -2.0f, 3.0f, 0.5f});
  ls_set(probe, LAMINA_IN, 1, (const float[]){0.0f, -2.0f, 1.0f, 1.0f});
  *lm_probe_gradient(probe, LAMINA_OUT, 0) = 2.0f;
  ls_forward(probe, LAMINA_MODE_TRAIN | LAMINA_MODE_KEEP, 0);
  ls_backward(probe, LAMINA_MODE_TRAIN | LAMINA_MODE_KEEP, 0);
  static const float slope[] = {1.0f, 0.0f, 2.0f, -0.5f}; /* 2 * 2 (p - t) / 4 */
  cr_assert_eq(*lm_probe_value(probe, LAMINA_OUT, 0), (1.0f + 4.0f + 0.25f) / 4.0f);
  for (int i = 0; i < 4; i++) {
    cr_assert_eq(lm_probe_gradient(probe, LAMINA_IN, 0)[i], slope[i]);
    cr_assert_eq(lm_probe_gradient(probe, LAMINA_IN, 1)[i], -slope[i]);
  }
  lm_probe_close(probe);
}

Test(mse, loss_of_no_samples_is_0)
{
  struct lm_probe *probe = ls_open("loss", "mse", NULL, "0x3 0x3", 1);
  ls_forward(probe, LAMINA_MODE_TRAIN, 0);
  cr_assert_eq(*lm_probe_value(probe, LAMINA_OUT, 0), 0.0f);
  lm_probe_close(probe);
}

/* Squares are summed as doubles: neither 1e20 squared nor a long sum of ones overflows a float. */
Test(mse, sums_do_not_lose_small_terms)
{
  struct lm_probe *probe = ls_open("loss", "mse", NULL, "200001 200001", 2);
  for (int i = 0; i < 200001; i++) {
    lm_probe_value(probe, LAMINA_IN, 0)[i] = i == 0 ? 16384.0f : 1.0f;
    lm_probe_value(probe, LAMINA_IN, 1)[i] = 0.0f;
  }
  ls_forward(probe, 0, 0);
  float expected = (float)((16384.0 * 16384.0 + 200000.0) / 200001.0);
  cr_assert_eq(*lm_probe_value(probe, LAMINA_OUT, 0), expected);
  lm_probe_close(probe);
}

Test(mse, refuses_targets_that_are_unlike_the_prediction)
{
  ls_refuses("loss", "mse", NULL, "4x3 4", LAMINA_E_SHAPE, "[4]|[4, 3]");
  ls_refuses("loss", "mse", NULL, "4 4x1", LAMINA_E_SHAPE, "[4, 1]|[4]");
  ls_refuses("loss", "mse", NULL, "4x3 3x4", LAMINA_E_SHAPE, "[3, 4]|[4, 3]");
  ls_refuses("loss", "mse", NULL, "4x1 4:2", LAMINA_E_SHAPE, "must be float32");
  ls_refuses("loss", "mse", NULL, "4x1", LAMINA_E_INVALID, "takes 2 inputs, not 1");
}
