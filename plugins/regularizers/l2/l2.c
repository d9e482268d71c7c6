/*
 * The penalty (lambda / 2) |w|^2; its gradient is lambda w. It is part of the loss, unlike the
 * weight decay of an optimizer.
 */
#include <lamina/reduce.h>
#include <lamina/regularizer.h>

struct l2 {
  double lambda;
};

static const struct lamina_setting settings[] = {
    LAMINA_F64_SCHEDULABLE_REQUIRED(struct l2, lambda, "[0, 1e30]", "strength of the penalty"),
};

LAMINA_CLONES
static double sum_squares(const float *weight, int64_t n)
{
  return lamina_dot_f32(weight, weight, n);
}

LAMINA_CLONES
static void add_gradient(float *restrict grad, const float *restrict weight, int64_t n,
                         float lambda)
{
  for (int64_t i = 0; i < n; i++) {
    grad[i] += lambda * weight[i];
  }
}

static int32_t apply(void *self, struct lamina_call *call, struct lamina_penalty *penalty)
{
  const struct l2 *l2 = self;
  (void)call;
  penalty->value = 0.5 * l2->lambda * sum_squares(penalty->weight, penalty->n);
  if (penalty->grad != NULL) {
    add_gradient(penalty->grad, penalty->weight, penalty->n, (float)l2->lambda);
  }
  return LAMINA_OK;
}

LAMINA_REGULARIZER(l2, "1.0.0", "half the sum of squares of the weights, times lambda", struct l2,
                   LAMINA_SETTINGS(settings), .apply = apply);
