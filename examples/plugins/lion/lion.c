/*
 * lion: steps of one size, by the sign of an average of gradients (Chen et al., "Symbolic
 * discovery of optimization algorithms", NeurIPS 2023, algorithm 2).
 *
 *   c = beta1 m + (1 - beta1) g     w = keep w - rate sign(c)     m = beta2 m + (1 - beta2) g
 *
 * sign(0) = 0. One number is kept for each weight, where Adam keeps two. The host hands out ranges
 * of all weights, in any order and on several threads: an element's new value comes from its own
 * weight, gradient and state alone.
 *
 * SPDX-License-Identifier: MIT
 */
#define LAMINA_LICENSE "MIT"
#include <lamina/math.h>
#include <lamina/optimizer.h>

enum { MOMENT = 0 };

struct lion {
  double rate, beta1, beta2;
  LAMINA_DECAY_FIELDS;
};

/* The YAML keys: the host checks them and fills them in. */
static const struct lamina_setting settings[] = {
    LAMINA_F64(struct lion, rate, "1e-4", "(0, inf)", "learning rate: the size of every step"),
    LAMINA_F64(struct lion, beta1, "0.9", "[0, 1)", "share of the moment in the sign's average"),
    LAMINA_F64(struct lion, beta2, "0.99", "[0, 1)", "share of the moment that is kept"),
    LAMINA_DECAY_SETTINGS(struct lion, "0"),
};

/** The constants of a step, in the precision of its loop. 1 - keep rounds less than keep. */
struct factors {
  float shrink, scale, beta1, gain1, beta2, gain2, rate;
};

/* LAMINA_CLONES: compiled for several instruction sets, of which the loader picks the best. */
LAMINA_CLONES
static void update_range(float *restrict weight, const float *restrict grad, float *restrict moment,
                         int64_t n, struct factors f)
{
  for (int64_t i = 0; i < n; i++) {
    float g = f.scale * grad[i];
    float c = f.beta1 * moment[i] + f.gain1 * g;
    moment[i] = f.beta2 * moment[i] + f.gain2 * g;
    /* A gradient that is not finite must not pass for one that is. */
    float sign = (float)((c > 0.0f) - (c < 0.0f)) + 0.0f * c;
    weight[i] -= f.shrink * weight[i] + f.rate * sign;
  }
}

static int32_t setup(void *self, struct lamina_call *call)
{
  const struct lion *lion = self;
  return lamina_decay_check(call, lion->weight_decay, lion->decay_mode, lion->rate);
}

/* Declares the numbers that are kept for each weight, by names that go into checkpoints. */
static int32_t infer(void *self, struct lamina_plan *plan)
{
  (void)self;
  return lamina_state(plan, MOMENT, "moment", NULL, 0.0);
}

static double rate(const void *self)
{
  const struct lion *lion = self;
  return lion->rate;
}

static double keep(const void *self, double at_rate)
{
  const struct lion *lion = self;
  return lamina_decay_keep(lion->weight_decay, lion->decay_mode, at_rate);
}

static int32_t step(void *self, struct lamina_call *call, const struct lamina_update *update)
{
  const struct lion *lion = self;
  struct factors f;
  (void)call;
  f.shrink = (float)(1.0 - update->keep);
  f.scale = (float)update->grad_scale;
  f.beta1 = (float)lion->beta1;
  f.gain1 = (float)(1.0 - lion->beta1);
  f.beta2 = (float)lion->beta2;
  f.gain2 = (float)(1.0 - lion->beta2);
  f.rate = (float)update->rate;
  update_range(update->weight, update->grad, update->state[MOMENT], update->n, f);
  return LAMINA_OK;
}

LAMINA_OPTIMIZER(lion, "1.0.0", "steps by the sign of an average of gradients", struct lion,
                 LAMINA_SETTINGS(settings), .setup = setup, .infer = infer, .rate = rate,
                 .keep = keep, .step = step);
