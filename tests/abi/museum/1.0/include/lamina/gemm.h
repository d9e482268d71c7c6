/*
 * The service "lamina.gemm/1": C = A B, or C += A B, in float32, with a bias, and with an
 * epilogue on each piece of C as it is finished.
 *
 * Element (i, p) of A is at a[i * a_row + p * a_column], and B likewise, so that a transpose
 * costs nothing but exchanged strides. C is row-major with leading dimension c_row >= n. C
 * overlaps neither A nor B. k = 0 gives zeros (plus bias), m = 0 or n = 0 does nothing.
 *
 * The result does not depend on the number of threads.
 */
#ifndef LAMINA_GEMM_H
#define LAMINA_GEMM_H

#include <stddef.h>

#include <lamina/epilogue.h>

#ifdef __cplusplus
extern "C" {
#endif

#define LAMINA_GEMM_ID "lamina.gemm/1"

/** Flags of a task. */
enum {
  LAMINA_GEMM_ADD = 1 /* add to C instead of overwriting it */
};

/** One multiplication. Grows at the end. */
struct lamina_gemm_task {
  uint32_t size, flags;
  int64_t m, n, k;
  const float *a;
  int64_t a_row, a_column;
  const float *b;
  int64_t b_row, b_column;
  float *c;
  int64_t c_row;
  const float *bias; /* [n], added to each row of C; NULL for none */
  /* Where the service finds its part of the calling layer's scratch; multiples of 64. */
  uint64_t shared_offset, lane_offset;
  /* Applied to each run of elements of C, numbered i * n + j, once it is final; then c_row is n.
     NULL for none. */
  const struct lamina_epilogue *epilogue;
};

/** Bytes of scratch that run() needs: add them to the layer's own in infer(). A layer that
 *  computes several products one after the other needs the largest of each, not the sum. */
struct lamina_gemm_scratch {
  uint64_t shared, per_lane;
};

/** The interface. Append-only. */
struct lamina_gemm {
  uint32_t size, reserved;
  void *self;

  /** What a task of this size needs, at most; pure. */
  void (*scratch)(void *self, int64_t m, int64_t n, int64_t k, struct lamina_gemm_scratch *out);

  /**
   * Computes. Uses lamina_parallel_for() and lamina_scratch() of the call, which must not be
   * inside the body of a parallel loop: lanes would share the shared part.
   */
  int32_t (*run)(void *self, struct lamina_call *call, const struct lamina_gemm_task *task);

  const char *isa; /* what computes, for people: "avx2", "openblas"; may be NULL */

  /**
   * Computes on the calling thread alone, inside or outside of a parallel body.
   * @param scratch  shared + per_lane bytes as scratch() says them, aligned; the task's offsets
   *                 have no meaning. NULL when that is 0.
   */
  int32_t (*run_alone)(void *self, struct lamina_call *call, const struct lamina_gemm_task *task,
                       void *scratch);
};

/** For services: the task's epilogue; NULL for none, or when the task is too short to have one. */
static inline const struct lamina_epilogue *lamina_gemm_epilogue(
    const struct lamina_gemm_task *task)
{
  const size_t least = offsetof(struct lamina_gemm_task, epilogue) + sizeof task->epilogue;
  return task->size < least ? NULL : task->epilogue;
}

/**
 * For services: refuses, with a sentence, a task that is too short for this interface's first
 * version, that has a negative size, or whose rows of C overlap, or are apart with an epilogue.
 */
static inline int32_t lamina_gemm_check(struct lamina_call *call,
                                        const struct lamina_gemm_task *task)
{
  const size_t least = offsetof(struct lamina_gemm_task, lane_offset) + sizeof task->lane_offset;
  if (task->size < least) {
    return lamina_failf(call, LAMINA_E_PLUGIN,
                        "a matrix product of %lu bytes, expected at least %lu",
                        (unsigned long)task->size, (unsigned long)least);
  }
  const int64_t gap = task->c_row - task->n;
  if (task->m < 0 || task->n < 0 || task->k < 0 || (task->m > 1 && gap < 0) ||
      (task->m > 1 && gap > 0 && lamina_gemm_epilogue(task) != NULL)) {
    return lamina_failf(call, LAMINA_E_SHAPE,
                        "a matrix product of [%lld, %lld] by [%lld, %lld] into rows of %lld",
                        (long long)task->m, (long long)task->k, (long long)task->k,
                        (long long)task->n, (long long)task->c_row);
  }
  return LAMINA_OK;
}

/**
 * For services over a library that knows no bias: puts the bias, or zeros where k = 0, into C.
 * @return whether the product A B is then added to C (1) or overwrites it (0)
 */
static inline int32_t lamina_gemm_begin(const struct lamina_gemm_task *task)
{
  int32_t add = (task->flags & LAMINA_GEMM_ADD) != 0;
  if (task->bias == NULL && (add || task->k > 0)) {
    return add;
  }
  for (int64_t i = 0; i < task->m; i++) {
    float *c = task->c + i * task->c_row;
    for (int64_t j = 0; j < task->n; j++) {
      c[j] = (add ? c[j] : 0.0f) + (task->bias == NULL ? 0.0f : task->bias[j]);
    }
  }
  return 1;
}

/** For services over a library that knows no epilogue: applies it to the whole of C at the end. */
static inline int32_t lamina_gemm_end(struct lamina_call *call, const struct lamina_gemm_task *task)
{
  return lamina_epilogue_all(call, lamina_gemm_epilogue(task), task->m * task->n);
}

#ifdef __cplusplus
}
#endif
#endif
