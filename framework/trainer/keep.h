/*
 * A training's state in memory that outlives the process which trains: after each step the
 * tensors of a checkpoint, and the progress. Another process goes on from it as from a
 * checkpoint, but nothing is written to disk.
 *
 * A supervisor makes one before it forks those who train, one at a time. There are two slots, so
 * that a process that dies while it fills one leaves the other. Floor 9.
 */
#ifndef LM_TRAINER_KEEP_H
#define LM_TRAINER_KEEP_H

#include "trainer/run_folder.h"

struct lm_keep;

/** @param out  owned by the caller, release with lm_keep_free(); LAMINA_E_IO, LAMINA_E_NOMEM */
enum lamina_status lm_keep_create(struct lm_keep **out, struct lm_error *error) LM_MUST_CHECK;
void lm_keep_free(struct lm_keep *keep);

/** Whether there is a state, and the number of its updates. */
bool lm_keep_holds(const struct lm_keep *keep, uint64_t *step);

/** Writes the state as the run's checkpoint, as a training that stops does; no one trains. */
enum lamina_status lm_keep_save(struct lm_keep *keep, const struct lm_run_folder *run,
                                struct lm_error *error) LM_MUST_CHECK;

#endif
