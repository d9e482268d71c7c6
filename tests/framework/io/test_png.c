/*
 * Pictures written as PNG are what libpng reads, pixel for pixel.
 */
#include <png.h>

#include "io/png.h"
#include "scratch.h"

/* Some picture: gradients, an edge and a repeating pattern. */
static void paint(struct lm_pixels *pixels)
{
  size_t size = (size_t)(pixels->width * pixels->height * pixels->channels);
  pixels->bytes = malloc(size);
  cr_assert_not_null(pixels->bytes);
  for (size_t i = 0; i < size; i++) {
    pixels->bytes[i] = (unsigned char)(i < size / 2 ? i * 7 + i / 11 : 255 - i % 5);
  }
}

static void compare(const char *path, const struct lm_pixels *pixels)
{
  png_image image = {.version = PNG_IMAGE_VERSION};
  cr_assert(png_image_begin_read_from_file(&image, path) != 0, "%s", image.message);
  cr_assert_eq(image.format, pixels->channels == 1 ? PNG_FORMAT_GRAY : PNG_FORMAT_RGB);
  cr_assert(image.width == pixels->width && image.height == pixels->height);
  size_t size = PNG_IMAGE_SIZE(image);
  unsigned char *found = malloc(size);
  cr_assert(found != NULL && png_image_finish_read(&image, NULL, found, 0, NULL) != 0, "%s",
            image.message);
  cr_assert_eq(image.warning_or_error, 0, "%s", image.message);
  cr_assert(memcmp(found, pixels->bytes, size) == 0, "%lld x %lld x %d", (long long)pixels->width,
            (long long)pixels->height, pixels->channels);
  free(found);
}

Test(png, libpng_reads_the_pixels_that_were_written)
{
  static const struct lm_pixels cases[] = {
      {NULL, 1, 1, 1}, {NULL, 1, 1, 3}, {NULL, 7, 3, 1}, {NULL, 3, 7, 3}, {NULL, 300, 200, 3}};
  struct scratch scratch;
  struct lm_error error = {0};
  scratch_make(&scratch);
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct lm_pixels pixels = cases[i];
    const char *path = scratch_path(&scratch, "p.png");
    paint(&pixels);
    cr_assert(lm_png_write(path, &pixels, &error) == LAMINA_OK, "%s", error.text);
    compare(path, &pixels);
    free(pixels.bytes);
  }
  cr_assert_eq(scratch_count(&scratch, ""), 1);
  scratch_remove(&scratch);
}

Test(png, what_is_no_picture_or_has_no_place_is_refused)
{
  static const struct lm_pixels cases[] = {
      {NULL, 0, 5, 1}, {NULL, 5, 0, 3}, {NULL, INT64_C(1) << 31, 1, 1}, {NULL, 40000, 40000, 3}};
  struct lm_error error = {0};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    cr_assert(lm_png_write("/tmp/never.png", &cases[i], &error) == LAMINA_E_INVALID);
  }
  unsigned char black = 0;
  const struct lm_pixels dot = {&black, 1, 1, 1};
  cr_assert(lm_png_write("/nowhere/a.png", &dot, &error) == LAMINA_E_IO);
  cr_assert(strstr(error.text, "/nowhere/a.png: cannot be written: No such") != NULL, "%s",
            error.text);
}
