/*
 * A witness in the place of the layers that a host would fuse into the probed one. It copies
 * every piece that it is handed and spoils the original, since the piece is no longer the
 * layer's; at the end the copies are put back, and each element must have come exactly once.
 */
#include <criterion/criterion.h>
#include <math.h>

#include "base/memory.h"
#include "tests/support/layer_probe.h"

struct ls_witness {
  struct lm_call call; /* first: what the function below is given */
  struct lm_epilogue epilogue;
  struct lm_fused fused;
  float *seen;
  unsigned char *times;
};

static int32_t take_piece(const void *self, struct lamina_call *base,
                          const struct lamina_span *span)
{
  struct ls_witness *witness = (struct ls_witness *)(void *)base;
  (void)self;
  for (int64_t i = 0; i < span->count; i++) {
    witness->seen[span->first + i] = span->from[i];
    witness->times[span->first + i]++;
    span->to[i] = NAN;
  }
  return LAMINA_OK;
}

struct ls_witness *ls_witness_open(struct lm_probe *probe, uint32_t pass, uint32_t index)
{
  struct ls_witness *witness = lm_alloc(1, sizeof *witness);
  uint32_t role = pass == LAMINA_FORWARD ? LAMINA_OUT : LAMINA_IN;
  size_t count = (size_t)lm_probe_count(probe, role, index);
  cr_assert_not_null(witness);
  witness->seen = lm_alloc(count, sizeof *witness->seen);
  witness->times = lm_alloc(count, sizeof *witness->times);
  cr_assert(witness->seen != NULL && witness->times != NULL);
  lm_call_init(&witness->call, &probe->home->host, probe->home->instance, "witness");
  float *tensor = pass == LAMINA_FORWARD ? lm_probe_value(probe, role, index)
                                         : lm_probe_gradient(probe, role, index);
  witness->fused = (struct lm_fused){
      .function = take_piece, .call = &witness->call, .from = tensor, .to = tensor};
  lm_epilogue_init(&witness->epilogue);
  witness->epilogue.what = role;
  witness->epilogue.index = index;
  witness->epilogue.fused = &witness->fused;
  witness->epilogue.n_fused = 1;
  witness->epilogue.total = (int64_t)count;
  probe->epilogues[pass] = &witness->epilogue;
  return witness;
}

void ls_witness_close(struct lm_probe *probe, struct ls_witness *witness)
{
  uint32_t pass = witness->epilogue.what == LAMINA_OUT ? LAMINA_FORWARD : LAMINA_BACKWARD;
  for (int64_t i = 0; i < witness->epilogue.total; i++) {
    cr_assert_eq(witness->times[i], 1, "%s: element %lld was handed over %d times in pass %u",
                 probe->label, (long long)i, witness->times[i], pass);
    cr_assert(isnan(witness->fused.to[i]),
              "%s: element %lld is written after it was handed over in pass %u", probe->label,
              (long long)i, pass);
    witness->fused.to[i] = witness->seen[i];
  }
  probe->epilogues[pass] = NULL;
  lm_free(witness->seen);
  lm_free(witness->times);
  lm_free(witness);
}
