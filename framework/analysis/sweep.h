/*
 * Sweeps: one experiment with other values in it, all combinations, and what each run came to.
 * Floor 10.
 */
#ifndef LM_ANALYSIS_SWEEP_H
#define LM_ANALYSIS_SWEEP_H

#include "builder/experiment.h"

enum { LM_SWEEP_VARIED = 8, LM_SWEEP_RUNS = 1000 };

/** A key of the experiment and the values that it takes, as YAML. */
struct lm_variation {
  char *key;
  char **values;
  size_t count, capacity;
};

/** Variations, of which the last one changes fastest; zero-initialise. */
struct lm_sweep {
  struct lm_variation items[LM_SWEEP_VARIED];
  size_t count;
  size_t runs; /* combinations */
};

/**
 * Adds a variation such as "vars.latent=2,4,8". Commas in brackets, braces and quotes are a
 * value's own.
 * @return LAMINA_OK; LAMINA_E_USAGE for what is not of that form, and for more than
 *         LM_SWEEP_VARIED variations or LM_SWEEP_RUNS combinations; LAMINA_E_NOMEM
 */
enum lamina_status lm_sweep_add(struct lm_sweep *sweep, const char *text,
                                struct lm_error *error) LM_MUST_CHECK;
void lm_sweep_release(struct lm_sweep *sweep);

/** Which value a variation has in a run. */
size_t lm_sweep_choice(const struct lm_sweep *sweep, size_t run, size_t item);

/** The override that a variation is in a run: "vars.latent=4"; release with lm_free(). */
char *lm_sweep_override(const struct lm_sweep *sweep, size_t run, size_t item);

/** All of them, with commas between and '_' for '/': a name for a folder; lm_free(). */
char *lm_sweep_name(const struct lm_sweep *sweep, size_t run);

/** What the last epoch of a run came to; NaN where a number is missing. */
struct lm_run_summary {
  int64_t epochs;
  double train_loss, eval_loss;
  double metrics[LM_MAX_FACTS]; /* on the evaluation data, or that of training without any */
  double seconds;               /* of all epochs */
};

/**
 * Reads the metrics.jsonl of a run.
 * @return LAMINA_OK; LAMINA_E_MISSING; LAMINA_E_INVALID for what is no such file
 */
enum lamina_status lm_run_summary_read(const char *path, const struct lm_experiment *experiment,
                                       struct lm_run_summary *out,
                                       struct lm_error *error) LM_MUST_CHECK;

#endif
