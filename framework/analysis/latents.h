/*
 * Codes as a map: the plane they are shown in, and what its axes are called. Floor 10.
 */
#ifndef LM_ANALYSIS_LATENTS_H
#define LM_ANALYSIS_LATENTS_H

#include "analysis/map.h"
#include "analysis/part_run.h"

/** Codes in the plane; release with lm_latents_release(). */
struct lm_latents {
  double *points; /* [count, 2] */
  char *across, *up;
};

/**
 * Puts codes into a plane: codes of two numbers as they are, one number with 0 beside it, more
 * by their two principal components, with the share of the variance in the names of the axes.
 * @param name  of the code, for the axes
 * @return LAMINA_OK; LAMINA_E_NONFINITE; LAMINA_E_INVALID for codes of no numbers; as
 *         lm_pca_make()
 */
enum lamina_status lm_latents_make(const struct lm_codes *codes, const char *name,
                                   struct lm_latents *out, struct lm_error *error) LM_MUST_CHECK;
void lm_latents_release(struct lm_latents *latents);

/** `wanted` numbers below count, evenly spaced; all of them where there are fewer. Returns how
 *  many; index has room for them. */
int64_t lm_latents_choose(int64_t count, int64_t wanted, int64_t *index);

#endif
