/*
 * The one thread pool: parallel loops whose chunks depend on the size alone.
 *
 * A loop over n with a grain has ceil(n / grain) chunks; threads take them one by one, the
 * caller included, so the caller finishes alone when the others are busy elsewhere. Idle
 * workers spin for a bounded time, then sleep on a futex; no more are woken than there are
 * CPUs. A loop inside a loop runs in the calling thread. Floor 0.
 *
 * Lane numbers: 0 for the caller, 1 .. threads-1 for workers; at most one thread is in a lane
 * at a time. Loops of one pool are started by one thread at a time.
 */
#ifndef LM_BASE_POOL_H
#define LM_BASE_POOL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/affinity.h"

struct lm_pool;

/** The same shape as lamina_body_fn. */
typedef int32_t (*lm_pool_body_fn)(void *arg, int64_t begin, int64_t end, uint32_t lane);

/**
 * Starts a pool.
 * @param threads  1 to 1024, the caller counted; 1 starts no thread and takes no lock
 * @param out      owned by the caller, release with lm_pool_free()
 * @return LAMINA_OK; LAMINA_E_NOMEM; LAMINA_E_INTERNAL when a thread cannot be started
 */
enum lamina_status lm_pool_create(uint32_t threads, struct lm_pool **out,
                                  struct lm_error *error) LM_MUST_CHECK;

/**
 * The same with each thread on a CPU of its own, lane i on affinity->cpu[i % count]. The calling
 * thread is lane 0 and has its place until it frees the pool.
 * @param affinity  NULL or without CPUs: threads go where the system puts them
 */
enum lamina_status lm_pool_create_on(uint32_t threads, const struct lm_affinity *affinity,
                                     struct lm_pool **out, struct lm_error *error) LM_MUST_CHECK;

/**
 * Makes a pool of `lanes` lanes without threads: it runs the chunks of a loop in the calling
 * thread, in an order and on lanes drawn from seed. A real pool may do the same, but seldom
 * does; code whose result depends on who runs which chunk is found by it, every time.
 */
enum lamina_status lm_pool_create_shuffled(uint32_t lanes, uint64_t seed, struct lm_pool **out,
                                           struct lm_error *error) LM_MUST_CHECK;

/** Stops the threads and waits for them. NULL is fine. */
void lm_pool_free(struct lm_pool *pool);

uint32_t lm_pool_threads(const struct lm_pool *pool);

/**
 * Runs body on all chunks. @return LAMINA_OK (0), or the status of the failed chunk with the
 * lowest number; chunks after a failure may be left out. n <= 0 does nothing.
 */
int32_t lm_pool_run(struct lm_pool *pool, int64_t n, int64_t grain, lm_pool_body_fn body,
                    void *arg);

/** Work beside the loops; lane as for bodies. Loops that it runs stay in its thread. */
typedef void (*lm_pool_side_fn)(void *arg, uint32_t lane);

/**
 * Offers work to a worker that finds nothing to do in the loops; it does not disturb them, and
 * nothing is allocated or locked. The caller must call lm_pool_take_back() before it offers more
 * and before the pool is freed.
 * @param must_wake  when all workers sleep, wake one; otherwise it is left to those awake
 * @return false: nobody is there to take it, since the pool has one thread or something else is
 *         on offer; there is nothing to take back then
 */
bool lm_pool_offer(struct lm_pool *pool, lm_pool_side_fn run, void *arg, bool must_wake);

/**
 * Ends an offer. @return true when nobody has begun, and nobody will: the caller does the work
 * itself if it is still wanted; false when it is done, waiting for the end where it was running.
 */
bool lm_pool_take_back(struct lm_pool *pool);

/** Threads that make sense here: CPUs of the affinity mask, bounded by the cgroup's quota. */
uint32_t lm_pool_default_threads(void);

#endif
