/*
 * conv2d: the general checklist over strides, paddings, dilations, groups and borders, and the
 * direct sum of the definition in double precision.
 */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include <lamina/testing.h>

#include "tests/support/layer_checklist.h"
#include "tests/support/layer_oracle.h"

LAMINA_CONFORM(layer, conv2d)

enum { WEIGHT = 0, BIAS = 1, TRAINING = LAMINA_MODE_TRAIN | LAMINA_MODE_KEEP };

/* A sum of at most `terms` products of numbers up to 1; gradients of W sum over the pixels. */
static void check(const char *settings, const char *const *shapes, double terms)
{
  const struct ls_layer conv2d = {
      .kind = "layer",
      .name = "conv2d",
      .settings = settings,
      .shapes = shapes,
      .declares = "reads:in0 reads:weight0",
      .step = 0.5,
      .rounding = (terms + 1) * (terms + 1),
      .adding = 8.0,
  };
  ls_layer_checklist(&conv2d);
}

Test(conv2d, passes_the_checklist)
{
  static const char *const one[] = {"0x5x4x2", "1x3x3x1", "2x5x7x3", "1x7x4", NULL};
  static const char *const wide[] = {"2x9x8x4", "1x11x13x2", NULL};
  static const char *const grouped[] = {"2x5x4x6", "1x3x3x6", NULL};
  check("{filters: 2}", one, 28);
  check("{filters: 3, kernel: [1, 2], bias: false}", one, 8);
  check("{filters: 2, kernel: 1}", one, 4);
  check("{filters: 2, padding: 1, stride: 2}", one, 28);
  check("{filters: 2, kernel: [3, 2], same: true, stride: [1, 3]}", one, 28);
  check("{filters: 3, kernel: 3, dilation: 2, padding: [3, 2]}", wide, 37);
  check("{filters: 2, kernel: 2, stride: 5}", wide, 17);
  check("{filters: 4, kernel: 3, border: circular, padding: 1}", one, 28);
  check("{filters: 4, kernel: 3, border: circular, stride: 2, padding: 2}", one, 28);
  check("{filters: 4, kernel: 3, groups: 2, padding: 1}", grouped, 28);
  check("{filters: 6, kernel: 3, groups: 6, padding: 1}", grouped, 10);
  check("{filters: 12, kernel: 2, groups: 6, stride: 2}", grouped, 5);
}
