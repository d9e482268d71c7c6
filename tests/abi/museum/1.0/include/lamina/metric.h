/*
 * Metrics: numbers about predictions that are reported and not trained.
 *
 * A partial result is an array of doubles, zeroed by the host. update() adds a batch to it,
 * merge() adds another partial result, value() turns it into the number reported. Parts may be
 * merged in any grouping.
 */
#ifndef LAMINA_METRIC_H
#define LAMINA_METRIC_H

#include <lamina/plan.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Declares how many doubles a partial result has. */
static inline int32_t lamina_accumulators(struct lamina_plan *plan, uint32_t count)
{
  return plan->planner->accumulators(plan, count);
}

/** The table of a metric. Append-only. */
struct lamina_metric {
  uint32_t size, caps; /* caps: 0 */

  /** Checks settings against each other. Optional. */
  int32_t (*setup)(void *self, struct lamina_call *call);

  /** Checks the inputs (0 prediction, 1 target) and declares lamina_accumulators(). */
  int32_t (*infer)(void *self, struct lamina_plan *plan);

  /** Adds the call's LAMINA_IN tensors to part. */
  int32_t (*update)(void *self, struct lamina_call *call, double *part);

  /** Adds other to part. */
  void (*merge)(const void *self, double *part, const double *other);

  /** The number of a partial result; NaN when it holds no sample. */
  double (*value)(const void *self, const double *part);

  /** +1: larger is better, -1: smaller is better. NULL: -1. */
  int32_t (*direction)(const void *self);

  const void *(*extension)(const char *id);
};

/** Defines a metric plugin; arguments as of LAMINA_LAYER. */
#define LAMINA_METRIC(...) LAMINA_METRIC_(__VA_ARGS__)
#define LAMINA_METRIC_(name, version, summary, T, rows, n, ...)     \
  static const struct lamina_metric lamina_table_ = {               \
      .size = (uint32_t)sizeof(struct lamina_metric), __VA_ARGS__}; \
  LAMINA_PLUGIN(METRIC, metric, name, version, summary, T, rows, n, &lamina_table_)

#ifdef __cplusplus
}
#endif
#endif
