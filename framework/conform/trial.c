/*
 * What checks do over and over: write findings down, make instances and probes of the plugin
 * under trial.
 *
 * Everything that is found goes straight into the ledger, which the tool's process shares, so
 * that a crash a moment later loses nothing.
 */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "conform/conform_internal.h"

static bool is_known(const struct lm_ledger *ledger, const char *id, const char *text)
{
  uint32_t same = 0;
  for (uint32_t i = 0; i < ledger->n_findings; i++) {
    const struct lm_finding *finding = &ledger->findings[i];
    same += strcmp(finding->id, id) == 0;
    if (strcmp(finding->id, id) == 0 && strcmp(finding->text, text) == 0) {
      return true;
    }
  }
  return same >= LM_SAME_FINDINGS;
}

void lm_find(struct lm_trial *trial, const char *id, const char *format, ...)
{
  struct lm_ledger *ledger = trial->ledger;
  char text[LM_LEDGER_TEXT];
  va_list args;
  va_start(args, format);
  (void)vsnprintf(text, sizeof text, format, args);
  va_end(args);
  if (ledger->n_findings == LM_LEDGER_FINDINGS || is_known(ledger, id, text)) {
    ledger->more++;
    return;
  }
  struct lm_finding *finding = &ledger->findings[ledger->n_findings];
  (void)snprintf(finding->id, sizeof finding->id, "%s", id);
  memcpy(finding->text, text, sizeof text);
  ledger->n_findings++;
}

void lm_skip(struct lm_trial *trial, const char *format, ...)
{
  va_list args;
  va_start(args, format);
  (void)vsnprintf(trial->ledger->skip, sizeof trial->ledger->skip, format, args);
  va_end(args);
}

void lm_judge_refusal(struct lm_trial *trial, enum lamina_status status,
                      const struct lm_error *error)
{
  bool silent = strstr(error->text, "without saying why") != NULL;
  bool lying = strstr(error->text, "still claimed success") != NULL;
  if (status != LAMINA_OK && (silent || lying || error->text[0] == '\0')) {
    lm_find(trial, "P12", "%s", error->text[0] == '\0' ? lm_status_name(status) : error->text);
  }
}

/* ---- calls of the plugin ---- */

static void on_enter(void *arg, const char *pass, const char *label)
{
  struct lm_trial *trial = arg;
  struct lm_ledger *ledger = trial->ledger;
  (void)snprintf(ledger->stage, sizeof ledger->stage, "%s, %s", pass, label);
  ledger->called_at = lm_clock_ns();
  trial->computes = strcmp(pass, "setup") != 0 && strcmp(pass, "infer") != 0 &&
                    strcmp(pass, "open") != 0 && strcmp(pass, "loading") != 0;
  ledger->in_call = true;
  if (trial->watch != NULL) {
    lm_watch_begin(trial->watch);
  }
}

static void on_leave(void *arg)
{
  struct lm_trial *trial = arg;
  if (trial->watch != NULL) {
    lm_watch_end(trial->watch, trial, trial->computes);
  }
  trial->ledger->in_call = false;
}

static void on_breach(void *arg, enum lm_breach breach, const char *sentence)
{
  lm_find(arg, breach == LM_BREACH_OUTSIDE ? "P13" : "P14", "%s", sentence);
}

/* ---- the plugin ---- */

bool lm_trial_load(struct lm_trial *trial)
{
  struct lm_error error = {0};
  trial->observer = (struct lm_observer){trial, on_enter, on_leave, on_breach};
  on_enter(trial, "loading", trial->options->file);
  enum lamina_status status =
      lm_registry_create(&trial->options->registry, &trial->registry, &error);
  if (status == LAMINA_OK) {
    status = lm_registry_open_file(trial->registry, trial->options->file, &trial->plugin, &error);
  }
  on_leave(trial);
  trial->ledger->load_status = status;
  if (status != LAMINA_OK) {
    lm_find(trial, "P01", "%s", error.text);
    return false;
  }
  const struct lamina_plugin *info = &trial->plugin->info;
  lm_registry_prefer(trial->registry, trial->plugin);
  (void)snprintf(trial->ledger->plugin, sizeof trial->ledger->plugin, "%s '%s' %s",
                 lm_kind_name(info->kind), info->name, info->version);
  trial->ledger->kind = info->kind;
  lm_example_find(trial);
  return true;
}

void lm_trial_release(struct lm_trial *trial)
{
  lm_watch_free(trial->watch);
  lm_registry_free(trial->registry);
  lm_free(trial->example);
}

enum lamina_status lm_trial_home_with(struct lm_trial *trial, const char *settings,
                                      const char *const *overrides, size_t count,
                                      struct lm_home **out, struct lm_error *error)
{
  const struct lm_home_spec spec = {.registry = trial->registry,
                                    .kind = trial->plugin->info.kind,
                                    .name = trial->plugin->info.name,
                                    .settings = settings,
                                    .overrides = overrides,
                                    .n_overrides = count,
                                    .file = trial->example,
                                    .threads = 1,
                                    .observer = &trial->observer};
  return lm_home_create(&spec, out, error);
}

enum lamina_status lm_trial_home(struct lm_trial *trial, const char *settings, uint32_t threads,
                                 struct lm_home **out, struct lm_error *error)
{
  const struct lm_home_spec spec = {.registry = trial->registry,
                                    .kind = trial->plugin->info.kind,
                                    .name = trial->plugin->info.name,
                                    .settings = settings,
                                    .file = trial->example,
                                    .threads = threads,
                                    .observer = &trial->observer};
  return lm_home_create(&spec, out, error);
}

char *lm_pattern_shapes(const char *pattern, int64_t batch)
{
  struct lm_text text = {0};
  for (const char *at = pattern; *at != '\0'; at++) {
    if (*at == 'N') {
      lm_text_addf(&text, "%lld", (long long)batch);
    } else {
      lm_text_add_bytes(&text, at, 1);
    }
  }
  lm_text_add(&text, "");
  return lm_text_take(&text);
}

struct lm_probe *lm_trial_open(struct lm_trial *trial, const struct lm_case *item,
                               const struct lm_opening *opening)
{
  struct lm_error error = {0};
  struct lm_probe *probe = NULL;
  char *shapes =
      lm_pattern_shapes(item->pattern, opening->batch < 0 ? item->batch : opening->batch);
  const struct lm_probe_spec spec = {
      .home = {.registry = trial->registry,
               .kind = trial->plugin->info.kind,
               .name = trial->plugin->info.name,
               .settings = item->settings,
               .file = trial->example,
               .threads = opening->threads == 0 ? 2 : opening->threads,
               .shuffled = opening->shuffled,
               .observer = &trial->observer},
      .shapes = shapes == NULL ? "" : shapes,
      .style = opening->style};
  enum lamina_status status = lm_probe_open(&spec, &probe, &error);
  if (status != LAMINA_OK && status != LAMINA_E_NOMEM) {
    lm_judge_refusal(trial, status, &error);
    lm_find(trial, "L02", "%s", error.text);
  }
  lm_free(shapes);
  return probe;
}
