/* focal: the rules of the plugin interface, and numbers from the paper's formula in double. */
#include <criterion/criterion.h>
#include <string.h>

#include <lamina/testing.h>

enum { TRAINING = LAMINA_MODE_TRAIN | LAMINA_MODE_KEEP, N = 4 };

LAMINA_CONFORM(loss, focal)

static const float logits[N] = {0.0f, 2.0f, -1.0f, 3.0f};
static const int32_t labels[N] = {1, 1, 0, 0};

/* The loss of the four samples, and its gradient; settings as YAML or NULL. */
static float run(const char *settings, float gradient[N])
{
  char why[512];
  struct lamina_probe *probe =
      lamina_probe_open("loss", "focal", settings, "4 4:2", why, sizeof why);
  cr_assert(probe != NULL, "%s", why);
  memcpy(lamina_probe_tensor(probe, LAMINA_IN, 0)->data, logits, sizeof logits);
  memcpy(lamina_probe_tensor(probe, LAMINA_IN, 1)->data, labels, sizeof labels);
  *(float *)lamina_probe_gradient(probe, LAMINA_OUT, 0)->data = 1.0f;
  lamina_probe_request(probe, LAMINA_IN, 1, LAMINA_SKIP);
  cr_assert_eq(lamina_probe_forward(probe, TRAINING, 0), LAMINA_OK);
  cr_assert_eq(lamina_probe_backward(probe, TRAINING, 0), LAMINA_OK, "%s",
               lamina_probe_error(probe));
  memcpy(gradient, lamina_probe_gradient(probe, LAMINA_IN, 0)->data, N * sizeof *gradient);
  float loss = *(const float *)lamina_probe_tensor(probe, LAMINA_OUT, 0)->data;
  lamina_probe_close(probe);
  return loss;
}

Test(focal, equals_the_formula_in_double)
{
  static const float loss = 0.533869115848526f;
  static const float slopes[N] = {-0.018642924696f, -0.000304433762f, 0.009858961871f,
                                  0.211265602619f};
  float gradient[N], found = run(NULL, gradient);
  LAMINA_ASSERT_NEAR(&found, &loss, 1, 1e-6, 0.0);
  LAMINA_ASSERT_NEAR(gradient, slopes, N, 2e-6, 0.0);
}

/* Half of cross-entropy: log(1 + e^-u) for u = 0, 2, 1, -3, and sigmoid minus label. */
Test(focal, with_gamma_0_and_alpha_half_is_half_of_cross_entropy)
{
  static const float loss = 0.5f * (0.693147181f + 0.126928011f + 0.313261688f + 3.048587352f) / N;
  static const float slopes[N] = {-0.0625f, -0.014900365f, 0.033617678f, 0.119071766f};
  float gradient[N], found = run("{alpha: 0.5, gamma: 0}", gradient);
  LAMINA_ASSERT_NEAR(&found, &loss, 1, 1e-6, 0.0);
  LAMINA_ASSERT_NEAR(gradient, slopes, N, 2e-6, 0.0);
}

Test(focal, refuses_a_label_that_is_neither_0_nor_1)
{
  char why[512];
  struct lamina_probe *probe = lamina_probe_open("loss", "focal", NULL, "3 3:2", why, sizeof why);
  cr_assert(probe != NULL, "%s", why);
  lamina_probe_fill(probe, 1);
  ((int32_t *)lamina_probe_tensor(probe, LAMINA_IN, 1)->data)[2] = -1;
  cr_assert_eq(lamina_probe_forward(probe, 0, 0), LAMINA_E_INVALID);
  cr_assert(strstr(lamina_probe_error(probe), "label 2 of the batch is -1") != NULL, "%s",
            lamina_probe_error(probe));
  lamina_probe_close(probe);
}
