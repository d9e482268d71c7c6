/*
 * Files of a run. The lock is flock() on a file of its own: a crash releases it.
 */
#include "trainer/run_folder.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"
#include "io/files.h"

static const char METRICS[] = "metrics.jsonl";
static const char CHECKPOINT[] = "checkpoint.safetensors";

static bool exists_in(const char *folder, const char *name)
{
  char *path = lm_format("%s/%s", folder, name);
  bool found = path != NULL && access(path, F_OK) == 0;
  lm_free(path);
  return found;
}

static bool holds_run(const char *folder)
{
  return exists_in(folder, CHECKPOINT) || exists_in(folder, "model.safetensors") ||
         exists_in(folder, METRICS);
}

char *lm_run_folder_file(const struct lm_run_folder *run, const char *name)
{
  return lm_format("%s/%s", run->path, name);
}

static enum lamina_status take_lock(struct lm_run_folder *run, struct lm_error *error)
{
  char *path = lm_run_folder_file(run, ".lock");
  if (path == NULL) {
    return lm_fail_memory(error, 0);
  }
  run->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  int reason = errno;
  lm_free(path);
  if (run->lock < 0) {
    return lm_fail(error, LAMINA_E_IO, "%s: cannot be written to (%s)", run->path,
                   strerror(reason));
  }
  if (flock(run->lock, LOCK_EX | LOCK_NB) != 0) {
    return lm_fail(error, LAMINA_E_USAGE,
                   "%s: another process is using this run folder, expected a folder of its own",
                   run->path);
  }
  return LAMINA_OK;
}

static enum lamina_status check_content(const struct lm_run_folder *run, bool resume,
                                        struct lm_error *error)
{
  if (!resume && holds_run(run->path)) {
    return lm_fail(error, LAMINA_E_USAGE,
                   "%s: holds a run already; continue it with --resume or name another folder "
                   "with --run-dir",
                   run->path);
  }
  if (resume && !exists_in(run->path, CHECKPOINT)) {
    return lm_fail(error, LAMINA_E_MISSING, "%s: has no %s to resume from", run->path, CHECKPOINT);
  }
  return LAMINA_OK;
}

enum lamina_status lm_run_folder_open(struct lm_run_folder *run, const char *path, bool resume,
                                      struct lm_error *error)
{
  enum lamina_status status;
  *run = (struct lm_run_folder){.path = lm_copy_text(path), .lock = -1};
  if (run->path == NULL) {
    return lm_fail_memory(error, 0);
  }
  if (resume && access(path, F_OK) != 0) {
    status = lm_fail(error, LAMINA_E_MISSING, "%s: there is no such run folder to resume", path);
    goto fail;
  }
  LM_TRY_OR(fail, status, lm_folder_make(path, error));
  LM_TRY_OR(fail, status, take_lock(run, error));
  lm_file_remove_stale(path);
  LM_TRY_OR(fail, status, check_content(run, resume, error));
  return LAMINA_OK;

fail:
  lm_run_folder_close(run);
  return status;
}

void lm_run_folder_close(struct lm_run_folder *run)
{
  if (run->lock >= 0) {
    (void)close(run->lock);
  }
  lm_free(run->path);
  *run = (struct lm_run_folder){.lock = -1};
}

static char *numbered(const char *parent, const char *stem, int number)
{
  return number == 1 ? lm_format("%s/%s", parent, stem)
                     : lm_format("%s/%s-%d", parent, stem, number);
}

/* The last of the numbered folders that holds a checkpoint, or the first one of all. */
static char *choose_to_resume(const char *parent, const char *stem)
{
  char *chosen = numbered(parent, stem, 1);
  for (int number = 1;; number++) {
    char *path = numbered(parent, stem, number);
    if (path == NULL || access(path, F_OK) != 0) {
      lm_free(path);
      return chosen;
    }
    if (exists_in(path, CHECKPOINT)) {
      lm_free(chosen);
      chosen = path;
    } else {
      lm_free(path);
    }
  }
}

char *lm_run_folder_choose(const char *parent, const char *stem, bool resume)
{
  if (resume) {
    return choose_to_resume(parent, stem);
  }
  for (int number = 1;; number++) {
    char *path = numbered(parent, stem, number);
    if (path == NULL || !holds_run(path)) {
      return path;
    }
    lm_free(path);
  }
}

enum lamina_status lm_run_folder_write(const struct lm_run_folder *run, const char *name,
                                       const struct lm_text *text, struct lm_error *error)
{
  char *path = lm_run_folder_file(run, name);
  if (path == NULL || !lm_text_ok(text)) {
    lm_free(path);
    return lm_fail_memory(error, 0);
  }
  struct lm_piece piece = {lm_text_get(text), text->length};
  enum lamina_status status = lm_file_replace(path, NULL, &piece, 1, error);
  lm_free(path);
  return status;
}

enum lamina_status lm_run_folder_append(const struct lm_run_folder *run, const struct lm_text *line,
                                        struct lm_error *error)
{
  char *path = lm_run_folder_file(run, METRICS);
  if (path == NULL || !lm_text_ok(line)) {
    lm_free(path);
    return lm_fail_memory(error, 0);
  }
  enum lamina_status status = lm_file_append(path, lm_text_get(line), line->length, error);
  lm_free(path);
  return status;
}

enum lamina_status lm_run_folder_cut(const struct lm_run_folder *run, int64_t lines,
                                     struct lm_error *error)
{
  char *path = lm_run_folder_file(run, METRICS);
  struct lm_bytes content = {0};
  if (path == NULL) {
    return lm_fail_memory(error, 0);
  }
  enum lamina_status status = lm_file_read(path, LM_READ_PLAIN, (size_t)1 << 32, &content, error);
  if (status == LAMINA_E_MISSING) {
    lm_free(path);
    return LAMINA_OK;
  }
  if (status == LAMINA_OK) {
    size_t end = 0;
    for (size_t i = 0; i < content.size && lines > 0; i++) {
      if (content.bytes[i] == '\n') {
        end = i + 1;
        lines--;
      }
    }
    struct lm_piece piece = {content.bytes, end};
    status = lm_file_replace(path, NULL, &piece, 1, error);
  }
  lm_bytes_release(&content);
  lm_free(path);
  return status;
}

void lm_run_folder_rotate(const struct lm_run_folder *run, int64_t keep)
{
  for (int64_t i = keep; i > 1; i--) {
    char *from = lm_format("%s/checkpoint.%lld.safetensors", run->path, (long long)(i - 1));
    char *to = lm_format("%s/checkpoint.%lld.safetensors", run->path, (long long)i);
    if (from != NULL && to != NULL) {
      (void)rename(from, to); /* an older one that is missing is no fault */
    }
    lm_free(from);
    lm_free(to);
  }
}
