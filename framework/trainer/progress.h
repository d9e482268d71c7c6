/*
 * Where a training is, as it is kept in a checkpoint: everything beyond tensors that a resumed
 * run needs to continue as if nothing had happened. Floor 9.
 */
#ifndef LM_TRAINER_PROGRESS_H
#define LM_TRAINER_PROGRESS_H

#include "checkpoint/safetensors.h"
#include "trainer/engine.h"

struct lm_progress {
  uint64_t step;      /* updates done */
  int64_t epoch;      /* epochs finished */
  int64_t batch;      /* batches done in the present epoch */
  double loss_sum;    /* of the present epoch: sum over samples */
  double penalty_sum; /* of the present epoch: sum over updates */
  int64_t samples;    /* of the present epoch */
  double seconds;     /* of the present epoch */
  double rate;        /* learning rate of the last update */
  double best;        /* early stopping: best value so far */
  int64_t best_epoch; /* 0: none yet */
  int64_t bad_epochs; /* epochs since */
  int64_t finished;   /* training is over */
};

enum { LM_PROGRESS_FIELDS = 12, LM_PROGRESS_TEXT = 40 };

/** The fields as metadata: names are fixed texts, values are written to text. */
void lm_progress_write(const struct lm_progress *progress,
                       struct lm_metadata metadata[LM_PROGRESS_FIELDS],
                       char text[LM_PROGRESS_FIELDS][LM_PROGRESS_TEXT]);

/** Reads them back; doubles to the same bits. LAMINA_E_INVALID when one is missing or wrong. */
enum lamina_status lm_progress_read(const struct lm_safetensors_file *file, const char *path,
                                    struct lm_progress *progress,
                                    struct lm_error *error) LM_MUST_CHECK;

#endif
