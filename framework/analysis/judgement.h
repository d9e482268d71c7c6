/*
 * Records judged by a threshold: who is an outlier, in which order, and how that goes with their
 * classes. Floor 10.
 */
#ifndef LM_ANALYSIS_JUDGEMENT_H
#define LM_ANALYSIS_JUDGEMENT_H

#include <stdbool.h>
#include <stddef.h>

#include "analysis/outliers.h"

/** What is judged: scores of records and of normals; all borrowed. */
struct lm_case {
  const double *scores;  /* [count] */
  const int32_t *labels; /* [count]; NULL: there are none */
  int64_t count;
  const double *normals; /* [n_normals], sorted */
  int64_t n_normals;
  double threshold, confidence;
};

/** The records of one class. */
struct lm_judged_class {
  int32_t label;
  int64_t count, flagged;
  struct lm_interval share; /* of flagged ones among all such records */
  double auc;               /* against the normals */
};

struct lm_judgement {
  int64_t *order; /* [count] places of the records, the highest score first, equal ones as they
                     come; the first `flagged` of them are outliers */
  int64_t *ranks; /* [count] by record: 1 and how many score more */
  int64_t flagged;
  struct lm_interval share;
  struct lm_judged_class *classes; /* by label; those that there are */
  size_t n_classes;
  bool flat; /* all records and normals have one score: nothing can be told apart */
};

/** Judges; release with lm_judgement_release(). Needs a record and a normal. LAMINA_E_NOMEM. */
enum lamina_status lm_judge(const struct lm_case *subject, struct lm_judgement *out,
                            struct lm_error *error) LM_MUST_CHECK;
void lm_judgement_release(struct lm_judgement *judgement);

#endif
