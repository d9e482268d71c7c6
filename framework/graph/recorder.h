/*
 * The recorder: the table of planner functions that infer() talks to, writing into facts.
 *
 * One recorder serves layers, losses, metrics, data sets, transforms and optimizers; what has
 * no meaning for a kind is refused. Floor 5.
 */
#ifndef LM_GRAPH_RECORDER_H
#define LM_GRAPH_RECORDER_H

#include "graph/graph.h"

/** A declared weight or state, as it was given. */
struct lm_declared {
  char *name;
  char *init; /* weights */
  struct lm_shape shape;
  bool per_weight; /* states of optimizers: one element for each weight */
  double value;    /* states: first value; weights: lr_mult */
  int64_t fan_in, fan_out;
  uint32_t flags;
};

/** A declared field of a data set. */
struct lm_declared_field {
  char *name;
  struct lm_shape shape;
  int64_t classes;
  bool exact;
  char **names; /* [classes] of a field that a model file tells of; NULL: not known */
};

/** What one infer() declares; release with lm_recording_release(). */
struct lm_recording {
  struct lm_facts *facts; /* borrowed; in[] is set before infer() runs */
  struct lm_declared weights[LM_MAX_FACTS], states[LM_MAX_FACTS];
  struct lm_declared_field fields[LM_MAX_FACTS];
  uint32_t n_weights, n_states, n_fields;
};

typedef int32_t (*lm_infer_fn)(void *self, struct lamina_plan *plan);

/**
 * Runs an instance's infer() and records what it declares.
 * @param recording  zeroed but for facts
 */
enum lamina_status lm_record(struct lm_host *host, struct lm_instance *instance, lm_infer_fn infer,
                             struct lm_recording *recording, struct lm_error *error) LM_MUST_CHECK;
void lm_recording_release(struct lm_recording *recording);

/** Releases what facts own: outputs, saves, notes. */
void lm_facts_release(struct lm_facts *facts);

/** A tensor of that shape; NULL when memory is short. The name is copied, may be NULL. */
struct lm_tensor *lm_tensor_create(const char *name, const struct lm_shape *shape);
void lm_tensor_free(struct lm_tensor *tensor);

#endif
