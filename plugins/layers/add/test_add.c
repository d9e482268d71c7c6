/* add: the general checklist, the order of its sums, and one tensor given twice. */
#include <criterion/criterion.h>
#include <string.h>

#include <lamina/testing.h>

#include "tests/support/layer_checklist.h"
#include "tests/support/layer_oracle.h"

LAMINA_CONFORM(layer, add)

static const char *const one[] = {"7x13", "1", NULL};
static const char *const two[] = {"0x3 0x3", "1 1", "- -", "2x3x1x5 2x3x1x5", "50021 50021", NULL};
static const char *const three[] = {"1x1 1x1 1x1", "7x13 7x13 7x13", NULL};

Test(add, passes_the_checklist)
{
  static const char *const *const tables[] = {one, two, three};
  static const char *const declared[] = {
      "forward:0>0 backward:0>0",
      "forward:0>0 forward:1>0 backward:0>0",
      "forward:0>0 forward:1>0 forward:2>0 backward:0>0",
  };
  for (int i = 0; i < 3; i++) {
    const struct ls_layer add = {
        .kind = "layer",
        .name = "add",
        .shapes = tables[i],
        .declares = declared[i],
        .step = 0.5,
    };
    ls_layer_checklist(&add);
  }
}

/* Two additions, each rounded by half an ulp of sums below 8; the gradients are copies. */
Test(add, equals_pytorch)
{
  ls_check_oracle("layer", "add", 0, &(struct ls_tolerance){.value_absolute = 2 * 8});
}

Test(add, adds_in_the_order_of_the_inputs)
{
  struct lm_probe *probe = ls_open("layer", "add", NULL, "3 3 3", 1);
  static const float x[3][3] = {{1e8f, 1.0f, -1e8f}, {-1e8f, 1e8f, 1e8f}, {1.0f, -1e8f, 1.0f}};
  static const float y[3] = {1.0f, 0.0f, 1.0f};
  for (uint32_t i = 0; i < 3; i++) {
    ls_set(probe, LAMINA_IN, i, x[i]);
  }
  ls_forward(probe, 0, 0);
  cr_assert_arr_eq(lm_probe_value(probe, LAMINA_OUT, 0), y, sizeof y);
  lm_probe_close(probe);
}

/* A node may name one tensor as two inputs, and the host may then still overwrite it. */
Test(add, doubles_a_tensor_that_is_given_twice_in_place_or_not)
{
  for (int in_place = 0; in_place < 2; in_place++) {
    struct lm_probe *probe = ls_open("layer", "add", NULL, "20011 20011", 2);
    lm_probe_fill(probe, 1);
    probe->tensors[LAMINA_IN][1].view.data = probe->tensors[LAMINA_IN][0].view.data;
    static float x[20011];
    memcpy(x, lm_probe_value(probe, LAMINA_IN, 0), sizeof x);
    if (in_place) {
      ls_share(probe, &(struct lm_sharing){LAMINA_FORWARD, 0, 0});
    }
    ls_forward(probe, 0, 0);
    for (int i = 0; i < 20011; i++) {
      cr_assert_eq(lm_probe_value(probe, LAMINA_OUT, 0)[i], 2.0f * x[i], "element %d", i);
    }
    lm_probe_close(probe);
  }
}

Test(add, refuses_inputs_that_differ)
{
  ls_refuses("layer", "add", NULL, "2x3 2x4", LAMINA_E_SHAPE, "input 1|[2, 4]|[2, 3]");
  ls_refuses("layer", "add", NULL, "2x3 2x3 6", LAMINA_E_SHAPE, "input 2|[6]|[2, 3]");
  ls_refuses("layer", "add", NULL, "2x3 2x3:4", LAMINA_E_SHAPE, "input 1|int32|float32");
  ls_refuses("layer", "add", NULL, "", LAMINA_E_SHAPE, "needs input 0");
}
