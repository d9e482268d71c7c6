/* Momentum: v = m v + g, w = keep w - rate v. */
#include <lamina/optimizer.h>

struct heavy {
  double rate, mass;
  LAMINA_DECAY_FIELDS;
};

static const struct lamina_setting settings[] = {
    LAMINA_F64_REQUIRED(struct heavy, rate, "(0, inf)", "learning rate"),
    LAMINA_F64(struct heavy, mass, "0.5", "[0, 1)", "share of the velocity kept"),
    LAMINA_DECAY_SETTINGS(struct heavy, "0"),
};

static int32_t setup(void *self, struct lamina_call *call)
{
  const struct heavy *heavy = self;
  return lamina_decay_check(call, heavy->weight_decay, heavy->decay_mode, heavy->rate);
}

static int32_t infer(void *self, struct lamina_plan *plan)
{
  (void)self;
  return lamina_state(plan, 0, "velocity", NULL, 0.0);
}

static double rate(const void *self)
{
  return ((const struct heavy *)self)->rate;
}

static double keep(const void *self, double rate_now)
{
  const struct heavy *heavy = self;
  return lamina_decay_keep(heavy->weight_decay, heavy->decay_mode, rate_now);
}

static int32_t step(void *self, struct lamina_call *call, const struct lamina_update *update)
{
  const float mass = (float)((const struct heavy *)self)->mass;
  float *velocity = update->state[0];
  if (update->n_state != 1 || update->step == 0) {
    return lamina_fail(call, LAMINA_E_PLUGIN, "an update without its state or number");
  }
  for (int64_t i = 0; i < update->n; i++) {
    velocity[i] = mass * velocity[i] + (float)update->grad_scale * update->grad[i];
    update->weight[i] = (float)update->keep * update->weight[i] - (float)update->rate * velocity[i];
  }
  return LAMINA_OK;
}

LAMINA_OPTIMIZER(heavy, "1.0.0", "momentum", struct heavy, LAMINA_SETTINGS(settings),
                 .setup = setup, .infer = infer, .rate = rate, .keep = keep, .step = step);
