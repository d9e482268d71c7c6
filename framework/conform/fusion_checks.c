/*
 * Fusion, from both sides: layers into which others are fused, and elementwise ones that are.
 */
#include <string.h>

#include "base/memory.h"
#include "conform/conform_internal.h"

enum { LAYERS = 1 << LAMINA_KIND_LAYER | 1 << LAMINA_KIND_LOSS, LAYER = 1 << LAMINA_KIND_LAYER };

/* ---- L22: an epilogue that keeps and spoils ---- */

/** What is handed over, and what it was then. */
struct keeper {
  struct lm_epilogue epilogue; /* first: its apply() gets the address */
  float *tensor;               /* what is handed over lies here */
  float *kept;
  uint32_t *times;
};

static int32_t keep(void *self, int64_t first, int64_t count)
{
  struct keeper *keeper = self;
  if (first < 0 || count < 0 || first > keeper->epilogue.total - count) {
    return LAMINA_E_PLUGIN;
  }
  for (int64_t i = first; i < first + count; i++) {
    keeper->kept[i] = keeper->tensor[i];
    keeper->times[i]++;
  }
  memset(keeper->tensor + first, 0xff, (size_t)count * sizeof *keeper->tensor);
  atomic_fetch_add(&keeper->epilogue.finished, count);
  return LAMINA_OK;
}

static bool is_spoilt(float number)
{
  static const unsigned char spoilt[sizeof(float)] = {0xff, 0xff, 0xff, 0xff};
  return memcmp(&number, spoilt, sizeof number) == 0;
}

static void judge_pieces(struct lm_bout *bout, const struct keeper *keeper, const float *expected,
                         const char *what)
{
  const char *label = bout->probe->label;
  for (int64_t i = 0; i < keeper->epilogue.total; i++) {
    if (keeper->times[i] != 1) {
      lm_find(bout->trial, "L22", "%s: element %lld of %s is handed over %u times", label,
              (long long)i, what, keeper->times[i]);
      return;
    }
    if (memcmp(&keeper->kept[i], &expected[i], sizeof *expected) != 0) {
      lm_find(bout->trial, "L22",
              "%s: element %lld of %s is %.9g when it is handed over, and %.9g without an epilogue",
              label, (long long)i, what, (double)keeper->kept[i], (double)expected[i]);
      return;
    }
    if (!is_spoilt(keeper->tensor[i])) {
      lm_find(bout->trial, "L22", "%s: element %lld of %s is written after it was handed over",
              label, (long long)i, what);
      return;
    }
  }
}

static bool make_keeper(struct keeper *keeper, float *tensor, int64_t total)
{
  lm_epilogue_init(&keeper->epilogue);
  keeper->epilogue.base.self = keeper;
  keeper->epilogue.base.apply = keep;
  keeper->epilogue.total = total;
  keeper->tensor = tensor;
  keeper->kept = lm_alloc((size_t)total + 1, sizeof *keeper->kept);
  keeper->times = lm_alloc((size_t)total + 1, sizeof *keeper->times);
  return keeper->kept != NULL && keeper->times != NULL;
}

/* One tensor of a pass, handed over in pieces. */
static void fuse(struct lm_bout *bout, uint32_t pass, uint32_t index)
{
  bool forward = pass == LAMINA_FORWARD;
  struct lm_probe *probe = bout->probe;
  uint32_t role = forward ? LAMINA_OUT : LAMINA_IN;
  struct keeper keeper = {.epilogue = {.what = role, .index = index}};
  const char *what = forward ? "the output" : "the gradient of the input";
  if ((!forward && !lm_case_has_gradient(bout->item, probe, role, index)) ||
      !make_keeper(&keeper,
                   forward ? lm_probe_value(probe, role, index)
                           : lm_probe_gradient(probe, role, index),
                   lm_probe_count(probe, role, index))) {
    lm_free(keeper.kept);
    lm_free(keeper.times);
    return;
  }
  const float *expected = forward ? lm_bits_output(probe, &bout->step, index)
                                  : lm_bits_gradient(probe, &bout->step, role, index);
  lm_case_fill(bout->trial, bout->item, probe, 0);
  probe->epilogues[pass] = &keeper.epilogue;
  enum lamina_status status = lm_probe_forward(probe, LM_TRAINING, LM_STEP);
  status =
      status == LAMINA_OK && !forward ? lm_probe_backward(probe, LM_TRAINING, LM_STEP) : status;
  probe->epilogues[pass] = NULL;
  if (status != LAMINA_OK) {
    lm_find(bout->trial, "L22", "%s: fails with an epilogue on %s %u: %s", probe->label, what,
            index, probe->error.text);
  } else {
    judge_pieces(bout, &keeper, expected, what);
  }
  lm_free(keeper.kept);
  lm_free(keeper.times);
}

static void fuse_all(struct lm_bout *bout)
{
  for (uint32_t pass = LAMINA_FORWARD; pass <= LAMINA_BACKWARD; pass++) {
    for (uint32_t i = 0; i < LM_PROBE_MOST; i++) {
      if ((bout->probe->facts.may_fuse[pass] & (1u << i)) != 0) {
        fuse(bout, pass, i);
      }
    }
  }
}

/* Whether any case declares it; for the sentence why nothing was tried. */
static bool declares_fusion(struct lm_trial *trial)
{
  const struct lm_opening usual = {.threads = 1, .batch = -1};
  struct lm_probe *probe = trial->n_cases == 0 ? NULL : lm_trial_open(trial, trial->cases, &usual);
  bool any = probe != NULL && (probe->facts.may_fuse[0] | probe->facts.may_fuse[1]) != 0;
  lm_probe_close(probe);
  return any;
}

static void check_fusion(struct lm_trial *trial)
{
  if (declares_fusion(trial)) {
    lm_each_case(trial, LM_CASE_UNSTEADY, "L18", fuse_all);
  } else {
    lm_skip(trial, "it does not declare lamina_may_fuse()");
  }
}

/* ---- L23: elementwise layers ---- */

/** A pass by the layer's own functions of runs. */
struct cutting {
  const struct lamina_pointwise *table;
  struct lm_probe *probe;
  uint32_t pass;
  int64_t run; /* elements of each run but the last */
  uint32_t add;
};

/* The run of the span that begins at element `first`, the span being of the whole tensor. */
static int32_t run_piece(const struct cutting *cutting, const struct lamina_span *whole,
                         lamina_span_fn function, struct lamina_call *call, int64_t first)
{
  const float *others[LAMINA_POINTWISE_INPUTS];
  struct lamina_span span = *whole;
  for (uint32_t i = 0; i < whole->n_others; i++) {
    others[i] = lm_probe_value(cutting->probe, LAMINA_IN, i + 1) + first;
  }
  span.first = first;
  span.count = whole->count - first < cutting->run ? whole->count - first : cutting->run;
  span.from += first;
  span.ref = span.ref == NULL ? NULL : span.ref + first;
  span.to += first;
  span.others = others;
  return function(cutting->probe->home->instance->self, call, &span);
}

static int32_t run_pieces(const struct cutting *cutting, const struct lamina_span *whole,
                          lamina_span_fn function, struct lamina_call *call)
{
  for (int64_t first = 0; first < whole->count; first += cutting->run) {
    LAMINA_TRY(run_piece(cutting, whole, function, call, first));
    if (whole->count - first <= cutting->run) {
      break;
    }
  }
  return LAMINA_OK;
}

static int32_t cut_values(const struct cutting *cutting, struct lamina_call *call)
{
  const struct lm_probe *probe = cutting->probe;
  const struct lamina_span whole = {.size = sizeof whole,
                                    .count = lm_probe_count(probe, LAMINA_OUT, 0),
                                    .from = lm_probe_value(probe, LAMINA_IN, 0),
                                    .to = lm_probe_value(probe, LAMINA_OUT, 0),
                                    .n_others = probe->count[LAMINA_IN] - 1};
  return run_pieces(cutting, &whole, cutting->table->value, call);
}

static int32_t cut_gradient(const struct cutting *cutting, struct lamina_call *call, uint32_t input)
{
  const struct lm_probe *probe = cutting->probe;
  uint32_t reads = cutting->table->reads;
  struct lamina_span whole = {.size = sizeof whole,
                              .add = cutting->add,
                              .count = lm_probe_count(probe, LAMINA_OUT, 0),
                              .from = lm_probe_gradient(probe, LAMINA_OUT, 0),
                              .to = lm_probe_gradient(probe, LAMINA_IN, input),
                              .input = input};
  if (reads != LAMINA_READS_NOTHING) {
    whole.ref = lm_probe_value(probe, reads, reads == LAMINA_IN ? input : 0);
  }
  return run_pieces(cutting, &whole, cutting->table->gradient, call);
}

static int32_t run_cut(void *arg, struct lm_instance *instance, struct lamina_call *call)
{
  const struct cutting *cutting = arg;
  if (cutting->table->prepare != NULL) {
    LAMINA_TRY(cutting->table->prepare(instance->self, call, cutting->pass));
  }
  if (cutting->pass == LAMINA_FORWARD) {
    return cut_values(cutting, call);
  }
  for (uint32_t i = cutting->probe->count[LAMINA_IN]; i-- > 0;) { /* 0 may lie over dy */
    LAMINA_TRY(cut_gradient(cutting, call, i));
  }
  return LAMINA_OK;
}

static const int64_t runs[] = {1, 3, 16, 1000, INT64_MAX};

/* Forward and backward by runs of one length, compared with the passes themselves. */
static bool try_cut(struct lm_bout *bout, const struct lamina_pointwise *table, int64_t run)
{
  struct lm_probe *probe = bout->probe;
  const struct lm_probe_use ahead = {LAMINA_FORWARD, LM_TRAINING, LM_STEP};
  const struct lm_probe_use back = {LAMINA_BACKWARD, LM_TRAINING, LM_STEP};
  struct cutting cutting = {table, probe, LAMINA_FORWARD, run, 0};
  lm_case_fill(bout->trial, bout->item, probe, 0);
  enum lamina_status status = lm_probe_run(probe, &ahead, run_cut, &cutting);
  bool same = status == LAMINA_OK && lm_bits_compare(bout->trial, probe, &bout->step, LM_OUTPUTS,
                                                     "L23", "by its function of runs");
  cutting.pass = LAMINA_BACKWARD;
  if (same && table->gradient != NULL && (bout->item->flags & LM_CASE_FORWARD) == 0) {
    status = lm_probe_run(probe, &back, run_cut, &cutting);
    same = status == LAMINA_OK && lm_bits_compare(bout->trial, probe, &bout->step, LM_GRADIENTS,
                                                  "L23", "by its function of runs");
  }
  if (status != LAMINA_OK) {
    lm_find(bout->trial, "L23", "%s: a function of runs fails: %s", probe->label,
            probe->error.text);
  }
  return same;
}

/* The gradient added by runs, and by backward: the same bits. */
static void try_adding(struct lm_bout *bout, const struct lamina_pointwise *table)
{
  struct lm_probe *probe = bout->probe;
  const struct lm_probe_use back = {LAMINA_BACKWARD, LM_TRAINING, LM_STEP};
  struct cutting cutting = {table, probe, LAMINA_BACKWARD, 7, 1};
  const struct lm_zone *zone = &probe->gradients[LAMINA_IN][0].zone;
  lm_case_fill(bout->trial, bout->item, probe, 0);
  (void)lm_probe_forward(probe, LM_TRAINING, LM_STEP);
  lm_case_request(bout->item, probe, LAMINA_ADD);
  lm_zone_fill(&probe->gradients[LAMINA_IN][0].zone, 0x3c);
  if (lm_probe_backward(probe, LM_TRAINING, LM_STEP) != LAMINA_OK) {
    return;
  }
  uint64_t whole = lm_zone_digest(zone);
  lm_zone_fill(&probe->gradients[LAMINA_IN][0].zone, 0x3c);
  if (lm_probe_run(probe, &back, run_cut, &cutting) == LAMINA_OK && lm_zone_digest(zone) != whole) {
    lm_find(bout->trial, "L23", "%s: adding by runs and adding by backward give other bits",
            probe->label);
  }
}

/* Without training: dropout and its like do nothing then. */
static void try_evaluation(struct lm_bout *bout, const struct lamina_pointwise *table)
{
  struct lm_probe *probe = bout->probe;
  const struct lm_probe_use ahead = {LAMINA_FORWARD, 0, LM_STEP};
  struct cutting cutting = {table, probe, LAMINA_FORWARD, 5, 0};
  const struct lm_zone *zone = &probe->tensors[LAMINA_OUT][0].zone;
  if (lm_probe_forward(probe, 0, LM_STEP) != LAMINA_OK) {
    return;
  }
  uint64_t whole = lm_zone_digest(zone);
  if (lm_probe_run(probe, &ahead, run_cut, &cutting) == LAMINA_OK &&
      lm_zone_digest(zone) != whole) {
    lm_find(bout->trial, "L23", "%s: evaluating by runs gives other bits than forward",
            probe->label);
  }
}

/* In place: to is from, in both passes. */
static void try_in_place(struct lm_bout *bout, const struct lamina_pointwise *table)
{
  const struct lm_sharing ahead = {LAMINA_FORWARD, 0, 0}, back = {LAMINA_BACKWARD, 0, 0};
  if (table->reads != LAMINA_IN && !lm_probe_share(bout->probe, &ahead)) {
    return;
  }
  (void)lm_probe_share(bout->probe, &back);
  (void)try_cut(bout, table, 7);
  lm_probe_unshare(bout->probe);
}

static void cut_all(struct lm_bout *bout)
{
  const struct lamina_pointwise *table = lm_instance_pointwise(bout->probe->home->instance);
  if (table == NULL) {
    return;
  } else if ((table->not_in & LAMINA_MODE_TRAIN) != 0) {
    try_evaluation(bout, table);
    return;
  }
  bool same = true;
  for (size_t i = 0; same && i < sizeof runs / sizeof runs[0]; i++) {
    same = try_cut(bout, table, runs[i]);
  }
  if (same && table->gradient != NULL && (bout->item->flags & LM_CASE_FORWARD) == 0) {
    try_adding(bout, table);
    try_in_place(bout, table);
  }
  if (same) {
    try_evaluation(bout, table);
  }
}

static void check_runs(struct lm_trial *trial)
{
  const struct lm_instance instance = {.plugin = trial->plugin};
  if (lm_instance_pointwise(&instance) == NULL) {
    lm_skip(trial, "it is not elementwise: no extension " LAMINA_POINTWISE_ID);
    return;
  }
  lm_each_case(trial, LM_CASE_UNSTEADY, "L18", cut_all);
}

static const struct lm_check checks[] = {
    {"L22", LAYERS, check_fusion},
    {"L23", LAYER, check_runs},
};
const struct lm_checks lm_fusion_checks = {checks, sizeof checks / sizeof checks[0]};
