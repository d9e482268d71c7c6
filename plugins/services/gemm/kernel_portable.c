/*
 * Tiles of up to 4 rows by 2 groups of 4 floats in plain C, for CPUs without a kernel of their
 * own and as the yardstick in tests. The groups are the compiler's vectors of four floats,
 * which it maps to what the machine has.
 */
#include "gemm_internal.h"

#define TARGET

#include <string.h>

#define INLINE static inline __attribute__((always_inline))

enum { ROWS = 4, LANES = 4 };

typedef float group_type __attribute__((vector_size(LANES * sizeof(float))));

/* The first `count` floats, zeros after them. */
INLINE group_type load(const float *from, int64_t count)
{
  group_type group = {0};
  if (count >= LANES) {
    memcpy(&group, from, sizeof group);
  } else {
    memcpy(&group, from, (size_t)count * sizeof *from);
  }
  return group;
}

INLINE void store(float *to, int64_t count, group_type group)
{
  memcpy(to, &group, (size_t)(count < LANES ? count : LANES) * sizeof *to);
}

INLINE void finish(const struct lm_gemm_tile *tile, int rows, int vectors,
                   group_type sum[ROWS][LM_GEMM_MOST_VECTORS])
{
  for (int i = 0; i < rows; i++) {
    for (int v = 0; v < vectors; v++) {
      float *c = tile->c + i * tile->c_row + LANES * v;
      int64_t count = tile->columns - LANES * v;
      group_type value = sum[i][v];
      if (tile->add) {
        value += load(c, count);
      }
      if (tile->bias != NULL) {
        value += load(tile->bias + LANES * v, count);
      }
      store(c, count, value);
    }
  }
}

INLINE void run(const struct lm_gemm_tile *tile, int rows, int vectors, enum lm_gemm_source source)
{
  group_type sum[ROWS][LM_GEMM_MOST_VECTORS] = {0};
  const float *a = tile->a;
  const float *b = source == LM_GEMM_PANEL ? tile->panel : tile->b;
  const int64_t b_row = source == LM_GEMM_PANEL ? LANES * vectors : tile->b_row;
  float *panel = tile->panel;
  for (int64_t p = 0; p < tile->k; p++) {
    for (int v = 0; v < vectors; v++) {
      bool whole = source == LM_GEMM_PANEL || v + 1 < vectors;
      group_type row = load(b + LANES * v, whole ? LANES : tile->columns - LANES * v);
      if (source == LM_GEMM_COPY) {
        store(panel + LANES * v, LANES, row);
      }
      for (int i = 0; i < rows; i++) {
        sum[i][v] += a[i * tile->a_row] * row;
      }
    }
    a += tile->a_column;
    b += b_row;
    if (source == LM_GEMM_COPY) {
      panel += LANES * vectors;
    }
  }
  finish(tile, rows, vectors, sum);
}

LM_GEMM_TILES(1)
LM_GEMM_TILES(2)
LM_GEMM_TILES(3)
LM_GEMM_TILES(4)

static bool supported(void)
{
  return true;
}

const struct lm_gemm_kernel lm_gemm_portable = {
    .name = "portable",
    .rows = ROWS,
    .lanes = LANES,
    .k_block = 256,
    .supported = supported,
    .turn = lm_gemm_turn,
    .tiles = {LM_GEMM_ENTRY(1), LM_GEMM_ENTRY(2), LM_GEMM_ENTRY(3), LM_GEMM_ENTRY(4)},
};
