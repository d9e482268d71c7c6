/*
 * Tiles of up to 6 rows by 2 vectors of 8 floats: 12 accumulators, two vectors of B and two
 * broadcast elements of A fill the 16 registers; see kernel_avx512.c for what the two have in
 * common. Also the transposition, in blocks of 8 x 8.
 *
 * Compiled for AVX2 and FMA function by function: the plugin as a whole runs on any x86-64.
 */
#include "gemm_internal.h"

#ifdef LM_GEMM_X86

#include <immintrin.h>

#define TARGET __attribute__((target("avx2,fma")))
#define INLINE TARGET static inline __attribute__((always_inline))

enum { ROWS = 6, LANES = 8, AHEAD = 12, POINTERS = (ROWS + 2) / 3 };

/* The first `columns` - LANES * (vectors - 1) lanes. */
INLINE __m256i last_mask(int64_t columns, int vectors)
{
  static const int32_t table[2 * LANES] = {-1, -1, -1, -1, -1, -1, -1, -1};
  int64_t rest = columns - LANES * (vectors - 1);
  return _mm256_loadu_si256((const __m256i *)(const void *)(table + LANES - rest));
}

INLINE void load_b(const float *b, __m256i last, int vectors, enum lm_gemm_source source,
                   __m256 *row)
{
#pragma GCC unroll 2
  for (int v = 0; v < vectors; v++) {
    if (source == LM_GEMM_PANEL) {
      row[v] = _mm256_load_ps(b + LANES * v);
    } else if (v + 1 < vectors) {
      row[v] = _mm256_loadu_ps(b + LANES * v);
    } else {
      row[v] = _mm256_maskload_ps(b + LANES * v, last);
    }
  }
}

/* Masked stores are slow on some CPUs, so whole vectors are kept apart. */
INLINE void store(const struct lm_gemm_tile *tile, __m256i last, int rows, int vectors,
                  __m256 sum[ROWS][LM_GEMM_MOST_VECTORS])
{
  bool whole = tile->columns == LANES * vectors;
#pragma GCC unroll 6
  for (int i = 0; i < rows; i++) {
    float *c = tile->c + i * tile->c_row;
#pragma GCC unroll 2
    for (int v = 0; v < vectors; v++) {
      bool masked = v + 1 == vectors && !whole;
      __m256 value = sum[i][v];
      if (tile->add) {
        value = _mm256_add_ps(value, masked ? _mm256_maskload_ps(c + LANES * v, last)
                                            : _mm256_loadu_ps(c + LANES * v));
      }
      if (tile->bias != NULL) {
        const float *bias = tile->bias + LANES * v;
        value =
            _mm256_add_ps(value, masked ? _mm256_maskload_ps(bias, last) : _mm256_loadu_ps(bias));
      }
      if (masked) {
        _mm256_maskstore_ps(c + LANES * v, last, value);
      } else {
        _mm256_storeu_ps(c + LANES * v, value);
      }
    }
  }
}

INLINE void run(const struct lm_gemm_tile *tile, int rows, int vectors, enum lm_gemm_source source)
{
  __m256 sum[ROWS][LM_GEMM_MOST_VECTORS];
  const float *a[POINTERS];
#pragma GCC unroll 6
  for (int i = 0; i < rows; i++) {
    sum[i][0] = _mm256_setzero_ps();
    sum[i][1] = _mm256_setzero_ps();
    a[i / 3] = tile->a + i / 3 * 3 * tile->a_row;
    _mm_prefetch((const char *)(tile->c + i * tile->c_row), _MM_HINT_T0);
  }
  const int64_t a_row = tile->a_row;
  const int64_t a_column = tile->a_column;
  const float *b = source == LM_GEMM_PANEL ? tile->panel : tile->b;
  const int64_t b_row = source == LM_GEMM_PANEL ? LANES * vectors : tile->b_row;
  float *panel = tile->panel;
  const __m256i last = last_mask(tile->columns, vectors);
  for (int64_t p = tile->k; p > 0; p--) {
    __m256 row[LM_GEMM_MOST_VECTORS];
    load_b(b, last, vectors, source, row);
    if (source != LM_GEMM_PANEL) {
      _mm_prefetch((const char *)(b + AHEAD * b_row), _MM_HINT_T0);
    }
    if (source == LM_GEMM_COPY) {
      _mm256_store_ps(panel, row[0]);
      if (vectors > 1) {
        _mm256_store_ps(panel + LANES, row[1]);
      }
      panel += LANES * vectors;
    }
#pragma GCC unroll 6
    for (int i = 0; i < rows; i++) {
      __m256 x = _mm256_broadcast_ss(a[i / 3] + i % 3 * a_row);
      sum[i][0] = _mm256_fmadd_ps(x, row[0], sum[i][0]);
      if (vectors > 1) {
        sum[i][1] = _mm256_fmadd_ps(x, row[1], sum[i][1]);
      }
    }
#pragma GCC unroll 2
    for (int i = 0; i < (rows + 2) / 3; i++) {
      a[i] += a_column;
    }
    b += b_row;
  }
  store(tile, last, rows, vectors, sum);
}

/* Eight rows for rounds(): the low halves of rows j and j + 4, then the high ones. A block at
 * an edge has fewer rows or columns. */
INLINE void load_pairs(const float *from, int64_t from_row, int64_t rows, int64_t columns,
                       __m256 *t)
{
  bool whole = rows == LANES && columns == LANES;
  const __m256i mask = last_mask(columns, 1);
#pragma GCC unroll 4
  for (int j = 0; j < 4; j++) {
    const float *low = from + j * from_row;
    const float *high = low + 4 * from_row;
    if (whole) {
      t[j] = _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(low)), _mm_loadu_ps(high), 1);
      t[j + 4] = _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(low + 4)),
                                      _mm_loadu_ps(high + 4), 1);
    } else {
      __m256 x = j < rows ? _mm256_maskload_ps(low, mask) : _mm256_setzero_ps();
      __m256 y = j + 4 < rows ? _mm256_maskload_ps(high, mask) : _mm256_setzero_ps();
      t[j] = _mm256_permute2f128_ps(x, y, 0x20);
      t[j + 4] = _mm256_permute2f128_ps(x, y, 0x31);
    }
  }
}

/* Four columns of a block from four of its pairs. */
INLINE void rounds(const __m256 *t, __m256 *out)
{
  __m256 u0 = _mm256_unpacklo_ps(t[0], t[1]);
  __m256 u1 = _mm256_unpackhi_ps(t[0], t[1]);
  __m256 u2 = _mm256_unpacklo_ps(t[2], t[3]);
  __m256 u3 = _mm256_unpackhi_ps(t[2], t[3]);
  out[0] = _mm256_shuffle_ps(u0, u2, 0x44);
  out[1] = _mm256_shuffle_ps(u0, u2, 0xee);
  out[2] = _mm256_shuffle_ps(u1, u3, 0x44);
  out[3] = _mm256_shuffle_ps(u1, u3, 0xee);
}

/* A block of up to 8 rows and columns of the result. */
INLINE void turn_block(const struct lm_gemm_turn *turn, int64_t i, int64_t j, int64_t rows,
                       int64_t columns, bool plain)
{
  __m256 t[LANES];
  __m256 out[LANES];
  const __m256i mask = last_mask(columns, 1);
  load_pairs(turn->from + j * turn->from_row + i, turn->from_row, columns, rows, t);
  rounds(t, out);
  rounds(t + 4, out + 4);
#pragma GCC unroll 8
  for (int row = 0; row < LANES; row++) {
    float *to = turn->to + (i + row) * turn->to_row + j;
    if (row < rows) {
      __m256 value = out[row];
      if (!plain && turn->add) {
        value = _mm256_add_ps(value, _mm256_maskload_ps(to, mask));
      }
      if (!plain && turn->bias != NULL) {
        value = _mm256_add_ps(value, _mm256_maskload_ps(turn->bias + j, mask));
      }
      if (columns == LANES) {
        _mm256_storeu_ps(to, value);
      } else {
        _mm256_maskstore_ps(to, mask, value);
      }
    }
  }
}

TARGET static void turn_avx2(const struct lm_gemm_turn *turn)
{
  for (int64_t j = 0; j < turn->columns; j += LANES) {
    int64_t columns = turn->columns - j < LANES ? turn->columns - j : LANES;
    for (int64_t i = 0; i < turn->rows; i += LANES) {
      int64_t rows = turn->rows - i < LANES ? turn->rows - i : LANES;
      if (rows == LANES && columns == LANES && !turn->add && turn->bias == NULL) {
        turn_block(turn, i, j, LANES, LANES, true);
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

static bool supported(void)
{
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}

const struct lm_gemm_kernel lm_gemm_avx2 = {
    .name = "avx2",
    .rows = ROWS,
    .lanes = LANES,
    .k_block = 400,
    .supported = supported,
    .turn = turn_avx2,
    .tiles = {LM_GEMM_ENTRY(1), LM_GEMM_ENTRY(2), LM_GEMM_ENTRY(3), LM_GEMM_ENTRY(4),
              LM_GEMM_ENTRY(5), LM_GEMM_ENTRY(6)},
};

#else
/* ISO C wants a declaration in every file. */
extern const struct lm_gemm_kernel lm_gemm_portable;
#endif
