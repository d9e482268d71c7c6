/*
 * focal: cross-entropy of two classes in which samples that are right count little (Lin et al.,
 * "Focal loss for dense object detection", ICCV 2017), for data of which class 1 is a small part.
 *
 *   s = 1 for label 1, -1 for label 0     a = alpha for label 1, 1 - alpha for label 0
 *   u = s z     p = sigmoid(u), the probability of the label     q = 1 - p
 *   L = mean over all elements of -a q^gamma log p
 *   dz = -g s a q^gamma (gamma p (-log p) + q) / n        g: the weight of the loss
 *
 * With c = log(1 + e^-|u|): -log p = max(-u, 0) + c and -log q = max(u, 0) + c, where nothing
 * overflows and nothing cancels; q^gamma is e^(gamma log q).
 *
 * Shapes: logits z [N, ...] float32; labels the same, or [N] for z [N, 1]; int32, 0 or 1.
 *
 * SPDX-License-Identifier: MIT
 */
#define LAMINA_LICENSE "MIT"
#include <lamina/loss.h>
#include <lamina/reduce.h>

enum { LOGIT = 0, TARGET = 1, CHUNK = 8192, BLOCK = 512 };

struct focal {
  double alpha, gamma;
};

/* The YAML keys: the host checks them and fills them in. */
static const struct lamina_setting settings[] = {
    LAMINA_F64(struct focal, alpha, "0.25", "(0, 1)", "weight of class 1; class 0 has the rest"),
    LAMINA_F64(struct focal, gamma, "2", "[0, 20]", "0: cross-entropy; more: hard samples count"),
};

/** What a loop works on. */
struct work {
  const float *z;
  const int32_t *label;
  float *dz;
  float alpha, gamma, scale;
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
                      "the target has %s%lld classes, and focal tells 2 apart",
                      exact ? "" : "at least ", (long long)classes);
}

/* Declares everything, for any batch size. What is not declared cannot be reached later. */
static int32_t infer(void *self, struct lamina_plan *plan)
{
  (void)self;
  LAMINA_TRY(lamina_expect_inputs(plan, 2));
  const struct lamina_type *z = lamina_in_f32(plan, LOGIT);
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
  LAMINA_TRY(lamina_bwd_reads(plan, LAMINA_IN, LOGIT));
  return lamina_bwd_reads(plan, LAMINA_IN, TARGET);
}

/* One element: u, s and a of its label, and what is common to value and slope. */
struct element {
  float s, a, u, wrong; /* wrong = q^gamma */
  float surprise;       /* -log p */
};

LAMINA_INLINE struct element element_of(const struct work *work, int64_t i)
{
  struct element e;
  e.s = lamina_selectf(work->label[i] == 1, 1.0f, -1.0f);
  e.a = lamina_selectf(e.s > 0.0f, work->alpha, 1.0f - work->alpha);
  e.u = e.s * work->z[i];
  float c = lamina_log1pf(lamina_expf(lamina_copysignf(e.u, -1.0f)));
  e.surprise = lamina_selectf(e.u > 0.0f, c, c - e.u);
  e.wrong = lamina_expf(-work->gamma * lamina_selectf(e.u > 0.0f, c + e.u, c));
  return e;
}

LAMINA_CLONES
static int32_t sum_terms(const void *arg, int64_t begin, int64_t end, double *sum)
{
  const struct work *work = arg;
  float term[BLOCK];
  int32_t bad = 0;
  *sum = 0.0;
  for (int64_t at = begin; at < end; at += BLOCK) {
    int64_t n = end - at < BLOCK ? end - at : BLOCK;
    for (int64_t i = 0; i < n; i++) {
      struct element e = element_of(work, at + i);
      bad |= work->label[at + i] & ~1;
      term[i] = e.a * e.wrong * e.surprise;
    }
    *sum += lamina_sum_f32(term, n);
  }
  return bad != 0 ? LAMINA_E_INVALID : LAMINA_OK;
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
  const struct focal *focal = self;
  const struct lamina_view *z = lamina_get(call, LAMINA_IN, LOGIT);
  const struct lamina_view *label = lamina_get(call, LAMINA_IN, TARGET);
  const struct lamina_view *loss = lamina_get(call, LAMINA_OUT, 0);
  double sum = 0.0;
  if (z == NULL || label == NULL || loss == NULL) {
    return LAMINA_E_PLUGIN;
  }
  int64_t n = lamina_type_count(&z->type);
  struct work work = {.z = z->data,
                      .label = label->data,
                      .alpha = (float)focal->alpha,
                      .gamma = (float)focal->gamma};
  int32_t status = lamina_sum_terms(call, n, CHUNK, sum_terms, &work, &sum);
  if (status == LAMINA_E_INVALID) {
    return refuse_label(call, work.label, n);
  }
  LAMINA_TRY(status);
  *(float *)loss->data = n == 0 ? 0.0f : (float)(sum / (double)n);
  return LAMINA_OK;
}

LAMINA_CLONES
static int32_t gradient_elements(void *arg, int64_t begin, int64_t end, uint32_t lane)
{
  const struct work *work = arg;
  float gradient[BLOCK];
  (void)lane;
  for (int64_t at = begin; at < end; at += BLOCK) {
    int64_t n = end - at < BLOCK ? end - at : BLOCK;
    for (int64_t i = 0; i < n; i++) {
      struct element e = element_of(work, at + i);
      float p = lamina_sigmoidf(e.u), q = lamina_sigmoidf(-e.u);
      gradient[i] = -work->scale * e.s * e.a * e.wrong * (work->gamma * p * e.surprise + q);
    }
    for (int64_t i = 0; i < n; i++) {
      work->dz[at + i] = work->add ? work->dz[at + i] + gradient[i] : gradient[i];
    }
  }
  return LAMINA_OK;
}

static int32_t backward(void *self, struct lamina_call *call)
{
  const struct focal *focal = self;
  uint32_t request = LAMINA_SKIP;
  LAMINA_TRY(lamina_expect_no_gradient(call, TARGET));
  const struct lamina_view *dz = lamina_grad(call, LAMINA_IN, LOGIT, &request);
  if (request == LAMINA_SKIP) {
    return LAMINA_OK;
  }
  const struct lamina_view *z = lamina_get(call, LAMINA_IN, LOGIT);
  const struct lamina_view *label = lamina_get(call, LAMINA_IN, TARGET);
  const struct lamina_view *weight = lamina_grad(call, LAMINA_OUT, 0, NULL);
  if (dz == NULL || z == NULL || label == NULL || weight == NULL) {
    return LAMINA_E_PLUGIN;
  }
  int64_t n = lamina_type_count(&z->type);
  struct work work = {.z = z->data,
                      .label = label->data,
                      .dz = dz->data,
                      .alpha = (float)focal->alpha,
                      .gamma = (float)focal->gamma,
                      .scale = (float)((double)*(const float *)weight->data / (double)n),
                      .add = request == LAMINA_ADD};
  return lamina_parallel_for(call, n, CHUNK, gradient_elements, &work);
}

LAMINA_LOSS(focal, "1.0.0", "cross-entropy in which samples that are right count little",
            struct focal, LAMINA_SETTINGS(settings), .infer = infer, .forward = forward,
            .backward = backward);
