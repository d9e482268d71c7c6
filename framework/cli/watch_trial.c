/*
 * A trial: a plugin that was rebuilt, from its file to being in use or refused. It is copied,
 * checked, and then a worker is made with it; the last is up to watch.c. And what the user is
 * told of all that.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "cli/watch.h"

/* ---- telling ---- */

void lm_watch_say(struct lm_watch *watch, int32_t level, const char *format, ...)
{
  struct lm_cli *cli = watch->shop.cli;
  char text[2 * sizeof watch->fault];
  va_list args;
  va_start(args, format);
  (void)vsnprintf(text, sizeof text, format, args);
  va_end(args);
  cli->line_open = cli->terminal; /* a worker may have left its line there */
  lm_cli_log(cli, level, text);
}

void lm_watch_trace(struct lm_watch *watch, const char *what, const struct lm_watched *file)
{
  const char *debug = getenv("LAMINA_DEBUG");
  if (debug != NULL && strstr(debug, "watch") != NULL) {
    lm_watch_say(watch, LAMINA_LOG_DEBUG, "watch: %s%s%s", file == NULL ? "" : file->label,
                 file == NULL ? "" : " ", what);
  }
}

/* Sentences of what loaded a copy name the copy; the user knows the file. */
static void name_the_file(const struct lm_watch *watch, const struct lm_trial *trial,
                          struct lm_error *error)
{
  char *copy = lm_watched_copy_path(&watch->shop.files, trial->file->path, trial->version);
  const char *at = copy == NULL ? NULL : strstr(error->text, copy);
  if (at != NULL) {
    struct lm_error whole = *error;
    (void)lm_fail(error, whole.status, "%.*s%s%s", (int)(at - error->text), whole.text,
                  trial->file->path, whole.text + (at - error->text) + strlen(copy));
  }
  lm_free(copy);
}

void lm_trial_refuse(struct lm_watch *watch, struct lm_error *error)
{
  const struct lm_trial *trial = &watch->trial;
  name_the_file(watch, trial, error);
  lm_watch_say(watch, LAMINA_LOG_WARNING, "the rebuilt %s is not used, %s: %s", trial->file->label,
               watch->waiting ? "training still waits" : "the one before stays", error->text);
  lm_watched_drop(&watch->shop.files, trial->file->path, trial->version);
  watch->trial = (struct lm_trial){LM_NO_TRIAL, NULL, 0};
}

static void begin_trial(struct lm_watch *watch, struct lm_watched *file)
{
  struct lm_watched_list *files = &watch->shop.files;
  struct lm_error error = {0};
  struct lm_stamp stamp;
  struct lm_trial trial = {LM_BEING_CHECKED, file, ++files->versions};
  enum lamina_status status = lm_watched_copy(files, file->path, trial.version, &stamp, &error);
  if (status == LAMINA_E_MISSING) {
    return; /* it changed again; it will be seen */
  }
  file->seen = stamp;
  if (status == LAMINA_OK && lm_watched_same(files, file->path, trial.version, file->version)) {
    lm_watch_trace(watch, "the same bytes as before", file);
    lm_watched_drop(files, file->path, trial.version);
    return;
  }
  watch->trial = trial;
  char *copy = lm_watched_copy_path(files, file->path, trial.version);
  if (status == LAMINA_OK && copy == NULL) {
    status = lm_fail_memory(&error, 0);
  }
  if (status == LAMINA_OK) {
    lm_watch_trace(watch, "was rebuilt", file);
    status = lm_checker_start(&watch->checker, copy, &error);
  }
  lm_free(copy);
  if (status != LAMINA_OK) {
    lm_trial_refuse(watch, &error);
  } else if (watch->checker.pid == 0) {
    watch->trial.stage = LM_CHECKED;
  }
}

void lm_trial_look(struct lm_watch *watch)
{
  struct lm_error error = {0};
  if (!watch->trained || watch->trial.stage != LM_NO_TRIAL) {
    return;
  }
  struct lm_watched *file = lm_watched_look(&watch->shop.files, &error);
  if (file != NULL && error.status != LAMINA_OK) {
    file->seen = file->last;
    watch->trial = (struct lm_trial){LM_BEING_CHECKED, file, 0};
    lm_trial_refuse(watch, &error);
  } else if (file != NULL) {
    begin_trial(watch, file);
  }
}

void lm_trial_hear_checker(struct lm_watch *watch)
{
  struct lm_error error = {0};
  enum lamina_status verdict;
  if (!lm_checker_read(&watch->checker, &verdict, &error)) {
    return;
  }
  if (verdict == LAMINA_OK) {
    watch->trial.stage = LM_CHECKED;
  } else {
    lm_trial_refuse(watch, &error);
  }
}

void lm_trial_adopt(struct lm_watch *watch)
{
  struct lm_watched *file = watch->trial.file;
  if (file->worked) {
    lm_watched_drop(&watch->shop.files, file->path, file->before);
    file->before = file->version;
  }
  file->version = watch->trial.version;
  file->worked = false;
  watch->trial = (struct lm_trial){LM_NO_TRIAL, NULL, 0};
  lm_watch_say(watch, LAMINA_LOG_INFO, "%s was rebuilt and is used from step %llu on (%s)",
               file->label, (unsigned long long)watch->first_step + 1, file->path);
}
