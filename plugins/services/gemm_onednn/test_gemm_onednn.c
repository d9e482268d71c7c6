/*
 * The service against double precision; what is checked is in tests/support/gemm_check.c.
 */
#include <criterion/criterion.h>

#include <lamina/testing.h>

#include "tests/support/gemm_check.h"

LAMINA_CONFORM(service, gemm_onednn)

Test(gemm_onednn, products_agree_with_double_precision)
{
  gemm_check_products("gemm_onednn");
}

Test(gemm_onednn, any_stride_is_read_right)
{
  gemm_check_strides("gemm_onednn");
}

Test(gemm_onednn, wrong_tasks_are_refused_with_a_sentence)
{
  gemm_check_refusals("gemm_onednn");
}

Test(gemm_onednn, a_size_beyond_32_bits_is_refused)
{
  gemm_check_too_large("gemm_onednn");
}
