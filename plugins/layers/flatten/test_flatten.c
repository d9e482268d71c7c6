/* flatten: the general checklist, and the shapes that it makes. */
#include <criterion/criterion.h>
#include <string.h>

#include <lamina/testing.h>

#include "tests/support/layer_checklist.h"
#include "tests/support/layer_oracle.h"

LAMINA_CONFORM(layer, flatten)

static const char *const shapes[] = {"0x3x2", "3x0x2",   "1",        "1x1", "4",
                                     "7x13",  "2x3x1x5", "7x11x701", NULL};

static const struct ls_layer flatten = {
    .kind = "layer",
    .name = "flatten",
    .shapes = shapes,
    .declares = "forward:0>0 backward:0>0",
    .step = 0.5,
};

Test(flatten, passes_the_checklist)
{
  ls_layer_checklist(&flatten);
}

Test(flatten, equals_pytorch_bit_for_bit)
{
  ls_check_oracle("layer", "flatten", 0, &(struct ls_tolerance){0});
}

Test(flatten, keeps_the_batch_and_multiplies_the_rest)
{
  static const struct {
    const char *shape;
    int64_t rows, columns;
    const char *note;
  } cases[] = {
      {"64x28x28", 64, 784, "28 * 28 = 784"},
      {"5", 5, 1, NULL},
      {"5x7", 5, 7, NULL},
      {"0x3x4x5", 0, 60, "3 * 4 * 5 = 60"},
      {"2x0x3", 2, 0, "0 * 3 = 0"},
      {"2x1x1x1x1x1x1x3", 2, 3, "1 * 1 * 1 * 1 * 1 * 1 * 3 = 3"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct lm_probe *probe = ls_open("layer", "flatten", NULL, cases[i].shape, 1);
    const struct lamina_type *y = &probe->tensors[LAMINA_OUT][0].view.type;
    const char *note = probe->facts.notes[LAMINA_NOTE_SHAPE];
    cr_assert_eq(y->rank, 2);
    cr_assert(y->dims[0] == cases[i].rows && y->dims[1] == cases[i].columns, "%s", cases[i].shape);
    cr_assert(cases[i].note == NULL ? note == NULL : note != NULL, "%s", cases[i].shape);
    cr_assert(note == NULL || strcmp(note, cases[i].note) == 0, "%s: '%s'", cases[i].shape, note);
    lm_probe_close(probe);
  }
}

Test(flatten, refuses_a_number_and_labels)
{
  ls_refuses("layer", "flatten", NULL, "-", LAMINA_E_SHAPE, "a single number|[N, ...]");
  ls_refuses("layer", "flatten", NULL, "5x2:3", LAMINA_E_SHAPE, "must be float32");
  ls_refuses("layer", "flatten", NULL, "5 5", LAMINA_E_INVALID, "takes 1 input, not 2");
}
