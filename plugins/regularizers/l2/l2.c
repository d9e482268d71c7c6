/*
 * The penalty (lambda / 2) |w|^2; its gradient is lambda w. It is part of the loss, unlike the
 * weight decay of an optimizer.
 */
#include <lamina/math.h>
#include <lamina/regularizer.h>

struct l2 {
  double lambda;
};

static const struct lamina_setting settings[] = {
    LAMINA_F64_REQUIRED(struct l2, lambda, "[0, 1e30]", "strength of the penalty"),
};

/* The sum of squares, in eight parts that one vector instruction adds to. */
LAMINA_CLONES
static double sum_squares(const float *weight, int64_t n)
{
  double part[8] = {0.0};
  int64_t i = 0;
  for (; i + 8 <= n; i += 8) {
    for (int64_t j = 0; j < 8; j++) {
      part[j] += (double)weight[i + j] * (double)weight[i + j];
    }
  }
  for (; i < n; i++) {
    part[i % 8] += (double)weight[i] * (double)weight[i];
  }
  return ((part[0] + part[1]) + (part[2] + part[3])) + ((part[4] + part[5]) + (part[6] + part[7]));
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
