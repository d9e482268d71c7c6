/*
 * Losses: what training makes small.
 *
 * A loss has the table of a layer. Input 0 is the prediction, input 1 the target (a loss may
 * take other inputs, or one). Output 0 is one float32, rank 0: the mean over the batch. Its
 * gradient, read by lamina_grad(call, LAMINA_OUT, 0, NULL), is the weight of this loss in the
 * sum that is trained, so backward multiplies by it. Targets get LAMINA_SKIP unless they are
 * computed by the model. A batch of 0 samples has loss 0.
 */
#ifndef LAMINA_LOSS_H
#define LAMINA_LOSS_H

#include <lamina/expect.h>
#include <lamina/layer.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Computes the sum of the terms begin .. end - 1 of a loss. */
typedef int32_t (*lamina_terms_fn)(const void *work, int64_t begin, int64_t end, double *sum);

/** lamina_sum_terms() and its body share this. */
struct lamina_terms_ {
  lamina_terms_fn terms;
  const void *work;
  double *sums;
  int64_t n, grain;
};

static inline int64_t lamina_chunks_(int64_t n, int64_t grain)
{
  return n / grain + (n % grain != 0);
}

static inline int32_t lamina_terms_body_(void *arg, int64_t begin, int64_t end, uint32_t lane)
{
  const struct lamina_terms_ *job = (const struct lamina_terms_ *)arg;
  (void)lane;
  for (int64_t i = begin; i < end; i++) {
    int64_t first = i * job->grain, left = job->n - first;
    int64_t count = left < job->grain ? left : job->grain;
    LAMINA_TRY(job->terms(job->work, first, first + count, &job->sums[i]));
  }
  return LAMINA_OK;
}

/** For infer(): declares the scratch memory of lamina_sum_terms() in forward. */
static inline int32_t lamina_plan_sum(struct lamina_plan *plan, int64_t n, int64_t grain)
{
  return lamina_plan_scratch(plan, LAMINA_FORWARD,
                             (uint64_t)lamina_chunks_(n, grain) * sizeof(double), 0);
}

/**
 * Adds n terms in chunks of grain, on all threads. The chunks are added in order, as doubles,
 * so the sum has the same bits at any number of threads. [forward]
 *
 * Uses the call's shared scratch, declared by lamina_plan_sum().
 *
 * @return LAMINA_OK; the status of the first chunk that failed; LAMINA_E_PLUGIN without scratch
 */
static inline int32_t lamina_sum_terms(struct lamina_call *call, int64_t n, int64_t grain,
                                       lamina_terms_fn terms, const void *work, double *sum)
{
  int64_t chunks = lamina_chunks_(n, grain);
  struct lamina_terms_ job;
  *sum = 0.0;
  if (chunks == 0) {
    return LAMINA_OK;
  }
  job.terms = terms;
  job.work = work;
  job.sums = (double *)lamina_scratch(call, LAMINA_SHARED);
  job.n = n;
  job.grain = grain;
  if (job.sums == NULL) {
    return LAMINA_E_PLUGIN;
  }
  LAMINA_TRY(lamina_parallel_for(call, chunks, 1, lamina_terms_body_, &job));
  for (int64_t i = 0; i < chunks; i++) {
    *sum += job.sums[i];
  }
  return LAMINA_OK;
}

/** Declares output 0 of a loss: one float32. */
static inline int32_t lamina_out_loss(struct lamina_plan *plan)
{
  struct lamina_type loss = lamina_type_f32(0, NULL);
  return lamina_out(plan, 0, &loss);
}

/** Defines a loss plugin; arguments as of LAMINA_LAYER. */
#define LAMINA_LOSS(...) LAMINA_LOSS_(__VA_ARGS__)
#define LAMINA_LOSS_(name, version, summary, T, rows, n, ...)                                      \
  static const struct lamina_layer lamina_table_ = {.size = (uint32_t)sizeof(struct lamina_layer), \
                                                    __VA_ARGS__};                                  \
  LAMINA_PLUGIN(LOSS, loss, name, version, summary, T, rows, n, &lamina_table_)

#ifdef __cplusplus
}
#endif
#endif
