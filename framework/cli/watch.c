/*
 * The supervisor of a training under watch: two places for workers, `now`, which trains, and
 * `next`, which makes itself ready to take over; and one trial, a plugin that was rebuilt, on its
 * way from its file to being in use.
 *
 * What happened is handled where it is heard of; go_on() then does what the places allow: a trial
 * that was checked gets the next worker, a worker that is ready takes over, and when nobody
 * trains, the plugin that is to blame goes back to the version before, or training waits.
 */
#include "cli/watch.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"
#include "cli/display.h"

enum { LOOK_MS = 200, SOURCES = 3 };

static uint64_t steps_done(const struct lm_watch *watch)
{
  uint64_t step = 0;
  (void)lm_keep_holds(watch->shop.keep, &step);
  return step;
}

static void end(struct lm_watch *watch, enum lamina_status status, const char *sentence)
{
  watch->over = true;
  watch->status = status;
  if (status != LAMINA_OK) {
    (void)lm_fail(watch->error, status, "%s", sentence);
  }
}

/* The end that the user asked for, when there is no worker that could save. */
static void end_stopped(struct lm_watch *watch)
{
  const struct lm_run_folder *run = &watch->shop.run;
  watch->over = true;
  if (!watch->trained) {
    watch->status = lm_fail(watch->error, LAMINA_E_STOPPED, "stopped before the first step");
    return;
  }
  watch->status = lm_keep_save(watch->shop.keep, run, watch->error);
  if (watch->status == LAMINA_OK) {
    watch->status = lm_fail(watch->error, LAMINA_E_STOPPED,
                            "stopped after step %llu; continue with --resume --run-dir %s",
                            (unsigned long long)steps_done(watch), run->path);
  }
}

/* ---- the worker that makes itself ready ---- */

static void start_next(struct lm_watch *watch, enum lm_reason reason)
{
  struct lm_error error = {0};
  watch->reason = reason;
  if (lm_worker_start(&watch->shop, watch->trained, &watch->next, &error) != LAMINA_OK) {
    end(watch, error.status, error.text);
  }
}

static void start_trial(struct lm_watch *watch)
{
  struct lm_watched *file = watch->trial.file;
  uint32_t version = file->version;
  watch->trial.stage = LM_BEING_MADE;
  file->version = watch->trial.version; /* the worker is a copy of us as we are now */
  start_next(watch, LM_FOR_THE_TRIAL);
  file->version = version;
}

/* It ended before it trained: the status and the sentence why. */
static void next_failed(struct lm_watch *watch, struct lm_error *error)
{
  if (watch->reason == LM_FOR_THE_TRIAL) {
    lm_trial_refuse(watch, error);
  } else {
    end(watch, error->status, error->text);
  }
}

/* Nobody trains: the next worker does. */
static void promote(struct lm_watch *watch)
{
  lm_worker_go(&watch->next);
  watch->now = watch->next;
  watch->next = (struct lm_worker){0};
  watch->asked = 0.0;
  watch->waiting = false;
  watch->down = false;
  watch->first_step = steps_done(watch);
  if (watch->reason == LM_FOR_THE_TRIAL) {
    lm_trial_adopt(watch);
  }
}

/* A worker may find a file that no one before used. The list may move then. */
static void take_uses(struct lm_watch *watch, const struct lm_worker *worker,
                      const struct lm_report *report)
{
  struct lm_trial *trial = &watch->trial;
  struct lm_watched_list *files = &watch->shop.files;
  size_t at = trial->file == NULL ? 0 : (size_t)(trial->file - files->items);
  (void)lm_watched_add(files, report->text, worker->version, &report->stamp);
  trial->file = trial->file == NULL ? NULL : &files->items[at];
}

static void hear_next(struct lm_watch *watch)
{
  struct lm_report report;
  struct lm_error error = {0};
  if (!lm_worker_read(&watch->next, &report)) {
    char how[LM_WATCH_WORDS];
    lm_worker_end(&watch->next, false, how, sizeof how);
    (void)lm_fail(&error, LAMINA_E_PLUGIN, "%s", how);
    next_failed(watch, &error);
  } else if (report.kind == LM_REPORT_USES) {
    take_uses(watch, &watch->next, &report);
  } else if (report.kind == LM_REPORT_READY) {
    watch->next.ready = true;
    watch->trained = true;
    if (watch->reason == LM_FOR_THE_TRIAL) {
      lm_watch_trace(watch, "is ready", watch->trial.file);
    }
  } else {
    lm_worker_end(&watch->next, false, NULL, 0);
    (void)lm_fail(&error, (enum lamina_status)report.status, "%s", report.text);
    next_failed(watch, &error);
  }
}

/* ---- the worker that trains ---- */

/* What it came as far as: its plugins have worked if it did a step. */
static void judge_versions(struct lm_watch *watch)
{
  if (steps_done(watch) > watch->first_step) {
    for (size_t i = 0; i < watch->shop.files.count; i++) {
      watch->shop.files.items[i].worked = true;
    }
  }
}

/* The plugin to take back: the one named, else the one that came last. NULL: there is none. */
static struct lm_watched *to_take_back(const struct lm_watch *watch)
{
  struct lm_watched *found = NULL;
  for (size_t i = 0; i < watch->shop.files.count; i++) {
    struct lm_watched *file = &watch->shop.files.items[i];
    if (file->before == 0) {
      continue;
    }
    if (strstr(watch->fault, file->label) != NULL) {
      return file;
    }
    if (found == NULL || file->version > found->version) {
      found = file;
    }
  }
  return found;
}

/* Nobody trains and nobody is about to. */
static void recover(struct lm_watch *watch)
{
  unsigned long long step = steps_done(watch);
  struct lm_watched *file = watch->down ? to_take_back(watch) : NULL;
  if (watch->down && file == NULL) {
    watch->waiting = true;
    lm_watch_say(
        watch, LAMINA_LOG_WARNING,
        "training failed after step %llu and waits there until a plugin is rebuilt, or Ctrl-C: %s",
        step, watch->fault);
    return;
  }
  if (file != NULL) {
    file->version = file->before;
    file->before = 0;
    file->worked = true;
    lm_watch_say(watch, LAMINA_LOG_WARNING,
                 "training failed after step %llu and goes on from there with the %s of before: %s",
                 step, file->label, watch->fault);
  }
  start_next(watch, LM_TO_GO_ON);
}

/* Errors that another version of a plugin would not mend. */
static bool is_final(enum lamina_status status)
{
  return status == LAMINA_OK || status == LAMINA_E_STOPPED || status == LAMINA_E_IO ||
         status == LAMINA_E_NOMEM || status == LAMINA_E_USAGE;
}

static void now_done(struct lm_watch *watch, const struct lm_report *report)
{
  enum lamina_status status = (enum lamina_status)report->status;
  bool handed_over = status == LAMINA_E_STOPPED && watch->asked > 0.0;
  lm_worker_end(&watch->now, false, NULL, 0);
  judge_versions(watch);
  if (handed_over && watch->stopping) {
    end_stopped(watch);
  } else if (!handed_over && (is_final(status) || watch->stopping)) {
    end(watch, status, report->text);
  } else if (!handed_over) {
    (void)snprintf(watch->fault, sizeof watch->fault, "%s", report->text);
    watch->down = true;
  }
}

static void now_gone(struct lm_watch *watch, bool kill_it)
{
  lm_worker_end(&watch->now, kill_it, watch->fault, sizeof watch->fault);
  judge_versions(watch);
  watch->down = true;
  if (kill_it) {
    (void)snprintf(watch->fault, sizeof watch->fault, "the process that trains does not return");
  }
  if (watch->stopping) {
    lm_watch_say(watch, LAMINA_LOG_WARNING, "%s", watch->fault);
    end_stopped(watch);
  } else if (watch->next.ready) {
    lm_watch_say(watch, LAMINA_LOG_WARNING,
                 "training failed after step %llu and goes on from there: %s",
                 (unsigned long long)steps_done(watch), watch->fault);
  }
}

static void hear_now(struct lm_watch *watch)
{
  struct lm_report report;
  if (!lm_worker_read(&watch->now, &report)) {
    now_gone(watch, false);
  } else if (report.kind == LM_REPORT_USES) {
    take_uses(watch, &watch->now, &report);
  } else if (report.kind == LM_REPORT_DONE) {
    now_done(watch, &report);
  }
}

/* The next worker is ready: this one stops after its step, or, when it hangs, is stopped. */
static void ask_to_hand_over(struct lm_watch *watch)
{
  const struct lm_cli *cli = watch->shop.cli;
  double patience = cli->load_seconds == 0 ? LM_CLI_BUILD_SECONDS : cli->load_seconds;
  if (watch->asked <= 0.0) {
    watch->asked = lm_clock_seconds();
    watch->now.control->stop = LM_STOP_HAND_OVER;
  } else if (lm_clock_seconds() - watch->asked > patience) {
    now_gone(watch, true);
  }
}

/* ---- the loop ---- */

static void stop(struct lm_watch *watch)
{
  watch->stopping = true;
  lm_checker_stop(&watch->checker);
  lm_worker_end(&watch->next, true, NULL, 0);
  watch->trial = (struct lm_trial){LM_NO_TRIAL, NULL, 0};
  if (watch->now.pid == 0) {
    end_stopped(watch);
  } else {
    watch->now.control->stop = LM_STOP_SAVE;
  }
  lm_watch_trace(watch, "stops", NULL);
}

/* What the places allow now. */
static void go_on(struct lm_watch *watch)
{
  if (watch->trial.stage == LM_CHECKED && watch->next.pid == 0) {
    start_trial(watch);
  }
  if (watch->next.ready && watch->now.pid != 0) {
    ask_to_hand_over(watch);
  }
  if (watch->next.ready && watch->now.pid == 0) {
    promote(watch);
  }
  if (watch->now.pid == 0 && watch->next.pid == 0 && !watch->waiting && !watch->over) {
    recover(watch);
  }
}

/* Hears of what happens within LOOK_MS. */
static void hear(struct lm_watch *watch)
{
  struct pollfd sources[SOURCES] = {
      {.fd = watch->now.pid == 0 ? -1 : watch->now.reports, .events = POLLIN},
      {.fd = watch->next.pid == 0 ? -1 : watch->next.reports, .events = POLLIN},
      {.fd = watch->checker.pid == 0 ? -1 : watch->checker.output, .events = POLLIN}};
  static void (*const hear_one[SOURCES])(struct lm_watch *) = {hear_now, hear_next,
                                                               lm_trial_hear_checker};
  if (poll(sources, SOURCES, LOOK_MS) <= 0) {
    return;
  }
  for (int i = 0; i < SOURCES && !watch->over; i++) {
    if (sources[i].revents != 0) {
      hear_one[i](watch);
    }
  }
}

static void supervise(struct lm_watch *watch)
{
  start_next(watch, LM_FOR_THE_FIRST_TIME);
  while (!watch->over) {
    hear(watch);
    if (*watch->stop != 0 && !watch->stopping && !watch->over) {
      stop(watch);
    }
    if (watch->over || watch->stopping) {
      continue;
    }
    if (lm_clock_seconds() - watch->looked >= 1e-3 * LOOK_MS) {
      watch->looked = lm_clock_seconds();
      lm_trial_look(watch);
    }
    go_on(watch);
  }
}

static enum lamina_status prepare(struct lm_watch *watch, const char *run_dir,
                                  struct lm_error *error)
{
  struct lm_workshop *shop = &watch->shop;
  struct lm_display display;
  LM_TRY(
      lm_config_load(shop->cli->args[0], shop->cli->sets, shop->cli->n_sets, &shop->config, error));
  watch->made_folder = access(run_dir, F_OK) != 0;
  LM_TRY(lm_run_folder_open(&shop->run, run_dir, shop->cli->resume, error));
  LM_TRY(lm_watched_open(&shop->files, run_dir, error));
  LM_TRY(lm_keep_create(&shop->keep, error));
  lm_display_init(&display, shop->cli); /* whether progress is shown on a terminal */
  watch->stop = lm_stop_install();
  return LAMINA_OK;
}

/* A folder in which nothing was begun goes, as if it had not been made. */
static void remove_empty(const struct lm_run_folder *run)
{
  char *lock = lm_run_folder_file(run, ".lock");
  if (lock != NULL) {
    (void)unlink(lock);
    (void)rmdir(run->path);
  }
  lm_free(lock);
}

enum lamina_status lm_watch_train(struct lm_cli *cli, const char *run_dir, struct lm_error *error)
{
  struct lm_watch watch = {.shop = {.cli = cli, .run_dir = run_dir, .run = {.lock = -1}},
                           .error = error,
                           .status = LAMINA_OK};
  enum lamina_status status = prepare(&watch, run_dir, error);
  if (status == LAMINA_OK) {
    supervise(&watch);
    status = watch.status;
  }
  lm_checker_stop(&watch.checker);
  lm_worker_end(&watch.next, true, NULL, 0);
  lm_worker_end(&watch.now, true, NULL, 0);
  lm_watched_close(&watch.shop.files, watch.shop.run.lock >= 0);
  if (!watch.trained && watch.made_folder && watch.shop.run.lock >= 0) {
    remove_empty(&watch.shop.run);
  }
  lm_run_folder_close(&watch.shop.run);
  lm_keep_free(watch.shop.keep);
  lm_config_free(watch.shop.config);
  return status;
}
