/*
 * A small host for the tests of one plugin: it has a pool, scratch memory with guards and a
 * record of the last failure, and no graph. Tests fill in what their plugin asks for.
 */
#ifndef LM_CONFORM_MOCK_H
#define LM_CONFORM_MOCK_H

#include <stdbool.h>

#include <lamina/plugin.h>

#include "base/pool.h"
#include "base/rng.h"

enum { LM_MOCK_ROLES = 6, LM_MOCK_TENSORS = 8 };

struct lm_mock {
  struct lamina_call call; /* pass &mock->call to the plugin */
  struct lm_pool *pool;    /* set by lm_mock_init */
  uint32_t mode;
  struct lm_stream stream; /* behind random_u32 */
  uint64_t step;
  int32_t failed_status; /* of the last fail(); LAMINA_OK: none */
  char failed_text[512];
  int32_t logged; /* lines given to log() */

  /* Tensors and gradients by role; NULL: there is none, which fails the call. */
  const struct lamina_view *tensors[LM_MOCK_ROLES][LM_MOCK_TENSORS];
  const struct lamina_view *gradients[LM_MOCK_ROLES][LM_MOCK_TENSORS];
  uint32_t requests[LM_MOCK_ROLES][LM_MOCK_TENSORS];

  /* What service() answers, by id; may be NULL. */
  const void *(*find_service)(const char *id);

  /* Scratch: set by lm_mock_set_scratch. */
  char *scratch;
  uint64_t shared_bytes, lane_bytes;
  uint32_t scratch_asked; /* calls of scratch() */

  void *memories[64];
  uint32_t n_memories;
};

/** Starts a host of so many threads; release with lm_mock_release. */
bool lm_mock_init(struct lm_mock *mock, uint32_t threads);
void lm_mock_release(struct lm_mock *mock);

/** Gives scratch of exactly these sizes, with guard bytes around each part. */
bool lm_mock_set_scratch(struct lm_mock *mock, uint64_t shared, uint64_t per_lane);

/** Whether no guard byte of the scratch has been changed. */
bool lm_mock_scratch_intact(const struct lm_mock *mock);

#endif
