/*
 * Contact sheets, pixel for pixel as they are drawn by hand here.
 */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "analysis/sheet.h"
#include "base/memory.h"

enum { G = 96 }; /* of margins */

static const unsigned char *make(const struct lm_sheet *sheet, struct lm_pixels *pixels)
{
  struct lm_error error = {0};
  cr_assert(lm_sheet_make(sheet, pixels, &error) == LAMINA_OK, "%s", error.text);
  return pixels->bytes;
}

Test(sheet, puts_pictures_in_rows_with_margins_and_cuts_at_zero_and_one)
{
  /* Three pictures of 1 x 2 in two columns; the fourth place stays empty. */
  static const float images[] = {0.0f, 1.0f, -3.0f, 7.0f, NAN, 0.5f};
  static const unsigned char expected[] = {
      G, G, G, G,   G, G, G, G,   G, G, /**/
      G, G, G, G,   G, G, G, G,   G, G, /**/
      G, G, 0, 255, G, G, 0, 255, G, G, /**/
      G, G, G, G,   G, G, G, G,   G, G, /**/
      G, G, G, G,   G, G, G, G,   G, G, /**/
      G, G, 0, 128, G, G, G, G,   G, G, /**/
      G, G, G, G,   G, G, G, G,   G, G, /**/
      G, G, G, G,   G, G, G, G,   G, G,
  };
  struct lm_pixels pixels;
  const struct lm_sheet sheet = {.images = images,
                                 .count = 3,
                                 .height = 1,
                                 .width = 2,
                                 .channels = 1,
                                 .columns = 2,
                                 .zoom = 1};
  const unsigned char *found = make(&sheet, &pixels);
  cr_assert(pixels.width == 10 && pixels.height == 8 && pixels.channels == 1);
  cr_assert(memcmp(found, expected, sizeof expected) == 0);
  lm_free(pixels.bytes);
}

Test(sheet, magnifies_and_keeps_colours)
{
  static const float images[] = {1.0f, 0.0f, 0.2f, 0.0f, 1.0f, 0.0f};
  struct lm_pixels pixels;
  const struct lm_sheet sheet = {
      .images = images, .count = 1, .height = 2, .width = 1, .channels = 3, .zoom = 3};
  const unsigned char *found = make(&sheet, &pixels);
  cr_assert(pixels.width == 9 && pixels.height == 12 && pixels.channels == 3);
  for (int64_t y = 0; y < 12; y++) {
    for (int64_t x = 0; x < 9; x++) {
      const unsigned char *pixel = found + (y * 9 + x) * 3;
      const unsigned char first[] = {255, 0, 51}, second[] = {0, 255, 0}, margin[] = {G, G, G};
      bool inside = x >= 3 && x < 6 && y >= 3 && y < 9;
      cr_assert(memcmp(pixel,
                       !inside ? margin
                       : y < 6 ? first
                               : second,
                       3) == 0,
                "%d, %d", (int)x, (int)y);
    }
  }
  lm_free(pixels.bytes);
}

Test(sheet, stretches_from_the_smallest_to_the_largest_of_all_pictures)
{
  static const float images[] = {-2.0f, 0.0f, INFINITY, 2.0f};
  static const float flat[] = {0.25f, 0.25f};
  struct lm_pixels pixels;
  struct lm_sheet sheet = {.images = images,
                           .count = 2,
                           .height = 1,
                           .width = 2,
                           .channels = 1,
                           .columns = 1,
                           .zoom = 1,
                           .stretched = true};
  const unsigned char *found = make(&sheet, &pixels);
  cr_assert(found[6 * 2 + 2] == 0 && found[6 * 2 + 3] == 128);
  cr_assert(found[6 * 5 + 2] == 255 && found[6 * 5 + 3] == 255);
  lm_free(pixels.bytes);
  sheet.images = flat;
  sheet.count = 1;
  found = make(&sheet, &pixels);
  cr_assert_eq(found[6 * 2 + 2], 64, "pictures of one number stay as they are");
  lm_free(pixels.bytes);
}

Test(sheet, chooses_columns_and_magnification)
{
  static const struct {
    int64_t count, height, width, columns, pixels_wide, pixels_high;
  } cases[] = {
      {100, 28, 28, 0, 10 * 58 + 2, 10 * 58 + 2}, {7, 28, 28, 20, 7 * 58 + 2, 58 + 2},
      {10, 8, 8, 0, 4 * 72 + 8, 3 * 72 + 8},      {3, 200, 100, 0, 3 * 102 + 2, 202 + 2},
      {2, 1, 1000, 0, 1002 + 2, 2 * 3 + 2},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct lm_sheet sheet = {.count = cases[i].count,
                             .height = cases[i].height,
                             .width = cases[i].width,
                             .channels = 1,
                             .columns = cases[i].columns};
    float *images = lm_alloc((size_t)(sheet.count * sheet.height * sheet.width), sizeof *images);
    struct lm_pixels pixels;
    cr_assert_not_null(images);
    sheet.images = images;
    (void)make(&sheet, &pixels);
    cr_assert(pixels.width == cases[i].pixels_wide && pixels.height == cases[i].pixels_high,
              "case %zu: %lld x %lld", i, (long long)pixels.width, (long long)pixels.height);
    lm_free(pixels.bytes);
    lm_free(images);
  }
}

Test(sheet, refuses_what_cannot_be_shown)
{
  static const float image = 0.0f;
  static const struct {
    struct lm_sheet sheet;
    const char *words;
  } cases[] = {
      {{.images = &image, .count = 0, .height = 1, .width = 1, .channels = 1}, "no pictures"},
      {{.images = &image, .count = 1, .height = 1, .width = 1, .channels = 2}, "found 2 channels"},
      {{.images = &image, .count = 1, .height = 1, .width = 1, .channels = 1, .zoom = 40000},
       "over 1 GiB"},
      {{.images = &image, .count = 1, .height = 1, .width = 1, .channels = 1, .zoom = INT64_MAX},
       "over 1 GiB"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct lm_error error = {0};
    struct lm_pixels pixels;
    cr_assert(lm_sheet_make(&cases[i].sheet, &pixels, &error) == LAMINA_E_INVALID);
    cr_assert(strstr(error.text, cases[i].words) != NULL, "%s", error.text);
    cr_assert_null(pixels.bytes);
  }
}
