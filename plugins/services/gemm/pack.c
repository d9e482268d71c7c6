/*
 * Packing: a part of B, whatever its strides, becomes a panel whose rows follow each other in
 * memory. Columns beyond the last are zeros; what a kernel computes from them is never stored.
 */
#include "gemm_internal.h"

#include <string.h>

void lm_gemm_transpose(const float *src, int64_t src_row, int64_t columns, int64_t k, float *dst,
                       int64_t dst_row)
{
  for (int64_t p = 0; p < k; p++) {
    for (int64_t j = 0; j < columns; j++) {
      dst[p * dst_row + j] = src[j * src_row + p];
    }
  }
}

static void copy_strided(const struct lm_gemm_tile *tile, int64_t b_column, int64_t width)
{
  for (int64_t p = 0; p < tile->k; p++) {
    for (int64_t j = 0; j < tile->columns; j++) {
      tile->panel[p * width + j] = tile->b[p * tile->b_row + j * b_column];
    }
  }
}

void lm_gemm_pack(const struct lm_gemm_kernel *kernel, const struct lm_gemm_tile *tile,
                  int64_t b_column)
{
  int64_t width = (tile->columns + kernel->lanes - 1) / kernel->lanes * kernel->lanes;
  if (tile->b_row == 1) {
    kernel->transpose(tile->b, b_column, tile->columns, tile->k, tile->panel, width);
  } else {
    copy_strided(tile, b_column, width);
  }
  size_t padding = (size_t)(width - tile->columns) * sizeof *tile->panel;
  for (int64_t p = 0; p < tile->k && padding > 0; p++) {
    memset(tile->panel + p * width + tile->columns, 0, padding);
  }
}
