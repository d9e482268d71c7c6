/*
 * bce: binary cross-entropy on logits, the loss of logistic regression: the mean over all elements.
 * The formula and the loops are in plugins/losses/binary.
 *
 * Shapes: z [N, ...]; y the same, or [N] for z [N, 1]. y is int32, 0 or 1, or float32 from 0 to 1.
 */
#include "binary/binary.h"

static int32_t infer(void *self, struct lamina_plan *plan)
{
  (void)self;
  return lm_binary_infer(plan, LM_OVER_ELEMENTS);
}

static int32_t forward(void *self, struct lamina_call *call)
{
  (void)self;
  return lm_binary_forward(call, LM_OVER_ELEMENTS);
}

static int32_t backward(void *self, struct lamina_call *call)
{
  (void)self;
  return lm_binary_backward(call, LM_OVER_ELEMENTS);
}

LAMINA_LOSS(bce, "1.0.0", "binary cross-entropy on logits", LAMINA_NOTHING, .infer = infer,
            .forward = forward, .backward = backward);
