/*
 * The service "lamina.gemm/1" through cblas_sgemm of OpenBLAS, on one thread: to compare with,
 * and to check results against.
 */
#define LAMINA_LICENSE "MIT"
#define LAMINA_ORIGIN "Lamina"
#include <cblas.h>

#include <lamina/service.h>

#include "sgemm/sgemm.h"

static CBLAS_TRANSPOSE order_of(const struct lm_sgemm_operand *operand)
{
  return operand->transposed ? CblasTrans : CblasNoTrans;
}

static int32_t multiply(struct lamina_call *call, const struct lm_sgemm_product *product)
{
  (void)call;
  cblas_sgemm(CblasRowMajor, order_of(&product->a), order_of(&product->b), product->m, product->n,
              product->k, 1.0f, product->a.data, product->a.stride, product->b.data,
              product->b.stride, product->add ? 1.0f : 0.0f, product->c, product->c_row);
  return LAMINA_OK;
}

static int32_t setup(void *self, struct lamina_call *call)
{
  (void)call;
  openblas_set_num_threads(1);
  lm_sgemm_setup(self, multiply, openblas_get_corename());
  return LAMINA_OK;
}

LAMINA_SERVICE(gemm_openblas, "1.0.0", "matrix products in float32 by OpenBLAS, on one thread",
               struct lm_sgemm, LAMINA_NO_SETTINGS, .setup = setup,
               .interface = lm_sgemm_interface);
