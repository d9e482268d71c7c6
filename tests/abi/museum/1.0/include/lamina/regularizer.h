/*
 * Regularizers: penalties on weights that are part of the loss.
 *
 * The host calls apply() for every trainable weight flagged LAMINA_WEIGHT_DECAY (or those that
 * the experiment names), after backward and before the optimizer, in ranges.
 */
#ifndef LAMINA_REGULARIZER_H
#define LAMINA_REGULARIZER_H

#include <lamina/plan.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A range of n weights. Grows at the end. */
struct lamina_penalty {
  uint32_t size, reserved;
  const float *weight; /* [n] */
  float *grad;         /* [n], to add the penalty's gradient to; NULL: only the value */
  int64_t n;
  double value; /* out: the penalty of this range; ranges are summed in order */
};

/** The table of a regularizer. Append-only. */
struct lamina_regularizer {
  uint32_t size, caps; /* caps: 0 */

  /** Checks settings against each other. Optional. */
  int32_t (*setup)(void *self, struct lamina_call *call);

  /** Adds the gradient and sets the value; thread safe between ranges. */
  int32_t (*apply)(void *self, struct lamina_call *call, struct lamina_penalty *penalty);

  const void *(*extension)(const char *id);
};

/** Defines a regularizer plugin; arguments as of LAMINA_LAYER. */
#define LAMINA_REGULARIZER(...) LAMINA_REGULARIZER_(__VA_ARGS__)
#define LAMINA_REGULARIZER_(name, version, summary, T, rows, n, ...)     \
  static const struct lamina_regularizer lamina_table_ = {               \
      .size = (uint32_t)sizeof(struct lamina_regularizer), __VA_ARGS__}; \
  LAMINA_PLUGIN(REGULARIZER, regularizer, name, version, summary, T, rows, n, &lamina_table_)

#ifdef __cplusplus
}
#endif
#endif
