/*
 * Where the time of a training goes: per node and pass, and the rest by what it is for.
 *
 * A profile divides the whole time of the training loop among its rows: at each mark the time
 * since the mark before goes to one of them. What a mark itself costs is taken out of the rows
 * and shown in one of its own. Floor 9.
 */
#ifndef LM_TRAINER_PROFILE_H
#define LM_TRAINER_PROFILE_H

#include "trainer/engine.h"

/** What time goes to beside nodes. */
enum lm_profile_part {
  LM_PROFILE_REST = 0,   /* nothing that has a name */
  LM_PROFILE_DATA,       /* making batches, or waiting for those made ahead */
  LM_PROFILE_UPDATE,     /* regularizers, clipping, optimizer */
  LM_PROFILE_ORDER,      /* shuffling */
  LM_PROFILE_EVALUATION, /* at the end of an epoch */
  LM_PROFILE_FILES,      /* checkpoints, metrics.jsonl, the model */
  LM_PROFILE_PARTS
};

struct lm_profile;

/**
 * @param experiment  borrowed for the life of the profile
 * @param out         owned by the caller, release with lm_profile_free()
 */
enum lamina_status lm_profile_create(const struct lm_experiment *experiment,
                                     struct lm_profile **out, struct lm_error *error) LM_MUST_CHECK;
void lm_profile_free(struct lm_profile *profile);

/** Begins and ends the time that is divided; NULL does nothing, as below. */
void lm_profile_begin(struct lm_profile *profile);
void lm_profile_end(struct lm_profile *profile);

/** Gives the time since the mark before to a part. A step without a profile only compares. */
void lm_profile_mark_part(struct lm_profile *profile, enum lm_profile_part part);
static inline void lm_profile_mark(struct lm_profile *profile, enum lm_profile_part part)
{
  if (__builtin_expect(profile != NULL, 0)) {
    lm_profile_mark_part(profile, part);
  }
}

/** lm_program_forward() and lm_program_backward(), with a mark behind each call; a backward pass
 *  completes a step of the profile. Without a profile they are just that. */
enum lamina_status lm_profile_forward(struct lm_profile *profile, struct lm_program *program,
                                      uint64_t step, struct lm_error *error) LM_MUST_CHECK;
enum lamina_status lm_profile_backward(struct lm_profile *profile, struct lm_program *program,
                                       uint64_t step, struct lm_error *error) LM_MUST_CHECK;

/** A table for people, and one JSON object: seconds, and the rows, which add up to it. */
void lm_profile_text(const struct lm_profile *profile, struct lm_text *out);
void lm_profile_json(const struct lm_profile *profile, struct lm_text *out);

#endif
