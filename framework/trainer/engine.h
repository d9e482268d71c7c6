/*
 * An engine: an experiment with everything that runs it - store, executor, loaders, updater.
 * Floor 9.
 */
#ifndef LM_TRAINER_ENGINE_H
#define LM_TRAINER_ENGINE_H

#include "builder/experiment.h"
#include "data/loader.h"
#include "executor/executor.h"
#include "executor/update.h"

/** Part of a data set that is gone through. */
struct lm_portion {
  struct lm_dataset *dataset; /* NULL: there is none */
  struct lm_loader *loader;
  int64_t *index; /* [count] record numbers */
  int64_t count;
  uint32_t fields[LM_MAX_FACTS]; /* by source: which field feeds it */
};

struct lm_engine {
  struct lm_experiment *experiment; /* borrowed */
  struct lm_store store;
  struct lm_executor *executor;
  struct lm_updater *updater; /* NULL unless it trains */
  struct lm_portion train, test;
  bool *keep; /* by node */
};

/** What an engine is for. */
enum lm_purpose {
  LM_TO_TRAIN = 0,    /* weights initialised, updater made, transforms fitted by lm_engine_fit */
  LM_TO_EVALUATE = 1, /* weights are loaded afterwards */
  LM_TO_PREDICT = 2   /* likewise, and there is no data: the portions stay empty */
};

/**
 * Makes an engine; the experiment's data must be open unless it is LM_TO_PREDICT.
 * @param out  owned by the caller, release with lm_engine_free()
 */
enum lamina_status lm_engine_create(struct lm_experiment *experiment, enum lm_purpose purpose,
                                    struct lm_engine **out, struct lm_error *error) LM_MUST_CHECK;
void lm_engine_free(struct lm_engine *engine);

/**
 * Lets an engine that does not train work with another pool, which becomes its experiment's.
 * Programs are made anew. Nothing changes on failure.
 */
enum lamina_status lm_engine_move(struct lm_engine *engine, struct lm_pool *pool,
                                  struct lm_error *error) LM_MUST_CHECK;

/** Lets the transforms learn from the training portion. */
enum lamina_status lm_engine_fit(struct lm_engine *engine, struct lm_error *error) LM_MUST_CHECK;

/** Connects a batch made by a loader to a program's sources. */
void lm_engine_connect(const struct lm_engine *engine, const struct lm_portion *portion,
                       struct lm_program *program);

/** Gives what is scheduled its values for a step of training; refused outside of their ranges. */
enum lamina_status lm_engine_schedule(struct lm_engine *engine, const struct lamina_progress *when,
                                      struct lm_error *error) LM_MUST_CHECK;
/** Gives what is scheduled the values of the file again: for everything but training steps. */
void lm_engine_unschedule(struct lm_engine *engine);

/** Numbers about one pass over data. */
struct lm_scores {
  double loss;                  /* mean over samples, of the data term */
  double penalty;               /* of the regularizers; training only */
  double metrics[LM_MAX_FACTS]; /* in the order of the experiment */
};

/** Clears the metrics' partial results, or reads the numbers off them. */
void lm_engine_clear_metrics(struct lm_engine *engine);
void lm_engine_read_metrics(struct lm_engine *engine, struct lm_scores *scores);

/** The weighted sum of the losses of the pass that ran last. */
double lm_engine_loss(const struct lm_engine *engine, const struct lm_program *program);

/** Goes through a portion without training. */
enum lamina_status lm_engine_evaluate(struct lm_engine *engine, const struct lm_portion *portion,
                                      struct lm_scores *scores,
                                      struct lm_error *error) LM_MUST_CHECK;

#endif
