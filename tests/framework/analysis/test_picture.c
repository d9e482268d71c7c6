/* Which shape the pictures have that an output is. */
#include <criterion/criterion.h>
#include <string.h>

#include "analysis/picture.h"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* A shape of these dimensions, up to the first 0. */
static struct lm_shape shape_of(const int64_t *dims)
{
  struct lm_shape shape;
  uint32_t rank = 0;
  while (rank < 4 && dims[rank] > 0) {
    rank++;
  }
  struct lamina_type type = lamina_type_f32(rank, dims);
  cr_assert(lm_shape_copy(&shape, &type, NULL) == LAMINA_OK);
  return shape;
}

Test(picture, shape_is_the_given_one_the_outputs_or_that_of_the_data)
{
  static const struct {
    int64_t output[4], field[4];
    const char *given;
    int64_t height, width, channels; /* 0: refused */
    const char *words;
  } rows[] = {
      {{28, 28}, {784}, NULL, 28, 28, 1, ""},
      {{4, 6, 1}, {9, 9}, NULL, 4, 6, 1, ""},
      {{4, 6, 3}, {0}, NULL, 4, 6, 3, ""},
      {{24}, {4, 6}, NULL, 4, 6, 1, ""},
      {{72}, {4, 6, 3}, NULL, 4, 6, 3, ""},
      {{24}, {4, 6}, "6x4", 6, 4, 1, ""},
      {{4, 6}, {0}, "2x4x3", 2, 4, 3, ""},
      {{24}, {24}, NULL, 0, 0, 0, "'y' [24] float32 has no shape of pictures"},
      {{24}, {4, 7}, NULL, 0, 0, 0, "say --shape HEIGHTxWIDTH"},
      {{4, 3, 2}, {4, 6}, NULL, 4, 6, 1, ""},
      {{4, 3, 2}, {9}, NULL, 0, 0, 0, "has no shape of pictures"},
      {{24}, {0}, "5x5", 0, 0, 0, "the shape '5x5' does not fit 'y' [24] float32"},
      {{24}, {0}, "24", 0, 0, 0, "'24'"},
      {{24}, {0}, "4x", 0, 0, 0, "'4x'"},
      {{24}, {0}, "4x3x2", 0, 0, 0, "'4x3x2'"},
      {{24}, {0}, "4*6", 0, 0, 0, "'4*6'"},
      {{24}, {0}, "-4x-6", 0, 0, 0, "'-4x-6'"},
      {{24}, {0}, "2147483647x2147483647x3", 0, 0, 0, "does not fit"},
      {{24}, {0}, "4x6x1x1", 0, 0, 0, "'4x6x1x1'"},
  };
  for (size_t i = 0; i < COUNT_OF(rows); i++) {
    char name[] = "input";
    struct lm_sheet sheet = {0};
    struct lm_error error = {0};
    struct lm_output output = {.record = shape_of(rows[i].output), .name = "y"};
    output.record.type.dims = output.record.dims;
    output.width = lamina_type_count(&output.record.type);
    struct lm_declared_field field = {.name = name, .shape = shape_of(rows[i].field)};
    field.shape.type.dims = field.shape.dims;
    enum lamina_status status = lm_picture_shape(&output, rows[i].given, &field, 1, &sheet, &error);
    if (rows[i].height == 0) {
      cr_expect_eq(status, rows[i].given == NULL ? LAMINA_E_INVALID : LAMINA_E_USAGE);
      cr_expect(strstr(error.text, rows[i].words) != NULL, "row %zu: %s", i, error.text);
      continue;
    }
    cr_expect(status == LAMINA_OK, "row %zu: %s", i, error.text);
    cr_expect(sheet.height == rows[i].height && sheet.width == rows[i].width &&
                  sheet.channels == rows[i].channels,
              "row %zu", i);
  }
}
