/* The trainer's own: one training and its steps. */
#ifndef LM_TRAINER_TRAIN_INTERNAL_H
#define LM_TRAINER_TRAIN_INTERNAL_H

#include "checkpoint/model.h"
#include "trainer/profile.h"
#include "trainer/progress.h"
#include "trainer/run_folder.h"
#include "trainer/train.h"

/** Durations of steps, to tell the rate without the warm-up. */
struct lm_rate_meter {
  double seconds, samples;         /* behind the warm-up */
  double all_seconds, all_samples; /* of all steps, for runs that are shorter */
};

/** One training. */
struct lm_training {
  struct lm_experiment *experiment;
  const struct lm_train_options *options;
  struct lm_engine *engine;
  struct lm_run_folder run;
  struct lm_progress progress;
  struct lm_stream order_stream;
  int64_t *order; /* of the present epoch */
  int64_t batch, batches_per_epoch;
  uint64_t total_steps;
  struct lm_rate_meter epoch_meter, meter;
  /* Steps without anything between them are timed together: a small one takes no longer than
   * reading the clock does. */
  double stretch_began;
  int64_t stretch_samples;
  uint64_t steps;             /* in this process */
  struct lm_profile *profile; /* borrowed; NULL: none */
  struct lm_kept_list kept;   /* with options->keep: what is kept, in the order of its table */
  int64_t part_counts[LM_MAX_FACTS]; /* dimensions in that list */
};

/** One update: batch, forward, backward, optimizer. */
enum lamina_status lm_training_step(struct lm_training *training, struct lm_error *error);

/** Says in the log when steps waited for data for a good part of their time. */
void lm_training_tell_waiting(const struct lm_training *training);

/** Steps are timed from here on; and up to here, which goes to the meters. */
void lm_training_begin_stretch(struct lm_training *training);
void lm_training_end_stretch(struct lm_training *training);

/** Makes the engine and counts the steps; opens no run folder. */
enum lamina_status lm_training_prepare(struct lm_training *training, struct lm_error *error);

/** Puts the records of the present epoch into their order. */
void lm_training_begin_epoch(struct lm_training *training);

/** Writes checkpoint.safetensors; the one before is kept as the settings say. */
enum lamina_status lm_training_save(struct lm_training *training, struct lm_error *error);

/** Restores tensors and progress from the newest checkpoint that is whole. */
enum lamina_status lm_training_restore(struct lm_training *training, struct lm_error *error);

/** Lists the tensors of a checkpoint, the metrics' partial results among them. */
enum lamina_status lm_training_list(struct lm_training *training, struct lm_kept_list *out,
                                    struct lm_error *error);

/**
 * With options->keep, which must be given for the second: begins to keep the state; goes on from
 * the state that is kept; and keeps the present one, in an epoch whose clock began there. The
 * first two wait for options->ready().
 */
enum lamina_status lm_training_begin_keeping(struct lm_training *training, struct lm_error *error);
enum lamina_status lm_training_take_over(struct lm_training *training, struct lm_error *error);
void lm_training_keep(struct lm_training *training, double began);

/** Writes a model file into the run folder, or loads one back. */
enum lamina_status lm_training_save_model(struct lm_training *training, const char *name,
                                          struct lm_error *error);
enum lamina_status lm_training_load_model(struct lm_training *training, const char *name,
                                          struct lm_error *error);

double lm_rate_meter_value(const struct lm_rate_meter *meter);

#endif
