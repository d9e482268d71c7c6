/*
 * One atomic counter hands out the chunks of a loop: it starts at the number of chunks not yet
 * taken and a thread that lowers it from above zero owns a chunk. Only an owner reads the
 * loop's description, and a loop does not end before its owners are done, so late threads
 * never see a description change. Nothing is locked and nothing allocated in a loop.
 *
 * Workers without work spin for SPIN_NANOSECONDS and then sleep on a futex; the caller waits
 * for the last chunks in the same way. With more threads than CPUs only so many are awake at a
 * time, since one more would keep another off its CPU; who sleeps is not missed, because any
 * thread can run any chunk. Where threads were told their CPUs, and too few, all are woken, and
 * nobody spins. Before a thread sleeps it helps one that another process keeps off its CPU
 * (company.h), unless threads were told their CPUs.
 *
 * Work beside the loops is one word: whoever moves it from OFFERED owns the work, a worker by
 * RUNNING, the caller by taking it back. Workers look for it only when no chunk is left, so
 * that it fills what a step leaves idle and needs no thread of its own, which would compete with
 * the workers for their CPUs.
 */
#include "base/pool.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>

#include "base/clock.h"
#include "base/company.h"
#include "base/cpus.h"
#include "base/memory.h"
#include "base/thread.h"

enum { MOST_THREADS = 1024, LINE = 64, SPIN_NANOSECONDS = 50000, POLLS_PER_LOOK = 64 };

#define LINE_ALIGNED __attribute__((aligned(LINE)))

/* A thread's own corner, on a cache line of its own. */
struct lane {
  struct lm_pool *pool;
  pthread_t thread;
  uint32_t number;
  int32_t failed_status;
  int64_t failed_chunk; /* -1: none */
  struct lm_company company;
} LINE_ALIGNED;

/* What the owners of a loop's chunks need; written by the caller before the chunks exist. */
struct loop {
  lm_pool_body_fn body;
  void *arg;
  int64_t n, grain, chunks;
  lm_float_mode mode;
};

/* Where work beside the loops stands. AWAITED: it runs, and the caller sleeps until it is done. */
enum side_state { SIDE_NONE = 0, SIDE_OFFERED, SIDE_RUNNING, SIDE_AWAITED, SIDE_DONE };

/* Work beside the loops; written by the caller before it is offered. */
struct side {
  lm_pool_side_fn run;
  void *arg;
  lm_float_mode mode;
};

struct lm_pool {
  uint32_t threads;
  uint32_t most_awake; /* threads that are woken to run at once, the caller among them */
  bool spins;
  bool moves;    /* threads may be moved between CPUs */
  bool shuffled; /* no threads: chunks run in an order and on lanes drawn from seed */
  uint64_t seed;
  bool placed; /* the thread that made the pool has a CPU of its own */
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
  atomic_uint side_state;               /* an enum side_state, and a futex while AWAITED */
  struct side side;

  cpu_set_t before; /* where that thread was allowed to be */
};

/* The pool and lane that the running thread works for, so that nested loops are known. */
struct position {
  const struct lm_pool *pool;
  uint32_t lane;
};
static _Thread_local struct position here __attribute__((tls_model("initial-exec")));

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
  atomic_store_explicit(&lane->company.busy, true, memory_order_relaxed);
  lm_float_mode_adopt(&pool->loop.mode);
  long long finished = 0;
  while (chunk >= 0) {
    run_owned(pool, lane, chunk);
    finished++;
    chunk = take(pool);
  }
  atomic_store_explicit(&lane->company.busy, false, memory_order_relaxed);
  atomic_fetch_add(&pool->done, finished);
  if (atomic_load(&pool->caller_sleeps) != 0) {
    atomic_store(&pool->caller_sleeps, 0);
    lm_futex_wake(&pool->caller_sleeps, 1);
  }
  return true;
}

/* A worker's turn at the work beside the loops; false when there was none. */
static bool work_aside(struct lm_pool *pool, struct lane *lane)
{
  unsigned state = SIDE_OFFERED;
  if (atomic_load_explicit(&pool->side_state, memory_order_relaxed) != SIDE_OFFERED ||
      !atomic_compare_exchange_strong(&pool->side_state, &state, SIDE_RUNNING)) {
    return false;
  }
  lm_float_mode_adopt(&pool->side.mode);
  pool->side.run(pool->side.arg, lane->number);
  if (atomic_exchange(&pool->side_state, SIDE_DONE) == SIDE_AWAITED) {
    lm_futex_wake(&pool->side_state, 1);
  }
  return true;
}

/* Whether more threads are awake than should be: one that was woken may come late. */
static inline bool is_one_too_many(struct lm_pool *pool)
{
  return pool->threads - atomic_load_explicit(&pool->sleepers, memory_order_relaxed) >
         pool->most_awake;
}

typedef bool (*due_fn)(struct lm_pool *pool, int64_t chunks);

/* Waits for something for a bounded time; false when the time is over. */
static inline bool spin_until(struct lm_pool *pool, due_fn is_due, int64_t chunks)
{
  if (!pool->spins || is_one_too_many(pool)) {
    return false;
  }
  int64_t end = lm_clock_ns() + SPIN_NANOSECONDS;
  do {
    for (int i = 0; i < POLLS_PER_LOOK; i++) {
      if (is_due(pool, chunks)) {
        return true;
      }
      lm_relax();
    }
  } while (lm_clock_ns() < end);
  return false;
}

static inline bool is_work_due(struct lm_pool *pool, int64_t chunks)
{
  (void)chunks;
  return atomic_load_explicit(&pool->untaken, memory_order_relaxed) > 0 ||
         atomic_load_explicit(&pool->side_state, memory_order_relaxed) == SIDE_OFFERED ||
         atomic_load_explicit(&pool->stopping, memory_order_relaxed);
}

/*
 * A thread has nothing to do for a while: another one that has gets its CPU. The caller's thread
 * is the program's own and may run at once where it could before; a worker is told to leave.
 */
static void give_way(struct lm_pool *pool, struct lane *lane)
{
  for (uint32_t i = 0; i < pool->threads && pool->moves; i++) {
    struct lm_company *other = &pool->lanes[i].company;
    bool is_wanted = i == 0 || atomic_load_explicit(&other->busy, memory_order_relaxed);
    if (i != lane->number && is_wanted && lm_company_bring(other, i != 0)) {
      if (i == 0) {
        lm_company_leave(&lane->company);
      }
      return;
    }
  }
}

/* The caller puts out work and then looks for sleepers; a worker counts itself as one and then
 * looks for work: in any order, one of them sees the other. */
static void sleep_for_work(struct lm_pool *pool)
{
  atomic_fetch_add(&pool->sleepers, 1);
  unsigned calls = atomic_load(&pool->calls);
  if (atomic_load(&pool->untaken) <= 0 && atomic_load(&pool->side_state) != SIDE_OFFERED &&
      !atomic_load(&pool->stopping)) {
    lm_futex_wait(&pool->calls, calls);
  }
  atomic_fetch_sub(&pool->sleepers, 1);
}

static void *worker(void *arg)
{
  struct lane *lane = arg;
  struct lm_pool *pool = lane->pool;
  here = (struct position){pool, lane->number};
  lm_company_enter(&lane->company);
  while (!atomic_load(&pool->stopping)) {
    if (!work(pool, lane) && !work_aside(pool, lane) && !spin_until(pool, is_work_due, 0)) {
      give_way(pool, lane);
      sleep_for_work(pool);
    }
    lm_company_settle(&lane->company);
  }
  return NULL;
}

/* Wakes workers for so many chunks, as far as there are CPUs for them beside those awake. */
static void wake(struct lm_pool *pool, int64_t chunks)
{
  int64_t sleepers = atomic_load(&pool->sleepers);
  if (sleepers > 0) {
    int64_t room = pool->most_awake - (pool->threads - sleepers);
    int64_t wanted = chunks < room ? chunks : room;
    if (wanted > 0) {
      atomic_fetch_add(&pool->calls, 1);
      lm_futex_wake(&pool->calls, (int)wanted);
    }
  }
}

static inline bool is_end(struct lm_pool *pool, int64_t chunks)
{
  return atomic_load_explicit(&pool->done, memory_order_acquire) == chunks;
}

static void wait_for_end(struct lm_pool *pool, int64_t chunks)
{
  if (is_end(pool, chunks) || spin_until(pool, is_end, chunks)) {
    return;
  }
  give_way(pool, &pool->lanes[0]);
  while (atomic_load(&pool->done) != chunks) {
    atomic_store(&pool->caller_sleeps, 1);
    if (atomic_load(&pool->done) != chunks) {
      lm_futex_wait(&pool->caller_sleeps, 1);
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
  pool->loop.mode = lm_float_mode_get();
  if (atomic_load_explicit(&pool->fails_from, memory_order_relaxed) != INT64_MAX) {
    atomic_store_explicit(&pool->fails_from, INT64_MAX, memory_order_relaxed);
  }
  atomic_store_explicit(&pool->done, 0, memory_order_relaxed);
  lm_company_enter(&pool->lanes[0].company);
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

/* ---- work beside the loops ---- */

bool lm_pool_offer(struct lm_pool *pool, lm_pool_side_fn run, void *arg, bool must_wake)
{
  if (pool->threads == 1 || atomic_load(&pool->side_state) != SIDE_NONE) {
    return false;
  }
  pool->side = (struct side){.run = run, .arg = arg, .mode = lm_float_mode_get()};
  atomic_store(&pool->side_state, SIDE_OFFERED);
  if (must_wake && atomic_load(&pool->sleepers) == pool->threads - 1) { /* nobody sees it */
    wake(pool, 1);
  }
  return true;
}

static inline bool is_side_done(struct lm_pool *pool, int64_t chunks)
{
  (void)chunks;
  return atomic_load_explicit(&pool->side_state, memory_order_acquire) == SIDE_DONE;
}

bool lm_pool_take_back(struct lm_pool *pool)
{
  unsigned state = SIDE_OFFERED;
  if (atomic_compare_exchange_strong(&pool->side_state, &state, SIDE_NONE)) {
    return true;
  }
  if (!is_side_done(pool, 0) && !spin_until(pool, is_side_done, 0)) {
    state = SIDE_RUNNING;
    (void)atomic_compare_exchange_strong(&pool->side_state, &state, SIDE_AWAITED);
    while (atomic_load(&pool->side_state) == SIDE_AWAITED) {
      lm_futex_wait(&pool->side_state, SIDE_AWAITED);
    }
  }
  atomic_store(&pool->side_state, SIDE_NONE);
  return false;
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

/* Signals stay the business of the program's own threads, other than those of a crash: they
 * come to the thread that crashed, and end the process without last words where blocked. */
static void block_signals(sigset_t *before)
{
  static const int crashes[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGSYS};
  sigset_t blocked;
  (void)sigfillset(&blocked);
  for (size_t i = 0; i < sizeof crashes / sizeof crashes[0]; i++) {
    (void)sigdelset(&blocked, crashes[i]);
  }
  (void)pthread_sigmask(SIG_SETMASK, &blocked, before);
}

static void cpu_of(const struct lm_affinity *affinity, uint32_t lane, cpu_set_t *out)
{
  CPU_ZERO(out);
  CPU_SET(affinity->cpu[lane % affinity->count], out);
}

/* Starts the worker of a lane, on its CPU from the beginning. */
static int start_worker(struct lane *lane, const struct lm_affinity *affinity)
{
  pthread_attr_t attributes;
  cpu_set_t cpu;
  int failure = pthread_attr_init(&attributes);
  if (failure != 0) {
    return failure;
  }
  if (affinity != NULL && affinity->count > 0) {
    cpu_of(affinity, lane->number, &cpu);
    failure = pthread_attr_setaffinity_np(&attributes, sizeof cpu, &cpu);
  }
  if (failure == 0) {
    failure = pthread_create(&lane->thread, &attributes, worker, lane);
  }
  (void)pthread_attr_destroy(&attributes);
  return failure;
}

static int start_workers(struct lm_pool *pool, const struct lm_affinity *affinity,
                         uint32_t *started)
{
  sigset_t before;
  int failure = 0;
  block_signals(&before);
  for (*started = 1; *started < pool->threads && failure == 0;) {
    failure = start_worker(&pool->lanes[*started], affinity);
    *started += failure == 0 ? 1 : 0;
  }
  (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
  return failure;
}

/* Puts the calling thread, which is lane 0, on its CPU. */
static int place_caller(struct lm_pool *pool, const struct lm_affinity *affinity)
{
  cpu_set_t cpu;
  int failure = pthread_getaffinity_np(pthread_self(), sizeof pool->before, &pool->before);
  if (failure == 0) {
    cpu_of(affinity, 0, &cpu);
    failure = pthread_setaffinity_np(pthread_self(), sizeof cpu, &cpu);
  }
  pool->placed = failure == 0;
  return failure;
}

static void stop_workers(struct lm_pool *pool, uint32_t started)
{
  atomic_store(&pool->stopping, true);
  atomic_fetch_add(&pool->calls, 1);
  lm_futex_wake(&pool->calls, MOST_THREADS);
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

enum lamina_status lm_pool_create_on(uint32_t threads, const struct lm_affinity *affinity,
                                     struct lm_pool **out, struct lm_error *error)
{
  bool placed = affinity != NULL && affinity->count > 0;
  struct lm_pool *pool;
  *out = NULL;
  LM_TRY(make_pool(threads, &pool, error));
  uint32_t cpus = lm_pool_default_threads();
  bool confined = placed && threads > affinity->count;
  pool->most_awake = confined || threads < cpus ? threads : cpus;
  pool->spins = !confined && pool->most_awake > 1;
  pool->moves = !placed && pool->most_awake > 1;
  uint32_t started;
  int failure = start_workers(pool, affinity, &started);
  if (failure == 0 && placed) {
    failure = place_caller(pool, affinity);
  }
  if (failure != 0) {
    stop_workers(pool, started);
    release(pool);
    return lm_fail(error, LAMINA_E_INTERNAL, "thread %lu of %lu cannot be started: %s",
                   (unsigned long)(started % threads) + 1, (unsigned long)threads,
                   strerror(failure));
  }
  *out = pool;
  return LAMINA_OK;
}

enum lamina_status lm_pool_create(uint32_t threads, struct lm_pool **out, struct lm_error *error)
{
  return lm_pool_create_on(threads, NULL, out, error);
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
  if (pool->placed) {
    (void)pthread_setaffinity_np(pthread_self(), sizeof pool->before, &pool->before);
  }
  release(pool);
}
