/* global_avg_pool: the general checklist, PyTorch, shifts, large images, refusals. */
#include <criterion/criterion.h>
#include <math.h>

#include <lamina/testing.h>

#include "tests/support/layer_checklist.h"
#include "tests/support/layer_oracle.h"

LAMINA_CONFORM(layer, global_avg_pool)

Test(global_avg_pool, passes_the_checklist)
{
  static const char *const shapes[] = {"0x5x4x2",  "1x1x1x3", "2x5x3", "3x2x2x2x5",
                                       "2x3x67x2", "2x3x4x0", NULL};
  const struct ls_layer global_avg_pool = {
      .kind = "layer",
      .name = "global_avg_pool",
      .shapes = shapes,
      .declares = "fuses:out0 fuses:in0",
      .step = 0.5,
      .rounding = 80,
  };
  ls_layer_checklist(&global_avg_pool);
}

Test(global_avg_pool, equals_pytorch)
{
  ls_check_oracle("layer", "global_avg_pool", 0,
                  &(struct ls_tolerance){.value_absolute = 16, .gradient_absolute = 4});
}

/* The mean of all pixels is the one pooling that no shift around the borders changes. Numbers
 * are such that no sum is rounded. */
Test(global_avg_pool, does_not_see_shifts)
{
  struct lm_probe *probe = ls_open("layer", "global_avg_pool", NULL, "1x4x8x1", 1);
  for (int by = 0; by < 32; by++) {
    for (int i = 0; i < 32; i++) {
      lm_probe_value(probe, LAMINA_IN, 0)[(i + by) % 32] = (float)(i * i);
    }
    ls_forward(probe, 0, 0);
    cr_assert_eq(lm_probe_value(probe, LAMINA_OUT, 0)[0], 10416.0f / 32.0f);
  }
  lm_probe_close(probe);
}

/* One after the other, 250,000 numbers of 0.1 would add up with an error of 1e-3. */
Test(global_avg_pool, keeps_its_digits_over_large_images)
{
  struct lm_probe *probe = ls_open("layer", "global_avg_pool", NULL, "1x500x500x1", 2);
  for (int i = 0; i < 250000; i++) {
    lm_probe_value(probe, LAMINA_IN, 0)[i] = 0.1f;
  }
  ls_forward(probe, 0, 0);
  cr_assert_float_eq(lm_probe_value(probe, LAMINA_OUT, 0)[0], 0.1, 5e-6);
  lm_probe_close(probe);
}

Test(global_avg_pool, refuses_what_has_no_pixels)
{
  ls_refuses("layer", "global_avg_pool", NULL, "4x5", LAMINA_E_SHAPE, "[4, 5]|[N, ..., C]");
  ls_refuses("layer", "global_avg_pool", NULL, "4x0x5x2", LAMINA_E_SHAPE, "pixels in between");
  ls_refuses("layer", "global_avg_pool", NULL, "4x5x2:3", LAMINA_E_SHAPE, "int32");
}
