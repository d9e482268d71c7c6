/*
 * Transforms in use: a chain for each field, with states that are learnt from the training
 * data and saved with the model. Floor 6.
 */
#ifndef LM_DATA_TRANSFORMS_H
#define LM_DATA_TRANSFORMS_H

#include "data/dataset.h"

/** One transform of one field. */
struct lm_transform {
  struct lm_instance *instance;
  char *field;
  struct lm_shape record; /* of a sample behind it, float32 */
  struct lm_facts facts;  /* for a batch of one */
  struct lamina_view states[LM_MAX_FACTS];
  struct lm_shape state_shapes[LM_MAX_FACTS];
  char *state_names[LM_MAX_FACTS]; /* "transform0/mean": the key in checkpoints */
  uint32_t n_states;
  struct lm_stream stream;
};

/** All transforms of an experiment, in order; zero-initialise. */
struct lm_transforms {
  struct lm_host *host;
  struct lm_transform **items;
  size_t count, capacity;
  size_t left_out; /* not added, but counted in the names of those added behind them */
};

void lm_transforms_release(struct lm_transforms *transforms);

/**
 * Adds a transform behind those that the field has already.
 * @param record  in: what a sample of the field is so far; out: what it is behind this one
 */
enum lamina_status lm_transforms_add(struct lm_transforms *transforms,
                                     const struct lm_instance_spec *spec, const char *field,
                                     struct lm_shape *record, struct lm_error *error) LM_MUST_CHECK;

/** Whether any transform learns from the data. */
bool lm_transforms_need_fit(const struct lm_transforms *transforms);

#endif
