/* max_pool1d: the general checklist, PyTorch, refusals; the rest is as for max_pool2d. */
#include <criterion/criterion.h>

#include <lamina/testing.h>

#include "tests/support/layer_checklist.h"
#include "tests/support/layer_oracle.h"

LAMINA_CONFORM(layer, max_pool1d)

/* A permutation, far apart: no two inputs are near to each other, where the derivative jumps. */
static void fill(struct lm_probe *probe, uint64_t seed)
{
  int64_t n = lm_probe_count(probe, LAMINA_IN, 0);
  for (int64_t i = 0; i < n; i++) {
    lm_probe_value(probe, LAMINA_IN, 0)[i] = (float)((i * 7919 + (int64_t)seed) % n);
  }
}

static void check(const char *settings)
{
  static const char *const shapes[] = {"0x5x2", "1x3x1", "2x7x3", "3x8", NULL};
  const struct ls_layer max_pool1d = {
      .kind = "layer",
      .name = "max_pool1d",
      .settings = settings,
      .shapes = shapes,
      .declares = "save:0 fuses:out0 fuses:in0",
      .fill = fill,
      .adding = 9.0, /* windows overlap: so many gradients meet */
  };
  ls_layer_checklist(&max_pool1d);
}

Test(max_pool1d, passes_the_checklist)
{
  check(NULL);
  check("{kernel: 3, stride: 2, padding: [1, 0], ceil: true}");
}

Test(max_pool1d, equals_pytorch)
{
  ls_check_oracle("layer", "max_pool1d", 0, &(struct ls_tolerance){.gradient_absolute = 8});
}

/* y[t] = max(x[t], x[t + 1]), and the last one is alone. */
Test(max_pool1d, same_puts_the_odd_position_behind)
{
  struct lm_probe *probe =
      ls_open("layer", "max_pool1d", "{kernel: 2, stride: 1, same: true}", "1x5", 1);
  static const float x[5] = {9, 1, 4, 1, 5}, y[5] = {9, 4, 4, 5, 5};
  ls_set(probe, LAMINA_IN, 0, x);
  ls_forward(probe, 0, 0);
  for (int t = 0; t < 5; t++) {
    cr_expect_eq(lm_probe_value(probe, LAMINA_OUT, 0)[t], y[t], "output %d", t);
  }
  lm_probe_close(probe);
}

Test(max_pool1d, refuses_other_shapes)
{
  ls_refuses("layer", "max_pool1d", NULL, "4x5x5x1", LAMINA_E_SHAPE, "[N, T, C] or [N, T]");
  ls_refuses("layer", "max_pool1d", NULL, "4x1x1", LAMINA_E_SHAPE, "a length of 1, padded to 1");
  ls_refuses("layer", "max_pool1d", "{kernel: [2, 2]}", "4x5x1", LAMINA_E_INVALID,
             "kernel has 2 numbers, expected one");
}
