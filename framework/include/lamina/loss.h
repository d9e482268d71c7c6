/*
 * Losses: what training makes small.
 *
 * A loss has the table of a layer. Input 0 is the prediction, input 1 the target (a loss may
 * take other inputs, or one). Output 0 is one float32, rank 0: the mean over the batch. Its
 * gradient, read by lamina_grad(call, LAMINA_OUT, 0, NULL), is the weight of this loss in the
 * sum that is trained, so backward multiplies by it. Targets get LAMINA_SKIP unless they are
 * computed by the model. A batch of 0 samples has loss 0.
 */
#ifndef LAMINA_LOSS_H
#define LAMINA_LOSS_H

#include <lamina/layer.h>

/** Defines a loss plugin; arguments as of LAMINA_LAYER. */
#define LAMINA_LOSS(...) LAMINA_LOSS_(__VA_ARGS__)
#define LAMINA_LOSS_(name, version, summary, T, rows, n, ...)                     \
  static const struct lamina_layer lamina_table_ = {                             \
      .size = (uint32_t)sizeof(struct lamina_layer), __VA_ARGS__};               \
  LAMINA_PLUGIN(LOSS, loss, name, version, summary, T, rows, n, &lamina_table_)

#endif
