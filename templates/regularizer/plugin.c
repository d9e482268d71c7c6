/*
 * @NAME@: the elastic net (Zou and Hastie, "Regularization and variable selection via the elastic
 * net", 2005), a penalty between |w| and w^2.
 *
 *   P = lambda sum of (ratio |w| + (1 - ratio) w^2 / 2)
 *   dw += lambda (ratio sign(w) + (1 - ratio) w)     sign(0) = 0
 *
 * SPDX-License-Identifier: MIT
 */
#define LAMINA_LICENSE "MIT"
#include <math.h>

#include <lamina/math.h>
#include <lamina/regularizer.h>

struct @NAME@ {
  double lambda, ratio;
};

/* The YAML keys: the host checks them and fills them in. */
static const struct lamina_setting settings[] = {
    LAMINA_F64_SCHEDULABLE_REQUIRED(struct @NAME@, lambda, "[0, 1e30]", "strength of the penalty"),
    LAMINA_F64(struct @NAME@, ratio, "0.5", "[0, 1]",
               "1: sizes of weights alone, 0: squares alone"),
};

/* Summed in double, so that ranges added up give the whole. */
static double value_of(const float *weight, int64_t n, double ratio)
{
  double sum = 0.0;
  for (int64_t i = 0; i < n; i++) {
    double w = (double)weight[i];
    sum += ratio * fabs(w) + (1.0 - ratio) * 0.5 * w * w;
  }
  return sum;
}

/* LAMINA_CLONES: compiled for several instruction sets, of which the loader picks the best. */
LAMINA_CLONES
static void add_gradient(float *restrict grad, const float *restrict weight, int64_t n, float first,
                         float second)
{
  for (int64_t i = 0; i < n; i++) {
    float sign = (float)((weight[i] > 0.0f) - (weight[i] < 0.0f));
    grad[i] += first * sign + second * weight[i];
  }
}

static int32_t apply(void *self, struct lamina_call *call, struct lamina_penalty *penalty)
{
  const struct @NAME@ *own = self;
  (void)call;
  penalty->value = own->lambda * value_of(penalty->weight, penalty->n, own->ratio);
  if (penalty->grad != NULL) {
    add_gradient(penalty->grad, penalty->weight, penalty->n, (float)(own->lambda * own->ratio),
                 (float)(own->lambda * (1.0 - own->ratio)));
  }
  return LAMINA_OK;
}

LAMINA_REGULARIZER(@NAME@, "1.0.0", "a penalty between the sizes of weights and their squares",
                   struct @NAME@, LAMINA_SETTINGS(settings), .apply = apply);
