/*
 * Random numbers by counter: Philox4x32-10 (Salmon, Moraes, Dror, Shaw: "Parallel random
 * numbers: as easy as 1, 2, 3", SC 2011).
 *
 * A stream is a key made of the run's seed and a name ("init/dense1/weight", "shuffle",
 * "node/dropout1"). Word i of a stream at a step and purpose is a pure function; nothing is
 * stored, so threads, order and resuming cannot change it. Floor 0.
 */
#ifndef LM_BASE_RNG_H
#define LM_BASE_RNG_H

#include <stdint.h>

/** A stream's key. */
struct lm_stream {
  uint32_t key[2];
};

/** One block: out = Philox4x32-10 of counter under key. */
void lm_philox4x32(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]);

/** The stream of a name under a seed: the name's 64-bit hash, enciphered with the seed. */
struct lm_stream lm_stream_make(uint64_t seed, const char *name);

/**
 * Words first .. first+n-1 at (step, purpose). Counter layout: {block, block >> 32,
 * step, (step >> 32) << 8 | purpose} with block = word / 4; purpose < 256, step < 2^56.
 */
void lm_stream_fill(const struct lm_stream *stream, uint64_t step, uint32_t purpose, uint64_t first,
                    uint64_t n, uint32_t *out);

/** One number in 0 .. bound-1 without bias, from words `word`, `word` + 1 ... of the stream at
 *  step; bound >= 1. Rejected draws take words from purposes 1, 2, ... at the same position. */
uint64_t lm_stream_below(const struct lm_stream *stream, uint64_t step, uint64_t word,
                         uint64_t bound);

#endif
