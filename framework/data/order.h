/*
 * The order of records: who is held out, and who comes when in an epoch. Pure functions of the
 * seed, so that a resumed run continues with the same samples. Floor 6.
 */
#ifndef LM_DATA_ORDER_H
#define LM_DATA_ORDER_H

#include "base/rng.h"

/** Puts 0 .. n-1 into a random order: Fisher and Yates with the stream's words at step. */
void lm_order_shuffle(int64_t *index, int64_t n, const struct lm_stream *stream, uint64_t step);

/**
 * Splits n >= 2 records: a random part of round(n * fraction), at least 1 and at most n - 1, is
 * held out. Both parts are sorted.
 * @param index  [n], in: numbers of records in ascending order; out: first those kept, then those
 *               held out
 * @return how many are kept
 */
int64_t lm_order_hold_out(int64_t *index, int64_t n, double fraction, uint64_t seed);

#endif
