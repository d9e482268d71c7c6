/*
 * The run folder: what a training leaves behind, and the lock that keeps it to one process.
 *
 *   experiment.yaml          the resolved experiment; runs again to the same bits
 *   run.json                 version, seed, threads, plugins
 *   metrics.jsonl            one object for each epoch
 *   checkpoint.safetensors   the newest; earlier ones as checkpoint.1.safetensors ...
 *   best.safetensors         with early stopping: the best model so far
 *   model.safetensors        the result
 *   profile.json             with --profile: where the time went
 *   .watch                   with --watch, while it runs: copies of the plugins' files
 *
 * Floor 9.
 */
#ifndef LM_TRAINER_RUN_FOLDER_H
#define LM_TRAINER_RUN_FOLDER_H

#include "builder/experiment.h"

struct lm_run_folder {
  char *path;
  int lock;
};

/**
 * Opens a run folder, making it when it is not there, and takes its lock.
 * @param resume  the folder must hold a checkpoint; otherwise it must not hold a run
 * @return LAMINA_OK; LAMINA_E_USAGE when the folder holds a run already or another process uses
 *         it; LAMINA_E_MISSING when there is nothing to resume; LAMINA_E_IO
 */
enum lamina_status lm_run_folder_open(struct lm_run_folder *run, const char *path, bool resume,
                                      struct lm_error *error) LM_MUST_CHECK;
void lm_run_folder_close(struct lm_run_folder *run);

/**
 * The folder to use when none is named: parent/stem, parent/stem-2, ...: the first that holds
 * no run, or when resuming the last that holds a checkpoint. NULL when memory is short.
 */
char *lm_run_folder_choose(const char *parent, const char *stem, bool resume);

/** Path of a file in the folder; owned by the caller; NULL when memory is short. */
char *lm_run_folder_file(const struct lm_run_folder *run, const char *name);

/** Replaces a file in the folder by a text, which may have run out of memory (LAMINA_E_NOMEM). */
enum lamina_status lm_run_folder_write(const struct lm_run_folder *run, const char *name,
                                       const struct lm_text *text,
                                       struct lm_error *error) LM_MUST_CHECK;

/** Appends a line to metrics.jsonl; likewise. */
enum lamina_status lm_run_folder_append(const struct lm_run_folder *run, const struct lm_text *line,
                                        struct lm_error *error) LM_MUST_CHECK;

/** Cuts metrics.jsonl to its first `lines` whole lines, for resuming. */
enum lamina_status lm_run_folder_cut(const struct lm_run_folder *run, int64_t lines,
                                     struct lm_error *error) LM_MUST_CHECK;

/** Moves checkpoint.safetensors's predecessors up by one, keeping `keep` of them. */
void lm_run_folder_rotate(const struct lm_run_folder *run, int64_t keep);

#endif
