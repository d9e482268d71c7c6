/* split: the general checklist, which positions go where, refusals. */
#include <criterion/criterion.h>

#include <lamina/testing.h>

#include "tests/support/layer_checklist.h"

LAMINA_CONFORM(layer, split)

static void check(const char *settings, const char *const *shapes)
{
  const struct ls_layer split = {
      .kind = "layer", .name = "split", .settings = settings, .shapes = shapes, .step = 0.5};
  struct ls_layer with = split;
  with.declares = "";
  ls_layer_checklist(&with);
}

Test(split, passes_the_checklist)
{
  static const char *const last[] = {"0x6", "1x6", "7x6", "2x3x6", "5003x6", NULL};
  static const char *const middle[] = {"0x3x5", "1x3x1", "7x3x5", "2x3x4x5", "501x3x80", NULL};
  check("{parts: 2}", last);
  check("{parts: 6}", last);
  check("{parts: 1}", last);
  check("{sizes: [1, 3, 2]}", last);
  check("{parts: 3, axis: 1}", middle);
  check("{sizes: [2, 1], axis: 1}", middle);
}

/* x[n, l, i] = 100 n + 10 l + i. */
Test(split, pieces_lie_one_after_the_other_along_the_axis)
{
  struct lm_probe *probe = ls_open("layer", "split", "{sizes: [1, 3, 2], axis: -2}", "2x6x3", 1);
  static const int first[] = {0, 1, 4}, size[] = {1, 3, 2};
  for (int i = 0; i < 36; i++) {
    lm_probe_value(probe, LAMINA_IN, 0)[i] = (float)(100 * (i / 18) + 10 * (i / 3 % 6) + i % 3);
  }
  ls_forward(probe, LAMINA_MODE_TRAIN | LAMINA_MODE_KEEP, 0);
  for (uint32_t k = 0; k < 3; k++) {
    for (int i = 0; i < 6 * size[k]; i++) {
      int n = i / (3 * size[k]), l = first[k] + i / 3 % size[k];
      cr_assert_eq(lm_probe_value(probe, LAMINA_OUT, k)[i], (float)(100 * n + 10 * l + i % 3),
                   "output %u, element %d", k, i);
      lm_probe_gradient(probe, LAMINA_OUT, k)[i] = (float)(100 * n + 10 * l + i % 3);
    }
  }
  ls_backward(probe, LAMINA_MODE_TRAIN | LAMINA_MODE_KEEP, 0);
  for (int i = 0; i < 36; i++) {
    cr_assert_eq(lm_probe_gradient(probe, LAMINA_IN, 0)[i], lm_probe_value(probe, LAMINA_IN, 0)[i]);
  }
  lm_probe_close(probe);
}

Test(split, refuses_what_cannot_be_cut_so)
{
  ls_refuses("layer", "split", "{}", "4x6", LAMINA_E_INVALID, "give parts|sizes");
  ls_refuses("layer", "split", "{parts: 2, sizes: [3, 3]}", "4x6", LAMINA_E_INVALID,
             "parts|sizes|only one");
  ls_refuses("layer", "split", "{parts: 4}", "4x6", LAMINA_E_SHAPE, "axis 1|6 positions|4 pieces");
  ls_refuses("layer", "split", "{parts: 2}", "4x0", LAMINA_E_SHAPE, "0 positions");
  ls_refuses("layer", "split", "{sizes: [3, 2]}", "4x6", LAMINA_E_SHAPE, "sum to 5|6 positions");
  ls_refuses("layer", "split", "{sizes: [6, 0]}", "4x6", LAMINA_E_INVALID, "sizes");
  ls_refuses("layer", "split", "{parts: 33}", "4x66", LAMINA_E_INVALID, "parts|32");
  ls_refuses("layer", "split", "{parts: 2, axis: 0}", "4x6", LAMINA_E_SHAPE, "axis 0|batch");
  ls_refuses("layer", "split", "{parts: 2, axis: -2}", "4x6", LAMINA_E_SHAPE, "axis -2|batch");
  ls_refuses("layer", "split", "{parts: 2, axis: 2}", "4x6", LAMINA_E_SHAPE, "no axis 2|[4, 6]");
  ls_refuses("layer", "split", "{parts: 2}", "4x6 4x6", LAMINA_E_INVALID, "takes 1 input");
  ls_refuses("layer", "split", "{parts: 2}", "4:6", LAMINA_E_SHAPE, "float32");
}
