/*
 * Initializers: a weight's first values, a pure function of its key, shape and fans.
 *
 * Random words come from lamina_random_u32(call, 0, ...); the stream is keyed by the seed and
 * the weight's name, so adding a layer does not change the others. Purpose 0 needs no
 * declaration here.
 */
#ifndef LAMINA_INITIALIZER_H
#define LAMINA_INITIALIZER_H

#include <lamina/plan.h>

#ifdef __cplusplus
extern "C" {
#endif

/** The weight to fill. Grows at the end. */
struct lamina_init {
  uint32_t size, reserved;
  const struct lamina_type *type; /* float32 */
  int64_t fan_in, fan_out;        /* 0 where the layer gave none */
  float *weight;
  int64_t n; /* elements of type */
};

/** The table of an initializer. Append-only. */
struct lamina_initializer {
  uint32_t size, caps; /* caps: 0 */

  /** Checks settings against each other. Optional. */
  int32_t (*setup)(void *self, struct lamina_call *call);

  /** Fills init->weight. */
  int32_t (*fill)(void *self, struct lamina_call *call, const struct lamina_init *init);

  const void *(*extension)(const char *id);
};

/** Defines an initializer plugin; arguments as of LAMINA_LAYER. */
#define LAMINA_INITIALIZER(...) LAMINA_INITIALIZER_(__VA_ARGS__)
#define LAMINA_INITIALIZER_(name, version, summary, T, rows, n, ...)     \
  static const struct lamina_initializer lamina_table_ = {               \
      .size = (uint32_t)sizeof(struct lamina_initializer), __VA_ARGS__}; \
  LAMINA_PLUGIN(INITIALIZER, initializer, name, version, summary, T, rows, n, &lamina_table_)

#ifdef __cplusplus
}
#endif
#endif
