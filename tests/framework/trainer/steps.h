/*
 * A training that a test takes through its steps by itself, without a run folder; and a trace of
 * it: the loss of every step, then all weights and states, bit for bit.
 */
#ifndef TESTS_TRAINER_STEPS_H
#define TESTS_TRAINER_STEPS_H

#include <criterion/criterion.h>
#include <string.h>

#include "base/memory.h"
#include "tests/support/net.h"
#include "trainer/train_internal.h"

struct steps {
  struct ls_net net;
  struct lm_training training;
};

/* All that can fail ends the test. */
static inline void steps_open(struct steps *steps, const char *yaml, uint32_t threads)
{
  struct ls_net *net = &steps->net;
  *steps = (struct steps){0};
  cr_assert_eq(ls_net_build(net, yaml, threads), LAMINA_OK, "%s\n%s", net->error.text, yaml);
  cr_assert_eq(lm_experiment_open_data(net->experiment, &net->error), LAMINA_OK, "%s\n%s",
               net->error.text, yaml);
  steps->training = (struct lm_training){.experiment = net->experiment, .run = {.lock = -1}};
  cr_assert_eq(lm_training_prepare(&steps->training, &net->error), LAMINA_OK, "%s\n%s",
               net->error.text, yaml);
  cr_assert_eq(lm_engine_fit(steps->training.engine, &net->error), LAMINA_OK, "%s\n%s",
               net->error.text, yaml);
  steps->training.total_steps = UINT64_MAX;
  lm_training_begin_epoch(&steps->training);
  lm_training_begin_stretch(&steps->training);
}

static inline void steps_close(struct steps *steps)
{
  lm_engine_free(steps->training.engine);
  lm_free(steps->training.order);
  ls_net_release(&steps->net);
}

/* One step, and an evaluation and a new order before the first one of an epoch. */
static inline enum lamina_status steps_next(struct steps *steps)
{
  struct lm_training *training = &steps->training;
  struct lm_progress *progress = &training->progress;
  struct lm_engine *engine = training->engine;
  struct lm_error *error = &steps->net.error;
  struct lm_scores scores;
  if (progress->batch == training->batches_per_epoch) {
    if (engine->test.dataset != NULL) {
      LM_TRY(lm_engine_evaluate(engine, &engine->test, &scores, error));
    }
    *progress = (struct lm_progress){.step = progress->step, .epoch = progress->epoch + 1};
    lm_training_begin_epoch(training);
  }
  return lm_training_step(training, error);
}

enum { TRACE_STEPS = 14 };

struct trace {
  enum lamina_status status;
  double loss[TRACE_STEPS], penalty[TRACE_STEPS]; /* sums of the epoch so far */
  struct lm_text bits;                            /* of weights, optimizer's and layers' states */
};

/* Does step number `step`, from 0. It may be called on a thread of its own. */
static inline void trace_step(struct trace *trace, struct steps *steps, int step)
{
  enum lamina_status status = steps_next(steps);
  trace->status = trace->status == LAMINA_OK ? status : trace->status;
  trace->loss[step] = steps->training.progress.loss_sum;
  trace->penalty[step] = steps->training.progress.penalty_sum;
}

static inline void trace_end(struct trace *trace, const struct steps *steps)
{
  const struct lm_store *store = &steps->training.engine->store;
  lm_text_add_bytes(&trace->bits, (const char *)store->weights, store->n * sizeof(float));
  for (uint32_t i = 0; i < store->n_slots; i++) {
    lm_text_add_bytes(&trace->bits, (const char *)store->slots[i], store->trained * sizeof(float));
  }
  lm_text_add_bytes(&trace->bits, store->states, store->state_bytes);
}

static inline void trace_run(struct trace *trace, struct steps *steps)
{
  for (int i = 0; i < TRACE_STEPS; i++) {
    trace_step(trace, steps, i);
  }
  trace_end(trace, steps);
}

/* A whole run by itself. */
static inline void trace_alone(struct trace *trace, const char *yaml, uint32_t threads)
{
  struct steps steps;
  steps_open(&steps, yaml, threads);
  trace_run(trace, &steps);
  cr_assert_eq(trace->status, LAMINA_OK, "%s\n%s", steps.net.error.text, yaml);
  steps_close(&steps);
}

static inline bool trace_is_same(const struct trace *one, const struct trace *two)
{
  return memcmp(one->loss, two->loss, sizeof one->loss) == 0 &&
         memcmp(one->penalty, two->penalty, sizeof one->penalty) == 0 &&
         one->bits.length == two->bits.length &&
         memcmp(one->bits.bytes, two->bits.bytes, one->bits.length) == 0;
}

static inline void trace_expect_same(const struct trace *found, const struct trace *expected,
                                     const char *when)
{
  for (int i = 0; i < TRACE_STEPS; i++) {
    cr_assert(memcmp(&found->loss[i], &expected->loss[i], sizeof(double)) == 0,
              "%s: the loss of step %d is %.17g, expected %.17g", when, i, found->loss[i],
              expected->loss[i]);
  }
  cr_assert(trace_is_same(found, expected), "%s: penalties, weights or states differ", when);
}

#endif
