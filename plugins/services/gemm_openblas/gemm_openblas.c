/*
 * The service "lamina.gemm/1" through cblas_sgemm of OpenBLAS, on one thread: to compare with,
 * and to check results against.
 *
 * CBLAS wants one stride of an operand to be 1. An operand that has none is cut into blocks,
 * which are copied into the scratch and multiplied one by one. What CBLAS does not know is done
 * before it is called: rows of C get the bias, and then everything is added to C.
 */
#define LAMINA_LICENSE "MIT"
#define LAMINA_ORIGIN "Lamina"
#include <limits.h>
#include <stdbool.h>
#include <string.h>

#include <cblas.h>

#include <lamina/gemm.h>
#include <lamina/service.h>

enum { BLOCK = 128 };

struct gemm_openblas {
  struct lamina_gemm interface;
};

/** An operand as CBLAS takes it. */
struct operand {
  const float *data;
  CBLAS_TRANSPOSE order;
  blasint stride;
};

static int64_t larger(int64_t a, int64_t b)
{
  return a > b ? a : b;
}

static int64_t smaller(int64_t a, int64_t b)
{
  return a < b ? a : b;
}

/* The strides of a rows x columns operand for CBLAS; false when it cannot express them. */
static bool express(const float *data, int64_t rows, int64_t columns, const int64_t strides[2],
                    struct operand *out)
{
  bool by_rows = columns == 1 || strides[1] == 1;
  bool by_columns = rows == 1 || strides[0] == 1;
  int64_t row = rows == 1 ? columns : strides[0];
  int64_t column = columns == 1 ? rows : strides[1];
  out->data = data;
  if (by_rows && row >= columns && row <= INT_MAX) {
    out->order = CblasNoTrans;
    out->stride = (blasint)row;
    return true;
  }
  if (by_columns && column >= rows && column <= INT_MAX) {
    out->order = CblasTrans;
    out->stride = (blasint)column;
    return true;
  }
  return false;
}

/* C = A B, or C += A B, of a task whose sizes fit into blasint. */
static void multiply(const struct lamina_gemm_task *task, const struct operand *a,
                     const struct operand *b, bool add)
{
  cblas_sgemm(CblasRowMajor, a->order, b->order, (blasint)task->m, (blasint)task->n,
              (blasint)task->k, 1.0f, a->data, a->stride, b->data, b->stride, add ? 1.0f : 0.0f,
              task->c, (blasint)larger(task->c_row, task->n));
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

/* Block (i, j) of C: the sum over the blocks of k of products of copies. */
static void multiply_block(const struct lamina_gemm_task *task, int64_t i, int64_t j, float *copies,
                           bool add)
{
  const int64_t a_strides[2] = {task->a_row, task->a_column};
  const int64_t b_strides[2] = {task->b_row, task->b_column};
  struct lamina_gemm_task part = *task;
  part.m = smaller(BLOCK, task->m - i);
  part.n = smaller(BLOCK, task->n - j);
  part.c = task->c + i * task->c_row + j;
  for (int64_t p = 0; p < task->k; p += BLOCK) {
    struct operand a = {copies, CblasNoTrans, BLOCK};
    struct operand b = {copies + BLOCK * BLOCK, CblasNoTrans, BLOCK};
    part.k = smaller(BLOCK, task->k - p);
    copy_block(task->a + i * task->a_row + p * task->a_column, part.m, part.k, a_strides, copies);
    copy_block(task->b + p * task->b_row + j * task->b_column, part.k, part.n, b_strides,
               copies + BLOCK * BLOCK);
    multiply(&part, &a, &b, add || p > 0);
  }
}

static int32_t multiply_copies(struct lamina_call *call, const struct lamina_gemm_task *task,
                               bool add, float *copies)
{
  if (copies == NULL) {
    return lamina_failf(call, LAMINA_E_PLUGIN, "a matrix product has no scratch");
  }
  for (int64_t i = 0; i < task->m; i += BLOCK) {
    for (int64_t j = 0; j < task->n; j += BLOCK) {
      multiply_block(task, i, j, copies, add);
    }
  }
  return LAMINA_OK;
}

static int32_t check(struct lamina_call *call, const struct lamina_gemm_task *task)
{
  LAMINA_TRY(lamina_gemm_check(call, task));
  if (larger(larger(task->m, task->n), larger(task->k, task->c_row)) > INT_MAX) {
    return lamina_failf(call, LAMINA_E_UNSUPPORTED,
                        "a matrix product has a size beyond %d, the most that CBLAS takes",
                        INT_MAX);
  }
  return LAMINA_OK;
}

static int32_t run_alone(void *self, struct lamina_call *call, const struct lamina_gemm_task *task,
                         void *scratch)
{
  (void)self;
  LAMINA_TRY(check(call, task));
  if (task->m == 0 || task->n == 0) {
    return LAMINA_OK;
  }
  bool add = lamina_gemm_begin(task);
  if (task->k == 0) {
    return lamina_gemm_end(call, task);
  }
  struct operand a;
  struct operand b;
  const int64_t a_strides[2] = {task->a_row, task->a_column};
  const int64_t b_strides[2] = {task->b_row, task->b_column};
  if (express(task->a, task->m, task->k, a_strides, &a) &&
      express(task->b, task->k, task->n, b_strides, &b)) {
    multiply(task, &a, &b, add);
  } else {
    LAMINA_TRY(multiply_copies(call, task, add, scratch));
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

static int32_t setup(void *self, struct lamina_call *call)
{
  struct gemm_openblas *gemm = self;
  (void)call;
  openblas_set_num_threads(1);
  gemm->interface = (struct lamina_gemm){.size = sizeof gemm->interface,
                                         .self = gemm,
                                         .scratch = scratch,
                                         .run = run,
                                         .run_alone = run_alone,
                                         .isa = openblas_get_corename()};
  return LAMINA_OK;
}

static const void *interface(void *self, const char *id)
{
  const struct gemm_openblas *gemm = self;
  return strcmp(id, LAMINA_GEMM_ID) == 0 ? &gemm->interface : NULL;
}

LAMINA_SERVICE(gemm_openblas, "1.0.0", "matrix products in float32 by OpenBLAS, on one thread",
               struct gemm_openblas, LAMINA_NO_SETTINGS, .setup = setup, .interface = interface);
