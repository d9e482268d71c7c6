/*
 * Making batches: at once, or ahead of their use by a worker of the pool.
 *
 * While a batch is made ahead, its request, its outcome and everything that views point to belong
 * to the worker; the caller keeps to the finished batch until it has ended the offer. Whether it
 * is worth it shows in how long batches take, which changes when they are made, never what they
 * hold.
 */
#include "data/loader_internal.h"

#include <string.h>

#include "base/clock.h"

/* From LEAST on a batch is offered to a worker that is awake, which costs a fraction of a
 * microsecond; from WAKE on one is woken if need be. Of those below, one in SAMPLE is timed. */
enum { LEAST_NANOSECONDS = 3000, WAKE_NANOSECONDS = 20000, SAMPLE = 16 };

#define CONVERT(T)                       \
  for (int64_t i = 0; i < count; i++) {  \
    out[i] = (float)((const T *)raw)[i]; \
  }

bool lm_loader_convert(const struct lamina_view *view, float *out)
{
  int64_t count = out == NULL ? 0 : lamina_type_count(&view->type);
  const void *raw = view->data;
  switch (view->type.dt_code * 100 + view->type.dt_bits) {
    case LAMINA_DT_UINT * 100 + 8:
      CONVERT(uint8_t)
      return true;
    case LAMINA_DT_INT * 100 + 8:
      CONVERT(int8_t)
      return true;
    case LAMINA_DT_INT * 100 + 16:
      CONVERT(int16_t)
      return true;
    case LAMINA_DT_UINT * 100 + 16:
      CONVERT(uint16_t)
      return true;
    case LAMINA_DT_FLOAT * 100 + 64:
      CONVERT(double)
      return true;
    case LAMINA_DT_INT * 100 + 64:
      CONVERT(int64_t)
      return true;
    default:
      return false;
  }
}

static void set_batch(struct lm_loader *loader, int64_t n)
{
  loader->record_dims[0] = n;
  for (uint32_t i = 0; i < loader->dataset->n_fields; i++) {
    struct lm_field *field = &loader->fields[i];
    field->raw_shape.dims[0] = n;
    field->raw.data = field->convert ? field->raw.data : field->buffers[0];
    for (uint32_t s = 0; s < field->n_stages; s++) {
      struct lm_stage *stage = &field->stages[s];
      stage->in_shape.dims[0] = n;
      stage->out_shape.dims[0] = n;
      stage->in.data = field->buffers[stage->from];
      stage->out.data = field->buffers[stage->to];
    }
  }
}

/* The guard names whose code runs; in the caller's thread that is the guard of the process. */
static const char *enter(const struct lm_loader *loader, const struct lm_instance *instance)
{
  if (loader->aside) {
    lm_guard_aside(instance->label);
    return NULL;
  }
  return lm_guard_enter(instance->label);
}

static void leave(const struct lm_loader *loader, const char *previous)
{
  if (loader->aside) {
    lm_guard_aside(NULL);
  } else {
    lm_guard_leave(previous);
  }
}

static enum lamina_status read_records(struct lm_loader *loader, const int64_t *index, int64_t n,
                                       struct lm_error *error)
{
  struct lm_instance *instance = loader->dataset->instance;
  lm_call_begin(&loader->read_call, error);
  const char *previous = enter(loader, instance);
  int32_t returned =
      instance->plugin->table.dataset.read(instance->self, &loader->read_call.base, index, n);
  leave(loader, previous);
  LM_TRY(lm_call_end(&loader->read_call, returned));
  for (uint32_t i = 0; i < loader->dataset->n_fields; i++) {
    if (loader->fields[i].convert) {
      (void)lm_loader_convert(&loader->fields[i].raw, loader->fields[i].buffers[0]);
    }
  }
  return LAMINA_OK;
}

typedef int32_t (*stage_fn)(void *self, struct lamina_call *call);

static enum lamina_status run_stage(const struct lm_loader *loader, struct lm_stage *stage,
                                    stage_fn run, const char *pass, struct lm_error *error)
{
  struct lm_instance *instance = stage->transform->instance;
  stage->call.pass = pass;
  lm_call_begin(&stage->call, error);
  const char *previous = enter(loader, instance);
  int32_t returned = run(instance->self, &stage->call.base);
  leave(loader, previous);
  return lm_call_end(&stage->call, returned);
}

static enum lamina_status apply(const struct lm_loader *loader, struct lm_stage *stage, bool train,
                                uint64_t epoch, struct lm_error *error)
{
  stage->call.mode = train ? LAMINA_MODE_TRAIN : 0;
  stage->call.step = epoch;
  return run_stage(loader, stage, stage->transform->instance->plugin->table.transform.apply,
                   "apply", error);
}

static void begin_batch(struct lm_loader *loader, const int64_t *index, int64_t n)
{
  set_batch(loader, n);
  loader->records.data = (void *)(uintptr_t)index; /* read only behind the view */
}

static enum lamina_status apply_all(struct lm_loader *loader, bool train, uint64_t epoch,
                                    struct lm_error *error)
{
  for (uint32_t i = 0; i < loader->dataset->n_fields; i++) {
    struct lm_field *field = &loader->fields[i];
    for (uint32_t s = 0; s < field->n_stages; s++) {
      LM_TRY(apply(loader, &field->stages[s], train, epoch, error));
    }
  }
  return LAMINA_OK;
}

static enum lamina_status gather(struct lm_loader *loader, const struct lm_request *request,
                                 struct lm_error *error)
{
  begin_batch(loader, request->index, request->n);
  LM_TRY(read_records(loader, request->index, request->n, error));
  return apply_all(loader, request->train, request->epoch, error);
}

/* The same, keeping how long it takes. */
static enum lamina_status gather_timed(struct lm_loader *loader, const struct lm_request *request,
                                       struct lm_error *error)
{
  int64_t began = lm_clock_ns();
  enum lamina_status status = gather(loader, request, error);
  loader->gather_ns = lm_clock_ns() - began;
  return status;
}

/* ---- one batch ahead ---- */

/* In a worker's thread. The caller touches nothing of this before it has taken the offer back. */
static void gather_next(void *arg, uint32_t lane)
{
  struct lm_loader *loader = arg;
  (void)lane;
  loader->aside = true;
  loader->next_status = gather_timed(loader, &loader->next, &loader->next_error);
  loader->aside = false;
}

/* The batch in use keeps its buffers. */
static void turn_buffers(struct lm_loader *loader)
{
  for (uint32_t i = 0; i < loader->dataset->n_fields; i++) {
    struct lm_field *field = &loader->fields[i];
    void *other = field->spare;
    field->spare = field->buffers[field->last];
    field->buffers[field->last] = other;
  }
}

void lm_loader_announce(struct lm_loader *loader, const int64_t *index, int64_t n, bool train,
                        uint64_t epoch)
{
  lm_loader_settle(loader);
  if (loader->has_spares && loader->gather_ns >= LEAST_NANOSECONDS) {
    loader->next = (struct lm_request){index, n, train, epoch};
    turn_buffers(loader);
    loader->announced = lm_pool_offer(loader->dataset->host->pool, gather_next, loader,
                                      loader->gather_ns >= WAKE_NANOSECONDS);
  }
}

void lm_loader_settle(struct lm_loader *loader)
{
  if (loader->announced) {
    (void)lm_pool_take_back(loader->dataset->host->pool);
    loader->announced = false;
  }
}

/* Ends the announcement; true when the batch that is wanted has been made. */
static bool take_next(struct lm_loader *loader, const struct lm_request *wanted)
{
  const struct lm_request *next = &loader->next;
  if (!loader->announced) {
    return false;
  }
  loader->announced = false;
  return !lm_pool_take_back(loader->dataset->host->pool) && next->index == wanted->index &&
         next->n == wanted->n && next->train == wanted->train && next->epoch == wanted->epoch;
}

static enum lamina_status fill_timed(struct lm_loader *loader, const struct lm_request *wanted,
                                     struct lm_error *error)
{
  enum lamina_status status;
  int64_t began = lm_clock_ns();
  if (!take_next(loader, wanted)) {
    status = gather_timed(loader, wanted, error);
  } else if ((status = loader->next_status) != LAMINA_OK && error != NULL) {
    *error = loader->next_error;
  }
  loader->waited_ns += (double)(lm_clock_ns() - began) * (double)(loader->untimed + 1);
  loader->untimed = 0;
  return status;
}

enum lamina_status lm_loader_fill(struct lm_loader *loader, const int64_t *index, int64_t n,
                                  bool train, uint64_t epoch, struct lm_error *error)
{
  const struct lm_request wanted = {index, n, train, epoch};
  if (!loader->announced && loader->gather_ns > 0 && loader->gather_ns < LEAST_NANOSECONDS &&
      loader->untimed < SAMPLE - 1) {
    loader->untimed++;
    LM_TRY(gather(loader, &wanted, error));
  } else {
    LM_TRY(fill_timed(loader, &wanted, error));
  }
  for (uint32_t i = 0; i < loader->dataset->n_fields; i++) {
    loader->fields[i].data = loader->fields[i].buffers[loader->fields[i].last];
  }
  return LAMINA_OK;
}

enum lamina_status lm_loader_put(struct lm_loader *loader, const void *const *data, int64_t n,
                                 struct lm_error *error)
{
  begin_batch(loader, loader->numbers, n);
  for (uint32_t i = 0; i < loader->dataset->n_fields; i++) {
    struct lm_field *field = &loader->fields[i];
    size_t bytes = lm_shape_bytes(&field->raw_shape);
    if (field->convert) {
      struct lamina_view given = field->raw;
      given.data = (void *)(uintptr_t)data[i]; /* read only */
      (void)lm_loader_convert(&given, field->buffers[0]);
    } else if (bytes > 0) {
      memcpy(field->buffers[0], data[i], bytes);
    }
    field->data = field->buffers[field->last];
  }
  return apply_all(loader, false, 0, error);
}

double lm_loader_waited(const struct lm_loader *loader)
{
  return 1e-9 * loader->waited_ns;
}

/* Shows all records to stage s of a field, through the stages before it. */
static enum lamina_status fit_stage(struct lm_loader *loader, struct lm_field *field, uint32_t s,
                                    const int64_t *index, int64_t n, struct lm_error *error)
{
  const struct lm_plugin *plugin = field->stages[s].transform->instance->plugin;
  const struct lamina_transform *table = &plugin->table.transform;
  for (int64_t begin = 0; begin < n; begin += loader->largest) {
    int64_t count = n - begin < loader->largest ? n - begin : loader->largest;
    begin_batch(loader, index + begin, count);
    LM_TRY(read_records(loader, index + begin, count, error));
    for (uint32_t before = 0; before < s; before++) {
      LM_TRY(apply(loader, &field->stages[before], false, 0, error));
    }
    LM_TRY(run_stage(loader, &field->stages[s], table->fit, "fit", error));
  }
  return table->fit_end == NULL
             ? LAMINA_OK
             : run_stage(loader, &field->stages[s], table->fit_end, "fit_end", error);
}

enum lamina_status lm_loader_fit(struct lm_loader *loader, const int64_t *index, int64_t n,
                                 struct lm_error *error)
{
  lm_loader_settle(loader);
  for (uint32_t i = 0; i < loader->dataset->n_fields; i++) {
    struct lm_field *field = &loader->fields[i];
    for (uint32_t s = 0; s < field->n_stages; s++) {
      if (field->stages[s].transform->instance->plugin->table.transform.fit != NULL) {
        LM_TRY(fit_stage(loader, field, s, index, n, error));
      }
    }
  }
  return LAMINA_OK;
}
