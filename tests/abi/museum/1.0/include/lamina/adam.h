/*
 * Adam's step (Kingma and Ba, "Adam: a method for stochastic optimization", ICLR 2015), ready
 * for the optimizers that are Adam with another decay, schedule or default:
 *
 *   m = beta1 m + (1 - beta1) g,  v = beta2 v + (1 - beta2) g^2,
 *   w = keep w - rate / (1 - beta1^t) m / (sqrt(v / (1 - beta2^t)) + epsilon)
 *
 * A plugin uses struct lamina_adam as its instance, lists LAMINA_ADAM_SETTINGS and
 * LAMINA_DECAY_SETTINGS, and gives LAMINA_ADAM_FUNCTIONS to LAMINA_OPTIMIZER.
 */
#ifndef LAMINA_ADAM_H
#define LAMINA_ADAM_H

#include <math.h>

#include <lamina/optimizer.h>
#include <lamina/math.h>

#ifdef __cplusplus
extern "C" {
#endif

/** An instance; plugins of their own settings put it first in their struct. */
struct lamina_adam {
  double rate, beta1, beta2, epsilon;
  LAMINA_DECAY_FIELDS;
};

#define LAMINA_ADAM_SETTINGS(T)                                                             \
  LAMINA_F64(T, rate, "1e-3", "(0, inf)", "learning rate"),                                 \
      LAMINA_F64(T, beta1, "0.9", "[0, 1)", "share of the running mean of gradients kept"), \
      LAMINA_F64(T, beta2, "0.999", "[0, 1)", "share of the running mean of squares kept"), \
      LAMINA_F64(T, epsilon, "1e-8", "[1e-30, inf)", "added to the root of the mean square")

/** Constants of one step, in the precision of its loop; shrink is 1 - keep, which rounds less. */
struct lamina_adam_factors {
  float shrink, scale, beta1, gain1, beta2, gain2; /* gain = 1 - beta */
  float rate, root, epsilon;                       /* the corrections are in rate and root */
};

/** Updates one range: three arrays read and written once, the gradient read once. */
LAMINA_CLONES
static inline void lamina_adam_range(float *__restrict__ weight, const float *__restrict__ grad,
                                     float *__restrict__ first, float *__restrict__ second,
                                     int64_t n, struct lamina_adam_factors f)
{
  for (int64_t i = 0; i < n; i++) {
    float g = f.scale * grad[i];
    float m = f.beta1 * first[i] + f.gain1 * g;
    float v = f.beta2 * second[i] + f.gain2 * g * g;
    first[i] = m;
    second[i] = v;
    weight[i] -= f.shrink * weight[i] + f.rate * m / (sqrtf(v) * f.root + f.epsilon);
  }
}

static inline int32_t lamina_adam_setup(void *self, struct lamina_call *call)
{
  const struct lamina_adam *adam = (const struct lamina_adam *)self;
  return lamina_decay_check(call, adam->weight_decay, adam->decay_mode, adam->rate);
}

static inline int32_t lamina_adam_infer(void *self, struct lamina_plan *plan)
{
  (void)self;
  LAMINA_TRY(lamina_state(plan, 0, "first_moment", NULL, 0.0));
  return lamina_state(plan, 1, "second_moment", NULL, 0.0);
}

static inline double lamina_adam_rate(const void *self)
{
  const struct lamina_adam *adam = (const struct lamina_adam *)self;
  return adam->rate;
}

static inline double lamina_adam_keep(const void *self, double rate)
{
  const struct lamina_adam *adam = (const struct lamina_adam *)self;
  return lamina_decay_keep(adam->weight_decay, adam->decay_mode, rate);
}

static inline int32_t lamina_adam_step(void *self, struct lamina_call *call,
                                       const struct lamina_update *update)
{
  const struct lamina_adam *adam = (const struct lamina_adam *)self;
  double step = (double)update->step;
  struct lamina_adam_factors f;
  (void)call;
  f.shrink = (float)(1.0 - update->keep);
  f.scale = (float)update->grad_scale;
  f.beta1 = (float)adam->beta1;
  f.gain1 = (float)(1.0 - adam->beta1);
  f.beta2 = (float)adam->beta2;
  f.gain2 = (float)(1.0 - adam->beta2);
  f.rate = (float)(update->rate / (1.0 - pow(adam->beta1, step)));
  f.root = (float)(1.0 / sqrt(1.0 - pow(adam->beta2, step)));
  f.epsilon = (float)adam->epsilon;
  lamina_adam_range(update->weight, update->grad, update->state[0], update->state[1], update->n, f);
  return LAMINA_OK;
}

/** The functions of the table, for LAMINA_OPTIMIZER. */
#define LAMINA_ADAM_FUNCTIONS                                                       \
  .setup = lamina_adam_setup, .infer = lamina_adam_infer, .rate = lamina_adam_rate, \
  .keep = lamina_adam_keep, .step = lamina_adam_step

#ifdef __cplusplus
}
#endif
#endif
