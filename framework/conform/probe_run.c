/*
 * Running a probe through a struct lm_call that is laid out as the executor does it, with all
 * that can be seen from outside checked after each pass.
 */
#include <stdio.h>
#include <string.h>

#include "conform/probe.h"

/** The tables of one call. */
struct run {
  struct lm_call call; /* first: the plugin's functions get it */
  struct lm_probe *probe;
  struct lamina_host host; /* the host's table, with an ear on get() */
  const struct lamina_host *real;
  const struct lamina_view *tensors[LM_ROLES][LM_PROBE_MOST];
  const struct lamina_view *gradients[LM_GRADIENT_ROLES][LM_PROBE_MOST];
};

/* Notes what is asked for; from any thread of a loop. */
static const struct lamina_view *listening_get(struct lamina_call *call, uint32_t what,
                                               uint32_t index)
{
  struct run *run = (struct run *)(void *)call;
  if (what < LM_ROLES && index < LM_PROBE_MOST) {
    (void)__atomic_fetch_or(&run->probe->asked[what], 1u << index, __ATOMIC_RELAXED);
  }
  return run->real->get(call, what, index);
}

static bool is_reachable(const struct lm_probe *probe, uint32_t pass, uint32_t mode, uint32_t role,
                         uint32_t i)
{
  if (role == LAMINA_RECORDS) {
    return true;
  }
  if (role == LAMINA_SAVE) {
    return pass == LAMINA_BACKWARD || (mode & LAMINA_MODE_KEEP) != 0;
  }
  return pass == LAMINA_FORWARD || (probe->facts.reads[role] & (1u << i)) != 0;
}

static void fill_tables(struct lm_probe *probe, struct run *run, uint32_t pass, uint32_t mode)
{
  for (uint32_t role = LAMINA_IN; role < LM_ROLES; role++) {
    for (uint32_t i = 0; i < probe->count[role]; i++) {
      bool reachable = is_reachable(probe, pass, mode, role, i);
      run->tensors[role][i] = reachable ? &probe->tensors[role][i].view : NULL;
    }
    run->call.tensors[role] = (struct lm_views){run->tensors[role], probe->count[role]};
  }
  for (uint32_t role = 0; role < LM_GRADIENT_ROLES && pass == LAMINA_BACKWARD; role++) {
    bool is_out = role == LAMINA_OUT;
    for (uint32_t i = 0; i < probe->count[role]; i++) {
      bool wanted = is_out || probe->requests[role][i] != LAMINA_SKIP;
      run->gradients[role][i] = wanted ? &probe->gradients[role][i].view : NULL;
    }
    run->call.gradients[role] = (struct lm_gradients){
        run->gradients[role], is_out ? NULL : probe->requests[role], probe->count[role]};
  }
}

static void begin_run(struct lm_probe *probe, struct run *run, uint32_t pass, uint32_t mode,
                      uint64_t step)
{
  struct lm_home *home = probe->home;
  memset(run, 0, sizeof *run);
  lm_call_init(&run->call, &home->host, home->instance,
               pass == LAMINA_FORWARD ? "forward" : "backward");
  run->probe = probe;
  run->real = run->call.base.host;
  run->host = *run->real;
  run->host.get = listening_get;
  run->call.base.host = &run->host;
  memset(probe->asked, 0, sizeof probe->asked);
  run->call.mode = mode;
  run->call.step = step;
  run->call.stream = lm_stream_make(home->host.seed, LM_HOME_STREAM);
  run->call.purposes = probe->facts.purposes;
  run->call.shared_scratch = probe->scratch[pass].data;
  run->call.lane_scratch = probe->lanes[pass].data;
  run->call.lane_stride = probe->lane_stride[pass];
  lm_zone_fill(&probe->scratch[pass], probe->poison);
  lm_zone_fill(&probe->lanes[pass], probe->poison);
  fill_tables(probe, run, pass, mode);
  probe->error = (struct lm_error){0};
  lm_call_begin(&run->call, &probe->error);
}

/* The gap behind each lane is still poison. */
static bool lanes_intact(const struct lm_probe *probe, uint32_t pass)
{
  size_t stride = probe->lane_stride[pass], used = (size_t)probe->facts.lane_scratch[pass];
  for (size_t at = 0; at < probe->lanes[pass].bytes; at += stride) {
    for (size_t i = used; i < stride; i++) {
      if ((unsigned char)probe->lanes[pass].data[at + i] != (unsigned char)probe->poison) {
        return false;
      }
    }
  }
  return true;
}

static void tell(const struct lm_probe *probe, enum lm_breach breach, const char *what,
                 uint32_t role, uint32_t index)
{
  const struct lm_observer *observer = probe->home->observer;
  char sentence[LM_PROBE_LABEL + 160];
  (void)snprintf(sentence, sizeof sentence, "%s: %s %s %u", probe->label, what, lm_role_name(role),
                 index);
  if (observer != NULL && observer->breach != NULL) {
    observer->breach(observer->arg, breach, sentence);
  }
}

static void check_guards(const struct lm_probe *probe, uint32_t pass)
{
  const char *tensor = pass == LAMINA_FORWARD ? "forward wrote beyond" : "backward wrote beyond";
  const char *gradient = pass == LAMINA_FORWARD ? "forward wrote beyond the gradient of"
                                                : "backward wrote beyond the gradient of";
  for (uint32_t role = 0; role < LM_ROLES; role++) {
    for (uint32_t i = 0; i < probe->count[role]; i++) {
      if (!lm_zone_intact(&probe->tensors[role][i].zone)) {
        tell(probe, LM_BREACH_OUTSIDE, tensor, role, i);
      }
      if (role < LM_GRADIENT_ROLES && !lm_zone_intact(&probe->gradients[role][i].zone)) {
        tell(probe, LM_BREACH_OUTSIDE, gradient, role, i);
      }
    }
  }
  if (!lm_zone_intact(&probe->scratch[pass]) || !lm_zone_intact(&probe->lanes[pass]) ||
      !lanes_intact(probe, pass)) {
    tell(probe, LM_BREACH_OUTSIDE,
         pass == LAMINA_FORWARD ? "forward wrote beyond its scratch, seen from"
                                : "backward wrote beyond its scratch, seen from",
         LAMINA_OUT, 0);
  }
}

/* Whether a tensor that is written lives in this memory: it was lent by ls_share(). */
static bool is_lent(const struct lm_probe *probe, uint32_t pass, const struct lm_zone *zone)
{
  uint32_t role = pass == LAMINA_FORWARD ? LAMINA_OUT : LAMINA_IN;
  const struct lm_probe_tensor *written =
      pass == LAMINA_FORWARD ? probe->tensors[role] : probe->gradients[role];
  for (uint32_t i = 0; i < probe->count[role]; i++) {
    if (written[i].view.data == zone->data) {
      return true;
    }
  }
  return false;
}

/** Digests of everything that a pass may read and must not write; 0 for the rest. */
struct digests {
  uint64_t tensors[LM_ROLES][LM_PROBE_MOST], gradients[LM_PROBE_MOST];
};

static bool is_constant(const struct lm_probe *probe, uint32_t pass, uint32_t role, uint32_t i)
{
  bool in_forward = role == LAMINA_IN || role == LAMINA_WEIGHT || role == LAMINA_RECORDS;
  bool in_backward =
      role >= LAMINA_SAVE || (probe->facts.reads[role < 4 ? role : 0] & (1u << i)) != 0;
  return (pass == LAMINA_FORWARD ? in_forward : in_backward) &&
         !is_lent(probe, pass, &probe->tensors[role][i].zone);
}

static void take_digests(const struct lm_probe *probe, uint32_t pass, struct digests *out)
{
  memset(out, 0, sizeof *out);
  for (uint32_t role = LAMINA_IN; role < LM_ROLES; role++) {
    for (uint32_t i = 0; i < probe->count[role]; i++) {
      if (is_constant(probe, pass, role, i)) {
        out->tensors[role][i] = lm_zone_digest(&probe->tensors[role][i].zone);
      }
    }
  }
  for (uint32_t i = 0; pass == LAMINA_BACKWARD && i < probe->count[LAMINA_OUT]; i++) {
    const struct lm_zone *zone = &probe->gradients[LAMINA_OUT][i].zone;
    out->gradients[i] = is_lent(probe, pass, zone) ? 0 : lm_zone_digest(zone);
  }
}

static void check_constants(const struct lm_probe *probe, uint32_t pass,
                            const struct digests *before)
{
  const char *what = pass == LAMINA_FORWARD ? "forward changed" : "backward changed";
  struct digests after;
  take_digests(probe, pass, &after);
  for (uint32_t role = 0; role < LM_ROLES; role++) {
    for (uint32_t i = 0; i < probe->count[role]; i++) {
      if (before->tensors[role][i] != after.tensors[role][i]) {
        tell(probe, LM_BREACH_CONSTANT, what, role, i);
      }
    }
  }
  for (uint32_t i = 0; i < probe->count[LAMINA_OUT]; i++) {
    if (before->gradients[i] != after.gradients[i]) {
      tell(probe, LM_BREACH_CONSTANT, "backward changed the gradient of", LAMINA_OUT, i);
    }
  }
}

/* Runs a function within a call that is laid out as a pass. */
static enum lamina_status run_function(struct lm_probe *probe, const struct lm_probe_use *use,
                                       lm_pass_fn function, void *arg)
{
  struct lm_epilogue *epilogue = probe->epilogues[use->pass];
  struct lm_instance *instance = probe->home->instance;
  struct digests before;
  struct run run;
  begin_run(probe, &run, use->pass, use->mode, use->step);
  run.call.epilogue = epilogue;
  if (epilogue != NULL) {
    LM_TRY(lm_epilogue_begin(epilogue, use->step, &probe->error));
  }
  take_digests(probe, use->pass, &before);
  lm_home_enter(probe->home, run.call.pass, probe->label);
  int32_t returned = function(arg, instance, &run.call.base);
  lm_home_leave(probe->home);
  enum lamina_status status =
      epilogue != NULL ? lm_epilogue_end(&run.call, returned) : lm_call_end(&run.call, returned);
  check_constants(probe, use->pass, &before);
  check_guards(probe, use->pass);
  return status;
}

static int32_t call_forward(void *arg, struct lm_instance *instance, struct lamina_call *call)
{
  struct lm_probe *probe = arg;
  const struct lm_plugin *plugin = instance->plugin;
  switch (plugin->info.kind) {
    case LAMINA_KIND_METRIC:
      lm_zone_fill(&probe->tensors[LAMINA_OUT][0].zone, 0);
      return plugin->table.metric.update(instance->self, call,
                                         probe->tensors[LAMINA_OUT][0].view.data);
    case LAMINA_KIND_TRANSFORM:
      return plugin->table.transform.apply(instance->self, call);
    default:
      return plugin->table.layer.forward(instance->self, call);
  }
}

static int32_t call_backward(void *arg, struct lm_instance *instance, struct lamina_call *call)
{
  (void)arg;
  return instance->plugin->table.layer.backward(instance->self, call);
}

static void poison_outputs(struct lm_probe *probe)
{
  for (uint32_t i = 0; i < probe->count[LAMINA_OUT]; i++) {
    lm_zone_fill(&probe->tensors[LAMINA_OUT][i].zone, probe->poison);
  }
  for (uint32_t i = 0; i < probe->count[LAMINA_SAVE]; i++) {
    lm_zone_fill(&probe->tensors[LAMINA_SAVE][i].zone, probe->poison);
  }
}

static void poison_gradients(struct lm_probe *probe)
{
  for (uint32_t role = LAMINA_IN; role <= LAMINA_WEIGHT; role++) {
    for (uint32_t i = 0; role != LAMINA_OUT && i < probe->count[role]; i++) {
      if (probe->requests[role][i] == LAMINA_WRITE) {
        lm_zone_fill(&probe->gradients[role][i].zone, probe->poison);
      }
    }
  }
}

enum lamina_status lm_probe_run(struct lm_probe *probe, const struct lm_probe_use *use,
                                lm_pass_fn function, void *arg)
{
  if (use->pass == LAMINA_FORWARD) {
    poison_outputs(probe);
  } else {
    poison_gradients(probe);
  }
  return run_function(probe, use, function, arg);
}

enum lamina_status lm_probe_forward(struct lm_probe *probe, uint32_t mode, uint64_t step)
{
  const struct lm_probe_use use = {.pass = LAMINA_FORWARD, .mode = mode, .step = step};
  return lm_probe_run(probe, &use, call_forward, probe);
}

enum lamina_status lm_probe_backward(struct lm_probe *probe, uint32_t mode, uint64_t step)
{
  const struct lm_probe_use use = {.pass = LAMINA_BACKWARD, .mode = mode, .step = step};
  return lm_probe_run(probe, &use, call_backward, NULL);
}

static int32_t call_fit(void *arg, struct lm_instance *instance, struct lamina_call *call)
{
  (void)arg;
  return instance->plugin->table.transform.fit(instance->self, call);
}

static int32_t call_fit_end(void *arg, struct lm_instance *instance, struct lamina_call *call)
{
  (void)arg;
  return instance->plugin->table.transform.fit_end(instance->self, call);
}

enum lamina_status lm_probe_learn(struct lm_probe *probe, bool more, bool last)
{
  const struct lm_probe_use use = {LAMINA_FORWARD, LAMINA_MODE_TRAIN, 0};
  const struct lm_plugin *plugin = probe->home->instance->plugin;
  if (plugin->info.kind != LAMINA_KIND_TRANSFORM || plugin->table.transform.fit == NULL) {
    return LAMINA_OK;
  }
  enum lamina_status status = more ? lm_probe_run(probe, &use, call_fit, NULL) : LAMINA_OK;
  bool ends = last && plugin->table.transform.fit_end != NULL;
  return status == LAMINA_OK && ends ? lm_probe_run(probe, &use, call_fit_end, NULL) : status;
}
