/*
 * The clock for durations: monotonic, so that setting the time of day changes nothing. Floor 0.
 */
#ifndef LM_BASE_CLOCK_H
#define LM_BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

/** Nanoseconds since some moment in the past. */
static inline int64_t lm_clock_ns(void)
{
  struct timespec time;
  (void)clock_gettime(CLOCK_MONOTONIC, &time);
  return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

/** Seconds since some moment in the past. */
static inline double lm_clock_seconds(void)
{
  return 1e-9 * (double)lm_clock_ns();
}

#endif
