/*
 * What a batch normalization makes of the rows of a batch: their mean and variance in forward,
 * sums of their gradients in backward; and the memory for it.
 */
#ifndef LM_NORMALIZATION_BATCH_H
#define LM_NORMALIZATION_BATCH_H

#include "blocks.h"

/** The rows, what their blocks come to, and [C] of each of the others. */
struct lm_batch {
  struct lm_blocks blocks; /* of which the rows' centre and so on are those below at first */
  float *centre, *inverse, *factor, *shift;
  float *plain, *normal;  /* as in struct lm_rows_gradient */
  double *mean, *squares; /* and squared distances from it; or sums of dy and of dy n */
};

/** Bytes behind a struct lm_batch. */
uint64_t lm_batch_bytes(int64_t rows, int64_t c);

/** Deals memory of that size out; the number of rows and channels is set. */
void lm_batch_lay_out(struct lm_batch *batch, char *memory);

/** The running mean and variance [C], and how they follow. */
struct lm_running {
  float *mean, *variance;
  double momentum, epsilon;
};

/** centre and inverse from described blocks; the running ones follow, the variance unbiased. */
void lm_batch_measure(struct lm_batch *batch, const struct lm_running *running);

/** centre and inverse from the running ones. */
void lm_batch_use_running(struct lm_batch *batch, const struct lm_running *running);

/** mean and squares from summed blocks, plain and normal from those. */
void lm_batch_average(struct lm_batch *batch);

#endif
