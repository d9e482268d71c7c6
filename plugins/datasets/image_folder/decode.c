/*
 * What both formats share: which one it is, the bounds on sizes, and resizing. Along each axis a
 * pixel of the result is the mean of what it covers when the picture shrinks (area), and lies
 * between two pixels when it grows (bilinear, centres of pixels at halves).
 */
#include "decode.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include <lamina/status.h>

int lm_image_accept(struct lm_image *image, uint64_t height, uint64_t width)
{
  image->height = (int64_t)height;
  image->width = (int64_t)width;
  if (height >= 1 && width >= 1 && height <= LM_IMAGE_SIDE && width <= LM_IMAGE_SIDE &&
      height * width <= LM_IMAGE_PIXELS) {
    return 1;
  }
  (void)snprintf(image->reason, sizeof image->reason,
                 "it claims %llu x %llu pixels, accepted are %d a side and %d in all",
                 (unsigned long long)height, (unsigned long long)width, LM_IMAGE_SIDE,
                 LM_IMAGE_PIXELS);
  return 0;
}

int32_t lm_image_decode(struct lm_image *image)
{
  static const unsigned char png[] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
  image->reason[0] = '\0';
  if (image->size >= sizeof png && memcmp(image->bytes, png, sizeof png) == 0) {
    return lm_image_decode_png(image);
  }
  if (image->size >= 3 && memcmp(image->bytes, "\xff\xd8\xff", 3) == 0) {
    return lm_image_decode_jpeg(image);
  }
  (void)snprintf(image->reason, sizeof image->reason, "neither PNG nor JPEG begins like this");
  return LAMINA_E_INVALID;
}

/* Which pixels of an axis make one of the result: weight_of() for each from first to last. */
struct reach {
  double begin, end; /* shrinking: the stretch that is covered */
  double at;         /* growing: the place between two pixels */
  int64_t first, last;
  int shrinks;
};

static struct reach reach_of(int64_t index, int64_t from, int64_t to)
{
  double scale = (double)from / (double)to;
  struct reach reach = {(double)index * scale, ((double)index + 1) * scale, 0, 0, 0, from > to};
  if (reach.shrinks) {
    reach.first = (int64_t)floor(reach.begin);
    reach.last = (int64_t)ceil(reach.end) - 1;
  } else {
    reach.at = ((double)index + 0.5) * scale - 0.5;
    reach.at = reach.at < 0 ? 0 : reach.at;
    reach.first = (int64_t)reach.at;
    reach.last = reach.first + 1;
  }
  reach.last = reach.last > from - 1 ? from - 1 : reach.last;
  return reach;
}

static double weight_of(const struct reach *reach, int64_t i)
{
  if (reach->shrinks) {
    double begin = reach->begin > (double)i ? reach->begin : (double)i;
    double end = reach->end < (double)(i + 1) ? reach->end : (double)(i + 1);
    return (end - begin) / (reach->end - reach->begin);
  }
  if (reach->first == reach->last) {
    return 1.0;
  }
  return i == reach->first ? 1.0 - (reach->at - (double)i) : reach->at - (double)reach->first;
}

static void resize_pixel(const struct lm_image *image, const unsigned char *pixels,
                         const struct reach *rows, const struct reach *columns, unsigned char *out)
{
  double sum[3] = {0, 0, 0};
  for (int64_t y = rows->first; y <= rows->last; y++) {
    double row = weight_of(rows, y);
    for (int64_t x = columns->first; x <= columns->last; x++) {
      const unsigned char *pixel = pixels + (y * image->width + x) * image->channels;
      double weight = row * weight_of(columns, x);
      for (int64_t c = 0; c < image->channels; c++) {
        sum[c] += weight * pixel[c];
      }
    }
  }
  for (int64_t c = 0; c < image->channels; c++) {
    double rounded = floor(sum[c] + 0.5);
    out[c] = (unsigned char)(rounded > 255 ? 255 : rounded);
  }
}

void lm_image_deliver(const struct lm_image *image, const unsigned char *pixels)
{
  unsigned char *out = image->out;
  if (image->out_height == image->height && image->out_width == image->width) {
    memcpy(out, pixels, (size_t)(image->height * image->width * image->channels));
    return;
  }
  for (int64_t y = 0; y < image->out_height; y++) {
    struct reach rows = reach_of(y, image->height, image->out_height);
    for (int64_t x = 0; x < image->out_width; x++, out += image->channels) {
      struct reach columns = reach_of(x, image->width, image->out_width);
      resize_pixel(image, pixels, &rows, &columns, out);
    }
  }
}
