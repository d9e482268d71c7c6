/*
 * A BLAS wants one stride of an operand to be 1. An operand that has none is cut into blocks,
 * which are copied into the scratch and multiplied one by one. What a BLAS does not know is done
 * before it is called: rows of C get the bias, and then everything is added to C.
 */
#include "sgemm/sgemm.h"

#include <limits.h>
#include <string.h>

enum { BLOCK = 128 };

static int64_t larger(int64_t a, int64_t b)
{
  return a > b ? a : b;
}

static int64_t smaller(int64_t a, int64_t b)
{
  return a < b ? a : b;
}

/* A rows x columns operand for a BLAS; false when it cannot express the strides. */
static bool express(const float *data, int64_t rows, int64_t columns, const int64_t strides[2],
                    struct lm_sgemm_operand *out)
{
  bool by_rows = columns == 1 || strides[1] == 1;
  bool by_columns = rows == 1 || strides[0] == 1;
  int64_t row = rows == 1 ? columns : strides[0];
  int64_t column = columns == 1 ? rows : strides[1];
  out->data = data;
  if (by_rows && row >= columns && row <= INT_MAX) {
    out->transposed = false;
    out->stride = (int)row;
    return true;
  }
  if (by_columns && column >= rows && column <= INT_MAX) {
    out->transposed = true;
    out->stride = (int)column;
    return true;
  }
  return false;
}

static void copy_block(const float *data, int64_t rows, int64_t columns, const int64_t strides[2],
                       float *out)
{
  for (int64_t i = 0; i < rows; i++) {
    for (int64_t j = 0; j < columns; j++) {
      out[i * BLOCK + j] = data[i * strides[0] + j * strides[1]];
    }
  }
}

/** A product that is made of copies of blocks. */
struct copying {
  const struct lm_sgemm *gemm;
  struct lamina_call *call;
  const struct lamina_gemm_task *task;
  float *copies; /* 2 BLOCK x BLOCK */
  bool add;
};

/* Block (i, j) of C: the sum over the blocks of k of products of copies. */
static int32_t multiply_block(const struct copying *copying, int64_t i, int64_t j)
{
  const struct lamina_gemm_task *task = copying->task;
  const int64_t a_strides[2] = {task->a_row, task->a_column};
  const int64_t b_strides[2] = {task->b_row, task->b_column};
  float *a_copy = copying->copies;
  float *b_copy = a_copy + BLOCK * BLOCK;
  struct lm_sgemm_product part = {.a = {a_copy, false, BLOCK},
                                  .b = {b_copy, false, BLOCK},
                                  .m = (int)smaller(BLOCK, task->m - i),
                                  .n = (int)smaller(BLOCK, task->n - j),
                                  .c_row = (int)larger(task->c_row, task->n),
                                  .add = copying->add,
                                  .c = task->c + i * task->c_row + j};
  for (int64_t p = 0; p < task->k; p += BLOCK) {
    part.k = (int)smaller(BLOCK, task->k - p);
    copy_block(task->a + i * task->a_row + p * task->a_column, part.m, part.k, a_strides, a_copy);
    copy_block(task->b + p * task->b_row + j * task->b_column, part.k, part.n, b_strides, b_copy);
    LAMINA_TRY(copying->gemm->multiply(copying->call, &part));
    part.add = true;
  }
  return LAMINA_OK;
}

static int32_t multiply_copies(const struct copying *copying)
{
  if (copying->copies == NULL) {
    return lamina_failf(copying->call, LAMINA_E_PLUGIN, "a matrix product has no scratch");
  }
  for (int64_t i = 0; i < copying->task->m; i += BLOCK) {
    for (int64_t j = 0; j < copying->task->n; j += BLOCK) {
      LAMINA_TRY(multiply_block(copying, i, j));
    }
  }
  return LAMINA_OK;
}

static int32_t check(struct lamina_call *call, const struct lamina_gemm_task *task)
{
  LAMINA_TRY(lamina_gemm_check(call, task));
  if (larger(larger(task->m, task->n), larger(task->k, task->c_row)) > INT_MAX) {
    return lamina_failf(call, LAMINA_E_UNSUPPORTED,
                        "a matrix product has a size beyond %d, the most that a BLAS takes",
                        INT_MAX);
  }
  return LAMINA_OK;
}

static int32_t run_alone(void *self, struct lamina_call *call, const struct lamina_gemm_task *task,
                         void *scratch)
{
  const struct lm_sgemm *gemm = self;
  const int64_t a_strides[2] = {task->a_row, task->a_column};
  const int64_t b_strides[2] = {task->b_row, task->b_column};
  LAMINA_TRY(check(call, task));
  if (task->m == 0 || task->n == 0) {
    return LAMINA_OK;
  }
  struct lm_sgemm_product whole = {.m = (int)task->m,
                                   .n = (int)task->n,
                                   .k = (int)task->k,
                                   .c_row = (int)larger(task->c_row, task->n),
                                   .add = lamina_gemm_begin(task),
                                   .c = task->c};
  if (task->k > 0 && express(task->a, task->m, task->k, a_strides, &whole.a) &&
      express(task->b, task->k, task->n, b_strides, &whole.b)) {
    LAMINA_TRY(gemm->multiply(call, &whole));
  } else if (task->k > 0) {
    LAMINA_TRY(multiply_copies(&(struct copying){gemm, call, task, scratch, whole.add}));
  }
  return lamina_gemm_end(call, task);
}

static int32_t run(void *self, struct lamina_call *call, const struct lamina_gemm_task *task)
{
  char *shared = lamina_scratch(call, LAMINA_SHARED);
  return run_alone(self, call, task, shared == NULL ? NULL : shared + task->shared_offset);
}

/* Whether copies are needed depends on strides, which are not known here. */
static void scratch(void *self, int64_t m, int64_t n, int64_t k, struct lamina_gemm_scratch *out)
{
  (void)self;
  out->shared = m == 0 || n == 0 || k == 0 ? 0 : 2 * BLOCK * BLOCK * sizeof(float);
  out->per_lane = 0;
}

void lm_sgemm_setup(struct lm_sgemm *gemm, lm_sgemm_fn multiply, const char *isa)
{
  gemm->multiply = multiply;
  gemm->interface = (struct lamina_gemm){.size = sizeof gemm->interface,
                                         .self = gemm,
                                         .scratch = scratch,
                                         .run = run,
                                         .run_alone = run_alone,
                                         .isa = isa};
}

const void *lm_sgemm_interface(void *self, const char *id)
{
  const struct lm_sgemm *gemm = self;
  return strcmp(id, LAMINA_GEMM_ID) == 0 ? &gemm->interface : NULL;
}
