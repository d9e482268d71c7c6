/*
 * lamina train and lamina check. Progress is one line that is rewritten, five times a second
 * at most and on a terminal only; each epoch leaves a line.
 */
#include <math.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/memory.h"
#include "cli/cli.h"
#include "trainer/profile.h"
#include "trainer/run_folder.h"
#include "trainer/train.h"

/** What is shown while training. */
struct display {
  const struct lm_cli *cli;
  bool terminal;
  bool line_open; /* a progress line stands on the terminal */
  double last;    /* when it was written */
};

static double now(void)
{
  struct timespec time;
  (void)clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

static void close_line(struct display *display)
{
  if (display->line_open) {
    (void)fprintf(stderr, "\r\033[K");
    display->line_open = false;
  }
}

static void format_seconds(double seconds, char *out, size_t size)
{
  if (seconds < 60) {
    (void)snprintf(out, size, "%.0f s", seconds);
  } else if (seconds < 3600) {
    (void)snprintf(out, size, "%.0f min %02.0f s", floor(seconds / 60), fmod(seconds, 60));
  } else {
    (void)snprintf(out, size, "%.0f h %02.0f min", floor(seconds / 3600),
                   fmod(seconds, 3600) / 60);
  }
}

static void show_step(void *arg, const struct lm_train_status *status)
{
  struct display *display = arg;
  if (!display->terminal) {
    return;
  }
  double time = now();
  if (time - display->last < 0.2) {
    return;
  }
  display->last = time;
  enum { WIDTH = 24 };
  char bar[WIDTH + 1];
  char left[48] = "";
  double done = status->total_steps == 0
                    ? 0.0
                    : (double)status->step / (double)status->total_steps;
  for (int i = 0; i < WIDTH; i++) {
    bar[i] = (double)i < done * WIDTH ? '#' : '.';
  }
  bar[WIDTH] = '\0';
  if (status->samples_per_s > 0.0 && done > 0.0) {
    static double started;
    started = started == 0.0 ? time : started;
    format_seconds((time - started) * (1.0 - done) / done, left, sizeof left);
  }
  (void)fprintf(stderr, "\r\033[K[%s] epoch %lld  loss %.4f  %.0f samples/s  %s left", bar,
                (long long)status->epoch, status->loss, status->samples_per_s, left);
  display->line_open = true;
}

static void add_scores(struct lm_text *text, const struct lm_epoch_report *report,
                       const struct lm_scores *scores)
{
  const struct lm_experiment *experiment = report->experiment;
  lm_text_addf(text, "loss %.4f", scores->loss);
  if (scores == &report->train && experiment->n_regularizers > 0) {
    lm_text_addf(text, " + %.4f", scores->penalty);
  }
  for (uint32_t i = 0; i < experiment->n_metrics; i++) {
    lm_text_addf(text, "  %s %.4f", experiment->graph->nodes[experiment->metrics[i]]->name,
                 scores->metrics[i]);
  }
}

static void show_epoch(void *arg, const struct lm_epoch_report *report)
{
  struct display *display = arg;
  struct lm_text text = {0};
  close_line(display);
  if (display->cli->json) {
    lm_epoch_report_json(report, &text);
    (void)printf("%s\n", lm_text_get(&text));
    (void)fflush(stdout);
  }
  lm_text_clear(&text);
  if (!display->cli->quiet) {
    lm_text_addf(&text, "epoch %3lld  ", (long long)report->epoch);
    add_scores(&text, report, &report->train);
    if (report->has_eval) {
      lm_text_add(&text, "   eval ");
      add_scores(&text, report, &report->eval);
    }
    lm_text_addf(&text, "   %.2f s  %.0f samples/s", report->seconds, report->samples_per_s);
    (void)fprintf(stderr, "%s\n", lm_text_get(&text));
  }
  lm_text_release(&text);
}

static void show_note(void *arg, const char *sentence)
{
  struct display *display = arg;
  close_line(display);
  (void)fprintf(stderr, "lamina: warning: %s\n", sentence);
}

/* "configs/digits.yaml" gives "digits". */
static char *stem_of(const char *path)
{
  const char *slash = strrchr(path, '/');
  const char *name = slash == NULL ? path : slash + 1;
  const char *dot = strrchr(name, '.');
  size_t length = dot == NULL || dot == name ? strlen(name) : (size_t)(dot - name);
  return strcmp(path, "-") == 0 ? lm_copy_text("run") : lm_copy_bytes(name, length);
}

static char *choose_run_dir(const struct lm_cli *cli)
{
  if (cli->run_dir != NULL) {
    return lm_copy_text(cli->run_dir);
  }
  char *stem = stem_of(cli->args[0]);
  char *path = stem == NULL ? NULL : lm_run_folder_choose("runs", stem, cli->resume);
  lm_free(stem);
  return path;
}

static void print_result(const struct lm_train_result *result, const char *run_dir)
{
  struct lm_text text = {0};
  if (result->last.epoch > 0) {
    const struct lm_scores *scores = result->last.has_eval ? &result->last.eval
                                                           : &result->last.train;
    add_scores(&text, &result->last, scores);
    (void)printf("%s%s, ", result->last.has_eval ? "eval " : "", lm_text_get(&text));
  }
  if (result->best_epoch > 0) {
    (void)printf("best in epoch %lld, ", (long long)result->best_epoch);
  }
  (void)printf("model: %s/model.safetensors\n", run_dir);
  lm_text_release(&text);
}

static void print_profile(const struct lm_profile *profile)
{
  struct lm_text text = {0};
  lm_profile_text(profile, &text);
  (void)fprintf(stderr, "%s", lm_text_get(&text));
  lm_text_release(&text);
}

static enum lamina_status train(struct lm_cli *cli, struct lm_experiment *experiment,
                                struct lm_profile *profile, struct lm_error *error)
{
  struct display display = {.cli = cli, .terminal = !cli->quiet && isatty(STDERR_FILENO) != 0};
  struct lm_train_result result;
  char *run_dir = choose_run_dir(cli);
  if (run_dir == NULL) {
    return lm_fail_memory(error, 0);
  }
  struct lm_train_options options = {
      .run_dir = run_dir,
      .resume = cli->resume,
      .stop = lm_stop_install(),
      .profile = profile,
      .observer = {&display, show_step, show_epoch, show_note}};
  enum lamina_status status = lm_experiment_open_data(experiment, error);
  if (status == LAMINA_OK) {
    status = lm_train(experiment, &options, &result, error);
  }
  close_line(&display);
  if (status == LAMINA_OK && !cli->json) {
    print_result(&result, run_dir);
  }
  if (status == LAMINA_OK && profile != NULL) {
    print_profile(profile);
  }
  lm_free(run_dir);
  return status;
}

enum lamina_status lm_command_train(struct lm_cli *cli, struct lm_error *error)
{
  struct lm_experiment *experiment = NULL;
  struct lm_profile *profile = NULL;
  LM_TRY(lm_cli_experiment(cli, &experiment, error));
  enum lamina_status status =
      cli->profile ? lm_profile_create(experiment, &profile, error) : LAMINA_OK;
  if (status == LAMINA_OK) {
    status = train(cli, experiment, profile, error);
  }
  lm_profile_free(profile);
  lm_experiment_free(experiment);
  return status;
}

enum lamina_status lm_command_check(struct lm_cli *cli, struct lm_error *error)
{
  struct lm_experiment *experiment = NULL;
  struct lm_session *session = NULL;
  LM_TRY(lm_cli_experiment(cli, &experiment, error));
  enum lamina_status status = lm_experiment_open_data(experiment, error);
  if (status == LAMINA_OK) {
    status = lm_session_create(experiment, LM_TO_TRAIN, &session, error);
  }
  if (status == LAMINA_OK) {
    (void)printf("%s: good: %u nodes, %zu trained parameters, %lld training samples, "
                 "%lld for evaluation\n",
                 cli->args[0], experiment->graph->n_nodes, session->store.trained,
                 (long long)session->train.count, (long long)session->test.count);
  }
  lm_session_free(session);
  lm_experiment_free(experiment);
  return status;
}
