/*
 * Three passes over the flat block, each skipped when it has nothing to do. The chunk is a
 * multiple of the padding, so chunks never cut a weight's alignment.
 */
#include "executor/update.h"

#include <math.h>

#include "base/memory.h"

enum { CHUNK = 16384 };

/** A range that a regularizer applies to. */
struct range {
  uint32_t regularizer;
  size_t begin, end;
};

struct lm_updater {
  struct lm_host *host;
  struct lm_store *store;
  struct lm_instance *optimizer;
  struct lm_call step_call;
  struct lm_call *penalty_calls; /* by regularizer */
  uint32_t n_regularizers;
  struct range *ranges;
  size_t n_ranges, ranges_capacity;
  double *partial; /* by chunk of the block */
  double clip_norm;
};

void lm_updater_free(struct lm_updater *updater)
{
  if (updater != NULL) {
    lm_free(updater->penalty_calls);
    lm_free(updater->ranges);
    lm_free(updater->partial);
    lm_free(updater);
  }
}

/* Adds the range of a parameter, joined to the one before it when they touch. */
static bool add_range(struct lm_updater *updater, uint32_t regularizer, size_t begin, size_t end)
{
  struct range *last = updater->n_ranges == 0 ? NULL : &updater->ranges[updater->n_ranges - 1];
  if (last != NULL && last->regularizer == regularizer && last->end == begin) {
    last->end = end;
    return true;
  }
  if (!lm_grow((void **)&updater->ranges, &updater->ranges_capacity, updater->n_ranges + 1,
               sizeof *updater->ranges)) {
    return false;
  }
  updater->ranges[updater->n_ranges++] = (struct range){regularizer, begin, end};
  return true;
}

static bool add_ranges(struct lm_updater *updater, uint32_t regularizer, const bool *applies)
{
  const struct lm_graph *graph = updater->store->graph;
  for (uint32_t i = 0; i < graph->n_parameters; i++) {
    size_t begin = updater->store->offsets[i];
    size_t count = lm_shape_bytes(&graph->parameters[i]->shape) / sizeof(float);
    size_t padded = lm_round_up(count, LAMINA_ALIGNMENT / sizeof(float));
    if (applies[i] && lm_store_is_trained(updater->store, i) && count > 0 &&
        !add_range(updater, regularizer, begin, begin + padded)) {
      return false;
    }
  }
  return true;
}

enum lamina_status lm_updater_create(const struct lm_updater_parts *parts, struct lm_updater **out,
                                     struct lm_error *error)
{
  struct lm_updater *updater = lm_alloc(1, sizeof *updater);
  uint32_t count = parts->n_regularizers;
  *out = NULL;
  if (updater == NULL) {
    return lm_fail_memory(error, sizeof *updater);
  }
  updater->host = parts->host;
  updater->store = parts->store;
  updater->optimizer = parts->optimizer;
  updater->clip_norm = parts->clip_norm;
  updater->n_regularizers = count;
  updater->penalty_calls = lm_alloc(count, sizeof *updater->penalty_calls);
  updater->partial = lm_alloc(parts->store->trained / CHUNK + 2, sizeof *updater->partial);
  bool done = updater->penalty_calls != NULL && updater->partial != NULL;
  lm_call_init(&updater->step_call, parts->host, parts->optimizer, "update");
  for (uint32_t i = 0; i < count && done; i++) {
    lm_call_init(&updater->penalty_calls[i], parts->host, parts->regularizers[i].instance, "apply");
    done = add_ranges(updater, i, parts->regularizers[i].applies);
  }
  if (!done) {
    lm_updater_free(updater);
    return lm_fail_memory(error, 0);
  }
  *out = updater;
  return LAMINA_OK;
}

/* ---- penalties ---- */

struct penalty_work {
  struct lm_updater *updater;
  const struct range *range;
};

static int32_t penalty_body(void *arg, int64_t begin, int64_t end, uint32_t lane)
{
  const struct penalty_work *work = arg;
  struct lm_updater *updater = work->updater;
  struct lm_call *call = &updater->penalty_calls[work->range->regularizer];
  size_t offset = work->range->begin + (size_t)begin;
  struct lamina_penalty penalty = {.size = sizeof penalty,
                                   .weight = updater->store->weights + offset,
                                   .grad = updater->store->gradients + offset,
                                   .n = end - begin};
  int32_t returned =
      call->instance->plugin->table.regularizer.apply(call->instance->self, &call->base, &penalty);
  updater->partial[begin / CHUNK] = penalty.value;
  (void)lane;
  return returned;
}

static enum lamina_status penalize(struct lm_updater *updater, double *total,
                                   struct lm_error *error)
{
  *total = 0.0;
  for (size_t r = 0; r < updater->n_ranges; r++) {
    struct penalty_work work = {updater, &updater->ranges[r]};
    struct lm_call *call = &updater->penalty_calls[work.range->regularizer];
    int64_t n = (int64_t)(work.range->end - work.range->begin);
    lm_call_begin(call, error);
    int32_t returned = lm_pool_run(updater->host->pool, n, CHUNK, penalty_body, &work);
    if (returned != LAMINA_OK || call->failed) {
      return lm_call_end(call, returned);
    }
    for (int64_t chunk = 0; chunk * CHUNK < n; chunk++) {
      *total += updater->partial[chunk];
    }
  }
  return LAMINA_OK;
}

/* ---- clipping ---- */

static int32_t norm_body(void *arg, int64_t begin, int64_t end, uint32_t lane)
{
  struct lm_updater *updater = arg;
  const float *gradient = updater->store->gradients;
  double sums[8] = {0};
  for (int64_t i = begin; i < end; i += 8) {
    for (int k = 0; k < 8; k++) {
      sums[k] += (double)gradient[i + k] * (double)gradient[i + k];
    }
  }
  updater->partial[begin / CHUNK] =
      ((sums[0] + sums[1]) + (sums[2] + sums[3])) + ((sums[4] + sums[5]) + (sums[6] + sums[7]));
  (void)lane;
  return LAMINA_OK;
}

static double gradient_norm(struct lm_updater *updater)
{
  int64_t n = (int64_t)updater->store->trained;
  double sum = 0.0;
  (void)lm_pool_run(updater->host->pool, n, CHUNK, norm_body, updater);
  for (int64_t chunk = 0; chunk * CHUNK < n; chunk++) {
    sum += updater->partial[chunk];
  }
  return sqrt(sum);
}

/* A norm that is not finite cannot shorten anything: name a weight whose gradient is to blame. */
static enum lamina_status refuse_norm(const struct lm_updater *updater, struct lm_error *error)
{
  const struct lm_store *store = updater->store;
  for (uint32_t i = 0; i < store->graph->n_parameters; i++) {
    const struct lm_parameter *parameter = store->graph->parameters[i];
    int64_t count = lm_store_is_trained(store, i) ? lamina_type_count(&parameter->shape.type) : 0;
    for (int64_t k = 0; k < count; k++) {
      if (!isfinite(store->gradients[store->offsets[i] + (size_t)k])) {
        return lm_fail(error, LAMINA_E_NONFINITE,
                       "the gradient of weight '%s' is not finite, so it cannot be clipped",
                       parameter->name);
      }
    }
  }
  return lm_fail(error, LAMINA_E_NONFINITE, "the norm of all gradients is not finite");
}

/* ---- the optimizer ---- */

struct step_work {
  struct lm_updater *updater;
  const struct lm_group *group;
  struct lamina_update update; /* what all chunks have in common */
};

static int32_t step_body(void *arg, int64_t begin, int64_t end, uint32_t lane)
{
  const struct step_work *work = arg;
  struct lm_updater *updater = work->updater;
  struct lm_store *store = updater->store;
  size_t offset = work->group->begin + (size_t)begin;
  float *slots[LM_MAX_SLOTS];
  for (uint32_t i = 0; i < store->n_slots; i++) {
    slots[i] = store->slots[i] + offset;
  }
  struct lamina_update update = work->update;
  update.weight = store->weights + offset;
  update.grad = store->gradients + offset;
  update.state = slots;
  update.n = end - begin;
  (void)lane;
  return updater->optimizer->plugin->table.optimizer.step(updater->optimizer->self,
                                                          &updater->step_call.base, &update);
}

static enum lamina_status step_group(struct lm_updater *updater, const struct lm_group *group,
                                     uint64_t step, const struct lm_update_report *report,
                                     struct lm_error *error)
{
  const struct lamina_optimizer *table = &updater->optimizer->plugin->table.optimizer;
  double rate = report->rate * group->lr_mult;
  bool clipped = updater->clip_norm > 0.0 && report->norm > updater->clip_norm;
  struct step_work work = {
      .updater = updater,
      .group = group,
      .update = {.size = sizeof work.update,
                 .n_state = updater->store->n_slots,
                 .rate = rate,
                 .keep = group->decays && table->keep != NULL
                             ? table->keep(updater->optimizer->self, rate)
                             : 1.0,
                 .grad_scale = clipped ? updater->clip_norm / report->norm : 1.0,
                 .step = step}};
  lm_call_begin(&updater->step_call, error);
  int32_t returned = lm_pool_run(updater->host->pool, (int64_t)(group->end - group->begin), CHUNK,
                                 step_body, &work);
  if (returned != LAMINA_OK || updater->step_call.failed) {
    return lm_call_end(&updater->step_call, returned);
  }
  return LAMINA_OK;
}

enum lamina_status lm_updater_step(struct lm_updater *updater, uint64_t step, double factor,
                                   struct lm_update_report *report, struct lm_error *error)
{
  const struct lamina_optimizer *table = &updater->optimizer->plugin->table.optimizer;
  *report = (struct lm_update_report){.rate = table->rate(updater->optimizer->self) * factor};
  LM_TRY(penalize(updater, &report->penalty, error));
  if (updater->clip_norm > 0.0) {
    report->norm = gradient_norm(updater);
    if (!isfinite(report->norm)) {
      return refuse_norm(updater, error);
    }
  }
  const char *previous = lm_guard_enter(updater->optimizer->label);
  enum lamina_status status = LAMINA_OK;
  for (size_t i = 0; i < updater->store->n_groups && status == LAMINA_OK; i++) {
    status = step_group(updater, &updater->store->groups[i], step, report, error);
  }
  lm_guard_leave(previous);
  return status;
}
