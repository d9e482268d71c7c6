/*
 * Normal numbers by the inverse of their distribution function: one uniform number makes one
 * normal number, and the grid needs the inverse anyway.
 *
 * The inverse starts from the rational approximation of Abramowitz and Stegun, "Handbook of
 * Mathematical Functions", 26.2.22 (within 3e-3), and is refined by Halley's method on
 * erfc(), whose error shrinks with the third power: three steps leave rounding alone.
 */
#include "analysis/codes.h"

#include <math.h>
#include <string.h>

#include "base/rng.h"

enum { HALLEY_STEPS = 3, WORDS_AT_ONCE = 256 };

/* p of at most 1/2: the lower half, where erfc() keeps its precision. */
static double lower_quantile(double p)
{
  const double root_half = 0.70710678118654752440, root_two_pi = 2.50662827463100050242;
  double t = sqrt(-2.0 * log(p));
  double x = (2.30753 + 0.27061 * t) / (1.0 + t * (0.99229 + 0.04481 * t)) - t;
  for (int i = 0; i < HALLEY_STEPS; i++) {
    double error = 0.5 * erfc(-x * root_half) - p;
    double step = error * root_two_pi * exp(0.5 * x * x);
    x -= step / (1.0 + 0.5 * x * step);
  }
  return x;
}

double lm_normal_quantile(double p)
{
  return p <= 0.5 ? lower_quantile(p) : -lower_quantile(1.0 - p);
}

void lm_codes_draw(uint64_t seed, int64_t count, int64_t width, float *out)
{
  struct lm_stream stream = lm_stream_make(seed, "sample");
  uint32_t words[WORDS_AT_ONCE];
  int64_t total = count * width;
  for (int64_t first = 0; first < total; first += WORDS_AT_ONCE) {
    int64_t n = total - first < WORDS_AT_ONCE ? total - first : WORDS_AT_ONCE;
    lm_stream_fill(&stream, 0, 0, (uint64_t)first, (uint64_t)n, words);
    for (int64_t i = 0; i < n; i++) {
      out[first + i] = (float)lm_normal_quantile(((double)words[i] + 0.5) * 0x1p-32);
    }
  }
}

void lm_codes_grid(int64_t side, struct lm_plane plane, int64_t width, float *out)
{
  memset(out, 0, (size_t)(side * side * width) * sizeof *out);
  for (int64_t row = 0; row < side; row++) {
    for (int64_t column = 0; column < side; column++) {
      float *code = out + (row * side + column) * width;
      double size = (double)side;
      code[plane.across] = (float)lm_normal_quantile(((double)column + 0.5) / size);
      code[plane.up] = (float)lm_normal_quantile(((double)(side - 1 - row) + 0.5) / size);
    }
  }
}

void lm_codes_line(const float *from, const float *to, int64_t count, int64_t width, float *out)
{
  for (int64_t i = 0; i < count; i++) {
    float share = count == 1 ? 0.0f : (float)i / (float)(count - 1);
    for (int64_t k = 0; k < width; k++) {
      out[i * width + k] = (1.0f - share) * from[k] + share * to[k];
    }
  }
}
