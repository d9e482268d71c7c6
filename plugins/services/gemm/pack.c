/*
 * Packing: a part of B, whatever its strides, becomes a panel whose rows follow each other in
 * memory. Columns beyond the last are zeros; what a kernel computes from them is never stored.
 * Also the transposition that kernels without their own use.
 */
#include "gemm_internal.h"

#include <string.h>

void lm_gemm_turn(const struct lm_gemm_turn *turn)
{
  for (int64_t i = 0; i < turn->rows; i++) {
    float *to = turn->to + i * turn->to_row;
    for (int64_t j = 0; j < turn->columns; j++) {
      float value = turn->from[j * turn->from_row + i];
      value = turn->add ? value + to[j] : value;
      to[j] = turn->bias != NULL ? value + turn->bias[j] : value;
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
    struct lm_gemm_turn turn = {.from = tile->b,
                                .from_row = b_column,
                                .to = tile->panel,
                                .to_row = width,
                                .rows = tile->k,
                                .columns = tile->columns};
    kernel->turn(&turn);
  } else {
    copy_strided(tile, b_column, width);
  }
  size_t padding = (size_t)(width - tile->columns) * sizeof *tile->panel;
  for (int64_t p = 0; p < tile->k && padding > 0; p++) {
    memset(tile->panel + p * width + tile->columns, 0, padding);
  }
}
