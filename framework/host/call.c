/*
 * The table of services that every plugin gets, over struct lm_call.
 *
 * Looking a tensor up is two comparisons and a load; refusals are out of the way in functions
 * of their own. fail() may be entered by several threads of a parallel loop: the first one
 * tells its sentence.
 */
#include "host/host.h"

#include <string.h>

#include "base/memory.h"

static struct lm_call *own(struct lamina_call *base)
{
  return (struct lm_call *)base;
}

static const char *role_name(uint32_t what)
{
  static const char *const names[LM_ROLES] = {"input", "output", "weight",
                                              "state", "save",   "records"};
  return what < LM_ROLES ? names[what] : "tensor of an unknown role";
}

static void host_fail(struct lamina_call *base, int32_t status, const char *utf8)
{
  struct lm_call *call = own(base);
  if (atomic_flag_test_and_set(&call->told)) {
    return;
  }
  call->failed = true;
  enum lamina_status known = status < LAMINA_OK && status > LAMINA_STATUS_END
                                 ? (enum lamina_status)status
                                 : LAMINA_E_PLUGIN;
  (void)lm_fail_at(call->error, known, &call->instance->where, "%s: %s", call->instance->label,
                   utf8 == NULL ? "failed without saying why" : utf8);
}

static void host_log(struct lamina_call *base, int32_t level, const char *utf8)
{
  struct lm_call *call = own(base);
  if (call->host->log == NULL || utf8 == NULL) {
    return;
  }
  struct lm_error sentence = {0};
  (void)lm_fail(&sentence, LAMINA_OK, "%s: %s", call->instance->label, utf8);
  call->host->log(call->host->log_arg, level, sentence.text);
}

static uint32_t host_mode(const struct lamina_call *base)
{
  const struct lm_call *call = (const struct lm_call *)base;
  return call->observed ? call->mode | LAMINA_MODE_OBSERVED : call->mode;
}

static void tell_undeclared(struct lm_call *call, const char *gradient, uint32_t what,
                            uint32_t index)
{
  struct lm_error sentence = {0};
  (void)lm_fail(&sentence, LAMINA_E_PLUGIN,
                "asked in %s for %s%s %u, which infer() did not declare for it", call->pass,
                gradient, role_name(what), index);
  host_fail(&call->base, LAMINA_E_PLUGIN, sentence.text);
}

static const struct lamina_view *host_get(struct lamina_call *base, uint32_t what, uint32_t index)
{
  struct lm_call *call = own(base);
  if (what < LM_ROLES && index < call->tensors[what].count) {
    const struct lamina_view *view = call->tensors[what].views[index];
    if (view != NULL) {
      return view;
    }
  }
  tell_undeclared(call, "", what, index);
  return NULL;
}

static const struct lamina_view *host_grad(struct lamina_call *base, uint32_t what, uint32_t index,
                                           uint32_t *request)
{
  struct lm_call *call = own(base);
  if (what >= LM_GRADIENT_ROLES || index >= call->gradients[what].count) {
    if (request != NULL) {
      *request = LAMINA_SKIP;
    }
    tell_undeclared(call, "the gradient of ", what, index);
    return NULL;
  }
  const struct lm_gradients *gradients = &call->gradients[what];
  if (request != NULL) {
    *request = gradients->requests == NULL ? LAMINA_WRITE : gradients->requests[index];
  }
  return gradients->views[index];
}

static void *host_scratch(struct lamina_call *base, uint32_t lane)
{
  struct lm_call *call = own(base);
  if (lane == LAMINA_SHARED) {
    return call->shared_scratch;
  }
  return call->lane_stride == 0 ? NULL : call->lane_scratch + (size_t)lane * call->lane_stride;
}

static int32_t host_parallel_for(struct lamina_call *base, int64_t n, int64_t grain,
                                 lamina_body_fn body, void *arg)
{
  return lm_pool_run(own(base)->host->pool, n, grain, body, arg);
}

static int32_t host_random_u32(struct lamina_call *base, uint32_t purpose, uint64_t first,
                               uint64_t n, uint32_t *out)
{
  struct lm_call *call = own(base);
  if (purpose >= 32 || (call->purposes & (1u << purpose)) == 0) {
    struct lm_error sentence = {0};
    (void)lm_fail(&sentence, LAMINA_E_PLUGIN,
                  "asked for random words of purpose %u, which infer() did not declare", purpose);
    host_fail(base, LAMINA_E_PLUGIN, sentence.text);
    return LAMINA_E_PLUGIN;
  }
  lm_stream_fill(&call->stream, call->step, purpose, first, n, out);
  return LAMINA_OK;
}

static const void *host_service(struct lamina_call *base, const char *id)
{
  struct lm_call *call = own(base);
  const void *interface = NULL;
  struct lm_error error = {0};
  enum lamina_status status = lm_service_find(call->host, id, &interface, &error);
  if (status != LAMINA_OK) {
    host_fail(base, status, error.text);
    return NULL;
  }
  return interface;
}

static int32_t host_chosen_service(struct lamina_call *base, const char *id, const void **out)
{
  struct lm_error error = {0};
  enum lamina_status status = lm_service_chosen(own(base)->host, id, out, &error);
  if (status != LAMINA_OK) {
    host_fail(base, status, error.text);
  }
  return status;
}

static void *host_memory(struct lamina_call *base, uint64_t bytes)
{
  struct lm_call *call = own(base);
  if (!call->may_keep_memory) {
    host_fail(base, LAMINA_E_PLUGIN, "asked for lasting memory outside setup() and open()");
    return NULL;
  }
  void *block = bytes > SIZE_MAX / 2 ? NULL : lm_alloc_aligned((size_t)bytes, LAMINA_ALIGNMENT);
  if (block == NULL || !lm_instance_keep(call->instance, block)) {
    struct lm_error sentence = {0};
    (void)lm_fail_memory(&sentence, bytes);
    host_fail(base, LAMINA_E_NOMEM, sentence.text);
    return NULL;
  }
  return block;
}

static uint32_t host_count(const struct lamina_call *base, uint32_t what)
{
  const struct lm_call *call = (const struct lm_call *)base;
  return what < LM_ROLES ? call->tensors[what].count : 0;
}

static const struct lamina_epilogue *host_epilogue(struct lamina_call *base, uint32_t what,
                                                   uint32_t index)
{
  const struct lm_epilogue *epilogue = own(base)->epilogue;
  bool is_meant = epilogue != NULL && epilogue->what == what && epilogue->index == index;
  return is_meant ? &epilogue->base : NULL;
}

static const struct lamina_host host_table = {
    .size = sizeof(struct lamina_host),
    .abi_minor = LAMINA_ABI_MINOR,
    .fail = host_fail,
    .log = host_log,
    .mode = host_mode,
    .get = host_get,
    .grad = host_grad,
    .scratch = host_scratch,
    .parallel_for = host_parallel_for,
    .random_u32 = host_random_u32,
    .service = host_service,
    .memory = host_memory,
    .count = host_count,
    .epilogue = host_epilogue,
    .chosen_service = host_chosen_service,
};

void lm_call_init(struct lm_call *call, struct lm_host *host, struct lm_instance *instance,
                  const char *pass)
{
  memset(call, 0, sizeof *call);
  call->base.host = &host_table;
  call->host = host;
  call->instance = instance;
  call->pass = pass;
  atomic_flag_clear(&call->told);
}

enum lamina_status lm_call_end(struct lm_call *call, int32_t returned)
{
  if (returned == LAMINA_OK && !call->failed) {
    return LAMINA_OK;
  }
  if (!call->failed) {
    struct lm_error sentence = {0};
    (void)lm_fail(&sentence, LAMINA_E_PLUGIN, "%s failed (%s) without saying why", call->pass,
                  lm_status_text((enum lamina_status)returned));
    host_fail(&call->base, returned, sentence.text);
  } else if (returned == LAMINA_OK) {
    lm_error_suffix(call->error, " (and %s still claimed success)", call->pass);
    if (call->error != NULL) {
      call->error->status = LAMINA_E_PLUGIN;
    }
    return LAMINA_E_PLUGIN;
  }
  return call->error == NULL ? LAMINA_E_PLUGIN : call->error->status;
}
