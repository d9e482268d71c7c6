/*
 * Random numbers of a distribution, from the random words of a call.
 *
 * Number i of a stream is a function of i alone, however the numbers are asked for: uniform
 * number i comes from word i; normal numbers 2k and 2k + 1 come from words 2k and 2k + 1.
 */
#ifndef LAMINA_RANDOM_H
#define LAMINA_RANDOM_H

#include <math.h>

#include <lamina/host.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { LAMINA_RANDOM_BLOCK = 256 }; /* words taken at a time; even */

/** Fills out with uniform numbers first .. first+n-1 of mean 0 and a deviation. [compute] */
static inline int32_t lamina_random_uniform(struct lamina_call *call, uint32_t purpose,
                                            uint64_t first, uint64_t n, double deviation,
                                            float *out)
{
  uint32_t words[LAMINA_RANDOM_BLOCK];
  float bound = (float)(1.7320508075688772 * deviation); /* on (-b, b) it is b / sqrt(3) */
  for (uint64_t done = 0; done < n;) {
    uint64_t left = n - done;
    uint64_t take = left < (uint64_t)LAMINA_RANDOM_BLOCK ? left : (uint64_t)LAMINA_RANDOM_BLOCK;
    LAMINA_TRY(lamina_random_u32(call, purpose, first + done, take, words));
    for (uint64_t i = 0; i < take; i++) {
      out[done + i] = bound * (2.0f * lamina_unit_f32(words[i]) - 1.0f);
    }
    done += take;
  }
  return LAMINA_OK;
}

/** Two independent normal numbers from two words (Box and Muller 1958), within 6.7 deviations. */
static inline void lamina_normal_pair(const uint32_t words[2], double deviation, float pair[2])
{
  const double step = 1.0 / 4294967296.0;
  double radius = deviation * sqrt(-2.0 * log(((double)words[0] + 0.5) * step));
  double angle = 6.283185307179586 * (((double)words[1] + 0.5) * step);
  pair[0] = (float)(radius * cos(angle));
  pair[1] = (float)(radius * sin(angle));
}

/** Fills out with normal numbers first .. first+n-1 of mean 0 and a deviation. [compute] */
static inline int32_t lamina_random_normal(struct lamina_call *call, uint32_t purpose,
                                           uint64_t first, uint64_t n, double deviation, float *out)
{
  uint32_t words[LAMINA_RANDOM_BLOCK];
  float pair[2] = {0.0f, 0.0f};
  uint64_t end = first + n;
  for (uint64_t block = first - first % 2; block < end; block += LAMINA_RANDOM_BLOCK) {
    uint64_t left = end - block + end % 2;
    uint64_t take = left < (uint64_t)LAMINA_RANDOM_BLOCK ? left : (uint64_t)LAMINA_RANDOM_BLOCK;
    LAMINA_TRY(lamina_random_u32(call, purpose, block, take, words));
    for (uint64_t i = 0; i < take; i++) {
      if (i % 2 == 0) {
        lamina_normal_pair(words + i, deviation, pair);
      }
      if (block + i >= first && block + i < end) {
        out[block + i - first] = pair[i % 2];
      }
    }
  }
  return LAMINA_OK;
}

#ifdef __cplusplus
}
#endif
#endif
