/*
 * What the machine can do at most: fused multiply-adds on registers alone, and a triad over
 * arrays that no cache holds, and over arrays of 6 MiB in all, which stay in the last cache. One
 * JSON line for each number of threads.
 *
 * ceiling [THREADS...]
 *
 * Sixteen independent chains cover two units with a latency of four cycles, twice over. A triad
 * a = b + s c counts three arrays moved, although a cache that reads before it writes moves four.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "base/memory.h"
#include "base/pool.h"

enum { CHAINS = 16, ROUNDS = 20, FLOATS = 16 << 20, CACHED = 512 << 10, REPEATS = 16 };

/* About a millisecond: short enough to fit between two turns of other programs. */
static const int64_t TURNS = 200000;

struct work {
  float *a, *b, *c;
  int64_t part; /* of a thread */
  int64_t repeats;
  float *sinks; /* by chunk, so that nothing is computed for nobody */
};

static double now(void)
{
  struct timespec time;
  (void)clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

/* CHAINS * lanes multiply-adds a turn; @return something that depends on all of them. */
typedef float (*chains_fn)(int64_t turns);

struct unit {
  const char *name;
  int lanes;
  chains_fn run;
};

#define DEFINE_CHAINS(function, attribute, vector, lanes, set, multiply_add, store) \
  attribute static float function(int64_t turns)                                    \
  {                                                                                 \
    vector factor = set(0.999f), term = set(1e-3f), chains[CHAINS];                 \
    float out[lanes], sum = 0.0f;                                                   \
    for (int i = 0; i < CHAINS; i++) {                                              \
      chains[i] = set((float)i);                                                    \
    }                                                                               \
    for (int64_t turn = 0; turn < turns; turn++) {                                  \
      for (int i = 0; i < CHAINS; i++) {                                            \
        chains[i] = multiply_add(chains[i], factor, term);                          \
      }                                                                             \
    }                                                                               \
    for (int i = 0; i < CHAINS; i++) {                                              \
      store(out, chains[i]);                                                        \
      for (int lane = 0; lane < (lanes); lane++) {                                  \
        sum += out[lane];                                                           \
      }                                                                             \
    }                                                                               \
    return sum;                                                                     \
  }

#if defined(__x86_64__)
DEFINE_CHAINS(chains_avx512, __attribute__((target("avx512f"))), __m512, 16, _mm512_set1_ps,
              _mm512_fmadd_ps, _mm512_storeu_ps)
DEFINE_CHAINS(chains_avx2, __attribute__((target("avx2,fma"))), __m256, 8, _mm256_set1_ps,
              _mm256_fmadd_ps, _mm256_storeu_ps)
#endif

typedef float vector4 __attribute__((vector_size(16)));

static vector4 set4(float value)
{
  return (vector4){value, value, value, value};
}

static vector4 multiply_add4(vector4 a, vector4 b, vector4 c)
{
  return a * b + c;
}

static void store4(float *out, vector4 value)
{
  memcpy(out, &value, sizeof value);
}

DEFINE_CHAINS(chains_plain, , vector4, 4, set4, multiply_add4, store4)

static struct unit widest_unit(void)
{
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512f")) {
    return (struct unit){"avx512", 16, chains_avx512};
  }
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
    return (struct unit){"avx2", 8, chains_avx2};
  }
#endif
  return (struct unit){"plain", 4, chains_plain};
}

static struct unit unit;

static int32_t multiply_add_body(void *arg, int64_t begin, int64_t end, uint32_t lane)
{
  const struct work *work = arg;
  (void)lane;
  for (int64_t i = begin; i < end; i++) {
    work->sinks[i] = unit.run(TURNS);
  }
  return LAMINA_OK;
}

static int32_t triad_body(void *arg, int64_t begin, int64_t end, uint32_t lane)
{
  const struct work *work = arg;
  (void)lane;
  for (int64_t repeat = 0; repeat < work->repeats; repeat++) {
    for (int64_t i = begin * work->part; i < end * work->part; i++) {
      work->a[i] = work->b[i] + 0.5f * work->c[i];
    }
  }
  return LAMINA_OK;
}

/* The best of some rounds: other programs can only make it slower. */
static double best_seconds(struct lm_pool *pool, lm_pool_body_fn body, struct work *work)
{
  double best = 1e30;
  for (int round = 0; round < ROUNDS; round++) {
    double begin = now();
    (void)lm_pool_run(pool, lm_pool_threads(pool), 1, body, work);
    double seconds = now() - begin;
    best = seconds < best ? seconds : best;
  }
  return best;
}

/* Bytes a second of a triad over so many floats in each array. */
static double bandwidth(struct lm_pool *pool, struct work *work, int64_t floats, int64_t repeats)
{
  const uint32_t threads = lm_pool_threads(pool);
  work->part = floats / threads;
  work->repeats = repeats;
  double seconds = best_seconds(pool, triad_body, work);
  return 3.0 * sizeof(float) * (double)(repeats * work->part * threads) / seconds;
}

static void measure(uint32_t threads, struct work *work)
{
  struct lm_error error = {0};
  struct lm_pool *pool = NULL;
  if (lm_pool_create(threads, &pool, &error) != LAMINA_OK) {
    (void)fprintf(stderr, "ceiling: %s\n", error.text);
    return;
  }
  double chains = best_seconds(pool, multiply_add_body, work);
  double flops = 2.0 * (double)TURNS * CHAINS * unit.lanes * threads;
  double memory = bandwidth(pool, work, FLOATS, 1);
  double cache = bandwidth(pool, work, CACHED, REPEATS);
  (void)printf("{\"bench\": \"ceiling\", \"threads\": %u, \"isa\": \"%s\", \"gflops\": %.1f, "
               "\"gbytes_per_s\": %.1f, \"cached_gbytes_per_s\": %.1f}\n",
               threads, unit.name, flops / chains * 1e-9, memory * 1e-9, cache * 1e-9);
  lm_pool_free(pool);
}

int main(int argc, char **argv)
{
  enum { MOST_THREADS = 1024 };
  struct work work = {.a = lm_alloc_aligned(FLOATS * sizeof(float), 64),
                      .b = lm_alloc_aligned(FLOATS * sizeof(float), 64),
                      .c = lm_alloc_aligned(FLOATS * sizeof(float), 64),
                      .sinks = lm_alloc(MOST_THREADS, sizeof(float))};
  bool done = work.a != NULL && work.b != NULL && work.c != NULL && work.sinks != NULL;
  unit = widest_unit();
  for (int64_t i = 0; done && i < FLOATS; i++) {
    work.a[i] = work.b[i] = work.c[i] = 1.0f;
  }
  for (int at = 1; at < argc && done; at++) {
    int threads = atoi(argv[at]);
    if (threads >= 1 && threads <= MOST_THREADS) {
      measure((uint32_t)threads, &work);
    }
  }
  lm_free(work.a);
  lm_free(work.b);
  lm_free(work.c);
  lm_free(work.sinks);
  return done ? EXIT_SUCCESS : EXIT_FAILURE;
}
