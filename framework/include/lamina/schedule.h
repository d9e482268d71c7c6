/*
 * Schedules: a factor on the learning rate (or on another setting) as a pure function of time.
 */
#ifndef LAMINA_SCHEDULE_H
#define LAMINA_SCHEDULE_H

#include <lamina/plan.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Where training is. Grows at the end. */
struct lamina_progress {
  uint32_t size, reserved;
  uint64_t step;            /* updates done so far, from 0 */
  uint64_t total_steps;     /* of the whole training */
  uint64_t steps_per_epoch; /* at least 1 */
};

/** The table of a schedule. Append-only. */
struct lamina_schedule {
  uint32_t size, caps; /* caps: 0 */

  /** Checks settings against each other. Optional. */
  int32_t (*setup)(void *self, struct lamina_call *call);

  /** The factor for the update that comes next; finite, usually in [0, 1]. */
  double (*factor)(const void *self, const struct lamina_progress *progress);

  const void *(*extension)(const char *id);
};

/** Rises evenly to 1, which it reaches in update number `steps`, and stays there. */
static inline double lamina_warmup(const struct lamina_progress *progress, int64_t steps)
{
  uint64_t last = steps > 0 ? (uint64_t)steps : 0;
  return progress->step < last ? ((double)progress->step + 1.0) / (double)last : 1.0;
}

/** Defines a schedule plugin; arguments as of LAMINA_LAYER. */
#define LAMINA_SCHEDULE(...) LAMINA_SCHEDULE_(__VA_ARGS__)
#define LAMINA_SCHEDULE_(name, version, summary, T, rows, n, ...)     \
  static const struct lamina_schedule lamina_table_ = {               \
      .size = (uint32_t)sizeof(struct lamina_schedule), __VA_ARGS__}; \
  LAMINA_PLUGIN(SCHEDULE, schedule, name, version, summary, T, rows, n, &lamina_table_)

#ifdef __cplusplus
}
#endif
#endif
