/*
 * Who takes part in the backward pass, which gradients are asked for and how, and what freezing
 * does to it.
 */
#include <criterion/criterion.h>
#include <string.h>

#include "base/memory.h"
#include "tests/plugins/probe.h"
#include "tests/support/net.h"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))
#define DATA "data: {train: {two_fields: {samples: 8, width: 4}}}\n"
#define REST "loss: dot\noptimizer: {sgd: {rate: 0.1}}\ntrain: {batch: 4}\n"

static const struct lm_node_plan *plan_of(const struct ls_net *net,
                                          const struct lm_program *program, const char *name)
{
  return &program->plan->nodes[lm_graph_find_node(net->experiment->graph, name)];
}

/** What is asked of the first inputs and of the first weight of a node. */
struct request {
  const char *node;
  bool backward;
  uint32_t inputs[2], weight;
};

static void expect_requests(const char *yaml, const struct request *rows, size_t count)
{
  struct ls_net net = {0};
  ls_net_open(&net, yaml, 1);
  struct lm_program *program = ls_net_program(&net, 4, true, false);
  for (size_t i = 0; i < count; i++) {
    const struct lm_node_plan *plan = plan_of(&net, program, rows[i].node);
    cr_expect_eq(plan->backward, rows[i].backward, "%s", rows[i].node);
    cr_expect_eq(plan->in_request[0], rows[i].inputs[0], "%s", rows[i].node);
    cr_expect_eq(plan->in_request[1], rows[i].inputs[1], "%s", rows[i].node);
    cr_expect_eq(plan->weight_request[0], rows[i].weight, "%s", rows[i].node);
  }
  ls_net_release(&net);
}

enum { S = LAMINA_SKIP, W = LAMINA_WRITE, A = LAMINA_ADD };

Test(gradients, are_written_by_the_first_consumer_and_added_to_by_the_others)
{
  static const struct request rows[] = {
      {"a", true, {S, S}, W},    {"left", true, {A, S}, S},  {"right", true, {W, S}, S},
      {"join", true, {W, W}, S}, {"twice", true, {A, A}, S}, {"dot", true, {W, S}, S},
  };
  expect_requests(DATA "model:\n"
                       "- {dense: {units: 4}, name: a}\n"
                       "- {tanh: {}, name: left}\n"
                       "- {tanh: {}, name: right, inputs: [a]}\n"
                       "- {add: {}, name: join, inputs: [left, right]}\n"
                       "- {product: {}, name: twice, inputs: [join, join]}\n" REST,
                  rows, COUNT_OF(rows));
}

Test(gradients, of_shared_weights_are_written_once_and_then_added_to)
{
  static const struct request rows[] = {{"a", true, {S, S}, A}, {"b", true, {W, S}, W}};
  expect_requests(DATA "model:\n"
                       "- {dense: {units: 4}, name: a}\n"
                       "- {dense: {units: 4}, name: b, share: a}\n" REST,
                  rows, COUNT_OF(rows));
}

Test(gradients, are_not_computed_before_the_first_trainable_weight)
{
  static const struct request rows[] = {
      {"a", false, {S, S}, S},
      {"b", false, {S, S}, S},
      {"c", true, {S, S}, W},
      {"d", true, {W, S}, W},
  };
  expect_requests(DATA "model:\n"
                       "- {dense: {units: 4}, name: a, freeze: true}\n"
                       "- {tanh: {}, name: b}\n"
                       "- {dense: {units: 4}, name: c}\n"
                       "- {dense: {units: 4}, name: d}\n" REST,
                  rows, COUNT_OF(rows));
}

Test(gradients, are_not_computed_where_no_loss_depends_on_a_node)
{
  static const struct request rows[] = {
      {"a", true, {S, S}, W}, {"side", false, {S, S}, S}, {"end", true, {W, S}, W}};
  expect_requests(DATA "model:\n"
                       "- {dense: {units: 4}, name: a}\n"
                       "- {dense: {units: 4}, name: side}\n"
                       "- {dense: {units: 4}, name: end, inputs: [a]}\n" REST,
                  rows, COUNT_OF(rows));
}

Test(gradients, cost_no_call_in_a_frozen_prefix)
{
  struct ls_net net = {0};
  ls_net_open(&net,
              DATA "model:\n"
                   "- {dense: {units: 4}, name: frozen, freeze: true}\n"
                   "- {probe: {}, name: before}\n"
                   "- {dense: {units: 4}, name: trained}\n"
                   "- {probe: {}, name: behind}\n" REST,
              1);
  struct lm_program *program = ls_net_program(&net, 4, true, false);
  ls_net_feed(&net, program);
  for (uint64_t step = 0; step < 3; step++) {
    (void)ls_net_run(&net, program, step);
  }
  const struct probe *before = ls_self(&net, "before");
  const struct probe *behind = ls_self(&net, "behind");
  cr_expect_eq(before->forwards, 3);
  cr_expect_eq(before->backwards, 0);
  cr_expect_eq(before->mode, LAMINA_MODE_TRAIN);
  cr_expect_eq(behind->backwards, 3);
  cr_expect_eq(behind->mode, LAMINA_MODE_TRAIN | LAMINA_MODE_KEEP);
  cr_expect_eq(behind->request, LAMINA_WRITE);
  cr_expect_eq(program->n_backward, 3); /* trained, behind, dot */
  ls_net_release(&net);
}

Test(gradients, pass_through_a_frozen_layer)
{
  struct ls_net net = {0};
  ls_net_open(&net,
              DATA "model:\n"
                   "- {dense: {units: 4}, name: a}\n"
                   "- {dense: {units: 4}, name: b, freeze: true}\n"
                   "- {dense: {units: 4}, name: c}\n" REST,
              1);
  struct lm_program *program = ls_net_program(&net, 4, true, false);
  ls_net_feed(&net, program);
  (void)ls_net_run(&net, program, 0);
  cr_expect_null(ls_gradients(&net, "b/weight"));
  float most = 0.0f;
  for (int i = 0; i < 16; i++) {
    float g = ls_gradients(&net, "a/weight")[i];
    most = g * g > most ? g * g : most;
  }
  cr_expect_gt(most, 0.0f);
  ls_net_release(&net);
}

/* ---- what stays as it was ---- */

/** Ways to freeze, and which weights they freeze. */
struct freezing {
  const char *keys, *root; /* beside node b, and of the experiment */
  bool frozen[6];          /* a/weight, a/bias, b/weight, b/bias, c/weight, c/bias */
};

static const char *const weights[] = {"a/weight", "a/bias",   "b/weight",
                                      "b/bias",   "c/weight", "c/bias"};

static void train_steps(struct ls_net *net, uint64_t steps)
{
  struct lm_program *program = ls_net_program(net, 4, true, false);
  struct lm_update_report report;
  ls_net_feed(net, program);
  for (uint64_t step = 0; step < steps; step++) {
    (void)ls_net_run(net, program, step);
    cr_assert_eq(lm_updater_step(net->engine->updater, step + 1, 1.0, &report, &net->error),
                 LAMINA_OK, "%s", net->error.text);
  }
}

static void expect_frozen(const struct freezing *row)
{
  static const char format[] =
      "data: {train: {two_fields: {samples: 8, width: 4}}}\n"
      "model:\n- {dense: {units: 4}, name: a}\n- tanh\n- {dense: {units: 4}, name: b%s}\n- tanh\n"
      "- {dense: {units: 4}, name: c}\nloss: mse\n%s"
      "optimizer: {adamw: {rate: 1e-3, weight_decay: 0.1}}\n"
      "regularizers: [{l2: {lambda: 0.1}}]\ntrain: {batch: 4, decay_all: true, clip: 1}\n";
  struct ls_net net = {0};
  float before[6][16];
  char *yaml = lm_format(format, row->keys, row->root);
  ls_net_open(&net, yaml, 1);
  for (int i = 0; i < 6; i++) {
    memcpy(before[i], ls_weights(&net, weights[i]), (i % 2 == 0 ? 16 : 4) * sizeof(float));
  }
  train_steps(&net, 1000);
  for (int i = 0; i < 6; i++) {
    size_t bytes = (i % 2 == 0 ? 16 : 4) * sizeof(float);
    bool same = memcmp(before[i], ls_weights(&net, weights[i]), bytes) == 0;
    cr_expect_eq(same, row->frozen[i], "%s in\n%s", weights[i], yaml);
  }
  lm_free(yaml);
  ls_net_release(&net);
}

Test(freeze, keeps_bytes_through_a_thousand_steps_with_decay)
{
  static const struct freezing rows[] = {
      {"", "", {0}},
      {", freeze: false", "", {0}},
      {", freeze: true", "", {0, 0, 1, 1, 0, 0}},
      {", freeze: bias", "", {0, 0, 0, 1, 0, 0}},
      {", freeze: ['w*']", "", {0, 0, 1, 0, 0, 0}},
      {"", "freeze: '*/bias'\n", {0, 1, 0, 1, 0, 1}},
      {"", "freeze: [a/*, c/weight]\n", {1, 1, 0, 0, 1, 0}},
      {", freeze: weight", "freeze: ['c/?ias']\n", {0, 0, 1, 0, 0, 1}},
  };
  for (size_t i = 0; i < COUNT_OF(rows); i++) {
    expect_frozen(&rows[i]);
  }
}

Test(freeze, refuses_patterns_that_match_nothing)
{
  static const struct ls_refusal rows[] = {
      {DATA "model:\n- {dense: {units: 4}, freeze: wieght}\n" REST,
       LAMINA_E_INVALID,
       {"net.yaml:3:31: ", "'wieght' matches no weight", "did you mean 'weight'?"}},
      {DATA "model:\n- {dense: {units: 4}}\nfreeze: [dense/weight, hidden/*]\n" REST,
       LAMINA_E_INVALID,
       {"net.yaml:4:24: ", "'hidden/*'", "'dense/weight', 'dense/bias'"}},
      {DATA "model:\n- {dense: {units: 4}, freeze: {a: b}}\n" REST,
       LAMINA_E_INVALID,
       {"net.yaml:3:31: ", "freeze", "map"}},
  };
  ls_expect_refusals(rows, COUNT_OF(rows), false);
}

Test(freeze, stops_the_states_of_a_frozen_node)
{
  static const char *const keys[] = {"", ", freeze: true"};
  for (int i = 0; i < 2; i++) {
    struct ls_net net = {0};
    char *yaml =
        lm_format(DATA "model:\n- {dense: {units: 4}}\n- {probe: {state: true}%s}\n" REST, keys[i]);
    ls_net_open(&net, yaml, 1);
    train_steps(&net, 5);
    cr_expect_eq(((float *)net.engine->store.state_views[0].data)[0], i == 0 ? 5.0f : 0.0f);
    const struct probe *probe = ls_self(&net, "probe");
    cr_expect_eq(probe->backwards, 5);
    lm_free(yaml);
    ls_net_release(&net);
  }
}

Test(freeze, leaves_nothing_to_train_without_a_fault)
{
  struct ls_net net = {0};
  ls_net_open(&net, DATA "model:\n- {dense: {units: 4}, freeze: true}\n" REST, 1);
  train_steps(&net, 2);
  cr_expect_eq(net.engine->store.trained, 0);
  ls_net_release(&net);
}
