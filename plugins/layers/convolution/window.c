/*
 * The arithmetic of windows: out = floor((in + before + after - dilation (kernel - 1) - 1) /
 * stride) + 1, from Dumoulin, Visin: "A guide to convolution arithmetic for deep learning",
 * 2016. Sums of 64 bits do not overflow, since every number is below 2^31.
 */
#include "window.h"

enum { MOST = 2147483647 };

static int64_t item(const struct lamina_i64s *list, uint32_t axis)
{
  return list->items[list->count == 1 ? 0 : axis];
}

static int32_t check_count(struct lamina_call *call, const struct lamina_i64s *list,
                           const char *name, uint32_t axes)
{
  if (list->count == 1 || list->count == (int64_t)axes) {
    return LAMINA_OK;
  }
  return lamina_failf(call, LAMINA_E_INVALID, "%s has %lld numbers, expected one%s", name,
                      (long long)list->count,
                      axes == 2 ? ", or one for height and one for width" : "");
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

int32_t lm_windows_infer(struct lamina_call *call, const struct lm_window_settings *settings,
                         const struct lamina_type *x, uint32_t axes, struct lm_window *windows)
{
  static const char *const names[] = {"height", "width"};
  char text[LAMINA_SHAPE_TEXT];
  if (x->rank != axes + 1 && x->rank != axes + 2) {
    return lamina_failf(call, LAMINA_E_SHAPE, "the input is %s, and must be %s",
                        lamina_shape_text(x, text),
                        axes == 2 ? "[N, H, W, C] or [N, H, W]" : "[N, T, C] or [N, T]");
  }
  LAMINA_TRY(check_count(call, &settings->kernel, "kernel", axes));
  LAMINA_TRY(check_count(call, &settings->stride, "stride", axes));
  LAMINA_TRY(check_count(call, &settings->padding, "padding", axes));
  LAMINA_TRY(check_count(call, &settings->dilation, "dilation", axes));
  for (uint32_t i = 0; i < axes; i++) {
    windows[i] = (struct lm_window){.in = x->dims[1 + i],
                                    .kernel = item(&settings->kernel, i),
                                    .stride = item(&settings->stride, i),
                                    .dilation = item(&settings->dilation, i),
                                    .before = item(&settings->padding, i),
                                    .after = item(&settings->padding, i)};
    LAMINA_TRY(infer_axis(call, settings, axes == 1 ? "length" : names[i], &windows[i]));
  }
  return LAMINA_OK;
}

/* A window at output 0 or at the last one lies outside first, if any does. */
int32_t lm_windows_expect_inside(struct lamina_call *call, const struct lm_window *windows,
                                 uint32_t axes)
{
  for (uint32_t i = 0; i < axes; i++) {
    const struct lm_window *w = &windows[i];
    int64_t reach = w->dilation * (w->kernel - 1);
    int64_t last = (w->out - 1) * w->stride - w->before;
    bool steps_over =
        w->dilation > 1 && (w->before > 0 || last + reach >= w->in) && w->dilation > w->in;
    if (w->before > reach || last >= w->in || steps_over) {
      return lamina_failf(call, LAMINA_E_SHAPE,
                          "a window of %lld padded by %lld would not touch an input of %lld at all",
                          (long long)(reach + 1), (long long)w->before, (long long)w->in);
    }
  }
  return LAMINA_OK;
}

int64_t lm_window_channels(const struct lamina_type *x, uint32_t axes)
{
  return x->rank == axes + 2 ? x->dims[axes + 1] : 1;
}

int32_t lm_windows_note(struct lamina_plan *plan, const struct lm_window *windows, uint32_t axes)
{
  char text[160] = "";
  size_t at = 0;
  for (uint32_t i = 0; i < axes && at < sizeof text; i++) {
    const struct lm_window *w = &windows[i];
    at += (size_t)snprintf(
        text + at, sizeof text - at, "%sfloor((%lld + %lld - %lld) / %lld) + 1 = %lld",
        i == 0 ? "" : ", ", (long long)w->in, (long long)(w->before + w->after),
        (long long)(w->dilation * (w->kernel - 1) + 1), (long long)w->stride, (long long)w->out);
  }
  return lamina_notef(plan, LAMINA_NOTE_SHAPE, "%s", text);
}
