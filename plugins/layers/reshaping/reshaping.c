/*
 * Copies in chunks, on all threads.
 */
#include "reshaping/reshaping.h"

#include <string.h>

enum { CHUNK = 32768 };

struct work {
  const float *from;
  float *to;
  int64_t add;
};

int32_t lm_reshaping_declare(struct lamina_plan *plan, const struct lamina_type *y)
{
  LAMINA_TRY(lamina_out(plan, 0, y));
  LAMINA_TRY(lamina_may_share(plan, LAMINA_FORWARD, 0, 0));
  return lamina_may_share(plan, LAMINA_BACKWARD, 0, 0);
}

static int32_t copy_elements(void *arg, int64_t begin, int64_t end, uint32_t lane)
{
  const struct work *work = arg;
  (void)lane;
  if (!work->add) {
    memcpy(work->to + begin, work->from + begin, (size_t)(end - begin) * sizeof(float));
    return LAMINA_OK;
  }
  for (int64_t i = begin; i < end; i++) {
    work->to[i] += work->from[i];
  }
  return LAMINA_OK;
}

static int32_t copy(struct lamina_call *call, const struct lamina_view *from,
                    const struct lamina_view *to, int add)
{
  if (from == NULL || to == NULL) {
    return LAMINA_E_PLUGIN;
  }
  struct work work = {from->data, to->data, add};
  if (work.from == work.to && !add) {
    return LAMINA_OK;
  }
  return lamina_parallel_for(call, lamina_type_count(&to->type), CHUNK, copy_elements, &work);
}

int32_t lm_reshaping_forward(void *self, struct lamina_call *call)
{
  (void)self;
  return copy(call, lamina_get(call, LAMINA_IN, 0), lamina_get(call, LAMINA_OUT, 0), 0);
}

int32_t lm_reshaping_backward(void *self, struct lamina_call *call)
{
  uint32_t request = LAMINA_SKIP;
  const struct lamina_view *dx = lamina_grad(call, LAMINA_IN, 0, &request);
  (void)self;
  if (request == LAMINA_SKIP) {
    return LAMINA_OK;
  }
  return copy(call, lamina_grad(call, LAMINA_OUT, 0, NULL), dx, request == LAMINA_ADD);
}
