/*
 * Shapes are drawn from a fixed sequence. The rounding error of a sum of n products is at most
 * n 2^-24 times the sum of their sizes, whatever the order; a bias is one more term.
 */
#include "tests/support/direct_sums.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "base/memory.h"

enum { TRAINING = LAMINA_MODE_TRAIN | LAMINA_MODE_KEEP, WEIGHT = 0, BIAS = 1 };

static int64_t counts(const struct ls_convolution *v, int tensor)
{
  const struct ls_axis *h = &v->axes[0], *w = &v->axes[1];
  if (tensor == LS_WEIGHTS) {
    return h->kernel * w->kernel * (v->c / v->groups) * v->k;
  }
  return tensor == LS_IMAGE ? v->n * h->image * w->image * v->c : v->n * h->out * w->out * v->k;
}

/* Where window position i of result o is in the image; -1 outside. */
static int64_t place(const struct ls_axis *axis, bool circular, int64_t o, int64_t i)
{
  int64_t at = o * axis->stride - axis->before + i * axis->dilation;
  if (circular) {
    return ((at % axis->image) + axis->image) % axis->image;
  }
  return at < axis->image ? at : -1;
}

static void add_term(const float *const tensors[3], const int64_t at[3], struct ls_sums sums[3])
{
  for (int i = 0; i < 3; i++) {
    int a = (i + 1) % 3, b = (i + 2) % 3;
    double term = (double)tensors[a][at[a]] * (double)tensors[b][at[b]];
    sums[i].values[at[i]] += term;
    sums[i].sizes[at[i]] += fabs(term);
  }
}

/* All channels of window position (i, j) at one pixel of the result. */
static void add_position(const struct ls_convolution *v, const float *const tensors[3],
                         int64_t pixel, int64_t window, struct ls_sums sums[3])
{
  const struct ls_axis *h = &v->axes[0], *w = &v->axes[1];
  int64_t row = place(h, v->circular, pixel / w->out % h->out, window / w->kernel);
  int64_t column = place(w, v->circular, pixel % w->out, window % w->kernel);
  int64_t from = ((pixel / (h->out * w->out) * h->image + row) * w->image + column) * v->c;
  int64_t c = v->c / v->groups, k = v->k / v->groups;
  if (row < 0 || column < 0) {
    return;
  }
  for (int64_t i = 0; i < c; i++) {
    for (int64_t o = 0; o < v->k; o++) {
      const int64_t at[3] = {from + o / k * c + i, (window * c + i) * v->k + o, pixel * v->k + o};
      add_term(tensors, at, sums);
    }
  }
}

void ls_direct_sums(const struct ls_convolution *v, const float *const tensors[3],
                    struct ls_sums sums[3])
{
  for (int i = 0; i < 3; i++) {
    sums[i].count = counts(v, i);
    sums[i].values = lm_alloc((size_t)sums[i].count + 1, sizeof(double));
    sums[i].sizes = lm_alloc((size_t)sums[i].count + 1, sizeof(double));
    cr_assert(sums[i].values != NULL && sums[i].sizes != NULL);
    memset(sums[i].values, 0, (size_t)sums[i].count * sizeof(double));
    memset(sums[i].sizes, 0, (size_t)sums[i].count * sizeof(double));
  }
  int64_t pixels = v->n * v->axes[0].out * v->axes[1].out;
  for (int64_t pixel = 0; pixel < pixels; pixel++) {
    for (int64_t window = 0; window < v->axes[0].kernel * v->axes[1].kernel; window++) {
      add_position(v, tensors, pixel, window, sums);
    }
  }
}

void ls_release_sums(struct ls_sums sums[3])
{
  for (int i = 0; i < 3; i++) {
    lm_free(sums[i].values);
    lm_free(sums[i].sizes);
  }
}

/* ---- random shapes ---- */

static void draw_axis(uint64_t *seed, bool transposed, struct ls_axis *axis)
{
  static const int64_t sizes[] = {1, 2, 3, 5, 7, 11, 13};
  do {
    int64_t size = sizes[lm_draw(seed, 7)];
    *axis = (struct ls_axis){.kernel = 1 + (int64_t)lm_draw(seed, 5),
                             .stride = 1 + (int64_t)lm_draw(seed, lm_draw(seed, 2) ? 7 : 2),
                             .dilation = 1 + (int64_t)lm_draw(seed, lm_draw(seed, 2) ? 3 : 1),
                             .before = (int64_t)lm_draw(seed, 4),
                             .after = (int64_t)lm_draw(seed, 4)};
    int64_t reach = axis->dilation * (axis->kernel - 1) + 1;
    axis->more = (int64_t)lm_draw(seed, (uint64_t)axis->stride);
    axis->image = size;
    axis->out = (size + axis->before + axis->after - reach) / axis->stride + 1;
    if (transposed) {
      axis->out = size;
      axis->image = (size - 1) * axis->stride + reach - axis->before - axis->after + axis->more;
    }
    if (size + axis->before + axis->after < reach && !transposed) {
      axis->out = 0;
    }
  } while (axis->out < 1 || axis->image < 1);
}

static struct ls_convolution draw(uint64_t *seed, int axes, bool transposed)
{
  struct ls_convolution v = {.groups = (int64_t[]){1, 1, 2, 3}[lm_draw(seed, 4)],
                             .n = (int64_t)lm_draw(seed, 4)};
  v.c = v.groups * (int64_t[]){1, 1, 2, 5, 17}[lm_draw(seed, 5)];
  v.k = v.groups * (int64_t[]){1, 2, 3, 7, 19}[lm_draw(seed, 5)];
  if (lm_draw(seed, 4) == 0) { /* depthwise */
    v.groups = v.c = v.k = (int64_t[]){1, 4, 7, 16, 20, 33, 50}[lm_draw(seed, 7)];
  }
  v.circular = !transposed && lm_draw(seed, 4) == 0;
  v.axes[0] = (struct ls_axis){.image = 1, .out = 1, .kernel = 1, .stride = 1, .dilation = 1};
  for (int i = 2 - axes; i < 2; i++) {
    draw_axis(seed, transposed, &v.axes[i]);
  }
  return v;
}

#define LIST(text, size, v, axes, field)                                                    \
  (void)snprintf(text + strlen(text), size - strlen(text), axes == 2 ? "[%d, %d]" : "[%d]", \
                 (int)(v)->axes[2 - axes].field, (int)(v)->axes[1].field)

static void write_settings(const struct ls_convolution *v, int axes, bool transposed, char *text,
                           size_t size)
{
  const struct ls_axis *h = &v->axes[0], *w = &v->axes[1];
  (void)snprintf(text, size, "{filters: %d, groups: %d, %s, padding: [",
                 (int)(transposed ? v->c : v->k), (int)v->groups,
                 v->circular ? "border: circular" : "bias: true");
  if (axes == 2) {
    (void)snprintf(text + strlen(text), size - strlen(text), "%d, %d, ", (int)h->before,
                   (int)h->after);
  }
  (void)snprintf(text + strlen(text), size - strlen(text), "%d, %d], kernel: ", (int)w->before,
                 (int)w->after);
  LIST(text, size, v, axes, kernel);
  strcat(text, ", stride: ");
  LIST(text, size, v, axes, stride);
  strcat(text, ", dilation: ");
  LIST(text, size, v, axes, dilation);
  if (transposed) {
    strcat(text, ", output_padding: ");
    LIST(text, size, v, axes, more);
  }
  strcat(text, "}");
}

static void expect(const struct lm_probe *probe, const char *what, const float *found,
                   const struct ls_sums *sums, double terms)
{
  for (int64_t i = 0; i < sums->count; i++) {
    double bound = ldexp((terms + 1.0) * sums->sizes[i], -24);
    cr_assert(fabs((double)found[i] - sums->values[i]) <= bound,
              "%s: %s[%lld] is %.9g, not %.9g (+- %.2g)", probe->label, what, (long long)i,
              (double)found[i], sums->values[i], bound);
  }
}

/* Adds the bias to the sums of y, and compares its gradient with the sums of dy. */
static void finish_bias(struct lm_probe *probe, struct ls_sums *y, int64_t k)
{
  const float *bias = lm_probe_value(probe, LAMINA_WEIGHT, BIAS),
              *dy = lm_probe_gradient(probe, LAMINA_OUT, 0);
  const float *db = lm_probe_gradient(probe, LAMINA_WEIGHT, BIAS);
  for (int64_t channel = 0; channel < k; channel++) {
    double sum = 0.0, size = 0.0;
    for (int64_t i = channel; i < y->count; i += k) {
      y->values[i] += (double)bias[channel];
      y->sizes[i] += fabs((double)bias[channel]);
      sum += (double)dy[i];
      size += fabs((double)dy[i]);
    }
    cr_assert(fabs((double)db[channel] - sum) <= ldexp((double)(y->count / k + 1) * size, -24),
              "%s: db[%lld] is %.9g, not %.9g", probe->label, (long long)channel,
              (double)db[channel], sum);
  }
}

static void check(const char *layer, const struct ls_convolution *v, int axes, bool transposed)
{
  char settings[300], shapes[80];
  const struct ls_axis *h = &v->axes[0], *w = &v->axes[1];
  write_settings(v, axes, transposed, settings, sizeof settings);
  (void)snprintf(shapes, sizeof shapes, "%dx", (int)v->n);
  if (axes == 2) {
    (void)snprintf(shapes + strlen(shapes), sizeof shapes - strlen(shapes), "%dx",
                   (int)(transposed ? h->out : h->image));
  }
  (void)snprintf(shapes + strlen(shapes), sizeof shapes - strlen(shapes), "%dx%d",
                 (int)(transposed ? w->out : w->image), (int)(transposed ? v->k : v->c));
  struct lm_probe *probe = ls_open("layer", layer, settings, shapes, 2);
  struct ls_sums sums[3];
  lm_probe_fill(probe, 5);
  ls_forward(probe, TRAINING, 0);
  ls_backward(probe, TRAINING, 0);
  const float *x = lm_probe_value(probe, LAMINA_IN, 0),
              *dy = lm_probe_gradient(probe, LAMINA_OUT, 0);
  int in = transposed ? LS_RESULT : LS_IMAGE, out = transposed ? LS_IMAGE : LS_RESULT;
  const float *tensors[3] = {transposed ? dy : x, lm_probe_value(probe, LAMINA_WEIGHT, WEIGHT),
                             transposed ? x : dy};
  ls_direct_sums(v, tensors, sums);
  cr_assert_eq(lm_probe_count(probe, LAMINA_OUT, 0), sums[out].count, "%s", probe->label);
  double window = (double)(h->kernel * w->kernel);
  finish_bias(probe, &sums[out], transposed ? v->c : v->k);
  expect(probe, "y", lm_probe_value(probe, LAMINA_OUT, 0), &sums[out],
         window * (double)(v->c + v->k));
  expect(probe, "dx", lm_probe_gradient(probe, LAMINA_IN, 0), &sums[in],
         window * (double)(v->c + v->k));
  expect(probe, "dW", lm_probe_gradient(probe, LAMINA_WEIGHT, WEIGHT), &sums[LS_WEIGHTS],
         (double)(v->n * h->out * w->out));
  ls_release_sums(sums);
  lm_probe_close(probe);
}

void ls_check_convolutions(const char *layer, int axes, int count)
{
  bool transposed = strcmp(layer, "conv_transpose2d") == 0;
  uint64_t seed = 41;
  for (int i = 0; i < count; i++) {
    struct ls_convolution v = draw(&seed, axes, transposed);
    check(layer, &v, axes, transposed);
  }
}
