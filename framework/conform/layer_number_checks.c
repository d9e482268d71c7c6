/*
 * Layers and losses: gradients against differences, and what becomes of NaN.
 *
 * F = sum of c_j y_j over all outputs, with c the gradients of the outputs, summed as doubles.
 * Its derivative along a direction is approximated by the fourth-order central difference
 *
 *   D(h) = (8 (F(h) - F(-h)) - (F(2h) - F(-2h))) / 12h  =  F' - h^4 / 30 F''''' + ...
 *
 * and compared with backward's gradient along it. Nothing is known of the layer, so everything
 * is estimated from outputs at 0, +-h/2, +-h, +-2h:
 *
 * - Rounding: outputs are float32, with an error of a few 2^-24 of their size (of 1 when they
 *   are smaller, since terms of that size may have cancelled), which h divides.
 * - Curvature: D(h) - D(h/2) is 15/16 of the truncation error of D(h).
 * - Kinks, output by output. The difference of the slopes to the right and to the left is about
 *   h F'' where F is smooth: half of it at half the step. Where the slope jumps it stays, or is
 *   there at one step only. Such outputs are left out: their c_j becomes 0, and backward runs
 *   again with that. What is left must still agree.
 *
 * The step that fits depends on the layer, so a gradient is wrong only when it is at all of them.
 */
#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "conform/conform_internal.h"

enum {
  LAYERS = 1 << LAMINA_KIND_LAYER | 1 << LAMINA_KIND_LOSS,
  MOST_OUTPUTS = 8192,
  ELEMENTS = 24,
  DIRECTIONS = 2,
  POINTS = 7,
  NAN_ELEMENTS = 8
};

/** Offsets in steps; the middle one is 0. */
static const double offsets[POINTS] = {-2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 2.0};
enum { FAR_LEFT, LEFT, NEAR_LEFT, HERE, NEAR_RIGHT, RIGHT, FAR_RIGHT };

/** A tensor that is moved, and what the outputs do meanwhile. */
struct slope {
  struct lm_bout *bout;
  uint32_t role, index;
  int64_t n, n_out;
  float *values, *start; /* of the tensor: its memory, and where it stands */
  float *way;            /* the direction */
  float *weights;        /* c, of all outputs */
  double *y[POINTS];     /* of all outputs */
  double h;
};

/** Both sides of the comparison. */
struct verdict {
  double found, expected, tolerance;
  bool comparable;
};

/* ---- outputs ---- */

static int64_t count_outputs(const struct lm_probe *probe)
{
  int64_t count = 0;
  for (uint32_t i = 0; i < probe->count[LAMINA_OUT]; i++) {
    count += lm_probe_is_float(probe, LAMINA_OUT, i) ? lm_probe_count(probe, LAMINA_OUT, i) : 0;
  }
  return count;
}

/* Copies c from the probe, or to it without those outputs that are left out. */
static void move_weights(const struct slope *slope, bool to_probe, const bool *left_out)
{
  const struct lm_probe *probe = slope->bout->probe;
  int64_t at = 0;
  for (uint32_t i = 0; i < probe->count[LAMINA_OUT]; i++) {
    float *dy = lm_probe_gradient(probe, LAMINA_OUT, i);
    int64_t n = lm_probe_is_float(probe, LAMINA_OUT, i) ? lm_probe_count(probe, LAMINA_OUT, i) : 0;
    for (int64_t j = 0; j < n; j++, at++) {
      if (to_probe) {
        dy[j] = left_out != NULL && left_out[at] ? 0.0f : slope->weights[at];
      } else {
        slope->weights[at] = dy[j];
      }
    }
  }
}

static void reset_states(struct lm_probe *probe)
{
  for (uint32_t i = 0; i < probe->count[LAMINA_STATE]; i++) {
    lm_view_fill(&probe->tensors[LAMINA_STATE][i].view, probe->recording.states[i].value);
  }
}

static bool read_outputs(struct slope *slope, double *y)
{
  struct lm_probe *probe = slope->bout->probe;
  int64_t at = 0;
  reset_states(probe);
  if (lm_probe_forward(probe, LM_TRAINING, LM_STEP) != LAMINA_OK) {
    return false;
  }
  for (uint32_t i = 0; i < probe->count[LAMINA_OUT]; i++) {
    const float *out = lm_probe_value(probe, LAMINA_OUT, i);
    int64_t n = lm_probe_is_float(probe, LAMINA_OUT, i) ? lm_probe_count(probe, LAMINA_OUT, i) : 0;
    for (int64_t j = 0; j < n; j++) {
      y[at] = (double)out[j];
      if (!isfinite(y[at++])) {
        return false;
      }
    }
  }
  return true;
}

/* Outputs at all offsets along the direction; false when the plugin refuses one of them. */
static bool visit_points(struct slope *slope)
{
  bool good = true;
  for (int p = 0; p < POINTS && good; p++) {
    for (int64_t i = 0; i < slope->n; i++) {
      double there = (double)slope->start[i] + offsets[p] * slope->h * (double)slope->way[i];
      slope->values[i] = (float)there;
    }
    good = read_outputs(slope, slope->y[p]);
  }
  memcpy(slope->values, slope->start, (size_t)slope->n * sizeof *slope->values);
  return good;
}

/* ---- the comparison ---- */

/** What one output does along the direction. */
struct bend {
  double derivative, noise, error;
  bool moves, smooth;
};

static struct bend judge_output(const struct slope *slope, int64_t j)
{
  double *const *y = slope->y;
  double h = slope->h, size = 1.0;
  struct bend bend = {0};
  for (int p = 0; p < POINTS; p++) {
    size = fmax(size, fabs(y[p][j]));
    bend.moves = bend.moves || fabs(y[p][j] - y[HERE][j]) > 0.0;
  }
  double whole = (8.0 * (y[RIGHT][j] - y[LEFT][j]) - (y[FAR_RIGHT][j] - y[FAR_LEFT][j])) / (12 * h);
  double half = (8.0 * (y[NEAR_RIGHT][j] - y[NEAR_LEFT][j]) - (y[RIGHT][j] - y[LEFT][j])) / (6 * h);
  double jump = (y[RIGHT][j] - 2.0 * y[HERE][j] + y[LEFT][j]) / h;
  double near_jump = (y[NEAR_RIGHT][j] - 2.0 * y[HERE][j] + y[NEAR_LEFT][j]) / (0.5 * h);
  bend.noise = bend.moves ? 16.0 * ldexp(size, -24) / h : 0.0;
  bend.derivative = whole;
  bend.error = fabs(whole - half);
  double allowed = 4.0 * bend.noise + 2e-3 * (fabs(whole) + fabs(half));
  double bent = fabs(jump - 2.0 * near_jump);
  bend.smooth = bend.error <= allowed && bent <= allowed + 0.25 * fabs(jump);
  return bend;
}

/* Sums over the outputs, without those that are not smooth. */
static void sum_outputs(const struct slope *slope, bool *left_out, bool *any_left_out,
                        struct verdict *verdict)
{
  bool single = slope->n_out == 1; /* it depends on everything */
  *any_left_out = false;
  for (int64_t j = 0; j < slope->n_out; j++) {
    struct bend bend = judge_output(slope, j);
    double c = (double)slope->weights[j];
    left_out[j] = !bend.smooth;
    if (!bend.smooth) {
      *any_left_out = true;
      continue;
    }
    verdict->expected += c * bend.derivative;
    verdict->tolerance += fabs(c) * (bend.noise + 4.0 * bend.error);
    verdict->comparable = verdict->comparable || bend.moves || single || c > 0.0 || c < 0.0;
  }
}

/* The gradient along the direction, from backward; with some outputs left out it runs again. */
static bool gradient_along(struct slope *slope, const bool *left_out, struct verdict *verdict)
{
  struct lm_probe *probe = slope->bout->probe;
  bool ran = true;
  const float *gradient = lm_bits_gradient(probe, &slope->bout->step, slope->role, slope->index);
  if (left_out != NULL) {
    reset_states(probe);
    move_weights(slope, true, left_out);
    ran = lm_probe_forward(probe, LM_TRAINING, LM_STEP) == LAMINA_OK &&
          lm_probe_backward(probe, LM_TRAINING, LM_STEP) == LAMINA_OK;
    move_weights(slope, true, NULL);
    gradient = lm_probe_gradient(probe, slope->role, slope->index);
  }
  double sum = 0.0, size = 0.0;
  for (int64_t i = 0; ran && i < slope->n; i++) {
    sum += (double)slope->way[i] * (double)gradient[i];
    size += fabs((double)slope->way[i] * (double)gradient[i]);
  }
  verdict->found = sum;
  verdict->tolerance += 1e-5 * size;
  return ran;
}

/* Compares at one step size; true when it agrees, or cannot be compared. */
static bool compare_at(struct slope *slope, double h, bool *left_out, struct verdict *verdict)
{
  bool any_left_out = false;
  *verdict = (struct verdict){0};
  slope->h = h;
  if (!visit_points(slope)) {
    return true;
  }
  sum_outputs(slope, left_out, &any_left_out, verdict);
  if (!gradient_along(slope, any_left_out ? left_out : NULL, verdict)) {
    return true;
  }
  return !verdict->comparable || fabs(verdict->found - verdict->expected) <= verdict->tolerance;
}

/* what: "element 5", for the sentence. */
static bool compare_direction(struct slope *slope, bool *left_out, const char *what)
{
  static const double exponents[] = {-5, -2, -8};
  struct verdict verdict, first = {0};
  for (size_t i = 0; i < sizeof exponents / sizeof exponents[0]; i++) {
    if (compare_at(slope, ldexp(1.0, (int)exponents[i]), left_out, &verdict)) {
      return true;
    }
    first = i == 0 ? verdict : first;
  }
  lm_find(slope->bout->trial, "L05",
          "%s: %s of %s %u: the gradient is %.9g, differences say %.9g (+- %.1g)",
          slope->bout->probe->label, what, lm_role_name(slope->role), slope->index, first.found,
          first.expected, first.tolerance);
  return false;
}

/* ---- directions ---- */

static bool check_elements(struct slope *slope, bool *left_out, uint64_t *seed)
{
  int64_t count = slope->n < ELEMENTS ? slope->n : ELEMENTS;
  for (int64_t k = 0; k < count; k++) {
    int64_t random = (int64_t)lm_draw(seed, (uint64_t)slope->n);
    int64_t i = slope->n <= ELEMENTS ? k : k == 0 ? 0 : k == 1 ? slope->n - 1 : random;
    char *what = lm_format("element %lld", (long long)i);
    memset(slope->way, 0, (size_t)slope->n * sizeof *slope->way);
    slope->way[i] = 1.0f;
    bool same = what == NULL || compare_direction(slope, left_out, what);
    lm_free(what);
    if (!same) {
      return false;
    }
  }
  return true;
}

static void check_directions(struct slope *slope, bool *left_out, uint64_t *seed)
{
  for (int k = 0; k < DIRECTIONS; k++) {
    for (int64_t i = 0; i < slope->n; i++) {
      slope->way[i] = lm_draw(seed, 2) == 0 ? 1.0f : -1.0f;
    }
    if (!compare_direction(slope, left_out, "along a random direction, all elements")) {
      return;
    }
  }
}

static bool make_slope(struct slope *slope)
{
  size_t n = (size_t)slope->n, n_out = (size_t)slope->n_out;
  bool made = (slope->start = lm_alloc(n, sizeof(float))) != NULL &&
              (slope->way = lm_alloc(n, sizeof(float))) != NULL &&
              (slope->weights = lm_alloc(n_out + 1, sizeof(float))) != NULL;
  for (int p = 0; p < POINTS && made; p++) {
    made = (slope->y[p] = lm_alloc(n_out + 1, sizeof(double))) != NULL;
  }
  return made;
}

static void release_slope(struct slope *slope)
{
  for (int p = 0; p < POINTS; p++) {
    lm_free(slope->y[p]);
  }
  lm_free(slope->start);
  lm_free(slope->way);
  lm_free(slope->weights);
}

static void check_tensor(struct lm_bout *bout, uint32_t role, uint32_t index)
{
  struct lm_probe *probe = bout->probe;
  struct slope slope = {.bout = bout, .role = role, .index = index};
  uint64_t seed = bout->trial->seed;
  slope.n = lm_probe_count(probe, role, index);
  slope.n_out = count_outputs(probe);
  slope.values = lm_probe_value(probe, role, index);
  bool *left_out = lm_alloc((size_t)slope.n_out + 1, sizeof *left_out);
  if (slope.n > 0 && slope.n_out <= MOST_OUTPUTS && left_out != NULL && make_slope(&slope)) {
    lm_case_fill(bout->trial, bout->item, probe, 0);
    memcpy(slope.start, slope.values, (size_t)slope.n * sizeof(float));
    move_weights(&slope, false, NULL);
    if (check_elements(&slope, left_out, &seed)) {
      check_directions(&slope, left_out, &seed);
    }
  }
  release_slope(&slope);
  lm_free(left_out);
}

void lm_check_gradients(struct lm_bout *bout)
{
  for (uint32_t role = LAMINA_IN; role <= LAMINA_WEIGHT; role++) {
    for (uint32_t i = 0; i < bout->probe->count[role]; i++) {
      if (lm_case_has_gradient(bout->item, bout->probe, role, i)) {
        check_tensor(bout, role, i);
      }
    }
  }
}

static void check_gradients(struct lm_trial *trial)
{
  lm_each_case(trial, LM_CASE_FORWARD | LM_CASE_LARGE, "L18", lm_check_gradients);
}

/* ---- L15: NaN ---- */

/* Whether any output is NaN, or differs from the case's step. */
static bool output_shows(const struct lm_bout *bout, bool is_nan)
{
  const struct lm_probe *probe = bout->probe;
  const char *before = bout->step.bytes;
  for (uint32_t o = 0; o < probe->count[LAMINA_OUT]; o++) {
    const struct lm_probe_tensor *out = &probe->tensors[LAMINA_OUT][o];
    if (!is_nan && out->zone.bytes > 0 && memcmp(out->zone.data, before, out->zone.bytes) != 0) {
      return true;
    }
    before += out->zone.bytes;
    int64_t n = lm_probe_is_float(probe, LAMINA_OUT, o) ? lm_probe_count(probe, LAMINA_OUT, o) : 0;
    for (int64_t i = 0; is_nan && i < n; i++) {
      if (isnan(lm_probe_value(probe, LAMINA_OUT, o)[i])) {
        return true;
      }
    }
  }
  return false;
}

/* Whether some other value of an element gives other outputs. */
static bool element_matters(struct lm_bout *bout, float *element)
{
  const float before = *element;
  const float others[] = {before + 0.5f, before - 0.5f, -before, 0.375f};
  bool matters = false;
  for (size_t i = 0; i < sizeof others / sizeof others[0] && !matters; i++) {
    *element = others[i];
    matters = lm_probe_forward(bout->probe, LM_TRAINING, LM_STEP) == LAMINA_OK &&
              output_shows(bout, false);
  }
  *element = before;
  return matters;
}

static void check_nan_in(struct lm_bout *bout, uint32_t role, uint32_t index)
{
  struct lm_probe *probe = bout->probe;
  uint64_t seed = bout->trial->seed;
  int64_t n = lm_probe_count(probe, role, index);
  for (int k = 0; k < NAN_ELEMENTS && n > 0; k++) {
    int64_t i = (int64_t)lm_draw(&seed, (uint64_t)n);
    lm_case_fill(bout->trial, bout->item, probe, 0);
    float *element = lm_probe_value(probe, role, index) + i;
    if (!element_matters(bout, element)) {
      continue;
    }
    *element = NAN;
    if (lm_probe_forward(probe, LM_TRAINING, LM_STEP) == LAMINA_OK && !output_shows(bout, true)) {
      lm_find(bout->trial, "L15",
              "%s: outputs depend on element %lld of %s %u, and none is NaN when it is",
              probe->label, (long long)i, lm_role_name(role), index);
      return;
    }
  }
}

static void check_nan_of(struct lm_bout *bout)
{
  for (uint32_t role = LAMINA_IN; role <= LAMINA_WEIGHT; role++) {
    for (uint32_t i = 0; role != LAMINA_OUT && i < bout->probe->count[role]; i++) {
      if (lm_probe_is_float(bout->probe, role, i)) {
        check_nan_in(bout, role, i);
      }
    }
  }
}

static void check_nan(struct lm_trial *trial)
{
  lm_each_case(trial, LM_CASE_LARGE, "L18", check_nan_of);
}

static const struct lm_check checks[] = {
    {"L05", LAYERS, check_gradients},
    {"L15", LAYERS, check_nan},
};
const struct lm_checks lm_layer_number_checks = {checks, sizeof checks / sizeof checks[0]};
