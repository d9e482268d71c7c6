/*
 * The service "lamina.gemm/1" through dnnl_sgemm of oneDNN, on one thread: to compare with, and to
 * check results against. oneDNN takes the number of threads from OpenMP, so the calling thread
 * tells that 1 for as long as a product takes.
 */
#define LAMINA_LICENSE "MIT"
#define LAMINA_ORIGIN "Lamina"
#include <dnnl.h>
#include <dnnl_debug.h>

#include <lamina/service.h>

#include "sgemm/sgemm.h"

/* OpenMP's, of the calling thread alone; GCC's omp.h is not clang's. */
int omp_get_max_threads(void);
void omp_set_num_threads(int count);

static char order_of(const struct lm_sgemm_operand *operand)
{
  return operand->transposed ? 'T' : 'N';
}

static int32_t multiply(struct lamina_call *call, const struct lm_sgemm_product *product)
{
  const int before = omp_get_max_threads();
  omp_set_num_threads(1);
  dnnl_status_t status =
      dnnl_sgemm(order_of(&product->a), order_of(&product->b), product->m, product->n, product->k,
                 1.0f, product->a.data, product->a.stride, product->b.data, product->b.stride,
                 product->add ? 1.0f : 0.0f, product->c, product->c_row);
  omp_set_num_threads(before);
  if (status == dnnl_success) {
    return LAMINA_OK;
  }
  return lamina_failf(call, status == dnnl_out_of_memory ? LAMINA_E_NOMEM : LAMINA_E_INTERNAL,
                      "oneDNN says '%s' to a matrix product", dnnl_status2str(status));
}

static int32_t setup(void *self, struct lamina_call *call)
{
  (void)call;
  lm_sgemm_setup(self, multiply, "oneDNN");
  return LAMINA_OK;
}

LAMINA_SERVICE(gemm_onednn, "1.0.0", "matrix products in float32 by oneDNN, on one thread",
               struct lm_sgemm, LAMINA_NO_SETTINGS, .setup = setup,
               .interface = lm_sgemm_interface);
