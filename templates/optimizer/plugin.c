/*
 * @NAME@: RMSProp (Tieleman and Hinton, "Neural networks for machine learning", lecture 6.5,
 * 2012): each weight's step is divided by the running root mean square of its gradient.
 *
 *   v = decay v + (1 - decay) g^2     w = keep w - rate g / (sqrt(v) + epsilon)
 *
 * The host hands out ranges of all weights, in any order and on several threads: an element's
 * new value comes from its own weight, gradient and state alone.
 *
 * SPDX-License-Identifier: MIT
 */
#define LAMINA_LICENSE "MIT"
#include <math.h>

#include <lamina/math.h>
#include <lamina/optimizer.h>

enum { SQUARE = 0 };

struct @NAME@ {
  double rate, decay, epsilon;
  LAMINA_DECAY_FIELDS;
};

/* The YAML keys: the host checks them and fills them in. */
static const struct lamina_setting settings[] = {
    LAMINA_F64(struct @NAME@, rate, "1e-3", "(0, inf)", "learning rate"),
    LAMINA_F64(struct @NAME@, decay, "0.99", "[0, 1)", "share of the mean square that is kept"),
    LAMINA_F64(struct @NAME@, epsilon, "1e-8", "[1e-30, inf)", "added to the root mean square"),
    LAMINA_DECAY_SETTINGS(struct @NAME@, "0"),
};

/** The constants of a step, in the precision of its loop. 1 - keep rounds less than keep. */
struct @NAME@_factors {
  float shrink, scale, decay, gain, rate, epsilon;
};

/* LAMINA_CLONES: compiled for several instruction sets, of which the loader picks the best. */
LAMINA_CLONES
static void update_range(float *restrict weight, const float *restrict grad, float *restrict square,
                         int64_t n, struct @NAME@_factors f)
{
  for (int64_t i = 0; i < n; i++) {
    float g = f.scale * grad[i];
    float v = f.decay * square[i] + f.gain * g * g;
    square[i] = v;
    weight[i] -= f.shrink * weight[i] + f.rate * g / (sqrtf(v) + f.epsilon);
  }
}

static int32_t setup(void *self, struct lamina_call *call)
{
  const struct @NAME@ *own = self;
  return lamina_decay_check(call, own->weight_decay, own->decay_mode, own->rate);
}

/* Declares the numbers that are kept for each weight, by names that go into checkpoints. */
static int32_t infer(void *self, struct lamina_plan *plan)
{
  (void)self;
  return lamina_state(plan, SQUARE, "square", NULL, 0.0);
}

static double rate(const void *self)
{
  const struct @NAME@ *own = self;
  return own->rate;
}

static double keep(const void *self, double at_rate)
{
  const struct @NAME@ *own = self;
  return lamina_decay_keep(own->weight_decay, own->decay_mode, at_rate);
}

static int32_t step(void *self, struct lamina_call *call, const struct lamina_update *update)
{
  const struct @NAME@ *own = self;
  struct @NAME@_factors f;
  (void)call;
  f.shrink = (float)(1.0 - update->keep);
  f.scale = (float)update->grad_scale;
  f.decay = (float)own->decay;
  f.gain = (float)(1.0 - own->decay);
  f.rate = (float)update->rate;
  f.epsilon = (float)own->epsilon;
  update_range(update->weight, update->grad, update->state[SQUARE], update->n, f);
  return LAMINA_OK;
}

LAMINA_OPTIMIZER(@NAME@, "1.0.0", "steps divided by the running root mean square of gradients",
                 struct @NAME@, LAMINA_SETTINGS(settings), .setup = setup, .infer = infer,
                 .rate = rate, .keep = keep, .step = step);
