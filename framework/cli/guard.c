/*
 * Last words. A plugin's code runs inside this process, so when it crashes, exits or hangs, what
 * is left is to name it. Handlers use only what is safe in a signal: write() and _exit().
 *
 * A sanitizer has handlers of its own for crashes. They are called after ours, so that its
 * report is not lost.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include "cli/cli.h"

enum { EXIT_PLUGIN = 70, TICKS = 5, CRASHES = 5 };

static const int crashes[CRASHES] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
static struct sigaction before[CRASHES]; /* what was there when ours were set */
static volatile sig_atomic_t finished;
static volatile sig_atomic_t stop_flag;
static const char *volatile watched;
static volatile sig_atomic_t ticks;
static char *place; /* where last words go; NULL: to standard error */
static size_t place_left;

void lm_guard_report_to(char *words, size_t size)
{
  place = words;
  place_left = size - 1;
}

static void say(const char *text)
{
  size_t length = strlen(text);
  if (place != NULL) {
    length = length < place_left ? length : place_left;
    memcpy(place, text, length);
    place += length;
    place_left -= length;
    return;
  }
  while (length > 0) {
    ssize_t wrote = write(STDERR_FILENO, text, length);
    if (wrote <= 0) {
      return;
    }
    text += wrote;
    length -= (size_t)wrote;
  }
}

/* otherwise: who it was when no plugin is known to run. */
static void blame(const char *otherwise, const char *what)
{
  const char *plugin = lm_guard_current();
  if (place == NULL) {
    say("\nlamina: ");
  }
  say(plugin == NULL ? otherwise : plugin);
  say(what);
}

static const char *crash_text(int number)
{
  switch (number) {
    case SIGSEGV:
      return " crashed: it used memory that is not its own (SIGSEGV)\n";
    case SIGBUS:
      return " crashed: memory behind a file is gone (SIGBUS)\n";
    case SIGFPE:
      return " crashed: an integer was divided by zero (SIGFPE)\n";
    case SIGILL:
      return " crashed: an instruction this CPU does not know (SIGILL)\n";
    default:
      return " crashed: it gave up (SIGABRT)\n";
  }
}

static void on_crash(int number, siginfo_t *info, void *context)
{
  blame("the program itself", crash_text(number));
  for (size_t i = 0; i < CRASHES; i++) {
    if (crashes[i] == number && (before[i].sa_flags & SA_SIGINFO) != 0) {
      before[i].sa_sigaction(number, info, context);
    }
  }
  _exit(EXIT_PLUGIN);
}

static void on_exit_too_early(void)
{
  if (finished == 0) {
    blame("a plugin", " called exit(), which a plugin must not do\n");
    _exit(EXIT_PLUGIN);
  }
}

static void on_tick(int number)
{
  const char *now = lm_guard_current();
  (void)number;
  ticks = now != NULL && now == watched ? ticks + 1 : 0;
  watched = now;
  if (ticks >= TICKS) {
    blame("a plugin", " does not return\n");
    _exit(EXIT_PLUGIN);
  }
}

void lm_guard_watch(uint32_t seconds)
{
  struct timeval tick = {seconds / TICKS, (suseconds_t)(seconds % TICKS) * (1000000 / TICKS)};
  struct itimerval timer = {tick, tick};
  struct sigaction action = {.sa_handler = on_tick, .sa_flags = SA_RESTART};
  ticks = 0;
  (void)sigaction(SIGALRM, &action, NULL);
  (void)setitimer(ITIMER_REAL, &timer, NULL);
}

void lm_guard_finish(void)
{
  finished = 1;
}

void lm_guard_install(void)
{
  static char stack[64 * 1024]; /* a crash may be an overflow of the ordinary one */
  stack_t alternate = {.ss_sp = stack, .ss_size = sizeof stack};
  struct sigaction action = {.sa_sigaction = on_crash,
                             .sa_flags = (int)(SA_SIGINFO | SA_ONSTACK | SA_RESETHAND)};
  (void)sigaltstack(&alternate, NULL);
  for (size_t i = 0; i < CRASHES; i++) {
    (void)sigaction(crashes[i], &action, &before[i]);
  }
  (void)signal(SIGXFSZ, SIG_IGN);
  (void)atexit(on_exit_too_early);
}

static void on_stop(int number)
{
  if (stop_flag != 0) {
    _exit(128 + number);
  }
  stop_flag = 1;
}

const volatile sig_atomic_t *lm_stop_install(void)
{
  struct sigaction action = {.sa_handler = on_stop, .sa_flags = SA_RESTART};
  (void)sigaction(SIGINT, &action, NULL);
  (void)sigaction(SIGTERM, &action, NULL);
  (void)signal(SIGPIPE, SIG_IGN); /* a training outlives the reader of its messages */
  return &stop_flag;
}
