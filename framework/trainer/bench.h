/*
 * How fast an experiment trains: steps for a bounded time, without evaluation and without a run
 * folder. Floor 9.
 */
#ifndef LM_TRAINER_BENCH_H
#define LM_TRAINER_BENCH_H

#include "builder/experiment.h"

enum { LM_BENCH_REPETITIONS = 3 };

struct lm_bench_result {
  double steps_per_s, samples_per_s; /* medians of the repetitions */
  double slowest, fastest;           /* repetition, in samples_per_s */
  double first_step;                 /* monotonic clock when the first step was done */
  uint64_t steps;                    /* of all repetitions */
};

/**
 * Trains for a warm-up and LM_BENCH_REPETITIONS repetitions, each of at least one step. Epochs
 * follow each other without end; the schedule is taken to be at its beginning.
 * @param seconds  of each
 * @return LAMINA_OK; what training returns, LAMINA_E_NONFINITE among it
 */
enum lamina_status lm_bench(struct lm_experiment *experiment, double seconds,
                            struct lm_bench_result *result, struct lm_error *error) LM_MUST_CHECK;

#endif
