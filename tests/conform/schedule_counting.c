/*
 * A test-only schedule that counts how often it is asked, and not the steps.
 */
#include <lamina/schedule.h>

static double factor(const void *self, const struct lamina_progress *progress)
{
  static double asked;
  (void)self, (void)progress;
  asked += 1.0;
  return 1.0 / asked;
}

LAMINA_SCHEDULE(counting, "1.0.0", "falls with each question", LAMINA_NOTHING, .factor = factor);
