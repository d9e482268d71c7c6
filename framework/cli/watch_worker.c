/*
 * A worker: the process that trains, and what the supervisor does with it.
 *
 * It is a fork of a process that has loaded nothing, so each begins with an empty registry, and
 * the experiment is that of the start, whatever happened to the file since. The supervisor has
 * the signals: a worker hears of them by its control block, and ends with its parent.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/memory.h"
#include "cli/watch.h"

_Static_assert(sizeof(struct lm_report) <= PIPE_BUF, "a report is written in one piece");

/* A worker's own side. */
struct seat {
  struct lm_workshop *shop;
  struct lm_control *control;
  int reports, go;
  uint32_t version;
  char *copy; /* path that the registry was told last */
};

/* ---- the worker's side ---- */

static void send(const struct seat *seat, const struct lm_report *report)
{
  while (write(seat->reports, report, sizeof *report) < 0 && errno == EINTR) {
  }
}

/* Copies a file that no version is known of, and tells the supervisor. */
static enum lamina_status first_copy(struct seat *seat, const char *path, struct lm_error *error)
{
  struct lm_report report = {.kind = LM_REPORT_USES};
  LM_TRY(lm_registry_examine_file(path, error));
  LM_TRY(lm_watched_copy(&seat->shop->files, path, seat->version, &report.stamp, error));
  if ((size_t)snprintf(report.text, sizeof report.text, "%s", path) < sizeof report.text) {
    send(seat, &report);
  }
  return LAMINA_OK;
}

static enum lamina_status find_copy(void *arg, const char *path, const char **file,
                                    struct lm_error *error)
{
  struct seat *seat = arg;
  const struct lm_watched *watched = lm_watched_find(&seat->shop->files, path);
  if (watched == NULL) {
    LM_TRY(first_copy(seat, path, error));
  }
  lm_free(seat->copy);
  seat->copy = lm_watched_copy_path(&seat->shop->files, path,
                                    watched == NULL ? seat->version : watched->version);
  if (seat->copy == NULL) {
    return lm_fail_memory(error, 0);
  }
  *file = seat->copy;
  return LAMINA_OK;
}

/* Tells that all is made, and waits to be let go. */
static enum lamina_status wait_for_go(void *arg, struct lm_error *error)
{
  const struct seat *seat = arg;
  const struct lm_report report = {.kind = LM_REPORT_READY};
  char word;
  ssize_t count;
  send(seat, &report);
  do {
    count = read(seat->go, &word, 1);
  } while (count < 0 && errno == EINTR);
  return count == 1 ? LAMINA_OK : lm_fail(error, LAMINA_E_STOPPED, "nobody needs it any more");
}

static enum lamina_status work(struct seat *seat, bool take_over, struct lm_error *error)
{
  struct lm_workshop *shop = seat->shop;
  struct lm_experiment *experiment = NULL;
  lm_registry_redirect(shop->cli->registry, find_copy, seat);
  LM_TRY(lm_cli_build(shop->cli, shop->config, false, &experiment, error));
  struct lm_train_options options = {.run_dir = shop->run_dir,
                                     .resume = shop->cli->resume,
                                     .stop = &seat->control->stop,
                                     .run = &shop->run,
                                     .keep = shop->keep,
                                     .take_over = take_over,
                                     .ready = wait_for_go,
                                     .ready_arg = seat};
  enum lamina_status status = lm_cli_train(shop->cli, experiment, &options, error);
  lm_experiment_free(experiment);
  if (fflush(stdout) != 0 && status == LAMINA_OK) {
    return lm_fail(error, LAMINA_E_IO, "standard output cannot be written");
  }
  return status;
}

static void be_a_worker(struct seat *seat, bool take_over, pid_t parent)
{
  struct lm_report report = {.kind = LM_REPORT_DONE};
  struct lm_error error = {0};
  (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) {
    _exit(EXIT_FAILURE);
  }
  (void)signal(SIGINT, SIG_IGN);
  (void)signal(SIGTERM, SIG_IGN);
  (void)signal(SIGPIPE, SIG_IGN);
  lm_guard_report_to(seat->control->words, sizeof seat->control->words);
  report.status = work(seat, take_over, &error);
  memcpy(report.text, error.text, sizeof report.text);
  send(seat, &report);
  lm_free(seat->copy);
  lm_registry_free(seat->shop->cli->registry);
  lm_pool_free(seat->shop->cli->pool);
  lm_guard_finish();
  exit(EXIT_SUCCESS);
}

/* ---- the supervisor's side ---- */

/* Two pipes; nothing stays open on failure. */
static bool make_pipes(int reports[2], int go[2])
{
  if (pipe2(reports, O_CLOEXEC) != 0) {
    return false;
  }
  if (pipe2(go, O_CLOEXEC) != 0) {
    (void)close(reports[0]);
    (void)close(reports[1]);
    return false;
  }
  return true;
}

static enum lamina_status fork_worker(struct lm_workshop *shop, bool take_over,
                                      struct lm_worker *worker, struct lm_error *error)
{
  int reports[2];
  int go[2];
  pid_t parent = getpid();
  if (!make_pipes(reports, go)) {
    return lm_fail(error, LAMINA_E_IO, "pipes cannot be made (%s)", strerror(errno));
  }
  (void)fflush(NULL); /* what is buffered would be written twice */
  pid_t pid = fork();
  if (pid == 0) {
    struct seat seat = {.shop = shop,
                        .control = worker->control,
                        .reports = reports[1],
                        .go = go[0],
                        .version = worker->version};
    (void)close(reports[0]);
    (void)close(go[1]);
    be_a_worker(&seat, take_over, parent);
  }
  int reason = errno;
  (void)close(reports[1]);
  (void)close(go[0]);
  worker->reports = reports[0];
  worker->go = go[1];
  if (pid < 0) {
    (void)close(reports[0]);
    (void)close(go[1]);
    return lm_fail(error, LAMINA_E_IO, "a process cannot be made (%s)", strerror(reason));
  }
  worker->pid = pid;
  return LAMINA_OK;
}

enum lamina_status lm_worker_start(struct lm_workshop *shop, bool take_over,
                                   struct lm_worker *worker, struct lm_error *error)
{
  *worker = (struct lm_worker){.reports = -1, .go = -1, .version = ++shop->files.versions};
  void *control = mmap(NULL, sizeof *worker->control, PROT_READ | PROT_WRITE,
                       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (control == MAP_FAILED) {
    return lm_fail_memory(error, sizeof *worker->control);
  }
  worker->control = control;
  enum lamina_status status = fork_worker(shop, take_over, worker, error);
  if (status != LAMINA_OK) {
    (void)munmap(control, sizeof *worker->control);
    *worker = (struct lm_worker){0};
  }
  return status;
}

void lm_worker_go(struct lm_worker *worker)
{
  while (write(worker->go, "g", 1) < 0 && errno == EINTR) {
  }
}

bool lm_worker_read(const struct lm_worker *worker, struct lm_report *report)
{
  ssize_t count;
  do {
    count = read(worker->reports, report, sizeof *report);
  } while (count < 0 && errno == EINTR);
  return count == (ssize_t)sizeof *report;
}

/* Its last words, or what the system says. */
static void describe_end(const struct lm_worker *worker, int status, char *how, size_t size)
{
  const char *words = worker->control->words;
  if (words[0] != '\0') {
    (void)snprintf(how, size, "%.*s", (int)strcspn(words, "\n"), words);
  } else if (WIFSIGNALED(status)) {
    (void)snprintf(how, size, "the process that trains was ended by signal %d (%s)",
                   WTERMSIG(status), strsignal(WTERMSIG(status)));
  } else {
    (void)snprintf(how, size, "the process that trains ended with exit status %d",
                   WEXITSTATUS(status));
  }
}

void lm_worker_end(struct lm_worker *worker, bool kill_it, char *how, size_t size)
{
  int status = 0;
  if (worker->pid == 0) {
    return;
  }
  if (kill_it) {
    (void)kill(worker->pid, SIGKILL);
  }
  while (waitpid(worker->pid, &status, 0) < 0 && errno == EINTR) {
  }
  if (how != NULL) {
    describe_end(worker, status, how, size);
  }
  (void)close(worker->reports);
  (void)close(worker->go);
  (void)munmap(worker->control, sizeof *worker->control);
  *worker = (struct lm_worker){0};
}
