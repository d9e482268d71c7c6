/* The learning rate as the optimizer has it, all the time. */
#include <lamina/schedule.h>

static double factor(const void *self, const struct lamina_progress *progress)
{
  (void)self;
  (void)progress;
  return 1.0;
}

LAMINA_SCHEDULE(constant, "1.0.0", "the optimizer's learning rate, unchanged", LAMINA_NOTHING,
                .factor = factor);
