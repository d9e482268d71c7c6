/*
 * The arithmetic of windows: out = floor((in + before + after - dilation (kernel - 1) - 1) /
 * stride) + 1, from Dumoulin, Visin: "A guide to convolution arithmetic for deep learning",
 * 2016. Sums of 64 bits do not overflow, since every number is below 2^31.
 */
#include "window.h"

enum { MOST = 2147483647 };

int32_t lm_window_check_list(struct lamina_call *call, const struct lamina_i64s *list,
                             const char *name, uint32_t axes)
{
  if (list->count == 1 || list->count == (int64_t)axes) {
    return LAMINA_OK;
  }
  return lamina_failf(call, LAMINA_E_INVALID, "%s has %lld numbers, expected one%s", name,
                      (long long)list->count,
                      axes == 2 ? ", or one for height and one for width" : "");
}

int32_t lm_window_borders(struct lamina_call *call, const struct lamina_i64s *list, uint32_t axes,
                          uint32_t axis, int64_t *before, int64_t *after)
{
  const int64_t *items = list->items;
  if (list->count == 2 * (int64_t)axes) {
    *before = items[2 * axis];
    *after = items[2 * axis + 1];
    return LAMINA_OK;
  }
  if (list->count == 1 || list->count == (int64_t)axes) {
    *before = *after = lm_window_item(list, axis);
    return LAMINA_OK;
  }
  return lamina_failf(call, LAMINA_E_INVALID, "padding has %lld numbers, expected one%s",
                      (long long)list->count,
                      axes == 2 ? ", two for height and width, or four for top, bottom, left, right"
                                : ", or two for before and after");
}

/* Padding that makes out = ceil(in / stride); the odd one goes behind. */
static void pad_same(struct lm_window *w)
{
  int64_t out = (w->in + w->stride - 1) / w->stride;
  int64_t needed = (out - 1) * w->stride + w->dilation * (w->kernel - 1) + 1 - w->in;
  needed = needed < 0 ? 0 : needed;
  w->before = needed / 2;
  w->after = needed - w->before;
}

static int32_t infer_axis(struct lamina_call *call, const struct lm_window_settings *settings,
                          const char *name, struct lm_window *w)
{
  if (w->in > MOST) {
    return lamina_failf(call, LAMINA_E_SHAPE, "a %s of %lld is too large", name, (long long)w->in);
  }
  if (settings->same) {
    pad_same(w);
  }
  int64_t reach = w->dilation * (w->kernel - 1) + 1;
  int64_t room = w->in + w->before + w->after - reach;
  if (w->in == 0 || room < 0) {
    return lamina_failf(call, LAMINA_E_SHAPE,
                        "a %s of %lld, padded to %lld, is too small for a window that reaches over "
                        "%lld (kernel %lld, dilation %lld)",
                        name, (long long)w->in, (long long)(w->in + w->before + w->after),
                        (long long)reach, (long long)w->kernel, (long long)w->dilation);
  }
  w->out = room / w->stride + 1;
  if (settings->ceil && room % w->stride != 0 && w->out * w->stride < w->in + w->before) {
    w->out++; /* a last window that begins inside the input or the padding before it */
  }
  return LAMINA_OK;
}

int32_t lm_window_expect_image(struct lamina_call *call, const struct lamina_type *x, uint32_t axes)
{
  char text[LAMINA_SHAPE_TEXT];
  if (x->rank == axes + 1 || x->rank == axes + 2) {
    return LAMINA_OK;
  }
  return lamina_failf(call, LAMINA_E_SHAPE, "the input is %s, and must be %s",
                      lamina_shape_text(x, text),
                      axes == 2 ? "[N, H, W, C] or [N, H, W]" : "[N, T, C] or [N, T]");
}

int32_t lm_windows_infer(struct lamina_call *call, const struct lm_window_settings *settings,
                         const struct lamina_type *x, uint32_t axes, struct lm_window *windows)
{
  static const char *const names[] = {"height", "width"};
  LAMINA_TRY(lm_window_expect_image(call, x, axes));
  LAMINA_TRY(lm_window_check_list(call, &settings->kernel, "kernel", axes));
  LAMINA_TRY(lm_window_check_list(call, &settings->stride, "stride", axes));
  LAMINA_TRY(lm_window_check_list(call, &settings->dilation, "dilation", axes));
  for (uint32_t i = 0; i < axes; i++) {
    struct lm_window *w = &windows[i];
    *w = (struct lm_window){.in = x->dims[1 + i],
                            .kernel = lm_window_item(&settings->kernel, i),
                            .stride = lm_window_item(&settings->stride, i),
                            .dilation = lm_window_item(&settings->dilation, i)};
    LAMINA_TRY(lm_window_borders(call, &settings->padding, axes, i, &w->before, &w->after));
    LAMINA_TRY(infer_axis(call, settings, axes == 1 ? "length" : names[i], w));
  }
  return LAMINA_OK;
}

/* Whether all of a window lies outside: that at output 0, the last one, or one that begins before
 * the input and, with gaps wider than the input, steps over it. */
static bool misses(const struct lm_window *w)
{
  int64_t reach = w->dilation * (w->kernel - 1);
  if (w->before > reach || (w->out - 1) * w->stride - w->before >= w->in) {
    return true;
  }
  if (w->dilation <= w->in) {
    return false;
  }
  for (int64_t o = 0; o < w->out && o * w->stride < w->before; o++) {
    int64_t short_of = w->before - o * w->stride; /* positions until the input begins */
    int64_t first = (short_of + w->dilation - 1) / w->dilation * w->dilation - short_of;
    if (first >= w->in) {
      return true;
    }
  }
  return false;
}

int32_t lm_windows_expect_inside(struct lamina_call *call, const struct lm_window *windows,
                                 uint32_t axes)
{
  for (uint32_t i = 0; i < axes; i++) {
    const struct lm_window *w = &windows[i];
    if (misses(w)) {
      return lamina_failf(call, LAMINA_E_SHAPE,
                          "a window that reaches over %lld, padded by %lld and %lld, would miss an "
                          "input of %lld as a whole",
                          (long long)(w->dilation * (w->kernel - 1) + 1), (long long)w->before,
                          (long long)w->after, (long long)w->in);
    }
  }
  return LAMINA_OK;
}

void lm_window_whole(const struct lm_window *w, int64_t *first, int64_t *last)
{
  int64_t room = w->in - 1 - w->dilation * (w->kernel - 1) + w->before;
  int64_t begin = w->before <= 0 ? 0 : (w->before + w->stride - 1) / w->stride;
  int64_t end = room < 0 ? 0 : room / w->stride + 1;
  *first = begin < w->out ? begin : w->out;
  *last = end < w->out ? end : w->out;
  *last = *last > *first ? *last : *first;
}

int64_t lm_window_channels(const struct lamina_type *x, uint32_t axes)
{
  return x->rank == axes + 2 ? x->dims[axes + 1] : 1;
}

int32_t lm_windows_note(struct lamina_plan *plan, const struct lm_window *windows, uint32_t axes)
{
  char text[200] = "";
  size_t at = 0;
  for (uint32_t i = 0; i < axes && at < sizeof text; i++) {
    const struct lm_window *w = &windows[i];
    int64_t reach = w->dilation * (w->kernel - 1) + 1, padding = w->before + w->after;
    bool up = w->out > (w->in + padding - reach) / w->stride + 1;
    at += (size_t)snprintf(text + at, sizeof text - at,
                           "%s%s((%lld + %lld - %lld) / %lld) + 1 = %lld", i == 0 ? "" : ", ",
                           up ? "ceil" : "floor", (long long)w->in, (long long)padding,
                           (long long)reach, (long long)w->stride, (long long)w->out);
  }
  return lamina_notef(plan, LAMINA_NOTE_SHAPE, "%s", text);
}
