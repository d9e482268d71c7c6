/* A schedule whose factor is 1, 2, 3, ...: it leaves any range. */
#include <lamina/schedule.h>

static double factor(const void *self, const struct lamina_progress *progress)
{
  (void)self;
  return (double)progress->step + 1.0;
}

LAMINA_SCHEDULE(growing, "1.0.0", "one more with each update", LAMINA_NOTHING, .factor = factor);
