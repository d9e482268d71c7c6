/*
 * A small host for the tests of one plugin: it has a pool, scratch memory with guards and a
 * record of the last failure, and no graph. Tests fill in what their plugin asks for.
 */
#ifndef LM_TEST_MOCK_HOST_H
#define LM_TEST_MOCK_HOST_H

#include <stdbool.h>

#include <lamina/plugin.h>

#include "base/pool.h"
#include "base/rng.h"

struct mock_host {
  struct lamina_call call; /* pass &mock->call to the plugin */
  struct lm_pool *pool;    /* set by mock_host_init */
  uint32_t mode;
  struct lm_stream stream; /* behind random_u32 */
  uint64_t step;
  int32_t failed_status; /* of the last fail(); LAMINA_OK: none */
  char failed_text[512];
  int32_t logged; /* lines given to log() */

  /* What service() answers, by id; may be NULL. */
  const void *(*find_service)(const char *id);

  /* Scratch: set by mock_host_set_scratch. */
  char *scratch;
  uint64_t shared_bytes, lane_bytes;
  uint32_t scratch_asked; /* calls of scratch() */

  void *memories[64];
  uint32_t n_memories;
};

/** Starts a host of so many threads; release with mock_host_release. */
bool mock_host_init(struct mock_host *mock, uint32_t threads);
void mock_host_release(struct mock_host *mock);

/** Gives scratch of exactly these sizes, with guard bytes around each part. */
bool mock_host_set_scratch(struct mock_host *mock, uint64_t shared, uint64_t per_lane);

/** Whether no guard byte of the scratch has been changed. */
bool mock_host_scratch_intact(const struct mock_host *mock);

#endif
