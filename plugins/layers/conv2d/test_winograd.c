/*
 * Windows of 3 x 3 over many channels are computed by Winograd's algorithm, whose rounding is
 * worse than that of the sum: how much is shown here against sums in double precision.
 */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "tests/support/layer_probe.h"

enum { WEIGHT = 0, BIAS = 1, TRAINING = LAMINA_MODE_TRAIN | LAMINA_MODE_KEEP };

/* A convolution by 3 x 3 windows with padding. */
struct shape {
  int64_t n, h, w, c, k, padding;
};

struct sum {
  double value, size; /* and the sum of the sizes of its terms */
};

static void add(struct sum *sum, float a, float b)
{
  sum->value += (double)a * (double)b;
  sum->size += fabs((double)a * (double)b);
}

/*
 * The error of a sum of products computed directly is at most terms * 2^-24 times the sum of
 * their sizes; here the terms are 144 to 4480. Winograd's is to stay below a 100 times 2^-24 of
 * it: a little less than 40 is the worst of the shapes below.
 */
static void expect(const char *what, float found, const struct sum *sum)
{
  double bound = ldexp(100.0 * sum->size, -24);
  cr_assert(fabs((double)found - sum->value) <= bound, "%s is %.9g, not %.9g (+- %.2g)", what,
            (double)found, sum->value, bound);
}

static struct sum output(const struct shape *s, const float *x, const float *w, const float *bias,
                         const int64_t at[4])
{
  struct sum sum = {(double)bias[at[3]], fabs((double)bias[at[3]])};
  for (int64_t i = 0; i < 3; i++) {
    for (int64_t j = 0; j < 3; j++) {
      int64_t row = at[1] + i - s->padding, column = at[2] + j - s->padding;
      for (int64_t c = 0; c < s->c && row >= 0 && row < s->h && column >= 0 && column < s->w; c++) {
        add(&sum, x[((at[0] * s->h + row) * s->w + column) * s->c + c],
            w[((i * 3 + j) * s->c + c) * s->k + at[3]]);
      }
    }
  }
  return sum;
}

static struct sum input_gradient(const struct shape *s, const float *dy, const float *w,
                                 const int64_t at[4])
{
  int64_t oh = s->h + 2 * s->padding - 2, ow = s->w + 2 * s->padding - 2;
  struct sum sum = {0};
  for (int64_t i = 0; i < 3; i++) {
    for (int64_t j = 0; j < 3; j++) {
      int64_t row = at[1] - i + s->padding, column = at[2] - j + s->padding;
      for (int64_t k = 0; k < s->k && row >= 0 && row < oh && column >= 0 && column < ow; k++) {
        add(&sum, dy[((at[0] * oh + row) * ow + column) * s->k + k],
            w[((i * 3 + j) * s->c + at[3]) * s->k + k]);
      }
    }
  }
  return sum;
}

/* at: row and column of the window, channel, filter. */
static struct sum weight_gradient(const struct shape *s, const float *x, const float *dy,
                                  const int64_t at[4])
{
  int64_t oh = s->h + 2 * s->padding - 2, ow = s->w + 2 * s->padding - 2;
  struct sum sum = {0};
  for (int64_t pixel = 0; pixel < s->n * oh * ow; pixel++) {
    int64_t row = pixel / ow % oh + at[0] - s->padding, column = pixel % ow + at[1] - s->padding;
    if (row >= 0 && row < s->h && column >= 0 && column < s->w) {
      add(&sum, x[((pixel / (oh * ow) * s->h + row) * s->w + column) * s->c + at[2]],
          dy[pixel * s->k + at[3]]);
    }
  }
  return sum;
}

/* Calls check for some elements of a tensor of this shape, the corners among them. */
static void place(int64_t number, const int64_t dims[4], int64_t at[4])
{
  for (int i = 0; i < 4; i++) {
    at[i] = number < 16 ? ((number >> i) & 1) * (dims[i] - 1) : number * (7919 + 13 * i) % dims[i];
  }
}

static int64_t offset(const int64_t dims[4], const int64_t at[4])
{
  return ((at[0] * dims[1] + at[1]) * dims[2] + at[2]) * dims[3] + at[3];
}

static void check(const struct shape *s, uint32_t threads)
{
  char settings[80], shapes[80];
  (void)snprintf(settings, sizeof settings, "{filters: %lld, padding: %lld}", (long long)s->k,
                 (long long)s->padding);
  (void)snprintf(shapes, sizeof shapes, "%lldx%lldx%lldx%lld", (long long)s->n, (long long)s->h,
                 (long long)s->w, (long long)s->c);
  struct lm_probe *probe = ls_open("layer", "conv2d", settings, shapes, threads);
  lm_probe_fill(probe, 3);
  ls_forward(probe, TRAINING, 0);
  ls_backward(probe, TRAINING, 0);
  const float *x = lm_probe_value(probe, LAMINA_IN, 0),
              *w = lm_probe_value(probe, LAMINA_WEIGHT, WEIGHT);
  const float *bias = lm_probe_value(probe, LAMINA_WEIGHT, BIAS);
  const float *dy = lm_probe_gradient(probe, LAMINA_OUT, 0);
  const int64_t in[4] = {s->n, s->h, s->w, s->c};
  const int64_t out[4] = {s->n, s->h + 2 * s->padding - 2, s->w + 2 * s->padding - 2, s->k};
  const int64_t window[4] = {3, 3, s->c, s->k};
  for (int64_t number = 0; number < 300; number++) {
    int64_t at[4];
    place(number, out, at);
    struct sum sum = output(s, x, w, bias, at);
    expect("y", lm_probe_value(probe, LAMINA_OUT, 0)[offset(out, at)], &sum);
    place(number, in, at);
    sum = input_gradient(s, dy, w, at);
    expect("dx", lm_probe_gradient(probe, LAMINA_IN, 0)[offset(in, at)], &sum);
    place(number, window, at);
    sum = weight_gradient(s, x, dy, at);
    expect("dW", lm_probe_gradient(probe, LAMINA_WEIGHT, WEIGHT)[offset(window, at)], &sum);
  }
  lm_probe_close(probe);
}

Test(winograd, stays_within_its_bound)
{
  static const struct shape shapes[] = {
      {2, 16, 16, 32, 32, 1}, {3, 9, 14, 33, 47, 1}, {1, 12, 12, 64, 32, 0}, {5, 8, 8, 40, 96, 1},
      {1, 34, 7, 35, 32, 2},  {70, 8, 8, 32, 33, 1}, {2, 12, 12, 16, 20, 1}, {2, 13, 11, 23, 18, 1},
  };
  for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
    check(&shapes[i], 1 + (uint32_t)(i % 3));
  }
}
