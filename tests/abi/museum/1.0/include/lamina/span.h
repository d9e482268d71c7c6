/*
 * Layers that work on runs of elements, and so inside the loop of another layer.
 *
 * struct lamina_pointwise is an elementwise layer: a host may run its functions on each piece of
 * a tensor that a layer before it finishes, instead of giving it a pass of its own.
 * struct lamina_observer is a layer that has to look at all of its input before it can begin, to
 * take a mean, say: it may look at each piece while that is still in the cache. Both are
 * extensions, which a layer offers besides forward() and backward(). What follows them here are
 * those two of an elementwise layer; lamina/pointwise.h makes the whole plugin of two formulas.
 */
#ifndef LAMINA_SPAN_H
#define LAMINA_SPAN_H

#include <string.h>

#include <lamina/expect.h>
#include <lamina/layer.h>

#ifdef __cplusplus
extern "C" {
#endif

#define LAMINA_POINTWISE_ID "lamina.layer.pointwise/1"
#define LAMINA_OBSERVER_ID "lamina.layer.observer/1"

/** For `reads`: the derivative is a constant; its argument is 0. */
#define LAMINA_READS_NOTHING 0xffffffffu

enum {
  LAMINA_POINTWISE_GRAIN = 16384, /* elements a chunk: 5 to 30 us, whatever the function */
  LAMINA_POINTWISE_INPUTS = 32    /* an elementwise layer has no more inputs */
};

/**
 * A run of elements of a pass: first .. first + count - 1 of the tensor, in row-major order.
 * The pointers point to element `first`. Grows at the end.
 */
struct lamina_span {
  uint32_t size;
  uint32_t add; /* gradients: to += instead of to = */
  int64_t first, count;
  const float *from; /* x, of input 0, or dy */
  const float *ref;  /* gradients: what `reads` names, NULL for LAMINA_READS_NOTHING */
  float *to; /* y, or dx; the same memory as from or one of others, or apart; observers: NULL */
  const float *const *others; /* values: x of inputs 1, 2, ... */
  uint32_t n_others;
  uint32_t input; /* gradients: dx is that of this input */
};

/** A function of runs; the layer's instance, and a call of its forward or backward. */
typedef int32_t (*lamina_span_fn)(const void *self, struct lamina_call *call,
                                  const struct lamina_span *span);

/**
 * An elementwise layer: one output, and inputs that are all of its size. Append-only.
 *
 * The functions give an element the same bits however the tensor is cut into runs, may be
 * entered by several threads, and start no parallel loop. They may ask the call for everything
 * that forward or backward may, but scratch of a lane: mode, random words, weights, shared
 * scratch. Among the gradients of one run, that which is written over dy comes last. Where ref is
 * LAMINA_OUT, a host may call value in backward, too, to make y once more.
 */
struct lamina_pointwise {
  uint32_t size;
  uint32_t reads; /* what ref is: LAMINA_IN, LAMINA_OUT or LAMINA_READS_NOTHING */
  lamina_span_fn value;
  lamina_span_fn gradient; /* NULL: backward is no function of runs */
  uint32_t not_in;         /* LAMINA_MODE_* in which the layer is not elementwise, or 0 */
  uint32_t reserved;
  /** Before the first run of a pass, LAMINA_FORWARD or LAMINA_BACKWARD; in one thread. Optional. */
  int32_t (*prepare)(const void *self, struct lamina_call *call, uint32_t pass);
};

/**
 * A layer that can look at the pieces of its input 0 before forward(), or of the gradient of
 * output 0 before backward(). Append-only.
 *
 * The functions are entered as those above, once for every element, and write only scratch and
 * saved tensors, which last until the pass. lamina_mode() of that pass then has
 * LAMINA_MODE_OBSERVED; without it, nobody has looked.
 */
struct lamina_observer {
  uint32_t size;
  uint32_t only_in; /* LAMINA_MODE_* that a call must have to be worth it, or 0 */
  int32_t (*prepare)(const void *self, struct lamina_call *call, uint32_t pass); /* optional */
  lamina_span_fn forward, backward; /* either may be NULL */
  /** In backward, after prepare: a run of y, from the same of x, as forward made it. A host may
   *  so spare the memory in which y would have to wait. Optional; needs `backward`. */
  lamina_span_fn again;
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
  lamina_span_fn function;
  const void *self;
  struct lamina_call *call;
  struct lamina_span whole;
};

static inline int32_t lamina_pointwise_body_(void *arg, int64_t begin, int64_t end, uint32_t lane)
{
  const struct lamina_pointwise_job_ *job = (const struct lamina_pointwise_job_ *)arg;
  const float *others[LAMINA_POINTWISE_INPUTS];
  struct lamina_span span = job->whole;
  uint32_t i;
  (void)lane;
  for (i = 0; i < span.n_others; i++) {
    others[i] = span.others[i] + begin;
  }
  span.size = (uint32_t)sizeof span;
  span.first = begin;
  span.count = end - begin;
  span.from += begin;
  span.ref = span.ref == NULL ? NULL : span.ref + begin;
  span.to += begin;
  span.others = others;
  return job->function(job->self, job->call, &span);
}

/** infer() of an elementwise layer: its type kept, and what may be overwritten. */
static inline int32_t lamina_pointwise_infer_any(const struct lamina_pointwise *table,
                                                 struct lamina_plan *plan)
{
  uint32_t i;
  LAMINA_TRY(lamina_out_like(plan, 0, lamina_in_f32(plan, 0)));
  for (i = 0; i < lamina_n_in(plan); i++) {
    if (table->reads != LAMINA_READS_NOTHING && (i == 0 || table->reads == LAMINA_IN)) {
      LAMINA_TRY(lamina_bwd_reads(plan, table->reads, i));
    }
    if (table->reads != LAMINA_IN) {
      LAMINA_TRY(lamina_may_share(plan, LAMINA_FORWARD, i, 0));
    }
  }
  return lamina_may_share(plan, LAMINA_BACKWARD, 0, 0);
}

/** infer() of an elementwise layer with one input. */
static inline int32_t lamina_pointwise_infer(const struct lamina_pointwise *table,
                                             struct lamina_plan *plan)
{
  LAMINA_TRY(lamina_expect_inputs(plan, 1));
  return lamina_pointwise_infer_any(table, plan);
}

/** forward() of an elementwise layer: its value function over all elements. */
static inline int32_t lamina_pointwise_forward(const struct lamina_pointwise *table,
                                               const void *self, struct lamina_call *call)
{
  struct lamina_pointwise_job_ job = {
      table->value, self, call, {0, 0, 0, 0, NULL, NULL, NULL, NULL, 0, 0}};
  const float *inputs[LAMINA_POINTWISE_INPUTS];
  const struct lamina_view *y = lamina_get(call, LAMINA_OUT, 0);
  uint32_t count = lamina_count(call, LAMINA_IN), i;
  if (y == NULL || count == 0 || count > LAMINA_POINTWISE_INPUTS) {
    return LAMINA_E_PLUGIN;
  }
  for (i = 0; i < count; i++) {
    const struct lamina_view *x = lamina_get(call, LAMINA_IN, i);
    if (x == NULL) {
      return LAMINA_E_PLUGIN;
    }
    inputs[i] = (const float *)x->data;
  }
  if (table->prepare != NULL) {
    LAMINA_TRY(table->prepare(self, call, LAMINA_FORWARD));
  }
  job.whole.from = inputs[0];
  job.whole.to = (float *)y->data;
  job.whole.others = inputs + 1;
  job.whole.n_others = count - 1;
  return lamina_parallel_for(call, lamina_type_count(&y->type), LAMINA_POINTWISE_GRAIN,
                             lamina_pointwise_body_, &job);
}

/* The gradient of input i, if that is asked for and `over_dy` tells whether it lies over dy. */
static inline int32_t lamina_pointwise_gradient_(const struct lamina_pointwise *table,
                                                 const void *self, struct lamina_call *call,
                                                 uint32_t i, int over_dy)
{
  struct lamina_pointwise_job_ job = {
      table->gradient, self, call, {0, 0, 0, 0, NULL, NULL, NULL, NULL, 0, i}};
  uint32_t request = LAMINA_SKIP;
  const struct lamina_view *dx = lamina_grad(call, LAMINA_IN, i, &request);
  const struct lamina_view *dy = lamina_grad(call, LAMINA_OUT, 0, NULL);
  if (request == LAMINA_SKIP) {
    return LAMINA_OK;
  }
  if (dx == NULL || dy == NULL) {
    return LAMINA_E_PLUGIN;
  }
  if ((dx->data == dy->data) != (over_dy != 0)) {
    return LAMINA_OK;
  }
  if (table->reads != LAMINA_READS_NOTHING) {
    const struct lamina_view *ref =
        lamina_get(call, table->reads, table->reads == LAMINA_IN ? i : 0);
    if (ref == NULL) {
      return LAMINA_E_PLUGIN;
    }
    job.whole.ref = (const float *)ref->data;
  }
  job.whole.add = request == LAMINA_ADD;
  job.whole.from = (const float *)dy->data;
  job.whole.to = (float *)dx->data;
  return lamina_parallel_for(call, lamina_type_count(&dx->type), LAMINA_POINTWISE_GRAIN,
                             lamina_pointwise_body_, &job);
}

/** backward() of an elementwise layer: its gradient function over all elements. */
static inline int32_t lamina_pointwise_backward(const struct lamina_pointwise *table,
                                                const void *self, struct lamina_call *call)
{
  uint32_t i, count = lamina_count(call, LAMINA_IN);
  if (table->prepare != NULL) {
    LAMINA_TRY(table->prepare(self, call, LAMINA_BACKWARD));
  }
  for (i = 0; i < 2 * count; i++) { /* what lies over dy comes last */
    LAMINA_TRY(lamina_pointwise_gradient_(table, self, call, i % count, i >= count));
  }
  return LAMINA_OK;
}

#ifdef __cplusplus
}
#endif
#endif
