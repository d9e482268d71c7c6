/*
 * Mean, variance and sums of the columns of a tall matrix [rows, C].
 *
 * Rows are taken in blocks of fixed size. Each block makes its mean and its sum of squared
 * distances from it, in two passes while the block is in the cache; blocks are joined in their
 * order by Chan, Golub, LeVeque: "Updating formulae and a pairwise algorithm for computing sample
 * variances", 1979. So nothing is lost when the mean is large, at any number of threads.
 *
 * The blocks are described either all at once, or each when its last element is there, by
 * whoever brought that: the numbers are the same.
 */
#ifndef LM_NORMALIZATION_BLOCKS_H
#define LM_NORMALIZATION_BLOCKS_H

#include "rows.h"

enum { LM_BLOCK = 128 }; /* rows */

static inline int64_t lm_blocks_of(int64_t rows)
{
  return (rows + LM_BLOCK - 1) / LM_BLOCK;
}

/** What the blocks of a matrix come to: two rows of C for each. */
struct lm_blocks {
  struct lm_rows rows;
  const float *dy; /* for lm_block_add() */
  float *first, *second;
  int64_t *missing; /* elements that are still to come, block by block */
};

typedef void (*lm_block_fn)(const struct lm_blocks *blocks, int64_t block);

/** first = mean of the block, second = sum of the squared distances from it. */
void lm_block_describe(const struct lm_blocks *blocks, int64_t block);

/** first = sum of dy, second = sum of dy n, see rows.h. */
void lm_block_add(const struct lm_blocks *blocks, int64_t block);

/** Calls the function for each block, on all threads. */
int32_t lm_blocks_each(const struct lm_blocks *blocks, struct lamina_call *call,
                       lm_block_fn function);

/** Nothing is there so far. */
void lm_blocks_expect(const struct lm_blocks *blocks);

/** These elements are there: calls the function for the blocks that they complete. Any thread. */
void lm_blocks_see(const struct lm_blocks *blocks, int64_t first, int64_t count,
                   lm_block_fn function);

/** Joins described blocks: mean[c] and squares[c], the sum of squared distances from it. */
void lm_blocks_join(const struct lm_blocks *blocks, double *mean, double *squares);

/** sums[c] = the sum of `parts`, first or second, over the blocks. */
void lm_blocks_sum(const struct lm_blocks *blocks, const float *parts, double *sums);

#endif
