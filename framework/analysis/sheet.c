/*
 * A sheet is a grid of cells of one size. Each cell begins with its margin, left and above, and a
 * last margin closes the sheet on the right and below.
 */
#include "analysis/sheet.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"

enum { SMALL = 64 };

static const int64_t size_limit = INT64_C(1) << 30;

/* Where everything is, in pixels; and what the elements are scaled by. */
struct layout {
  int64_t columns, rows, zoom, margin;
  int64_t cell_width, cell_height;
  float low, factor;
};

static int64_t choose_columns(const struct lm_sheet *sheet)
{
  int64_t columns = sheet->columns;
  if (columns <= 0) {
    double wanted = sqrt((double)sheet->count * (double)sheet->height / (double)sheet->width);
    columns = wanted < 1.0 ? 1 : (int64_t)ceil(wanted);
  }
  return columns < sheet->count ? columns : sheet->count;
}

/* Black becomes 0 and white 255. */
static void choose_scale(const struct lm_sheet *sheet, struct layout *layout)
{
  int64_t elements = sheet->count * sheet->height * sheet->width * sheet->channels;
  float low = INFINITY, high = -INFINITY;
  layout->low = 0.0f;
  layout->factor = 255.0f;
  for (int64_t i = 0; sheet->stretched && i < elements; i++) {
    if (isfinite(sheet->images[i])) {
      low = fminf(low, sheet->images[i]);
      high = fmaxf(high, sheet->images[i]);
    }
  }
  if (high > low) {
    layout->low = low;
    layout->factor = 255.0f / (high - low);
  }
}

static bool place(const struct lm_sheet *sheet, struct layout *layout, struct lm_pixels *out)
{
  int64_t bytes;
  layout->columns = choose_columns(sheet);
  layout->rows = (sheet->count + layout->columns - 1) / layout->columns;
  layout->zoom = sheet->zoom > 0 ? sheet->zoom : (SMALL + sheet->width / 2) / sheet->width;
  layout->zoom = layout->zoom > 0 ? layout->zoom : 1;
  layout->margin = layout->zoom > 2 ? layout->zoom : 2;
  if (!lm_mul_i64(sheet->width, layout->zoom, &layout->cell_width) ||
      !lm_mul_i64(sheet->height, layout->zoom, &layout->cell_height) ||
      layout->cell_width > INT32_MAX || layout->cell_height > INT32_MAX) {
    return false;
  }
  layout->cell_width += layout->margin;
  layout->cell_height += layout->margin;
  out->channels = (int)sheet->channels;
  return lm_mul_i64(layout->columns, layout->cell_width, &out->width) &&
         lm_mul_i64(layout->rows, layout->cell_height, &out->height) &&
         lm_add_i64(out->width, layout->margin, &out->width) &&
         lm_add_i64(out->height, layout->margin, &out->height) &&
         lm_mul_i64(out->width, out->height, &bytes) &&
         lm_mul_i64(bytes, sheet->channels, &bytes) && bytes <= size_limit;
}

static unsigned char shade(const struct layout *layout, float element)
{
  float scaled = (element - layout->low) * layout->factor;
  if (!(scaled > 0.0f)) { /* NaN, too */
    return 0;
  }
  return scaled >= 255.0f ? 255 : (unsigned char)(scaled + 0.5f);
}

/* One row of a picture, to the zoom rows of pixels from `at` on. */
static void draw_row(const struct layout *layout, const struct lm_sheet *sheet, const float *row,
                     const struct lm_pixels *out, unsigned char *at)
{
  size_t channels = (size_t)sheet->channels;
  size_t stride = (size_t)out->width * channels;
  size_t bytes = (size_t)(sheet->width * layout->zoom) * channels;
  for (int64_t x = 0; x < sheet->width * layout->zoom; x++) {
    const float *element = row + x / layout->zoom * sheet->channels;
    for (size_t c = 0; c < channels; c++) {
      at[(size_t)x * channels + c] = shade(layout, element[c]);
    }
  }
  for (int64_t y = 1; y < layout->zoom; y++) {
    memcpy(at + (size_t)y * stride, at, bytes);
  }
}

static void draw(const struct layout *layout, const struct lm_sheet *sheet,
                 const struct lm_pixels *out)
{
  for (int64_t i = 0; i < sheet->count; i++) {
    int64_t left = i % layout->columns * layout->cell_width + layout->margin;
    int64_t top = i / layout->columns * layout->cell_height + layout->margin;
    for (int64_t y = 0; y < sheet->height; y++) {
      int64_t pixel = (top + y * layout->zoom) * out->width + left;
      draw_row(layout, sheet,
               sheet->images + (i * sheet->height + y) * sheet->width * sheet->channels, out,
               out->bytes + pixel * sheet->channels);
    }
  }
}

enum lamina_status lm_sheet_make(const struct lm_sheet *sheet, struct lm_pixels *out,
                                 struct lm_error *error)
{
  struct layout layout;
  *out = (struct lm_pixels){0};
  if (sheet->count < 1 || sheet->height < 1 || sheet->width < 1) {
    return lm_fail(error, LAMINA_E_INVALID, "there are no pictures to show");
  }
  if (sheet->channels != 1 && sheet->channels != 3) {
    return lm_fail(error, LAMINA_E_INVALID, "found %lld channels, expected 1 (gray) or 3 (RGB)",
                   (long long)sheet->channels);
  }
  if (!place(sheet, &layout, out)) {
    return lm_fail(error, LAMINA_E_INVALID, "a sheet of %lld pictures of %lld x %lld is over 1 GiB",
                   (long long)sheet->count, (long long)sheet->width, (long long)sheet->height);
  }
  size_t bytes = (size_t)(out->width * out->height * out->channels);
  out->bytes = lm_alloc(bytes, 1);
  if (out->bytes == NULL) {
    return lm_fail_memory(error, bytes);
  }
  memset(out->bytes, LM_SHEET_GRAY, bytes);
  choose_scale(sheet, &layout);
  draw(&layout, sheet, out);
  return LAMINA_OK;
}
