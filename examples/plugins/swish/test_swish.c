/* swish: the rules of the plugin interface, and values from a table made with mpmath. */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include <lamina/testing.h>

enum { TRAINING = LAMINA_MODE_TRAIN | LAMINA_MODE_KEEP, ROWS = 8 };

LAMINA_CONFORM(layer, swish)

/* x, x / (1 + e^-x), and its slope. */
static const float x[ROWS] = {0.0f, 1.0f, -1.0f, 20.0f, -20.0f, -200.0f, INFINITY, -INFINITY};
static const float y[ROWS] = {0.0f, 0.731058579f, -0.268941421f, 20.0f, -4.12230724e-8f,
                              0.0f, INFINITY,     0.0f};
static const float slope[ROWS] = {0.5f, 0.927670512f, 0.0723294881f, 1.0f, -3.91619188e-8f,
                                  0.0f, 1.0f,         0.0f};

Test(swish, equals_the_table_and_stays_finite_at_the_ends)
{
  char why[512];
  struct lamina_probe *probe = lamina_probe_open("layer", "swish", NULL, "8", why, sizeof why);
  cr_assert(probe != NULL, "%s", why);
  lamina_probe_fill(probe, 1);
  memcpy(lamina_probe_tensor(probe, LAMINA_IN, 0)->data, x, sizeof x);
  for (int i = 0; i < ROWS; i++) {
    ((float *)lamina_probe_gradient(probe, LAMINA_OUT, 0)->data)[i] = 1.0f;
  }
  cr_assert_eq(lamina_probe_forward(probe, TRAINING, 0), LAMINA_OK);
  cr_assert_eq(lamina_probe_backward(probe, TRAINING, 0), LAMINA_OK);
  LAMINA_ASSERT_NEAR(lamina_probe_tensor(probe, LAMINA_OUT, 0)->data, y, ROWS, 5e-7, 1e-38);
  LAMINA_ASSERT_NEAR(lamina_probe_gradient(probe, LAMINA_IN, 0)->data, slope, ROWS, 2e-6, 1e-38);
  lamina_probe_close(probe);
}

Test(swish, beta_is_a_factor_on_both_sides)
{
  static const float half[] = {0.365529289f}; /* x = 1/2, beta = 2: half of y(1) */
  char why[512];
  struct lamina_probe *probe =
      lamina_probe_open("layer", "swish", "{beta: 2}", "1", why, sizeof why);
  cr_assert(probe != NULL, "%s", why);
  *(float *)lamina_probe_tensor(probe, LAMINA_IN, 0)->data = 0.5f;
  cr_assert_eq(lamina_probe_forward(probe, 0, 0), LAMINA_OK);
  LAMINA_ASSERT_NEAR(lamina_probe_tensor(probe, LAMINA_OUT, 0)->data, half, 1, 3e-7, 0.0);
  lamina_probe_close(probe);
}
