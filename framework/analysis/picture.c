/*
 * A network's last layer is often flat where its first one read pictures, so the shape of what
 * the model was trained on is the third place to look for it.
 */
#include "analysis/picture.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

/* Whether a shape is one of pictures: [H, W] or [H, W, 1 or 3]. */
static bool take_shape(const struct lamina_type *type, struct lm_sheet *sheet)
{
  int64_t channels = type->rank == 3 ? type->dims[2] : 1;
  if ((type->rank != 2 && type->rank != 3) || (channels != 1 && channels != 3)) {
    return false;
  }
  sheet->height = type->dims[0];
  sheet->width = type->dims[1];
  sheet->channels = channels;
  return true;
}

/* "28x28" or "32x32x3". */
static bool parse_shape(const char *text, struct lm_sheet *sheet)
{
  int64_t dims[3];
  struct lamina_type type = lamina_type_f32(0, dims);
  const char *at = text;
  for (;;) {
    char *end;
    long long size = *at >= '0' && *at <= '9' ? strtoll(at, &end, 10) : 0;
    if (size < 1 || size > INT32_MAX || type.rank == 3) {
      return false;
    }
    dims[type.rank++] = size;
    if (*end == '\0') {
      return take_shape(&type, sheet);
    }
    if (*end != 'x') {
      return false;
    }
    at = end + 1;
  }
}

static int64_t elements(const struct lm_sheet *sheet)
{
  int64_t product;
  bool fits = lm_mul_i64(sheet->height, sheet->width, &product) &&
              lm_mul_i64(product, sheet->channels, &product);
  return fits ? product : -1;
}

static enum lamina_status refuse(const struct lm_output *output, const char *given,
                                 struct lm_error *error)
{
  char shape[160];
  (void)lm_shape_format(&output->record.type, -1, shape, sizeof shape);
  if (given != NULL) {
    return lm_fail(error, LAMINA_E_USAGE,
                   "the shape '%s' does not fit '%s' %s, expected HEIGHTxWIDTH, or HEIGHTxWIDTHx3 "
                   "for colours, of %lld elements",
                   given, output->name, shape, (long long)output->width);
  }
  return lm_fail(error, LAMINA_E_INVALID,
                 "'%s' %s has no shape of pictures, and neither has what the model was trained on: "
                 "say --shape HEIGHTxWIDTH, or --shape HEIGHTxWIDTHx3 for colours",
                 output->name, shape);
}

enum lamina_status lm_picture_shape(const struct lm_output *output, const char *given,
                                    const struct lm_declared_field *fields, uint32_t n_fields,
                                    struct lm_sheet *sheet, struct lm_error *error)
{
  if (given != NULL) {
    return parse_shape(given, sheet) && elements(sheet) == output->width
               ? LAMINA_OK
               : refuse(output, given, error);
  }
  if (take_shape(&output->record.type, sheet)) {
    return LAMINA_OK;
  }
  for (uint32_t i = 0; i < n_fields; i++) {
    if (strcmp(fields[i].name, "input") == 0 && take_shape(&fields[i].shape.type, sheet) &&
        elements(sheet) == output->width) {
      return LAMINA_OK;
    }
  }
  return refuse(output, NULL, error);
}

enum lamina_status lm_picture_write(const char *path, const struct lm_sheet *sheet,
                                    struct lm_error *error)
{
  struct lm_pixels pixels;
  LM_TRY(lm_sheet_make(sheet, &pixels, error));
  enum lamina_status status = lm_png_write(path, &pixels, error);
  lm_free(pixels.bytes);
  return status;
}
