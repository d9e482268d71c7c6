/*
 * `lamina inspect --all`: every plugin is loaded in a child process, so that one that crashes,
 * hangs or ends the process is told by name and the others are still tried.
 *
 * The child reports through a pipe, one letter and a sentence, and leaves by _exit(). A child
 * that ends otherwise was ended by the plugin.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"
#include "cli/plugins_internal.h"

enum { REPORT_MAX = 2100, LOADED = '+', REFUSED = '-' };

/* The work to do, and what has come of it. */
struct tour {
  struct lm_registry *registry;
  uint32_t limit_ms;
  struct lm_text *out;
  size_t faulty;
  enum lamina_status status;
  struct lm_error *error;
};

/* Runs first when a plugin calls exit(): what the program does at its own end is not done. */
static void leave(int status, void *arg)
{
  (void)arg;
  _exit(status);
}

/* The plugin must not write between our lines, and its death must look like one. */
static void prepare_child(void)
{
  static const int reset[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGINT, SIGTERM};
  const struct rlimit no_core = {0, 0};
  (void)setrlimit(RLIMIT_CORE, &no_core);
  (void)on_exit(leave, NULL);
  for (size_t i = 0; i < sizeof reset / sizeof reset[0]; i++) {
    (void)signal(reset[i], SIG_DFL);
  }
  int null = open("/dev/null", O_RDWR);
  for (int fd = 0; null >= 0 && fd <= 2; fd++) {
    (void)dup2(null, fd);
  }
}

__attribute__((noreturn)) static void run_child(struct lm_registry *registry, const char *path,
                                                int report)
{
  const struct lm_plugin *plugin;
  struct lm_error error = {0};
  char text[REPORT_MAX];
  prepare_child();
  enum lamina_status status = lm_registry_open_file(registry, path, &plugin, &error);
  int length =
      snprintf(text, sizeof text, "%c%s", status == LAMINA_OK ? LOADED : REFUSED, error.text);
  _exit(write(report, text, (size_t)length) == length ? 0 : 1);
}

/* What a child left behind. */
struct end {
  char report[REPORT_MAX];
  size_t length;
  int status; /* of waitpid() */
  bool hung;
};

/* Reads what is there; waits up to 10 ms for it. */
static void read_some(int fd, struct end *end)
{
  struct pollfd waiting = {.fd = fd, .events = POLLIN};
  if (poll(&waiting, 1, 10) > 0 && (waiting.revents & POLLIN) != 0) {
    ssize_t got = read(fd, end->report + end->length, sizeof end->report - 1 - end->length);
    end->length += got > 0 ? (size_t)got : 0;
  } else if ((waiting.revents & POLLHUP) != 0) {
    const struct timespec moment = {.tv_nsec = 1000000};
    (void)nanosleep(&moment, NULL);
  }
}

static void watch_child(pid_t child, int fd, uint32_t limit_ms, struct end *end)
{
  int64_t deadline = lm_clock_ns() + (int64_t)limit_ms * 1000000;
  pid_t done = 0;
  while (done == 0) {
    read_some(fd, end);
    done = waitpid(child, &end->status, WNOHANG);
    if (done == 0 && lm_clock_ns() >= deadline) {
      end->hung = true;
      (void)kill(child, SIGKILL);
      while (waitpid(child, &end->status, 0) < 0 && errno == EINTR) {
      }
      return;
    }
  }
  read_some(fd, end); /* what it wrote just before it ended */
}

/* The line's end: what became of the plugin; false when it did not load. */
static bool describe_end(const struct end *end, uint32_t limit_ms, const char *path,
                         struct lm_text *out)
{
  if (end->hung) {
    lm_text_addf(out, "does not come back: stopped after %u ms while %s was loaded", limit_ms,
                 path);
  } else if (WIFSIGNALED(end->status)) {
    lm_text_addf(out, "crashed with signal %d (%s) while %s was loaded", WTERMSIG(end->status),
                 strsignal(WTERMSIG(end->status)), path);
  } else if (end->length == 0) {
    lm_text_addf(out, "ended the process with status %d while %s was loaded",
                 WEXITSTATUS(end->status), path);
  } else if (end->report[0] == REFUSED) {
    lm_cli_add_plain(out, end->report + 1);
  } else {
    lm_text_addf(out, "loads (%s)", path);
    return true;
  }
  return false;
}

enum lamina_status lm_cli_try_plugin(struct lm_registry *registry, const char *path,
                                     uint32_t limit_ms, struct lm_text *out, bool *loads,
                                     struct lm_error *error)
{
  int ends[2];
  struct end end = {0};
  if (pipe2(ends, O_CLOEXEC) != 0) {
    return lm_fail(error, LAMINA_E_INTERNAL, "a pipe cannot be made: %s", strerror(errno));
  }
  pid_t child = fork();
  if (child == 0) {
    run_child(registry, path, ends[1]);
  }
  (void)close(ends[1]);
  if (child < 0) {
    (void)close(ends[0]);
    return lm_fail(error, LAMINA_E_INTERNAL, "a process cannot be started: %s", strerror(errno));
  }
  watch_child(child, ends[0], limit_ms, &end);
  (void)close(ends[0]);
  *loads = describe_end(&end, limit_ms, path, out);
  return LAMINA_OK;
}

static void visit(void *arg, const struct lm_listing *listing)
{
  struct tour *tour = arg;
  bool loads = false;
  if (tour->status != LAMINA_OK || (listing->shadowed && listing->refusal == NULL)) {
    return;
  }
  lm_text_addf(tour->out, "%s '%s': ", listing->kind, listing->name);
  if (listing->refusal != NULL) {
    lm_cli_add_plain(tour->out, listing->refusal);
  } else {
    tour->status = lm_cli_try_plugin(tour->registry, listing->path, tour->limit_ms, tour->out,
                                     &loads, tour->error);
  }
  lm_text_add(tour->out, "\n");
  tour->faulty += loads ? 0 : 1;
}

enum lamina_status lm_cli_inspect_all(struct lm_registry *registry, uint32_t limit_ms,
                                      struct lm_text *out, size_t *faulty, struct lm_error *error)
{
  struct tour tour = {.registry = registry, .limit_ms = limit_ms, .out = out, .error = error};
  enum lamina_status status = lm_registry_list(registry, LAMINA_KIND_NONE, visit, &tour, error);
  *faulty = tour.faulty;
  if (status == LAMINA_OK) {
    status = tour.status;
  }
  if (status == LAMINA_OK && !lm_text_ok(out)) {
    status = lm_fail_memory(error, 0);
  }
  return status;
}
