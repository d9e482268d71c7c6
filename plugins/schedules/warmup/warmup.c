/*
 * A straight line up to 1 in so many steps or epochs, and 1 from there on: for the weight of a
 * loss or another setting that is to come in by and by, or for a learning rate without decay.
 */
#include <lamina/schedule.h>

struct warmup {
  int64_t steps;
  double epochs, from;
};

static const struct lamina_setting settings[] = {
    LAMINA_I64(struct warmup, steps, "0", "[0, inf)",
               "updates until the factor is 1; 0: as epochs says"),
    LAMINA_F64(struct warmup, epochs, "1", "(0, 1e9]",
               "the same in epochs, of which fractions are allowed"),
    LAMINA_F64(struct warmup, from, "0", "[0, 1]", "factor of the first update"),
};

static double factor(const void *self, const struct lamina_progress *progress)
{
  const struct warmup *warmup = self;
  double length = warmup->steps > 0 ? (double)warmup->steps
                                    : warmup->epochs * (double)progress->steps_per_epoch;
  double step = (double)progress->step;
  return step >= length ? 1.0 : warmup->from + (1.0 - warmup->from) * (step / length);
}

LAMINA_SCHEDULE(warmup, "1.0.0", "rises linearly to 1, and stays there", struct warmup,
                LAMINA_SETTINGS(settings), .factor = factor);
