/*
 * Pictures in memory, and moving their pixels: windows, mirrors, turns. What transforms of
 * pictures do, and what `lamina probe` does to the outputs of layers.
 *
 * Pictures are [N, H, W, C], channels last; [N, H, W] is a picture of one channel.
 */
#ifndef LAMINA_PICTURE_H
#define LAMINA_PICTURE_H

#include <math.h>
#include <string.h>

#include <lamina/tensor.h>

#ifdef __cplusplus
extern "C" {
#endif

/** The size of a picture. */
struct lamina_image {
  int64_t height, width, channels;
};

/** The size of the pictures in [N, H, W, C] or [N, H, W]. */
static inline struct lamina_image lamina_image_of(const struct lamina_type *type)
{
  struct lamina_image image;
  image.height = type->dims[1];
  image.width = type->dims[2];
  image.channels = type->rank > 3 ? type->dims[3] : 1;
  return image;
}

/* ---- windows and mirrors ---- */

/** What lamina_window() copies: size.height x size.width pixels, from (top, left) on. */
struct lamina_window {
  struct lamina_image size;
  int64_t top, left; /* may lie outside of the picture */
  float fill;        /* the value of what lies outside */
  uint32_t unused;
};

/** Copies a window of a picture; `to` is other memory than `from`. */
static inline void lamina_window(const float *from, const struct lamina_image *image,
                                 const struct lamina_window *window, float *to)
{
  int64_t channels = image->channels, row = window->size.width * channels;
  int64_t begin = window->left < 0 ? -window->left : 0; /* columns of the window that are inside */
  int64_t end = image->width - window->left;
  end = end < window->size.width ? end : window->size.width;
  begin = begin < window->size.width ? begin : window->size.width;
  end = end > begin ? end : begin;
  for (int64_t y = 0; y < window->size.height; y++, to += row) {
    int64_t source = window->top + y;
    int inside = source >= 0 && source < image->height;
    int64_t first = inside ? begin * channels : row, last = inside ? end * channels : row;
    for (int64_t i = 0; i < first; i++) {
      to[i] = window->fill;
    }
    if (last > first) {
      memcpy(to + first, from + (source * image->width + window->left + begin) * channels,
             (size_t)(last - first) * sizeof *to);
    }
    for (int64_t i = last; i < row; i++) {
      to[i] = window->fill;
    }
  }
}

/** Exchanges the content of two places of n numbers. */
static inline void lamina_exchange(float *a, float *b, int64_t n)
{
  for (int64_t i = 0; i < n; i++) {
    float held = a[i];
    a[i] = b[i];
    b[i] = held;
  }
}

/** Turns a picture over in its place, left to right. */
static inline void lamina_mirror(float *pixels, const struct lamina_image *image)
{
  int64_t channels = image->channels;
  for (int64_t y = 0; y < image->height; y++, pixels += image->width * channels) {
    for (int64_t i = 0, j = image->width - 1; i < j; i++, j--) {
      lamina_exchange(pixels + i * channels, pixels + j * channels, channels);
    }
  }
}

/* ---- turns ---- */

/* Sine and cosine, exact at quarter turns. */
static inline void lamina_turn_of_(double degrees, double *sine, double *cosine)
{
  static const double quarters[4][2] = {{0, 1}, {1, 0}, {0, -1}, {-1, 0}};
  double quarter = floor(degrees / 90.0 + 0.5);
  double rest = (degrees - 90.0 * quarter) * (3.14159265358979323846 / 180.0);
  const double *exact = quarters[(int64_t)quarter & 3];
  *sine = exact[0] * cos(rest) + exact[1] * sin(rest);
  *cosine = exact[1] * cos(rest) - exact[0] * sin(rest);
}

/** What lamina_turn() reads: a picture, and the value of what lies outside of it. */
struct lamina_surrounded {
  const float *pixels;
  struct lamina_image size;
  float fill;
  uint32_t unused;
};

static inline float lamina_pixel_(const struct lamina_surrounded *from, int64_t y, int64_t x,
                                  int64_t channel)
{
  if (y < 0 || y >= from->size.height || x < 0 || x >= from->size.width) {
    return from->fill;
  }
  return from->pixels[(y * from->size.width + x) * from->size.channels + channel];
}

/* All channels at a place between pixels. */
static inline void lamina_look_(const struct lamina_surrounded *from, double y, double x, float *to)
{
  double top = floor(y), left = floor(x);
  float down = (float)(y - top), right = (float)(x - left);
  int64_t i = (int64_t)top, j = (int64_t)left;
  for (int64_t c = 0; c < from->size.channels; c++) {
    float upper =
        (1.0f - right) * lamina_pixel_(from, i, j, c) + right * lamina_pixel_(from, i, j + 1, c);
    float lower = (1.0f - right) * lamina_pixel_(from, i + 1, j, c) +
                  right * lamina_pixel_(from, i + 1, j + 1, c);
    to[c] = (1.0f - down) * upper + down * lower;
  }
}

/**
 * Turns a picture about its centre, counter-clockwise as it is seen; `to` is other memory.
 *
 * Each pixel of the result looks where it comes from and takes the four pixels around that place
 * in proportion (bilinear). Angles are split into quarter turns, which are exact, and a rest of
 * at most 45 degrees; so 90 degrees move each pixel of a square to another one, bit for bit.
 */
static inline void lamina_turn(const struct lamina_surrounded *from, double degrees, float *to)
{
  double middle_y = 0.5 * (double)(from->size.height - 1);
  double middle_x = 0.5 * (double)(from->size.width - 1);
  double sine, cosine;
  lamina_turn_of_(degrees, &sine, &cosine);
  for (int64_t y = 0; y < from->size.height; y++) {
    for (int64_t x = 0; x < from->size.width; x++, to += from->size.channels) {
      double dy = (double)y - middle_y, dx = (double)x - middle_x;
      lamina_look_(from, middle_y + dx * sine + dy * cosine, middle_x + dx * cosine - dy * sine,
                   to);
    }
  }
}

#ifdef __cplusplus
}
#endif
#endif
