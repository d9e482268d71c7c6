/*
 * @NAME@: the service "lamina.gemm/1" in double precision: slow, and as exact as float32 results
 * can be, so that the products of a fast one can be checked against it.
 *
 * An element of C is one sum in double, rounded once, whatever the threads. Rows of C are cut
 * among the threads. An experiment chooses it by `services: {gemm: @NAME@}`.
 *
 * SPDX-License-Identifier: MIT
 */
#define LAMINA_LICENSE "MIT"
#include <string.h>

#include <lamina/gemm.h>
#include <lamina/service.h>

enum { ROWS_A_CHUNK = 4 };

struct @NAME@ {
  struct lamina_gemm interface;
};

/* One element of C: what is there, the bias, and the sum of products. */
static float element(const struct lamina_gemm_task *task, int64_t i, int64_t j)
{
  double sum = (task->flags & LAMINA_GEMM_ADD) != 0 ? (double)task->c[i * task->c_row + j] : 0.0;
  sum += task->bias == NULL ? 0.0 : (double)task->bias[j];
  for (int64_t p = 0; p < task->k; p++) {
    sum += (double)task->a[i * task->a_row + p * task->a_column] *
           (double)task->b[p * task->b_row + j * task->b_column];
  }
  return (float)sum;
}

static int32_t multiply_rows(void *arg, int64_t begin, int64_t end, uint32_t lane)
{
  const struct lamina_gemm_task *task = arg;
  (void)lane;
  for (int64_t i = begin; i < end; i++) {
    for (int64_t j = 0; j < task->n; j++) {
      task->c[i * task->c_row + j] = element(task, i, j);
    }
  }
  return LAMINA_OK;
}

static int32_t run(void *self, struct lamina_call *call, const struct lamina_gemm_task *task)
{
  struct lamina_gemm_task copy;
  (void)self;
  LAMINA_TRY(lamina_gemm_check(call, task));
  memset(&copy, 0, sizeof copy); /* the caller's may be of an older, shorter version */
  memcpy(&copy, task, task->size < sizeof copy ? task->size : sizeof copy);
  LAMINA_TRY(lamina_parallel_for(call, copy.m, ROWS_A_CHUNK, multiply_rows, &copy));
  return lamina_gemm_end(call, task); /* layers that are fused into the caller's */
}

/* No scratch is needed. */
static void scratch(void *self, int64_t m, int64_t n, int64_t k, struct lamina_gemm_scratch *out)
{
  (void)self;
  (void)m;
  (void)n;
  (void)k;
  out->shared = 0;
  out->per_lane = 0;
}

static int32_t setup(void *self, struct lamina_call *call)
{
  struct @NAME@ *own = self;
  (void)call;
  own->interface = (struct lamina_gemm){.size = (uint32_t)sizeof own->interface,
                                        .self = own,
                                        .scratch = scratch,
                                        .run = run,
                                        .isa = "double"};
  return LAMINA_OK;
}

static const void *interface(void *self, const char *id)
{
  const struct @NAME@ *own = self;
  return strcmp(id, LAMINA_GEMM_ID) == 0 ? &own->interface : NULL;
}

LAMINA_SERVICE(@NAME@, "1.0.0", "matrix products in double precision", struct @NAME@,
               LAMINA_NO_SETTINGS, .setup = setup, .interface = interface);
