/* Passes over blocks of rows, each of which a thread does alone. */
#include "blocks.h"

#include <string.h>

static struct lm_rows block_of(const struct lm_blocks *blocks, int64_t block)
{
  int64_t begin = block * LM_BLOCK, rows = blocks->rows.rows;
  return lm_rows_part(&blocks->rows, begin, begin + LM_BLOCK < rows ? begin + LM_BLOCK : rows);
}

/* Distances are from the first row at first, so that no digits are lost in the mean. */
LAMINA_CLONES
static void describe(const struct lm_rows *rows, float *mean, float *squares)
{
  int64_t c = rows->c;
  const float *x = rows->x;
  float share = 1.0f / (float)rows->rows;
  memset(mean, 0, (size_t)c * sizeof *mean);
  memset(squares, 0, (size_t)c * sizeof *squares);
  for (int64_t r = 1; r < rows->rows; r++) {
    LAMINA_INDEPENDENT
    for (int64_t i = 0; i < c; i++) {
      mean[i] += x[r * c + i] - x[i];
    }
  }
  LAMINA_INDEPENDENT
  for (int64_t i = 0; i < c; i++) {
    mean[i] = x[i] + mean[i] * share;
  }
  for (int64_t r = 0; r < rows->rows; r++) {
    LAMINA_INDEPENDENT
    for (int64_t i = 0; i < c; i++) {
      float distance = x[r * c + i] - mean[i];
      squares[i] += distance * distance;
    }
  }
}

static int32_t describe_blocks(void *arg, int64_t begin, int64_t end, uint32_t lane)
{
  const struct lm_blocks *blocks = arg;
  (void)lane;
  for (int64_t block = begin; block < end; block++) {
    struct lm_rows part = block_of(blocks, block);
    describe(&part, blocks->first + block * part.c, blocks->second + block * part.c);
  }
  return LAMINA_OK;
}

int32_t lm_blocks_describe(struct lm_blocks *blocks, struct lamina_call *call)
{
  return lamina_parallel_for(call, lm_blocks_of(blocks->rows.rows), 1, describe_blocks, blocks);
}

static int32_t add_blocks(void *arg, int64_t begin, int64_t end, uint32_t lane)
{
  const struct lm_blocks *blocks = arg;
  int64_t c = blocks->rows.c;
  (void)lane;
  for (int64_t block = begin; block < end; block++) {
    struct lm_rows part = block_of(blocks, block);
    float *plain = blocks->first + block * c, *normal = blocks->second + block * c;
    memset(plain, 0, (size_t)c * sizeof *plain);
    memset(normal, 0, (size_t)c * sizeof *normal);
    lm_rows_add_sums(&part, blocks->dy + block * LM_BLOCK * c, plain, normal);
  }
  return LAMINA_OK;
}

int32_t lm_blocks_add(struct lm_blocks *blocks, struct lamina_call *call)
{
  return lamina_parallel_for(call, lm_blocks_of(blocks->rows.rows), 1, add_blocks, blocks);
}

void lm_blocks_join(const struct lm_blocks *blocks, int64_t i, double *mean, double *squares)
{
  double count = 0.0;
  *mean = *squares = 0.0;
  for (int64_t block = 0; block < lm_blocks_of(blocks->rows.rows); block++) {
    int64_t left = blocks->rows.rows - block * LM_BLOCK, at = block * blocks->rows.c + i;
    double rows = (double)(left < LM_BLOCK ? left : LM_BLOCK);
    double apart = (double)blocks->first[at] - *mean;
    *mean += apart * rows / (count + rows);
    *squares += (double)blocks->second[at] + apart * apart * count * rows / (count + rows);
    count += rows;
  }
}

double lm_blocks_sum(const struct lm_rows *rows, const float *sums, int64_t i)
{
  double sum = 0.0;
  for (int64_t block = 0; block < lm_blocks_of(rows->rows); block++) {
    sum += (double)sums[block * rows->c + i];
  }
  return sum;
}
