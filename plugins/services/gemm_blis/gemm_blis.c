/*
 * The service "lamina.gemm/1" through bli_sgemm of BLIS, on one thread: to compare with, and to
 * check results against.
 *
 * BLIS takes a stride for the rows and one for the columns of each operand, as the service
 * does, so nothing is copied. It does not know a bias: rows of C get it first, and then the
 * product is added to C.
 */
#define LAMINA_LICENSE "MIT"
#define LAMINA_ORIGIN "Lamina"
#include <stdint.h>
#include <string.h>

#include <blis.h>

#include <lamina/gemm.h>
#include <lamina/service.h>

struct gemm_blis {
  struct lamina_gemm interface;
};

static int32_t run(void *self, struct lamina_call *call, const struct lamina_gemm_task *task)
{
  (void)self;
  LAMINA_TRY(lamina_gemm_check(call, task));
  if (task->m == 0 || task->n == 0) {
    return LAMINA_OK;
  }
  float one = 1.0f;
  float beta = lamina_gemm_begin(task) ? 1.0f : 0.0f;
  if (task->k > 0) {
    /* BLIS declares what it only reads without const. */
    float *a = (float *)(uintptr_t)task->a;
    float *b = (float *)(uintptr_t)task->b;
    bli_sgemm(BLIS_NO_TRANSPOSE, BLIS_NO_TRANSPOSE, task->m, task->n, task->k, &one, a, task->a_row,
              task->a_column, b, task->b_row, task->b_column, &beta, task->c, task->c_row, 1);
  }
  return lamina_gemm_end(call, task);
}

static int32_t run_alone(void *self, struct lamina_call *call, const struct lamina_gemm_task *task,
                         void *scratch)
{
  (void)scratch;
  return run(self, call, task);
}

static void scratch(void *self, int64_t m, int64_t n, int64_t k, struct lamina_gemm_scratch *out)
{
  (void)self, (void)m, (void)n, (void)k;
  *out = (struct lamina_gemm_scratch){0};
}

static int32_t setup(void *self, struct lamina_call *call)
{
  struct gemm_blis *gemm = self;
  (void)call;
  bli_thread_set_num_threads(1);
  gemm->interface = (struct lamina_gemm){.size = sizeof gemm->interface,
                                         .self = gemm,
                                         .scratch = scratch,
                                         .run = run,
                                         .run_alone = run_alone,
                                         .isa = bli_arch_string(bli_arch_query_id())};
  return LAMINA_OK;
}

static const void *interface(void *self, const char *id)
{
  const struct gemm_blis *gemm = self;
  return strcmp(id, LAMINA_GEMM_ID) == 0 ? &gemm->interface : NULL;
}

LAMINA_SERVICE(gemm_blis, "1.0.0", "matrix products in float32 by BLIS, on one thread",
               struct gemm_blis, LAMINA_NO_SETTINGS, .setup = setup, .interface = interface);
