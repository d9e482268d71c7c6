/*
 * Running a probe through a struct lm_call that is laid out as the executor does it, with all
 * that can be seen from outside checked after each pass.
 */
#include <criterion/criterion.h>
#include <string.h>

#include "tests/support/layer_probe.h"

/** The tables of one call. */
struct run {
  struct lm_call call;
  const struct lamina_view *tensors[LM_ROLES][LS_MOST];
  const struct lamina_view *gradients[LM_GRADIENT_ROLES][LS_MOST];
};

static bool is_reachable(const struct ls_probe *probe, uint32_t pass, uint32_t mode, uint32_t role,
                         uint32_t i)
{
  if (role == LAMINA_SAVE) {
    return pass == LAMINA_BACKWARD || (mode & LAMINA_MODE_KEEP) != 0;
  }
  return pass == LAMINA_FORWARD || (probe->facts.reads[role] & (1u << i)) != 0;
}

static void fill_tables(struct ls_probe *probe, struct run *run, uint32_t pass, uint32_t mode)
{
  for (uint32_t role = LAMINA_IN; role <= LAMINA_SAVE; role++) {
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

static void begin_run(struct ls_probe *probe, struct run *run, uint32_t pass, uint32_t mode,
                      uint64_t step)
{
  struct ls_home *home = probe->home;
  memset(run, 0, sizeof *run);
  lm_call_init(&run->call, &home->host, home->instance,
               pass == LAMINA_FORWARD ? "forward" : "backward");
  run->call.mode = mode;
  run->call.step = step;
  run->call.stream = lm_stream_make(home->host.seed, LS_STREAM);
  run->call.purposes = probe->facts.purposes;
  run->call.shared_scratch = probe->scratch[pass].data;
  run->call.lane_scratch = probe->lanes[pass].data;
  run->call.lane_stride = probe->lane_stride[pass];
  ls_zone_fill(&probe->scratch[pass], probe->poison);
  ls_zone_fill(&probe->lanes[pass], probe->poison);
  fill_tables(probe, run, pass, mode);
  probe->error = (struct lm_error){0};
  run->call.epilogue = probe->epilogues[pass];
  lm_call_begin(&run->call, &probe->error);
  if (run->call.epilogue != NULL) {
    lm_epilogue_begin(run->call.epilogue, step, &probe->error);
  }
}

/* The gap behind each lane is still poison. */
static bool lanes_intact(const struct ls_probe *probe, uint32_t pass)
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

static void check_guards(const struct ls_probe *probe, uint32_t pass)
{
  for (uint32_t role = 0; role < LM_ROLES; role++) {
    for (uint32_t i = 0; i < probe->count[role]; i++) {
      cr_assert(ls_zone_intact(&probe->tensors[role][i].zone),
                "%s: pass %u wrote beyond tensor %u of role %u", probe->label, pass, i, role);
      cr_assert(role >= LM_GRADIENT_ROLES || ls_zone_intact(&probe->gradients[role][i].zone),
                "%s: pass %u wrote beyond gradient %u of role %u", probe->label, pass, i, role);
    }
  }
  cr_assert(ls_zone_intact(&probe->scratch[pass]) && ls_zone_intact(&probe->lanes[pass]) &&
                lanes_intact(probe, pass),
            "%s: pass %u wrote beyond its scratch", probe->label, pass);
}

/* Whether a tensor that is written lives in this memory: it was lent by ls_share(). */
static bool is_lent(const struct ls_probe *probe, uint32_t pass, const struct ls_zone *zone)
{
  uint32_t role = pass == LAMINA_FORWARD ? LAMINA_OUT : LAMINA_IN;
  const struct ls_tensor *written =
      pass == LAMINA_FORWARD ? probe->tensors[role] : probe->gradients[role];
  for (uint32_t i = 0; i < probe->count[role]; i++) {
    if (written[i].view.data == zone->data) {
      return true;
    }
  }
  return false;
}

/* A digest of everything that the pass may read and must not write. */
static uint64_t constant_digest(const struct ls_probe *probe, uint32_t pass)
{
  uint64_t digest = 0;
  for (uint32_t role = LAMINA_IN; role <= LAMINA_SAVE; role++) {
    bool constant = role == LAMINA_IN || role == LAMINA_WEIGHT;
    for (uint32_t i = 0; i < probe->count[role]; i++) {
      const struct ls_zone *zone = &probe->tensors[role][i].zone;
      bool reads = role == LAMINA_SAVE || (probe->facts.reads[role] & (1u << i)) != 0;
      if ((pass == LAMINA_FORWARD ? constant : reads) && !is_lent(probe, pass, zone)) {
        digest = digest * 31 + ls_zone_digest(zone);
      }
    }
  }
  for (uint32_t i = 0; pass == LAMINA_BACKWARD && i < probe->count[LAMINA_OUT]; i++) {
    const struct ls_zone *zone = &probe->gradients[LAMINA_OUT][i].zone;
    digest = digest * 31 + (is_lent(probe, pass, zone) ? 0 : ls_zone_digest(zone));
  }
  return digest;
}

static enum lamina_status run_pass(struct ls_probe *probe, uint32_t pass, uint32_t mode,
                                   uint64_t step)
{
  const struct lamina_layer *layer = &probe->home->instance->plugin->table.layer;
  struct run run;
  begin_run(probe, &run, pass, mode, step);
  uint64_t before = constant_digest(probe, pass);
  int32_t returned = pass == LAMINA_FORWARD
                         ? layer->forward(probe->home->instance->self, &run.call.base)
                         : layer->backward(probe->home->instance->self, &run.call.base);
  enum lamina_status status = run.call.epilogue != NULL ? lm_epilogue_end(&run.call, returned)
                                                        : lm_call_end(&run.call, returned);
  cr_assert_eq(constant_digest(probe, pass), before, "%s: pass %u changed what it may only read",
               probe->label, pass);
  check_guards(probe, pass);
  return status;
}

enum lamina_status ls_try_forward(struct ls_probe *probe, uint32_t mode, uint64_t step)
{
  for (uint32_t i = 0; i < probe->count[LAMINA_OUT]; i++) {
    ls_zone_fill(&probe->tensors[LAMINA_OUT][i].zone, probe->poison);
  }
  for (uint32_t i = 0; i < probe->count[LAMINA_SAVE]; i++) {
    ls_zone_fill(&probe->tensors[LAMINA_SAVE][i].zone, probe->poison);
  }
  return run_pass(probe, LAMINA_FORWARD, mode, step);
}

enum lamina_status ls_try_backward(struct ls_probe *probe, uint32_t mode, uint64_t step)
{
  for (uint32_t role = LAMINA_IN; role <= LAMINA_WEIGHT; role++) {
    for (uint32_t i = 0; role != LAMINA_OUT && i < probe->count[role]; i++) {
      if (probe->requests[role][i] != LAMINA_ADD) {
        ls_zone_fill(&probe->gradients[role][i].zone, probe->poison);
      }
    }
  }
  return run_pass(probe, LAMINA_BACKWARD, mode, step);
}

void ls_forward(struct ls_probe *probe, uint32_t mode, uint64_t step)
{
  cr_assert_eq(ls_try_forward(probe, mode, step), LAMINA_OK, "%s: %s", probe->label,
               probe->error.text);
}

void ls_backward(struct ls_probe *probe, uint32_t mode, uint64_t step)
{
  cr_assert_eq(ls_try_backward(probe, mode, step), LAMINA_OK, "%s: %s", probe->label,
               probe->error.text);
}
