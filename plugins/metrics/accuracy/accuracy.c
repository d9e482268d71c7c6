/*
 * The share of samples whose class is predicted right.
 *
 * Several outputs a sample: the class is the largest, the first of equal ones. One output: class
 * 1 where it is above a threshold, which may be given for the output itself (a logit) or as a
 * probability p; sigmoid(z) > p exactly where z > log(p / (1 - p)), so no sigmoid is computed and
 * no output is too large to compare. An output that is not a number makes its sample wrong.
 *
 * shapes: prediction [N, ..., K], or [N] for one output a sample; target i32 [N, ...] classes
 * (for K = 1 also [N, ..., 1]), or f32 of the prediction's shape: the classes' probabilities.
 */
#include <math.h>

#include <lamina/loss.h>
#include <lamina/metric.h>

enum { RIGHT = 0, SEEN = 1, PARTS = 2 };

struct accuracy {
  double threshold, probability;
};

static const struct lamina_setting settings[] = {
    LAMINA_F64(struct accuracy, threshold, "0", "(-inf, inf)",
               "for one output a sample: class 1 where the output is above it"),
    LAMINA_F64(struct accuracy, probability, "0.5", "(0, 1)",
               "the same as a probability: class 1 where sigmoid(output) is above it"),
};

static int32_t setup(void *self, struct lamina_call *call)
{
  const struct accuracy *accuracy = self;
  if (accuracy->threshold != 0.0 && accuracy->probability != 0.5) {
    return lamina_fail(call, LAMINA_E_INVALID,
                       "threshold and probability are two scales of the same limit: give one");
  }
  return LAMINA_OK;
}

/* Outputs a sample. */
static int64_t outputs(const struct lamina_type *prediction)
{
  return prediction->rank < 2 ? 1 : prediction->dims[prediction->rank - 1];
}

static int32_t check_classes(struct lamina_plan *plan, int64_t k)
{
  int64_t classes = 0;
  int32_t exact = 0;
  LAMINA_TRY(lamina_classes(plan, 1, &classes, &exact));
  if (k == 1 && classes > 2) {
    return lamina_failf(plan->call, LAMINA_E_SHAPE,
                        "one output a sample tells two classes apart, but the target has %s%lld",
                        exact ? "" : "at least ", (long long)classes);
  }
  if (k > 1 && classes > k) {
    return lamina_failf(plan->call, LAMINA_E_SHAPE,
                        "the prediction has %lld outputs, but the target has %s%lld classes",
                        (long long)k, exact ? "" : "at least ", (long long)classes);
  }
  return LAMINA_OK;
}

/* Whether the target is one class number a row. */
static int is_class_a_row(const struct lamina_type *prediction, const struct lamina_type *target)
{
  struct lamina_type rows = *prediction;
  rows.rank--;
  return lamina_type_is_i32(target) && lamina_shape_equal(&rows, target);
}

static int32_t check_target(struct lamina_plan *plan, const struct lamina_type *prediction,
                            const struct lamina_type *target)
{
  char text[LAMINA_SHAPE_TEXT], other[LAMINA_SHAPE_TEXT];
  int64_t k = outputs(prediction);
  if (lamina_type_is_f32(target)) {
    return lamina_expect_alike(plan, prediction, target);
  }
  if (k == 1 && lamina_type_is_i32(target)) {
    LAMINA_TRY(lamina_expect_alike(plan, prediction, target));
    return check_classes(plan, k);
  }
  if (is_class_a_row(prediction, target)) {
    return check_classes(plan, k);
  }
  return lamina_failf(plan->call, LAMINA_E_SHAPE,
                      "for a prediction of %s the target must be one int32 class a row, or float32 "
                      "probabilities of the same shape, and is %s",
                      lamina_shape_text(prediction, text), lamina_shape_text(target, other));
}

static int32_t infer(void *self, struct lamina_plan *plan)
{
  const struct lamina_type *prediction = lamina_in_f32(plan, 0);
  const struct lamina_type *target = lamina_in(plan, 1);
  (void)self;
  if (prediction == NULL || target == NULL) {
    return LAMINA_E_SHAPE;
  }
  if (prediction->rank == 0 || outputs(prediction) < 1) {
    return lamina_fail(plan->call, LAMINA_E_SHAPE,
                       "the prediction must have at least one output for each sample");
  }
  LAMINA_TRY(check_target(plan, prediction, target));
  return lamina_accumulators(plan, PARTS);
}

/* The first largest of k numbers; -1 if one of them is not a number. */
static int64_t largest(const float *row, int64_t k)
{
  int64_t best = 0;
  for (int64_t i = 0; i < k; i++) {
    if (isnan(row[i])) {
      return -1;
    }
    if (row[i] > row[best]) {
      best = i;
    }
  }
  return best;
}

/* The class of a row: of outputs at the limit, or of probabilities at 1/2; -1 if not a number. */
static int64_t class_of(const float *row, int64_t k, double limit)
{
  if (k > 1) {
    return largest(row, k);
  }
  return isnan(row[0]) ? -1 : (double)row[0] > limit;
}

static int32_t update(void *self, struct lamina_call *call, double *part)
{
  const struct accuracy *accuracy = self;
  const struct lamina_view *prediction = lamina_get(call, LAMINA_IN, 0);
  const struct lamina_view *target = lamina_get(call, LAMINA_IN, 1);
  double limit = accuracy->threshold + log(accuracy->probability / (1.0 - accuracy->probability));
  int64_t k, rows, right = 0;
  if (prediction == NULL || target == NULL) {
    return LAMINA_E_PLUGIN;
  }
  k = outputs(&prediction->type);
  rows = lamina_type_count(&prediction->type) / k;
  for (int64_t i = 0; i < rows; i++) {
    int64_t found = class_of((const float *)prediction->data + i * k, k, limit);
    int64_t wanted = lamina_type_is_i32(&target->type)
                         ? ((const int32_t *)target->data)[i]
                         : class_of((const float *)target->data + i * k, k, 0.5);
    right += found >= 0 && found == wanted;
  }
  part[RIGHT] += (double)right;
  part[SEEN] += (double)rows;
  return LAMINA_OK;
}

static void merge(const void *self, double *part, const double *other)
{
  (void)self;
  part[RIGHT] += other[RIGHT];
  part[SEEN] += other[SEEN];
}

static double value(const void *self, const double *part)
{
  (void)self;
  return part[SEEN] > 0.0 ? part[RIGHT] / part[SEEN] : (double)NAN;
}

static int32_t direction(const void *self)
{
  (void)self;
  return 1;
}

LAMINA_METRIC(accuracy, "1.0.0", "share of samples whose class is predicted right", struct accuracy,
              LAMINA_SETTINGS(settings), .setup = setup, .infer = infer, .update = update,
              .merge = merge, .value = value, .direction = direction);
