/*
 * y = x W + b, row by row: with all kinds of settings, a service, scratch memory of both passes
 * and of both sorts, a saved copy of x, and a state that counts rows seen in training.
 *
 * shapes: x [N, D], W [D, K], b [K], y [N, K].
 */
#include <string.h>

#include <lamina/layer.h>

#include "museum.h"

struct affine {
  int64_t units;
  double gain;
  int32_t bias, order;
  const char *label;
  struct lamina_f64s offsets;
  const struct museum_scale *scale;
};

static const struct lamina_setting settings[] = {
    LAMINA_I64_REQUIRED(struct affine, units, "[1, 1000]", "outputs"),
    LAMINA_F64(struct affine, gain, "1", "(0, inf)", "factor of the output"),
    LAMINA_BOOL(struct affine, bias, "true", "whether b is added"),
    LAMINA_CHOICE(struct affine, order, "up", "up|down", "how sums run"),
    LAMINA_STR(struct affine, label, "none", "a text"),
    LAMINA_F64S(struct affine, offsets, "[]", NULL, "constants added to the first outputs"),
};

enum { UP = 0, DOWN = 1, WEIGHT = 0, BIAS = 1, SEEN = 0, KEPT = 0 };

struct job {
  struct lamina_call *call;
  const struct affine *affine;
  const float *x, *w, *b;
  float *y;
  int64_t features;
};

static int32_t setup(void *self, struct lamina_call *call)
{
  struct affine *affine = self;
  affine->scale = lamina_service(call, MUSEUM_SCALE_ID);
  if (affine->scale == NULL) {
    return LAMINA_E_MISSING;
  }
  if (affine->offsets.count > affine->units) {
    return lamina_failf(call, LAMINA_E_INVALID, "%lld offsets for %lld units",
                        (long long)affine->offsets.count, (long long)affine->units);
  }
  if (strcmp(affine->label, "none") != 0) {
    lamina_log(call, LAMINA_LOG_WARNING, affine->label);
  }
  return LAMINA_OK;
}

static int32_t infer(void *self, struct lamina_plan *plan)
{
  const struct affine *affine = self;
  const struct lamina_type *x = lamina_in(plan, 0);
  const int64_t one = 1;
  if (lamina_n_in(plan) != 1 || x == NULL || !lamina_type_is_f32(x) || x->rank != 2) {
    return lamina_fail(plan->call, LAMINA_E_SHAPE, "the input has to be float32 [N, D]");
  }
  const int64_t out[2] = {x->dims[0], affine->units};
  const int64_t matrix[2] = {x->dims[1], affine->units};
  struct lamina_type y = lamina_type_f32(2, out);
  struct lamina_type w = lamina_type_f32(2, matrix);
  struct lamina_type b = lamina_type_f32(1, &affine->units);
  struct lamina_type seen = lamina_type_f32(1, &one);
  uint64_t row = (uint64_t)affine->units * sizeof(double);
  LAMINA_TRY(lamina_out(plan, 0, &y));
  LAMINA_TRY(
      lamina_weight(plan, WEIGHT, "w", "bits", &w, matrix[0], matrix[1], LAMINA_WEIGHT_DECAY));
  if (affine->bias) {
    LAMINA_TRY(lamina_weight(plan, BIAS, "b", "{bits: {range: 2}}", &b, 0, 0, 0));
  }
  LAMINA_TRY(lamina_state(plan, SEEN, "seen", &seen, 0.0));
  LAMINA_TRY(lamina_save(plan, KEPT, x));
  LAMINA_TRY(lamina_plan_scratch(plan, LAMINA_FORWARD, 0, row));
  LAMINA_TRY(lamina_plan_scratch(plan, LAMINA_BACKWARD, row, 0));
  LAMINA_TRY(lamina_bwd_reads(plan, LAMINA_WEIGHT, WEIGHT));
  return lamina_notef(plan, LAMINA_NOTE_PARAMETERS, "%lld * %lld", (long long)matrix[0],
                      (long long)matrix[1]);
}

static int32_t rows(void *arg, int64_t begin, int64_t end, uint32_t lane)
{
  const struct job *job = arg;
  const struct affine *affine = job->affine;
  double *sums = lamina_scratch(job->call, lane);
  if (sums == NULL) {
    return LAMINA_E_PLUGIN;
  }
  for (int64_t i = begin; i < end; i++) {
    const float *x = job->x + i * job->features;
    for (int64_t k = 0; k < affine->units; k++) {
      sums[k] = job->b == NULL ? 0.0 : (double)job->b[k];
      sums[k] += k < affine->offsets.count ? affine->offsets.items[k] : 0.0;
    }
    for (int64_t j = 0; j < job->features; j++) {
      int64_t d = affine->order == UP ? j : job->features - 1 - j;
      for (int64_t k = 0; k < affine->units; k++) {
        sums[k] += (double)x[d] * (double)job->w[d * affine->units + k];
      }
    }
    for (int64_t k = 0; k < affine->units; k++) {
      float y = (float)(affine->gain * sums[k]);
      job->y[i * affine->units + k] = affine->scale->scale(affine->scale->self, y);
    }
  }
  return LAMINA_OK;
}

static int32_t forward(void *self, struct lamina_call *call)
{
  const struct affine *affine = self;
  const struct lamina_view *x = lamina_get(call, LAMINA_IN, 0);
  const struct lamina_view *y = lamina_get(call, LAMINA_OUT, 0);
  const struct lamina_view *w = lamina_get(call, LAMINA_WEIGHT, WEIGHT);
  const struct lamina_view *b = affine->bias ? lamina_get(call, LAMINA_WEIGHT, BIAS) : NULL;
  if (x == NULL || y == NULL || w == NULL || lamina_count(call, LAMINA_IN) != 1) {
    return LAMINA_E_PLUGIN;
  }
  if ((lamina_mode(call) & LAMINA_MODE_TRAIN) != 0) {
    *(float *)lamina_get(call, LAMINA_STATE, SEEN)->data += (float)x->type.dims[0];
  }
  if ((lamina_mode(call) & LAMINA_MODE_KEEP) != 0) {
    memcpy(lamina_get(call, LAMINA_SAVE, KEPT)->data, x->data,
           (size_t)lamina_type_count(&x->type) * sizeof(float));
  }
  struct job job = {call,    affine,         x->data, w->data, b == NULL ? NULL : b->data,
                    y->data, x->type.dims[1]};
  return lamina_parallel_for(call, x->type.dims[0], 2, rows, &job);
}

static void give(float *to, float value, uint32_t request)
{
  *to = request == LAMINA_ADD ? *to + value : value;
}

/* dx = s dy W^T, dW = s x^T dy, db = s sum of dy; s is the gain and the service's factor. */
static int32_t backward(void *self, struct lamina_call *call)
{
  const struct affine *affine = self;
  uint32_t want_x, want_w, want_b = LAMINA_SKIP;
  const struct lamina_view *dy = lamina_grad(call, LAMINA_OUT, 0, NULL);
  const struct lamina_view *dx = lamina_grad(call, LAMINA_IN, 0, &want_x);
  const struct lamina_view *dw = lamina_grad(call, LAMINA_WEIGHT, WEIGHT, &want_w);
  const struct lamina_view *db =
      affine->bias ? lamina_grad(call, LAMINA_WEIGHT, BIAS, &want_b) : NULL;
  const struct lamina_view *w = lamina_get(call, LAMINA_WEIGHT, WEIGHT);
  const struct lamina_view *kept = lamina_get(call, LAMINA_SAVE, KEPT);
  double *sums = lamina_scratch(call, LAMINA_SHARED);
  if (dy == NULL || w == NULL || kept == NULL || sums == NULL) {
    return LAMINA_E_PLUGIN;
  }
  int64_t n = kept->type.dims[0], features = kept->type.dims[1], units = affine->units;
  const float *x = kept->data, *g = dy->data;
  float s = affine->scale->scale(affine->scale->self, (float)affine->gain);
  for (int64_t i = 0; want_x != LAMINA_SKIP && i < n * features; i++) {
    float sum = 0.0f;
    for (int64_t k = 0; k < units; k++) {
      sum += g[i / features * units + k] * ((const float *)w->data)[i % features * units + k];
    }
    give((float *)dx->data + i, s * sum, want_x);
  }
  for (int64_t d = 0; want_w != LAMINA_SKIP && d < features; d++) {
    memset(sums, 0, (size_t)units * sizeof *sums);
    for (int64_t i = 0; i < n * units; i++) {
      sums[i % units] += (double)x[i / units * features + d] * (double)g[i];
    }
    for (int64_t k = 0; k < units; k++) {
      give((float *)dw->data + d * units + k, s * (float)sums[k], want_w);
    }
  }
  for (int64_t k = 0; want_b != LAMINA_SKIP && k < units; k++) {
    double sum = 0.0;
    for (int64_t i = 0; i < n; i++) {
      sum += (double)g[i * units + k];
    }
    give((float *)db->data + k, s * (float)sum, want_b);
  }
  return LAMINA_OK;
}

LAMINA_LAYER(affine, "1.0.0", "x W + b", struct affine, LAMINA_SETTINGS(settings), .setup = setup,
             .infer = infer, .forward = forward, .backward = backward);
