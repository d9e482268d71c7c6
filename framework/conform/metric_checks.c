/*
 * Metrics: parts of a batch against the whole. What they share with layers is checked there.
 */
#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "conform/conform_internal.h"

enum { METRIC = 1 << LAMINA_KIND_METRIC };

static double *part_of(const struct lm_probe *probe)
{
  return (double *)(void *)probe->tensors[LAMINA_OUT][0].zone.data;
}

static double value_of(const struct lm_probe *probe, const double *part)
{
  const struct lm_instance *instance = probe->home->instance;
  lm_home_enter(probe->home, "value", probe->label);
  double value = instance->plugin->table.metric.value(instance->self, part);
  lm_home_leave(probe->home);
  return value;
}

double lm_metric_number(const struct lm_probe *probe)
{
  return value_of(probe, part_of(probe));
}

static void merge(const struct lm_probe *probe, double *part, const double *other)
{
  const struct lm_instance *instance = probe->home->instance;
  lm_home_enter(probe->home, "merge", probe->label);
  instance->plugin->table.metric.merge(instance->self, part, other);
  lm_home_leave(probe->home);
}

static bool alike(double a, double b)
{
  return (isnan(a) && isnan(b)) || fabs(a - b) <= 1e-9 * fmax(1.0, fabs(a));
}

/* Copies the samples first .. of a batch into a smaller one. */
static void copy_samples(const struct lm_probe *whole, struct lm_probe *part, int64_t first,
                         int64_t batch)
{
  for (uint32_t i = 0; i < whole->count[LAMINA_IN]; i++) {
    const struct lm_zone *from = &whole->tensors[LAMINA_IN][i].zone;
    const struct lm_zone *to = &part->tensors[LAMINA_IN][i].zone;
    if (to->bytes > 0) {
      memcpy(to->data, from->data + (size_t)first * (from->bytes / (size_t)batch), to->bytes);
    }
  }
}

/* The part of some samples of the batch; NULL when it fails. */
static struct lm_probe *count_samples(struct lm_bout *bout, int64_t first, int64_t n)
{
  const struct lm_opening opening = {.threads = 1, .batch = n};
  struct lm_probe *part = lm_trial_open(bout->trial, bout->item, &opening);
  if (part == NULL) {
    return NULL;
  }
  copy_samples(bout->probe, part, first, bout->item->batch);
  if (lm_probe_forward(part, 0, LM_STEP) != LAMINA_OK) {
    lm_find(bout->trial, "M01", "%s: fails on samples of a batch that it takes: %s", part->label,
            part->error.text);
    lm_probe_close(part);
    return NULL;
  }
  return part;
}

static void try_cut(struct lm_bout *bout, int64_t cut)
{
  struct lm_probe *left = count_samples(bout, 0, cut);
  struct lm_probe *right = count_samples(bout, cut, bout->item->batch - cut);
  if (left != NULL && right != NULL) {
    double whole = lm_metric_number(bout->probe);
    size_t bytes = left->tensors[LAMINA_OUT][0].zone.bytes;
    char *kept = lm_copy_bytes((const char *)part_of(left), bytes);
    merge(left, part_of(left), part_of(right));
    double merged = lm_metric_number(left);
    if (kept != NULL) {
      memcpy(part_of(left), kept, bytes);
    }
    merge(right, part_of(right), part_of(left));
    double other = lm_metric_number(right);
    if (!alike(whole, merged) || !alike(whole, other)) {
      lm_find(bout->trial, "M01",
              "%s: the whole gives %.12g, its first %lld samples merged with the rest %.12g, the "
              "other way round %.12g",
              bout->probe->label, whole, (long long)cut, merged, other);
    }
    lm_free(kept);
  }
  lm_probe_close(left);
  lm_probe_close(right);
}

static void cut_all(struct lm_bout *bout)
{
  int64_t batch = bout->item->batch;
  lm_case_fill(bout->trial, bout->item, bout->probe, 0);
  (void)lm_probe_forward(bout->probe, 0, LM_STEP);
  try_cut(bout, 1);
  try_cut(bout, batch / 2);
  try_cut(bout, batch - 1);
}

static void check_parts(struct lm_trial *trial)
{
  lm_each_case(trial, LM_CASE_LARGE, "L18", cut_all);
}

static void count_nothing(struct lm_bout *bout)
{
  struct lm_probe *none = count_samples(bout, 0, 0);
  if (none != NULL) {
    double nothing = lm_metric_number(none);
    double before = lm_metric_number(bout->probe);
    merge(bout->probe, part_of(bout->probe), part_of(none));
    double after = lm_metric_number(bout->probe);
    if (!isnan(nothing)) {
      lm_find(bout->trial, "M02", "%s: the value of no samples is %g", none->label, nothing);
    }
    if (!alike(before, after)) {
      lm_find(bout->trial, "M02", "%s: merging no samples changes %.12g into %.12g",
              bout->probe->label, before, after);
    }
  }
  lm_probe_close(none);
}

static void check_nothing(struct lm_trial *trial)
{
  lm_each_case(trial, LM_CASE_LARGE, "L18", count_nothing);
}

static void check_way(struct lm_bout *bout)
{
  const struct lm_instance *instance = bout->probe->home->instance;
  const struct lamina_metric *table = &instance->plugin->table.metric;
  int32_t way = table->direction == NULL ? -1 : table->direction(instance->self);
  if (way != 1 && way != -1) {
    lm_find(bout->trial, "M03", "%s: direction is %d", bout->probe->label, (int)way);
  }
}

static void check_direction(struct lm_trial *trial)
{
  lm_each_case(trial, LM_CASE_LARGE, "L18", check_way);
}

static const struct lm_check checks[] = {
    {"M01", METRIC, check_parts},
    {"M02", METRIC, check_nothing},
    {"M03", METRIC, check_direction},
};
const struct lm_checks lm_metric_checks = {checks, sizeof checks / sizeof checks[0]};
