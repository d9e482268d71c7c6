/* batch_norm: the general checklist, and mean and variance of what comes out. */
#include <criterion/criterion.h>
#include <math.h>

#include <lamina/testing.h>

#include "tests/support/layer_checklist.h"

LAMINA_CONFORM(layer, batch_norm)

enum { TRAINING = LAMINA_MODE_TRAIN | LAMINA_MODE_KEEP };

static void check(const char *settings, const char *declares)
{
  static const char *const shapes[] = {"0x3", "5x1", "7x3", "3x2x4x5", "300x2", NULL};
  const struct ls_layer batch_norm = {
      .kind = "layer",
      .name = "batch_norm",
      .settings = settings,
      .shapes = shapes,
      .declares = declares,
      .fifth = 4000,
      .rounding = 4000,
      .adding = 4,
  };
  ls_layer_checklist(&batch_norm);
}

Test(batch_norm, passes_the_checklist)
{
  check("{epsilon: 0.1}", "reads:in0 reads:weight0 save:0 save:1 backward:0>0");
  check("{epsilon: 0.1, affine: false}", "reads:in0 save:0 save:1 backward:0>0");
}
