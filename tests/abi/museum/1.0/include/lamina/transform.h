/*
 * Transforms: what happens to a field of the data between the data set and the model.
 *
 * Input 0 is the field as float32 [N, ...]; output 0 has the shape declared in infer(). A
 * transform that learns from the training data declares states and has fit(); the states are
 * saved with the model, so that evaluation elsewhere applies the same numbers.
 *
 * A random transform draws for each sample from the stream of its record: the words of a
 * sample are found by its number in the LAMINA_RECORDS view, so they do not depend on the
 * batch. It does nothing unless lamina_mode() has LAMINA_MODE_TRAIN.
 */
#ifndef LAMINA_TRANSFORM_H
#define LAMINA_TRANSFORM_H

#include <lamina/plan.h>

#ifdef __cplusplus
extern "C" {
#endif

/** The table of a transform. Append-only. */
struct lamina_transform {
  uint32_t size, caps; /* caps: 0 */

  /** Checks settings against each other. Optional. */
  int32_t (*setup)(void *self, struct lamina_call *call);

  /** Declares output 0, states, lamina_may_share(plan, LAMINA_FORWARD, 0, 0), randomness. */
  int32_t (*infer)(void *self, struct lamina_plan *plan);

  /** Adds one batch of the training data to the states. Optional. */
  int32_t (*fit)(void *self, struct lamina_call *call);

  /** Turns the states into their final form after the last fit(). Optional. */
  int32_t (*fit_end)(void *self, struct lamina_call *call);

  /** Computes output 0 from input 0. */
  int32_t (*apply)(void *self, struct lamina_call *call);

  const void *(*extension)(const char *id);
};

/** Defines a transform plugin; arguments as of LAMINA_LAYER. */
#define LAMINA_TRANSFORM(...) LAMINA_TRANSFORM_(__VA_ARGS__)
#define LAMINA_TRANSFORM_(name, version, summary, T, rows, n, ...)     \
  static const struct lamina_transform lamina_table_ = {               \
      .size = (uint32_t)sizeof(struct lamina_transform), __VA_ARGS__}; \
  LAMINA_PLUGIN(TRANSFORM, transform, name, version, summary, T, rows, n, &lamina_table_)

#ifdef __cplusplus
}
#endif
#endif
