/*
 * Gradients against differences.
 *
 * F = sum of c_j y_j over all outputs, with c the gradients of the outputs, summed as doubles.
 * Its derivative along one element is approximated by the fourth-order central difference
 *
 *   (8 (F(h) - F(-h)) - (F(2h) - F(-2h))) / 12h  =  F' - h^4 / 30 F''''' + ...
 *
 * Step: outputs are float32 with a relative error of about e = 2^-24 times a few, so the quotient
 * is wrong by up to 18/12 e / h for each output that changes, and by h^4 / 30 times the fifth
 * derivative. Both are alike near h = (e)^(1/5) = 2^-4.5 for functions whose fifth derivative is
 * about 1; h = 2^-5, and inputs are multiples of 2^-10, so that x - 2h ... x + 2h are exact.
 *
 * Tolerance: the sum of the two bounds, each |c_j| at its place; outputs below 1 count as 1,
 * since their rounding error comes from terms of that size. Backward's own rounding is h times
 * smaller than what is allowed for the quotient.
 *
 * Small tensors are checked element by element, large ones at a sample of elements with the first
 * and the last, and every tensor along one random direction of -1 and 1, where an error in any
 * part shows.
 */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "tests/support/layer_checklist.h"

enum { ALL = 48, SAMPLE = 24, TRAINING = LAMINA_MODE_TRAIN | LAMINA_MODE_KEEP, AT_STEP = 3 };

/** A tensor that is moved, and what the outputs do meanwhile. */
struct slope {
  const struct ls_layer *layer;
  struct lm_probe *probe;
  uint32_t role, index;
  float *values, *start;
  double *quotients; /* of all outputs, one after the other */
  double h;
};

static int64_t output_count(const struct lm_probe *probe)
{
  int64_t count = 0;
  for (uint32_t i = 0; i < probe->count[LAMINA_OUT]; i++) {
    count += lm_probe_count(probe, LAMINA_OUT, i);
  }
  return count;
}

static void add_outputs(struct slope *slope, double factor)
{
  int64_t at = 0;
  ls_forward(slope->probe, TRAINING, AT_STEP);
  for (uint32_t i = 0; i < slope->probe->count[LAMINA_OUT]; i++) {
    const float *y = lm_probe_value(slope->probe, LAMINA_OUT, i);
    for (int64_t j = 0; j < lm_probe_count(slope->probe, LAMINA_OUT, i); j++) {
      slope->quotients[at++] += factor * (double)y[j];
    }
  }
}

/* The quotient of F along a direction (NULL: along element `only`), and its error bound. */
static double difference(struct slope *slope, const float *direction, int64_t only,
                         double *tolerance)
{
  static const struct {
    double steps, factor;
  } stencil[] = {{1, 8}, {-1, -8}, {2, -1}, {-2, 1}};
  struct lm_probe *probe = slope->probe;
  int64_t n = lm_probe_count(probe, slope->role, slope->index), at = 0;
  memset(slope->quotients, 0, (size_t)output_count(probe) * sizeof *slope->quotients);
  for (int s = 0; s < 4; s++) {
    for (int64_t i = 0; i < n; i++) {
      double way = direction != NULL ? (double)direction[i] : i == only;
      slope->values[i] = (float)((double)slope->start[i] + stencil[s].steps * slope->h * way);
    }
    add_outputs(slope, stencil[s].factor / (12.0 * slope->h));
  }
  memcpy(slope->values, slope->start, (size_t)n * sizeof *slope->values);
  const struct ls_layer *layer = slope->layer;
  double rounding = (layer->rounding > 0.0 ? layer->rounding : 4.0) * ldexp(1.0, -24);
  double fifth = layer->fifth * (direction == NULL ? 1.0 : 32.0);
  double total = 0.0;
  bool single = output_count(probe) == 1; /* it depends on everything */
  *tolerance = 0.0;
  for (uint32_t i = 0; i < probe->count[LAMINA_OUT]; i++) {
    const float *c = lm_probe_gradient(probe, LAMINA_OUT, i),
                *y = lm_probe_value(probe, LAMINA_OUT, i);
    for (int64_t j = 0; j < lm_probe_count(probe, LAMINA_OUT, i); j++, at++) {
      double size = fabs((double)y[j]) > 1.0 ? fabs((double)y[j]) : 1.0;
      double bound = 1.5 * rounding * size / slope->h + fifth * pow(slope->h, 4.0) / 30.0;
      total += (double)c[j] * slope->quotients[at];
      *tolerance += slope->quotients[at] == 0.0 && !single ? 0.0 : fabs((double)c[j]) * bound;
    }
  }
  return total;
}

static bool near_kink(const struct slope *slope, int64_t i)
{
  return slope->layer->has_kink && slope->role == LAMINA_IN &&
         fabs((double)slope->start[i] - slope->layer->kink) <= 2.0 * slope->h;
}

static void check_element(struct slope *slope, const float *gradient, int64_t i)
{
  double tolerance = 0.0;
  if (near_kink(slope, i)) {
    return;
  }
  double expected = difference(slope, NULL, i, &tolerance);
  cr_assert(fabs((double)gradient[i] - expected) <= tolerance,
            "%s: the gradient of element %lld of tensor %u of role %u is %.9g, differences say "
            "%.9g (+- %.2g)",
            slope->probe->label, (long long)i, slope->index, slope->role, (double)gradient[i],
            expected, tolerance);
}

static void check_direction(struct slope *slope, const float *gradient, uint64_t seed)
{
  int64_t n = lm_probe_count(slope->probe, slope->role, slope->index);
  float *direction = lm_alloc((size_t)n, sizeof *direction);
  cr_assert_not_null(direction);
  double found = 0.0, tolerance = 0.0;
  for (int64_t i = 0; i < n; i++) {
    direction[i] = near_kink(slope, i) ? 0.0f : lm_draw(&seed, 2) == 0 ? 1.0f : -1.0f;
    found += (double)direction[i] * (double)gradient[i];
  }
  double expected = difference(slope, direction, 0, &tolerance);
  lm_free(direction);
  cr_assert(fabs(found - expected) <= tolerance,
            "%s: the gradients of tensor %u of role %u are %.9g along a direction, differences "
            "say %.9g (+- %.2g)",
            slope->probe->label, slope->index, slope->role, found, expected, tolerance);
}

static void check_tensor(struct slope *slope, uint64_t seed)
{
  struct lm_probe *probe = slope->probe;
  int64_t n = lm_probe_count(probe, slope->role, slope->index);
  size_t bytes = (size_t)n * sizeof(float);
  float *gradient = lm_alloc((size_t)n, sizeof(float));
  slope->start = lm_alloc((size_t)n, sizeof(float));
  cr_assert(gradient != NULL && slope->start != NULL);
  slope->values = lm_probe_value(probe, slope->role, slope->index);
  memcpy(gradient, lm_probe_gradient(probe, slope->role, slope->index), bytes);
  memcpy(slope->start, slope->values, bytes);
  for (int64_t i = 0; i < (n <= ALL ? n : SAMPLE); i++) {
    int64_t random = (int64_t)lm_draw(&seed, (uint64_t)n);
    check_element(slope, gradient, n <= ALL ? i : i == 0 ? 0 : i == 1 ? n - 1 : random);
  }
  check_direction(slope, gradient, seed);
  lm_free(gradient);
  lm_free(slope->start);
}

void ls_check_gradients(const struct ls_layer *layer, struct lm_probe *probe, uint64_t seed)
{
  struct slope slope = {.layer = layer, .probe = probe};
  slope.h = layer->step > 0.0 ? layer->step : ldexp(1.0, -5);
  slope.quotients = lm_alloc((size_t)output_count(probe) + 1, sizeof *slope.quotients);
  cr_assert_not_null(slope.quotients);
  ls_layer_fill(layer, probe, seed);
  ls_forward(probe, TRAINING, AT_STEP);
  ls_backward(probe, TRAINING, AT_STEP);
  for (slope.role = LAMINA_IN; slope.role <= LAMINA_WEIGHT; slope.role++) {
    for (slope.index = 0; slope.index < probe->count[slope.role]; slope.index++) {
      if (ls_has_gradient(layer, probe, slope.role, slope.index) &&
          lm_probe_count(probe, slope.role, slope.index) > 0) {
        check_tensor(&slope, seed);
      }
    }
  }
  lm_free(slope.quotients);
}
