/*
 * Elementwise layers: y = value(x) and its derivative are all that an author writes.
 *
 * LAMINA_POINTWISE makes the plugin: infer, forward, backward for every gradient request, in
 * place where that is safe, on all threads, in vector code, and the extension
 * "lamina.layer.pointwise/1" by which a host may run the function inside another layer's loop.
 * A whole activation:
 *
 *   #include <lamina/pointwise.h>
 *
 *   struct leaky_relu {
 *     double slope;
 *   };
 *
 *   static const struct lamina_setting settings[] = {
 *       LAMINA_F64(struct leaky_relu, slope, "0.01", "[0, inf)", "factor of negative inputs"),
 *   };
 *
 *   // y = x for x > 0, slope x otherwise.
 *   LAMINA_INLINE float value(const struct leaky_relu *self, float x)
 *   {
 *     return lamina_selectf(x > 0.0f, x, (float)self->slope * x);
 *   }
 *
 *   // From y: since slope >= 0, its sign is the sign of x, and x may be overwritten.
 *   LAMINA_INLINE float derivative(const struct leaky_relu *self, float y)
 *   {
 *     return lamina_selectf(y > 0.0f, 1.0f, (float)self->slope);
 *   }
 *
 *   LAMINA_POINTWISE(leaky_relu, "1.0.0", "max(x, slope x), elementwise", struct leaky_relu,
 *                    LAMINA_SETTINGS(settings), value, derivative, LAMINA_OUT);
 *
 * The two functions must be LAMINA_INLINE, without branches and calls: use lamina_selectf and
 * the functions of lamina/math.h, or a loop over them stays slow.
 */
#ifndef LAMINA_POINTWISE_H
#define LAMINA_POINTWISE_H

#include <string.h>

#include <lamina/expect.h>
#include <lamina/layer.h>
#include <lamina/math.h>
#include <lamina/span.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * Defines an elementwise layer plugin.
 *
 * @param name, version, summary, T, rows, n  as of LAMINA_LAYER
 * @param value       float value(const T *self, float x)
 * @param derivative  float derivative(const T *self, float ref), of y with respect to x
 * @param READS       what ref is: LAMINA_OUT, y, and then the layer may work in place;
 *                    LAMINA_IN, x; LAMINA_READS_NOTHING
 */
#define LAMINA_POINTWISE(...) LAMINA_POINTWISE_(__VA_ARGS__)
#define LAMINA_POINTWISE_(name, version, summary, T, rows, n, value, derivative, READS)    \
  LAMINA_CLONES static void lamina_values_(const T *instance, const float *x, float *y,    \
                                           int64_t count)                                  \
  {                                                                                        \
    const T self = *instance;                                                              \
    LAMINA_INDEPENDENT                                                                     \
    for (int64_t i = 0; i < count; i++) {                                                  \
      y[i] = value(&self, x[i]);                                                           \
    }                                                                                      \
  }                                                                                        \
  LAMINA_CLONES static void lamina_gradients_write_(const T *instance,                     \
                                                    const struct lamina_span *span)        \
  {                                                                                        \
    const T self = *instance;                                                              \
    const float *dy = span->from, *ref = span->ref;                                        \
    float *dx = span->to;                                                                  \
    LAMINA_INDEPENDENT                                                                     \
    for (int64_t i = 0; i < span->count; i++) {                                            \
      dx[i] = dy[i] * derivative(&self, (READS) == LAMINA_READS_NOTHING ? 0.0f : ref[i]);  \
    }                                                                                      \
  }                                                                                        \
  LAMINA_CLONES static void lamina_gradients_add_(const T *instance,                       \
                                                  const struct lamina_span *span)          \
  {                                                                                        \
    const T self = *instance;                                                              \
    const float *dy = span->from, *ref = span->ref;                                        \
    float *dx = span->to;                                                                  \
    LAMINA_INDEPENDENT                                                                     \
    for (int64_t i = 0; i < span->count; i++) {                                            \
      dx[i] += dy[i] * derivative(&self, (READS) == LAMINA_READS_NOTHING ? 0.0f : ref[i]); \
    }                                                                                      \
  }                                                                                        \
  static int32_t lamina_value_(const void *self, struct lamina_call *call,                 \
                               const struct lamina_span *span)                             \
  {                                                                                        \
    (void)call;                                                                            \
    lamina_values_((const T *)self, span->from, span->to, span->count);                    \
    return LAMINA_OK;                                                                      \
  }                                                                                        \
  static int32_t lamina_gradient_(const void *self, struct lamina_call *call,              \
                                  const struct lamina_span *span)                          \
  {                                                                                        \
    (void)call;                                                                            \
    (span->add ? lamina_gradients_add_ : lamina_gradients_write_)((const T *)self, span);  \
    return LAMINA_OK;                                                                      \
  }                                                                                        \
  static const struct lamina_pointwise lamina_pointwise_ = {                               \
      (uint32_t)sizeof(struct lamina_pointwise),                                           \
      READS,                                                                               \
      lamina_value_,                                                                       \
      lamina_gradient_,                                                                    \
      0,                                                                                   \
      0,                                                                                   \
      NULL};                                                                               \
  static int32_t lamina_infer_(void *self, struct lamina_plan *plan)                       \
  {                                                                                        \
    (void)self;                                                                            \
    return lamina_pointwise_infer(&lamina_pointwise_, plan);                               \
  }                                                                                        \
  static int32_t lamina_forward_(void *self, struct lamina_call *call)                     \
  {                                                                                        \
    return lamina_pointwise_forward(&lamina_pointwise_, self, call);                       \
  }                                                                                        \
  static int32_t lamina_backward_(void *self, struct lamina_call *call)                    \
  {                                                                                        \
    return lamina_pointwise_backward(&lamina_pointwise_, self, call);                      \
  }                                                                                        \
  static const void *lamina_extension_(const char *id)                                     \
  {                                                                                        \
    return strcmp(id, LAMINA_POINTWISE_ID) == 0 ? &lamina_pointwise_ : NULL;               \
  }                                                                                        \
  static const struct lamina_layer lamina_table_ = {(uint32_t)sizeof(struct lamina_layer), \
                                                    0,                                     \
                                                    NULL,                                  \
                                                    lamina_infer_,                         \
                                                    lamina_forward_,                       \
                                                    lamina_backward_,                      \
                                                    lamina_extension_};                    \
  LAMINA_PLUGIN(LAYER, layer, name, version, summary, T, rows, n, &lamina_table_)

#ifdef __cplusplus
}
#endif
#endif
