/*
 * The service against double precision; what is checked is in tests/support/gemm_check.c.
 */
#include <criterion/criterion.h>

#include <lamina/testing.h>

#include "tests/support/gemm_check.h"

LAMINA_CONFORM(service, gemm_blis)

Test(gemm_blis, products_agree_with_double_precision)
{
  gemm_check_products("gemm_blis");
}

Test(gemm_blis, any_stride_is_read_right)
{
  gemm_check_strides("gemm_blis");
}

Test(gemm_blis, wrong_tasks_are_refused_with_a_sentence)
{
  gemm_check_refusals("gemm_blis");
}
