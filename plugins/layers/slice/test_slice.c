/* slice: the general checklist, PyTorch, positions counted from both ends, refusals. */
#include <criterion/criterion.h>

#include <lamina/testing.h>

#include "tests/support/layer_checklist.h"
#include "tests/support/layer_oracle.h"

LAMINA_CONFORM(layer, slice)

static void check(const char *settings, const char *const *shapes)
{
  const struct ls_layer slice = {.kind = "layer",
                                 .name = "slice",
                                 .settings = settings,
                                 .shapes = shapes,
                                 .declares = "",
                                 .step = 0.5};
  ls_layer_checklist(&slice);
}

Test(slice, passes_the_checklist)
{
  static const char *const last[] = {"0x6", "1x6", "7x9", "2x3x6", "5003x6", NULL};
  static const char *const middle[] = {"0x4x5", "1x3x1", "7x5x3", "2x3x4x5", "501x4x80", NULL};
  check("{}", last);
  check("{begin: 2, end: 5}", last);
  check("{begin: -3, step: 2}", last);
  check("{begin: 1, end: -1, axis: 1}", middle);
  check("{step: 2, axis: 1}", middle);
}

Test(slice, equals_pytorch)
{
  ls_check_oracle("layer", "slice", 0, &(struct ls_tolerance){0});
}

Test(slice, positions_are_counted_from_both_ends)
{
  static const struct {
    const char *settings;
    int count;
    float y[6];
  } rows[] = {
      {"{begin: 2}", 4, {2, 3, 4, 5}},
      {"{end: 2}", 2, {0, 1}},
      {"{begin: -2}", 2, {4, 5}},
      {"{end: -2}", 4, {0, 1, 2, 3}},
      {"{begin: 1, end: 6, step: 2}", 3, {1, 3, 5}},
      {"{begin: 1, end: 5, step: 2}", 2, {1, 3}},
      {"{step: 5}", 2, {0, 5}},
      {"{step: 6}", 1, {0}},
      {"{begin: -6, end: -5}", 1, {0}},
      {"{begin: 5, end: 6}", 1, {5}},
  };
  static const float x[] = {0, 1, 2, 3, 4, 5};
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    struct lm_probe *probe = ls_open("layer", "slice", rows[i].settings, "1x6", 1);
    ls_set(probe, LAMINA_IN, 0, x);
    ls_forward(probe, 0, 0);
    cr_assert_eq(lm_probe_count(probe, LAMINA_OUT, 0), rows[i].count, "%s", rows[i].settings);
    cr_assert_arr_eq(lm_probe_value(probe, LAMINA_OUT, 0), rows[i].y,
                     (size_t)rows[i].count * sizeof(float), "%s", rows[i].settings);
    lm_probe_close(probe);
  }
}

Test(slice, refuses_parts_that_are_not_there)
{
  static const char *const wrong[] = {"{begin: 6}", "{begin: -7}",        "{end: 7}",
                                      "{end: -6}",  "{begin: 3, end: 3}", "{begin: 4, end: 2}"};
  for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
    ls_refuses("layer", "slice", wrong[i], "4x6", LAMINA_E_SHAPE, "axis 1|6 positions|from");
  }
  ls_refuses("layer", "slice", "{}", "4x0", LAMINA_E_SHAPE, "0 positions");
  ls_refuses("layer", "slice", "{step: 0}", "4x6", LAMINA_E_INVALID, "step");
  ls_refuses("layer", "slice", "{axis: 0}", "4x6", LAMINA_E_SHAPE, "batch");
  ls_refuses("layer", "slice", "{axis: -3}", "4x6", LAMINA_E_SHAPE, "no axis -3");
  ls_refuses("layer", "slice", "{}", "4:6", LAMINA_E_SHAPE, "float32");
}
