/*
 * Parts of models in use: codes to samples, and records to codes. Floor 10.
 */
#ifndef LM_ANALYSIS_PART_RUN_H
#define LM_ANALYSIS_PART_RUN_H

#include "trainer/engine.h"

/** What one output of a part, or of a model, is for one sample. */
struct lm_output {
  struct lm_shape record;
  int64_t width;    /* its elements */
  const char *name; /* borrowed */
};

/**
 * The output of an experiment that has one, of float32.
 * @return LAMINA_OK; LAMINA_E_INVALID with the names of several; LAMINA_E_UNSUPPORTED
 */
enum lamina_status lm_part_output(const struct lm_experiment *experiment, struct lm_output *out,
                                  struct lm_error *error) LM_MUST_CHECK;

/**
 * How many numbers the code is that a part reads.
 * @param fields  those of the model's own data, which a code is none of
 * @return LAMINA_OK; LAMINA_E_INVALID when the part reads fields of data, or several things, or
 *         nothing (a code of size 0)
 */
enum lamina_status lm_part_code_width(const struct lm_experiment *experiment,
                                      const struct lm_declared_field *fields, uint32_t n_fields,
                                      int64_t *width, struct lm_error *error) LM_MUST_CHECK;

/**
 * Runs a part on codes of the caller's, batch by batch.
 * @param engine  made LM_TO_PREDICT of a part that reads one thing, with its weights
 * @param codes   [count, lm_part_code_width()]
 * @param out     [count, width of lm_part_output()]
 */
enum lamina_status lm_part_decode(struct lm_engine *engine, const float *codes, int64_t count,
                                  float *out, struct lm_error *error) LM_MUST_CHECK;

/** Records of a data set as codes; zero-initialise, release with lm_codes_release(). */
struct lm_codes {
  float *numbers; /* [count, width] */
  int64_t count, width;
  int32_t *labels; /* [count] of the data's field target; NULL where it holds no classes */
  int64_t classes; /* labels are below it */
};

/**
 * Runs a part on records of the engine's training portion.
 * @param index  count numbers of records in the portion, in any order
 */
enum lamina_status lm_part_encode(struct lm_engine *engine, const int64_t *index, int64_t count,
                                  struct lm_codes *out, struct lm_error *error) LM_MUST_CHECK;
void lm_codes_release(struct lm_codes *codes);

#endif
