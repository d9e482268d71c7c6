/* The harness itself: zones notice touches, and layers from outside the project pass. */
#include <criterion/criterion.h>
#include <math.h>

#include "tests/support/layer_checklist.h"

Test(layer_probe, zones_notice_a_byte_on_either_side)
{
  static const size_t sizes[] = {1, 4, 64, 100, 4095, 4096, 4100, 100000};
  for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
    struct lm_zone zone;
    cr_assert(lm_zone_make(&zone, sizes[i], &lm_zone_usual, "content"));
    lm_zone_fill(&zone, 0);
    cr_assert(lm_zone_intact(&zone));
    cr_assert_eq((uintptr_t)zone.data % LAMINA_ALIGNMENT, 0);
    if (sizes[i] % 64 != 0) {
      zone.data[sizes[i]] = 0;
      cr_assert_not(lm_zone_intact(&zone), "%zu bytes, behind", sizes[i]);
      zone.data[sizes[i]] = (char)0xff;
      cr_assert(lm_zone_intact(&zone));
    }
    if (sizes[i] % 4096 != 0 && sizes[i] != 4095) {
      zone.data[-1] = 0;
      cr_assert_not(lm_zone_intact(&zone), "%zu bytes, before", sizes[i]);
    }
    lm_zone_release(&zone);
  }
}

static const char *const shapes[] = {"0x3", "1", "1x1", "7x13", "50021", NULL};

/* Their derivatives need x: the sign of cos x is lost in y. Fifth derivatives: cos and 0. */
static const struct ls_layer outsiders[] = {
    {.kind = "layer",
     .name = "sin",
     .shapes = shapes,
     .declares = "reads:in0 backward:0>0",
     .fifth = 1.0},
    {.kind = "layer", .name = "square", .shapes = shapes, .declares = "reads:in0 backward:0>0"},
};

Test(layer_probe, layers_from_outside_the_project_pass_the_checklist)
{
  ls_layer_checklist(&outsiders[0]);
  ls_layer_checklist(&outsiders[1]);
}

Test(layer_probe, slope_of_sin_keeps_its_sign)
{
  struct lm_probe *probe = ls_open("layer", "sin", NULL, "1", 1);
  *lm_probe_value(probe, LAMINA_IN, 0) = 2.0f;
  *lm_probe_gradient(probe, LAMINA_OUT, 0) = 1.0f;
  ls_forward(probe, LAMINA_MODE_TRAIN | LAMINA_MODE_KEEP, 0);
  ls_backward(probe, LAMINA_MODE_TRAIN | LAMINA_MODE_KEEP, 0);
  /* cos 2, and an ulp of it. */
  cr_assert(fabs((double)*lm_probe_gradient(probe, LAMINA_IN, 0) + 0.4161468365) <=
            ldexp(1.0, -25));
  lm_probe_close(probe);
}
