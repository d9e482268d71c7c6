/*
 * Settings that are scheduled, against trainings in which they need not be: the weight of the
 * only loss is a factor of the learning rate, a dropout of rate 0 is none, and what is evaluated
 * knows nothing of schedules.
 */
#include <math.h>

#include "tests/framework/trainer/steps.h"
#include "tests/support/support.h"

#define DATA "data: {train: {moons: {samples: 40}}, holdout: 0.5}\n"
#define HEAD DATA "model:\n- {dense: {units: 8}}\n- tanh\n"
#define TAIL "- {dense: {units: 2}}\n"
#define LOSS "loss: cross_entropy\n"
#define SGD "optimizer: {sgd: {rate: 0.25}}\n"
#define STILL "optimizer: {sgd: {rate: 1e-30}}\n" /* weights stay as they are */
#define TRAIN "train: {batch: 4, seed: 5}\n"      /* five steps an epoch */

/* The weights behind so many steps; release with lm_free(). */
static float *train(const char *yaml, int count, size_t *n)
{
  struct steps steps;
  steps_open(&steps, yaml, 1);
  for (int i = 0; i < count; i++) {
    cr_assert_eq(steps_next(&steps), LAMINA_OK, "%s\n%s", steps.net.error.text, yaml);
  }
  const struct lm_store *store = &steps.training.engine->store;
  float *weights = lm_alloc(store->n, sizeof *weights);
  cr_assert_not_null(weights);
  memcpy(weights, store->weights, store->n * sizeof *weights);
  *n = store->n;
  steps_close(&steps);
  return weights;
}

static double difference(const char *one, const char *two, int steps)
{
  size_t n[2];
  float *a = train(one, steps, &n[0]), *b = train(two, steps, &n[1]);
  double most = 0.0;
  cr_assert_eq(n[0], n[1]);
  for (size_t i = 0; i < n[0]; i++) {
    most = fmax(most, fabs((double)a[i] - (double)b[i]));
  }
  lm_free(a);
  lm_free(b);
  return most;
}

Test(schedules, of_the_weight_of_a_loss_are_those_of_the_rate)
{
  static const char plain[] = HEAD TAIL LOSS SGD TRAIN;
  static const char *const schedules[] = {"{warmup: {epochs: 1.5}}", "{step: {every: 1}}",
                                          "growing"};
  for (size_t i = 0; i < sizeof schedules / sizeof schedules[0]; i++) {
    char *weight = lm_format(
        HEAD TAIL SGD TRAIN "loss: {cross_entropy: {}, schedule: {weight: %s}}\n", schedules[i]);
    char *rate = lm_format(HEAD TAIL LOSS SGD TRAIN "schedule: %s\n", schedules[i]);
    cr_expect_lt(difference(weight, rate, 12), 1e-5, "%s", schedules[i]);
    cr_expect_gt(difference(weight, plain, 12), 1e-3, "%s", schedules[i]);
    lm_free(weight);
    lm_free(rate);
  }
}

Test(schedules, of_a_penalty_are_felt_by_the_weights)
{
  static const char never[] = HEAD TAIL LOSS SGD TRAIN;
  static const char later[] = HEAD TAIL LOSS SGD TRAIN
      "regularizers: [{l2: {lambda: 1e-2}, schedule: {lambda: {warmup: {steps: 100000000}}}}]\n";
  static const char now[] = HEAD TAIL LOSS SGD TRAIN "regularizers: [{l2: {lambda: 1e-2}}]\n";
  static const char constant[] = HEAD TAIL LOSS SGD TRAIN
      "regularizers: [{l2: {lambda: 1e-2}, schedule: {lambda: constant}}]\n";
  cr_expect_lt(difference(never, later, 7), 1e-6);
  cr_expect_gt(difference(never, now, 7), 1e-4);
  cr_expect_eq(difference(constant, now, 7), 0.0);
}

/* The first step of a warm-up from 0 drops nothing, the second drops some. */
Test(schedules, of_a_dropout_begin_with_the_first_forward)
{
  static const char without[] = HEAD TAIL LOSS SGD TRAIN;
  static const char rising[] =
      HEAD "- {dropout: {rate: 0.8}, schedule: {rate: {warmup: {steps: 2}}}}\n" TAIL LOSS SGD TRAIN;
  cr_expect_eq(difference(without, rising, 1), 0.0);
  cr_expect_gt(difference(without, rising, 2), 1e-4);
}

static struct lm_scores evaluate(struct steps *steps)
{
  struct lm_scores scores;
  struct lm_engine *engine = steps->training.engine;
  cr_assert_eq(lm_engine_evaluate(engine, &engine->test, &scores, &steps->net.error), LAMINA_OK);
  return scores;
}

Test(schedules, are_not_those_of_evaluations)
{
  static const char yaml[] = HEAD TAIL STILL TRAIN
      "loss: {cross_entropy: {label_smoothing: 0.5}, weight: 3,\n"
      "  schedule: {weight: {warmup: {epochs: 2}}, label_smoothing: {warmup: {epochs: 2}}}}\n";
  static const char plain[] =
      HEAD TAIL STILL TRAIN "loss: {cross_entropy: {label_smoothing: 0.5}, weight: 3}\n";
  struct steps steps, expected;
  steps_open(&steps, yaml, 1);
  steps_open(&expected, plain, 1);
  const double wanted = evaluate(&expected).loss;
  const struct lm_scheduled *scheduled = steps.net.experiment->scheduled;
  for (int i = 0; i < 12; i++) {
    cr_assert_eq(steps_next(&steps), LAMINA_OK, "%s", steps.net.error.text);
    cr_expect_float_eq(*scheduled[0].number, 3.0 * fmin(i, 10) / 10.0, 1e-12, "step %d", i);
    cr_expect_float_eq(*scheduled[1].number, 0.5 * fmin(i, 10) / 10.0, 1e-12, "step %d", i);
    cr_expect_eq(evaluate(&steps).loss, wanted, "behind step %d", i);
    cr_expect_eq(*scheduled[0].number, 3.0);
    cr_expect_eq(*scheduled[1].number, 0.5);
  }
  steps_close(&steps);
  steps_close(&expected);
}

Test(schedules, outside_of_the_range_are_refused_with_step_and_value)
{
  static const struct {
    const char *yaml;
    int steps; /* that pass */
    const char *parts[4];
  } rows[] = {
      {HEAD "- {dropout: {rate: 0.3}, schedule: {rate: growing}}\n" TAIL LOSS SGD TRAIN,
       3,
       {"net.yaml:5:", "'rate' of node 'dropout'", "1.2 in step 4, 4 times 0.3",
        "expected a number in [0, 1)"}},
      {HEAD TAIL SGD TRAIN "loss: {cross_entropy: {}, weight: 2e38, schedule: {weight: growing}}\n",
       1,
       {"'weight' of loss 'cross_entropy'", "4e+38 in step 2", "expected a number that is finite",
        ""}},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    struct steps steps;
    steps_open(&steps, rows[i].yaml, 1);
    for (int k = 0; k < rows[i].steps && i == 0; k++) {
      cr_assert_eq(steps_next(&steps), LAMINA_OK, "%s", steps.net.error.text);
    }
    steps.training.progress.step = (uint64_t)rows[i].steps;
    cr_expect_eq(steps_next(&steps), LAMINA_E_INVALID);
    for (int p = 0; p < 4; p++) {
      cr_expect(strstr(steps.net.error.text, rows[i].parts[p]) != NULL, "no \"%s\" in: %s",
                rows[i].parts[p], steps.net.error.text);
    }
    steps_close(&steps);
  }
}
