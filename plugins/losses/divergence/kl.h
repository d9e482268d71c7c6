/*
 * The divergence of a normal distribution from the standard one, for one dimension.
 */
#ifndef LM_DIVERGENCE_KL_H
#define LM_DIVERGENCE_KL_H

#include <lamina/math.h>

/* Of v = log_var: e^v and sums of many of them stay finite. */
static const float LM_KL_MOST = 80.0f;

/** KL(N(mu, e^v) || N(0, 1)) = (mu^2 + e^v - 1 - v) / 2, in nats. */
LAMINA_INLINE float lm_kl(float mu, float v)
{
  return 0.5f * (mu * mu + (lamina_expm1f(v) - v));
}

/** sum[j] += KL of column j over all rows, columns first .. first + count - 1 of d. */
LAMINA_INLINE void lm_kl_columns(const float *mu, const float *log_var, const int64_t size[2],
                                 int64_t first, int64_t count, double *sum)
{
  for (int64_t r = 0; r < size[0]; r++) {
    const float *m = mu + r * size[1] + first, *v = log_var + r * size[1] + first;
    for (int64_t j = 0; j < count; j++) {
      sum[j] += (double)lm_kl(m[j], v[j]);
    }
  }
}

#endif
