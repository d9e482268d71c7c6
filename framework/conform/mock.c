/*
 * Each part of the scratch has GUARD bytes of a pattern on both sides; parts are aligned as the
 * host promises. A lane that does not exist gets NULL, which plugins must bear.
 */
#include "conform/mock.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"

enum { GUARD = 256, PATTERN = 0xa5 };

static struct lm_mock *mock_of(const struct lamina_call *call)
{
  return (struct lm_mock *)(uintptr_t)call;
}

static void fail(struct lamina_call *call, int32_t status, const char *utf8)
{
  struct lm_mock *mock = mock_of(call);
  mock->failed_status = status;
  (void)snprintf(mock->failed_text, sizeof mock->failed_text, "%s", utf8);
}

static void log_line(struct lamina_call *call, int32_t level, const char *utf8)
{
  (void)level, (void)utf8;
  mock_of(call)->logged++;
}

static uint32_t mode(const struct lamina_call *call)
{
  return mock_of(call)->mode;
}

static uint64_t part_bytes(uint64_t bytes)
{
  return GUARD + lm_round_up(bytes, LAMINA_ALIGNMENT) + GUARD;
}

static char *part(const struct lm_mock *mock, uint32_t lane)
{
  uint64_t at = lane == LAMINA_SHARED
                    ? 0
                    : part_bytes(mock->shared_bytes) + lane * part_bytes(mock->lane_bytes);
  return mock->scratch + at + GUARD;
}

static void *scratch(struct lamina_call *call, uint32_t lane)
{
  struct lm_mock *mock = mock_of(call);
  uint64_t bytes = lane == LAMINA_SHARED ? mock->shared_bytes : mock->lane_bytes;
  bool known = lane == LAMINA_SHARED || lane < lm_pool_threads(mock->pool);
  return mock->scratch == NULL || bytes == 0 || !known ? NULL : part(mock, lane);
}

static int32_t parallel_for(struct lamina_call *call, int64_t n, int64_t grain,
                            lamina_body_fn loop_body, void *arg)
{
  return lm_pool_run(mock_of(call)->pool, n, grain, loop_body, arg);
}

static int32_t random_u32(struct lamina_call *call, uint32_t purpose, uint64_t first, uint64_t n,
                          uint32_t *out)
{
  struct lm_mock *mock = mock_of(call);
  lm_stream_fill(&mock->stream, mock->step, purpose, first, n, out);
  return LAMINA_OK;
}

static const void *service(struct lamina_call *call, const char *id)
{
  struct lm_mock *mock = mock_of(call);
  return mock->find_service == NULL ? NULL : mock->find_service(id);
}

static int32_t chosen_service(struct lamina_call *call, const char *id, const void **out)
{
  *out = service(call, id);
  return LAMINA_OK;
}

static void *memory(struct lamina_call *call, uint64_t bytes)
{
  struct lm_mock *mock = mock_of(call);
  if (mock->n_memories == sizeof mock->memories / sizeof mock->memories[0]) {
    return NULL;
  }
  void *fresh = lm_alloc_aligned(bytes, LAMINA_ALIGNMENT);
  mock->memories[mock->n_memories] = fresh;
  mock->n_memories += fresh != NULL ? 1 : 0;
  return fresh;
}

static const struct lamina_view *get(struct lamina_call *call, uint32_t what, uint32_t index)
{
  bool known = what < LM_MOCK_ROLES && index < LM_MOCK_TENSORS;
  const struct lamina_view *view = known ? mock_of(call)->tensors[what][index] : NULL;
  if (view == NULL) {
    (void)lamina_failf(call, LAMINA_E_PLUGIN, "there is no tensor %u of role %u", index, what);
  }
  return view;
}

static const struct lamina_view *grad(struct lamina_call *call, uint32_t what, uint32_t index,
                                      uint32_t *request)
{
  struct lm_mock *mock = mock_of(call);
  bool known = what < LM_MOCK_ROLES && index < LM_MOCK_TENSORS;
  const struct lamina_view *view = known ? mock->gradients[what][index] : NULL;
  if (request != NULL) {
    *request = view == NULL ? LAMINA_SKIP : mock->requests[what][index];
  }
  return view;
}

static uint32_t count(const struct lamina_call *call, uint32_t what)
{
  const struct lm_mock *mock = mock_of(call);
  uint32_t n = 0;
  while (what < LM_MOCK_ROLES && n < LM_MOCK_TENSORS && mock->tensors[what][n] != NULL) {
    n++;
  }
  return n;
}

static const struct lamina_epilogue *epilogue(struct lamina_call *call, uint32_t what,
                                              uint32_t index)
{
  (void)call, (void)what, (void)index;
  return NULL;
}

static const struct lamina_host table = {
    .size = sizeof table,
    .abi_minor = LAMINA_ABI_MINOR,
    .fail = fail,
    .log = log_line,
    .mode = mode,
    .get = get,
    .grad = grad,
    .scratch = scratch,
    .parallel_for = parallel_for,
    .random_u32 = random_u32,
    .service = service,
    .memory = memory,
    .count = count,
    .epilogue = epilogue,
    .chosen_service = chosen_service,
};

bool lm_mock_init(struct lm_mock *mock, uint32_t threads)
{
  *mock = (struct lm_mock){.call = {.host = &table}};
  mock->stream = lm_stream_make(1, "mock");
  return lm_pool_create(threads, &mock->pool, NULL) == LAMINA_OK;
}

void lm_mock_release(struct lm_mock *mock)
{
  lm_pool_free(mock->pool);
  lm_free(mock->scratch);
  for (uint32_t i = 0; i < mock->n_memories; i++) {
    lm_free(mock->memories[i]);
  }
  *mock = (struct lm_mock){0};
}

static uint64_t scratch_bytes(const struct lm_mock *mock)
{
  return part_bytes(mock->shared_bytes) +
         lm_pool_threads(mock->pool) * part_bytes(mock->lane_bytes);
}

bool lm_mock_set_scratch(struct lm_mock *mock, uint64_t shared, uint64_t per_lane)
{
  lm_free(mock->scratch);
  mock->shared_bytes = shared;
  mock->lane_bytes = per_lane;
  mock->scratch = lm_alloc_aligned(scratch_bytes(mock), LAMINA_ALIGNMENT);
  if (mock->scratch == NULL) {
    return false;
  }
  memset(mock->scratch, PATTERN, scratch_bytes(mock));
  return true;
}

static bool is_pattern(const char *from, const char *to)
{
  for (; from < to; from++) {
    if ((unsigned char)*from != PATTERN) {
      return false;
    }
  }
  return true;
}

static bool part_intact(const char *start, uint64_t bytes)
{
  return is_pattern(start - GUARD, start) &&
         is_pattern(start + bytes, start + lm_round_up(bytes, LAMINA_ALIGNMENT) + GUARD);
}

bool lm_mock_scratch_intact(const struct lm_mock *mock)
{
  bool intact = mock->scratch == NULL || part_intact(part(mock, LAMINA_SHARED), mock->shared_bytes);
  for (uint32_t i = 0; mock->scratch != NULL && i < lm_pool_threads(mock->pool); i++) {
    intact = intact && part_intact(part(mock, i), mock->lane_bytes);
  }
  return intact;
}
