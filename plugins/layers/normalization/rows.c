/* Loops over rows with the channels innermost, and declarations that all normalizations make. */
#include "rows.h"

#include <string.h>

/* Whether there are so few channels that their numbers stay in registers over all rows. */
static bool is_narrow(const struct lm_rows *rows)
{
  return rows->c <= LM_NARROW && rows->c % LM_LANES == 0;
}

LAMINA_CLONES
static void normalize_lanes(const struct lm_rows *rows, int64_t i, float *out)
{
  const lm_lanes centre = LM_LOAD(rows->centre + i);
  const lm_lanes factor = LM_LOAD(rows->factor + i);
  const lm_lanes shift = LM_LOAD(rows->shift + i);
  for (int64_t at = i; at < rows->rows * rows->c; at += rows->c) {
    LM_STORE(out + at, (LM_LOAD(rows->x + at) - centre) * factor + shift);
  }
}

LAMINA_CLONES
static void normalize_rows(const struct lm_rows *rows, float *out)
{
  const float *centre = rows->centre, *factor = rows->factor, *shift = rows->shift;
  for (int64_t r = 0; r < rows->rows; r++) {
    const float *x = rows->x + r * rows->c;
    float *y = out + r * rows->c;
    LAMINA_INDEPENDENT
    for (int64_t i = 0; i < rows->c; i++) {
      y[i] = (x[i] - centre[i]) * factor[i] + shift[i];
    }
  }
}

void lm_rows_normalize(const struct lm_rows *rows, float *out)
{
  if (!is_narrow(rows)) {
    normalize_rows(rows, out);
    return;
  }
  for (int64_t i = 0; i < rows->c; i += LM_LANES) {
    normalize_lanes(rows, i, out);
  }
}

/* A part of one row, from channel i on. */
static void normalize_part(const struct lm_rows *rows, int64_t i, int64_t count, const float *x,
                           float *y)
{
  const struct lm_rows part = {.rows = 1,
                               .c = count,
                               .x = x,
                               .centre = rows->centre + i,
                               .factor = rows->factor + i,
                               .shift = rows->shift + i};
  lm_rows_normalize(&part, y);
}

void lm_rows_normalize_run(const struct lm_rows *rows, int64_t first, int64_t count, const float *x,
                           float *y)
{
  int64_t channel = first % rows->c, done = 0;
  if (channel != 0) {
    done = rows->c - channel < count ? rows->c - channel : count;
    normalize_part(rows, channel, done, x, y);
  }
  struct lm_rows whole = *rows;
  whole.x = x + done;
  whole.rows = (count - done) / rows->c;
  lm_rows_normalize(&whole, y + done);
  done += whole.rows * rows->c;
  if (done < count) {
    normalize_part(rows, 0, count - done, x + done, y + done);
  }
}

/* Inlined with constant arguments, so that each combination is a loop without conditions. */
LAMINA_INLINE void propagate(const struct lm_rows *rows, const struct lm_rows_gradient *gradient,
                             bool constant, bool scaled, bool add)
{
  const float *centre = rows->centre, *scale = gradient->scale, *factor = gradient->factor;
  const float *plain = gradient->plain, *normal = gradient->normal;
  for (int64_t r = 0; r < rows->rows; r++) {
    const float *x = rows->x + r * rows->c, *dy = gradient->dy + r * rows->c;
    float *dx = gradient->dx + r * rows->c;
    LAMINA_INDEPENDENT
    for (int64_t i = 0; i < rows->c; i++) {
      float rest = scaled ? scale[i] * dy[i] : dy[i];
      if (!constant) {
        rest = rest - plain[i] - (x[i] - centre[i]) * normal[i];
      }
      dx[i] = (add ? dx[i] : 0.0f) + factor[i] * rest;
    }
  }
}

LAMINA_CLONES
static void propagate_all(const struct lm_rows *rows, const struct lm_rows_gradient *gradient)
{
  if (gradient->scale == NULL) {
    propagate(rows, gradient, false, false, false);
  } else {
    propagate(rows, gradient, false, true, false);
  }
}

LAMINA_CLONES
static void propagate_rarely(const struct lm_rows *rows, const struct lm_rows_gradient *gradient)
{
  propagate(rows, gradient, gradient->plain == NULL, gradient->scale != NULL, gradient->add);
}

LAMINA_CLONES
static void propagate_lanes(const struct lm_rows *rows, const struct lm_rows_gradient *gradient,
                            int64_t i)
{
  const lm_lanes centre = LM_LOAD(rows->centre + i);
  const lm_lanes factor = LM_LOAD(gradient->factor + i);
  const lm_lanes plain = LM_LOAD(gradient->plain + i);
  const lm_lanes normal = LM_LOAD(gradient->normal + i);
  for (int64_t at = i; at < rows->rows * rows->c; at += rows->c) {
    lm_lanes x = LM_LOAD(rows->x + at), dy = LM_LOAD(gradient->dy + at);
    LM_STORE(gradient->dx + at, factor * (dy - plain - (x - centre) * normal));
  }
}

void lm_rows_propagate(const struct lm_rows *rows, const struct lm_rows_gradient *gradient)
{
  bool rare = gradient->plain == NULL || gradient->add;
  if (rare || gradient->scale != NULL || !is_narrow(rows)) {
    (rare ? propagate_rarely : propagate_all)(rows, gradient);
    return;
  }
  for (int64_t i = 0; i < rows->c; i += LM_LANES) {
    propagate_lanes(rows, gradient, i);
  }
}

LAMINA_CLONES
static void sum_lanes(const struct lm_rows *rows, const float *dy, int64_t i, float *plain,
                      float *normal)
{
  const lm_lanes centre = LM_LOAD(rows->centre + i);
  lm_lanes sum = {0}, product = {0};
  for (int64_t at = i; at < rows->rows * rows->c; at += rows->c) {
    lm_lanes g = LM_LOAD(dy + at);
    sum += g;
    product += g * (LM_LOAD(rows->x + at) - centre);
  }
  LM_STORE(plain + i, sum);
  LM_STORE(normal + i, product * LM_LOAD(rows->inverse + i));
}

/* Less than LM_LANES channels. */
LAMINA_CLONES
static void sum_few(const struct lm_rows *rows, const float *dy, float *plain, float *normal)
{
  memset(plain, 0, (size_t)rows->c * sizeof *plain);
  memset(normal, 0, (size_t)rows->c * sizeof *normal);
  for (int64_t r = 0; r < rows->rows; r++) {
    const float *x = rows->x + r * rows->c, *g = dy + r * rows->c;
    LAMINA_INDEPENDENT
    for (int64_t i = 0; i < rows->c; i++) {
      plain[i] += g[i];
      normal[i] += g[i] * ((x[i] - rows->centre[i]) * rows->inverse[i]);
    }
  }
}

void lm_rows_sums(const struct lm_rows *rows, const float *dy, float *plain, float *normal)
{
  if (rows->c < LM_LANES) {
    sum_few(rows, dy, plain, normal);
    return;
  }
  for (int64_t i = 0; i < rows->c; i += LM_LANES) {
    sum_lanes(rows, dy, lm_lanes_at(i, rows->c), plain, normal);
  }
}

LAMINA_CLONES
void lm_rows_sum(const struct lm_rows *rows, const float *centre, double *sums)
{
  memset(sums, 0, (size_t)rows->c * sizeof *sums);
  for (int64_t r = 0; r < rows->rows; r++) {
    const float *x = rows->x + r * rows->c;
    if (centre == NULL) {
      LAMINA_INDEPENDENT
      for (int64_t i = 0; i < rows->c; i++) {
        sums[i] += (double)x[i];
      }
    } else {
      LAMINA_INDEPENDENT
      for (int64_t i = 0; i < rows->c; i++) {
        float distance = x[i] - centre[i];
        sums[i] += (double)(distance * distance);
      }
    }
  }
}

/* Eight lanes, fit for vectors. */
LAMINA_CLONES
double lm_rows_total(const double *x, int64_t n)
{
  double lane[8] = {0}, sum = 0.0;
  int64_t i = 0;
  for (; i + 8 <= n; i += 8) {
    for (int j = 0; j < 8; j++) {
      lane[j] += x[i + j];
    }
  }
  for (; i < n; i++) {
    sum += x[i];
  }
  for (int j = 0; j < 8; j++) {
    sum += lane[j];
  }
  return sum;
}

void lm_rows_fill(float *row, int64_t count, float value)
{
  for (int64_t i = 0; i < count; i++) {
    row[i] = value;
  }
}

void lm_rows_average_groups(const struct lm_groups *of, const float *sums, double *scaled,
                            float *out)
{
  int64_t width = of->c / of->groups;
  double count = (double)(of->rows * width);
  for (int64_t i = 0; i < of->c; i++) {
    scaled[i] = (double)sums[i] * (of->scale == NULL ? 1.0 : (double)of->scale[i]);
  }
  for (int64_t c = 0; c < of->c; c += width) {
    lm_rows_fill(out + c, width, (float)(lm_rows_total(scaled + c, width) / count));
  }
}

void lm_rows_fold(float *factor, const float *inverse, const float *scale, int64_t c)
{
  for (int64_t i = 0; i < c; i++) {
    factor[i] = scale == NULL ? inverse[i] : inverse[i] * scale[i];
  }
}

int32_t lm_rows_weights(struct lamina_plan *plan, int64_t c)
{
  struct lamina_type row = lamina_type_f32(1, &c);
  LAMINA_TRY(lamina_weight(plan, LM_SCALE, "scale", "{constant: {value: 1}}", &row, c, c, 0));
  LAMINA_TRY(lamina_weight(plan, LM_SHIFT, "shift", "{constant: {value: 0}}", &row, c, c, 0));
  LAMINA_TRY(lamina_bwd_reads(plan, LAMINA_WEIGHT, LM_SCALE));
  return lamina_notef(plan, LAMINA_NOTE_PARAMETERS, "%lld + %lld", (long long)c, (long long)c);
}

int32_t lm_rows_input(struct lamina_plan *plan, const struct lamina_type **x)
{
  char text[LAMINA_SHAPE_TEXT];
  LAMINA_TRY(lamina_expect_inputs(plan, 1));
  *x = lamina_in_f32(plan, 0);
  if (*x == NULL) {
    return LAMINA_E_SHAPE;
  }
  if ((*x)->rank < 2 || lamina_type_columns(*x) == 0) {
    return lamina_failf(plan->call, LAMINA_E_SHAPE,
                        "the input is %s, and must be [N, ..., C] with C >= 1 channels",
                        lamina_shape_text(*x, text));
  }
  return LAMINA_OK;
}
