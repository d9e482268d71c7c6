/*
 * Principal components: the two directions in which points spread most. Floor 10.
 */
#ifndef LM_ANALYSIS_PCA_H
#define LM_ANALYSIS_PCA_H

#include <stdint.h>

#include "base/error.h"

enum { LM_PCA_MOST = 512 }; /* dimensions: the work grows with their third power */

/** Two principal axes; release with lm_pca_release(). */
struct lm_pca {
  int64_t width;
  double *mean;    /* [width] */
  double *axes[2]; /* [width] unit vectors; the largest of their elements by size is positive */
  double share[2]; /* of the whole variance; 0 where there is none */
};

/**
 * Finds the axes of points with at least two dimensions.
 * @param points  [count, width], finite
 * @return LAMINA_OK; LAMINA_E_UNSUPPORTED over LM_PCA_MOST dimensions; LAMINA_E_NOMEM
 */
enum lamina_status lm_pca_make(const float *points, int64_t count, int64_t width,
                               struct lm_pca *out, struct lm_error *error) LM_MUST_CHECK;
void lm_pca_release(struct lm_pca *pca);

/** Coordinates [count, 2] of points along the axes. */
void lm_pca_project(const struct lm_pca *pca, const float *points, int64_t count, double *out);

#endif
