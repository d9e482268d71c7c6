/*
 * @NAME@: polynomial decay after a warm-up, as for large batches and transformers (You et al.,
 * "Large batch optimization for deep learning", 2020).
 *
 *   t = share of the steps after the warm-up that are done
 *   factor = floor + (1 - floor) (1 - t)^power
 *
 * A schedule is a pure function of the step, so a resumed training goes on where it was.
 *
 * SPDX-License-Identifier: MIT
 */
#define LAMINA_LICENSE "MIT"
#include <math.h>

#include <lamina/schedule.h>

struct @NAME@ {
  int64_t warmup_steps;
  double power, floor;
};

/* The YAML keys: the host checks them and fills them in. */
static const struct lamina_setting settings[] = {
    LAMINA_I64(struct @NAME@, warmup_steps, "0", "[0, inf)", "steps while the factor rises to 1"),
    LAMINA_F64(struct @NAME@, power, "1", "(0, 100]", "1: a straight line, 2: a parabola"),
    LAMINA_F64(struct @NAME@, floor, "0", "[0, 1]", "factor at the end of the training"),
};

static double factor(const void *self, const struct lamina_progress *progress)
{
  const struct @NAME@ *own = self;
  uint64_t warmup = (uint64_t)own->warmup_steps;
  if (progress->step < warmup) {
    return ((double)progress->step + 1.0) / (double)warmup;
  }
  if (progress->step >= progress->total_steps) {
    return own->floor;
  }
  double t = (double)(progress->step - warmup) / (double)(progress->total_steps - warmup);
  return own->floor + (1.0 - own->floor) * pow(1.0 - t, own->power);
}

LAMINA_SCHEDULE(@NAME@, "1.0.0", "a linear warm-up, then a polynomial down to a floor",
                struct @NAME@, LAMINA_SETTINGS(settings), .factor = factor);
