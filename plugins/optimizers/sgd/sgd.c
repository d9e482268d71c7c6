/*
 * Gradient descent, with momentum (Polyak 1964) or Nesterov's variant if asked for, in the form
 * that PyTorch gives them: v = momentum * v + g, and the weight moves by -rate * v, or by
 * -rate * (g + momentum * v).
 *
 * Both moves are a * v + b * g, so that one loop serves them. The weight's decay and the
 * gradient's clipping are factors in the same pass over memory.
 */
#include <lamina/optimizer.h>
#include <lamina/math.h>

struct sgd {
  double rate, momentum;
  int32_t nesterov, reserved;
  LAMINA_DECAY_FIELDS;
};

static const struct lamina_setting settings[] = {
    LAMINA_F64(struct sgd, rate, "0.01", "(0, inf)", "learning rate"),
    LAMINA_F64(struct sgd, momentum, "0", "[0, 1)", "share of the velocity kept from step to step"),
    LAMINA_BOOL(struct sgd, nesterov, "false", "take the gradient's step ahead of the velocity"),
    LAMINA_DECAY_SETTINGS(struct sgd, "0"),
};

/* The constants of a step, in the precision of its loop. 1 - keep rounds less than keep. */
struct factors {
  float shrink, momentum, scale; /* w -= shrink w + ..., v = momentum v + scale g */
  float velocity, grad;          /* ... = velocity v + grad g */
};

LAMINA_CLONES
static void descend(float *restrict weight, const float *restrict grad, int64_t n, struct factors f)
{
  for (int64_t i = 0; i < n; i++) {
    weight[i] -= f.shrink * weight[i] + f.grad * grad[i];
  }
}

LAMINA_CLONES
static void descend_with_momentum(float *restrict weight, const float *restrict grad,
                                  float *restrict velocity, int64_t n, struct factors f)
{
  for (int64_t i = 0; i < n; i++) {
    float v = f.momentum * velocity[i] + f.scale * grad[i];
    velocity[i] = v;
    weight[i] -= f.shrink * weight[i] + (f.velocity * v + f.grad * grad[i]);
  }
}

static int32_t setup(void *self, struct lamina_call *call)
{
  const struct sgd *sgd = self;
  if (sgd->nesterov && !(sgd->momentum > 0.0)) {
    return lamina_fail(call, LAMINA_E_INVALID,
                       "nesterov: true needs a momentum above 0, such as momentum: 0.9");
  }
  return lamina_decay_check(call, sgd->weight_decay, sgd->decay_mode, sgd->rate);
}

static int32_t infer(void *self, struct lamina_plan *plan)
{
  const struct sgd *sgd = self;
  return sgd->momentum > 0.0 ? lamina_state(plan, 0, "momentum", NULL, 0.0) : LAMINA_OK;
}

static double rate(const void *self)
{
  const struct sgd *sgd = self;
  return sgd->rate;
}

static double keep(const void *self, double at_rate)
{
  const struct sgd *sgd = self;
  return lamina_decay_keep(sgd->weight_decay, sgd->decay_mode, at_rate);
}

static int32_t step(void *self, struct lamina_call *call, const struct lamina_update *update)
{
  const struct sgd *sgd = self;
  struct factors f;
  (void)call;
  f.shrink = (float)(1.0 - update->keep);
  f.momentum = (float)sgd->momentum;
  f.scale = (float)update->grad_scale;
  if (!(sgd->momentum > 0.0)) {
    f.velocity = 0.0f;
    f.grad = (float)(update->rate * update->grad_scale);
    descend(update->weight, update->grad, update->n, f);
    return LAMINA_OK;
  }
  f.velocity = (float)(sgd->nesterov ? update->rate * sgd->momentum : update->rate);
  f.grad = (float)(sgd->nesterov ? update->rate * update->grad_scale : 0.0);
  descend_with_momentum(update->weight, update->grad, update->state[0], update->n, f);
  return LAMINA_OK;
}

LAMINA_OPTIMIZER(sgd, "1.0.0", "gradient descent, with momentum if asked for", struct sgd,
                 LAMINA_SETTINGS(settings), .setup = setup, .infer = infer, .rate = rate,
                 .keep = keep, .step = step);
