/*
 * Layers and losses: what they read and write, and when; what they call meanwhile.
 */
#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "conform/conform_internal.h"

enum {
  LAYERS = 1 << LAMINA_KIND_LAYER | 1 << LAMINA_KIND_LOSS,
  TRANSFORMS = LAYERS | 1 << LAMINA_KIND_TRANSFORM,
  COMPUTES = TRANSFORMS | 1 << LAMINA_KIND_METRIC
};

/* ---- L04: every element of the outputs ---- */

static bool is_poison(const char *bytes, size_t size, int poison)
{
  for (size_t i = 0; i < size; i++) {
    if ((unsigned char)bytes[i] != (unsigned char)poison) {
      return false;
    }
  }
  return true;
}

/* The first element that holds the poison still, in both of two runs; -1 if none does. */
static int64_t find_unwritten(const struct lm_probe_tensor *tensor, const char *before)
{
  size_t size = tensor->shape.type.dt_bits / 8;
  for (size_t at = 0; at + size <= tensor->zone.bytes; at += size) {
    if (is_poison(tensor->zone.data + at, size, 0x3c) && is_poison(before + at, size, 0xff)) {
      return (int64_t)(at / size);
    }
  }
  return -1;
}

static void check_output(struct lm_bout *bout, uint32_t index)
{
  struct lm_probe *probe = bout->probe;
  const struct lm_probe_tensor *tensor = &probe->tensors[LAMINA_OUT][index];
  lm_case_fill(bout->trial, bout->item, probe, 0);
  probe->poison = 0xff;
  bool ran = lm_probe_forward(probe, LM_TRAINING, LM_STEP) == LAMINA_OK;
  char *before =
      tensor->zone.bytes == 0 ? NULL : lm_copy_bytes(tensor->zone.data, tensor->zone.bytes);
  probe->poison = 0x3c;
  ran = ran && before != NULL && lm_probe_forward(probe, LM_TRAINING, LM_STEP) == LAMINA_OK;
  int64_t unwritten = ran ? find_unwritten(tensor, before) : -1;
  if (unwritten >= 0) {
    lm_find(bout->trial, "L04",
            "%s: element %lld of output %u, of %lld that infer() declared, is "
            "not written",
            probe->label, (long long)unwritten, index,
            (long long)lm_probe_count(probe, LAMINA_OUT, index));
  }
  probe->poison = 0xff;
  lm_free(before);
}

static void check_outputs_of(struct lm_bout *bout)
{
  for (uint32_t i = 0; i < bout->probe->count[LAMINA_OUT]; i++) {
    check_output(bout, i);
  }
}

static void check_outputs(struct lm_trial *trial)
{
  lm_each_case(trial, 0, "L18", check_outputs_of);
}

/* ---- P13: bounds ---- */

/* A step that adds to its gradients reads them, too. */
static void run_adding(struct lm_trial *trial, const struct lm_case *item, struct lm_probe *probe)
{
  if ((item->flags & LM_CASE_FORWARD) != 0) {
    return;
  }
  lm_case_fill(trial, item, probe, 0);
  lm_case_request(item, probe, LAMINA_ADD);
  if (lm_probe_forward(probe, LM_TRAINING, LM_STEP) == LAMINA_OK) {
    (void)lm_probe_backward(probe, LM_TRAINING, LM_STEP);
  }
}

static void try_styles(struct lm_bout *bout)
{
  static const struct lm_zone_style styles[] = {
      {false, 0xff}, {false, 0x3c}, {true, 0xff}, {true, 0x3c}};
  struct lm_trial *trial = bout->trial;
  for (size_t i = 0; i < sizeof styles / sizeof styles[0]; i++) {
    const struct lm_opening opening = {.threads = 1, .batch = -1, .style = &styles[i]};
    struct lm_probe *probe = lm_trial_open(trial, bout->item, &opening);
    if (probe != NULL && lm_case_step(trial, bout->item, probe, "L18")) {
      (void)lm_bits_compare(trial, probe, &bout->step, LM_EVERYTHING, "P13",
                            "with other bytes beside its tensors");
      run_adding(trial, bout->item, probe);
    }
    lm_probe_close(probe);
  }
}

static void check_bounds(struct lm_trial *trial)
{
  lm_each_case(trial, LM_CASE_UNSTEADY, "L18", try_styles);
}

/* ---- P15: pointers that are kept ---- */

static void move_between(struct lm_bout *bout)
{
  struct lm_trial *trial = bout->trial;
  struct lm_probe *probe = bout->probe;
  lm_case_fill(trial, bout->item, probe, 0);
  bool ran = lm_probe_forward(probe, LM_TRAINING, LM_STEP) == LAMINA_OK && lm_probe_move(probe);
  if (ran && (bout->item->flags & LM_CASE_FORWARD) == 0) {
    ran = lm_probe_backward(probe, LM_TRAINING, LM_STEP) == LAMINA_OK &&
          lm_bits_compare(trial, probe, &bout->step, LM_GRADIENTS, "P15",
                          "with everything moved between forward and backward");
  }
  if (ran && lm_probe_move(probe) && lm_case_step(trial, bout->item, probe, "P15")) {
    (void)lm_bits_compare(trial, probe, &bout->step, LM_EVERYTHING, "P15",
                          "with everything moved between two steps");
  }
}

static void check_moves(struct lm_trial *trial)
{
  lm_each_case(trial, LM_CASE_UNSTEADY, "L18", move_between);
}

/* ---- L06: requests ---- */

/* Puts old values into a gradient; returns the copy, to be released. */
static float *fill_gradient(struct lm_probe *probe, uint32_t role, uint32_t index)
{
  uint64_t seed = 7;
  int64_t n = lm_probe_count(probe, role, index);
  float *old = lm_alloc((size_t)n, sizeof *old);
  float *gradient = lm_probe_gradient(probe, role, index);
  for (int64_t i = 0; old != NULL && i < n; i++) {
    old[i] = gradient[i] = (float)((int64_t)lm_draw(&seed, 4001) - 2000) / 1000.0f;
  }
  return old;
}

/*
 * One tensor by ADD: old + g, where g is what WRITE gives. Adding once rounds by half an ulp of
 * the largest number involved; a sum of many parts, each added to what is there, rounds more.
 */
static void expect_added(struct lm_bout *bout, uint32_t role, uint32_t index, const float *old)
{
  const struct lm_probe *probe = bout->probe;
  const float *found = lm_probe_gradient(probe, role, index);
  const float *written = lm_bits_gradient(probe, &bout->step, role, index);
  for (int64_t i = 0; i < lm_probe_count(probe, role, index); i++) {
    double exact = (double)old[i] + (double)written[i];
    double size = fmax(1.0, fmax(fabs((double)old[i]), fabs((double)written[i])));
    if (!(fabs((double)found[i] - exact) <= 1e-4 * size)) {
      lm_find(bout->trial, "L06",
              "%s: by ADD element %lld of the gradient of %s %u, which was %.9g, is %.9g; WRITE "
              "gives %.9g",
              probe->label, (long long)i, lm_role_name(role), index, (double)old[i],
              (double)found[i], (double)written[i]);
      return;
    }
  }
}

static bool backward_runs(struct lm_bout *bout, const char *how)
{
  if (lm_probe_backward(bout->probe, LM_TRAINING, LM_STEP) == LAMINA_OK) {
    return true;
  }
  lm_find(bout->trial, "L06", "%s: backward fails %s: %s", bout->probe->label, how,
          bout->probe->error.text);
  return false;
}

static void check_request(struct lm_bout *bout, uint32_t role, uint32_t index)
{
  struct lm_trial *trial = bout->trial;
  struct lm_probe *probe = bout->probe;
  lm_case_fill(trial, bout->item, probe, 0);
  if (lm_probe_forward(probe, LM_TRAINING, LM_STEP) != LAMINA_OK) {
    return;
  }
  probe->requests[role][index] = LAMINA_ADD;
  float *old = fill_gradient(probe, role, index);
  if (old != NULL && backward_runs(bout, "with one gradient to add to")) {
    expect_added(bout, role, index, old);
  }
  probe->requests[role][index] = LAMINA_SKIP;
  if (backward_runs(bout, "with one gradient skipped")) {
    (void)lm_bits_compare(trial, probe, &bout->step, LM_GRADIENTS, "L06", "without one gradient");
  }
  lm_case_request(bout->item, probe, LAMINA_SKIP);
  probe->requests[role][index] = LAMINA_WRITE;
  if (backward_runs(bout, "with one gradient alone")) {
    (void)lm_bits_compare(trial, probe, &bout->step, LM_GRADIENTS, "L06",
                          "with one gradient alone");
  }
  probe->requests[role][index] = LAMINA_SKIP;
  uint64_t before = lm_zone_digest(&probe->gradients[role][index].zone);
  if (backward_runs(bout, "with nothing requested") &&
      lm_zone_digest(&probe->gradients[role][index].zone) != before) {
    lm_find(trial, "L06", "%s: the gradient of %s %u is written, and was to be skipped",
            probe->label, lm_role_name(role), index);
  }
  lm_free(old);
}

static void check_requests_of(struct lm_bout *bout)
{
  for (uint32_t role = LAMINA_IN; role <= LAMINA_WEIGHT; role++) {
    for (uint32_t i = 0; i < bout->probe->count[role]; i++) {
      if (lm_case_has_gradient(bout->item, bout->probe, role, i)) {
        check_request(bout, role, i);
      }
    }
  }
}

static void check_requests(struct lm_trial *trial)
{
  lm_each_case(trial, LM_CASE_FORWARD | LM_CASE_UNSTEADY, "L18", check_requests_of);
}

/* ---- L07: only what is declared ---- */

/* Spoils (byte >= 0) or forbids and allows everything that backward has no right to. */
static void withdraw(struct lm_probe *probe, int byte, bool forbidden)
{
  for (uint32_t role = LAMINA_IN; role <= LAMINA_STATE; role++) {
    for (uint32_t i = 0; i < probe->count[role]; i++) {
      struct lm_zone *zone = &probe->tensors[role][i].zone;
      if ((probe->facts.reads[role] & (1u << i)) != 0) {
        continue;
      }
      if (byte >= 0) {
        lm_zone_fill(zone, byte);
      } else {
        lm_zone_forbid(zone, forbidden);
      }
    }
  }
  if (byte < 0) {
    lm_zone_forbid(&probe->scratch[LAMINA_FORWARD], forbidden);
    lm_zone_forbid(&probe->lanes[LAMINA_FORWARD], forbidden);
  }
}

static void hide(struct lm_bout *bout, int byte, const char *when)
{
  struct lm_probe *probe = bout->probe;
  lm_case_fill(bout->trial, bout->item, probe, 0);
  if (lm_probe_forward(probe, LM_TRAINING, LM_STEP) != LAMINA_OK) {
    return;
  }
  withdraw(probe, byte, true);
  enum lamina_status status = lm_probe_backward(probe, LM_TRAINING, LM_STEP);
  if (byte < 0) {
    withdraw(probe, byte, false);
  }
  if (status != LAMINA_OK) {
    lm_find(bout->trial, "L07", "%s: backward fails %s: %s", probe->label, when, probe->error.text);
    return;
  }
  (void)lm_bits_compare(bout->trial, probe, &bout->step, LM_GRADIENTS, "L07", when);
}

static void check_honesty_of(struct lm_bout *bout)
{
  hide(bout, 0xff, "with NaN in all tensors that it did not declare to read");
  hide(bout, -1, "with all tensors unreachable that it did not declare to read");
}

static void check_honesty(struct lm_trial *trial)
{
  lm_each_case(trial, LM_CASE_FORWARD | LM_CASE_UNSTEADY, "L18", check_honesty_of);
}

/* ---- L09: declared for nothing ---- */

static void check_dead_reads(struct lm_bout *bout)
{
  struct lm_probe *probe = bout->probe;
  if (!lm_case_step(bout->trial, bout->item, probe, "L18")) {
    return;
  }
  for (uint32_t role = LAMINA_IN; role <= LAMINA_STATE; role++) {
    for (uint32_t i = 0; i < LM_PROBE_MOST; i++) {
      if ((probe->facts.reads[role] & ~probe->asked[role] & (1u << i)) != 0) {
        lm_find(bout->trial, "L09", "%s: backward declares to read %s %u and does not ask for it",
                probe->label, lm_role_name(role), i);
      }
    }
  }
}

static void check_reads(struct lm_trial *trial)
{
  lm_each_case(trial, LM_CASE_FORWARD | LM_CASE_LARGE, "L18", check_dead_reads);
}

/* ---- L08: in place ---- */

/* Applies the declared sharings of a pass that are chosen by a bit each. */
static bool share(struct lm_bout *bout, uint32_t chosen, uint32_t pass)
{
  struct lm_probe *probe = bout->probe;
  for (uint32_t i = 0; i < probe->facts.n_sharing; i++) {
    const struct lm_sharing *sharing = &probe->facts.sharing[i];
    if ((chosen & (1u << i)) != 0 && sharing->pass == pass && !lm_probe_share(probe, sharing)) {
      lm_find(bout->trial, "L08",
              "%s: declares that tensors %u and %u may share memory, which differ in size",
              probe->label, sharing->from, sharing->to);
      return false;
    }
  }
  return true;
}

static void share_chosen(struct lm_bout *bout, uint32_t chosen)
{
  struct lm_trial *trial = bout->trial;
  struct lm_probe *probe = bout->probe;
  bool backward = (bout->item->flags & LM_CASE_FORWARD) == 0;
  lm_case_fill(trial, bout->item, probe, 0);
  bool ran = share(bout, chosen, LAMINA_FORWARD) &&
             lm_probe_forward(probe, LM_TRAINING, LM_STEP) == LAMINA_OK;
  ran = ran && share(bout, chosen, LAMINA_BACKWARD) &&
        (!backward || lm_probe_backward(probe, LM_TRAINING, LM_STEP) == LAMINA_OK);
  if (ran) {
    (void)lm_bits_compare(trial, probe, &bout->step, LM_EVERYTHING, "L08", "in place");
  } else if (probe->error.text[0] != '\0') {
    lm_find(trial, "L08", "%s: fails in place: %s", probe->label, probe->error.text);
  }
  lm_probe_unshare(probe);
}

static void check_sharing_of(struct lm_bout *bout)
{
  uint32_t count = bout->probe->facts.n_sharing < 6 ? bout->probe->facts.n_sharing : 6;
  for (uint32_t chosen = 1; chosen < 1u << count; chosen++) {
    share_chosen(bout, chosen);
  }
}

static void check_sharing(struct lm_trial *trial)
{
  lm_each_case(trial, LM_CASE_UNSTEADY, "L18", check_sharing_of);
}

/* ---- P06 to P10: what is called ---- */

static void run_watched(struct lm_trial *trial, const struct lm_case *item, uint32_t threads)
{
  const struct lm_opening opening = {.threads = threads, .batch = -1};
  struct lm_probe *probe = lm_trial_open(trial, item, &opening);
  if (probe != NULL && lm_case_step(trial, item, probe, "L18")) {
    (void)lm_probe_forward(probe, 0, LM_STEP);
    run_adding(trial, item, probe);
  }
  lm_probe_close(probe);
}

static void check_calls(struct lm_trial *trial)
{
  const char *reason = NULL;
  trial->watch = lm_watch_create(trial->plugin, &reason);
  if (trial->watch == NULL || trial->n_cases == 0) {
    lm_skip(trial, "%s", trial->watch == NULL ? reason : "nothing was found that it takes");
  }
  for (size_t i = 0; trial->watch != NULL && i < trial->n_cases; i++) {
    run_watched(trial, &trial->cases[i], 1);
    run_watched(trial, &trial->cases[i], 2);
  }
  lm_watch_free(trial->watch);
  trial->watch = NULL;
}

static const struct lm_check checks[] = {
    {"P06 P07 P08 P09 P10", COMPUTES, check_calls},
    {"P13 P14", COMPUTES, check_bounds},
    {"P15", COMPUTES, check_moves},
    {"L04", TRANSFORMS, check_outputs},
    {"L06", LAYERS, check_requests},
    {"L07", LAYERS, check_honesty},
    {"L08", TRANSFORMS, check_sharing},
    {"L09", LAYERS, check_reads},
};
const struct lm_checks lm_layer_memory_checks = {checks, sizeof checks / sizeof checks[0]};
