/*
 * Philox4x32-10: ten rounds of two 32x32 -> 64 bit products over a 128-bit counter. Where the
 * CPU has AVX2, long runs are made BLOCKS blocks at a time, each word of the state in the low
 * half of a 64-bit lane, where the vector product reads it; a round is then a product, a shift
 * and two xors a pair of words. The words are the same on every machine.
 */
#include "base/rng.h"

#include <stdbool.h>
#include <string.h>

#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>
#define LM_RNG_AVX2 1
#endif

enum { ROUNDS = 10, BLOCKS = 8, LAST_PURPOSE = 255 };

#define MULTIPLIER_0 0xd2511f53u
#define MULTIPLIER_1 0xcd9e8d57u
#define WEYL_0 0x9e3779b9u
#define WEYL_1 0xbb67ae85u

void lm_philox4x32(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4])
{
  uint32_t x0 = counter[0];
  uint32_t x1 = counter[1];
  uint32_t x2 = counter[2];
  uint32_t x3 = counter[3];
  uint32_t k0 = key[0];
  uint32_t k1 = key[1];
  for (int round = 0; round < ROUNDS; round++) {
    uint64_t p0 = (uint64_t)MULTIPLIER_0 * x0;
    uint64_t p1 = (uint64_t)MULTIPLIER_1 * x2;
    x0 = (uint32_t)(p1 >> 32) ^ x1 ^ k0;
    x1 = (uint32_t)p1;
    x2 = (uint32_t)(p0 >> 32) ^ x3 ^ k1;
    x3 = (uint32_t)p0;
    k0 += WEYL_0;
    k1 += WEYL_1;
  }
  out[0] = x0;
  out[1] = x1;
  out[2] = x2;
  out[3] = x3;
}

/* FNV-1a, 64 bits. Names are few and short; the cipher below does the mixing. */
static uint64_t hash_name(const char *name)
{
  uint64_t hash = 0xcbf29ce484222325u;
  for (const unsigned char *at = (const unsigned char *)name; *at != '\0'; at++) {
    hash = (hash ^ *at) * 0x100000001b3u;
  }
  return hash;
}

struct lm_stream lm_stream_make(uint64_t seed, const char *name)
{
  uint64_t hash = hash_name(name);
  const uint32_t counter[4] = {(uint32_t)hash, (uint32_t)(hash >> 32), 0, 0};
  const uint32_t key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
  uint32_t block[4];
  lm_philox4x32(counter, key, block);
  return (struct lm_stream){.key = {block[0], block[1]}};
}

/* Where a stream is read: the counter's high half and the key. */
struct place {
  uint32_t key[2];
  uint32_t high[2];
};

static struct place place_make(const struct lm_stream *stream, uint64_t step, uint32_t purpose)
{
  return (struct place){.key = {stream->key[0], stream->key[1]},
                        .high = {(uint32_t)step, (uint32_t)(step >> 32) << 8 | purpose}};
}

static void one_block(const struct place *place, uint64_t block, uint32_t out[4])
{
  const uint32_t counter[4] = {(uint32_t)block, (uint32_t)(block >> 32), place->high[0],
                               place->high[1]};
  lm_philox4x32(counter, place->key, out);
}

#ifdef LM_RNG_AVX2

#define AVX2 __attribute__((target("avx2")))

/* Four blocks a vector, one 64-bit lane each; what the high halves hold does not matter. */
struct lanes {
  __m256i x0, x1, x2, x3;
};

AVX2 static inline struct lanes lanes_start(const struct place *place, uint64_t first)
{
  /* Lanes 0 and 2 hold the first two blocks: see lanes_store(). */
  __m256i block =
      _mm256_add_epi64(_mm256_set1_epi64x((long long)first), _mm256_setr_epi64x(0, 2, 1, 3));
  return (struct lanes){block, _mm256_srli_epi64(block, 32),
                        _mm256_set1_epi64x((long long)place->high[0]),
                        _mm256_set1_epi64x((long long)place->high[1])};
}

AVX2 static inline struct lanes lanes_round(struct lanes x, __m256i k0, __m256i k1)
{
  __m256i p0 = _mm256_mul_epu32(x.x0, _mm256_set1_epi64x(MULTIPLIER_0));
  __m256i p1 = _mm256_mul_epu32(x.x2, _mm256_set1_epi64x(MULTIPLIER_1));
  return (struct lanes){_mm256_xor_si256(_mm256_xor_si256(_mm256_srli_epi64(p1, 32), x.x1), k0), p1,
                        _mm256_xor_si256(_mm256_xor_si256(_mm256_srli_epi64(p0, 32), x.x3), k1),
                        p0};
}

AVX2 static inline void lanes_store(struct lanes x, uint32_t *out)
{
  __m256i w01 = _mm256_blend_epi32(x.x0, _mm256_slli_epi64(x.x1, 32), 0xaa);
  __m256i w23 = _mm256_blend_epi32(x.x2, _mm256_slli_epi64(x.x3, 32), 0xaa);
  _mm256_storeu_si256((__m256i *)(void *)out, _mm256_unpacklo_epi64(w01, w23));
  _mm256_storeu_si256((__m256i *)(void *)(out + 8), _mm256_unpackhi_epi64(w01, w23));
}

AVX2 static void blocks_avx2(const struct place *place, uint64_t first, uint64_t n, uint32_t *out)
{
  for (uint64_t done = 0; done < n; done += BLOCKS) {
    struct lanes a = lanes_start(place, first + done);
    struct lanes b = lanes_start(place, first + done + 4);
    __m256i k0 = _mm256_set1_epi64x((long long)place->key[0]);
    __m256i k1 = _mm256_set1_epi64x((long long)place->key[1]);
    for (int round = 0; round < ROUNDS; round++) {
      a = lanes_round(a, k0, k1);
      b = lanes_round(b, k0, k1);
      k0 = _mm256_add_epi32(k0, _mm256_set1_epi64x(WEYL_0));
      k1 = _mm256_add_epi32(k1, _mm256_set1_epi64x(WEYL_1));
    }
    lanes_store(a, out + 4 * done);
    lanes_store(b, out + 4 * done + 16);
  }
}

static bool has_avx2(void)
{
  return __builtin_cpu_supports("avx2");
}

#else

static void blocks_avx2(const struct place *place, uint64_t first, uint64_t n, uint32_t *out)
{
  (void)place, (void)first, (void)n, (void)out;
}

static bool has_avx2(void)
{
  return false;
}

#endif

static void whole_blocks(const struct place *place, uint64_t first, uint64_t n, uint32_t *out)
{
  uint64_t done = 0;
  if (n >= BLOCKS && has_avx2()) {
    done = n - n % BLOCKS;
    blocks_avx2(place, first, done, out);
  }
  for (; done < n; done++) {
    one_block(place, first + done, out + 4 * done);
  }
}

void lm_stream_fill(const struct lm_stream *stream, uint64_t step, uint32_t purpose, uint64_t first,
                    uint64_t n, uint32_t *out)
{
  struct place place = place_make(stream, step, purpose);
  uint32_t block[4];
  uint64_t skipped = first % 4;
  uint64_t head = skipped == 0 ? 0 : 4 - skipped;
  if (head > 0 && n > 0) {
    head = n < head ? n : head;
    one_block(&place, first / 4, block);
    memcpy(out, block + skipped, head * sizeof block[0]);
  }
  uint64_t start = first / 4 + (skipped == 0 ? 0 : 1);
  uint64_t rest = n > head ? n - head : 0;
  whole_blocks(&place, start, rest / 4, out + head);
  if (rest % 4 > 0) {
    one_block(&place, start + rest / 4, block);
    memcpy(out + (n - rest % 4), block, (rest % 4) * sizeof block[0]);
  }
}

uint64_t lm_stream_below(const struct lm_stream *stream, uint64_t step, uint64_t word,
                         uint64_t bound)
{
  /* 2^64 mod bound draws at the top would favour small numbers. */
  uint64_t surplus = (UINT64_MAX % bound + 1) % bound;
  uint64_t draw = 0;
  for (uint32_t purpose = 0; purpose <= LAST_PURPOSE; purpose++) {
    uint32_t half[2];
    lm_stream_fill(stream, step, purpose, word, 2, half);
    draw = (uint64_t)half[1] << 32 | half[0];
    if (draw <= UINT64_MAX - surplus) {
      break;
    }
  }
  return draw % bound;
}
