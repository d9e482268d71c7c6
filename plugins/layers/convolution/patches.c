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

typedef float floats4 __attribute__((vector_size(16), aligned(4), may_alias));
typedef float floats8 __attribute__((vector_size(32), aligned(4), may_alias));
typedef float floats16 __attribute__((vector_size(64), aligned(4), may_alias));

#define COPY(type, to, from) (*(type *)(void *)(to) = *(const type *)(const void *)(from))

/* Short runs are copied by two vectors that overlap, without a loop. */
LAMINA_INLINE void copy_run(float *to, const float *from, int64_t n)
{
  if (n >= 16) {
    for (int64_t i = 0; i + 16 < n; i += 16) {
      COPY(floats16, to + i, from + i);
    }
    COPY(floats16, to + n - 16, from + n - 16);
  } else if (n >= 8) {
    COPY(floats8, to, from);
    COPY(floats8, to + n - 8, from + n - 8);
  } else if (n >= 4) {
    COPY(floats4, to, from);
    COPY(floats4, to + n - 4, from + n - 4);
  } else {
    for (int64_t i = 0; i < n; i++) {
      to[i] = from[i];
    }
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

/* The columns first .. last - 1 of the output at which a row of the window is one run of memory
 * inside of the image. */
static void find_runs(const struct lm_convolution *v, int64_t *first, int64_t *last)
{
  lm_window_whole(&v->w, first, last);
  if (v->groups > 1 || v->w.dilation > 1) {
    *first = *last = 0;
  }
}

/* A row of a window that is no run: position by position. */
LAMINA_INLINE void gather_row(const struct lm_convolution *v, const float *line, int64_t column,
                              float *out)
{
  int64_t channels = v->c / v->groups;
  for (int64_t i = 0; i < v->w.kernel; i++) {
    int64_t at = position(&v->w, v->circular, column, i);
    if (at < 0) {
      clear_run(out + i * channels, channels);
    } else {
      copy_run(out + i * channels, line + at * v->c, channels);
    }
  }
}

/* One row of the windows of `count` pixels beside each other, from `column` on. line is the row
 * of the image, or NULL when it lies outside. */
LAMINA_INLINE void gather_line(const struct lm_convolution *v, const float *line, int64_t column,
                               int64_t count, int64_t stride, float *out)
{
  int64_t run = v->w.kernel * (v->c / v->groups), first, last;
  find_runs(v, &first, &last);
  for (int64_t p = 0; p < count; p++) {
    if (line == NULL) {
      clear_run(out + p * stride, run);
    } else if (column + p < first || column + p >= last) {
      gather_row(v, line, column + p, out + p * stride);
    } else {
      copy_run(out + p * stride, line + ((column + p) * v->w.stride - v->w.before) * v->c, run);
    }
  }
}

LAMINA_CLONES
void lm_patches_gather(const struct lm_convolution *v, const float *x,
                       const struct lm_patches *patches, float *out)
{
  int64_t channels = v->c / v->groups, run = v->w.kernel * channels;
  int64_t pixel = patches->pixel, end = patches->pixel + patches->count;
  while (pixel < end) {
    struct place place = place_of(v, pixel);
    int64_t count = v->w.out - place.column;
    count = count < end - pixel ? count : end - pixel;
    const float *image = x + place.image * v->h.in * v->w.in * v->c + patches->group * channels;
    float *to = out + (pixel - patches->pixel) * patches->row;
    for (int64_t i = patches->first; i < patches->last; i++) {
      int64_t row = position(&v->h, v->circular, place.row, i);
      const float *line = row < 0 ? NULL : image + row * v->w.in * v->c;
      gather_line(v, line, place.column, count, patches->row, to);
      to += run;
    }
    pixel += count;
  }
}

LAMINA_INLINE void scatter_row(const struct lm_convolution *v, const float *in, int64_t column,
                               float *line)
{
  int64_t channels = v->c / v->groups, begin = column * v->w.stride - v->w.before;
  if (v->groups == 1 && v->w.dilation == 1 && begin >= 0 && begin + v->w.kernel <= v->w.in) {
    add_run(line + begin * v->c, in, v->w.kernel * channels);
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
