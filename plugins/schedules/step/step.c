/*
 * The learning rate falls by a factor every so many epochs or steps, and stays in between. It may
 * rise linearly at first; the falls are counted from the beginning of the training all the same.
 */
#include <math.h>

#include <lamina/schedule.h>

enum { EPOCHS = 0, STEPS = 1 };

struct step {
  int64_t every, warmup_steps;
  double factor;
  int32_t unit, reserved;
};

static const struct lamina_setting settings[] = {
    LAMINA_I64_REQUIRED(struct step, every, "[1, inf)", "epochs or steps between two falls"),
    LAMINA_CHOICE(struct step, unit, "epochs", "epochs|steps", "what `every` counts"),
    LAMINA_F64(struct step, factor, "0.1", "(0, 1]", "factor on the learning rate at each fall"),
    LAMINA_I64(struct step, warmup_steps, "0", "[0, inf)", "steps while the factor rises to 1"),
};

static double factor(const void *self, const struct lamina_progress *progress)
{
  const struct step *step = self;
  uint64_t time = progress->step;
  if (step->unit == EPOCHS) {
    time /= progress->steps_per_epoch;
  }
  return lamina_warmup(progress, step->warmup_steps) *
         pow(step->factor, (double)(time / (uint64_t)step->every));
}

LAMINA_SCHEDULE(step, "1.0.0", "a warm-up, then falls by a factor every so many epochs or steps",
                struct step, LAMINA_SETTINGS(settings), .factor = factor);
