/* Passes over blocks of rows, each of which a thread does alone. */
#include "blocks.h"

#include <string.h>

static struct lm_rows block_of(const struct lm_blocks *blocks, int64_t block)
{
  int64_t begin = block * LM_BLOCK, rows = blocks->rows.rows;
  return lm_rows_part(&blocks->rows, begin, begin + LM_BLOCK < rows ? begin + LM_BLOCK : rows);
}

/* Distances are from the first row at first, so that no digits are lost in the mean. Channels i to
 * i + 15; two sums of each, which do not wait for each other. */
LAMINA_CLONES
static void describe_lanes(const struct lm_rows *rows, int64_t i, float *mean, float *squares)
{
  const float *x = rows->x;
  const int64_t step = rows->c, end = rows->rows * step + i;
  const lm_lanes first = LM_LOAD(x + i);
  lm_lanes even = {0}, odd = {0};
  int64_t at = i + step;
  for (; at + step < end; at += 2 * step) {
    even += LM_LOAD(x + at) - first;
    odd += LM_LOAD(x + at + step) - first;
  }
  if (at < end) {
    even += LM_LOAD(x + at) - first;
  }
  const lm_lanes centre = first + (even + odd) * (1.0f / (float)rows->rows);
  even = odd = (lm_lanes){0};
  for (at = i; at + step < end; at += 2 * step) {
    lm_lanes one = LM_LOAD(x + at) - centre, two = LM_LOAD(x + at + step) - centre;
    even += one * one;
    odd += two * two;
  }
  if (at < end) {
    lm_lanes one = LM_LOAD(x + at) - centre;
    even += one * one;
  }
  LM_STORE(mean + i, centre);
  LM_STORE(squares + i, even + odd);
}

/* Less than LM_LANES channels. */
LAMINA_CLONES
static void describe_few(const struct lm_rows *rows, float *mean, float *squares)
{
  int64_t c = rows->c;
  const float *x = rows->x;
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
    mean[i] = x[i] + mean[i] * (1.0f / (float)rows->rows);
  }
  for (int64_t r = 0; r < rows->rows; r++) {
    LAMINA_INDEPENDENT
    for (int64_t i = 0; i < c; i++) {
      float distance = x[r * c + i] - mean[i];
      squares[i] += distance * distance;
    }
  }
}

static void describe(const struct lm_rows *rows, float *mean, float *squares)
{
  if (rows->c < LM_LANES) {
    describe_few(rows, mean, squares);
    return;
  }
  for (int64_t i = 0; i < rows->c; i += LM_LANES) {
    describe_lanes(rows, lm_lanes_at(i, rows->c), mean, squares);
  }
}

void lm_block_describe(const struct lm_blocks *blocks, int64_t block)
{
  struct lm_rows part = block_of(blocks, block);
  describe(&part, blocks->first + block * part.c, blocks->second + block * part.c);
}

void lm_block_add(const struct lm_blocks *blocks, int64_t block)
{
  int64_t c = blocks->rows.c;
  struct lm_rows part = block_of(blocks, block);
  float *plain = blocks->first + block * c, *normal = blocks->second + block * c;
  lm_rows_sums(&part, blocks->dy + block * LM_BLOCK * c, plain, normal);
}

struct walk {
  const struct lm_blocks *blocks;
  lm_block_fn function;
};

static int32_t walk_blocks(void *arg, int64_t begin, int64_t end, uint32_t lane)
{
  const struct walk *walk = arg;
  (void)lane;
  for (int64_t block = begin; block < end; block++) {
    walk->function(walk->blocks, block);
  }
  return LAMINA_OK;
}

int32_t lm_blocks_each(const struct lm_blocks *blocks, struct lamina_call *call,
                       lm_block_fn function)
{
  struct walk walk = {blocks, function};
  return lamina_parallel_for(call, lm_blocks_of(blocks->rows.rows), 1, walk_blocks, &walk);
}

static int64_t block_rows(const struct lm_blocks *blocks, int64_t block)
{
  int64_t left = blocks->rows.rows - block * LM_BLOCK;
  return left < LM_BLOCK ? left : LM_BLOCK;
}

void lm_blocks_expect(const struct lm_blocks *blocks)
{
  for (int64_t block = 0; block < lm_blocks_of(blocks->rows.rows); block++) {
    blocks->missing[block] = block_rows(blocks, block) * blocks->rows.c;
  }
}

void lm_blocks_see(const struct lm_blocks *blocks, int64_t first, int64_t count,
                   lm_block_fn function)
{
  const int64_t size = LM_BLOCK * blocks->rows.c;
  while (count > 0) {
    int64_t block = first / size, rest = (block + 1) * size - first;
    int64_t part = count < rest ? count : rest;
    /* Who brings the last element sees what the others have written. */
    if (__atomic_sub_fetch(&blocks->missing[block], part, __ATOMIC_ACQ_REL) == 0) {
      function(blocks, block);
    }
    first += part;
    count -= part;
  }
}

/* One more block, behind `count` rows. */
LAMINA_CLONES
static void join_block(const struct lm_blocks *blocks, int64_t block, double count, double *mean,
                       double *squares)
{
  int64_t c = blocks->rows.c;
  const float *first = blocks->first + block * c, *second = blocks->second + block * c;
  double rows = (double)block_rows(blocks, block), share = rows / (count + rows);
  LAMINA_INDEPENDENT
  for (int64_t i = 0; i < c; i++) {
    double apart = (double)first[i] - mean[i];
    mean[i] += apart * share;
    squares[i] += (double)second[i] + apart * apart * (share * count);
  }
}

void lm_blocks_join(const struct lm_blocks *blocks, double *mean, double *squares)
{
  int64_t c = blocks->rows.c;
  double count = 0.0;
  memset(mean, 0, (size_t)c * sizeof *mean);
  memset(squares, 0, (size_t)c * sizeof *squares);
  for (int64_t block = 0; block < lm_blocks_of(blocks->rows.rows); block++) {
    join_block(blocks, block, count, mean, squares);
    count += (double)block_rows(blocks, block);
  }
}

LAMINA_CLONES
void lm_blocks_sum(const struct lm_blocks *blocks, const float *parts, double *sums)
{
  int64_t c = blocks->rows.c;
  memset(sums, 0, (size_t)c * sizeof *sums);
  for (int64_t block = 0; block < lm_blocks_of(blocks->rows.rows); block++) {
    LAMINA_INDEPENDENT
    for (int64_t i = 0; i < c; i++) {
      sums[i] += (double)parts[block * c + i];
    }
  }
}
