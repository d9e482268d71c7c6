/*
 * Packing: a part of B, whatever its strides, becomes a panel whose rows follow each other in
 * memory. Columns beyond the last are zeros; what a kernel computes from them is never stored.
 */
#include "gemm_internal.h"

#include <string.h>

void lm_gemm_transpose(const float *src, int64_t src_row, int64_t columns, int64_t k,
                       float *dst, int64_t dst_row)
{
  for (int64_t p = 0; p < k; p++) {
    for (int64_t j = 0; j < columns; j++) {
      dst[p * dst_row + j] = src[j * src_row + p];
    }
  }
}

static void copy_strided(const float *b, int64_t b_row, int64_t b_column, int64_t k,
                         int64_t columns, float *panel, int64_t width)
{
  for (int64_t p = 0; p < k; p++) {
    for (int64_t j = 0; j < columns; j++) {
      panel[p * width + j] = b[p * b_row + j * b_column];
    }
  }
}

void lm_gemm_pack(const struct lm_gemm_kernel *kernel, const float *b, int64_t b_row,
                  int64_t b_column, int64_t k, int64_t columns, float *panel)
{
  int64_t width = (columns + kernel->lanes - 1) / kernel->lanes * kernel->lanes;
  if (b_row == 1) {
    kernel->transpose(b, b_column, columns, k, panel, width);
  } else {
    copy_strided(b, b_row, b_column, k, columns, panel, width);
  }
  size_t padding = (size_t)(width - columns) * sizeof *panel;
  for (int64_t p = 0; p < k && padding > 0; p++) {
    memset(panel + p * width + columns, 0, padding);
  }
}
