/*
 * What every random initializer must pass: the moments of many numbers, and streams that
 * depend on the seed and the weight's name alone.
 */
#ifndef LM_TESTS_INITIALIZER_CHECKS_H
#define LM_TESTS_INITIALIZER_CHECKS_H

#include <stdbool.h>
#include <stdint.h>

/** An initializer on a weight, and the distribution that its numbers must have. */
struct initializer_case {
  const char *yaml;
  int64_t fan_in, fan_out;
  double variance;
  bool normal; /* else uniform */
};

/** 2^18 numbers have mean 0, the variance within 2 %, and the distribution's shape (R09). */
void initializer_check_moments(const struct initializer_case *wanted);

/** Same seed and name, same bits, whatever was filled before and however many follow. */
void initializer_check_streams(const char *yaml);

/** Fans that say nothing are refused with the weight's name; an empty weight needs none. */
void initializer_check_no_fans(const char *yaml, int64_t fan_in, int64_t fan_out,
                               const char *fragment);

#endif
