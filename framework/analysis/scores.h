/*
 * Scores of records: the loss of each alone. Floor 10.
 */
#ifndef LM_ANALYSIS_SCORES_H
#define LM_ANALYSIS_SCORES_H

#include "trainer/engine.h"

/**
 * The weighted sum of the model's losses for each record alone, in evaluation. A record's score
 * does not depend on the others, on their order or on the number of threads.
 * @param scores  [portion->count], out
 * @param labels  [portion->count], out: the records' values of the field; NULL: they are not read
 * @param field   a field of int32 class labels, if labels are read
 * @return LAMINA_OK; LAMINA_E_NONFINITE naming the record whose score is not a number
 */
enum lamina_status lm_scores_compute(struct lm_engine *engine, const struct lm_portion *portion,
                                     double *scores, int32_t *labels, int32_t field,
                                     struct lm_error *error) LM_MUST_CHECK;

/** Runs the model on one record in evaluation; its outputs are then in the program. */
enum lamina_status lm_scores_run(struct lm_engine *engine, const struct lm_portion *portion,
                                 int64_t at, struct lm_program **program,
                                 struct lm_error *error) LM_MUST_CHECK;

/** The field of class labels: `target`, or else the first there is; -1 without one. */
int32_t lm_scores_label_field(const struct lm_dataset *dataset);

#endif
