/*
 * Settings: each at its bounds, inside, outside and of wrong type, through the binder and the
 * plugin's setup(); and whether each of them does anything.
 */
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "conform/conform_internal.h"

enum { SCHEDULED = 1 << LAMINA_KIND_LAYER | 1 << LAMINA_KIND_LOSS | 1 << LAMINA_KIND_REGULARIZER };
enum { ANY = 0x7fe, OTHERS = 16, CONTEXTS = 10, VALUES = 8 };

static struct lm_settings table_of(const struct lm_trial *trial)
{
  const struct lamina_plugin *info = &trial->plugin->info;
  return (struct lm_settings){"the plugin", info->settings, info->n_settings, info->setting_stride};
}

static void check_table(struct lm_trial *trial)
{
  const struct lm_settings table = table_of(trial);
  struct lm_error error = {0};
  if (lm_settings_check(&table, trial->plugin->info.instance_bytes, &error) != LAMINA_OK) {
    lm_find(trial, "S01", "%s", error.text);
  }
}

/* The settings on which single ones are tried: the first that the plugin takes. */
static bool base_of(struct lm_trial *trial, struct lm_text *out)
{
  lm_text_clear(out);
  if (trial->plugin->info.n_settings == 0) {
    lm_skip(trial, "it has no settings");
    return false;
  }
  if (trial->n_cases > 0) {
    lm_text_add(out, trial->cases[0].settings);
    return true;
  }
  if (!lm_settings_wish(trial->plugin, 0, NULL, NULL, out)) {
    lm_skip(trial, "no settings were found that it takes; give some by --settings");
    return false;
  }
  return true;
}

/* ---- S02, S03 ---- */

typedef void (*judge_fn)(struct lm_trial *trial, const char *override, enum lamina_status status,
                         const struct lm_error *error);

static void judge_inside(struct lm_trial *trial, const char *override, enum lamina_status status,
                         const struct lm_error *error)
{
  bool refusal = status == LAMINA_E_INVALID || status == LAMINA_E_SHAPE ||
                 status == LAMINA_E_MISSING || status == LAMINA_E_UNSUPPORTED ||
                 status == LAMINA_E_NOMEM;
  if (status != LAMINA_OK && !refusal) {
    lm_find(trial, "S02", "%s is in its range, and fails with %s: %s", override,
            lm_status_name(status), error->text);
  }
  lm_judge_refusal(trial, status, error);
}

static void judge_outside(struct lm_trial *trial, const char *override, enum lamina_status status,
                          const struct lm_error *error)
{
  (void)error;
  if (status == LAMINA_OK) {
    lm_find(trial, "S03", "%s is accepted", override);
  }
}

/* What the plugin says to one more key; of a layer also what infer() and forward() say. */
static enum lamina_status ask(struct lm_trial *trial, const char *base, const char *override,
                              struct lm_error *error)
{
  struct lm_home *home = NULL;
  struct lm_probe *probe = NULL;
  LM_TRY(lm_trial_home_with(trial, base, &override, 1, &home, error));
  enum lamina_status status = LAMINA_OK;
  if (trial->n_cases > 0 && trial->cases[0].pattern[0] != '\0') {
    char *shapes = lm_pattern_shapes(trial->cases[0].pattern, trial->cases[0].batch);
    status = lm_probe_open_at(home, shapes == NULL ? "" : shapes, NULL, &probe, error);
    lm_free(shapes);
  }
  if (probe != NULL) {
    lm_case_fill(trial, &trial->cases[0], probe, trial->seed);
    status = lm_probe_forward(probe, LM_TRAINING, LM_STEP);
    *error = probe->error;
  }
  lm_probe_close(probe);
  lm_home_free(home);
  return status;
}

static void try_samples(struct lm_trial *trial, enum lm_sample sample, judge_fn judge)
{
  const struct lm_settings table = table_of(trial);
  struct lm_text base = {0}, value = {0};
  bool possible = base_of(trial, &base);
  for (size_t r = 0; possible && r < table.count; r++) {
    const struct lamina_setting *row = lm_settings_row(&table, r);
    for (uint32_t i = 0; i < VALUES && lm_setting_sample(row, sample, i, &value); i++) {
      struct lm_error error = {0};
      char *override = lm_format("%s=%s", row->name, lm_text_get(&value));
      if (override != NULL) {
        judge(trial, override, ask(trial, lm_text_get(&base), override, &error), &error);
      }
      lm_free(override);
    }
  }
  lm_text_release(&base);
  lm_text_release(&value);
}

static void check_inside(struct lm_trial *trial)
{
  try_samples(trial, LM_SAMPLE_BOUND, judge_inside);
  try_samples(trial, LM_SAMPLE_INSIDE, judge_inside);
}

static void check_outside(struct lm_trial *trial)
{
  try_samples(trial, LM_SAMPLE_OUTSIDE, judge_outside);
  try_samples(trial, LM_SAMPLE_OTHER_TYPE, judge_outside);
}

/* ---- S04 ---- */

/** Values of the other settings, under which one of them is tried. */
struct context {
  const char *base;
  char *overrides[OTHERS + 1]; /* the last one is for the setting that is tried */
  size_t count;
};

static void release_context(struct context *context)
{
  for (size_t i = 0; i < context->count; i++) {
    lm_free(context->overrides[i]);
  }
  context->count = 0;
}

/* In the first context all others are as they are, in the next ones some are drawn anew. */
static void make_context(struct lm_trial *trial, const struct lamina_setting *tried, uint32_t round,
                         struct context *context)
{
  const struct lm_settings table = table_of(trial);
  struct lm_text value = {0};
  uint64_t seed = trial->seed + round;
  for (size_t r = 0; round > 0 && r < table.count && context->count < OTHERS; r++) {
    const struct lamina_setting *row = lm_settings_row(&table, r);
    bool drawn = row != tried && lm_draw(&seed, 3) > 0;
    if (drawn && lm_setting_sample(row, LM_SAMPLE_INSIDE, (uint32_t)lm_draw(&seed, 4), &value)) {
      char *override = lm_format("%s=%s", row->name, lm_text_get(&value));
      context->overrides[context->count] = override;
      context->count += override != NULL;
    }
  }
  lm_text_release(&value);
}

/* Whether two values of a setting give two results in a context; *seen counts those that work. */
static bool differs(struct lm_trial *trial, const struct lamina_setting *row,
                    struct context *context, uint32_t *seen)
{
  struct lm_text value = {0};
  uint64_t first = 0, digest;
  bool different = false, any = false;
  for (uint32_t i = 0;
       i < VALUES && !different && lm_setting_sample(row, LM_SAMPLE_INSIDE, i, &value); i++) {
    char *override = lm_format("%s=%s", row->name, lm_text_get(&value));
    context->overrides[context->count] = override;
    if (override != NULL &&
        lm_observe(trial, context->base, (const char *const *)context->overrides,
                   context->count + 1, NULL, &digest)) {
      different = any && digest != first;
      first = any ? first : digest;
      any = true;
      (*seen)++;
    }
    lm_free(override);
  }
  lm_text_release(&value);
  return different;
}

/* The number of settings that could be looked at. */
static uint32_t check_effect_of(struct lm_trial *trial, const struct lamina_setting *row,
                                const char *base)
{
  uint32_t seen = 0;
  bool matters = false;
  for (uint32_t round = 0; round < CONTEXTS && !matters; round++) {
    struct context context = {.base = base};
    make_context(trial, row, round, &context);
    matters = differs(trial, row, &context, &seen);
    release_context(&context);
  }
  if (!matters && seen >= 2) {
    lm_find(trial, "S04",
            "'%s' changes nothing that was tried: %u settings, all with the same "
            "declarations and results",
            row->name, seen);
  }
  return seen;
}

static void check_effect(struct lm_trial *trial)
{
  const struct lm_settings table = table_of(trial);
  struct lm_text base = {0};
  bool possible = base_of(trial, &base);
  if (possible && (trial->n_cases == 0 || !lm_can_observe(trial))) {
    lm_skip(trial, "nothing was found by which its effects show");
    possible = false;
  }
  uint32_t seen = 0;
  for (size_t r = 0; possible && r < table.count; r++) {
    const struct lamina_setting *row = lm_settings_row(&table, r);
    if (row->replaced_by == NULL) {
      seen += check_effect_of(trial, row, lm_text_get(&base));
    }
  }
  if (possible && seen == 0) {
    lm_skip(trial, "nothing was found by which its effects show");
  }
  lm_text_release(&base);
}

/* ---- S05 ---- */

/* Made with one value and given another, it must do what it does when made with that one. */
static bool check_change(struct lm_trial *trial, const struct lamina_setting *row, const char *base,
                         const char *const values[2])
{
  char *first = lm_format("%s=%s", row->name, values[0]);
  char *second = lm_format("%s=%s", row->name, values[1]);
  const char *made_with = first, *wanted = second;
  const struct lm_change change = {row, second};
  uint64_t changed, anew;
  bool compared = first != NULL && second != NULL &&
                  lm_observe(trial, base, &made_with, 1, &change, &changed) &&
                  lm_observe(trial, base, &wanted, 1, NULL, &anew);
  if (compared && changed != anew) {
    lm_find(trial, "S05",
            "made with %s and changed to %s, it does not do what it does when made "
            "with the latter",
            first, second);
  }
  lm_free(first);
  lm_free(second);
  return compared;
}

static bool check_changes_of(struct lm_trial *trial, const struct lamina_setting *row,
                             const char *base)
{
  struct lm_text usual = {0}, other = {0};
  bool compared = false;
  bool possible = lm_setting_sample(row, LM_SAMPLE_INSIDE, 0, &usual);
  for (uint32_t i = 1;
       possible && i < VALUES && lm_setting_sample(row, LM_SAMPLE_INSIDE, i, &other); i++) {
    const char *const there[] = {lm_text_get(&usual), lm_text_get(&other)};
    const char *const back[] = {there[1], there[0]};
    compared |= check_change(trial, row, base, there);
    compared |= check_change(trial, row, base, back);
  }
  lm_text_release(&usual);
  lm_text_release(&other);
  return compared;
}

static void check_scheduling(struct lm_trial *trial)
{
  const struct lm_settings table = table_of(trial);
  struct lm_text base = {0};
  bool compared = false, any = false;
  bool possible = base_of(trial, &base) && trial->n_cases > 0;
  for (size_t r = 0; possible && r < table.count; r++) {
    const struct lamina_setting *row = lm_settings_row(&table, r);
    if ((row->flags & LAMINA_SETTING_SCHEDULABLE) != 0 && row->replaced_by == NULL) {
      any = true;
      compared |= check_changes_of(trial, row, lm_text_get(&base));
    }
  }
  if (possible && !any) {
    lm_skip(trial, "none of its settings may be scheduled");
  } else if (!compared) {
    lm_skip(trial, "nothing was found that it computes; give some settings by --settings");
  }
  lm_text_release(&base);
}

static const struct lm_check checks[] = {
    {"S01", ANY, check_table},  {"S02", ANY, check_inside},           {"S03", ANY, check_outside},
    {"S04", ANY, check_effect}, {"S05", SCHEDULED, check_scheduling},
};
const struct lm_checks lm_settings_checks = {checks, sizeof checks / sizeof checks[0]};
