/*
 * Products that are bound by memory: very few rows (inference of one sample) or a very short
 * sum (the weight gradient of one sample). Tiles would touch B or C in narrow strips; here
 * whole rows of B are added to rows of C, STEP at a time, or rows of a transposed B are
 * multiplied with the rows of A, so that memory is read and written in its own order.
 */
#include "gemm_internal.h"

#include <string.h>

enum {
  STEP = 8,       /* rows of B that pass at once */
  LANES = 8,      /* of a partial sum in a dot product */
  TOGETHER = 4,   /* dot products that share the loads of A */
  MOST_ROWS = 2,  /* with a B that is read once */
  MOST_DEPTH = 8, /* with a C that is written once */
  LEAST_COLUMNS = 64,
  CHUNK_COLUMNS = 256, /* 1 KiB of a row */
  CHUNK_WORK = 1 << 17
};

#define INLINE static inline __attribute__((always_inline))

typedef float lanes_type __attribute__((vector_size(LANES * sizeof(float)), aligned(4), may_alias));

/** The loops below for one instruction set. */
struct loops {
  void (*stream)(const struct lamina_gemm_task *task, int64_t begin, int64_t end, int64_t j,
                 int64_t n);
  void (*dots)(const struct lamina_gemm_task *task, int64_t begin, int64_t end);
};

struct job {
  const struct lamina_gemm_task *task;
  const struct loops *loops;
  const struct lamina_epilogue *epilogue;
};

/* Hands over columns begin .. end - 1 of all rows. */
static int32_t finish_columns(const struct job *job, int64_t begin, int64_t end)
{
  for (int64_t i = 0; job->epilogue != NULL && i < job->task->m; i++) {
    LAMINA_TRY(lamina_epilogue_apply(job->epilogue, i * job->task->n + begin, end - begin));
  }
  return LAMINA_OK;
}

/* c[j] += the sum of a[q] * b[q * b_row + j] over q < count, one after the other. */
INLINE void add_rows(float *restrict c, const float *a, const float *restrict b, int64_t b_row,
                     int count, int64_t n)
{
  for (int64_t j = 0; j < n; j++) {
    float sum = c[j];
#pragma GCC unroll 8
    for (int q = 0; q < count; q++) {
      sum += a[q] * b[q * b_row + j];
    }
    c[j] = sum;
  }
}

/* One row of C, `n` columns from b on, over p .. p + depth - 1. */
INLINE void add_block(const struct lamina_gemm_task *task, float *c, const float *a, const float *b,
                      int64_t depth, int64_t n)
{
  float factors[STEP];
  for (int64_t q = 0; q < depth; q++) {
    factors[q] = a[q * task->a_column];
  }
  if (depth == STEP) {
    add_rows(c, factors, b, task->b_row, STEP, n);
    return;
  }
  for (int64_t q = 0; q < depth; q++) {
    add_rows(c, factors + q, b + q * task->b_row, task->b_row, 1, n);
  }
}

static void begin_row(const struct lamina_gemm_task *task, float *c, int64_t j, int64_t n)
{
  if ((task->flags & LAMINA_GEMM_ADD) == 0) {
    memset(c, 0, (size_t)n * sizeof *c);
  }
  for (int64_t i = 0; task->bias != NULL && i < n; i++) {
    c[i] += task->bias[j + i];
  }
}

/* Rows i .. end - 1 of C, columns j .. j + n - 1. */
INLINE void stream(const struct lamina_gemm_task *task, int64_t begin, int64_t end, int64_t j,
                   int64_t n)
{
  for (int64_t i = begin; i < end; i++) {
    begin_row(task, task->c + i * task->c_row + j, j, n);
  }
  for (int64_t p = 0; p < task->k; p += STEP) {
    int64_t depth = task->k - p < STEP ? task->k - p : STEP;
    for (int64_t i = begin; i < end; i++) {
      add_block(task, task->c + i * task->c_row + j, task->a + i * task->a_row + p * task->a_column,
                task->b + p * task->b_row + j, depth, n);
    }
  }
}

/* The dot products of one row of A with `count` rows of a transposed B. */
INLINE void dot_rows(const float *a, const float *b, int64_t b_row, int64_t k, int count,
                     float *out)
{
  lanes_type sum[TOGETHER] = {{0}};
  int64_t whole = k - k % LANES;
  for (int64_t p = 0; p < whole; p += LANES) {
    lanes_type x = *(const lanes_type *)(const void *)(a + p);
#pragma GCC unroll 4
    for (int q = 0; q < count; q++) {
      sum[q] += x * *(const lanes_type *)(const void *)(b + q * b_row + p);
    }
  }
  for (int q = 0; q < count; q++) {
    float total = 0;
    for (int lane = 0; lane < LANES; lane++) {
      total += sum[q][lane];
    }
    for (int64_t p = whole; p < k; p++) {
      total += a[p] * b[q * b_row + p];
    }
    out[q] = total;
  }
}

/* Columns j .. j + count - 1 of row i of C. */
INLINE void dots_row(const struct lamina_gemm_task *task, int64_t i, int64_t j, int count)
{
  float out[TOGETHER];
  float *c = task->c + i * task->c_row + j;
  dot_rows(task->a + i * task->a_row, task->b + j * task->b_column, task->b_column, task->k, count,
           out);
  for (int q = 0; q < count; q++) {
    float old = (task->flags & LAMINA_GEMM_ADD) != 0 ? c[q] : 0;
    c[q] = old + (task->bias != NULL ? task->bias[j + q] : 0) + out[q];
  }
}

INLINE void dots(const struct lamina_gemm_task *task, int64_t begin, int64_t end)
{
  int64_t whole = end - (end - begin) % TOGETHER;
  for (int64_t i = 0; i < task->m; i++) {
    for (int64_t j = begin; j < whole; j += TOGETHER) {
      dots_row(task, i, j, TOGETHER);
    }
    for (int64_t j = whole; j < end; j++) {
      dots_row(task, i, j, 1);
    }
  }
}

/* The same loops, and the same bits, for several instruction sets. */
#define LOOPS(name, ...)                                                                    \
  __VA_ARGS__ static void stream_##name(const struct lamina_gemm_task *task, int64_t begin, \
                                        int64_t end, int64_t j, int64_t n)                  \
  {                                                                                         \
    stream(task, begin, end, j, n);                                                         \
  }                                                                                         \
  __VA_ARGS__ static void dots_##name(const struct lamina_gemm_task *task, int64_t begin,   \
                                      int64_t end)                                          \
  {                                                                                         \
    dots(task, begin, end);                                                                 \
  }                                                                                         \
  static const struct loops name = {stream_##name, dots_##name}

LOOPS(portable);
#ifdef LM_GEMM_X86
LOOPS(avx2, __attribute__((target("avx2,fma"))));
LOOPS(avx512, __attribute__((target("avx512f,avx512vl,fma"))));
#endif

static const struct loops *loops_of(const struct lm_gemm_kernel *kernel)
{
#ifdef LM_GEMM_X86
  if (kernel == &lm_gemm_avx512) {
    return &avx512;
  }
  if (kernel == &lm_gemm_avx2) {
    return &avx2;
  }
#endif
  (void)kernel;
  return &portable;
}

/* Few rows: a chunk is a range of columns. */
static int32_t columns_body(void *arg, int64_t begin, int64_t end, uint32_t lane)
{
  (void)lane;
  const struct job *job = arg;
  job->loops->stream(job->task, 0, job->task->m, begin, end - begin);
  return finish_columns(job, begin, end);
}

/* A short sum: a chunk is a range of rows. */
static int32_t rows_body(void *arg, int64_t begin, int64_t end, uint32_t lane)
{
  (void)lane;
  const struct job *job = arg;
  for (int64_t i = begin; i < end; i++) {
    job->loops->stream(job->task, i, i + 1, 0, job->task->n);
  }
  return lamina_epilogue_apply(job->epilogue, begin * job->task->n, (end - begin) * job->task->n);
}

static int32_t dots_body(void *arg, int64_t begin, int64_t end, uint32_t lane)
{
  (void)lane;
  const struct job *job = arg;
  job->loops->dots(job->task, begin, end);
  return finish_columns(job, begin, end);
}

/* Elements a chunk when each costs `work` multiplications, in multiples of `unit`. */
static int64_t grain(int64_t work, int64_t unit)
{
  int64_t count = CHUNK_WORK / (work > 0 ? work : 1) / unit * unit;
  return count < unit ? unit : count;
}

bool lm_gemm_stream(const struct lm_gemm_kernel *kernel, struct lamina_call *call,
                    const struct lamina_gemm_task *task, int32_t *status)
{
  struct job job = {
      .task = task, .loops = loops_of(kernel), .epilogue = lamina_gemm_epilogue(task)};
  bool straight = task->b_column == 1 && task->n >= LEAST_COLUMNS;
  if (straight && task->m <= MOST_ROWS) {
    *status = lamina_parallel_for(call, task->n, grain(task->k * task->m, CHUNK_COLUMNS),
                                  columns_body, &job);
    return true;
  }
  if (straight && task->k <= MOST_DEPTH) {
    *status = lamina_parallel_for(call, task->m, grain(task->k * task->n, 1), rows_body, &job);
    return true;
  }
  if (task->m <= MOST_ROWS && task->b_row == 1 && task->a_column == 1 && task->k >= LANES) {
    *status =
        lamina_parallel_for(call, task->n, grain(task->k * task->m, TOGETHER), dots_body, &job);
    return true;
  }
  return false;
}
