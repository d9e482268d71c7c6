/*
 * AdamW (Loshchilov and Hutter, ICLR 2019): Adam whose weights decay beside the gradient step
 * and not through the moments. The step itself is in lamina/adam.h.
 */
#include <lamina/adam.h>

static const struct lamina_setting settings[] = {
    LAMINA_ADAM_SETTINGS(struct lamina_adam),
    LAMINA_DECAY_SETTINGS(struct lamina_adam, "0.01"),
};

LAMINA_OPTIMIZER(adamw, "1.0.0", "Adam with decoupled weight decay", struct lamina_adam,
                 LAMINA_SETTINGS(settings), LAMINA_ADAM_FUNCTIONS);
