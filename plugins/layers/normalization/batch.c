/* Numbers of channels: a few rows of C, for which one thread is enough. */
#include "batch.h"

#include <math.h>

enum { FLOAT_ROWS = 6, DOUBLE_ROWS = 2, ROWS = FLOAT_ROWS + 2 * DOUBLE_ROWS };

/* Of first and second of the blocks. */
static uint64_t block_bytes(int64_t rows, int64_t c)
{
  return lm_rows_bytes(2 * lm_blocks_of(rows) * c);
}

uint64_t lm_batch_bytes(int64_t rows, int64_t c)
{
  return ROWS * lm_rows_bytes(c) + block_bytes(rows, c) +
         (uint64_t)lm_blocks_of(rows) * sizeof(int64_t);
}

void lm_batch_lay_out(struct lm_batch *batch, char *memory)
{
  struct lm_blocks *blocks = &batch->blocks;
  int64_t c = blocks->rows.c;
  float *rows[ROWS];
  for (int i = 0; i < ROWS; i++, memory += lm_rows_bytes(c)) {
    rows[i] = (float *)(void *)memory;
  }
  blocks->rows.centre = batch->centre = rows[0];
  blocks->rows.inverse = batch->inverse = rows[1];
  blocks->rows.factor = batch->factor = rows[2];
  blocks->rows.shift = batch->shift = rows[3];
  batch->plain = rows[4];
  batch->normal = rows[5];
  batch->mean = (double *)(void *)rows[FLOAT_ROWS];
  batch->squares = (double *)(void *)rows[FLOAT_ROWS + 2];
  blocks->first = (float *)(void *)memory;
  blocks->second = blocks->first + lm_blocks_of(blocks->rows.rows) * c;
  blocks->missing = (int64_t *)(void *)(memory + block_bytes(blocks->rows.rows, c));
}

void lm_batch_measure(struct lm_batch *batch, const struct lm_running *running)
{
  double rows = (double)batch->blocks.rows.rows, momentum = running->momentum;
  lm_blocks_join(&batch->blocks, batch->mean, batch->squares);
  for (int64_t i = 0; i < batch->blocks.rows.c && rows > 0.0; i++) {
    float *mean = running->mean + i, *variance = running->variance + i;
    double unbiased = batch->squares[i] / (rows > 1.0 ? rows - 1.0 : 1.0);
    batch->centre[i] = (float)batch->mean[i];
    batch->inverse[i] = (float)(1.0 / sqrt(batch->squares[i] / rows + running->epsilon));
    *mean = (float)((1.0 - momentum) * (double)*mean + momentum * batch->mean[i]);
    *variance = (float)((1.0 - momentum) * (double)*variance + momentum * unbiased);
  }
}

void lm_batch_use_running(struct lm_batch *batch, const struct lm_running *running)
{
  for (int64_t i = 0; i < batch->blocks.rows.c; i++) {
    batch->centre[i] = running->mean[i];
    batch->inverse[i] = (float)(1.0 / sqrt((double)running->variance[i] + running->epsilon));
  }
}

void lm_batch_average(struct lm_batch *batch)
{
  double rows = (double)batch->blocks.rows.rows;
  lm_blocks_sum(&batch->blocks, batch->blocks.first, batch->mean);
  lm_blocks_sum(&batch->blocks, batch->blocks.second, batch->squares);
  for (int64_t i = 0; i < batch->blocks.rows.c && rows > 0.0; i++) {
    batch->plain[i] = (float)(batch->mean[i] / rows);
    batch->normal[i] = (float)(batch->squares[i] / rows * (double)batch->blocks.rows.inverse[i]);
  }
}
