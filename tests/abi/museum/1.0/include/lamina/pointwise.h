/*
 * Elementwise layers: y = value(x) and its derivative are all that an author writes.
 *
 * LAMINA_POINTWISE makes the plugin: infer, forward, backward for every gradient request, in
 * place where that is safe, on all threads, in vector code, and the extension
 * "lamina.layer.pointwise/1" by which a host may run the function inside another layer's loop.
 * A whole activation:
 *
 *   #include <lamina/pointwise.h>
 *
 *   struct leaky_relu {
 *     double slope;
 *   };
 *
 *   static const struct lamina_setting settings[] = {
 *       LAMINA_F64(struct leaky_relu, slope, "0.01", "[0, inf)", "factor of negative inputs"),
 *   };
 *
 *   // y = x for x > 0, slope x otherwise.
 *   LAMINA_INLINE float value(const struct leaky_relu *self, float x)
 *   {
 *     return lamina_selectf(x > 0.0f, x, (float)self->slope * x);
 *   }
 *
 *   // From y: since slope >= 0, its sign is the sign of x, and x may be overwritten.
 *   LAMINA_INLINE float derivative(const struct leaky_relu *self, float y)
 *   {
 *     return lamina_selectf(y > 0.0f, 1.0f, (float)self->slope);
 *   }
 *
 *   LAMINA_POINTWISE(leaky_relu, "1.0.0", "max(x, slope x), elementwise", struct leaky_relu,
 *                    LAMINA_SETTINGS(settings), value, derivative, LAMINA_OUT);
 *
 * The two functions must be LAMINA_INLINE, without branches and calls: use lamina_selectf and
 * the functions of lamina/math.h, or a loop over them stays slow.
 */
#ifndef LAMINA_POINTWISE_H
#define LAMINA_POINTWISE_H

#include <string.h>

#include <lamina/expect.h>
#include <lamina/layer.h>
#include <lamina/math.h>

#ifdef __cplusplus
extern "C" {
#endif

#define LAMINA_POINTWISE_ID "lamina.layer.pointwise/1"

/** For READS: the derivative is a constant; its argument is 0. */
#define LAMINA_READS_NOTHING 0xffffffffu

/** Elements a chunk: 5 to 30 us of work, whatever the function. */
enum { LAMINA_POINTWISE_GRAIN = 16384 };

/**
 * A run of elements of a pass: first .. first + count - 1 of the tensor, in row-major order.
 * The pointers point to element `first`. Grows at the end.
 */
struct lamina_span {
  uint32_t size;
  uint32_t add; /* gradients: to += instead of to = */
  int64_t first, count;
  const float *from; /* x, or dy */
  const float *ref;  /* gradients: what `reads` names, NULL for LAMINA_READS_NOTHING */
  float *to;         /* y, or dx; the same memory as from, or apart from it */
};

/**
 * The extension: the layer as two functions of runs of elements. Append-only.
 *
 * self is the layer's instance and call a call of its forward or backward, in which mode and
 * random words are to be had. Both functions give an element the same bits however the tensor
 * is cut into runs, may be entered by several threads, and start no parallel loop. A host runs
 * them instead of forward and backward inside the loop of another layer: see lamina_may_fuse().
 */
struct lamina_pointwise {
  uint32_t size;
  uint32_t reads; /* what ref is: LAMINA_IN, LAMINA_OUT or LAMINA_READS_NOTHING */
  int32_t (*value)(const void *self, struct lamina_call *call, const struct lamina_span *span);
  int32_t (*gradient)(const void *self, struct lamina_call *call, const struct lamina_span *span);
};

/** to = from, or to += from: what a layer does that does nothing. */
static inline void lamina_span_pass(const struct lamina_span *span)
{
  if (span->add) {
    for (int64_t i = 0; i < span->count; i++) {
      span->to[i] += span->from[i];
    }
  } else if (span->from != span->to) {
    memcpy(span->to, span->from, (size_t)span->count * sizeof(float));
  }
}

/** A pass over whole tensors, for the body of the parallel loop. */
struct lamina_pointwise_job_ {
  int32_t (*function)(const void *self, struct lamina_call *call, const struct lamina_span *span);
  const void *self;
  struct lamina_call *call;
  struct lamina_span whole;
};

static inline int32_t lamina_pointwise_body_(void *arg, int64_t begin, int64_t end, uint32_t lane)
{
  const struct lamina_pointwise_job_ *job = (const struct lamina_pointwise_job_ *)arg;
  struct lamina_span span = job->whole;
  (void)lane;
  span.size = (uint32_t)sizeof span;
  span.first = begin;
  span.count = end - begin;
  span.from += begin;
  span.ref = span.ref == NULL ? NULL : span.ref + begin;
  span.to += begin;
  return job->function(job->self, job->call, &span);
}

/** infer() of an elementwise layer: one input, its type kept, and what may be overwritten. */
static inline int32_t lamina_pointwise_infer(const struct lamina_pointwise *table,
                                             struct lamina_plan *plan)
{
  LAMINA_TRY(lamina_expect_inputs(plan, 1));
  LAMINA_TRY(lamina_out_like(plan, 0, lamina_in_f32(plan, 0)));
  if (table->reads != LAMINA_READS_NOTHING) {
    LAMINA_TRY(lamina_bwd_reads(plan, table->reads, 0));
  }
  if (table->reads != LAMINA_IN) {
    LAMINA_TRY(lamina_may_share(plan, LAMINA_FORWARD, 0, 0));
  }
  return lamina_may_share(plan, LAMINA_BACKWARD, 0, 0);
}

/** forward() of an elementwise layer: its value function over all elements. */
static inline int32_t lamina_pointwise_forward(const struct lamina_pointwise *table,
                                               const void *self, struct lamina_call *call)
{
  struct lamina_pointwise_job_ job = {table->value, self, call, {0, 0, 0, 0, NULL, NULL, NULL}};
  const struct lamina_view *x = lamina_get(call, LAMINA_IN, 0);
  const struct lamina_view *y = lamina_get(call, LAMINA_OUT, 0);
  if (x == NULL || y == NULL) {
    return LAMINA_E_PLUGIN;
  }
  job.whole.from = (const float *)x->data;
  job.whole.to = (float *)y->data;
  return lamina_parallel_for(call, lamina_type_count(&x->type), LAMINA_POINTWISE_GRAIN,
                             lamina_pointwise_body_, &job);
}

/** backward() of an elementwise layer: its gradient function over all elements. */
static inline int32_t lamina_pointwise_backward(const struct lamina_pointwise *table,
                                                const void *self, struct lamina_call *call)
{
  struct lamina_pointwise_job_ job = {table->gradient, self, call, {0, 0, 0, 0, NULL, NULL, NULL}};
  uint32_t request = LAMINA_SKIP;
  const struct lamina_view *dx = lamina_grad(call, LAMINA_IN, 0, &request);
  if (request == LAMINA_SKIP) {
    return LAMINA_OK;
  }
  const struct lamina_view *dy = lamina_grad(call, LAMINA_OUT, 0, NULL);
  const struct lamina_view *ref =
      table->reads == LAMINA_READS_NOTHING ? dy : lamina_get(call, table->reads, 0);
  if (dx == NULL || dy == NULL || ref == NULL) {
    return LAMINA_E_PLUGIN;
  }
  job.whole.add = request == LAMINA_ADD;
  job.whole.from = (const float *)dy->data;
  job.whole.ref = table->reads == LAMINA_READS_NOTHING ? NULL : (const float *)ref->data;
  job.whole.to = (float *)dx->data;
  return lamina_parallel_for(call, lamina_type_count(&dx->type), LAMINA_POINTWISE_GRAIN,
                             lamina_pointwise_body_, &job);
}

/**
 * Defines an elementwise layer plugin.
 *
 * @param name, version, summary, T, rows, n  as of LAMINA_LAYER
 * @param value       float value(const T *self, float x)
 * @param derivative  float derivative(const T *self, float ref), of y with respect to x
 * @param READS       what ref is: LAMINA_OUT, y, and then the layer may work in place;
 *                    LAMINA_IN, x; LAMINA_READS_NOTHING
 */
#define LAMINA_POINTWISE(...) LAMINA_POINTWISE_(__VA_ARGS__)
#define LAMINA_POINTWISE_(name, version, summary, T, rows, n, value, derivative, READS)    \
  LAMINA_CLONES static void lamina_values_(const T *instance, const float *x, float *y,    \
                                           int64_t count)                                  \
  {                                                                                        \
    const T self = *instance;                                                              \
    LAMINA_INDEPENDENT                                                                     \
    for (int64_t i = 0; i < count; i++) {                                                  \
      y[i] = value(&self, x[i]);                                                           \
    }                                                                                      \
  }                                                                                        \
  LAMINA_CLONES static void lamina_gradients_write_(const T *instance,                     \
                                                    const struct lamina_span *span)        \
  {                                                                                        \
    const T self = *instance;                                                              \
    const float *dy = span->from, *ref = span->ref;                                        \
    float *dx = span->to;                                                                  \
    LAMINA_INDEPENDENT                                                                     \
    for (int64_t i = 0; i < span->count; i++) {                                            \
      dx[i] = dy[i] * derivative(&self, (READS) == LAMINA_READS_NOTHING ? 0.0f : ref[i]);  \
    }                                                                                      \
  }                                                                                        \
  LAMINA_CLONES static void lamina_gradients_add_(const T *instance,                       \
                                                  const struct lamina_span *span)          \
  {                                                                                        \
    const T self = *instance;                                                              \
    const float *dy = span->from, *ref = span->ref;                                        \
    float *dx = span->to;                                                                  \
    LAMINA_INDEPENDENT                                                                     \
    for (int64_t i = 0; i < span->count; i++) {                                            \
      dx[i] += dy[i] * derivative(&self, (READS) == LAMINA_READS_NOTHING ? 0.0f : ref[i]); \
    }                                                                                      \
  }                                                                                        \
  static int32_t lamina_value_(const void *self, struct lamina_call *call,                 \
                               const struct lamina_span *span)                             \
  {                                                                                        \
    (void)call;                                                                            \
    lamina_values_((const T *)self, span->from, span->to, span->count);                    \
    return LAMINA_OK;                                                                      \
  }                                                                                        \
  static int32_t lamina_gradient_(const void *self, struct lamina_call *call,              \
                                  const struct lamina_span *span)                          \
  {                                                                                        \
    (void)call;                                                                            \
    (span->add ? lamina_gradients_add_ : lamina_gradients_write_)((const T *)self, span);  \
    return LAMINA_OK;                                                                      \
  }                                                                                        \
  static const struct lamina_pointwise lamina_pointwise_ = {                               \
      (uint32_t)sizeof(struct lamina_pointwise), READS, lamina_value_, lamina_gradient_};  \
  static int32_t lamina_infer_(void *self, struct lamina_plan *plan)                       \
  {                                                                                        \
    (void)self;                                                                            \
    return lamina_pointwise_infer(&lamina_pointwise_, plan);                               \
  }                                                                                        \
  static int32_t lamina_forward_(void *self, struct lamina_call *call)                     \
  {                                                                                        \
    return lamina_pointwise_forward(&lamina_pointwise_, self, call);                       \
  }                                                                                        \
  static int32_t lamina_backward_(void *self, struct lamina_call *call)                    \
  {                                                                                        \
    return lamina_pointwise_backward(&lamina_pointwise_, self, call);                      \
  }                                                                                        \
  static const void *lamina_extension_(const char *id)                                     \
  {                                                                                        \
    return strcmp(id, LAMINA_POINTWISE_ID) == 0 ? &lamina_pointwise_ : NULL;               \
  }                                                                                        \
  static const struct lamina_layer lamina_table_ = {(uint32_t)sizeof(struct lamina_layer), \
                                                    0,                                     \
                                                    NULL,                                  \
                                                    lamina_infer_,                         \
                                                    lamina_forward_,                       \
                                                    lamina_backward_,                      \
                                                    lamina_extension_};                    \
  LAMINA_PLUGIN(LAYER, layer, name, version, summary, T, rows, n, &lamina_table_)

#ifdef __cplusplus
}
#endif
#endif
