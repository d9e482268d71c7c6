/* rms_norm: the rules of the plugin interface, and numbers from the formula in double. */
#include <criterion/criterion.h>
#include <string.h>

#include <lamina/testing.h>

enum { TRAINING = LAMINA_MODE_TRAIN | LAMINA_MODE_KEEP, D = 3, N = 2 * D };

LAMINA_CONFORM(layer, rms_norm)

static const float x[N] = {1, 2, 2, -3, 0, 4}, dy[N] = {1, 0, 2, -1, 3, 1}, gain[D] = {1, 2, -1};
static const float y[N] = {0.577350173f,  2.309400692f, -1.154700346f,
                           -1.039230422f, 0.0f,         -1.385640563f};
static const float dx[N] = {0.769800166f,  0.384899987f, -0.769800359f,
                            -0.387979353f, 2.078460844f, -0.290984525f};
static const float dgain[D] = {1.616580595f, 0.0f, 3.695041255f};

Test(rms_norm, equals_the_formula_in_double)
{
  char why[512];
  struct lamina_probe *probe = lamina_probe_open("layer", "rms_norm", NULL, "2x3", why, sizeof why);
  cr_assert(probe != NULL, "%s", why);
  memcpy(lamina_probe_tensor(probe, LAMINA_IN, 0)->data, x, sizeof x);
  memcpy(lamina_probe_tensor(probe, LAMINA_WEIGHT, 0)->data, gain, sizeof gain);
  memcpy(lamina_probe_gradient(probe, LAMINA_OUT, 0)->data, dy, sizeof dy);
  cr_assert_eq(lamina_probe_forward(probe, TRAINING, 0), LAMINA_OK);
  cr_assert_eq(lamina_probe_backward(probe, TRAINING, 0), LAMINA_OK, "%s",
               lamina_probe_error(probe));
  LAMINA_ASSERT_NEAR(lamina_probe_tensor(probe, LAMINA_OUT, 0)->data, y, N, 3e-7, 0.0);
  LAMINA_ASSERT_NEAR(lamina_probe_gradient(probe, LAMINA_IN, 0)->data, dx, N, 1e-6, 0.0);
  LAMINA_ASSERT_NEAR(lamina_probe_gradient(probe, LAMINA_WEIGHT, 0)->data, dgain, D, 3e-7, 0.0);
  lamina_probe_close(probe);
}

Test(rms_norm, refuses_an_input_without_features)
{
  char why[512];
  cr_assert(lamina_probe_open("layer", "rms_norm", NULL, "5", why, sizeof why) == NULL);
  cr_assert(strstr(why, "the input is [5], and must be [N, ..., D]") != NULL, "%s", why);
}
