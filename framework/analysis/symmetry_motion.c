/*
 * Motions: what they do to pictures and signals, and what becomes of them on the grid of a layer,
 * whose places are several pixels apart.
 */
#include <math.h>
#include <stdlib.h>

#include "analysis/symmetry_internal.h"

/* ---- what they are called ---- */

static void add_shift(const struct lm_motion *motion, int axes, struct lm_text *out)
{
  const char *and = "";
  lm_text_add(out, "shift by ");
  if (axes == 1) {
    lm_text_addf(out, "%lld in time", (long long)motion->down);
  } else {
    if (motion->down != 0) {
      lm_text_addf(out, "%lld %s", llabs(motion->down), motion->down > 0 ? "down" : "up");
      and = " and ";
    }
    if (motion->right != 0) {
      lm_text_addf(out, "%s%lld %s", and, llabs(motion->right),
                   motion->right > 0 ? "right" : "left");
    }
  }
  lm_text_add(out, motion->zeros ? ", zeros come in" : ", circular");
}

void lm_motion_label(const struct lm_motion *motion, int axes, struct lm_text *out)
{
  switch (motion->kind) {
    case LM_MOTION_SHIFT:
      add_shift(motion, axes, out);
      break;
    case LM_MOTION_TURN:
      lm_text_addf(out, "turn by %g degrees", motion->amount);
      break;
    case LM_MOTION_FLIP:
      lm_text_add(out, "flip, left to right");
      break;
    case LM_MOTION_GAIN:
      lm_text_addf(out, "gain of %g", motion->amount);
      break;
  }
}

/* ---- on a grid ---- */

/* Pixels as places of an axis; false when they end between two. On one place all stays. */
static bool on_axis(const struct lm_grid *grid, int axis, int64_t size, int64_t *by)
{
  if (size == 1) {
    *by = 0;
    return true;
  }
  if (*by * grid->part[axis] % grid->step[axis] != 0) {
    return false;
  }
  *by = *by * grid->part[axis] / grid->step[axis];
  return true;
}

static bool is_quarter(double degrees)
{
  return fmod(degrees, 90.0) == 0.0;
}

bool lm_motion_on(const struct lm_motion *motion, const struct lm_grid *grid, struct lm_motion *out)
{
  *out = *motion;
  switch (motion->kind) {
    case LM_MOTION_SHIFT:
      if (grid->axes == 1) {
        out->right = 0;
      }
      return grid->axes > 0 && on_axis(grid, 0, grid->image.height, &out->down) &&
             on_axis(grid, 1, grid->image.width, &out->right);
    case LM_MOTION_TURN:
      return grid->axes == 2 && grid->image.height == grid->image.width &&
             grid->step[0] == grid->step[1] && grid->part[0] == grid->part[1];
    case LM_MOTION_FLIP:
      return grid->axes == 2;
    case LM_MOTION_GAIN:
      return true;
  }
  return false;
}

bool lm_motion_keeps_all(const struct lm_motion *motion)
{
  return motion->kind == LM_MOTION_SHIFT
             ? !motion->zeros
             : motion->kind != LM_MOTION_TURN || is_quarter(motion->amount);
}

/* ---- moving ---- */

static int64_t wrapped(int64_t place, int64_t size)
{
  place %= size;
  return place < 0 ? place + size : place;
}

static void shift_around(const struct lm_motion *motion, const struct lamina_image *image,
                         const float *from, float *to)
{
  int64_t channels = image->channels, row = image->width * channels;
  int64_t cut = wrapped(motion->right, image->width) * channels; /* numbers that come around */
  for (int64_t y = 0; y < image->height; y++, to += row) {
    const float *source = from + wrapped(y - motion->down, image->height) * row;
    memcpy(to, source + row - cut, (size_t)cut * sizeof *to);
    memcpy(to + cut, source, (size_t)(row - cut) * sizeof *to);
  }
}

void lm_motion_apply(const struct lm_motion *motion, const struct lamina_image *image, float fill,
                     const float *from, float *to)
{
  int64_t count = image->height * image->width * image->channels;
  struct lamina_surrounded turned = {.pixels = from, .size = *image, .fill = fill};
  struct lamina_window window = {
      .size = *image, .top = -motion->down, .left = -motion->right, .fill = fill};
  switch (motion->kind) {
    case LM_MOTION_SHIFT:
      if (motion->zeros) {
        lamina_window(from, image, &window, to);
      } else {
        shift_around(motion, image, from, to);
      }
      break;
    case LM_MOTION_TURN:
      lamina_turn(&turned, motion->amount, to);
      break;
    case LM_MOTION_FLIP:
      memcpy(to, from, (size_t)count * sizeof *to);
      lamina_mirror(to, image);
      break;
    case LM_MOTION_GAIN:
      for (int64_t i = 0; i < count; i++) {
        to[i] = (float)motion->amount * from[i];
      }
      break;
  }
}
