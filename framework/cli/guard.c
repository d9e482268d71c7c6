/*
 * Last words. A plugin's code runs inside this process, so when it crashes, exits or hangs,
 * what is left is to name it. Handlers use only what is safe in a signal: write() and _exit().
 */
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include "cli/cli.h"

enum { EXIT_PLUGIN = 70, TICK_SECONDS = 5, TICKS = 6 };

static volatile sig_atomic_t stop_flag;
static const char *volatile watched;
static volatile sig_atomic_t ticks;

static void say(const char *text)
{
  size_t length = strlen(text);
  while (length > 0) {
    ssize_t wrote = write(STDERR_FILENO, text, length);
    if (wrote <= 0) {
      return;
    }
    text += wrote;
    length -= (size_t)wrote;
  }
}

static void say_and_leave(const char *what)
{
  const char *plugin = lm_guard_current();
  say("\nlamina: ");
  say(plugin == NULL ? "the program itself" : plugin);
  say(what);
  _exit(EXIT_PLUGIN);
}

static void on_crash(int number)
{
  switch (number) {
    case SIGSEGV:
      say_and_leave(" crashed: it used memory that is not its own (SIGSEGV)\n");
      break;
    case SIGBUS:
      say_and_leave(" crashed: memory behind a file is gone (SIGBUS)\n");
      break;
    case SIGFPE:
      say_and_leave(" crashed: an integer was divided by zero (SIGFPE)\n");
      break;
    case SIGILL:
      say_and_leave(" crashed: an instruction this CPU does not know (SIGILL)\n");
      break;
    default:
      say_and_leave(" crashed: it gave up (SIGABRT)\n");
  }
}

static void on_exit_inside_plugin(void)
{
  if (lm_guard_current() != NULL) {
    say_and_leave(" called exit(), which a plugin must not do\n");
  }
}

static void on_tick(int number)
{
  const char *now = lm_guard_current();
  (void)number;
  ticks = now != NULL && now == watched ? ticks + 1 : 0;
  watched = now;
  if (ticks >= TICKS) {
    say_and_leave(" does not return\n");
  }
}

void lm_guard_watch(bool on)
{
  struct itimerval timer = {{on ? TICK_SECONDS : 0, 0}, {on ? TICK_SECONDS : 0, 0}};
  struct sigaction action = {.sa_handler = on_tick, .sa_flags = SA_RESTART};
  ticks = 0;
  (void)sigaction(SIGALRM, &action, NULL);
  (void)setitimer(ITIMER_REAL, &timer, NULL);
}

void lm_guard_install(void)
{
  static const int crashes[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
  static char stack[64 * 1024]; /* a crash may be an overflow of the ordinary one */
  stack_t alternate = {.ss_sp = stack, .ss_size = sizeof stack};
  struct sigaction action = {.sa_handler = on_crash, .sa_flags = (int)(SA_ONSTACK | SA_RESETHAND)};
  (void)sigaltstack(&alternate, NULL);
  for (size_t i = 0; i < sizeof crashes / sizeof crashes[0]; i++) {
    (void)sigaction(crashes[i], &action, NULL);
  }
  (void)signal(SIGPIPE, SIG_IGN);
  (void)signal(SIGXFSZ, SIG_IGN);
  (void)atexit(on_exit_inside_plugin);
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
  return &stop_flag;
}
