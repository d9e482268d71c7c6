/*
 * Progress. The line is written five times a second at most and never longer than the terminal
 * is wide, because one that wraps cannot be rewritten; what does not fit gives the bar its size,
 * or is left out. Whoever else writes to standard error clears the line first, and holds the
 * stream while it is at it: plugins may have something to say in any thread.
 */
#include "cli/display.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/clock.h"

enum { BAR_MOST = 32, BAR_LEAST = 8, USUAL_WIDTH = 80 };
static const double PAUSE = 0.2; /* seconds between two writings of the line */

static bool is_terminal(void)
{
  const char *kind = getenv("TERM");
  return isatty(STDERR_FILENO) != 0 && kind != NULL && strcmp(kind, "dumb") != 0;
}

static size_t terminal_width(void)
{
  struct winsize size = {0};
  bool known = ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
  return known ? size.ws_col : USUAL_WIDTH;
}

void lm_cli_clear_line(struct lm_cli *cli)
{
  flockfile(stderr);
  if (cli->line_open) {
    (void)fputs("\r\033[K", stderr);
    cli->line_open = false;
  }
  funlockfile(stderr);
}

void lm_display_init(struct lm_display *display, struct lm_cli *cli)
{
  *display = (struct lm_display){.cli = cli};
  cli->terminal = !cli->quiet && is_terminal();
}

/* A number in six columns, as long as it has no more digits before the point. */
static void add_number(struct lm_text *text, const char *name, double number)
{
  static const double limits[] = {10, 100, 1000, 10000};
  int decimals = 4;
  while (decimals > 0 && !(fabs(number) < limits[4 - decimals])) {
    decimals--;
  }
  lm_text_addf(text, decimals > 0 ? "%s %.*f" : "%s %.*g", name, decimals > 0 ? decimals : 4,
               number);
}

/* ---- the line ---- */

static void add_seconds(struct lm_text *text, double seconds)
{
  long long whole = (long long)fmin(ceil(seconds), 1e9);
  if (whole < 60) {
    lm_text_addf(text, "%lld s", whole);
  } else if (whole < 3600) {
    lm_text_addf(text, "%lld min %02lld s", whole / 60, whole % 60);
  } else {
    lm_text_addf(text, "%lld h %02lld min", whole / 3600, whole / 60 % 60);
  }
}

static void add_time_left(struct lm_text *text, const struct lm_display *display,
                          const struct lm_train_status *status, double time)
{
  if (status->step > display->first_step) {
    double each = (time - display->first_time) / (double)(status->step - display->first_step);
    lm_text_add(text, "  ");
    add_seconds(text, each * (double)(status->total_steps - status->step));
    lm_text_add(text, " left");
  }
}

static void add_bar(struct lm_text *text, size_t size, double done)
{
  lm_text_add(text, "[");
  for (size_t i = 0; i < size; i++) {
    lm_text_add(text, (double)i < done * (double)size ? "#" : ".");
  }
  lm_text_add(text, "]");
}

static void write_line(struct lm_display *display, const struct lm_train_status *status,
                       double time)
{
  struct lm_text head = {0};
  struct lm_text tail = {0};
  size_t width = terminal_width() - 1; /* the last column would make the line wrap */
  double done = (double)status->step / (double)status->total_steps;
  lm_text_addf(&head, "epoch %lld/%lld  ", (long long)status->epoch, (long long)status->epochs);
  add_number(&tail, "  loss", status->loss);
  lm_text_addf(&tail, "  %.0f samples/s", status->samples_per_s);
  add_time_left(&tail, display, status, time);
  size_t taken = head.length + tail.length + 2;
  if (taken + BAR_LEAST <= width) {
    add_bar(&head, width - taken < BAR_MOST ? width - taken : BAR_MOST, done);
  }
  lm_text_add(&head, lm_text_get(&tail));
  flockfile(stderr);
  lm_cli_clear_line(display->cli);
  (void)fprintf(stderr, "%.*s", (int)width, lm_text_get(&head));
  (void)fflush(stderr);
  display->cli->line_open = true;
  funlockfile(stderr);
  lm_text_release(&head);
  lm_text_release(&tail);
}

static void show_step(void *arg, const struct lm_train_status *status)
{
  struct lm_display *display = arg;
  if (status->total_steps == 0) {
    return;
  }
  double time = lm_clock_seconds();
  if (display->first_time == 0.0) {
    display->first_time = time;
    display->first_step = status->step;
  }
  if (time - display->shown >= PAUSE) {
    display->shown = time;
    write_line(display, status, time);
  }
}

/* ---- epochs ---- */

void lm_display_scores(struct lm_text *text, const struct lm_epoch_report *report,
                       const struct lm_scores *scores)
{
  const struct lm_experiment *experiment = report->experiment;
  add_number(text, "loss", scores->loss);
  if (scores == &report->train && experiment->n_regularizers > 0) {
    add_number(text, " +", scores->penalty);
  }
  for (uint32_t i = 0; i < experiment->n_metrics; i++) {
    const struct lm_node *node = experiment->graph->nodes[experiment->metrics[i]];
    lm_text_add(text, "  ");
    add_number(text, node->name, scores->metrics[i]);
  }
}

static int digits_of(int64_t number)
{
  int digits = 1;
  while (number >= 10) {
    number /= 10;
    digits++;
  }
  return digits;
}

static void add_epoch(struct lm_text *text, const struct lm_epoch_report *report)
{
  int64_t epochs = report->experiment->train.epochs;
  lm_text_addf(text, "epoch %*lld/%lld  ", digits_of(epochs), (long long)report->epoch,
               (long long)epochs);
  lm_display_scores(text, report, &report->train);
  if (report->has_eval) {
    lm_text_add(text, "   eval ");
    lm_display_scores(text, report, &report->eval);
  }
  lm_text_addf(text, "   %.2f s\n", report->seconds);
}

static void show_epoch(void *arg, const struct lm_epoch_report *report)
{
  struct lm_display *display = arg;
  struct lm_text text = {0};
  lm_cli_clear_line(display->cli);
  if (display->cli->json) {
    lm_epoch_report_json(report, &text);
    (void)printf("%s\n", lm_text_get(&text));
    (void)fflush(stdout);
  }
  lm_text_clear(&text);
  if (!display->cli->quiet) {
    add_epoch(&text, report);
    (void)fputs(lm_text_get(&text), stderr);
  }
  lm_text_release(&text);
}

static void show_note(void *arg, const char *sentence)
{
  struct lm_display *display = arg;
  lm_cli_log(display->cli, LAMINA_LOG_WARNING, sentence);
}

struct lm_train_observer lm_display_observer(struct lm_display *display)
{
  return (struct lm_train_observer){.arg = display,
                                    .step = display->cli->terminal ? show_step : NULL,
                                    .epoch = show_epoch,
                                    .note = show_note};
}
