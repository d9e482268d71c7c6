/* max_pool2d: the general checklist, ties, NaN, borders. */
#include <criterion/criterion.h>
#include <math.h>

#include <lamina/testing.h>

#include "tests/support/layer_checklist.h"

LAMINA_CONFORM(layer, max_pool2d)

enum { TRAINING = LAMINA_MODE_TRAIN | LAMINA_MODE_KEEP };

/* A permutation, far apart: no two inputs are near to each other, where the derivative jumps. */
static void fill(struct lm_probe *probe, uint64_t seed)
{
  int64_t n = lm_probe_count(probe, LAMINA_IN, 0);
  for (int64_t i = 0; i < n; i++) {
    lm_probe_value(probe, LAMINA_IN, 0)[i] = (float)((i * 7919 + (int64_t)seed) % n);
  }
}

static void check(const char *settings, const char *const *shapes)
{
  const struct ls_layer max_pool2d = {
      .kind = "layer",
      .name = "max_pool2d",
      .settings = settings,
      .shapes = shapes,
      .declares = "save:0",
      .fill = fill,
      .adding = 9.0, /* windows overlap: so many gradients meet */
  };
  ls_layer_checklist(&max_pool2d);
}

Test(max_pool2d, passes_the_checklist)
{
  static const char *const shapes[] = {"0x5x4x2", "1x3x3x1", "2x5x7x3", "1x7x4", "1x6x6x17", NULL};
  check(NULL, shapes);
  check("{kernel: 3, stride: 1}", shapes);
  check("{kernel: [3, 2], stride: [1, 3], padding: 1}", shapes);
  check("{kernel: 3, stride: 2, same: true}", shapes);
  check("{ceil: true}", shapes);
  check("{kernel: 2, dilation: 2, stride: 1}", shapes);
}

/* One window of four: what wins, and who gets the gradient. */
Test(max_pool2d, lets_the_first_of_equals_win_and_nan_over_all)
{
  static const struct {
    float x[4], y;
    int winner;
  } rows[] = {
      {{1, 1, 1, 1}, 1, 0},
      {{0, 2, 2, 1}, 2, 1},
      {{-INFINITY, -INFINITY, -INFINITY, -INFINITY}, -INFINITY, 0},
      {{1, NAN, 7, NAN}, NAN, 1},
      {{0.0f, -0.0f, 0.0f, -0.0f}, 0.0f, 0},
      {{-3, -2, -1, INFINITY}, INFINITY, 3},
  };
  struct lm_probe *probe = ls_open("layer", "max_pool2d", NULL, "1x2x2x1", 1);
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    for (int k = 0; k < 4; k++) {
      lm_probe_value(probe, LAMINA_IN, 0)[k] = rows[i].x[k];
    }
    lm_probe_gradient(probe, LAMINA_OUT, 0)[0] = 5.0f;
    ls_forward(probe, TRAINING, 0);
    ls_backward(probe, TRAINING, 0);
    float y = lm_probe_value(probe, LAMINA_OUT, 0)[0];
    cr_expect(isnan(rows[i].y) ? isnan(y) : y == rows[i].y, "row %zu: %g", i, (double)y);
    for (int k = 0; k < 4; k++) {
      cr_expect_eq(lm_probe_gradient(probe, LAMINA_IN, 0)[k], k == rows[i].winner ? 5.0f : 0.0f,
                   "row %zu, input %d", i, k);
    }
  }
  lm_probe_close(probe);
}
