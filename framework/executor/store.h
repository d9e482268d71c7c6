/*
 * The store: weights, their gradients, the optimizer's states and the layers' states, each in
 * one flat block.
 *
 * Weights lie in groups that the optimizer treats alike (trained and decaying, trained and
 * exempt, not trained), so that an update is a few long ranges. Each weight begins at a
 * multiple of 16 floats; the gaps are zero and stay zero. Floor 7.
 */
#ifndef LM_EXECUTOR_STORE_H
#define LM_EXECUTOR_STORE_H

#include "graph/graph.h"

/** A range of the block that is updated in one way; offsets in floats. */
struct lm_group {
  size_t begin, end;
  bool decays;
  double lr_mult;
};

enum { LM_MAX_SLOTS = 8 };

/** Zero-initialise; all memory is the store's. */
struct lm_store {
  const struct lm_graph *graph;
  float *weights;
  float *gradients;           /* [trained] */
  float *slots[LM_MAX_SLOTS]; /* the optimizer's states, [trained] each */
  char *slot_names[LM_MAX_SLOTS];
  uint32_t n_slots;
  size_t n;        /* floats in weights */
  size_t trained;  /* floats of trained groups, at the start of the block */
  size_t *offsets; /* by parameter, in floats */
  struct lm_group *groups;
  size_t n_groups;
  char *states; /* of layers, laid out by state_offsets, in bytes */
  size_t *state_offsets, state_bytes;
  struct lamina_view *weight_views, *gradient_views, *state_views; /* by index */
};

/**
 * Lays out the block. The graph must have been inferred.
 * @param trained    by parameter: a gradient arrives (see struct lm_plan); NULL: none is trained
 * @param decay_all  weights without LAMINA_WEIGHT_DECAY decay too
 */
enum lamina_status lm_store_init(struct lm_store *store, const struct lm_graph *graph,
                                 const bool *trained, bool decay_all,
                                 struct lm_error *error) LM_MUST_CHECK;
void lm_store_release(struct lm_store *store);

/** Whether the parameter is updated by the optimizer. */
bool lm_store_is_trained(const struct lm_store *store, uint32_t parameter);

/** Lets an initializer fill one weight; the stream is "init/<name of the weight>". */
enum lamina_status lm_store_fill(struct lm_store *store, uint32_t parameter,
                                 struct lm_instance *initializer,
                                 struct lm_error *error) LM_MUST_CHECK;

/** LAMINA_E_NONFINITE with the name of the first weight that has a number that is not finite. */
enum lamina_status lm_store_check_finite(const struct lm_store *store,
                                         struct lm_error *error) LM_MUST_CHECK;

/** Makes the blocks of the optimizer's states, as its infer() declares them. */
enum lamina_status lm_store_add_slots(struct lm_store *store, struct lm_instance *optimizer,
                                      struct lm_error *error) LM_MUST_CHECK;

#endif
