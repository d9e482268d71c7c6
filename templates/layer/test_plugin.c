/* @NAME@: the rules of the plugin interface, and values and gradients by hand. */
#include <criterion/criterion.h>
#include <string.h>

#include <lamina/testing.h>

enum { TRAINING = LAMINA_MODE_TRAIN | LAMINA_MODE_KEEP };

LAMINA_CONFORM(layer, @NAME@)

static struct lamina_probe *probe_of(const char *settings, const char *shapes)
{
  char why[512];
  struct lamina_probe *probe =
      lamina_probe_open("layer", "@NAME@", settings, shapes, why, sizeof why);
  cr_assert(probe != NULL, "%s", why);
  return probe;
}

static void set(const struct lamina_view *view, const float *numbers)
{
  memcpy(view->data, numbers, (size_t)lamina_type_count(&view->type) * sizeof *numbers);
}

static void expect(const struct lamina_view *view, const float *numbers)
{
  LAMINA_ASSERT_NEAR(view->data, numbers, lamina_type_count(&view->type), 0.0, 0.0);
}

Test(@NAME@, multiplies_by_the_gain_and_adds_the_shift)
{
  struct lamina_probe *probe = probe_of(NULL, "2x3");
  set(lamina_probe_tensor(probe, LAMINA_IN, 0), (const float[]){1, 2, 3, -1, 0, 4});
  set(lamina_probe_tensor(probe, LAMINA_WEIGHT, 0), (const float[]){2, -1, 0.5f});
  set(lamina_probe_tensor(probe, LAMINA_WEIGHT, 1), (const float[]){10, 20, 30});
  cr_assert_eq(lamina_probe_forward(probe, 0, 0), LAMINA_OK, "%s", lamina_probe_error(probe));
  expect(lamina_probe_tensor(probe, LAMINA_OUT, 0), (const float[]){12, 18, 31.5f, 8, 20, 32});
  lamina_probe_close(probe);
}

Test(@NAME@, gradients_are_those_of_the_formula)
{
  struct lamina_probe *probe = probe_of(NULL, "2x2");
  set(lamina_probe_tensor(probe, LAMINA_IN, 0), (const float[]){1, 2, 3, 4});
  set(lamina_probe_tensor(probe, LAMINA_WEIGHT, 0), (const float[]){2, -1});
  set(lamina_probe_tensor(probe, LAMINA_WEIGHT, 1), (const float[]){0, 0});
  set(lamina_probe_gradient(probe, LAMINA_OUT, 0), (const float[]){1, 10, 100, 1000});
  cr_assert_eq(lamina_probe_forward(probe, TRAINING, 0), LAMINA_OK);
  cr_assert_eq(lamina_probe_backward(probe, TRAINING, 0), LAMINA_OK, "%s",
               lamina_probe_error(probe));
  expect(lamina_probe_gradient(probe, LAMINA_IN, 0), (const float[]){2, -10, 200, -1000});
  expect(lamina_probe_gradient(probe, LAMINA_WEIGHT, 0), (const float[]){301, 4020});
  expect(lamina_probe_gradient(probe, LAMINA_WEIGHT, 1), (const float[]){101, 1010});
  lamina_probe_close(probe);
}

Test(@NAME@, without_shift_there_is_one_weight)
{
  struct lamina_probe *probe = probe_of("{shift: false}", "5x7");
  cr_assert(lamina_probe_tensor(probe, LAMINA_WEIGHT, 0) != NULL);
  cr_assert(lamina_probe_tensor(probe, LAMINA_WEIGHT, 1) == NULL);
  LAMINA_ASSERT_GRADIENTS(probe, 1, 0);
  lamina_probe_close(probe);
}

Test(@NAME@, refuses_an_input_without_features)
{
  char why[512];
  cr_assert(lamina_probe_open("layer", "@NAME@", NULL, "5", why, sizeof why) == NULL);
  cr_assert(strstr(why, "the input is [5], and must be [N, ..., D]") != NULL, "%s", why);
}
