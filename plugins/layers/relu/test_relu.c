/* relu: the general checklist, and what happens at 0, at its signs and at NaN. */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include <lamina/testing.h>

#include "tests/support/layer_checklist.h"
#include "tests/support/layer_oracle.h"

LAMINA_CONFORM(layer, relu)

static const char *const shapes[] = {"0x3", "1", "1x1", "7x13", "2x1x3x5", "50021", NULL};

static const struct ls_layer relu = {
    .kind = "layer",
    .name = "relu",
    .shapes = shapes,
    .declares = "reads:out0 forward:0>0 backward:0>0",
    .has_kink = true,
};

Test(relu, passes_the_checklist)
{
  ls_layer_checklist(&relu);
}

/* x, y and dy/dx, the slope at both zeros being 0. */
static const struct {
  float x, y, slope;
} rows[] = {
    {0.0f, 0.0f, 0.0f},           {-1.0f, 0.0f, 0.0f},      {1.0f, 1.0f, 1.0f},
    {0x1p-149f, 0x1p-149f, 1.0f}, {-0x1p-149f, 0.0f, 0.0f}, {0x1p-126f, 0x1p-126f, 1.0f},
    {3e38f, 3e38f, 1.0f},         {-3e38f, 0.0f, 0.0f},     {INFINITY, INFINITY, 1.0f},
    {-INFINITY, 0.0f, 0.0f},      {-0.0f, -0.0f, 0.0f},     {NAN, NAN, 0.0f},
};
enum { ROWS = sizeof rows / sizeof rows[0] };

Test(relu, gives_these_bits_at_zero_and_at_the_ends)
{
  struct lm_probe *probe = ls_open("layer", "relu", NULL, "12", 1);
  cr_assert_eq(lm_probe_count(probe, LAMINA_IN, 0), ROWS);
  for (int i = 0; i < ROWS; i++) {
    lm_probe_value(probe, LAMINA_IN, 0)[i] = rows[i].x;
    lm_probe_gradient(probe, LAMINA_OUT, 0)[i] = -2.5f;
  }
  ls_forward(probe, LAMINA_MODE_TRAIN | LAMINA_MODE_KEEP, 0);
  ls_backward(probe, LAMINA_MODE_TRAIN | LAMINA_MODE_KEEP, 0);
  for (int i = 0; i < ROWS; i++) {
    float y = lm_probe_value(probe, LAMINA_OUT, 0)[i],
          dx = lm_probe_gradient(probe, LAMINA_IN, 0)[i];
    cr_assert_arr_eq(&y, &rows[i].y, sizeof y, "relu(%a) is %a", (double)rows[i].x, (double)y);
    cr_assert_eq(dx, -2.5f * rows[i].slope, "at %a: %a", (double)rows[i].x, (double)dx);
  }
  lm_probe_close(probe);
}

/* Nothing is rounded. */
Test(relu, equals_pytorch)
{
  ls_check_oracle("layer", "relu", 0, &(struct ls_tolerance){0});
}
