/*
 * The update: penalties of regularizers, clipping by the global norm, the optimizer's step.
 *
 * Ranges are cut into chunks of a fixed size and sums are added in chunk order, so results do
 * not depend on the number of threads. Floor 7.
 */
#ifndef LM_EXECUTOR_UPDATE_H
#define LM_EXECUTOR_UPDATE_H

#include "executor/store.h"

/** A regularizer and the ranges of the store's block that it applies to. */
struct lm_regularizer_use {
  struct lm_instance *instance; /* borrowed */
  const bool *applies;          /* by parameter; borrowed */
};

struct lm_updater;

/** What an updater is made of; all pointers are borrowed for its life. */
struct lm_updater_parts {
  struct lm_host *host;
  struct lm_store *store; /* with the optimizer's slots in it */
  struct lm_instance *optimizer;
  const struct lm_regularizer_use *regularizers; /* read while it is made */
  uint32_t n_regularizers;
  double clip_norm; /* largest norm of all gradients together; 0: no clipping */
};

/** @param out  owned by the caller, release with lm_updater_free() */
enum lamina_status lm_updater_create(const struct lm_updater_parts *parts, struct lm_updater **out,
                                     struct lm_error *error) LM_MUST_CHECK;
void lm_updater_free(struct lm_updater *updater);

/** What an update did. */
struct lm_update_report {
  double penalty; /* of all regularizers, before the update */
  double rate;    /* base rate times schedule */
  double norm;    /* of all gradients; 0 unless clipping is on */
};

/**
 * Updates the trained weights from their gradients.
 * @param step    number of this update, from 1
 * @param factor  of the schedule
 */
enum lamina_status lm_updater_step(struct lm_updater *updater, uint64_t step, double factor,
                                   struct lm_update_report *report,
                                   struct lm_error *error) LM_MUST_CHECK;

#endif
