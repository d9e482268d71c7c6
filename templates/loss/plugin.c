/*
 * @NAME@: the squared hinge, the loss of a support vector machine (Tang, "Deep learning using
 * linear support vector machines", 2013): samples that are right by a margin cost nothing.
 *
 *   s = 1 for label 1, -1 for label 0     h = max(0, margin - s z)
 *   L = mean over all elements of h^2     dz = -2 g s h / n     g: the weight of the loss
 *
 * Shapes: z [N, ...] float32; labels the same, or [N] for z [N, 1]; int32, 0 or 1.
 *
 * SPDX-License-Identifier: MIT
 */
#define LAMINA_LICENSE "MIT"
#include <lamina/loss.h>

enum { SCORE = 0, TARGET = 1, CHUNK = 8192 };

struct @NAME@ {
  double margin;
};

/* The YAML keys: the host checks them and fills them in. */
static const struct lamina_setting settings[] = {
    LAMINA_F64(struct @NAME@, margin, "1", "(0, inf)", "scores beyond it cost nothing"),
};

/** What a loop works on. */
struct @NAME@_work {
  const float *z;
  const int32_t *label;
  float *dz;
  double scale; /* of the gradient */
  float margin;
  int32_t add;
};

static int32_t check_classes(struct lamina_plan *plan)
{
  int64_t classes = 0;
  int32_t exact = 0;
  LAMINA_TRY(lamina_classes(plan, TARGET, &classes, &exact));
  if (classes <= 2) {
    return LAMINA_OK;
  }
  return lamina_failf(plan->call, LAMINA_E_SHAPE,
                      "the target has %s%lld classes, and one score tells 2 apart",
                      exact ? "" : "at least ", (long long)classes);
}

/* Declares everything, for any batch size. What is not declared cannot be reached later. */
static int32_t infer(void *self, struct lamina_plan *plan)
{
  (void)self;
  LAMINA_TRY(lamina_expect_inputs(plan, 2));
  const struct lamina_type *z = lamina_in_f32(plan, SCORE);
  const struct lamina_type *label = lamina_in(plan, TARGET);
  if (z == NULL || label == NULL) {
    return LAMINA_E_SHAPE;
  }
  if (!lamina_type_is_i32(label)) {
    return lamina_fail(plan->call, LAMINA_E_SHAPE, "the target must be int32 labels, 0 or 1");
  }
  LAMINA_TRY(lamina_expect_alike(plan, z, label));
  LAMINA_TRY(check_classes(plan));
  LAMINA_TRY(lamina_out_loss(plan));
  LAMINA_TRY(lamina_plan_sum(plan, lamina_type_count(z), CHUNK));
  LAMINA_TRY(lamina_bwd_reads(plan, LAMINA_IN, SCORE));
  return lamina_bwd_reads(plan, LAMINA_IN, TARGET);
}

/* s h of one element, whose square is its loss. */
static float missing(const struct @NAME@_work *work, int64_t i)
{
  float s = work->label[i] != 0 ? 1.0f : -1.0f;
  float h = work->margin - s * work->z[i];
  return h < 0.0f ? 0.0f : s * h; /* NaN stays NaN */
}

static int32_t sum_terms(const void *arg, int64_t begin, int64_t end, double *sum)
{
  const struct @NAME@_work *work = arg;
  *sum = 0.0;
  for (int64_t i = begin; i < end; i++) {
    if (work->label[i] != 0 && work->label[i] != 1) {
      return LAMINA_E_INVALID;
    }
    double h = (double)missing(work, i);
    *sum += h * h;
  }
  return LAMINA_OK;
}

static int32_t refuse_label(struct lamina_call *call, const int32_t *label, int64_t n)
{
  for (int64_t i = 0; i < n; i++) {
    if (label[i] != 0 && label[i] != 1) {
      return lamina_failf(call, LAMINA_E_INVALID,
                          "label %lld of the batch is %d, and must be 0 or 1", (long long)i,
                          label[i]);
    }
  }
  return LAMINA_E_INVALID;
}

static int32_t forward(void *self, struct lamina_call *call)
{
  const struct @NAME@ *own = self;
  const struct lamina_view *z = lamina_get(call, LAMINA_IN, SCORE);
  const struct lamina_view *label = lamina_get(call, LAMINA_IN, TARGET);
  const struct lamina_view *loss = lamina_get(call, LAMINA_OUT, 0);
  double sum = 0.0;
  if (z == NULL || label == NULL || loss == NULL) {
    return LAMINA_E_PLUGIN;
  }
  int64_t n = lamina_type_count(&z->type);
  struct @NAME@_work work = {.z = z->data, .label = label->data, .margin = (float)own->margin};
  int32_t status = lamina_sum_terms(call, n, CHUNK, sum_terms, &work, &sum);
  if (status == LAMINA_E_INVALID) {
    return refuse_label(call, work.label, n);
  }
  LAMINA_TRY(status);
  *(float *)loss->data = n == 0 ? 0.0f : (float)(sum / (double)n);
  return LAMINA_OK;
}

static int32_t gradient_elements(void *arg, int64_t begin, int64_t end, uint32_t lane)
{
  const struct @NAME@_work *work = arg;
  (void)lane;
  for (int64_t i = begin; i < end; i++) {
    float dz = (float)(work->scale * (double)missing(work, i));
    work->dz[i] = work->add ? work->dz[i] + dz : dz;
  }
  return LAMINA_OK;
}

static int32_t backward(void *self, struct lamina_call *call)
{
  const struct @NAME@ *own = self;
  uint32_t request = LAMINA_SKIP;
  LAMINA_TRY(lamina_expect_no_gradient(call, TARGET));
  const struct lamina_view *dz = lamina_grad(call, LAMINA_IN, SCORE, &request);
  if (request == LAMINA_SKIP) {
    return LAMINA_OK;
  }
  const struct lamina_view *z = lamina_get(call, LAMINA_IN, SCORE);
  const struct lamina_view *label = lamina_get(call, LAMINA_IN, TARGET);
  const struct lamina_view *weight = lamina_grad(call, LAMINA_OUT, 0, NULL);
  if (dz == NULL || z == NULL || label == NULL || weight == NULL) {
    return LAMINA_E_PLUGIN;
  }
  int64_t n = lamina_type_count(&z->type);
  struct @NAME@_work work = {.z = z->data,
                             .label = label->data,
                             .dz = dz->data,
                             .scale = -2.0 * (double)*(const float *)weight->data / (double)n,
                             .margin = (float)own->margin,
                             .add = request == LAMINA_ADD};
  return lamina_parallel_for(call, n, CHUNK, gradient_elements, &work);
}

LAMINA_LOSS(@NAME@, "1.0.0", "mean of max(0, margin - s z)^2, s being 1 or -1", struct @NAME@,
            LAMINA_SETTINGS(settings), .infer = infer, .forward = forward, .backward = backward);
