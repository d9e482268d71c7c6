/*
 * The service "lamina.gemm/1" through the sgemm of a BLAS: what plugins over such libraries have
 * in common. A plugin gives lm_sgemm_interface() its function that multiplies.
 */
#ifndef LM_SGEMM_SGEMM_H
#define LM_SGEMM_SGEMM_H

#include <stdbool.h>

#include <lamina/gemm.h>

/** An operand as a BLAS takes it: rows `stride` apart, or the transpose of such a matrix. */
struct lm_sgemm_operand {
  const float *data;
  bool transposed;
  int stride;
};

/** C = A B, or C += A B; A [m, k], B [k, n], C [m, n] with rows c_row apart, all at least 1. */
struct lm_sgemm_product {
  struct lm_sgemm_operand a, b;
  int m, n, k, c_row;
  bool add;
  float *c;
};

/** Multiplies, on one thread. Refusals tell the call. */
typedef int32_t (*lm_sgemm_fn)(struct lamina_call *call, const struct lm_sgemm_product *product);

/** An instance begins with this. */
struct lm_sgemm {
  struct lamina_gemm interface;
  lm_sgemm_fn multiply;
};

/** setup() of such a service. isa: what the library says about its kernels, kept. */
void lm_sgemm_setup(struct lm_sgemm *gemm, lm_sgemm_fn multiply, const char *isa);

/** interface() of such a service. */
const void *lm_sgemm_interface(void *self, const char *id);

#endif
