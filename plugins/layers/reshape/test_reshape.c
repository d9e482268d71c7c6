/* reshape: the general checklist, the shapes that it makes, and those that it refuses. */
#include <criterion/criterion.h>

#include <lamina/testing.h>

#include "tests/support/layer_checklist.h"

LAMINA_CONFORM_WITH(layer, reshape, .settings = "{shape: [2, -1]}", .shapes = "3x4x2")

static const char *const shapes[] = {"0x3x2", "1x6", "7x2x3", "5x1x6x1", "11x6", NULL};

static const struct ls_layer reshape = {
    .kind = "layer",
    .name = "reshape",
    .settings = "{shape: [3, 2]}",
    .shapes = shapes,
    .declares = "forward:0>0 backward:0>0",
    .step = 0.5,
};

Test(reshape, passes_the_checklist)
{
  ls_layer_checklist(&reshape);
}

Test(reshape, gives_samples_the_shape_and_keeps_their_numbers)
{
  static const struct {
    const char *settings, *shape;
    int64_t dims[4];
    uint32_t rank;
  } cases[] = {
      {"{shape: [7, 7, 2]}", "3x98", {3, 7, 7, 2}, 4},
      {"{shape: [7, 7, -1]}", "3x98", {3, 7, 7, 2}, 4},
      {"{shape: [-1]}", "2x3x4", {2, 12}, 2},
      {"{shape: 6}", "4x2x3", {4, 6}, 2},
      {"{shape: [1, -1, 1]}", "5", {5, 1, 1, 1}, 4},
      {"{shape: [4, -1]}", "0x8", {0, 4, 2}, 3},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct lm_probe *probe = ls_open("layer", "reshape", cases[i].settings, cases[i].shape, 1);
    const struct lamina_view *x = &probe->tensors[LAMINA_IN][0].view;
    const struct lamina_view *y = &probe->tensors[LAMINA_OUT][0].view;
    int64_t count = lamina_type_count(&x->type);
    cr_assert_eq(y->type.rank, cases[i].rank, "%s", cases[i].settings);
    cr_assert_arr_eq(y->type.dims, cases[i].dims, cases[i].rank * sizeof *y->type.dims, "%s",
                     cases[i].settings);
    for (int64_t k = 0; k < count; k++) {
      ((float *)x->data)[k] = (float)k;
    }
    ls_forward(probe, 0, 1);
    for (int64_t k = 0; k < count; k++) {
      cr_assert_eq(((const float *)y->data)[k], (float)k, "%s", cases[i].settings);
    }
    lm_probe_close(probe);
  }
}

Test(reshape, refuses_shapes_that_do_not_fit)
{
  ls_refuses("layer", "reshape", "{shape: [7, 7]}", "3x50", LAMINA_E_SHAPE,
             "samples of 50 numbers|[3, 50]|[3, 7, 7]");
  ls_refuses("layer", "reshape", "{shape: [7, -1]}", "3x50", LAMINA_E_SHAPE, "do not fit");
  ls_refuses("layer", "reshape", "{shape: [0, -1]}", "3x50", LAMINA_E_SHAPE, "do not fit");
  ls_refuses("layer", "reshape", "{shape: [2147483647, 2147483647, 2147483647]}", "3x50",
             LAMINA_E_SHAPE, "do not fit");
  ls_refuses("layer", "reshape", "{shape: [-1, -1]}", "3x50", LAMINA_E_INVALID, "2 sizes of -1");
  ls_refuses("layer", "reshape", "{shape: []}", "3x50", LAMINA_E_INVALID, "0 sizes, expected 1");
  ls_refuses("layer", "reshape", "{shape: [2]}", "-", LAMINA_E_SHAPE, "a single number");
  ls_refuses("layer", "reshape", "{shape: [2]}", "3x2 3x2", LAMINA_E_INVALID, "takes 1 input");
}
