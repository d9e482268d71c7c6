/*
 * Fusion, as the layer sees it into which others are fused: a matrix product, a convolution.
 *
 * In infer() it says lamina_may_fuse() of a tensor; in the pass it asks for the tensor's
 * epilogue and hands every finished piece over. The elementwise layers beside it then run while
 * the piece is in the cache. What they are is the host's affair; see lamina/span.h.
 */
#ifndef LAMINA_EPILOGUE_H
#define LAMINA_EPILOGUE_H

#include <lamina/host.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * What the host wants done with each finished piece of a tensor: the layers that it fused into
 * this one. Append-only.
 */
struct lamina_epilogue {
  uint32_t size, reserved;
  void *self;
  /** For elements first .. first + count - 1 in row-major order. Any thread, any order. */
  int32_t (*apply)(void *self, int64_t first, int64_t count);
};

/**
 * What is to be done with each finished piece of a tensor that lamina_may_fuse() named: output
 * `index` (LAMINA_OUT) in forward, the gradient of input `index` (LAMINA_IN) in backward.
 * [compute]
 *
 * The layer calls lamina_epilogue_apply() exactly once for every element, after the last write
 * to it, best while it is in the cache; afterwards the element is no longer its own. Inside a
 * parallel body this is allowed. A pass that leaves elements out fails.
 *
 * @return borrowed until the function returns; NULL when there is nothing to do
 */
static inline const struct lamina_epilogue *lamina_epilogue(struct lamina_call *call, uint32_t what,
                                                            uint32_t index)
{
  return call->host->epilogue(call, what, index);
}

/** Hands a finished run of elements over; epilogue NULL does nothing. [compute] */
static inline int32_t lamina_epilogue_apply(const struct lamina_epilogue *epilogue, int64_t first,
                                            int64_t count)
{
  return epilogue == NULL ? LAMINA_OK : epilogue->apply(epilogue->self, first, count);
}

/** What the body of lamina_epilogue_all() needs. */
struct lamina_epilogue_job_ {
  const struct lamina_epilogue *epilogue;
};

static inline int32_t lamina_epilogue_body_(void *arg, int64_t begin, int64_t end, uint32_t lane)
{
  const struct lamina_epilogue_job_ *job = (const struct lamina_epilogue_job_ *)arg;
  (void)lane;
  return lamina_epilogue_apply(job->epilogue, begin, end - begin);
}

/**
 * Hands over all `count` elements of a tensor at its end, for code that does not have them piece
 * by piece; epilogue NULL does nothing. Not inside a parallel body. [compute]
 */
static inline int32_t lamina_epilogue_all(struct lamina_call *call,
                                          const struct lamina_epilogue *epilogue, int64_t count)
{
  struct lamina_epilogue_job_ job;
  job.epilogue = epilogue;
  if (epilogue == NULL) {
    return LAMINA_OK;
  }
  return lamina_parallel_for(call, count, 16384, lamina_epilogue_body_, &job);
}

#ifdef __cplusplus
}
#endif
#endif
