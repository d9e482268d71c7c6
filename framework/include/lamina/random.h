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
#include <lamina/math.h>

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

/** The first word that an event of this probability leaves out: word < limit is the event. */
LAMINA_INLINE uint32_t lamina_random_limit(double probability)
{
  double words = probability * 4294967296.0;
  uint32_t whole = words < 4294967295.0 ? (uint32_t)words : UINT32_MAX;
  return whole + ((double)whole < words && whole < UINT32_MAX);
}

/* ---- normal numbers in vector code ---- */

/** log((word + 1/2) / 2^32); the upper half of the words by way of log1p. */
LAMINA_INLINE float lamina_log_unit_(uint32_t word)
{
  int upper = (int)(word >> 31);
  uint32_t near = word ^ (0u - (uint32_t)upper); /* steps to the nearer end, below 2^31 */
  float x = ((float)(int32_t)near + 0.5f) * 0x1p-32f;
  float u = lamina_selectf(upper, 1.0f - x, x);
  float lost = lamina_selectf(upper, ((1.0f - u) - x) / u, 0.0f);
  return lamina_logf(u) + lost;
}

/** The cosine and the sine of (word + 1/2) / 2^32 of a turn. */
LAMINA_INLINE void lamina_turn_(uint32_t word, float *cosine, float *sine)
{
  /* The nearest quarter, and the angle from there: at most pi / 4. */
  uint32_t quarter = (word + 0x20000000u) >> 30;
  float x = ((float)(int32_t)(word - (quarter << 30)) + 0.5f) * 0x1.921fb6p-30f;
  float square = x * x;
  float s = -0x1.994eb4p-13f; /* by minimax, errors 0.06 and 0.002 ulp */
  s = s * square + 0x1.110760p-7f;
  s = s * square - 0x1.555546p-3f;
  s = (s * square) * x + x;
  float c = 0x1.9a025ap-16f;
  c = c * square - 0x1.6c0c8cp-10f;
  c = c * square + 0x1.55554ap-5f;
  c = (c * square) * square + (1.0f - 0.5f * square);
  int odd = (int)(quarter & 1u);
  uint32_t cosine_sign = ((quarter + 1u) & 2u) << 30, sine_sign = (quarter & 2u) << 30;
  *cosine = lamina_float_from_bits(lamina_bits_from_float(lamina_selectf(odd, s, c)) ^ cosine_sign);
  *sine = lamina_float_from_bits(lamina_bits_from_float(lamina_selectf(odd, c, s)) ^ sine_sign);
}

/**
 * Makes n random words, n even, into n standard normal numbers: those of lamina_normal_pair(), up
 * to 5 units in the last place. In a function that is marked LAMINA_CLONES it is vector code.
 */
LAMINA_INLINE void lamina_normals(const uint32_t *words, int64_t n, float *out)
{
  for (int64_t i = 0; i < n / 2; i++) {
    float radius = sqrtf(-2.0f * lamina_log_unit_(words[2 * i]));
    float cosine, sine;
    lamina_turn_(words[2 * i + 1], &cosine, &sine);
    out[2 * i] = radius * cosine;
    out[2 * i + 1] = radius * sine;
  }
}

/**
 * Takes the words of normal numbers first .. first+n-1 for lamina_normals(), whole pairs of them:
 * number `first` is then at out[first % 2]. [compute]
 *
 * @param words  room for n + 2
 * @param taken  how many words there are, even
 */
static inline int32_t lamina_normal_words(struct lamina_call *call, uint32_t purpose,
                                          uint64_t first, uint64_t n, uint32_t *words,
                                          int64_t *taken)
{
  uint64_t count = first % 2 + n;
  *taken = (int64_t)(count + count % 2);
  return lamina_random_u32(call, purpose, first - first % 2, (uint64_t)*taken, words);
}

#ifdef __cplusplus
}
#endif
#endif
