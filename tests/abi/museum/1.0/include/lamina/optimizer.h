/*
 * Optimizers: one pass over a flat range of weights.
 *
 * The host keeps all trainable weights, their gradients and the optimizer's states in flat
 * blocks, and calls step() for ranges of them, in any order and from several threads. A step
 * that is split at any place gives the same bits, because each element is computed from its
 * own weight, gradient and states alone.
 */
#ifndef LAMINA_OPTIMIZER_H
#define LAMINA_OPTIMIZER_H

#include <lamina/plan.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A range of n weights to update. Grows at the end. */
struct lamina_update {
  uint32_t size, n_state;
  float *weight;       /* [n], read and written */
  const float *grad;   /* [n] */
  float *const *state; /* n_state arrays of [n], as declared in infer() by lamina_state() */
  int64_t n;
  double rate;       /* learning rate of this step: rate() * schedule * the weight's factor */
  double keep;       /* weight decay: factor to apply to the old weight, 1 for none */
  double grad_scale; /* factor to apply to the gradient first (clipping), usually 1 */
  uint64_t step;     /* number of this update, from 1 */
};

/** The table of an optimizer. Append-only. */
struct lamina_optimizer {
  uint32_t size, caps; /* caps: 0 */

  /** Checks settings against each other. Optional. */
  int32_t (*setup)(void *self, struct lamina_call *call);

  /** Declares the states: lamina_state(plan, i, name, NULL, init). Optional when none. */
  int32_t (*infer)(void *self, struct lamina_plan *plan);

  /** The base learning rate, before the schedule. */
  double (*rate)(const void *self);

  /** The factor that decay applies to a weight in a step at this rate. NULL: always 1. */
  double (*keep)(const void *self, double rate);

  /** Updates a range; thread safe between ranges. */
  int32_t (*step)(void *self, struct lamina_call *call, const struct lamina_update *update);

  const void *(*extension)(const char *id);
};

/* Weight decay as all optimizers offer it. An instance has the two fields and its settings
 * table the two rows; its keep() returns lamina_decay_keep(). The host exempts weights that
 * are not flagged LAMINA_WEIGHT_DECAY unless the experiment says decay_all: true. */
enum { LAMINA_DECAY_DECOUPLED_LR = 0, LAMINA_DECAY_DECOUPLED = 1 };

#define LAMINA_DECAY_FIELDS \
  double weight_decay;      \
  int32_t decay_mode;       \
  int32_t decay_reserved

#define LAMINA_DECAY_SETTINGS(T, deflt)                                                     \
  LAMINA_F64(T, weight_decay, deflt, "[0, 1)", "weight decay d, beside the gradient step"), \
      LAMINA_CHOICE(T, decay_mode, "decoupled_lr", "decoupled_lr|decoupled",                \
                    "decoupled_lr shrinks by 1 - rate * d a step, decoupled by 1 - d")

/** The factor on a decaying weight in one step (Loshchilov and Hutter, ICLR 2019). */
static inline double lamina_decay_keep(double weight_decay, int32_t mode, double rate)
{
  return 1.0 - (mode == LAMINA_DECAY_DECOUPLED ? weight_decay : rate * weight_decay);
}

/** For setup(): refuses a decay that would shrink weights to nothing or past it. */
static inline int32_t lamina_decay_check(struct lamina_call *call, double weight_decay,
                                         int32_t mode, double rate)
{
  if (lamina_decay_keep(weight_decay, mode, rate) > 0.0) {
    return LAMINA_OK;
  }
  return lamina_failf(call, LAMINA_E_INVALID,
                      "weight_decay %g at rate %g leaves nothing of a weight: their product has "
                      "to be below 1",
                      weight_decay, rate);
}

/** Defines an optimizer plugin; arguments as of LAMINA_LAYER. */
#define LAMINA_OPTIMIZER(...) LAMINA_OPTIMIZER_(__VA_ARGS__)
#define LAMINA_OPTIMIZER_(name, version, summary, T, rows, n, ...)     \
  static const struct lamina_optimizer lamina_table_ = {               \
      .size = (uint32_t)sizeof(struct lamina_optimizer), __VA_ARGS__}; \
  LAMINA_PLUGIN(OPTIMIZER, optimizer, name, version, summary, T, rows, n, &lamina_table_)

#ifdef __cplusplus
}
#endif
#endif
