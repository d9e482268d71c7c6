/*
 * What the files of this plugin share.
 *
 * A product is cut into tiles of C: at most `rows` rows by at most `vectors` vectors of `lanes`
 * columns, small enough for the accumulators to stay in registers. A tile kernel runs over a
 * block of k; each element of C is one chain of additions in the order of k, so neither the
 * tile it falls into nor the thread that computes it changes its bits.
 */
#ifndef LM_GEMM_INTERNAL_H
#define LM_GEMM_INTERNAL_H

#include <stdbool.h>
#include <stdint.h>

#include <lamina/gemm.h>

enum { LM_GEMM_MOST_ROWS = 14, LM_GEMM_MOST_VECTORS = 2, LM_GEMM_MOST_WIDTH = 32 };

/** Where a tile kernel finds B. */
enum lm_gemm_source {
  LM_GEMM_DIRECT, /* rows of b_row floats; reads no more than `columns` of a row */
  LM_GEMM_COPY,   /* the same, and writes the panel to `panel` on the way */
  LM_GEMM_PANEL,  /* `panel`: rows of vectors * lanes floats, zeros beyond the columns */
  LM_GEMM_SOURCES
};

/** One tile: C = A B over k, or C += A B. */
struct lm_gemm_tile {
  const float *a;
  int64_t a_row, a_column;
  const float *b; /* DIRECT, COPY: columns are next to each other */
  int64_t b_row;
  float *panel; /* COPY, PANEL; aligned to a vector */
  float *c;
  int64_t c_row;
  const float *bias; /* of the tile's columns, or NULL */
  int64_t k, columns;
  bool add;
};

typedef void (*lm_gemm_tile_fn)(const struct lm_gemm_tile *tile);

/** A transposition: to[i][j] = from[j][i], or to[i][j] += from[j][i], for i < rows, j < columns.
 *  Nothing else is read or written. */
struct lm_gemm_turn {
  const float *from;
  int64_t from_row;
  float *to;
  int64_t to_row;
  int64_t rows, columns;
  const float *bias; /* added to each row, or NULL */
  bool add;
};

typedef void (*lm_gemm_turn_fn)(const struct lm_gemm_turn *turn);

/** One instruction set. */
struct lm_gemm_kernel {
  const char *name;
  int32_t rows, lanes;
  int32_t k_block; /* a panel of so many rows and the rows of A beside it fit into L1 */
  bool (*supported)(void);
  lm_gemm_turn_fn turn;
  /* By rows - 1, vectors - 1, source. */
  lm_gemm_tile_fn tiles[LM_GEMM_MOST_ROWS][LM_GEMM_MOST_VECTORS][LM_GEMM_SOURCES];
};

/*
 * Every kernel has the same tiles: a function for each number of rows and vectors and for each
 * source of B, made from its own run(). TARGET is the kernel's function attribute, or nothing.
 */
#define LM_GEMM_TILE(rows, vectors, source, suffix)                                      \
  TARGET static void tile_##rows##_##vectors##_##suffix(const struct lm_gemm_tile *tile) \
  {                                                                                      \
    run(tile, rows, vectors, source);                                                    \
  }
#define LM_GEMM_TILES(rows)                     \
  LM_GEMM_TILE(rows, 1, LM_GEMM_DIRECT, direct) \
  LM_GEMM_TILE(rows, 1, LM_GEMM_COPY, copy)     \
  LM_GEMM_TILE(rows, 1, LM_GEMM_PANEL, panel)   \
  LM_GEMM_TILE(rows, 2, LM_GEMM_DIRECT, direct) \
  LM_GEMM_TILE(rows, 2, LM_GEMM_COPY, copy)     \
  LM_GEMM_TILE(rows, 2, LM_GEMM_PANEL, panel)
#define LM_GEMM_ENTRY(rows)                                                \
  {                                                                        \
    {tile_##rows##_1_direct, tile_##rows##_1_copy, tile_##rows##_1_panel}, \
    {                                                                      \
      tile_##rows##_2_direct, tile_##rows##_2_copy, tile_##rows##_2_panel  \
    }                                                                      \
  }

extern const struct lm_gemm_kernel lm_gemm_portable;
#if defined(__x86_64__) && defined(__GNUC__)
#define LM_GEMM_X86 1
extern const struct lm_gemm_kernel lm_gemm_avx2;
extern const struct lm_gemm_kernel lm_gemm_avx512;
#endif

/** The columns of the widest panel of a kernel. */
static inline int64_t lm_gemm_width(const struct lm_gemm_kernel *kernel)
{
  return (int64_t)kernel->lanes * LM_GEMM_MOST_VECTORS;
}

/** Packs the tile's B, whose columns are b_column apart, into its panel. pack.c */
void lm_gemm_pack(const struct lm_gemm_kernel *kernel, const struct lm_gemm_tile *tile,
                  int64_t b_column);

/** The transposition in plain C. pack.c */
void lm_gemm_turn(const struct lm_gemm_turn *turn);

/** Whether the product leaves so many lanes empty that its transpose is computed instead: A has
 *  columns in one piece and so B of the transpose needs no packing. blocks.c */
bool lm_gemm_is_narrow(const struct lm_gemm_kernel *kernel, const struct lamina_gemm_task *task);

/** Computes a task cut into blocks, in parallel where it is worth it. blocks.c */
int32_t lm_gemm_blocks(const struct lm_gemm_kernel *kernel, struct lamina_call *call,
                       const struct lamina_gemm_task *task);
/** The same on the calling thread, with a panel in memory of the caller's. */
int32_t lm_gemm_blocks_alone(const struct lm_gemm_kernel *kernel,
                             const struct lamina_gemm_task *task, float *panel);
void lm_gemm_blocks_scratch(const struct lm_gemm_kernel *kernel, int64_t m, int64_t n, int64_t k,
                            struct lamina_gemm_scratch *out);

/** Computes a task that is bound by memory; false when it is not one. stream.c */
bool lm_gemm_stream(const struct lm_gemm_kernel *kernel, struct lamina_call *call,
                    const struct lamina_gemm_task *task, int32_t *status);

/** Computes a task that needs neither packing nor threads; false when it is not one. small.c */
bool lm_gemm_small(const struct lm_gemm_kernel *kernel, const struct lamina_gemm_task *task);

#endif
