/*
 * A layer with one bug, which the build chooses: y[n, k] = w[k] x[n, D - 1 - k] + b, the columns
 * reversed and scaled. dx[n, D - 1 - k] = w[k] dy[n, k], and dw[k] is a sum over n, made in
 * chunks of rows. Without a bug, as layer_sound, it conforms.
 *
 * Each bug is a macro that is 0 unless the build sets it.
 */
#include <fenv.h>
#include <locale.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <lamina/epilogue.h>
#include <lamina/expect.h>
#include <lamina/layer.h>

#include "seeded.h"

enum { ROWS = 64 }; /* a chunk */

struct seeded {
  double shift;
  const float *kept; /* KEPT_POINTER */
  double first;      /* SETTING_KEPT */
  float calls;       /* STATE_NOT_SAVED */
};

static const struct lamina_setting settings[] = {
    LAMINA_F64_SCHEDULABLE(struct seeded, shift, "0", "[-1, 1]", "b, which is added"),
};

static float shared_by_all; /* SHARED_STATIC */
static volatile float sink;

static int32_t setup(void *instance, struct lamina_call *call)
{
  struct seeded *self = instance;
  self->first = self->shift;
  (void)call;
  return LAMINA_OK;
}

static int32_t infer(void *instance, struct lamina_plan *plan)
{
  struct seeded *self = instance;
  const struct lamina_type *x = lamina_in_f32(plan, 0);
  LAMINA_TRY(lamina_expect_inputs(plan, 1));
  if (x == NULL) {
    return LAMINA_E_SHAPE;
  }
  if (x->rank < 2 || (REFUSES_ONE && x->dims[0] == 1)) {
    return SILENT ? LAMINA_E_SHAPE
                  : lamina_fail(plan->call, LAMINA_E_SHAPE, "takes [N, ..., D] only");
  }
  int64_t dims[LAMINA_MAX_RANK], d = lamina_type_columns(x);
  memcpy(dims, x->dims, x->rank * sizeof *dims);
  dims[x->rank - 1] += WRONG_SHAPE;
  struct lamina_type y = lamina_type_f32(x->rank, dims), w = lamina_type_f32(1, &d);
  struct lamina_type state = lamina_type_f32(0, NULL);
  int64_t chunks = (lamina_type_rows(x) + ROWS - 1) / ROWS;
  self->shift += IMPURE;
  LAMINA_TRY(lamina_out(plan, 0, &y));
  LAMINA_TRY(lamina_weight(plan, 0, "weight", BAD_INIT ? "no_such_initializer" : "glorot", &w, d, d,
                           LAMINA_WEIGHT_DECAY));
  LAMINA_TRY(lamina_state(plan, 0, "steps", &state, 0.0));
  LAMINA_TRY(lamina_random(plan, 0));
  LAMINA_TRY(lamina_plan_scratch(plan, LAMINA_FORWARD, 64, 0));
  LAMINA_TRY(lamina_plan_scratch(plan, LAMINA_BACKWARD,
                                 (uint64_t)((chunks + 1) * d) * sizeof(float),
                                 (uint64_t)d * sizeof(float)));
  if (!UNDECLARED_READ && !KEPT_POINTER) {
    LAMINA_TRY(lamina_bwd_reads(plan, LAMINA_IN, 0));
  }
  if (DEAD_READ) {
    LAMINA_TRY(lamina_bwd_reads(plan, LAMINA_OUT, 0));
  }
  LAMINA_TRY(lamina_may_fuse(plan, LAMINA_FORWARD, 0));
  if (FALSE_SHARING) {
    LAMINA_TRY(lamina_may_share(plan, LAMINA_BACKWARD, 0, 0));
  }
  return lamina_bwd_reads(plan, LAMINA_WEIGHT, 0);
}

static void *do_nothing(void *arg)
{
  return arg;
}

/* Bugs that have nothing to do with what is computed. */
static int32_t misbehave(struct seeded *self, struct lamina_call *call, const struct lamina_view *x)
{
  int64_t n = lamina_type_count(&x->type);
  pthread_t thread;
  self->kept = x->data;
  if (ALLOCATES) {
    void *volatile block = malloc((size_t)n + 1); /* volatile: compilers remove such pairs */
    free(block);
  }
  if (STARTS_THREAD && pthread_create(&thread, NULL, do_nothing, NULL) == 0) {
    (void)pthread_join(thread, NULL);
  }
  if (PRINTS) {
    (void)printf("%d\n", (int)n);
  }
  if (ROUNDS) {
    (void)fesetround(FE_UPWARD);
  }
  if (SETS_LOCALE) {
    (void)setlocale(LC_ALL, "C.UTF-8");
  }
  if (DIVIDES && 100 / (n / (n > 0 ? n : 1)) == 0) {
    return LAMINA_E_INVALID;
  }
  if (HANGS) {
    for (;;) {
      (void)pause();
    }
  }
  if (EXITS) {
    exit(0);
  }
  if (LIES) {
    (void)lamina_fail(call, LAMINA_E_INVALID, "does not like it");
  }
  return LAMINA_OK;
}

/* What is added to every output: the setting, and bugs. */
static float shift_of(struct seeded *self, struct lamina_call *call, const float *x, int64_t n)
{
  float *state = lamina_get(call, LAMINA_STATE, 0)->data;
  float *scratch = lamina_scratch(call, LAMINA_SHARED);
  float shift = SETTING_IGNORED ? 0.0f : (float)(SETTING_KEPT ? self->first : self->shift);
  uint32_t word = 0;
  int training = (lamina_mode(call) & LAMINA_MODE_TRAIN) != 0;
  if (training) {
    *state += 1.0f;
    self->calls += 1.0f;
  }
  shift += 0.125f * *state;
  shift += STATE_NOT_SAVED * 0.125f * self->calls;
  shift += SCRATCH_KEPT && scratch[0] < 1e30f ? scratch[0] : 0.0f;
  scratch[0] = 1.0f;
  shift += SHARED_STATIC * shared_by_all;
  shared_by_all = n > 0 ? x[0] : 0.0f;
  shift += OWN_RANDOM ? (float)rand() / (float)RAND_MAX : 0.0f;
  shift += KEEP_MATTERS && (lamina_mode(call) & LAMINA_MODE_KEEP) != 0 ? 1.0f : 0.0f;
  if (RANDOM_IN_EVALUATION && !training) {
    (void)lamina_random_u32(call, 0, 0, 1, &word);
    shift += lamina_unit_f32(word);
  }
  return shift;
}

static int32_t forward(void *instance, struct lamina_call *call)
{
  struct seeded *self = instance;
  const struct lamina_view *x = lamina_get(call, LAMINA_IN, 0);
  const struct lamina_view *w = lamina_get(call, LAMINA_WEIGHT, 0);
  const struct lamina_view *y = lamina_get(call, LAMINA_OUT, 0);
  if (x == NULL || w == NULL || y == NULL || lamina_get(call, LAMINA_STATE, 0) == NULL) {
    return LAMINA_E_PLUGIN;
  }
  float *from = x->data, *to = y->data;
  const float *weight = w->data;
  int64_t d = lamina_type_columns(&x->type), n = lamina_type_count(&x->type);
  LAMINA_TRY(misbehave(self, call, x));
  float shift = shift_of(self, call, from, n);
  const struct lamina_epilogue *epilogue = lamina_epilogue(call, LAMINA_OUT, 0);
  if (HANDS_EARLY) {
    LAMINA_TRY(lamina_epilogue_apply(epilogue, 0, n));
  }
  for (int64_t i = 0; i < n; i++) {
    float value = from[i / d * d + (d - 1 - i % d)];
    value = NAN_SWALLOWED && value != value ? 0.0f : value;
    to[i] = weight[i % d] * value + shift;
  }
  if (READS_BEHIND) {
    sink = from[n];
  }
  if (READS_BEFORE) {
    sink = from[-1];
  }
  if (WRITES_BEHIND) {
    to[n] = 0.0f;
  }
  if (WRITES_INPUT && n > 0) {
    from[0] = 0.0f;
  }
  return HANDS_EARLY ? LAMINA_OK : lamina_epilogue_apply(epilogue, 0, n);
}

struct work {
  const float *x, *w, *dy;
  float *dx, *parts;
  struct lamina_call *call;
  int64_t d, rows;
  int32_t add;
};

static int32_t input_rows(void *arg, int64_t begin, int64_t end, uint32_t lane)
{
  const struct work *work = arg;
  (void)lane;
  for (int64_t i = begin * work->d; i < end * work->d; i++) {
    float *dx = &work->dx[i / work->d * work->d + (work->d - 1 - i % work->d)];
    float part = work->w[i % work->d] * work->dy[i] * (1.0f + 0.01f * WRONG_GRADIENT);
    *dx = work->add && !ADD_IGNORED ? *dx + part : part;
  }
  return LAMINA_OK;
}

/* dw of a chunk of rows; the bug adds chunks up in the order in which they happen to run. */
static int32_t weight_rows(void *arg, int64_t begin, int64_t end, uint32_t lane)
{
  const struct work *work = arg;
  float *part = work->parts + begin / ROWS * work->d;
  (void)lane;
  part = THREAD_SUM ? work->parts : part;
  memset(part, 0, THREAD_SUM ? 0 : (size_t)work->d * sizeof *part);
  for (int64_t i = begin * work->d; i < end * work->d; i++) {
    part[i % work->d] += work->x[i / work->d * work->d + (work->d - 1 - i % work->d)] * work->dy[i];
  }
  return LAMINA_OK;
}

static int32_t weight_gradient(struct work *work, float *dw)
{
  int64_t chunks = (work->rows + ROWS - 1) / ROWS;
  memset(work->parts, 0, THREAD_SUM ? (size_t)work->d * sizeof *work->parts : 0);
  LAMINA_TRY(lamina_parallel_for(work->call, work->rows, ROWS, weight_rows, work));
  for (int64_t k = 0; k < work->d; k++) {
    float sum = work->add ? dw[k] : 0.0f;
    for (int64_t c = 0; c < (THREAD_SUM && chunks > 0 ? 1 : chunks); c++) {
      sum += work->parts[c * work->d + k];
    }
    dw[k] = sum;
  }
  return LAMINA_OK;
}

static int32_t backward(void *instance, struct lamina_call *call)
{
  struct seeded *self = instance;
  uint32_t to_input, to_weight;
  const struct lamina_view *w = lamina_get(call, LAMINA_WEIGHT, 0);
  const struct lamina_view *dy = lamina_grad(call, LAMINA_OUT, 0, NULL);
  const struct lamina_view *dx = lamina_grad(call, LAMINA_IN, 0, &to_input);
  const struct lamina_view *dw = lamina_grad(call, LAMINA_WEIGHT, 0, &to_weight);
  const struct lamina_view *x = KEPT_POINTER ? w : lamina_get(call, LAMINA_IN, 0);
  if (x == NULL || w == NULL || dy == NULL) {
    return LAMINA_E_PLUGIN;
  }
  struct work work = {.x = KEPT_POINTER ? self->kept : x->data,
                      .w = w->data,
                      .dy = dy->data,
                      .dx = dx == NULL ? NULL : dx->data,
                      .parts = lamina_scratch(call, LAMINA_SHARED),
                      .call = call,
                      .d = w->type.dims[0],
                      .rows = lamina_type_rows(&dy->type)};
  if (to_weight != LAMINA_SKIP) {
    work.add = to_weight == LAMINA_ADD;
    LAMINA_TRY(weight_gradient(&work, dw->data));
  }
  work.add = to_input == LAMINA_ADD;
  return to_input == LAMINA_SKIP ? LAMINA_OK
                                 : lamina_parallel_for(call, work.rows, ROWS, input_rows, &work);
}

LAMINA_LAYER(FIXTURE, "1.0.0", "columns reversed and scaled", struct seeded,
             LAMINA_SETTINGS(settings), .setup = setup, .infer = infer, .forward = forward,
             .backward = backward);
