/*
 * PNG by libpng: any depth and colour type becomes 8 bits of grey or RGB; transparency is left
 * out. Grey of coloured pictures is 0.299 R + 0.587 G + 0.114 B, the luma that JPEG has.
 */
#include <png.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include <lamina/status.h>

#include "decode.h"

struct job {
  struct lm_image *image;
  uint64_t position;
  png_structp png;
  png_infop info;
  unsigned char *pixels;
  jmp_buf jump; /* set in decode() only */
};

static void on_error(png_structp png, png_const_charp text)
{
  struct job *job = png_get_error_ptr(png);
  (void)snprintf(job->image->reason, sizeof job->image->reason, "libpng says: %s", text);
  longjmp(job->jump, 1);
}

static void on_warning(png_structp png, png_const_charp text)
{
  (void)png, (void)text; /* what is odd but can be read is read */
}

static void take(png_structp png, png_bytep to, size_t count)
{
  struct job *job = png_get_io_ptr(png);
  if (count > job->image->size - job->position) {
    png_error(png, "the file ends too early");
  }
  memcpy(to, job->image->bytes + job->position, count);
  job->position += count;
}

static void make_grey(unsigned char *pixels, int64_t count)
{
  for (int64_t i = 0; i < count; i++) {
    const unsigned char *rgb = pixels + 3 * i;
    pixels[i] = (unsigned char)((299 * rgb[0] + 587 * rgb[1] + 114 * rgb[2] + 500) / 1000);
  }
}

static void ask_for_bytes(const struct job *job)
{
  png_set_expand(job->png);
  png_set_scale_16(job->png);
  png_set_strip_alpha(job->png);
  if (job->image->channels == 3) {
    png_set_gray_to_rgb(job->png);
  }
}

static void read_rows(struct job *job, int passes)
{
  size_t row = png_get_rowbytes(job->png, job->info);
  job->pixels = png_malloc(job->png, row * (size_t)job->image->height);
  for (int pass = 0; pass < passes; pass++) {
    for (int64_t y = 0; y < job->image->height; y++) {
      png_read_row(job->png, job->pixels + (size_t)y * row, NULL);
    }
  }
  png_read_end(job->png, NULL);
}

/* The one function that libpng's errors jump to. */
static int32_t decode(struct job *job)
{
  struct lm_image *image = job->image;
  if (setjmp(job->jump) != 0) {
    return LAMINA_E_INVALID;
  }
  job->info = png_create_info_struct(job->png);
  if (job->info == NULL) {
    png_error(job->png, "not enough memory");
  }
  png_set_read_fn(job->png, job, take);
  png_set_user_limits(job->png, 0x7fffffff, 0x7fffffff); /* lm_image_accept() has narrower ones */
  png_read_info(job->png, job->info);
  if (!lm_image_accept(image, png_get_image_height(job->png, job->info),
                       png_get_image_width(job->png, job->info))) {
    return LAMINA_E_INVALID;
  }
  if (image->out == NULL) {
    return LAMINA_OK;
  }
  ask_for_bytes(job);
  int passes = png_set_interlace_handling(job->png);
  png_read_update_info(job->png, job->info);
  read_rows(job, passes);
  if (image->channels == 1 && png_get_channels(job->png, job->info) == 3) {
    make_grey(job->pixels, image->height * image->width);
  }
  lm_image_deliver(image, job->pixels);
  return LAMINA_OK;
}

int32_t lm_image_decode_png(struct lm_image *image)
{
  struct job job = {.image = image};
  int32_t status;
  job.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &job, on_error, on_warning);
  if (job.png == NULL) {
    (void)snprintf(image->reason, sizeof image->reason, "libpng cannot be used here");
    return LAMINA_E_INVALID;
  }
  status = decode(&job);
  png_free(job.png, job.pixels);
  png_destroy_read_struct(&job.png, &job.info, NULL);
  return status;
}
