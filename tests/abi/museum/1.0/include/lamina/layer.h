/*
 * Layers: functions of tensors with weights, and their vector-Jacobian product.
 *
 * The instance is a struct of the plugin's own; the host allocates and zeroes it and fills in
 * the settings before setup(). A node of a model is one instance.
 */
#ifndef LAMINA_LAYER_H
#define LAMINA_LAYER_H

#include <lamina/plan.h>

#ifdef __cplusplus
extern "C" {
#endif

/** The table of a layer, and of a loss. Append-only. */
struct lamina_layer {
  uint32_t size, caps; /* caps: 0 */

  /** Checks settings against each other; looks services up. Optional. [once, first] */
  int32_t (*setup)(void *self, struct lamina_call *call);

  /** Declares outputs, weights, what backward reads ... for the given inputs. Pure. */
  int32_t (*infer)(void *self, struct lamina_plan *plan);

  /** Computes the outputs. */
  int32_t (*forward)(void *self, struct lamina_call *call);

  /**
   * Computes the gradients of inputs and weights that are requested from the gradients of the
   * outputs. NULL: the layer is not differentiable, and training through it is refused.
   */
  int32_t (*backward)(void *self, struct lamina_call *call);

  /** Tables of optional abilities by id, such as those of lamina/span.h. Optional. */
  const void *(*extension)(const char *id);
};

/**
 * Defines a layer plugin. T, rows, n: struct my_layer, LAMINA_SETTINGS(settings), or
 * LAMINA_NOTHING for both. The rest are the table's functions by name: .infer = infer, ...
 */
#define LAMINA_LAYER(...) LAMINA_LAYER_(__VA_ARGS__)
#define LAMINA_LAYER_(name, version, summary, T, rows, n, ...)                                     \
  static const struct lamina_layer lamina_table_ = {.size = (uint32_t)sizeof(struct lamina_layer), \
                                                    __VA_ARGS__};                                  \
  LAMINA_PLUGIN(LAYER, layer, name, version, summary, T, rows, n, &lamina_table_)

#ifdef __cplusplus
}
#endif
#endif
