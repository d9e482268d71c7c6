/*
 * Which records of a data set take part, by their class labels. What is chosen depends on the
 * records alone, so a run that is resumed goes on with the same ones. Floor 6.
 */
#ifndef LM_DATA_SELECTION_H
#define LM_DATA_SELECTION_H

#include "data/dataset.h"

/** Records whose label is among these are left out, or are the only ones to stay. */
struct lm_label_rule {
  const char *field; /* borrowed */
  struct lm_where where;
  bool only;
  int64_t *labels; /* [n_labels] */
  size_t n_labels;
};

/** All rules of an experiment: a record must satisfy each of them; zero-initialise. */
struct lm_selection {
  struct lm_label_rule *rules;
  size_t count, capacity;
};
void lm_selection_release(struct lm_selection *selection);

/**
 * Adds a rule, whose labels are taken over, also on failure.
 * @param data  the field is checked against it; records need not be there yet
 * @return LAMINA_OK; LAMINA_E_INVALID when there is no such field, when it holds no class labels,
 *         or when a label is none of its classes as far as they are known
 */
enum lamina_status lm_selection_add(struct lm_selection *selection,
                                    const struct lm_label_rule *rule, const struct lm_dataset *data,
                                    struct lm_error *error) LM_MUST_CHECK;

/**
 * The numbers of the records that stay, in ascending order: all of them without rules, which
 * reads nothing. The data set must be open.
 * @param strict  refuse labels that no record can have; for the training data
 * @param index   owned by the caller, release with lm_free(); [count]
 * @return LAMINA_OK; LAMINA_E_INVALID when nothing stays, too
 */
enum lamina_status lm_selection_apply(const struct lm_selection *selection, struct lm_dataset *data,
                                      bool strict, int64_t **index, int64_t *count,
                                      struct lm_error *error) LM_MUST_CHECK;

#endif
