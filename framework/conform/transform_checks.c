/*
 * Transforms: a sample alone against a sample in a batch, and what is learned. What they share
 * with layers is checked there.
 */
#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "conform/conform_internal.h"

enum { TRANSFORM = 1 << LAMINA_KIND_TRANSFORM };

static bool learn(struct lm_trial *trial, struct lm_probe *probe, bool more, bool last)
{
  if (lm_probe_learn(probe, more, last) == LAMINA_OK) {
    return true;
  }
  lm_find(trial, "T02", "%s: learning fails: %s", probe->label, probe->error.text);
  return false;
}

static void copy_states(const struct lm_probe *from, struct lm_probe *to)
{
  for (uint32_t i = 0; i < from->count[LAMINA_STATE]; i++) {
    const struct lm_zone *state = &from->tensors[LAMINA_STATE][i].zone;
    if (state->bytes > 0) {
      memcpy(to->tensors[LAMINA_STATE][i].zone.data, state->data, state->bytes);
    }
  }
}

/* Sample `first` and those behind it, with their numbers, into a smaller batch. */
static void copy_samples(const struct lm_probe *whole, struct lm_probe *part, int64_t first,
                         int64_t batch)
{
  const struct lm_zone *from = &whole->tensors[LAMINA_IN][0].zone;
  const struct lm_zone *to = &part->tensors[LAMINA_IN][0].zone;
  if (to->bytes > 0) {
    memcpy(to->data, from->data + (size_t)first * (from->bytes / (size_t)batch), to->bytes);
  }
  for (int64_t i = 0;
       part->count[LAMINA_RECORDS] > 0 && i < lm_probe_count(part, LAMINA_RECORDS, 0); i++) {
    ((int64_t *)part->tensors[LAMINA_RECORDS][0].view.data)[i] = first + i;
  }
}

/* ---- T01 ---- */

static void compare_alone(struct lm_bout *bout, uint32_t mode)
{
  const struct lm_opening opening = {.threads = 1, .batch = 1};
  struct lm_probe *whole = bout->probe, *alone = lm_trial_open(bout->trial, bout->item, &opening);
  int64_t batch = bout->item->batch;
  bool ran = alone != NULL && lm_probe_forward(whole, mode, LM_STEP) == LAMINA_OK;
  for (int64_t i = 0; ran && i < batch; i++) {
    lm_probe_fill(alone, bout->trial->seed);
    copy_states(whole, alone);
    copy_samples(whole, alone, i, batch);
    ran = lm_probe_forward(alone, mode, LM_STEP) == LAMINA_OK;
    const struct lm_zone *one = &alone->tensors[LAMINA_OUT][0].zone;
    const char *row = whole->tensors[LAMINA_OUT][0].zone.data + (size_t)i * one->bytes;
    if (ran && one->bytes > 0 && memcmp(one->data, row, one->bytes) != 0) {
      lm_find(bout->trial, "T01", "%s: sample %lld becomes something else when it is alone",
              whole->label, (long long)i);
      ran = false;
    }
  }
  lm_probe_close(alone);
}

static void check_alone(struct lm_bout *bout)
{
  lm_case_fill(bout->trial, bout->item, bout->probe, 0);
  compare_alone(bout, 0);
  compare_alone(bout, LAMINA_MODE_TRAIN);
}

static void check_samples(struct lm_trial *trial)
{
  lm_each_case(trial, LM_CASE_LARGE, "L18", check_alone);
}

/* ---- T02, T03 ---- */

static bool learn_whole(struct lm_bout *bout)
{
  lm_probe_fill(bout->probe, bout->trial->seed);
  return learn(bout->trial, bout->probe, true, true);
}

static void check_learned(struct lm_bout *bout)
{
  const struct lm_opening usual = {.threads = 1, .batch = -1};
  struct lm_result_bits bits = {0};
  struct lm_probe *fresh = lm_trial_open(bout->trial, bout->item, &usual);
  bool ran = fresh != NULL && learn_whole(bout) &&
             lm_probe_forward(bout->probe, 0, LM_STEP) == LAMINA_OK &&
             lm_bits_take(bout->probe, &bits);
  if (ran) {
    lm_probe_fill(fresh, bout->trial->seed);
    copy_states(bout->probe, fresh);
    if (lm_probe_forward(fresh, 0, LM_STEP) == LAMINA_OK) {
      (void)lm_bits_compare(bout->trial, fresh, &bits, LM_EVERYTHING, "T02",
                            "in a fresh instance with the states that were learned");
    }
  }
  lm_bits_release(&bits);
  lm_probe_close(fresh);
}

static bool states_alike(const struct lm_probe *a, const struct lm_probe *b)
{
  for (uint32_t s = 0; s < a->count[LAMINA_STATE]; s++) {
    bool single = lm_probe_is_float(a, LAMINA_STATE, s);
    const char *one = a->tensors[LAMINA_STATE][s].zone.data;
    const char *two = b->tensors[LAMINA_STATE][s].zone.data;
    for (int64_t i = 0; i < lm_probe_count(a, LAMINA_STATE, s); i++) {
      double x = single ? (double)((const float *)(const void *)one)[i]
                        : ((const double *)(const void *)one)[i];
      double y = single ? (double)((const float *)(const void *)two)[i]
                        : ((const double *)(const void *)two)[i];
      if (!(fabs(x - y) <= 1e-5 * fmax(1.0, fabs(x)))) {
        return false;
      }
    }
  }
  return true;
}

/* Two instances' worth of batches: the first three samples, and the rest. */
static void check_pieces(struct lm_bout *bout)
{
  struct lm_trial *trial = bout->trial;
  const struct lm_opening head = {.threads = 1, .batch = 2};
  struct lm_probe *first = lm_trial_open(trial, bout->item, &head), *rest = NULL;
  struct lm_error error = {0};
  char *shapes = lm_pattern_shapes(bout->item->pattern, bout->item->batch - 2);
  bool made = first != NULL && shapes != NULL &&
              lm_probe_open_at(first->home, shapes, NULL, &rest, &error) == LAMINA_OK;
  if (made && learn_whole(bout)) {
    lm_probe_fill(first, trial->seed);
    lm_probe_fill(rest, trial->seed);
    copy_samples(bout->probe, first, 0, bout->item->batch);
    copy_samples(bout->probe, rest, 2, bout->item->batch);
    bool ran = learn(trial, first, true, false);
    copy_states(first, rest);
    ran = ran && learn(trial, rest, true, true);
    if (ran && !states_alike(bout->probe, rest)) {
      lm_find(trial, "T03", "%s: learns something else from the same samples in two batches",
              bout->probe->label);
    }
  }
  lm_probe_close(first);
  lm_probe_close(rest);
  lm_free(shapes);
}

static void check_states(struct lm_trial *trial)
{
  if (trial->plugin->table.transform.fit == NULL) {
    lm_skip(trial, "it learns nothing");
    return;
  }
  lm_each_case(trial, LM_CASE_LARGE, "L18", check_learned);
}

static void check_cuts(struct lm_trial *trial)
{
  if (trial->plugin->table.transform.fit == NULL) {
    lm_skip(trial, "it learns nothing");
    return;
  }
  lm_each_case(trial, LM_CASE_LARGE, "L18", check_pieces);
}

static const struct lm_check checks[] = {
    {"T01", TRANSFORM, check_samples},
    {"T02", TRANSFORM, check_states},
    {"T03", TRANSFORM, check_cuts},
};
const struct lm_checks lm_transform_checks = {checks, sizeof checks / sizeof checks[0]};
