/*
 * What the kinds without tensors have in common: a call, an exercise that computes something,
 * and what is watched while it does.
 */
#include "conform/kind_step.h"

enum {
  NO_TENSORS = 1 << LAMINA_KIND_OPTIMIZER | 1 << LAMINA_KIND_REGULARIZER |
               1 << LAMINA_KIND_INITIALIZER | 1 << LAMINA_KIND_SCHEDULE | 1 << LAMINA_KIND_DATASET |
               1 << LAMINA_KIND_SERVICE
};

void lm_kind_begin(struct lm_kind_call *call, struct lm_home *home, struct lm_instance *instance,
                   const char *pass)
{
  call->home = home;
  call->error = (struct lm_error){0};
  lm_call_init(&call->call, &home->host, instance, pass);
  call->call.stream = lm_stream_make(home->host.seed, LM_HOME_STREAM);
  call->call.purposes = 1; /* initializers draw from purpose 0 without declaring it */
  lm_call_begin(&call->call, &call->error);
  lm_home_enter(home, pass, home->label);
}

enum lamina_status lm_kind_end(struct lm_trial *trial, struct lm_kind_call *call, int32_t returned,
                               const char *id)
{
  lm_home_leave(call->home);
  enum lamina_status status = lm_call_end(&call->call, returned);
  if (status != LAMINA_OK) {
    lm_judge_refusal(trial, status, &call->error);
    if (id != NULL) {
      lm_find(trial, id, "%s fails, %s: %s", call->call.pass, call->home->label, call->error.text);
    }
  }
  return status;
}

bool lm_kind_exercise(struct lm_trial *trial, struct lm_home *home, uint64_t *digest)
{
  switch (trial->plugin->info.kind) {
    case LAMINA_KIND_OPTIMIZER:
      return lm_exercise_optimizer(trial, home, digest);
    case LAMINA_KIND_REGULARIZER:
    case LAMINA_KIND_INITIALIZER:
    case LAMINA_KIND_SCHEDULE:
      return lm_exercise_function(trial, home, digest);
    case LAMINA_KIND_DATASET:
      return lm_exercise_dataset(trial, home, digest);
    case LAMINA_KIND_SERVICE:
      return lm_exercise_service(trial, home, digest);
    default:
      return false;
  }
}

void lm_each_home(struct lm_trial *trial, uint32_t threads,
                  void (*check)(struct lm_trial *trial, struct lm_home *home))
{
  if (trial->n_cases == 0) {
    lm_skip(trial, "no settings were found that it takes; give some by --settings");
  }
  for (size_t i = 0; i < trial->n_cases; i++) {
    struct lm_home *home = NULL;
    struct lm_error error = {0};
    if (lm_trial_home(trial, trial->cases[i].settings, threads, &home, &error) == LAMINA_OK) {
      check(trial, home);
    }
    lm_home_free(home);
  }
}

static void exercise_watched(struct lm_trial *trial, struct lm_home *home)
{
  uint64_t digest = 0;
  if (lm_kind_exercise(trial, home, &digest)) {
    trial->ledger->skip[0] = '\0';
  }
}

static void check_calls(struct lm_trial *trial)
{
  const char *reason = NULL;
  trial->watch = lm_watch_create(trial->plugin, &reason);
  if (trial->watch == NULL) {
    lm_skip(trial, "%s", reason);
    return;
  }
  lm_skip(trial, "nothing was found that it computes; give some settings by --settings");
  lm_each_home(trial, 1, exercise_watched);
  lm_watch_free(trial->watch);
  trial->watch = NULL;
}

static const struct lm_check checks[] = {{"P06 P07 P08 P09 P10", NO_TENSORS, check_calls}};
const struct lm_checks lm_kind_checks = {checks, sizeof checks / sizeof checks[0]};
