/* Halves in the middle of the training, and by an eighth in every other epoch. */
#include <lamina/schedule.h>

static double factor(const void *self, const struct lamina_progress *progress)
{
  double half = 2 * progress->step < progress->total_steps ? 1.0 : 0.5;
  (void)self;
  return progress->step / progress->steps_per_epoch % 2 == 0 ? half : 0.875 * half;
}

LAMINA_SCHEDULE(halves, "1.0.0", "halves in the middle", LAMINA_NOTHING, .factor = factor);
