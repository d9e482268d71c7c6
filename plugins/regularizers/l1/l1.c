/*
 * The penalty lambda |w|, which drives weights to 0. Its subgradient is lambda sign(w), and 0
 * at 0.
 */
#include <math.h>

#include <lamina/math.h>
#include <lamina/regularizer.h>

struct l1 {
  double lambda;
};

static const struct lamina_setting settings[] = {
    LAMINA_F64_SCHEDULABLE_REQUIRED(struct l1, lambda, "[0, 1e30]", "strength of the penalty"),
};

/* The sum of sizes, in eight parts that one vector instruction adds to. */
LAMINA_CLONES
static double sum_sizes(const float *weight, int64_t n)
{
  double part[8] = {0.0};
  int64_t i = 0;
  for (; i + 8 <= n; i += 8) {
    for (int64_t j = 0; j < 8; j++) {
      part[j] += fabs((double)weight[i + j]);
    }
  }
  for (; i < n; i++) {
    part[i % 8] += fabs((double)weight[i]);
  }
  return ((part[0] + part[1]) + (part[2] + part[3])) + ((part[4] + part[5]) + (part[6] + part[7]));
}

LAMINA_CLONES
static void add_gradient(float *restrict grad, const float *restrict weight, int64_t n,
                         float lambda)
{
  for (int64_t i = 0; i < n; i++) {
    grad[i] += lambda * (float)((weight[i] > 0.0f) - (weight[i] < 0.0f));
  }
}

static int32_t apply(void *self, struct lamina_call *call, struct lamina_penalty *penalty)
{
  const struct l1 *l1 = self;
  (void)call;
  penalty->value = l1->lambda * sum_sizes(penalty->weight, penalty->n);
  if (penalty->grad != NULL) {
    add_gradient(penalty->grad, penalty->weight, penalty->n, (float)l1->lambda);
  }
  return LAMINA_OK;
}

LAMINA_REGULARIZER(l1, "1.0.0", "sum of the sizes of the weights, times lambda", struct l1,
                   LAMINA_SETTINGS(settings), .apply = apply);
