/*
 * Training that takes in rebuilt plugins: lamina train --watch.
 *
 * A supervisor, this process, loads no plugin. It forks a worker, which trains and keeps its
 * state in memory that both share (trainer/keep.h), and looks at the plugins' files. For one that
 * was rebuilt it forks the next worker, which makes everything beforehand and takes over between
 * two steps. Workers load copies, so that no linker writes into what they run, and so that the
 * version before is there when a new one is refused or crashes.
 *
 * watch.c decides; watch_trial.c brings a rebuilt plugin in; watch_files.c keeps the files and
 * their versions; watch_worker.c is a worker, from both sides; watch_check.c is the check of a
 * rebuilt plugin before anything loads it.
 */
#ifndef LM_CLI_WATCH_H
#define LM_CLI_WATCH_H

#include <sys/types.h>

#include "cli/cli.h"
#include "trainer/keep.h"
#include "trainer/train.h"

/** Trains under watch; run_dir is chosen already. */
enum lamina_status lm_watch_train(struct lm_cli *cli, const char *run_dir,
                                  struct lm_error *error) LM_MUST_CHECK;

/* ---- watch_files.c ---- */

/** What tells one state of a file from another. */
struct lm_stamp {
  uint64_t device, inode;
  int64_t size, seconds, nanoseconds;
};

/** A plugin's file that workers use. A version is the folder that holds a copy; 0: none. */
struct lm_watched {
  char *path;
  char label[96];             /* "layer 'dense'" */
  uint32_t version, before;   /* in use; the one that worked before it */
  bool worked;                /* a step was done with the version in use */
  struct lm_stamp seen, last; /* of the version taken or refused last; at the last look */
  uint32_t still;             /* looks since it changed */
};

struct lm_watched_list {
  char *folder; /* RUN/.watch */
  struct lm_watched *items;
  size_t count, capacity;
  uint32_t versions; /* the last one given out */
};

/** Makes the folder of copies in a run folder anew. */
enum lamina_status lm_watched_open(struct lm_watched_list *list, const char *run_dir,
                                   struct lm_error *error) LM_MUST_CHECK;
/** Releases the list; remove: its folder, too. */
void lm_watched_close(struct lm_watched_list *list, bool remove);

/** Adds a file of which a version is in use. false: it cannot be watched. */
bool lm_watched_add(struct lm_watched_list *list, const char *path, uint32_t version,
                    const struct lm_stamp *stamp);
struct lm_watched *lm_watched_find(const struct lm_watched_list *list, const char *path);

/** Path of a version's copy; owned by the caller; NULL when memory is short. */
char *lm_watched_copy_path(const struct lm_watched_list *list, const char *path, uint32_t version);

/**
 * Copies a file as a version, and says what it was copied from.
 * @return LAMINA_OK; LAMINA_E_IO; LAMINA_E_MISSING when the file changed meanwhile or is gone
 */
enum lamina_status lm_watched_copy(const struct lm_watched_list *list, const char *path,
                                   uint32_t version, struct lm_stamp *stamp,
                                   struct lm_error *error) LM_MUST_CHECK;
/** Removes a version's copy; 0: none. */
void lm_watched_drop(const struct lm_watched_list *list, const char *path, uint32_t version);
/** Whether two versions have the same bytes. */
bool lm_watched_same(const struct lm_watched_list *list, const char *path, uint32_t a, uint32_t b);

/**
 * Looks at all files, as is done a few times a second.
 * @return one that was rebuilt, complete and no longer being written, or that stays as it is
 *         although it is no plugin, when error says why; NULL if there is none
 */
struct lm_watched *lm_watched_look(struct lm_watched_list *list, struct lm_error *error);

/* ---- watch_check.c ---- */

/** `lamina conform --quick` on a copy, in a process of its own. */
struct lm_checker {
  pid_t pid; /* 0: none runs */
  int output;
  struct lm_text text;
};

/** Starts the check of a file. Without that command there is nothing to check: pid stays 0. */
enum lamina_status lm_checker_start(struct lm_checker *checker, const char *path,
                                    struct lm_error *error) LM_MUST_CHECK;
/** Takes output. true: it is over, and *verdict is its status with a sentence in error. */
bool lm_checker_read(struct lm_checker *checker, enum lamina_status *verdict,
                     struct lm_error *error);
/** Ends it, if it runs. */
void lm_checker_stop(struct lm_checker *checker);

/* ---- watch_worker.c ---- */

enum lm_report_kind {
  LM_REPORT_USES = 1, /* text: a file that it loaded a copy of; stamp */
  LM_REPORT_READY,    /* all is made; it waits to be let go */
  LM_REPORT_DONE      /* status, and text as the sentence of an error */
};
struct lm_report {
  int32_t kind, status;
  struct lm_stamp stamp;
  char text[sizeof((struct lm_error *)0)->text];
};

/** Shared with a worker. */
struct lm_control {
  volatile sig_atomic_t stop; /* enum lm_stop */
  char words[512];            /* its last words, when a plugin brought it down */
};

struct lm_worker {
  pid_t pid; /* 0: there is none */
  int reports, go;
  struct lm_control *control;
  uint32_t version; /* of the copies that it makes */
  bool ready;
};

/** What workers are made from; the child's copy is used up by it. */
struct lm_workshop {
  struct lm_cli *cli;
  struct lm_config *config;
  const char *run_dir;
  struct lm_run_folder run;
  struct lm_keep *keep;
  struct lm_watched_list files;
};

/** Starts a worker. take_over: from the state kept. Returns in this process only. */
enum lamina_status lm_worker_start(struct lm_workshop *shop, bool take_over,
                                   struct lm_worker *worker, struct lm_error *error) LM_MUST_CHECK;
/** Lets a worker that is ready begin. */
void lm_worker_go(struct lm_worker *worker);
/** Waits for a report; false: the worker is gone without a word. */
bool lm_worker_read(const struct lm_worker *worker, struct lm_report *report);
/** Waits until it has ended, after killing it if asked to; how: in words, or NULL. */
void lm_worker_end(struct lm_worker *worker, bool kill_it, char *how, size_t size);

/* ---- watch_trial.c ---- */

enum { LM_WATCH_WORDS = sizeof((struct lm_error *)0)->text };

/* Why there is a next worker. */
enum lm_reason { LM_FOR_THE_FIRST_TIME, LM_FOR_THE_TRIAL, LM_TO_GO_ON };

enum lm_stage { LM_NO_TRIAL, LM_BEING_CHECKED, LM_CHECKED, LM_BEING_MADE };

struct lm_trial {
  enum lm_stage stage;
  struct lm_watched *file; /* items do not move while a trial is on: see take_uses() */
  uint32_t version;
};

struct lm_watch {
  struct lm_workshop shop;
  struct lm_worker now, next;
  enum lm_reason reason;
  struct lm_trial trial;
  struct lm_checker checker;
  const volatile sig_atomic_t *stop;
  bool stopping; /* the user wants it to end */
  bool trained;  /* there was a worker that was ready: a state is kept */
  bool down;     /* a step brought the worker down, and its plugin is still in use */
  bool waiting;  /* for a plugin to be rebuilt */
  bool over;
  bool made_folder;    /* the run folder was not there before */
  uint64_t first_step; /* of the worker now */
  double asked;        /* when the worker now was asked to hand over; 0: it was not */
  double looked;
  char fault[LM_WATCH_WORDS]; /* what brought it down */
  enum lamina_status status;
  struct lm_error *error; /* of the end */
};

/** Tells the user, as lm_cli_log() does. */
void lm_watch_say(struct lm_watch *watch, int32_t level, const char *format, ...) LM_PRINTF(3, 4);
/** LAMINA_DEBUG=watch: what is being done, with a file or NULL. */
void lm_watch_trace(struct lm_watch *watch, const char *what, const struct lm_watched *file);

/** Looks at the files; a plugin that was rebuilt becomes the trial when there is none. */
void lm_trial_look(struct lm_watch *watch);
/** Takes what the check of the trial says. */
void lm_trial_hear_checker(struct lm_watch *watch);
/** The end of the trial: the plugin is not used, or its worker trains from now on. */
void lm_trial_refuse(struct lm_watch *watch, struct lm_error *error);
void lm_trial_adopt(struct lm_watch *watch);

#endif
