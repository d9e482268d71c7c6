/*
 * Gathering windows out of an image, and adding them back. A row of a window without dilation
 * is one run of memory, and most windows lie inside of the image: that case is one copy.
 */
#include <lamina/math.h>

#include "convolution.h"

enum { BLOCK_FLOATS = 48 * 1024, LEAST_PIXELS = 28, MOST_PIXELS = 512, UNIT = 16, PAGE = 512 };

int64_t lm_patch_row(int64_t length)
{
  int64_t row = (length + UNIT - 1) / UNIT * UNIT;
  return row % PAGE == 0 ? row + UNIT : row;
}

int64_t lm_patch_block(int64_t length, int64_t pixels)
{
  int64_t block = BLOCK_FLOATS / (length > 0 ? length : 1);
  block = block < LEAST_PIXELS ? LEAST_PIXELS : block;
  block = block > MOST_PIXELS ? MOST_PIXELS : block;
  return block < pixels ? block : pixels;
}

/** A pixel of the output. */
struct place {
  int64_t image, row, column;
};

static struct place place_of(const struct lm_convolution *v, int64_t pixel)
{
  int64_t row = pixel / v->w.out;
  return (struct place){row / v->h.out, row % v->h.out, pixel % v->w.out};
}

static void next_place(const struct lm_convolution *v, struct place *place)
{
  if (++place->column == v->w.out) {
    place->column = 0;
    if (++place->row == v->h.out) {
      place->row = 0;
      place->image++;
    }
  }
}

/* The input position of window position i at output o; -1 outside of the image. */
LAMINA_INLINE int64_t position(const struct lm_window *w, bool circular, int64_t o, int64_t i)
{
  int64_t at = o * w->stride - w->before + i * w->dilation;
  if (circular) {
    at %= w->in;
    return at < 0 ? at + w->in : at;
  }
  return at < w->in ? at : -1;
}

LAMINA_INLINE void copy_run(float *to, const float *from, int64_t n)
{
  LAMINA_INDEPENDENT
  for (int64_t i = 0; i < n; i++) {
    to[i] = from[i];
  }
}

LAMINA_INLINE void add_run(float *to, const float *from, int64_t n)
{
  LAMINA_INDEPENDENT
  for (int64_t i = 0; i < n; i++) {
    to[i] += from[i];
  }
}

LAMINA_INLINE void clear_run(float *to, int64_t n)
{
  LAMINA_INDEPENDENT
  for (int64_t i = 0; i < n; i++) {
    to[i] = 0.0f;
  }
}

/* Whether a row of the window at a column is one run of memory inside of the image. */
LAMINA_INLINE bool is_run(const struct lm_convolution *v, int64_t column)
{
  int64_t begin = column * v->w.stride - v->w.before;
  return v->groups == 1 && v->w.dilation == 1 && begin >= 0 && begin + v->w.kernel <= v->w.in;
}

/* One row of a window, which lies in the row of pixels `line`; NULL: outside of the image. */
LAMINA_INLINE void gather_row(const struct lm_convolution *v, const float *line, int64_t column,
                              float *out)
{
  int64_t channels = v->c / v->groups;
  if (line == NULL) {
    clear_run(out, v->w.kernel * channels);
  } else if (is_run(v, column)) {
    copy_run(out, line + (column * v->w.stride - v->w.before) * v->c, v->w.kernel * channels);
  } else {
    for (int64_t i = 0; i < v->w.kernel; i++) {
      int64_t at = position(&v->w, v->circular, column, i);
      if (at < 0) {
        clear_run(out + i * channels, channels);
      } else {
        copy_run(out + i * channels, line + at * v->c, channels);
      }
    }
  }
}

LAMINA_CLONES
void lm_patches_gather(const struct lm_convolution *v, const float *x,
                       const struct lm_patches *patches, float *out)
{
  int64_t channels = v->c / v->groups;
  struct place place = place_of(v, patches->pixel);
  for (int64_t p = 0; p < patches->count; p++) {
    const float *image = x + place.image * v->h.in * v->w.in * v->c + patches->group * channels;
    float *patch = out + p * patches->row;
    for (int64_t i = patches->first; i < patches->last; i++) {
      int64_t row = position(&v->h, v->circular, place.row, i);
      const float *line = row < 0 ? NULL : image + row * v->w.in * v->c;
      gather_row(v, line, place.column, patch);
      patch += v->w.kernel * channels;
    }
    next_place(v, &place);
  }
}

LAMINA_INLINE void scatter_row(const struct lm_convolution *v, const float *in, int64_t column,
                               float *line)
{
  int64_t channels = v->c / v->groups;
  if (is_run(v, column)) {
    add_run(line + (column * v->w.stride - v->w.before) * v->c, in, v->w.kernel * channels);
    return;
  }
  for (int64_t i = 0; i < v->w.kernel; i++) {
    int64_t at = position(&v->w, v->circular, column, i);
    if (at >= 0) {
      add_run(line + at * v->c, in + i * channels, channels);
    }
  }
}

LAMINA_CLONES
void lm_patches_scatter(const struct lm_convolution *v, const float *in,
                        const struct lm_patches *patches, float *x)
{
  int64_t channels = v->c / v->groups;
  struct place place = place_of(v, patches->pixel);
  for (int64_t p = 0; p < patches->count; p++) {
    float *image = x + place.image * v->h.in * v->w.in * v->c + patches->group * channels;
    const float *patch = in + p * patches->row;
    for (int64_t i = patches->first; i < patches->last; i++) {
      int64_t row = position(&v->h, v->circular, place.row, i);
      if (row >= 0) {
        scatter_row(v, patch, place.column, image + row * v->w.in * v->c);
      }
      patch += v->w.kernel * channels;
    }
    next_place(v, &place);
  }
}
