/*
 * Scores of records, with nets whose weights are set by hand, so that each score has a formula.
 */
#include "analysis/scores.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "analysis/outliers.h"
#include "base/memory.h"
#include "tests/support/net.h"
#include "tests/support/support.h"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))
#define REST "optimizer: sgd\ntrain: {epochs: 1, batch: 4}\n"

static void score(struct ls_net *net, double *scores)
{
  struct lm_error error = {0};
  cr_assert(lm_scores_compute(net->engine, &net->engine->train, scores, NULL, -1, &error) ==
                LAMINA_OK,
            "%s", error.text);
}

static void set_weights(struct ls_net *net, const char *name, const float *values, size_t count)
{
  memcpy(ls_weights(net, name), values, count * sizeof *values);
}

/* A code as wide as the input can be the identity, which copies whatever comes. */
Test(scores, of_an_identity_are_zero_whatever_comes)
{
  static const float identity[] = {1, 0, 0, 0, 1, 0, 0, 0, 1};
  struct ls_net net = {0};
  double scores[6];
  ls_net_open(&net,
              "data: {train: {two_fields: {samples: 6, width: 3,\n"
              "  values: [0, 0.5, 1, 1e6, -1e6, 3, 7, -900, 1e-9, 5e4, 2, 77]}}}\n"
              "model: [{dense: {units: 3}, name: a}, {dense: {units: 3}, name: b}]\n"
              "loss: {mse: {}, inputs: [b, input]}\n" REST,
              1);
  set_weights(&net, "a/weight", identity, 9);
  set_weights(&net, "b/weight", identity, 9);
  score(&net, scores);
  for (int i = 0; i < 6; i++) {
    cr_expect_eq(scores[i], 0.0, "record %d scores %g", i, scores[i]);
  }
  ls_net_release(&net);
}

/* A code of one number that means (t, t) has the diagonal as its manifold: (x, y) scores
 * (x - y)^2 / 4 whatever its distance from the normals on the diagonal. */
Test(scores, miss_outliers_on_the_manifold_that_was_learnt)
{
  static const float encoder[] = {0.5f, 0.5f}, decoder[] = {1, 1};
  struct ls_net net = {0};
  struct lm_threshold threshold;
  double scores[22];
  /* Normals near the diagonal, then one outlier beside it and one far out on it. */
  ls_net_open(&net,
              "data: {train: {two_fields: {samples: 22, width: 2, values: [\n"
              "  -1, -1.1, -0.9, -0.8, -0.7, -0.7, -0.6, -0.5, -0.5, -0.55, -0.4, -0.42,\n"
              "  -0.3, -0.31, -0.2, -0.1, -0.1, -0.1, 0, 0.1, 0.1, 0.2, 0.2, 0.25, 0.3, 0.31,\n"
              "  0.4, 0.42, 0.5, 0.5, 0.6, 0.65, 0.7, 0.6, 0.8, 0.82, 0.9, 1, 1, 1.05,\n"
              "  1, -1, 1000, 1000]}}}\n"
              "model: [{dense: {units: 1}, name: a}, {dense: {units: 2}, name: b}]\n"
              "loss: {mse: {}, inputs: [b, input]}\n" REST,
              1);
  set_weights(&net, "a/weight", encoder, 2);
  set_weights(&net, "b/weight", decoder, 2);
  score(&net, scores);
  double beside = scores[20], on = scores[21];
  lm_scores_sort(scores, 20);
  struct lm_threshold_options options = {.rate = 0.05, .confidence = 0.95};
  cr_assert(lm_threshold_set(scores, 20, &options, &threshold, NULL) == LAMINA_OK);
  cr_expect_eq(beside, 1.0);
  cr_expect(beside > threshold.value, "%g is flagged", beside);
  cr_expect_eq(on, 0.0);
  cr_expect(on <= threshold.value, "%g is missed", on);
  ls_net_release(&net);
}

#define DIGITS                                                           \
  "data:\n  train: {csv: {file: %s/data/digits.csv.gz, target: last}}\n" \
  "  transforms: [{scale: {by: 1/16}}, {noise: {deviation: 0.5}}]\n"     \
  "model:\n- {dense: {units: 24}}\n- relu\n- {dropout: {rate: 0.3}}\n"   \
  "- {dense: {units: 64}, name: o}\n- sigmoid\n"                         \
  "loss:\n- {mse: {}, inputs: [sigmoid, input], weight: 2}\n"            \
  "- {bce: {}, inputs: [o, input], weight: 0.5}\n" REST

/* In any order, beside any others, with any number of threads; random parts do not act. */
Test(scores, of_a_record_depend_on_the_record_alone)
{
  enum { N = 300 };
  double scores[3][N];
  struct lm_error error = {0};
  char *yaml = lm_format(DIGITS, ls_environment("LAMINA_TEST_SOURCE"));
  for (uint32_t run = 0; run < 3; run++) {
    struct ls_net net = {0};
    int32_t labels[N];
    ls_net_open(&net, yaml, run == 2 ? 3 : 1);
    struct lm_portion portion = net.engine->train;
    portion.count = N;
    for (int64_t i = 0; run == 1 && i < N; i++) {
      portion.index[i] = N - 1 - i;
    }
    int32_t field = lm_scores_label_field(portion.dataset);
    cr_assert(field >= 0);
    cr_assert(lm_scores_compute(net.engine, &portion, scores[run], labels, field, &error) ==
              LAMINA_OK);
    cr_expect_eq(labels[run == 1 ? N - 1 - 14 : 14], 4, "the file's 15th line is a 4");
    ls_net_release(&net);
  }
  for (int i = 0; i < N; i++) {
    cr_expect_eq(scores[0][i], scores[1][N - 1 - i], "record %d", i);
    cr_expect_eq(scores[0][i], scores[2][i], "record %d", i);
  }
  cr_expect(scores[0][0] > 0.0 && scores[0][0] != scores[0][1]);
  lm_free(yaml);
}

/* The mean of the records' scores is the loss that evaluation gives for all of them. */
Test(scores, have_the_loss_as_their_mean)
{
  struct ls_net net = {0};
  struct lm_scores evaluated;
  struct lm_error error = {0};
  static double scores[1797];
  char *yaml = lm_format(DIGITS, ls_environment("LAMINA_TEST_SOURCE"));
  double sum = 0.0;
  ls_net_open(&net, yaml, 1);
  score(&net, scores);
  for (int i = 0; i < 1797; i++) {
    sum += scores[i];
  }
  cr_assert(lm_engine_evaluate(net.engine, &net.engine->train, &evaluated, &error) == LAMINA_OK);
  cr_expect_float_eq(sum / 1797.0, evaluated.loss, 1e-5 * evaluated.loss);
  lm_free(yaml);
  ls_net_release(&net);
}

Test(scores, that_are_no_numbers_are_refused_with_their_record)
{
  static const float nan[] = {NAN};
  struct ls_net net = {0};
  struct lm_error error = {0};
  double scores[10];
  ls_net_open(&net,
              "data: {train: {two_fields: {samples: 10, width: 1}}}\n"
              "model: [{dense: {units: 1}, name: a}]\nloss: {mse: {}, inputs: [a, input]}\n" REST,
              1);
  set_weights(&net, "a/weight", nan, 1);
  cr_assert_eq(lm_scores_compute(net.engine, &net.engine->train, scores, NULL, -1, &error),
               LAMINA_E_NONFINITE);
  cr_expect(strstr(error.text, "record 0 (from 0) of ") != NULL &&
                strstr(error.text, "'a'") != NULL,
            "%s", error.text);
  cr_expect_eq(lm_scores_label_field(net.engine->train.dataset), -1);
  ls_net_release(&net);
}
