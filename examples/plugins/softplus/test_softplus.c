/* softplus: the rules of the plugin interface, and numbers from the formula in double. */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include <lamina/testing.h>

enum { TRAINING = LAMINA_MODE_TRAIN | LAMINA_MODE_KEEP, N = 5 };

LAMINA_CONFORM(layer, softplus)

static const struct {
  const char *settings;
  float y[N], slope[N];
} rows[] = {
    {NULL,
     {0.693147181f, 1.313261688f, 0.313261688f, 0.0f, INFINITY},
     {0.5f, 0.731058579f, 0.268941421f, 0.0f, 1.0f}},
    {"{beta: 2}",
     {0.346573590f, 1.063464006f, 0.063464006f, 0.0f, INFINITY},
     {0.5f, 0.880797078f, 0.119202922f, 0.0f, 1.0f}},
};

Test(softplus, equals_the_formula_in_double_and_stays_finite_at_the_ends)
{
  static const float x[N] = {0.0f, 1.0f, -1.0f, -INFINITY, INFINITY}, ones[N] = {1, 1, 1, 1, 1};
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    char why[512];
    struct lamina_probe *probe =
        lamina_probe_open("layer", "softplus", rows[i].settings, "5", why, sizeof why);
    cr_assert(probe != NULL, "%s", why);
    memcpy(lamina_probe_tensor(probe, LAMINA_IN, 0)->data, x, sizeof x);
    memcpy(lamina_probe_gradient(probe, LAMINA_OUT, 0)->data, ones, sizeof ones);
    cr_assert_eq(lamina_probe_forward(probe, TRAINING, 0), LAMINA_OK);
    cr_assert_eq(lamina_probe_backward(probe, TRAINING, 0), LAMINA_OK);
    LAMINA_ASSERT_NEAR(lamina_probe_tensor(probe, LAMINA_OUT, 0)->data, rows[i].y, N, 3e-7, 0.0);
    LAMINA_ASSERT_NEAR(lamina_probe_gradient(probe, LAMINA_IN, 0)->data, rows[i].slope, N, 5e-7,
                       0.0);
    lamina_probe_close(probe);
  }
}

Test(softplus, refuses_what_is_not_one_float32_tensor)
{
  char why[512];
  cr_assert(lamina_probe_open("layer", "softplus", NULL, "5 5", why, sizeof why) == NULL);
  cr_assert(strstr(why, "takes 1 input") != NULL, "%s", why);
  cr_assert(lamina_probe_open("layer", "softplus", NULL, "5:2", why, sizeof why) == NULL);
  cr_assert(strstr(why, "must be float32") != NULL, "%s", why);
}
