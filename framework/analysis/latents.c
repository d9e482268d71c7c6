/*
 * Two numbers are shown as they are, because the axes then mean what the decoder's do.
 */
#include "analysis/latents.h"

#include <math.h>

#include "analysis/pca.h"
#include "base/memory.h"

void lm_latents_release(struct lm_latents *latents)
{
  lm_free(latents->points);
  lm_free(latents->across);
  lm_free(latents->up);
  *latents = (struct lm_latents){0};
}

static enum lamina_status check_codes(const struct lm_codes *codes, const char *name,
                                      struct lm_error *error)
{
  if (codes->width < 1) {
    return lm_fail(error, LAMINA_E_INVALID, "'%s' is a code of no numbers", name);
  }
  for (int64_t i = 0; i < codes->count * codes->width; i++) {
    if (!isfinite(codes->numbers[i])) {
      return lm_fail(error, LAMINA_E_NONFINITE, "'%s' of sample %lld (from 0) is %g", name,
                     (long long)(i / codes->width), (double)codes->numbers[i]);
    }
  }
  return LAMINA_OK;
}

static void copy_plane(const struct lm_codes *codes, const char *name, struct lm_latents *out)
{
  for (int64_t i = 0; i < codes->count; i++) {
    const float *code = codes->numbers + i * codes->width;
    out->points[2 * i] = (double)code[0];
    out->points[2 * i + 1] = codes->width > 1 ? (double)code[1] : 0.0;
  }
  out->across = lm_format("%s.0", name);
  out->up = codes->width > 1 ? lm_format("%s.1", name) : lm_copy_text("");
}

static enum lamina_status project(const struct lm_codes *codes, const char *name,
                                  struct lm_latents *out, struct lm_error *error)
{
  struct lm_pca pca;
  LM_TRY(lm_pca_make(codes->numbers, codes->count, codes->width, &pca, error));
  lm_pca_project(&pca, codes->numbers, codes->count, out->points);
  out->across = lm_format("first principal component of %s: %.1f %% of its variance", name,
                          100.0 * pca.share[0]);
  out->up = lm_format("second principal component: %.1f %%", 100.0 * pca.share[1]);
  lm_pca_release(&pca);
  return LAMINA_OK;
}

enum lamina_status lm_latents_make(const struct lm_codes *codes, const char *name,
                                   struct lm_latents *out, struct lm_error *error)
{
  *out = (struct lm_latents){0};
  LM_TRY(check_codes(codes, name, error));
  out->points = lm_alloc((size_t)codes->count, 2 * sizeof *out->points);
  enum lamina_status status = LAMINA_OK;
  if (out->points != NULL && codes->width > 2) {
    status = project(codes, name, out, error);
  } else if (out->points != NULL) {
    copy_plane(codes, name, out);
  }
  if (status == LAMINA_OK && (out->points == NULL || out->across == NULL || out->up == NULL)) {
    status = lm_fail_memory(error, 0);
  }
  if (status != LAMINA_OK) {
    lm_latents_release(out);
  }
  return status;
}

int64_t lm_latents_choose(int64_t count, int64_t wanted, int64_t *index)
{
  int64_t n = wanted < count ? wanted : count;
  for (int64_t i = 0; i < n; i++) {
    index[i] = (int64_t)((double)i * (double)count / (double)n);
  }
  return n;
}
