/*
 * Epilogues: elementwise layers that run on each piece of another layer's tensor while it is in
 * the cache, and layers that only look at it. A piece goes through all of them before the next
 * one comes, in whatever thread finished it; since a layer's function gives an element the same
 * bits in any piece, so does a fused pass. Pieces are counted: a layer that keeps some back would
 * leave its followers with what the memory held before.
 */
#include "host/host.h"

static const void *extension(const struct lm_instance *instance, const char *id)
{
  const struct lm_plugin *plugin = instance->plugin;
  bool has = plugin->info.kind == LAMINA_KIND_LAYER && plugin->table.layer.extension != NULL;
  return has ? plugin->table.layer.extension(id) : NULL;
}

const struct lamina_pointwise *lm_instance_pointwise(const struct lm_instance *instance)
{
  const struct lamina_pointwise *table = extension(instance, LAMINA_POINTWISE_ID);
  return table == NULL || table->size < sizeof *table ? NULL : table;
}

const struct lamina_observer *lm_instance_observer(const struct lm_instance *instance)
{
  const struct lamina_observer *table = extension(instance, LAMINA_OBSERVER_ID);
  return table == NULL || table->size < sizeof *table ? NULL : table;
}

/* Elements that are made once more at a time; whole rows of the usual numbers of channels. */
enum { REMADE = 2048 };

/* The run of y, in the given place. */
static int32_t remake(const struct lm_fused *fused, int64_t first, int64_t count, float *y)
{
  const struct lm_remake *how = &fused->remake;
  const float *x = how->call->tensors[LAMINA_IN].views[0]->data; /* of a batch, perhaps */
  struct lamina_span span = {
      .size = sizeof span, .first = first, .count = count, .from = x + first, .to = y};
  LAMINA_TRY(how->again(how->call->instance->self, &how->call->base, &span));
  span.from = y;
  return how->value(fused->call->instance->self, &fused->call->base, &span);
}

static int32_t run_piece(const struct lm_fused *fused, int64_t first, int64_t count)
{
  const float *others[LAMINA_POINTWISE_INPUTS];
  for (uint32_t i = 1; i < fused->n_inputs; i++) {
    others[i - 1] = (const float *)fused->inputs[i]->data + first;
  }
  float remade[REMADE];
  struct lamina_span span = {.size = sizeof span,
                             .add = fused->add,
                             .first = first,
                             .count = count,
                             .from = fused->from + first,
                             .ref = fused->ref == NULL ? NULL : fused->ref + first,
                             .to = fused->to == NULL ? NULL : fused->to + first,
                             .others = others,
                             .n_others = fused->n_inputs > 0 ? fused->n_inputs - 1 : 0,
                             .input = fused->input};
  if (fused->remake.again != NULL) {
    LAMINA_TRY(remake(fused, first, count, remade));
    span.ref = remade;
  }
  return fused->function(fused->call->instance->self, &fused->call->base, &span);
}

static int32_t run_pieces(const struct lm_epilogue *epilogue, int64_t first, int64_t count)
{
  for (uint32_t i = 0; i < epilogue->n_fused; i++) {
    LAMINA_TRY(run_piece(&epilogue->fused[i], first, count));
  }
  return LAMINA_OK;
}

static int32_t apply(void *self, int64_t first, int64_t count)
{
  struct lm_epilogue *epilogue = self;
  if (first < 0 || count < 0 || first > epilogue->total - count) {
    return LAMINA_E_PLUGIN;
  }
  int64_t most = epilogue->remakes ? REMADE : INT64_MAX;
  for (int64_t done = 0, n; done < count; done += n) {
    n = count - done < most ? count - done : most;
    LAMINA_TRY(run_pieces(epilogue, first + done, n));
  }
  atomic_fetch_add_explicit(&epilogue->finished, count, memory_order_relaxed);
  return LAMINA_OK;
}

void lm_epilogue_init(struct lm_epilogue *epilogue)
{
  epilogue->base =
      (struct lamina_epilogue){.size = sizeof epilogue->base, .self = epilogue, .apply = apply};
}

static enum lamina_status prepare(const struct lm_fused *fused, uint32_t pass)
{
  struct lm_call *call = fused->call;
  int32_t returned = fused->prepare(call->instance->self, &call->base, pass);
  return returned == LAMINA_OK && !call->failed ? LAMINA_OK : lm_call_end(call, returned);
}

enum lamina_status lm_epilogue_begin(struct lm_epilogue *epilogue, uint64_t step,
                                     struct lm_error *error)
{
  uint32_t pass = epilogue->what == LAMINA_OUT ? LAMINA_FORWARD : LAMINA_BACKWARD;
  atomic_store_explicit(&epilogue->finished, 0, memory_order_relaxed);
  for (uint32_t i = 0; i < epilogue->n_fused; i++) {
    struct lm_fused *fused = &epilogue->fused[i];
    fused->from = fused->n_inputs > 0 ? fused->inputs[0]->data : fused->from;
    fused->call->step = step;
    lm_call_begin(fused->call, error);
    fused->call->observed = fused->observes;
    if (fused->prepare != NULL) {
      LM_TRY(prepare(fused, pass));
    }
  }
  return LAMINA_OK;
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
