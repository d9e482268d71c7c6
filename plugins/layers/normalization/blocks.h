/*
 * Mean, variance and sums of the columns of a tall matrix [rows, C].
 *
 * Rows are taken in blocks of fixed size. Each block makes its mean and its sum of squared
 * distances from it, in two passes while the block is in the cache; blocks are joined in their
 * order by Chan, Golub, LeVeque: "Updating formulae and a pairwise algorithm for computing sample
 * variances", 1979. So nothing is lost when the mean is large, at any number of threads.
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
  const float *dy; /* for lm_blocks_add() */
  float *first, *second;
};

/** first = means of blocks, second = sums of squared distances from them. */
int32_t lm_blocks_describe(struct lm_blocks *blocks, struct lamina_call *call);

/** first = sums of dy, second = sums of dy n, see rows.h. */
int32_t lm_blocks_add(struct lm_blocks *blocks, struct lamina_call *call);

/** Joins described blocks: mean and sum of squared distances of channel i. */
void lm_blocks_join(const struct lm_blocks *blocks, int64_t i, double *mean, double *squares);

/** The sum of channel i over blocks of sums. */
double lm_blocks_sum(const struct lm_rows *rows, const float *sums, int64_t i);

#endif
