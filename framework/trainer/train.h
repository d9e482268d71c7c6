/*
 * Training: the loop over epochs and steps, evaluation, early stopping, checkpoints.
 *
 * A run is a pure function of the experiment and the seed: order, masks and first weights come
 * from counters, so a run that is resumed at any checkpoint ends with the same bits as one
 * that was never stopped. Floor 9.
 */
#ifndef LM_TRAINER_TRAIN_H
#define LM_TRAINER_TRAIN_H

#include <signal.h>

#include "trainer/engine.h"

/** Where a training is, for progress displays. */
struct lm_train_status {
  uint64_t step, total_steps;
  int64_t epoch, epochs; /* epoch from 1 */
  double loss;           /* mean of the epoch so far */
  double samples_per_s;  /* of the training steps of this process; 0: not known yet */
};

/** What an epoch came to. */
struct lm_epoch_report {
  int64_t epoch;
  uint64_t step;
  struct lm_scores train, eval;
  bool has_eval;
  double rate; /* learning rate of its last update */
  double seconds;
  double samples_per_s; /* training steps alone, warm-up left out */
  const struct lm_experiment *experiment;
};

/** Told while training; any function may be NULL. */
struct lm_train_observer {
  void *arg;
  void (*step)(void *arg, const struct lm_train_status *status);
  void (*epoch)(void *arg, const struct lm_epoch_report *report);
  void (*note)(void *arg, const char *sentence);
};

struct lm_profile;
struct lm_keep;
struct lm_run_folder;

/** Requests to stop after the step. */
enum lm_stop {
  LM_STOP_SAVE = 1,     /* any other number, too: with a checkpoint */
  LM_STOP_HAND_OVER = 2 /* with options.keep: another process goes on from the state kept */
};

struct lm_train_options {
  const char *run_dir;
  bool resume;
  const volatile sig_atomic_t *stop; /* enum lm_stop, 0: none; may be NULL */
  struct lm_train_observer observer;
  struct lm_profile *profile; /* borrowed; filled and written as profile.json; NULL: none */
  /*
   * For a training that several processes do one after the other: its folder, opened already and
   * taken over; where its state is kept, borrowed; and a function that is called when all is
   * made and fits the state that is kept, and returns when the one before has stopped.
   */
  struct lm_run_folder *run; /* NULL: run_dir is opened */
  struct lm_keep *keep;      /* NULL: nowhere */
  bool take_over;            /* keep has the state of the one before */
  enum lamina_status (*ready)(void *arg, struct lm_error *error);
  void *ready_arg;
};

struct lm_train_result {
  struct lm_epoch_report last; /* of the last epoch; epoch 0: none was finished */
  int64_t best_epoch;          /* with early stopping; 0 otherwise */
  uint64_t steps;
};

/**
 * Trains and writes the run folder. The experiment's data must be open.
 * @return LAMINA_OK; LAMINA_E_STOPPED after a request to stop, with a checkpoint written;
 *         LAMINA_E_NONFINITE naming the node; and what its parts return
 */
enum lamina_status lm_train(struct lm_experiment *experiment,
                            const struct lm_train_options *options, struct lm_train_result *result,
                            struct lm_error *error) LM_MUST_CHECK;

/** One line of metrics.jsonl, without the newline. */
void lm_epoch_report_json(const struct lm_epoch_report *report, struct lm_text *out);

#endif
