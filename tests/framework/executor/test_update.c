/*
 * Updates: clipping, penalties and decay against closed forms.
 */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "tests/support/net.h"

#define DATA "data: {train: {two_fields: {samples: 8, width: 4}}}\n"
#define EPSILON 6e-8 /* 2^-24: a rounding of a number of order one */

static struct lm_update_report update(struct ls_net *net, uint64_t step)
{
  struct lm_update_report report;
  struct lm_program *program = ls_net_program(net, 8, true, false);
  ls_net_feed(net, program);
  (void)ls_net_run(net, program, step);
  cr_assert_eq(lm_updater_step(net->engine->updater, step + 1, 1.0, &report, &net->error),
               LAMINA_OK, "%s", net->error.text);
  return report;
}

/* The norm of all gradients of a net whose weights stay as they are. */
static double norm_of(const struct lm_store *store)
{
  double sum = 0.0;
  for (size_t i = 0; i < store->trained; i++) {
    sum += (double)store->gradients[i] * (double)store->gradients[i];
  }
  return sqrt(sum);
}

Test(update, shortens_gradients_to_the_norm_that_is_allowed)
{
  static const double clips[] = {0.0, 0.01, 0.1, 1000.0};
  for (int i = 0; i < 4; i++) {
    struct ls_net net = {0};
    char *yaml = lm_format(DATA "model:\n- {dense: {units: 5}}\n- tanh\n- {dense: {units: 4}}\n"
                                "loss: mse\noptimizer: {sgd: {rate: 1}}\n"
                                "train: {batch: 8, clip: %g}\n",
                           clips[i]);
    ls_net_open(&net, yaml, 1);
    const struct lm_store *store = &net.engine->store;
    float *before = lm_alloc(store->trained, sizeof *before);
    memcpy(before, store->weights, store->trained * sizeof *before);
    struct lm_update_report report = update(&net, 0);
    double norm = norm_of(store);
    double factor = clips[i] > 0.0 && norm > clips[i] ? clips[i] / norm : 1.0;
    cr_expect_float_eq(report.norm, clips[i] > 0.0 ? norm : 0.0, 1e-12 * norm);
    for (size_t k = 0; k < store->trained; k++) {
      double expected = (double)before[k] - factor * (double)store->gradients[k];
      cr_expect_float_eq((double)store->weights[k], expected, 4 * EPSILON, "clip %g, weight %zu",
                         clips[i], k);
    }
    lm_free(before);
    lm_free(yaml);
    ls_net_release(&net);
  }
}

Test(update, refuses_to_clip_a_gradient_that_is_not_finite)
{
  struct ls_net net = {0};
  struct lm_update_report report;
  ls_net_open(&net,
              DATA "model:\n- {dense: {units: 4}}\nloss: mse\noptimizer: {sgd: {rate: 1}}\n"
                   "train: {batch: 8, clip: 1}\n",
              1);
  (void)update(&net, 0);
  const struct lm_store *store = &net.engine->store;
  float before = store->weights[0];
  store->gradients[store->offsets[1]] = NAN;
  cr_expect_eq(lm_updater_step(net.engine->updater, 2, 1.0, &report, &net.error),
               LAMINA_E_NONFINITE);
  cr_expect_str_eq(net.error.text,
                   "the gradient of weight 'dense/bias' is not finite, so it cannot be clipped");
  cr_expect_eq(store->weights[0], before, "nothing is updated");
  ls_net_release(&net);
}

/* ---- penalties ---- */

Test(update, adds_penalties_to_the_gradient_and_reports_them_apart)
{
  struct ls_net plain = {0};
  struct ls_net both = {0};
  ls_net_open(&plain,
              DATA "model:\n- {dense: {units: 4}}\nloss: mse\noptimizer: {sgd: {rate: 1e-30}}\n"
                   "train: {batch: 8}\n",
              1);
  ls_net_open(&both,
              DATA "model:\n- {dense: {units: 4}}\nloss: mse\noptimizer: {sgd: {rate: 1e-30}}\n"
                   "train: {batch: 8}\n"
                   "regularizers:\n- {l2: {lambda: 0.3}}\n"
                   "- {l1: {lambda: 0.2}, weights: '*/bias'}\n",
              1);
  ls_weights(&both, "dense/bias")[0] = 0.5f;
  ls_weights(&both, "dense/bias")[1] = -0.25f;
  memcpy(ls_weights(&plain, "dense/bias"), ls_weights(&both, "dense/bias"), 4 * sizeof(float));
  struct lm_update_report without = update(&plain, 0);
  struct lm_update_report with = update(&both, 0);
  double squares = 0.0;
  for (int i = 0; i < 16; i++) {
    double w = (double)ls_weights(&both, "dense/weight")[i];
    squares += w * w;
    cr_expect_float_eq((double)ls_gradients(&both, "dense/weight")[i],
                       (double)ls_gradients(&plain, "dense/weight")[i] + 0.3 * w, 4 * EPSILON);
  }
  static const double signs[4] = {1.0, -1.0, 0.0, 0.0};
  for (int i = 0; i < 4; i++) {
    cr_expect_float_eq((double)ls_gradients(&both, "dense/bias")[i],
                       (double)ls_gradients(&plain, "dense/bias")[i] + 0.2 * signs[i], 4 * EPSILON);
  }
  cr_expect_eq(without.penalty, 0.0);
  cr_expect_float_eq(with.penalty, 0.15 * squares + 0.2 * 0.75, 32 * EPSILON);
  ls_net_release(&plain);
  ls_net_release(&both);
}

Test(update, leaves_out_frozen_weights_from_penalties)
{
  struct ls_net net = {0};
  ls_net_open(&net,
              DATA "model:\n- {dense: {units: 4}, name: a, freeze: true}\n"
                   "- {variable: {units: 4}, name: v}\nloss: mse\noptimizer: {sgd: {rate: 0.1}}\n"
                   "train: {batch: 8}\nregularizers: [{l2: {lambda: 1}}]\n",
              1);
  cr_expect_float_eq(update(&net, 0).penalty, 0.5 * 4 * 0.64, 8 * EPSILON);
  ls_net_release(&net);
}

Test(update, sums_the_same_at_any_number_of_threads)
{
  static const uint32_t threads[] = {1, 2, 7};
  struct lm_update_report first = {0};
  for (int i = 0; i < 3; i++) {
    struct ls_net net = {0};
    ls_net_open(&net,
                "data: {train: {two_fields: {samples: 8, width: 400}}}\n"
                "model:\n- {dense: {units: 400}}\nloss: mse\noptimizer: {sgd: {rate: 0.1}}\n"
                "train: {batch: 8, clip: 0.001}\n"
                "regularizers: [{l2: {lambda: 1}}, {l1: {lambda: 0.1}}]\n",
                threads[i]);
    struct lm_update_report report = update(&net, 0);
    first = i == 0 ? report : first;
    cr_expect_eq(report.penalty, first.penalty);
    cr_expect_eq(report.norm, first.norm);
    ls_net_release(&net);
  }
  cr_expect_gt(first.penalty, 0.0);
}

Test(update, decays_what_decays_and_the_rest_only_on_request)
{
  /* At zero gradient a step of decoupled decay multiplies by 1 - d. */
  for (int all = 0; all < 2; all++) {
    struct ls_net net = {0};
    char *yaml = lm_format(
        DATA "model:\n- {dense: {units: 4}, name: d, init: {bias: {constant: {value: 0.5}}}}\n"
             "loss: {dot: {}}\n"
             "optimizer: {sgd: {rate: 0.1, weight_decay: 0.25, decay_mode: decoupled}}\n"
             "train: {batch: 8, decay_all: %s}\n",
        all == 0 ? "false" : "true");
    struct lm_update_report report;
    ls_net_open(&net, yaml, 1);
    float before = ls_weights(&net, "d/weight")[0];
    cr_assert_eq(lm_updater_step(net.engine->updater, 1, 1.0, &report, &net.error), LAMINA_OK);
    cr_expect_float_eq((double)ls_weights(&net, "d/weight")[0], 0.75 * (double)before, EPSILON);
    cr_expect_float_eq((double)ls_weights(&net, "d/bias")[0], all == 0 ? 0.5 : 0.375, EPSILON);
    cr_expect_eq(report.rate, 0.1);
    lm_free(yaml);
    ls_net_release(&net);
  }
}
