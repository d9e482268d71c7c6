/*
 * Windows that slide along an axis: what convolution and pooling layers have in common.
 *
 * Images are [N, H, W, C], channels last: the channels of a pixel lie next to each other, so
 * that loops over channels are vector code whatever their number, and a row of a window is one
 * run of memory. Signals are [N, T, C]. A missing channel axis counts as one channel.
 */
#ifndef LM_CONVOLUTION_WINDOW_H
#define LM_CONVOLUTION_WINDOW_H

#include <stdbool.h>

#include <lamina/expect.h>
#include <lamina/math.h>

/** One axis: output o reads inputs o * stride - before + i * dilation, 0 <= i < kernel. */
struct lm_window {
  int64_t in, out;
  int64_t kernel, stride, dilation;
  int64_t before, after; /* padding */
};

/** An axis that is not there: of one pixel, seen by a window of one. */
static inline struct lm_window lm_window_none(void)
{
  return (struct lm_window){.in = 1, .out = 1, .kernel = 1, .stride = 1, .dilation = 1};
}

/**
 * The settings of a window: lists of one number or of one for each axis, of padding also of one
 * for each border.
 */
struct lm_window_settings {
  struct lamina_i64s kernel, stride, padding, dilation;
  bool same; /* padding such that out = ceil(in / stride) */
  bool ceil; /* the last window may reach beyond the padding (pooling) */
};

/** The same as rows of a table, for a struct with fields of these names but `ceil`. */
#define LM_WINDOW_ROWS(T, kernel_default, stride_default)                                      \
  LAMINA_I64S(T, kernel, kernel_default, "[1, 32767]",                                         \
              "size of the window, for all axes or for each"),                                 \
      LAMINA_I64S(T, stride, stride_default, "[1, 32767]", "step of the window"),              \
      LAMINA_I64S(T, padding, "0", "[0, 32767]",                                               \
                  "positions added at all borders, at those of each axis, or at each border"), \
      LAMINA_I64S(T, dilation, "1", "[1, 32767]", "distance of the window's positions"),       \
      LAMINA_BOOL(T, same, "false", "pad to an output of ceil(input / stride), not by padding")

/**
 * Sizes of the windows of `axes` axes from the input x [N, (H,) W, (C)]. Fills in[], out[] and
 * padding; refuses, with a sentence, lists of another length, outputs that would be empty and
 * sizes that overflow.
 */
int32_t lm_windows_infer(struct lamina_call *call, const struct lm_window_settings *settings,
                         const struct lamina_type *x, uint32_t axes, struct lm_window *windows);

/**
 * For pooling: refuses padding as long as a window, and windows that would lie outside of the
 * input as a whole.
 */
int32_t lm_windows_expect_inside(struct lamina_call *call, const struct lm_window *windows,
                                 uint32_t axes);

/** Channels of an input with `axes` axes of windows: its last dimension, or 1 if it has none. */
int64_t lm_window_channels(const struct lamina_type *x, uint32_t axes);

/** Reads `list` as one number, or one for each axis: that of an axis. */
static inline int64_t lm_window_item(const struct lamina_i64s *list, uint32_t axis)
{
  return list->items[list->count == 1 ? 0 : axis];
}

/** Refuses a list that has neither one number nor one for each axis, with a sentence. */
int32_t lm_window_check_list(struct lamina_call *call, const struct lamina_i64s *list,
                             const char *name, uint32_t axes);

/**
 * Borders before and after an axis from a list of one number, one for each axis, or one for each
 * border ([before, after], [top, bottom, left, right]); refuses other lists with a sentence.
 */
int32_t lm_window_borders(struct lamina_call *call, const struct lamina_i64s *list, uint32_t axes,
                          uint32_t axis, int64_t *before, int64_t *after);

/** Refuses, with a sentence, what is not [N, (H,) W, C] or [N, (H,) W]. */
int32_t lm_window_expect_image(struct lamina_call *call, const struct lamina_type *x,
                               uint32_t axes);

/** Tells people how the output's size comes about: "floor((7 + 2 - 3) / 2) + 1 = 4". */
int32_t lm_windows_note(struct lamina_plan *plan, const struct lm_window *windows, uint32_t axes);

/** The outputs *first .. *last - 1 whose windows lie inside as a whole. */
void lm_window_whole(const struct lm_window *w, int64_t *first, int64_t *last);

/** Positions first .. last - 1 of a window lie inside; position 0 is at start. */
struct lm_inside {
  int64_t start, first, last;
};

LAMINA_INLINE struct lm_inside lm_window_inside(const struct lm_window *w, int64_t o)
{
  struct lm_inside inside = {.start = o * w->stride - w->before};
  int64_t room = w->in - inside.start, d = w->dilation;
  inside.first = inside.start >= 0 ? 0 : d == 1 ? -inside.start : (d - 1 - inside.start) / d;
  inside.last = d == 1 ? room : (room + d - 1) / d;
  inside.last = inside.last < w->kernel ? inside.last : w->kernel;
  return inside;
}

#endif
