/*
 * Adam (Kingma and Ba, ICLR 2015), without weight decay unless asked for. The step itself is
 * in lamina/adam.h, because optimizer_adamw takes the same one.
 */
#include <lamina/adam.h>

static const struct lamina_setting settings[] = {
    LAMINA_ADAM_SETTINGS(struct lamina_adam),
    LAMINA_DECAY_SETTINGS(struct lamina_adam, "0"),
};

LAMINA_OPTIMIZER(adam, "1.0.0", "Adam: steps scaled by running moments of the gradient",
                 struct lamina_adam, LAMINA_SETTINGS(settings), LAMINA_ADAM_FUNCTIONS);
