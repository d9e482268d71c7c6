/*
 * Signals: [T, C], time first, or [T] of one channel; in batches [N, T, C] and [N, T]. What data
 * sets and transforms of them have in common, above all resampling.
 *
 * lamina_resample() is band-limited interpolation (Smith and Gossett, "A flexible sampling-rate
 * conversion method", 1984): a number of the result is the sum of those of the signal around its
 * position, weighted by a sinc under a Hann window of 16 zero crossings a side, which is read
 * from a table by linear interpolation. When the result has fewer numbers, the sinc gets wider,
 * so that what they cannot hold is left out instead of folded back.
 */
#ifndef LAMINA_SIGNAL_H
#define LAMINA_SIGNAL_H

#include <math.h>
#include <string.h>

#include <lamina/plan.h>

#ifdef __cplusplus
extern "C" {
#endif

/** The size of a signal. */
struct lamina_signal {
  int64_t length, channels;
};

/** The size of the signals in [N, T, C] or [N, T]. */
static inline struct lamina_signal lamina_signal_of(const struct lamina_type *type)
{
  struct lamina_signal signal;
  signal.length = type->dims[1];
  signal.channels = type->rank > 2 ? type->dims[2] : 1;
  return signal;
}

/** Refuses a field that is not signals. [infer] */
static inline int32_t lamina_signal_infer(struct lamina_plan *plan, struct lamina_signal *signal)
{
  const struct lamina_type *x = lamina_in(plan, 0);
  signal->length = signal->channels = 0;
  if (x == NULL) {
    return LAMINA_E_SHAPE;
  }
  if (!lamina_type_is_f32(x) || x->rank < 2 || x->rank > 3) {
    return lamina_failf(plan->call, LAMINA_E_SHAPE,
                        "a record of the field has %u dimensions, expected a signal: [length] or "
                        "[length, channels]",
                        x->rank == 0 ? 0 : x->rank - 1);
  }
  *signal = lamina_signal_of(x);
  if (signal->length < 1 || signal->channels < 1 || signal->length > INT32_MAX / 2) {
    return lamina_failf(plan->call, LAMINA_E_SHAPE,
                        "signals of %lld numbers and %lld channels cannot be transformed",
                        (long long)signal->length, (long long)signal->channels);
  }
  return LAMINA_OK;
}

/* ---- resampling ---- */

enum {
  LAMINA_SINC_ZEROS = 16, /* zero crossings a side */
  LAMINA_SINC_STEPS = 512 /* entries of the table between two of them */
};
/** Floats of a table: one entry more than are asked for, as the end of the last step. */
#define LAMINA_SINC_TABLE (LAMINA_SINC_ZEROS * LAMINA_SINC_STEPS + 2)

/** Fills a table of LAMINA_SINC_TABLE floats, for lamina_resample(). */
static inline void lamina_sinc_fill(float *table)
{
  const double pi = 3.141592653589793;
  table[0] = 1.0f;
  for (int32_t i = 1; i < LAMINA_SINC_TABLE; i++) {
    double at = (double)i / LAMINA_SINC_STEPS;
    double window = cos(pi * at / (2 * LAMINA_SINC_ZEROS));
    double value = sin(pi * at) / (pi * at) * window * window;
    table[i] = i % LAMINA_SINC_STEPS == 0 || at >= LAMINA_SINC_ZEROS ? 0.0f : (float)value;
  }
}

/** How often a signal is read. */
struct lamina_resampling {
  const float *table;
  double step; /* from one number of the result to the next, in numbers of the signal; above 0 */
};

static inline void lamina_resample_one_(const struct lamina_resampling *how, const float *from,
                                        const struct lamina_signal *signal, double position,
                                        float *to)
{
  double cut = how->step > 1.0 ? 1.0 / how->step : 1.0;
  double first = ceil(position - LAMINA_SINC_ZEROS / cut);
  double last = floor(position + LAMINA_SINC_ZEROS / cut);
  int64_t channels = signal->channels;
  first = first < 0.0 ? 0.0 : first;
  last = last > (double)(signal->length - 1) ? (double)(signal->length - 1) : last;
  memset(to, 0, (size_t)channels * sizeof *to);
  for (int64_t k = (int64_t)first; (double)k <= last; k++) {
    double at = fabs(position - (double)k) * cut * LAMINA_SINC_STEPS;
    int64_t entry = (int64_t)at;
    float part = (float)(at - (double)entry);
    float weight = how->table[entry] + part * (how->table[entry + 1] - how->table[entry]);
    weight *= (float)cut;
    for (int64_t c = 0; c < channels; c++) {
      to[c] += weight * from[k * channels + c];
    }
  }
}

/**
 * Reads a signal at 0, step, 2 step, ... into `to`, which has length numbers of each channel and
 * is other memory. Beyond its ends the signal is 0.
 */
static inline void lamina_resample(const struct lamina_resampling *how, const float *from,
                                   const struct lamina_signal *signal, float *to, int64_t length)
{
  for (int64_t i = 0; i < length; i++) {
    lamina_resample_one_(how, from, signal, (double)i * how->step, to + i * signal->channels);
  }
}

#ifdef __cplusplus
}
#endif
#endif
