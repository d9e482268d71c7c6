/*
 * Elementary functions for the loops of plugins.
 *
 * The functions of libm are calls, and a compiler cannot make vector code of a loop that calls.
 * These are inline, without branches, tables or memory, so a plain loop over them becomes vector
 * code with gcc and clang at -O3, without -ffast-math. Errors were measured against the double
 * functions of libm, over all 2^32 arguments, with and without fused multiply-add:
 *
 *   lamina_expf      1.05 ulp   0 below -104, inf above 88.73
 *   lamina_expm1f    1.72 ulp   -1 below -18, inf above 88.73; keeps the sign of 0
 *   lamina_logf      0.92 ulp   -inf at 0, NaN below
 *   lamina_log1pf    1.44 ulp   -inf at -1, NaN below
 *   lamina_sigmoidf  2.41 ulp   1 / (1 + exp(-x)); 0 below -104, 1 above 17.4
 *   lamina_tanhf     2.56 ulp   -1 and 1 beyond 9.02; odd, keeps the sign of 0
 *
 * Denormal arguments and results are included (in ulp of 2^-149). NaN gives NaN, infinities
 * give the limits. No argument is undefined behaviour: floats are never converted to integers,
 * and bits are computed with unsigned integers.
 *
 * Mark the function that holds the loop with LAMINA_CLONES, and it exists once for each
 * instruction set: the loader picks. The last bits may differ from one instruction set to
 * another (fused multiply-add), never with the place of an element in an array.
 *
 * Not here: accuracy below 1 ulp, other rounding modes, floating-point exceptions, errno.
 */
#ifndef LAMINA_MATH_H
#define LAMINA_MATH_H

#include <stdint.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * Before a function with a loop: compiles it for AVX-512, AVX2 with FMA, and the base. What the
 * loop calls must be LAMINA_INLINE. The levels are named x86-64-v*, because names of processors
 * ("arch=haswell") pick by the maker's model number and leave others the slowest code.
 */
#if defined(__GNUC__) && !defined(__clang__) && __GNUC__ >= 12 && defined(__x86_64__) && \
    defined(__GLIBC__)
#define LAMINA_CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define LAMINA_CLONES
#endif

/** For small functions inside such loops: always inlined, so that they are compiled alike. */
#if defined(__GNUC__)
#define LAMINA_INLINE static inline __attribute__((always_inline))
#else
#define LAMINA_INLINE static inline
#endif

/**
 * Before a for statement: its iterations do not depend on each other, although its arrays may
 * be the very same memory (never memory that overlaps with an offset). clang finds out while
 * running; its own pragma is not used, since it warns wherever it cannot be obeyed.
 */
#if defined(__GNUC__) && !defined(__clang__)
#define LAMINA_INDEPENDENT _Pragma("GCC ivdep")
#else
#define LAMINA_INDEPENDENT
#endif

LAMINA_INLINE uint32_t lamina_bits_from_float(float x)
{
  uint32_t bits;
  memcpy(&bits, &x, sizeof bits);
  return bits;
}

LAMINA_INLINE float lamina_float_from_bits(uint32_t bits)
{
  float x;
  memcpy(&x, &bits, sizeof x);
  return x;
}

/** The absolute value of size with the sign of sign. */
LAMINA_INLINE float lamina_copysignf(float size, float sign)
{
  return lamina_float_from_bits((lamina_bits_from_float(size) & 0x7fffffffu) |
                                (lamina_bits_from_float(sign) & 0x80000000u));
}

/**
 * condition ? yes : no, with both computed; condition is 0 or 1. A compiler may refuse to make
 * vector code of the operator unless it is given -fno-trapping-math; of this it does.
 */
LAMINA_INLINE float lamina_selectf(int condition, float yes, float no)
{
  uint32_t mask = 0u - (uint32_t)condition;
  return lamina_float_from_bits((lamina_bits_from_float(yes) & mask) |
                                (lamina_bits_from_float(no) & ~mask));
}

/** 2^n for -126 <= n <= 127; n is an integer modulo 2^32. */
LAMINA_INLINE float lamina_power_of_two_(uint32_t n)
{
  return lamina_float_from_bits((n + 127u) << 23);
}

/** x = n ln(2) + rest, |rest| <= ln(2) / 2; for |x| < 2^21 or NaN. Returns n modulo 2^32. */
LAMINA_INLINE uint32_t lamina_reduce_exp_(float x, float *rest)
{
  /* Adding 1.5 * 2^23 rounds to an integer, which then stands in the lowest bits. */
  const float shift = 12582912.0f;
  float shifted = x * 1.44269502f + shift;
  float n = shifted - shift;
  /* ln(2) in two parts: the first has 17 bits, so n times it is exact. */
  *rest = (x - n * 0x1.62e4p-1f) - n * 0x1.7f7d1cp-20f;
  return lamina_bits_from_float(shifted) - 0x4b400000u;
}

/** exp(r) - 1 for |r| <= ln(2) / 2: r + r^2 q(r), q by minimax (error 0.24 ulp). */
LAMINA_INLINE float lamina_expm1_core_(float r)
{
  float q = 0x1.6d437ap-10f;
  q = q * r + 0x1.122a0cp-7f;
  q = q * r + 0x1.5554fp-5f;
  q = q * r + 0x1.5554acp-3f;
  q = q * r + 0.5f;
  return (q * r) * r + r;
}

/** e^x. */
LAMINA_INLINE float lamina_expf(float x)
{
  float rest;
  x = lamina_selectf(x < -104.0f, -104.0f, x);
  x = lamina_selectf(x > 89.0f, 89.0f, x);
  uint32_t n = lamina_reduce_exp_(x, &rest);
  /* 2^n in two factors: n reaches from -150 to 128. */
  uint32_t half = ((n + 256u) >> 1) - 128u;
  float scaled = (1.0f + lamina_expm1_core_(rest)) * lamina_power_of_two_(half);
  return scaled * lamina_power_of_two_(n - half);
}

/** e^x - 1, accurate near 0. */
LAMINA_INLINE float lamina_expm1f(float x)
{
  float rest;
  float limited = lamina_selectf(x < -18.0f, -18.0f, x);
  limited = lamina_selectf(limited > 89.0f, 89.0f, limited);
  uint32_t n = lamina_reduce_exp_(limited, &rest);
  /* 2^n e + 2^n - 1 with half of everything, since 2^128 is not a float. */
  float half = lamina_power_of_two_(n - 1u);
  float result = 2.0f * (half * lamina_expm1_core_(rest) + (half - 0.5f));
  return lamina_copysignf(result, x);
}

/** ln(x). */
LAMINA_INLINE float lamina_logf(float x)
{
  int tiny = x < 0x1p-126f;
  /* x = 2^e (1 + f), 1 + f from 2/3 to 4/3. */
  float normal = x * lamina_selectf(tiny, 0x1p23f, 1.0f);
  uint32_t bits = lamina_bits_from_float(normal) + (0x3f800000u - 0x3f2aaaabu);
  float e = (float)((int32_t)(bits >> 23) - 127 - 23 * tiny);
  float f = lamina_float_from_bits((bits & 0x7fffffu) + 0x3f2aaaabu) - 1.0f;
  /* ln(1 + f) = f - f^2 / 2 + f^3 p(f), p by minimax (error 0.1 ulp). */
  float p = -0x1.075f98p-3f;
  p = p * f + 0x1.1ef28p-3f;
  p = p * f - 0x1.f3643cp-4f;
  p = p * f + 0x1.1eb6cap-3f;
  p = p * f - 0x1.559a78p-3f;
  p = p * f + 0x1.99d27ep-3f;
  p = p * f - 0x1.ffff06p-3f;
  p = p * f + 0x1.5555p-2f;
  p = p * f - 0.5f;
  float low = (p * f) * f + e * 0x1.7f7d1cp-20f;
  float result = (f + low) + e * 0x1.62e4p-1f;
  /* inf and NaN are their own logarithms; 0 and what is below it are not powers of e. */
  result = lamina_selectf(x <= 0x1.fffffep127f, result, x);
  result = lamina_selectf(x < 0.0f, lamina_float_from_bits(0x7fc00000u), result);
  return lamina_selectf(x == 0.0f, lamina_float_from_bits(0xff800000u), result);
}

/** ln(1 + x), accurate near 0. */
LAMINA_INLINE float lamina_log1pf(float x)
{
  float u = 1.0f + x;
  /* What rounding u has lost, to first order; from 2^24 on it changes nothing. */
  float lost = (x - (u - 1.0f)) / u;
  int small = (x > -1.0f) & (x < 16777216.0f);
  return lamina_logf(u) + lamina_selectf(small, lost, 0.0f);
}

/** 1 / (1 + e^-x). */
LAMINA_INLINE float lamina_sigmoidf(float x)
{
  /* For x < 0 it is e^x / (1 + e^x), so that small results keep their bits. */
  float e = lamina_expf(lamina_copysignf(x, -1.0f));
  return lamina_selectf(x >= 0.0f, 1.0f, e) / (1.0f + e);
}

/** tanh(x) = m / (m + 2), m = e^2x - 1. */
LAMINA_INLINE float lamina_tanhf(float x)
{
  float rest;
  float size = lamina_copysignf(x, 1.0f);
  size = lamina_selectf(size > 10.0f, 10.0f, size);
  uint32_t n = lamina_reduce_exp_(2.0f * size, &rest);
  float scale = lamina_power_of_two_(n);
  float m = scale * lamina_expm1_core_(rest) + (scale - 1.0f);
  return lamina_copysignf(m / (m + 2.0f), x);
}

#ifdef __cplusplus
}
#endif
#endif
