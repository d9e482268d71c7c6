/*
 * A linear rise over the first warmup_steps, then half a cosine from 1 down to floor
 * (Loshchilov and Hutter, "SGDR", ICLR 2017, without restarts).
 */
#include <math.h>

#include <lamina/schedule.h>

struct cosine {
  int64_t warmup_steps;
  double floor;
};

static const struct lamina_setting settings[] = {
    LAMINA_I64(struct cosine, warmup_steps, "0", "[0, inf)", "steps while the factor rises to 1"),
    LAMINA_F64(struct cosine, floor, "0", "[0, 1]", "factor at the end of the training"),
};

static double factor(const void *self, const struct lamina_progress *progress)
{
  const struct cosine *cosine = self;
  uint64_t warmup = (uint64_t)cosine->warmup_steps;
  double done;
  if (progress->step < warmup) {
    return lamina_warmup(progress, cosine->warmup_steps);
  }
  if (progress->step >= progress->total_steps) {
    return cosine->floor;
  }
  done = (double)(progress->step - warmup) / (double)(progress->total_steps - warmup);
  return cosine->floor + (1.0 - cosine->floor) * 0.5 * (1.0 + cos(3.141592653589793 * done));
}

LAMINA_SCHEDULE(cosine, "1.0.0", "a linear warm-up, then half a cosine down to a floor",
                struct cosine, LAMINA_SETTINGS(settings), .factor = factor);
