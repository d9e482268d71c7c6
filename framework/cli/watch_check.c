/*
 * The check of a rebuilt plugin before a worker loads it: `lamina conform --quick FILE` of this
 * program, in a process of its own. It passes with exit status 0; otherwise the last line that it
 * wrote says why not.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/watch.h"

static const char COMMAND[] = "conform";

static void run_check(const char *path, int output)
{
  char command[] = "conform";
  char quick[] = "--quick";
  char program[] = "lamina";
  char *arguments[] = {program, command, quick, (char *)(uintptr_t)path, NULL};
  int none = open("/dev/null", O_RDONLY);
  (void)dup2(none, STDIN_FILENO);
  (void)dup2(output, STDOUT_FILENO);
  (void)dup2(output, STDERR_FILENO);
  (void)execv("/proc/self/exe", arguments);
  _exit(127);
}

enum lamina_status lm_checker_start(struct lm_checker *checker, const char *path,
                                    struct lm_error *error)
{
  int ends[2];
  *checker = (struct lm_checker){.output = -1};
  if (!lm_cli_has_command(COMMAND)) {
    return LAMINA_OK;
  }
  if (pipe2(ends, O_CLOEXEC) != 0) {
    return lm_fail(error, LAMINA_E_IO, "the check cannot be started (%s)", strerror(errno));
  }
  (void)fflush(NULL);
  pid_t pid = fork();
  if (pid == 0) {
    run_check(path, ends[1]);
  }
  (void)close(ends[1]);
  if (pid < 0) {
    (void)close(ends[0]);
    return lm_fail(error, LAMINA_E_IO, "the check cannot be started (%s)", strerror(errno));
  }
  *checker = (struct lm_checker){.pid = pid, .output = ends[0]};
  return LAMINA_OK;
}

static int reap(struct lm_checker *checker)
{
  int how = 0;
  while (waitpid(checker->pid, &how, 0) < 0 && errno == EINTR) {
  }
  (void)close(checker->output);
  checker->pid = 0;
  checker->output = -1;
  return how;
}

/* The last line with something in it, without the program's name in front. */
static void last_line(const char *text, char *out, size_t size)
{
  static const char name[] = "lamina: ";
  size_t end = strlen(text);
  while (end > 0 && (text[end - 1] == '\n' || text[end - 1] == ' ')) {
    end--;
  }
  size_t begin = end;
  while (begin > 0 && text[begin - 1] != '\n') {
    begin--;
  }
  if (strncmp(text + begin, name, sizeof name - 1) == 0) {
    begin += sizeof name - 1;
  }
  (void)snprintf(out, size, "%.*s", (int)(end - begin), text + begin);
}

static enum lamina_status judge(int how, const char *output, struct lm_error *error)
{
  char line[1024];
  if (WIFEXITED(how) && WEXITSTATUS(how) == 0) {
    return LAMINA_OK;
  }
  if (WIFSIGNALED(how)) {
    return lm_fail(error, LAMINA_E_PLUGIN, "lamina conform ended with signal %d", WTERMSIG(how));
  }
  last_line(output, line, sizeof line);
  return lm_fail(error, LAMINA_E_PLUGIN, "lamina conform: %s",
                 line[0] == '\0' ? "it does not pass" : line);
}

bool lm_checker_read(struct lm_checker *checker, enum lamina_status *verdict,
                     struct lm_error *error)
{
  char bytes[4096];
  ssize_t count = read(checker->output, bytes, sizeof bytes);
  if (count > 0) {
    lm_text_add_bytes(&checker->text, bytes, (size_t)count);
    return false;
  }
  if (count < 0 && errno == EINTR) {
    return false;
  }
  *verdict = judge(reap(checker), lm_text_get(&checker->text), error);
  lm_text_release(&checker->text);
  return true;
}

void lm_checker_stop(struct lm_checker *checker)
{
  if (checker->pid != 0) {
    (void)kill(checker->pid, SIGKILL);
    (void)reap(checker);
  }
  lm_text_release(&checker->text);
}
