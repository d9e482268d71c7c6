/* @NAME@: the rules of the plugin interface, and losses and gradients by hand. */
#include <criterion/criterion.h>
#include <string.h>

#include <lamina/testing.h>

enum { TRAINING = LAMINA_MODE_TRAIN | LAMINA_MODE_KEEP };

LAMINA_CONFORM(loss, @NAME@)

/* Four scores, two of each label, through both passes; the loss has weight 2. */
Test(@NAME@, is_the_mean_square_of_what_is_missing_from_the_margin)
{
  static const float scores[] = {2.0f, 0.5f, -1.5f, 1.0f}, gradient[] = {0.0f, -0.5f, 0.0f, 2.0f};
  static const int32_t labels[] = {1, 1, 0, 0};
  static const float weight = 2.0f, loss = (0.25f + 4.0f) / 4.0f;
  char why[512];
  struct lamina_probe *probe = lamina_probe_open("loss", "@NAME@", NULL, "4 4:2", why, sizeof why);
  cr_assert(probe != NULL, "%s", why);
  memcpy(lamina_probe_tensor(probe, LAMINA_IN, 0)->data, scores, sizeof scores);
  memcpy(lamina_probe_tensor(probe, LAMINA_IN, 1)->data, labels, sizeof labels);
  memcpy(lamina_probe_gradient(probe, LAMINA_OUT, 0)->data, &weight, sizeof weight);
  cr_assert_eq(lamina_probe_forward(probe, TRAINING, 0), LAMINA_OK);
  lamina_probe_request(probe, LAMINA_IN, 1, LAMINA_SKIP);
  cr_assert_eq(lamina_probe_backward(probe, TRAINING, 0), LAMINA_OK, "%s",
               lamina_probe_error(probe));
  LAMINA_ASSERT_NEAR(lamina_probe_tensor(probe, LAMINA_OUT, 0)->data, &loss, 1, 0.0, 0.0);
  LAMINA_ASSERT_NEAR(lamina_probe_gradient(probe, LAMINA_IN, 0)->data, gradient, 4, 0.0, 0.0);
  lamina_probe_close(probe);
}

Test(@NAME@, refuses_a_label_that_is_neither_0_nor_1)
{
  char why[512];
  struct lamina_probe *probe = lamina_probe_open("loss", "@NAME@", NULL, "3 3:2", why, sizeof why);
  cr_assert(probe != NULL, "%s", why);
  lamina_probe_fill(probe, 1);
  ((int32_t *)lamina_probe_tensor(probe, LAMINA_IN, 1)->data)[1] = 2;
  cr_assert_eq(lamina_probe_forward(probe, 0, 0), LAMINA_E_INVALID);
  cr_assert(strstr(lamina_probe_error(probe), "label 1 of the batch is 2") != NULL, "%s",
            lamina_probe_error(probe));
  lamina_probe_close(probe);
}
