/*
 * Tiles of up to 14 rows by 2 vectors of 16 floats: 28 accumulators, two vectors of B and a
 * broadcast element of A fill the 32 registers. The rows of A are reached from one pointer for
 * every three, because an x86 address adds a stride once or twice. While a tile copies B into
 * its panel, it asks for rows of B ahead, which the hardware does not foresee across pages.
 * Also the transposition, in blocks of 16 x 16.
 *
 * Compiled for AVX-512 function by function: the plugin as a whole runs on any x86-64.
 */
#include "gemm_internal.h"

#ifdef LM_GEMM_X86

#include <immintrin.h>

#define TARGET __attribute__((target("avx512f,fma")))
#define INLINE TARGET static inline __attribute__((always_inline))

enum { ROWS = 14, LANES = 16, AHEAD = 12, POINTERS = (ROWS + 2) / 3 };

INLINE __mmask16 last_mask(int64_t columns, int vectors)
{
  int64_t rest = columns - LANES * (vectors - 1);
  return (__mmask16)((1u << rest) - 1);
}

INLINE void load_b(const float *b, __mmask16 last, int vectors, enum lm_gemm_source source,
                   __m512 *row)
{
#pragma GCC unroll 2
  for (int v = 0; v < vectors; v++) {
    if (source == LM_GEMM_PANEL) {
      row[v] = _mm512_load_ps(b + LANES * v);
    } else if (v + 1 < vectors) {
      row[v] = _mm512_loadu_ps(b + LANES * v);
    } else {
      row[v] = _mm512_maskz_loadu_ps(last, b + LANES * v);
    }
  }
}

INLINE void store(const struct lm_gemm_tile *tile, __mmask16 last, int rows, int vectors,
                  __m512 sum[ROWS][LM_GEMM_MOST_VECTORS])
{
#pragma GCC unroll 14
  for (int i = 0; i < rows; i++) {
    float *c = tile->c + i * tile->c_row;
#pragma GCC unroll 2
    for (int v = 0; v < vectors; v++) {
      __mmask16 mask = v + 1 < vectors ? (__mmask16)0xffff : last;
      __m512 value = sum[i][v];
      if (tile->add) {
        value = _mm512_add_ps(value, _mm512_maskz_loadu_ps(mask, c + LANES * v));
      }
      if (tile->bias != NULL) {
        value = _mm512_add_ps(value, _mm512_maskz_loadu_ps(mask, tile->bias + LANES * v));
      }
      _mm512_mask_storeu_ps(c + LANES * v, mask, value);
    }
  }
}

INLINE void run(const struct lm_gemm_tile *tile, int rows, int vectors, enum lm_gemm_source source)
{
  __m512 sum[ROWS][LM_GEMM_MOST_VECTORS];
  const float *a[POINTERS];
#pragma GCC unroll 14
  for (int i = 0; i < rows; i++) {
    sum[i][0] = _mm512_setzero_ps();
    sum[i][1] = _mm512_setzero_ps();
    a[i / 3] = tile->a + i / 3 * 3 * tile->a_row;
    _mm_prefetch((const char *)(tile->c + i * tile->c_row), _MM_HINT_T0);
    if (vectors > 1) {
      _mm_prefetch((const char *)(tile->c + i * tile->c_row + LANES), _MM_HINT_T0);
    }
  }
  const int64_t a_row = tile->a_row;
  const int64_t a_column = tile->a_column;
  const float *b = source == LM_GEMM_PANEL ? tile->panel : tile->b;
  const int64_t b_row = source == LM_GEMM_PANEL ? LANES * vectors : tile->b_row;
  float *panel = tile->panel;
  const __mmask16 last = last_mask(tile->columns, vectors);
  for (int64_t p = tile->k; p > 0; p--) {
    __m512 row[LM_GEMM_MOST_VECTORS];
    load_b(b, last, vectors, source, row);
    if (source != LM_GEMM_PANEL) {
      _mm_prefetch((const char *)(b + AHEAD * b_row), _MM_HINT_T0);
      if (vectors > 1) {
        _mm_prefetch((const char *)(b + AHEAD * b_row + LANES), _MM_HINT_T0);
      }
    }
    if (source == LM_GEMM_COPY) {
      _mm512_store_ps(panel, row[0]);
      if (vectors > 1) {
        _mm512_store_ps(panel + LANES, row[1]);
      }
      panel += LANES * vectors;
    }
#pragma GCC unroll 14
    for (int i = 0; i < rows; i++) {
      __m512 x = _mm512_set1_ps(a[i / 3][i % 3 * a_row]);
      sum[i][0] = _mm512_fmadd_ps(x, row[0], sum[i][0]);
      if (vectors > 1) {
        sum[i][1] = _mm512_fmadd_ps(x, row[1], sum[i][1]);
      }
    }
#pragma GCC unroll 5
    for (int i = 0; i < (rows + 2) / 3; i++) {
      a[i] += a_column;
    }
    b += b_row;
  }
  store(tile, last, rows, vectors, sum);
}

/* Sixteen rows for rounds(): the low halves of rows j and j + 4, then the high ones. A block at
 * an edge has fewer rows or columns. */
INLINE void load_pairs(const float *from, int64_t from_row, int64_t rows, int64_t columns,
                       __m512 *t)
{
  const __mmask16 mask = last_mask(columns, 1);
#pragma GCC unroll 8
  for (int pair = 0; pair < 8; pair++) {
    int j = pair + (pair & 4);
    __m512 x = _mm512_setzero_ps();
    __m512 y = _mm512_setzero_ps();
    if (j < rows) {
      x = _mm512_maskz_loadu_ps(mask, from + j * from_row);
    }
    if (j + 4 < rows) {
      y = _mm512_maskz_loadu_ps(mask, from + (j + 4) * from_row);
    }
    t[pair] = _mm512_shuffle_f32x4(x, y, 0x44);
    t[pair + 8] = _mm512_shuffle_f32x4(x, y, 0xee);
  }
}

/* The transposes of the 4 x 4 floats in each quarter of four vectors. */
INLINE void quarters(const __m512 *t, __m512 *out)
{
  __m512 u0 = _mm512_unpacklo_ps(t[0], t[1]);
  __m512 u1 = _mm512_unpackhi_ps(t[0], t[1]);
  __m512 u2 = _mm512_unpacklo_ps(t[2], t[3]);
  __m512 u3 = _mm512_unpackhi_ps(t[2], t[3]);
  out[0] = _mm512_shuffle_ps(u0, u2, 0x44);
  out[1] = _mm512_shuffle_ps(u0, u2, 0xee);
  out[2] = _mm512_shuffle_ps(u1, u3, 0x44);
  out[3] = _mm512_shuffle_ps(u1, u3, 0xee);
}

/* Eight columns of a block from eight of its pairs. */
INLINE void rounds(const __m512 *t, __m512 *out)
{
  __m512 low[4];
  __m512 high[4];
  quarters(t, low);
  quarters(t + 4, high);
#pragma GCC unroll 4
  for (int q = 0; q < 4; q++) {
    out[q] = _mm512_shuffle_f32x4(low[q], high[q], 0x88);
    out[q + 4] = _mm512_shuffle_f32x4(low[q], high[q], 0xdd);
  }
}

/* A block of up to 16 rows and columns of the result. */
INLINE void turn_block(const struct lm_gemm_turn *turn, int64_t i, int64_t j, int64_t rows,
                       int64_t columns, bool plain)
{
  __m512 t[LANES];
  __m512 out[LANES];
  const __mmask16 mask = last_mask(columns, 1);
  load_pairs(turn->from + j * turn->from_row + i, turn->from_row, columns, rows, t);
  rounds(t, out);
  rounds(t + 8, out + 8);
#pragma GCC unroll 16
  for (int row = 0; row < LANES; row++) {
    float *to = turn->to + (i + row) * turn->to_row + j;
    if (row < rows) {
      __m512 value = out[row];
      if (!plain && turn->add) {
        value = _mm512_add_ps(value, _mm512_maskz_loadu_ps(mask, to));
      }
      if (!plain && turn->bias != NULL) {
        value = _mm512_add_ps(value, _mm512_maskz_loadu_ps(mask, turn->bias + j));
      }
      _mm512_mask_storeu_ps(to, mask, value);
    }
  }
}

TARGET static void turn_avx512(const struct lm_gemm_turn *turn)
{
  for (int64_t j = 0; j < turn->columns; j += LANES) {
    int64_t columns = turn->columns - j < LANES ? turn->columns - j : LANES;
    for (int64_t i = 0; i < turn->rows; i += LANES) {
      int64_t rows = turn->rows - i < LANES ? turn->rows - i : LANES;
      if (rows == LANES && columns == LANES && !turn->add && turn->bias == NULL) {
        turn_block(turn, i, j, LANES, LANES, true);
      } else if (rows == LANES) {
        turn_block(turn, i, j, LANES, columns, false);
      } else {
        turn_block(turn, i, j, rows, columns, false);
      }
    }
  }
}

LM_GEMM_TILES(1)
LM_GEMM_TILES(2)
LM_GEMM_TILES(3)
LM_GEMM_TILES(4)
LM_GEMM_TILES(5)
LM_GEMM_TILES(6)
LM_GEMM_TILES(7)
LM_GEMM_TILES(8)
LM_GEMM_TILES(9)
LM_GEMM_TILES(10)
LM_GEMM_TILES(11)
LM_GEMM_TILES(12)
LM_GEMM_TILES(13)
LM_GEMM_TILES(14)

static bool supported(void)
{
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx2") &&
         __builtin_cpu_supports("fma");
}

const struct lm_gemm_kernel lm_gemm_avx512 = {
    .name = "avx512",
    .rows = ROWS,
    .lanes = LANES,
    .k_block = 512,
    .supported = supported,
    .turn = turn_avx512,
    .tiles = {LM_GEMM_ENTRY(1), LM_GEMM_ENTRY(2), LM_GEMM_ENTRY(3), LM_GEMM_ENTRY(4),
              LM_GEMM_ENTRY(5), LM_GEMM_ENTRY(6), LM_GEMM_ENTRY(7), LM_GEMM_ENTRY(8),
              LM_GEMM_ENTRY(9), LM_GEMM_ENTRY(10), LM_GEMM_ENTRY(11), LM_GEMM_ENTRY(12),
              LM_GEMM_ENTRY(13), LM_GEMM_ENTRY(14)},
};

#else
/* ISO C wants a declaration in every file. */
extern const struct lm_gemm_kernel lm_gemm_portable;
#endif
