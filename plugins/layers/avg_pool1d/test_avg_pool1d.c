/* avg_pool1d: the general checklist, PyTorch, refusals. */
#include <criterion/criterion.h>

#include <lamina/testing.h>

#include "tests/support/layer_checklist.h"
#include "tests/support/layer_oracle.h"

LAMINA_CONFORM(layer, avg_pool1d)

static void check(const char *settings)
{
  static const char *const shapes[] = {"0x5x2", "1x4x1", "2x7x3", "3x8", NULL};
  const struct ls_layer avg_pool1d = {
      .kind = "layer",
      .name = "avg_pool1d",
      .settings = settings,
      .shapes = shapes,
      .declares = "fuses:out0 fuses:in0",
      .step = 0.5,
      .rounding = 10,
      .adding = 9.0, /* windows overlap: so many gradients meet */
  };
  ls_layer_checklist(&avg_pool1d);
}

Test(avg_pool1d, passes_the_checklist)
{
  check(NULL);
  check("{kernel: 3, stride: 1}");
  check("{kernel: 3, stride: 2, same: true}");
  check("{kernel: 3, stride: 2, padding: [1, 0], ceil: true}");
  check("{kernel: 3, stride: 2, padding: 1, ceil: true, count_padding: true}");
  check("{kernel: 2, dilation: 2, stride: 1}");
}

Test(avg_pool1d, equals_pytorch)
{
  ls_check_oracle("layer", "avg_pool1d", 0,
                  &(struct ls_tolerance){.value_absolute = 16, .gradient_absolute = 16});
}

Test(avg_pool1d, refuses_other_shapes)
{
  ls_refuses("layer", "avg_pool1d", NULL, "4x5x5x1", LAMINA_E_SHAPE, "[N, T, C] or [N, T]");
  ls_refuses("layer", "avg_pool1d", NULL, "4x1x1", LAMINA_E_SHAPE, "a length of 1, padded to 1");
  ls_refuses("layer", "avg_pool1d", "{padding: [0, 2]}", "4x6x1", LAMINA_E_SHAPE, "would miss");
}
