/*
 * y = (x - mean) / deviation, with both taken from the training data: for each feature, or one
 * pair for all.
 *
 * The states are found in one pass in double. Features: Welford's update (1962), row by row. All
 * together: the sums of each row about its own mean, joined by Chan's rule (1979). Neither
 * subtracts large sums from each other, and both give 0 exactly for a constant. While fitting,
 * the state "deviation" holds the sum of squared deviations.
 *
 * shape: [N, ...], kept; the states have the shape of one record, or [1].
 */
#include <math.h>

#include <lamina/transform.h>

enum { FEATURE = 0, ALL = 1 };
enum { COUNT = 0, MEAN = 1, DEVIATION = 2 };

struct standardize {
  double epsilon;
  int32_t per, reserved;
};

static const struct lamina_setting settings[] = {
    LAMINA_CHOICE(struct standardize, per, "feature", "feature|all",
                  "a mean and a deviation for each element of a record, or one pair for all"),
    LAMINA_F64(struct standardize, epsilon, "1e-12", "[0, inf)",
               "a deviation of at most this counts as 0: the feature is only centred"),
};

/* The three states, and how many numbers each sample has for how many features. */
struct moments {
  double *count, *mean, *deviation;
  int64_t rows, columns, features;
};

static int32_t infer(void *self, struct lamina_plan *plan)
{
  const struct standardize *standardize = self;
  const struct lamina_type *x = lamina_in(plan, 0);
  const int64_t one = 1;
  struct lamina_type count = lamina_type_make(LAMINA_DT_FLOAT, 64, 1, &one);
  struct lamina_type feature = count;
  LAMINA_TRY(lamina_out_like(plan, 0, x));
  if (!lamina_type_is_f32(x) || x->rank == 0) {
    return lamina_fail(plan->call, LAMINA_E_SHAPE, "the field has to be float32 [N, ...]");
  }
  if (standardize->per == FEATURE) {
    feature = lamina_type_make(LAMINA_DT_FLOAT, 64, x->rank - 1, x->dims + 1);
  }
  LAMINA_TRY(lamina_state(plan, COUNT, "count", &count, 0.0));
  LAMINA_TRY(lamina_state(plan, MEAN, "mean", &feature, 0.0));
  LAMINA_TRY(lamina_state(plan, DEVIATION, "deviation", &feature, 0.0));
  return lamina_may_share(plan, LAMINA_FORWARD, 0, 0);
}

static int32_t get_moments(struct lamina_call *call, const struct lamina_type *x,
                           struct moments *out)
{
  const struct lamina_view *count = lamina_get(call, LAMINA_STATE, COUNT);
  const struct lamina_view *mean = lamina_get(call, LAMINA_STATE, MEAN);
  const struct lamina_view *deviation = lamina_get(call, LAMINA_STATE, DEVIATION);
  if (count == NULL || mean == NULL || deviation == NULL) {
    return LAMINA_E_PLUGIN;
  }
  out->count = count->data;
  out->mean = mean->data;
  out->deviation = deviation->data;
  out->features = lamina_type_count(&mean->type);
  out->rows = x == NULL ? 0 : x->dims[0];
  out->columns = x == NULL ? 0 : lamina_type_product(x, 1, x->rank);
  return LAMINA_OK;
}

/* Welford: one more number for each feature. */
static void fit_features(struct moments *m, const float *row)
{
  double share;
  m->count[0] += 1.0;
  share = 1.0 / m->count[0];
  for (int64_t j = 0; j < m->columns; j++) {
    double difference = (double)row[j] - m->mean[j];
    m->mean[j] += difference * share;
    m->deviation[j] += difference * ((double)row[j] - m->mean[j]);
  }
}

/* Chan: a row's own mean and sum of squares joins what was there. */
static void fit_all(struct moments *m, const float *row)
{
  double n = (double)m->columns, mean = 0.0, squares = 0.0, total, difference;
  if (m->columns == 0) {
    return;
  }
  for (int64_t j = 0; j < m->columns; j++) {
    mean += (double)row[j] - (double)row[0];
  }
  mean = (double)row[0] + mean / n;
  for (int64_t j = 0; j < m->columns; j++) {
    squares += ((double)row[j] - mean) * ((double)row[j] - mean);
  }
  total = m->count[0] + n;
  difference = mean - m->mean[0];
  m->deviation[0] += squares + difference * difference * (m->count[0] / total * n);
  m->mean[0] += difference * (n / total);
  m->count[0] = total;
}

static int32_t fit(void *self, struct lamina_call *call)
{
  const struct standardize *standardize = self;
  const struct lamina_view *x = lamina_get(call, LAMINA_IN, 0);
  struct moments m;
  if (x == NULL) {
    return LAMINA_E_PLUGIN;
  }
  LAMINA_TRY(get_moments(call, &x->type, &m));
  for (int64_t i = 0; i < m.rows; i++) {
    const float *row = (const float *)x->data + i * m.columns;
    if (standardize->per == FEATURE) {
      fit_features(&m, row);
    } else {
      fit_all(&m, row);
    }
  }
  return LAMINA_OK;
}

static int32_t fit_end(void *self, struct lamina_call *call)
{
  const struct standardize *standardize = self;
  struct moments m;
  LAMINA_TRY(get_moments(call, NULL, &m));
  if (!(m.count[0] > 0.0)) {
    return lamina_fail(call, LAMINA_E_INVALID, "there is no training data to take the mean of");
  }
  for (int64_t j = 0; j < m.features; j++) {
    double deviation = sqrt(m.deviation[j] / m.count[0]);
    if (!isfinite(m.mean[j]) || !isfinite(deviation)) {
      return lamina_failf(call, LAMINA_E_NONFINITE,
                          "the mean or deviation of feature %lld of the training data is not a "
                          "finite number",
                          (long long)j);
    }
    m.deviation[j] = deviation > standardize->epsilon ? deviation : 1.0;
  }
  return LAMINA_OK;
}

static int32_t apply(void *self, struct lamina_call *call)
{
  const struct standardize *standardize = self;
  const struct lamina_view *x = lamina_get(call, LAMINA_IN, 0);
  const struct lamina_view *y = lamina_get(call, LAMINA_OUT, 0);
  int64_t stride = standardize->per == FEATURE ? 1 : 0;
  struct moments m;
  if (x == NULL || y == NULL) {
    return LAMINA_E_PLUGIN;
  }
  LAMINA_TRY(get_moments(call, &x->type, &m));
  for (int64_t i = 0; i < m.rows; i++) {
    const float *from = (const float *)x->data + i * m.columns;
    float *to = (float *)y->data + i * m.columns;
    for (int64_t j = 0; j < m.columns; j++) {
      to[j] = (float)(((double)from[j] - m.mean[j * stride]) / m.deviation[j * stride]);
    }
  }
  return LAMINA_OK;
}

LAMINA_TRANSFORM(standardize, "1.0.0", "mean 0 and deviation 1 over the training data",
                 struct standardize, LAMINA_SETTINGS(settings), .infer = infer, .fit = fit,
                 .fit_end = fit_end, .apply = apply);
