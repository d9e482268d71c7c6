/*
 * Codes: points in the space between the parts of a model, from which a decoder makes samples.
 * All of them are arrays [count, width] of float. Floor 10.
 */
#ifndef LM_ANALYSIS_CODES_H
#define LM_ANALYSIS_CODES_H

#include <stdint.h>

/** The number below which a standard normal variable stays with probability p in (0, 1). */
double lm_normal_quantile(double p);

/** Standard normal numbers, a function of seed and place alone: the first codes of a longer array
 *  are those of a shorter one. */
void lm_codes_draw(uint64_t seed, int64_t count, int64_t width, float *out);

/** Two dimensions of a code, counted from 0. */
struct lm_plane {
  int64_t across, up;
};

/**
 * A grid of side * side codes at the quantiles (i + 1/2) / side of the normal distribution in two
 * dimensions, 0 in the others; row by row from the top, so that the second dimension falls from
 * row to row. Each code stands for a square of the same probability.
 */
void lm_codes_grid(int64_t side, struct lm_plane plane, int64_t width, float *out);

/** count codes from one to another in equal steps, both included; of count 1: the first. */
void lm_codes_line(const float *from, const float *to, int64_t count, int64_t width, float *out);

#endif
