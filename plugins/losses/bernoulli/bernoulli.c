/*
 * bernoulli: the negative log likelihood of data from 0 to 1 under independent Bernoulli variables
 * whose logits are predicted: the sum over a sample, the mean over the batch. The reconstruction
 * term of a variational autoencoder. The formula and the loops are in plugins/losses/binary.
 *
 * Shapes: z [N, ...] float32; y of any shape with as many elements a sample, int32 or float32.
 */
#include "binary/binary.h"

static int32_t infer(void *self, struct lamina_plan *plan)
{
  (void)self;
  return lm_binary_infer(plan, LM_OVER_SAMPLES);
}

static int32_t forward(void *self, struct lamina_call *call)
{
  (void)self;
  return lm_binary_forward(call, LM_OVER_SAMPLES);
}

static int32_t backward(void *self, struct lamina_call *call)
{
  (void)self;
  return lm_binary_backward(call, LM_OVER_SAMPLES);
}

LAMINA_LOSS(bernoulli, "1.0.0", "negative log likelihood of Bernoulli variables, by their logits",
            LAMINA_NOTHING, .infer = infer, .forward = forward, .backward = backward);
