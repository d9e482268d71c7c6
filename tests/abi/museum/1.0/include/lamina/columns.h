/*
 * Sums of the columns of a matrix: the gradient of a bias.
 *
 * Rows are summed in blocks of a fixed size, then the blocks in their order, so the bits do not
 * depend on the number of threads.
 */
#ifndef LAMINA_COLUMNS_H
#define LAMINA_COLUMNS_H

#include <string.h>

#include <lamina/host.h>
#include <lamina/math.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { LAMINA_COLUMNS_ROWS_ = 256, LAMINA_COLUMNS_WIDTH_ = 1024 };

/** A dense row-major matrix [rows, columns] and where its sums go. */
struct lamina_columns {
  const float *matrix;
  int64_t rows, columns;
  float *out;   /* [columns] */
  uint32_t add; /* to out += instead of to out = */
  uint32_t unused;
  float *scratch; /* lamina_columns_bytes(), aligned; not used when rows = 0 */
};

/** Scratch that lamina_sum_columns() needs, in whole alignments: one row for each block. */
static inline uint64_t lamina_columns_bytes(int64_t rows, int64_t columns)
{
  uint64_t blocks = (uint64_t)((rows + LAMINA_COLUMNS_ROWS_ - 1) / LAMINA_COLUMNS_ROWS_);
  uint64_t bytes = blocks * (uint64_t)columns * sizeof(float);
  return (bytes + LAMINA_ALIGNMENT - 1) / LAMINA_ALIGNMENT * LAMINA_ALIGNMENT;
}

/* sum[j] += the sum over rows of m[i * stride + j]. */
LAMINA_CLONES
static inline void lamina_add_rows_(float *sum, const float *m, int64_t rows, int64_t columns,
                                    int64_t stride)
{
  for (int64_t i = 0; i < rows; i++) {
    const float *row = m + i * stride;
    LAMINA_INDEPENDENT
    for (int64_t j = 0; j < columns; j++) {
      sum[j] += row[j];
    }
  }
}

/* Piece number i: block of rows i / pieces, columns from i % pieces on. */
static inline int32_t lamina_columns_body_(void *arg, int64_t begin, int64_t end, uint32_t lane)
{
  const struct lamina_columns *work = (const struct lamina_columns *)arg;
  int64_t pieces = (work->columns + LAMINA_COLUMNS_WIDTH_ - 1) / LAMINA_COLUMNS_WIDTH_;
  (void)lane;
  for (int64_t i = begin; i < end; i++) {
    int64_t block = i / pieces, row = block * LAMINA_COLUMNS_ROWS_;
    int64_t column = i % pieces * LAMINA_COLUMNS_WIDTH_;
    int64_t rows = work->rows - row, columns = work->columns - column;
    const int64_t most_rows = LAMINA_COLUMNS_ROWS_, width = LAMINA_COLUMNS_WIDTH_;
    float *sum = work->scratch + block * work->columns + column;
    rows = rows < most_rows ? rows : most_rows;
    columns = columns < width ? columns : width;
    memset(sum, 0, (size_t)columns * sizeof *sum);
    lamina_add_rows_(sum, work->matrix + row * work->columns + column, rows, columns,
                     work->columns);
  }
  return LAMINA_OK;
}

/** out[j] = (or +=) the sum of column j. [compute] */
static inline int32_t lamina_sum_columns(struct lamina_call *call, struct lamina_columns *work)
{
  int64_t blocks = (work->rows + LAMINA_COLUMNS_ROWS_ - 1) / LAMINA_COLUMNS_ROWS_;
  int64_t pieces = (work->columns + LAMINA_COLUMNS_WIDTH_ - 1) / LAMINA_COLUMNS_WIDTH_;
  if (blocks > 0 && work->scratch == NULL) {
    return LAMINA_E_PLUGIN;
  }
  LAMINA_TRY(lamina_parallel_for(call, blocks * pieces, 1, lamina_columns_body_, work));
  if (!work->add) {
    memset(work->out, 0, (size_t)work->columns * sizeof *work->out);
  }
  lamina_add_rows_(work->out, work->scratch, blocks, work->columns, work->columns);
  return LAMINA_OK;
}

/**
 * The gradient of weight number `weight`, a bias [K], from dy [N, ..., K]. Works in the first
 * lamina_columns_bytes(rows, K) of the shared scratch. [backward]
 */
static inline int32_t lamina_bias_gradient(struct lamina_call *call, const struct lamina_view *dy,
                                           uint32_t weight)
{
  uint32_t request = LAMINA_SKIP;
  struct lamina_columns work;
  const struct lamina_view *db = lamina_grad(call, LAMINA_WEIGHT, weight, &request);
  if (request == LAMINA_SKIP) {
    return LAMINA_OK;
  }
  if (db == NULL) {
    return LAMINA_E_PLUGIN;
  }
  work.matrix = (const float *)dy->data;
  work.rows = lamina_type_rows(&dy->type);
  work.columns = lamina_type_columns(&dy->type);
  work.out = (float *)db->data;
  work.add = request == LAMINA_ADD;
  work.unused = 0;
  work.scratch = (float *)lamina_scratch(call, LAMINA_SHARED);
  return lamina_sum_columns(call, &work);
}

#ifdef __cplusplus
}
#endif
#endif
