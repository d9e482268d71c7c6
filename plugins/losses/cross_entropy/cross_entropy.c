/*
 * cross_entropy: softmax and the negative logarithm of the target's probability in one.
 *
 *   L = mean over rows of  -sum_k q_k log softmax(x)_k
 *     = mean over rows of  log(s) - sum_k q_k (x_k - m),   m = max x, s = sum_k exp(x_k - m)
 *   dx = g (softmax(x) - q) / R                            g: the weight of the loss
 *   q = (1 - e) t + e / K                                  t: the target, e: label_smoothing
 *
 * Label smoothing: Szegedy et al., "Rethinking the inception architecture", CVPR 2016.
 *
 * Shapes: logits x [N, ..., K] in R = N * ... rows; target int32 [N, ...], the class of each row
 * (t is 1 there and 0 elsewhere), or float32 [N, ..., K], probabilities that sum to 1.
 *
 * Nothing overflows, since x - m <= 0 and s >= 1. Saved are m and 1 / s, two numbers a row: for
 * K classes, one exponential each is cheaper than K probabilities written and read back, and
 * the logits are still there.
 */
#include <math.h>

#include <lamina/loss.h>
#include <lamina/reduce.h>

enum { LOGITS = 0, TARGET = 1, CHUNK = 4096, BLOCK = 512 };

struct cross_entropy {
  double label_smoothing;
};

static const struct lamina_setting settings[] = {
    LAMINA_F64_SCHEDULABLE(struct cross_entropy, label_smoothing, "0", "[0, 1)",
                           "share of the target that is spread evenly"),
};

struct work {
  const float *x;
  const int32_t *labels; /* target, or NULL */
  const float *shares;   /* target, or NULL */
  float *saved;          /* NULL: no backward follows */
  float *dx;
  int64_t k;
  double smoothing;
  float scale;
  int32_t add;
};

static int64_t rows_a_chunk(int64_t k)
{
  return k < CHUNK ? CHUNK / (k > 0 ? k : 1) : 1;
}

static int32_t check_target(struct lamina_plan *plan, const struct lamina_type *x,
                            const struct lamina_type *t)
{
  char text[LAMINA_SHAPE_TEXT], other[LAMINA_SHAPE_TEXT];
  struct lamina_type rows = *x;
  rows.rank--;
  if ((lamina_type_is_i32(t) && lamina_shape_equal(&rows, t)) ||
      (lamina_type_is_f32(t) && lamina_shape_equal(x, t))) {
    return LAMINA_OK;
  }
  return lamina_failf(plan->call, LAMINA_E_SHAPE,
                      "for logits %s the target must be one int32 class a row, or float32 "
                      "probabilities of their shape, and is %s %s",
                      lamina_shape_text(x, text),
                      lamina_type_is_i32(t)   ? "int32"
                      : lamina_type_is_f32(t) ? "float32"
                                              : "neither:",
                      lamina_shape_text(t, other));
}

static int32_t check_classes(struct lamina_plan *plan, int64_t k)
{
  int64_t classes = 0;
  int32_t exact = 0;
  LAMINA_TRY(lamina_classes(plan, TARGET, &classes, &exact));
  if (classes == 0 || classes == k || (classes < k && !exact)) {
    return LAMINA_OK;
  }
  return lamina_failf(plan->call, LAMINA_E_SHAPE,
                      "the prediction has %lld logits a row, and the target has %s%lld classes",
                      (long long)k, exact ? "" : "at least ", (long long)classes);
}

static int32_t infer(void *self, struct lamina_plan *plan)
{
  char text[LAMINA_SHAPE_TEXT];
  (void)self;
  LAMINA_TRY(lamina_expect_inputs(plan, 2));
  const struct lamina_type *x = lamina_in_f32(plan, LOGITS);
  const struct lamina_type *t = lamina_in(plan, TARGET);
  if (x == NULL || t == NULL) {
    return LAMINA_E_SHAPE;
  }
  if (x->rank < 2 || lamina_type_columns(x) == 0) {
    return lamina_failf(plan->call, LAMINA_E_SHAPE,
                        "the logits are %s, and must be [N, ..., K] with K >= 1 classes",
                        lamina_shape_text(x, text));
  }
  int64_t k = lamina_type_columns(x), saved[2] = {lamina_type_rows(x), 2};
  struct lamina_type save = lamina_type_f32(2, saved);
  LAMINA_TRY(check_target(plan, x, t));
  LAMINA_TRY(check_classes(plan, k));
  LAMINA_TRY(lamina_out_loss(plan));
  LAMINA_TRY(lamina_save(plan, 0, &save));
  LAMINA_TRY(lamina_plan_sum(plan, saved[0], rows_a_chunk(k)));
  LAMINA_TRY(lamina_bwd_reads(plan, LAMINA_IN, LOGITS));
  return lamina_bwd_reads(plan, LAMINA_IN, TARGET);
}

/* x - m, and 0 where both are the same infinity. */
LAMINA_INLINE float below(float x, float most)
{
  return lamina_selectf(x == most, 0.0f, x - most);
}

/* Whether the target of a row is a class, or probabilities; rounding may add a thousandth. */
LAMINA_INLINE int has_target(const struct work *work, int64_t row)
{
  int64_t bad = 0;
  if (work->labels != NULL) {
    return work->labels[row] >= 0 && work->labels[row] < work->k;
  }
  const float *t = work->shares + row * work->k;
  for (int64_t j = 0; j < work->k; j++) {
    bad += !((t[j] >= 0.0f) & (t[j] <= 1.0f));
  }
  return bad == 0 && fabs(lamina_sum_f32(t, work->k) - 1.0) <= 1e-3;
}

LAMINA_INLINE double row_loss(const struct work *work, int64_t row)
{
  const float *x = work->x + row * work->k;
  const float *t = work->labels != NULL ? NULL : work->shares + row * work->k;
  float most = lamina_max_f32(x, work->k), d[BLOCK], e[BLOCK];
  double s = 0.0, all = 0.0, aimed = t == NULL ? (double)below(x[work->labels[row]], most) : 0.0;
  for (int64_t at = 0; at < work->k; at += BLOCK) {
    int64_t n = work->k - at < BLOCK ? work->k - at : BLOCK;
    for (int64_t j = 0; j < n; j++) {
      d[j] = below(x[at + j], most);
      e[j] = lamina_expf(d[j]);
    }
    s += lamina_sum_f32(e, n);
    all += lamina_sum_f32(d, n);
    for (int64_t j = 0; t != NULL && j < n; j++) {
      /* A class of share 0 counts nothing, even if its logit is -inf. */
      e[j] = lamina_selectf(t[at + j] == 0.0f, 0.0f, t[at + j] * d[j]);
    }
    aimed += t == NULL ? 0.0 : lamina_sum_f32(e, n);
  }
  if (work->saved != NULL) {
    work->saved[2 * row] = most;
    work->saved[2 * row + 1] = (float)(1.0 / s);
  }
  double even = work->smoothing > 0.0 ? work->smoothing / (double)work->k * all : 0.0;
  return log(s) - (1.0 - work->smoothing) * aimed - even;
}

LAMINA_CLONES
static int32_t sum_rows(const void *arg, int64_t begin, int64_t end, double *sum)
{
  *sum = 0.0;
  for (int64_t i = begin; i < end; i++) {
    if (!has_target(arg, i)) {
      return LAMINA_E_INVALID;
    }
    *sum += row_loss(arg, i);
  }
  return LAMINA_OK;
}

/* The sentence about the first row whose target is wrong. */
static int32_t refuse_target(struct lamina_call *call, const struct work *work)
{
  int64_t i = 0;
  while (has_target(work, i)) {
    i++;
  }
  if (work->labels != NULL) {
    return lamina_failf(call, LAMINA_E_INVALID,
                        "the label of row %lld of the batch is %d, and must be from 0 to %lld",
                        (long long)i, (int)work->labels[i], (long long)(work->k - 1));
  }
  return lamina_failf(call, LAMINA_E_INVALID,
                      "the target's row %lld of the batch must be numbers from 0 to 1 that sum to "
                      "1, and sums to %g",
                      (long long)i, lamina_sum_f32(work->shares + i * work->k, work->k));
}

static struct work work_of(const struct cross_entropy *self, const struct lamina_view *x,
                           const struct lamina_view *t)
{
  struct work work = {
      .x = x->data, .k = lamina_type_columns(&x->type), .smoothing = self->label_smoothing};
  if (lamina_type_is_i32(&t->type)) {
    work.labels = t->data;
  } else {
    work.shares = t->data;
  }
  return work;
}

static int32_t forward(void *self, struct lamina_call *call)
{
  const struct lamina_view *x = lamina_get(call, LAMINA_IN, LOGITS);
  const struct lamina_view *t = lamina_get(call, LAMINA_IN, TARGET);
  const struct lamina_view *loss = lamina_get(call, LAMINA_OUT, 0);
  int keep = (lamina_mode(call) & LAMINA_MODE_KEEP) != 0;
  const struct lamina_view *saved = keep ? lamina_get(call, LAMINA_SAVE, 0) : x;
  double sum = 0.0;
  if (x == NULL || t == NULL || loss == NULL || saved == NULL) {
    return LAMINA_E_PLUGIN;
  }
  struct work work = work_of(self, x, t);
  int64_t rows = lamina_type_rows(&x->type);
  work.saved = keep ? saved->data : NULL;
  int32_t status = lamina_sum_terms(call, rows, rows_a_chunk(work.k), sum_rows, &work, &sum);
  if (status == LAMINA_E_INVALID) {
    return refuse_target(call, &work);
  }
  LAMINA_TRY(status);
  *(float *)loss->data = rows == 0 ? 0.0f : (float)(sum / (double)rows);
  return LAMINA_OK;
}

/* dx (+)= scale (exp(x - m) / s - even - (1 - e) t), where t is all 0 if there are labels. */
LAMINA_INLINE void row_gradient(const struct work *work, int64_t row, float *dx)
{
  const float *x = work->x + row * work->k, *saved = work->saved + 2 * row;
  const float *t = work->shares == NULL ? NULL : work->shares + row * work->k;
  float most = saved[0], inverse = saved[1], scale = work->scale;
  float even = (float)(work->smoothing / (double)work->k), rest = (float)(1.0 - work->smoothing);
  float gradient[BLOCK];
  for (int64_t at = 0; at < work->k; at += BLOCK) {
    int64_t n = work->k - at < BLOCK ? work->k - at : BLOCK;
    for (int64_t j = 0; j < n; j++) {
      gradient[j] = scale * (lamina_expf(below(x[at + j], most)) * inverse - even);
    }
    for (int64_t j = 0; t != NULL && j < n; j++) {
      gradient[j] -= scale * rest * t[at + j];
    }
    for (int64_t j = 0; j < n; j++) {
      dx[at + j] = work->add ? dx[at + j] + gradient[j] : gradient[j];
    }
  }
  if (t == NULL) {
    dx[work->labels[row]] -= scale * rest;
  }
}

LAMINA_CLONES
static int32_t gradient_rows(void *arg, int64_t begin, int64_t end, uint32_t lane)
{
  const struct work *work = arg;
  (void)lane;
  for (int64_t i = begin; i < end; i++) {
    row_gradient(work, i, work->dx + i * work->k);
  }
  return LAMINA_OK;
}

static int32_t backward(void *self, struct lamina_call *call)
{
  uint32_t request = LAMINA_SKIP;
  LAMINA_TRY(lamina_expect_no_gradient(call, TARGET));
  const struct lamina_view *dx = lamina_grad(call, LAMINA_IN, LOGITS, &request);
  if (request == LAMINA_SKIP) {
    return LAMINA_OK;
  }
  const struct lamina_view *x = lamina_get(call, LAMINA_IN, LOGITS);
  const struct lamina_view *t = lamina_get(call, LAMINA_IN, TARGET);
  const struct lamina_view *saved = lamina_get(call, LAMINA_SAVE, 0);
  const struct lamina_view *weight = lamina_grad(call, LAMINA_OUT, 0, NULL);
  if (dx == NULL || x == NULL || t == NULL || saved == NULL || weight == NULL) {
    return LAMINA_E_PLUGIN;
  }
  struct work work = work_of(self, x, t);
  int64_t rows = lamina_type_rows(&x->type);
  work.saved = saved->data;
  work.dx = dx->data;
  work.add = request == LAMINA_ADD;
  work.scale = (float)((double)*(const float *)weight->data / (double)rows);
  return lamina_parallel_for(call, rows, rows_a_chunk(work.k), gradient_rows, &work);
}

LAMINA_LOSS(cross_entropy, "1.0.0", "cross-entropy of softmax(logits) with the target",
            struct cross_entropy, LAMINA_SETTINGS(settings), .infer = infer, .forward = forward,
            .backward = backward);
