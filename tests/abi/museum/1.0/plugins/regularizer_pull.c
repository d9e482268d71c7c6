/* Pulls weights to zero: the penalty by w^2 / 2. */
#include <lamina/regularizer.h>

struct pull {
  double by;
};

static const struct lamina_setting settings[] = {
    LAMINA_F64(struct pull, by, "1/64", "[0, inf)", "strength"),
};

static int32_t apply(void *self, struct lamina_call *call, struct lamina_penalty *penalty)
{
  const struct pull *pull = self;
  (void)call;
  penalty->value = 0.0;
  for (int64_t i = 0; i < penalty->n; i++) {
    penalty->value += 0.5 * pull->by * (double)penalty->weight[i] * (double)penalty->weight[i];
    if (penalty->grad != NULL) {
      penalty->grad[i] += (float)pull->by * penalty->weight[i];
    }
  }
  return LAMINA_OK;
}

LAMINA_REGULARIZER(pull, "1.0.0", "by w^2 / 2", struct pull, LAMINA_SETTINGS(settings),
                   .apply = apply);
