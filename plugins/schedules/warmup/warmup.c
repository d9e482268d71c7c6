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
    LAMINA_I64(struct warmup, steps, "0", "[0, inf)", "updates until the factor is 1"),
    LAMINA_F64(struct warmup, epochs, "0", "[0, 1e9]",
               "the same in epochs, of which fractions are allowed"),
    LAMINA_F64(struct warmup, from, "0", "[0, 1]", "factor of the first update"),
};

static int32_t setup(void *self, struct lamina_call *call)
{
  const struct warmup *warmup = self;
  if ((warmup->steps > 0) == (warmup->epochs > 0.0)) {
    return lamina_failf(call, LAMINA_E_INVALID,
                        "%s of steps and epochs %s above 0, expected one of them",
                        warmup->steps > 0 ? "both" : "neither", warmup->steps > 0 ? "are" : "is");
  }
  return LAMINA_OK;
}

static double factor(const void *self, const struct lamina_progress *progress)
{
  const struct warmup *warmup = self;
  double length = warmup->steps > 0 ? (double)warmup->steps
                                    : warmup->epochs * (double)progress->steps_per_epoch;
  double step = (double)progress->step;
  return step >= length ? 1.0 : warmup->from + (1.0 - warmup->from) * (step / length);
}

LAMINA_SCHEDULE(warmup, "1.0.0", "rises linearly to 1, and stays there", struct warmup,
                LAMINA_SETTINGS(settings), .setup = setup, .factor = factor);
