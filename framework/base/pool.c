/*
 * One atomic counter hands out the chunks of a loop: it starts at the number of chunks not yet
 * taken and a thread that lowers it from above zero owns a chunk. Only an owner reads the
 * loop's description, and a loop does not end before its owners are done, so late threads
 * never see a description change. Nothing is locked and nothing allocated in a loop.
 *
 * Workers without work spin for SPIN_NANOSECONDS and then sleep on a futex; the caller waits
 * for the last chunks in the same way. With more threads than CPUs nobody spins, because the
 * spinning thread would keep the working one off the CPU.
 */
#include "base/pool.h"

#include <errno.h>
#include <fenv.h>
#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/cpus.h"
#include "base/memory.h"

enum { MOST_THREADS = 1024, LINE = 64, SPIN_NANOSECONDS = 50000, POLLS_PER_LOOK = 64 };

#define LINE_ALIGNED __attribute__((aligned(LINE)))

/* A thread's own corner, on a cache line of its own. */
struct lane {
  struct lm_pool *pool;
  pthread_t thread;
  uint32_t number;
  int32_t failed_status;
  int64_t failed_chunk; /* -1: none */
} LINE_ALIGNED;

#if defined(__x86_64__)
typedef uint32_t float_mode; /* MXCSR */
#else
typedef fenv_t float_mode;
#endif

/* What the owners of a loop's chunks need; written by the caller before the chunks exist. */
struct loop {
  lm_pool_body_fn body;
  void *arg;
  int64_t n, grain, chunks;
  float_mode mode;
};

struct lm_pool {
  uint32_t threads;
  bool spins;
  bool shuffled; /* no threads: chunks run in an order and on lanes drawn from seed */
  uint64_t seed;
  atomic_bool stopping;
  struct lane *lanes;

  /* One line travels between the CPUs in a short loop: counters and description together. */
  LINE_ALIGNED atomic_llong untaken; /* chunks; zero or less: none */
  atomic_llong done;                 /* chunks finished */
  struct loop loop;

  /* Rarely written. */
  LINE_ALIGNED atomic_llong fails_from; /* the lowest chunk that failed; INT64_MAX: none */
  atomic_uint caller_sleeps;            /* a futex: 1 while the caller sleeps for `done` */
  atomic_uint sleepers;                 /* workers asleep or about to be */
  atomic_uint calls;                    /* a futex: changes when workers are woken */
};

/* The pool and lane that the running thread works for, so that nested loops are known. */
struct position {
  const struct lm_pool *pool;
  uint32_t lane;
};
static _Thread_local struct position here __attribute__((tls_model("initial-exec")));

static void futex_wait(atomic_uint *word, unsigned value)
{
  (void)syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, value, NULL, NULL, 0);
}

static void futex_wake(atomic_uint *word, int threads)
{
  (void)syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, threads, NULL, NULL, 0);
}

static void relax(void)
{
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

/* Rounding and the treatment of denormals are the caller's, on every thread. */
#if defined(__x86_64__)
static float_mode float_mode_get(void)
{
  return __builtin_ia32_stmxcsr();
}

static void float_mode_adopt(const float_mode *wanted)
{
  const uint32_t flags = 0x3f; /* exceptions seen so far: each thread's own */
  uint32_t own = __builtin_ia32_stmxcsr();
  if ((own & ~flags) != (*wanted & ~flags)) {
    __builtin_ia32_ldmxcsr((*wanted & ~flags) | (own & flags));
  }
}
#else
static float_mode float_mode_get(void)
{
  float_mode mode;
  (void)fegetenv(&mode);
  return mode;
}

static void float_mode_adopt(const float_mode *wanted)
{
  (void)fesetenv(wanted);
}
#endif

static int32_t run_chunk(const struct loop *loop, int64_t chunk, uint32_t lane)
{
  int64_t begin = chunk * loop->grain;
  int64_t end = loop->n - begin <= loop->grain ? loop->n : begin + loop->grain;
  return loop->body(loop->arg, begin, end, lane);
}

/* Runs a chunk that the lane owns, unless one before it has failed. */
static void run_owned(struct lm_pool *pool, struct lane *lane, int64_t chunk)
{
  if (atomic_load_explicit(&pool->fails_from, memory_order_relaxed) < chunk) {
    return;
  }
  int32_t status = run_chunk(&pool->loop, chunk, lane->number);
  if (status == LAMINA_OK) {
    return;
  }
  lane->failed_chunk = chunk;
  lane->failed_status = status;
  long long lowest = atomic_load(&pool->fails_from);
  while (chunk < lowest && !atomic_compare_exchange_weak(&pool->fails_from, &lowest, chunk)) {
  }
}

/* Takes a chunk: its number, or -1 when none is left. */
static int64_t take(struct lm_pool *pool)
{
  if (atomic_load_explicit(&pool->untaken, memory_order_relaxed) <= 0) {
    return -1;
  }
  long long left = atomic_fetch_sub_explicit(&pool->untaken, 1, memory_order_acquire);
  return left <= 0 ? -1 : pool->loop.chunks - left;
}

/* A worker's part of a loop; false when there was nothing to do. */
static bool work(struct lm_pool *pool, struct lane *lane)
{
  int64_t chunk = take(pool);
  if (chunk < 0) {
    return false;
  }
  float_mode_adopt(&pool->loop.mode);
  long long finished = 0;
  while (chunk >= 0) {
    run_owned(pool, lane, chunk);
    finished++;
    chunk = take(pool);
  }
  atomic_fetch_add(&pool->done, finished);
  if (atomic_load(&pool->caller_sleeps) != 0) {
    atomic_store(&pool->caller_sleeps, 0);
    futex_wake(&pool->caller_sleeps, 1);
  }
  return true;
}

/* Waits for chunks or the end for a bounded time; false when the time is over. */
static bool spin_for_work(struct lm_pool *pool)
{
  if (!pool->spins) {
    return false;
  }
  int64_t end = lm_clock_ns() + SPIN_NANOSECONDS;
  do {
    for (int i = 0; i < POLLS_PER_LOOK; i++) {
      if (atomic_load_explicit(&pool->untaken, memory_order_relaxed) > 0 ||
          atomic_load_explicit(&pool->stopping, memory_order_relaxed)) {
        return true;
      }
      relax();
    }
  } while (lm_clock_ns() < end);
  return false;
}

/* The caller puts out chunks and then looks for sleepers; a worker counts itself as one and
 * then looks for chunks: in any order, one of them sees the other. */
static void sleep_for_work(struct lm_pool *pool)
{
  atomic_fetch_add(&pool->sleepers, 1);
  unsigned calls = atomic_load(&pool->calls);
  if (atomic_load(&pool->untaken) <= 0 && !atomic_load(&pool->stopping)) {
    futex_wait(&pool->calls, calls);
  }
  atomic_fetch_sub(&pool->sleepers, 1);
}

static void *worker(void *arg)
{
  struct lane *lane = arg;
  struct lm_pool *pool = lane->pool;
  here = (struct position){pool, lane->number};
  while (!atomic_load(&pool->stopping)) {
    if (!work(pool, lane) && !spin_for_work(pool)) {
      sleep_for_work(pool);
    }
  }
  return NULL;
}

static void wake(struct lm_pool *pool, int64_t threads)
{
  if (atomic_load(&pool->sleepers) > 0) {
    atomic_fetch_add(&pool->calls, 1);
    futex_wake(&pool->calls, threads > MOST_THREADS ? MOST_THREADS : (int)threads);
  }
}

static bool spin_for_end(struct lm_pool *pool, int64_t chunks)
{
  if (atomic_load_explicit(&pool->done, memory_order_acquire) == chunks) {
    return true;
  }
  if (!pool->spins) {
    return false;
  }
  int64_t end = lm_clock_ns() + SPIN_NANOSECONDS;
  do {
    for (int i = 0; i < POLLS_PER_LOOK; i++) {
      if (atomic_load_explicit(&pool->done, memory_order_acquire) == chunks) {
        return true;
      }
      relax();
    }
  } while (lm_clock_ns() < end);
  return false;
}

static void wait_for_end(struct lm_pool *pool, int64_t chunks)
{
  if (spin_for_end(pool, chunks)) {
    return;
  }
  while (atomic_load(&pool->done) != chunks) {
    atomic_store(&pool->caller_sleeps, 1);
    if (atomic_load(&pool->done) != chunks) {
      futex_wait(&pool->caller_sleeps, 1);
    }
    atomic_store(&pool->caller_sleeps, 0);
  }
}

/* The status of the lowest failed chunk, which lies with the lane that ran it. */
static int32_t loop_status(struct lm_pool *pool)
{
  int64_t chunk = atomic_load_explicit(&pool->fails_from, memory_order_relaxed);
  int32_t status = LAMINA_OK;
  if (chunk == INT64_MAX) {
    return status;
  }
  for (uint32_t i = 0; i < pool->threads; i++) {
    if (pool->lanes[i].failed_chunk == chunk) {
      status = pool->lanes[i].failed_status;
    }
    pool->lanes[i].failed_chunk = -1;
  }
  return status;
}

static int32_t run_parallel(struct lm_pool *pool, const struct loop *loop)
{
  pool->loop = *loop;
  pool->loop.mode = float_mode_get();
  if (atomic_load_explicit(&pool->fails_from, memory_order_relaxed) != INT64_MAX) {
    atomic_store_explicit(&pool->fails_from, INT64_MAX, memory_order_relaxed);
  }
  atomic_store_explicit(&pool->done, 0, memory_order_relaxed);
  /* The first chunk is the caller's without asking. */
  atomic_store(&pool->untaken, loop->chunks - 1);
  wake(pool, loop->chunks - 1);
  long long finished = 0;
  for (int64_t chunk = 0; chunk >= 0; chunk = take(pool)) {
    run_owned(pool, &pool->lanes[0], chunk);
    finished++;
  }
  atomic_fetch_add(&pool->done, finished);
  wait_for_end(pool, loop->chunks);
  return loop_status(pool);
}

static int32_t run_serial(const struct loop *loop, uint32_t lane)
{
  int32_t status = LAMINA_OK;
  for (int64_t chunk = 0; chunk < loop->chunks && status == LAMINA_OK; chunk++) {
    status = run_chunk(loop, chunk, lane);
  }
  return status;
}

/* SplitMix64: Steele, Lea, Flood, "Fast splittable pseudorandom number generators", 2014. */
static uint64_t mix(uint64_t z)
{
  z += 0x9e3779b97f4a7c15u;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

static int64_t common_divisor(int64_t a, int64_t b)
{
  while (b != 0) {
    int64_t rest = a % b;
    a = b;
    b = rest;
  }
  return a;
}

/* Chunk first + i * step modulo their number, which is each of them once: step divides nothing. */
static int32_t run_shuffled(struct lm_pool *pool, const struct loop *loop)
{
  int64_t first = (int64_t)(mix(pool->seed) % (uint64_t)loop->chunks);
  int64_t step = (int64_t)(mix(pool->seed + 1) % (uint64_t)loop->chunks);
  int64_t lowest = INT64_MAX;
  int32_t status = LAMINA_OK;
  while (common_divisor(step, loop->chunks) != 1) {
    step++;
  }
  for (int64_t i = 0; i < loop->chunks; i++) {
    int64_t chunk = (int64_t)(((__int128)i * step + first) % loop->chunks);
    uint32_t lane = (uint32_t)(mix(pool->seed ^ (uint64_t)chunk) % pool->threads);
    here.lane = lane;
    int32_t returned = run_chunk(loop, chunk, lane);
    if (returned != LAMINA_OK && chunk < lowest) {
      lowest = chunk;
      status = returned;
    }
  }
  return status;
}

int32_t lm_pool_run(struct lm_pool *pool, int64_t n, int64_t grain, lm_pool_body_fn body, void *arg)
{
  if (n <= 0) {
    return LAMINA_OK;
  }
  struct position before = here;
  if (n <= grain) { /* one chunk: most loops of small networks, where a division would show */
    uint32_t lane = before.pool == pool ? before.lane : 0;
    here = (struct position){pool, lane};
    int32_t returned = body(arg, 0, n, lane);
    here = before;
    return returned;
  }
  struct loop loop = {.body = body, .arg = arg, .n = n, .grain = grain < 1 ? 1 : grain};
  loop.chunks = n / loop.grain + (n % loop.grain != 0);
  if (before.pool == pool) {
    return run_serial(&loop, before.lane);
  }
  here = (struct position){pool, 0};
  bool serial = pool->threads == 1 || loop.chunks == 1;
  int32_t status = serial           ? run_serial(&loop, 0)
                   : pool->shuffled ? run_shuffled(pool, &loop)
                                    : run_parallel(pool, &loop);
  here = before;
  return status;
}

uint32_t lm_pool_threads(const struct lm_pool *pool)
{
  return pool->threads;
}

uint32_t lm_pool_default_threads(void)
{
  uint32_t cpus = lm_cpus_affinity();
  uint32_t quota = lm_cpus_quota("/proc/self/cgroup", "/sys/fs/cgroup");
  uint32_t threads = quota < cpus ? quota : cpus;
  return threads < MOST_THREADS ? threads : MOST_THREADS;
}

/* Starts the workers; signals stay the business of the program's own threads. */
static int start_workers(struct lm_pool *pool, uint32_t *started)
{
  sigset_t all;
  sigset_t before;
  (void)sigfillset(&all);
  (void)pthread_sigmask(SIG_SETMASK, &all, &before);
  int failure = 0;
  for (*started = 1; *started < pool->threads && failure == 0;) {
    struct lane *lane = &pool->lanes[*started];
    failure = pthread_create(&lane->thread, NULL, worker, lane);
    *started += failure == 0 ? 1 : 0;
  }
  (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
  return failure;
}

static void stop_workers(struct lm_pool *pool, uint32_t started)
{
  atomic_store(&pool->stopping, true);
  atomic_fetch_add(&pool->calls, 1);
  futex_wake(&pool->calls, MOST_THREADS);
  for (uint32_t i = 1; i < started; i++) {
    (void)pthread_join(pool->lanes[i].thread, NULL);
  }
}

static void release(struct lm_pool *pool)
{
  lm_free(pool->lanes);
  lm_free(pool);
}

/* A pool without its threads. */
static enum lamina_status make_pool(uint32_t threads, struct lm_pool **out, struct lm_error *error)
{
  *out = NULL;
  if (threads < 1 || threads > MOST_THREADS) {
    return lm_fail(error, LAMINA_E_USAGE, "a pool has 1 to %d threads, not %lu", MOST_THREADS,
                   (unsigned long)threads);
  }
  struct lm_pool *pool = lm_alloc_aligned(sizeof *pool, LINE);
  if (pool == NULL) {
    return lm_fail_memory(error, sizeof *pool);
  }
  pool->lanes = lm_alloc_aligned(threads * sizeof *pool->lanes, LINE);
  if (pool->lanes == NULL) {
    release(pool);
    return lm_fail_memory(error, threads * sizeof *pool->lanes);
  }
  pool->threads = threads;
  atomic_init(&pool->fails_from, INT64_MAX);
  for (uint32_t i = 0; i < threads; i++) {
    pool->lanes[i] = (struct lane){.pool = pool, .number = i, .failed_chunk = -1};
  }
  *out = pool;
  return LAMINA_OK;
}

enum lamina_status lm_pool_create(uint32_t threads, struct lm_pool **out, struct lm_error *error)
{
  struct lm_pool *pool;
  *out = NULL;
  LM_TRY(make_pool(threads, &pool, error));
  pool->spins = threads <= lm_pool_default_threads();
  uint32_t started;
  int failure = start_workers(pool, &started);
  if (failure != 0) {
    stop_workers(pool, started);
    release(pool);
    return lm_fail(error, LAMINA_E_INTERNAL, "thread %lu of %lu cannot be started: %s",
                   (unsigned long)started + 1, (unsigned long)threads, strerror(failure));
  }
  *out = pool;
  return LAMINA_OK;
}

enum lamina_status lm_pool_create_shuffled(uint32_t lanes, uint64_t seed, struct lm_pool **out,
                                           struct lm_error *error)
{
  LM_TRY(make_pool(lanes, out, error));
  (*out)->shuffled = true;
  (*out)->seed = seed;
  return LAMINA_OK;
}

void lm_pool_free(struct lm_pool *pool)
{
  if (pool == NULL) {
    return;
  }
  stop_workers(pool, pool->shuffled ? 1 : pool->threads);
  release(pool);
}
