/*
 * Checks of the kinds whose calls have no tensors: optimizers, regularizers, initializers,
 * schedules, data sets, services.
 */
#ifndef LM_CONFORM_KIND_STEP_H
#define LM_CONFORM_KIND_STEP_H

#include "conform/conform_internal.h"

/** A call of a function of a kind whose calls have no tensors. */
struct lm_kind_call {
  struct lm_home *home;
  struct lm_call call;
  struct lm_error error;
};
void lm_kind_begin(struct lm_kind_call *call, struct lm_home *home, struct lm_instance *instance,
                   const char *pass);
/** Ends it; a failure is a finding of the rule id, unless that is NULL. */
enum lamina_status lm_kind_end(struct lm_trial *trial, struct lm_kind_call *call, int32_t returned,
                               const char *id);

/**
 * Computes something small with an instance, whatever its kind, and mixes the results into
 * digest. False when there is nothing that can be computed.
 */
bool lm_kind_exercise(struct lm_trial *trial, struct lm_home *home, uint64_t *digest);
bool lm_exercise_optimizer(struct lm_trial *trial, struct lm_home *home, uint64_t *digest);
bool lm_exercise_function(struct lm_trial *trial, struct lm_home *home, uint64_t *digest);
bool lm_exercise_dataset(struct lm_trial *trial, struct lm_home *home, uint64_t *digest);
bool lm_exercise_service(struct lm_trial *trial, struct lm_home *home, uint64_t *digest);
uint64_t lm_mix_bytes(uint64_t digest, const void *bytes, size_t size);

/** Calls a check for an instance of each case's settings. */
void lm_each_home(struct lm_trial *trial, uint32_t threads,
                  void (*check)(struct lm_trial *trial, struct lm_home *home));

#endif
