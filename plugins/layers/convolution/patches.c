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

/** A row of the windows of pixels beside each other. */
struct line {
  const float *from;   /* the row of the image; NULL when it lies outside */
  int64_t first, last; /* as of find_runs() */
  int64_t column, count;
  int64_t readable, writable; /* floats from the row's begin, and from that of a window's row */
};

/** Where the first pixel of a line goes, and floats between pixels. */
struct target {
  float *out;
  int64_t stride;
};

/** How runs are copied: by two vectors that overlap, or by one that is longer than the run. */
enum how { BY_RUN, TWO_4, TWO_8, ONE_8, ONE_16 };

/* A longer vector needs memory behind the run to read and to write to; what it writes there is
 * overwritten by the next row of the window, or is padding. */
LAMINA_INLINE enum how choose(int64_t run, int64_t room)
{
  if (run < 4 || run > 16) {
    return BY_RUN;
  }
  if (run <= 8) {
    return room >= 8 ? ONE_8 : TWO_4;
  }
  return room >= 16 ? ONE_16 : TWO_8;
}

LAMINA_INLINE void copy_as(enum how how, float *to, const float *from, int64_t run)
{
  if (how == ONE_8) {
    COPY(floats8, to, from);
  } else if (how == ONE_16) {
    COPY(floats16, to, from);
  } else if (how == TWO_4) {
    COPY(floats4, to, from);
    COPY(floats4, to + run - 4, from + run - 4);
  } else if (how == TWO_8) {
    COPY(floats8, to, from);
    COPY(floats8, to + run - 8, from + run - 8);
  } else {
    copy_run(to, from, run);
  }
}

/* Pixels begin .. end - 1 of the line, whose windows' rows are runs of memory. */
LAMINA_INLINE void gather_runs_as(enum how how, const struct lm_convolution *v,
                                  const struct line *line, int64_t begin, int64_t end,
                                  struct target target)
{
  int64_t run = v->w.kernel * v->c, step = v->w.stride * v->c;
  const float *from = line->from + ((line->column + begin) * v->w.stride - v->w.before) * v->c;
  float *to = target.out + begin * target.stride;
  for (int64_t p = begin; p < end; p++) {
    copy_as(how, to, from, run);
    from += step;
    to += target.stride;
  }
}

LAMINA_INLINE void gather_runs(const struct lm_convolution *v, const struct line *line,
                               int64_t begin, int64_t end, struct target target)
{
  int64_t last = ((line->column + end - 1) * v->w.stride - v->w.before) * v->c;
  int64_t room = line->readable - last < line->writable ? line->readable - last : line->writable;
  enum how how = choose(v->w.kernel * v->c, room);
  if (how == ONE_8) {
    gather_runs_as(ONE_8, v, line, begin, end, target);
  } else if (how == ONE_16) {
    gather_runs_as(ONE_16, v, line, begin, end, target);
  } else if (how == TWO_4) {
    gather_runs_as(TWO_4, v, line, begin, end, target);
  } else if (how == TWO_8) {
    gather_runs_as(TWO_8, v, line, begin, end, target);
  } else {
    gather_runs_as(BY_RUN, v, line, begin, end, target);
  }
}

LAMINA_INLINE int64_t between(int64_t value, int64_t least, int64_t most)
{
  int64_t raised = value < least ? least : value;
  return raised < most ? raised : most;
}

LAMINA_INLINE void gather_line(const struct lm_convolution *v, const struct line *line,
                               int64_t stride, float *out)
{
  int64_t run = v->w.kernel * (v->c / v->groups);
  int64_t begin = between(line->first - line->column, 0, line->count);
  int64_t end = between(line->last - line->column, begin, line->count);
  if (line->from == NULL) {
    for (int64_t p = 0; p < line->count; p++) {
      clear_run(out + p * stride, run);
    }
    return;
  }
  for (int64_t p = 0; p < begin; p++) {
    gather_row(v, line->from, line->column + p, out + p * stride);
  }
  if (begin < end) {
    gather_runs(v, line, begin, end, (struct target){out, stride});
  }
  for (int64_t p = end; p < line->count; p++) {
    gather_row(v, line->from, line->column + p, out + p * stride);
  }
}

/* The windows of pixels of one row of outputs. */
LAMINA_INLINE void gather_pixels(const struct lm_convolution *v, const float *x,
                                 const struct lm_patches *patches, struct place place,
                                 struct line *line, float *to)
{
  int64_t channels = v->c / v->groups, run = v->w.kernel * channels, width = v->w.in * v->c;
  line->writable = patches->row;
  for (int64_t i = patches->first; i < patches->last; i++) {
    int64_t row = position(&v->h, v->circular, place.row, i);
    int64_t rows_before = place.image * v->h.in + row;
    line->from = row < 0 ? NULL : x + rows_before * width + patches->group * channels;
    line->readable = (v->images * v->h.in - rows_before) * width;
    gather_line(v, line, patches->row, to);
    to += run;
    line->writable -= run;
  }
}

LAMINA_CLONES
void lm_patches_gather(const struct lm_convolution *v, const float *x,
                       const struct lm_patches *patches, float *out)
{
  int64_t pixel = patches->pixel, end = patches->pixel + patches->count;
  struct line line = {0};
  find_runs(v, &line.first, &line.last);
  while (pixel < end) {
    struct place place = place_of(v, pixel);
    int64_t left = end - pixel;
    line.column = place.column;
    line.count = v->w.out - place.column < left ? v->w.out - place.column : left;
    gather_pixels(v, x, patches, place, &line, out + (pixel - patches->pixel) * patches->row);
    pixel += line.count;
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
