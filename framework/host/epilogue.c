/*
 * Epilogues: elementwise layers that run on each piece of another layer's tensor while it is in
 * the cache. A piece goes through all of them before the next one comes, in whatever thread
 * finished it; since a layer's function gives an element the same bits in any piece, so does a
 * fused pass. Pieces are counted: a layer that keeps some back would leave its followers with
 * what the memory held before.
 */
#include "host/host.h"

const struct lamina_pointwise *lm_instance_pointwise(const struct lm_instance *instance)
{
  const struct lm_plugin *plugin = instance->plugin;
  if (plugin->info.kind != LAMINA_KIND_LAYER || plugin->table.layer.extension == NULL) {
    return NULL;
  }
  const struct lamina_pointwise *table = plugin->table.layer.extension(LAMINA_POINTWISE_ID);
  return table == NULL || table->size < sizeof *table ? NULL : table;
}

static int32_t apply(void *self, int64_t first, int64_t count)
{
  struct lm_epilogue *epilogue = self;
  if (first < 0 || count < 0 || first > epilogue->total - count) {
    return LAMINA_E_PLUGIN;
  }
  for (uint32_t i = 0; i < epilogue->n_fused; i++) {
    const struct lm_fused *fused = &epilogue->fused[i];
    const struct lamina_span span = {.size = sizeof span,
                                     .add = fused->add,
                                     .first = first,
                                     .count = count,
                                     .from = fused->from + first,
                                     .ref = fused->ref == NULL ? NULL : fused->ref + first,
                                     .to = fused->to + first};
    LAMINA_TRY(fused->function(fused->call->instance->self, &fused->call->base, &span));
  }
  atomic_fetch_add_explicit(&epilogue->finished, count, memory_order_relaxed);
  return LAMINA_OK;
}

void lm_epilogue_init(struct lm_epilogue *epilogue)
{
  epilogue->base =
      (struct lamina_epilogue){.size = sizeof epilogue->base, .self = epilogue, .apply = apply};
}

void lm_epilogue_begin(struct lm_epilogue *epilogue, uint64_t step, struct lm_error *error)
{
  atomic_store_explicit(&epilogue->finished, 0, memory_order_relaxed);
  for (uint32_t i = 0; i < epilogue->n_fused; i++) {
    epilogue->fused[i].call->step = step;
    lm_call_begin(epilogue->fused[i].call, error);
  }
}

enum lamina_status lm_epilogue_end(struct lm_call *call, int32_t returned)
{
  struct lm_epilogue *epilogue = call->epilogue;
  for (uint32_t i = 0; i < epilogue->n_fused; i++) {
    if (epilogue->fused[i].call->failed) {
      return lm_call_end(epilogue->fused[i].call, returned);
    }
  }
  int64_t finished = atomic_load_explicit(&epilogue->finished, memory_order_relaxed);
  if (returned == LAMINA_OK && !call->failed && finished != epilogue->total) {
    returned = lamina_failf(&call->base, LAMINA_E_PLUGIN,
                            "%s handed over %lld of %lld elements to the layers fused into it",
                            call->pass, (long long)finished, (long long)epilogue->total);
  }
  return lm_call_end(call, returned);
}
