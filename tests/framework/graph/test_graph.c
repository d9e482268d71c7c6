/*
 * Graphs as experiments describe them: order, names, inputs and outputs, shared weights, and
 * what inference says of shapes.
 */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "tests/support/net.h"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* What most experiments here have besides their model. */
#define DATA "data: {train: {two_fields: {samples: 8, width: 4}}}\n"
#define REST "loss: dot\noptimizer: {sgd: {rate: 0.1}}\ntrain: {batch: 4}\n"

static void expect_order(const char *model, const char *expected)
{
  struct ls_net net = {0};
  struct lm_text order = {0};
  char *yaml = lm_format(DATA "%s" REST, model);
  cr_assert_eq(ls_net_build(&net, yaml, 1), LAMINA_OK, "%s", net.error.text);
  for (uint32_t i = 0; i < net.experiment->graph->n_nodes; i++) {
    lm_text_addf(&order, " %s",
                 net.experiment->graph->nodes[net.experiment->graph->order[i]]->name);
  }
  cr_expect_str_eq(lm_text_get(&order), expected);
  lm_text_release(&order);
  lm_free(yaml);
  ls_net_release(&net);
}

Test(graph, orders_nodes_by_need_and_otherwise_as_they_are_written)
{
  expect_order("model: [relu, tanh, sigmoid]\n", " relu tanh sigmoid dot");
  expect_order("model:\n"
               "- {add: {}, name: join, inputs: [left, right]}\n"
               "- {relu: {}, name: right, inputs: input}\n"
               "- {tanh: {}, name: left, inputs: [other]}\n"
               "- {sigmoid: {}, name: end, inputs: [join]}\n",
               " right left join end dot");
  expect_order("model:\n"
               "- {dense: {units: 4}, name: a, share: b}\n"
               "- {dense: {units: 4}, name: b, inputs: [input]}\n"
               "- {add: {}, name: c, inputs: [a, b]}\n",
               " b a c dot");
}

Test(graph, keeps_metrics_behind_everything_else)
{
  expect_order("model: [{dense: {units: 4}}]\nmetrics: [mse]\n", " dense dot mse");
}

Test(graph, refuses_cycles_naming_the_nodes_along_them)
{
  static const struct ls_refusal rows[] = {
      {DATA "model:\n"
            "- {relu: {}, name: a, inputs: [c]}\n"
            "- {tanh: {}, name: b, inputs: [a]}\n"
            "- {sigmoid: {}, name: c, inputs: [b]}\n"
            "- {relu: {}, name: end, inputs: [c]}\n" REST,
       LAMINA_E_INVALID,
       {"net.yaml:", "cycle",
        "'c' needs 'b' (line 4), which needs 'a' (line 3), "
        "which needs 'c' (line 5)"}},
      {DATA "model:\n"
            "- {relu: {}, name: a, inputs: [b]}\n"
            "- {tanh: {}, name: b, inputs: [a]}\n" REST,
       LAMINA_E_INVALID,
       {"cycle", "'a' needs 'b' (line 4), which needs 'a' (line 3)"}},
      {DATA "model:\n- {relu: {}, name: a, inputs: [a]}\n" REST,
       LAMINA_E_INVALID,
       {"net.yaml:3", "cycle", "'a' needs 'a'"}},
      {DATA "model:\n"
            "- {dense: {units: 4}, name: a, inputs: [input], share: b}\n"
            "- {dense: {units: 4}, name: b, inputs: [a]}\n" REST,
       LAMINA_E_INVALID,
       {"cycle", "'a' needs 'b' (line 4), which needs 'a' (line 3)"}},
  };
  ls_expect_refusals(rows, COUNT_OF(rows), false);
}

Test(graph, resolves_names_or_says_what_was_meant)
{
  static const struct ls_refusal rows[] = {
      {DATA "model:\n- {relu: {}, name: hidden}\n- {tanh: {}, inputs: [hiden]}\n" REST,
       LAMINA_E_INVALID,
       {"net.yaml:4:23: ", "no node or field 'hiden'", "'hidden'?"}},
      {DATA "model:\n- {relu: {}, inputs: inptu}\n" REST,
       LAMINA_E_INVALID,
       {"net.yaml:3:22: ", "'inptu'", "did you mean 'input'?"}},
      {DATA "model:\n- {relu: {}, inputs: [zzz]}\n" REST,
       LAMINA_E_INVALID,
       {"'zzz'", "'input', 'other', 'target', 'relu'"}},
      {DATA "model:\n- {split: {parts: 2}, name: s}\n- {relu: {}, inputs: [s.2]}\n" REST,
       LAMINA_E_INVALID,
       {"net.yaml:4", "output 2 of node 's' (line 3), which has 2"}},
      {DATA "model:\n- {split: {parts: 2}, name: s}\n- {relu: {}, inputs: [s.x]}\n" REST,
       LAMINA_E_INVALID,
       {"net.yaml:4", "'s.x'", "name.0, name.1"}},
      {DATA "model:\n- {relu: {}, inputs: [input.1]}\n" REST,
       LAMINA_E_INVALID,
       {"net.yaml:3", "'input.1'", "field"}},
      {DATA "model:\n- relu\n- {tanh: {}, inputs: [dot]}\n" REST, LAMINA_E_INVALID, {"'dot'"}},
      {DATA "model:\n- {relu: {}, name: a}\n- {tanh: {}, name: a}\n" REST,
       LAMINA_E_INVALID,
       {"net.yaml:4", "'a' is given twice, first on line 3"}},
      {DATA "model:\n- {relu: {}, name: other}\n" REST,
       LAMINA_E_INVALID,
       {"net.yaml:3", "'other', which is a field"}},
      {DATA "model:\n- {relu: {}, name: a.b}\n" REST, LAMINA_E_INVALID, {"net.yaml:3", "'a.b'"}},
  };
  ls_expect_refusals(rows, COUNT_OF(rows), false);
}

Test(graph, names_nodes_after_their_plugins)
{
  expect_order("model: [relu, relu, {relu: {}, name: mine}, relu]\n", " relu relu2 mine relu3 dot");
}

Test(graph, names_both_places_when_shapes_do_not_fit)
{
  static const struct ls_refusal rows[] = {
      {DATA "model:\n"
            "- {dense: {units: 5}, name: five, inputs: [input]}\n"
            "- {dense: {units: 6}, name: six, inputs: [input]}\n"
            "- {add: {}, name: join, inputs: [five, six]}\n" REST,
       LAMINA_E_SHAPE,
       {"net.yaml:5",
        "'five' [N, 5] float32 (net.yaml:3:", "'six' [N, 6] float32 (net.yaml:4:", "join"}},
      {DATA "model:\n- {dense: {units: 5}, name: five}\n" REST,
       LAMINA_E_SHAPE,
       {"'five' [N, 5] float32 (net.yaml:3:", "field 'target' [N, 4] float32 (net.yaml:1:"}},
  };
  ls_expect_refusals(rows, COUNT_OF(rows), false);
}

Test(graph, infers_shapes_for_no_one_and_many_samples)
{
  static const int64_t batches[] = {0, 1, 7, 100000};
  struct ls_net net = {0};
  cr_assert_eq(ls_net_build(&net,
                            DATA "model:\n"
                                 "- {split: {parts: 2}, name: s}\n"
                                 "- {dense: {units: 6}, name: left, inputs: [s.0]}\n"
                                 "- {dense: {units: 6}, name: right, inputs: [s.1]}\n"
                                 "- {add: {}, inputs: [left, right]}\n"
                                 "- {dense: {units: 4}}\n" REST,
                            1),
               LAMINA_OK, "%s", net.error.text);
  struct lm_graph *graph = net.experiment->graph;
  for (size_t i = 0; i < COUNT_OF(batches); i++) {
    struct lm_inference *inference = NULL;
    cr_assert_eq(lm_graph_infer(graph, batches[i], &inference, &net.error), LAMINA_OK, "%s",
                 net.error.text);
    const struct lm_facts *split = &inference->nodes[lm_graph_find_node(graph, "s")];
    cr_expect_eq(split->n_out, 2);
    cr_expect_str_eq(split->out[1]->name, "s.1");
    cr_expect_eq(split->out[1]->shape.dims[0], batches[i]);
    cr_expect_eq(split->out[1]->shape.dims[1], 2);
    cr_expect_eq(inference->nodes[lm_graph_find_node(graph, "add")].out[0]->bytes,
                 (size_t)batches[i] * 6 * sizeof(float));
    lm_inference_free(inference);
  }
  cr_expect_eq(graph->n_parameters, 6);
  struct lm_inference *inference = NULL;
  cr_expect_eq(lm_graph_infer(graph, INT64_MAX / 4, &inference, &net.error), LAMINA_E_SHAPE);
  cr_expect(strstr(net.error.text, "too large") != NULL, "%s", net.error.text);
  ls_net_release(&net);
}

Test(graph, refuses_weights_that_depend_on_the_batch)
{
  struct ls_net net = {0};
  cr_assert_eq(ls_net_build(&net, DATA "model:\n- {probe: {fault: grows}}\n" REST, 1), LAMINA_OK,
               "%s", net.error.text);
  struct lm_inference *inference = NULL;
  cr_expect_eq(lm_graph_infer(net.experiment->graph, 3, &inference, &net.error), LAMINA_E_PLUGIN);
  cr_expect(strstr(net.error.text, "net.yaml:3") != NULL &&
                strstr(net.error.text, "another batch size") != NULL,
            "%s", net.error.text);
  ls_net_release(&net);
}

/* ---- weights used twice, outputs used twice ---- */

Test(graph, counts_shared_weights_once_and_sums_their_gradients)
{
  static const char shared[] = DATA "model:\n"
                                    "- {dense: {units: 4}, name: a, inputs: [input]}\n"
                                    "- {dense: {units: 4}, name: b, inputs: [other], share: a}\n"
                                    "- {add: {}, inputs: [a, b]}\n" REST;
  static const char apart[] = DATA "model:\n"
                                   "- {dense: {units: 4}, name: a, inputs: [input]}\n"
                                   "- {dense: {units: 4}, name: b, inputs: [other]}\n"
                                   "- {add: {}, inputs: [a, b]}\n" REST;
  struct ls_net one = {0};
  struct ls_net two = {0};
  ls_net_open(&one, shared, 1);
  ls_net_open(&two, apart, 1);
  cr_expect_eq(one.experiment->graph->n_parameters, 2);
  cr_expect_eq(two.experiment->graph->n_parameters, 4);
  struct ls_net *nets[] = {&one, &two};
  for (int i = 0; i < 2; i++) {
    struct lm_program *program = ls_net_program(nets[i], 4, true, false);
    ls_net_feed(nets[i], program);
    (void)ls_net_run(nets[i], program, 0);
  }
  for (int i = 0; i < 16; i++) {
    float sum = ls_gradients(&two, "a/weight")[i] + ls_gradients(&two, "b/weight")[i];
    /* Both add 4 products of numbers below 1 each, in another order: 8 roundings of at most 8. */
    cr_expect_float_eq(ls_gradients(&one, "a/weight")[i], sum, 64 * 6e-8f);
  }
  ls_net_release(&one);
  ls_net_release(&two);
}

Test(graph, refuses_to_share_what_does_not_fit)
{
  static const struct ls_refusal rows[] = {
      {DATA "model:\n- {dense: {units: 4}, name: a}\n- {dense: {units: 5}, share: a}\n" REST,
       LAMINA_E_SHAPE,
       {"net.yaml:4", "weights of 'a' (line 3)", "[4, 5]", "[4, 4]"}},
      {DATA "model:\n- {relu: {}, name: a}\n- {dense: {units: 4}, share: a}\n" REST,
       LAMINA_E_INVALID,
       {"net.yaml:4", "'a' (relu, line 3)"}},
      {DATA "model:\n- {dense: {units: 4}, name: a}\n- {dense: {units: 4}, share: b}\n" REST,
       LAMINA_E_INVALID,
       {"net.yaml:4", "'b'"}},
      {DATA "model:\n- {dense: {units: 4}, name: a, share: a}\n" REST, LAMINA_E_INVALID, {"'a'"}},
      {DATA "model:\n- {dense: {units: 4}, name: a}\n"
            "- {dense: {units: 4}, share: a, init: {weight: he}}\n" REST,
       LAMINA_E_INVALID,
       {"net.yaml:4", "init", "share"}},
  };
  ls_expect_refusals(rows, COUNT_OF(rows), false);
}

#define R23(IN_PLACE)                                     \
  "data: {train: {two_fields: {samples: 1, width: 1}}}\n" \
  "model:\n"                                              \
  "- {variable: {}, name: x, inputs: [input]}\n"          \
  "- {sin: {}, name: s, inputs: [x]}\n"                   \
  "- {exp: {}, name: e, inputs: [x]}\n"                   \
  "- {product: {}, name: p, inputs: [s, e]}\n"            \
  "- {product: {}, name: q, inputs: [x, x]}\n"            \
  "- {add: {}, inputs: [p, q]" IN_PLACE "}\n"             \
  "loss: {dot: {}}\noptimizer: {sgd: {}}\ntrain: {batch: 1}\n"

Test(graph, sums_the_gradients_of_a_value_that_is_used_five_times)
{
  /* d/dx (sin x e^x + x^2) = (sin x + cos x) e^x + 2 x, which is 4.74705 at 0.8. */
  struct ls_net net = {0};
  ls_net_open(&net, R23(", in_place: true"), 1);
  struct lm_program *program = ls_net_program(&net, 1, true, false);
  float target = 1.0f;
  ls_net_feed(&net, program);
  program->sources[lm_graph_find_source(net.experiment->graph, "target")].data = &target;
  double value = ls_net_run(&net, program, 0);
  double x = (double)0.8f;
  double expected = (sin(x) + cos(x)) * exp(x) + 2.0 * x;
  /* A dozen roundings of numbers below 4. */
  cr_expect_float_eq(value, sin(x) * exp(x) + x * x, 12 * 4 * 6e-8);
  cr_expect_float_eq((double)ls_gradients(&net, "x/value")[0], expected, 12 * 4 * 6e-8);
  cr_expect_float_eq(expected, 4.74705, 5e-6);
  ls_net_release(&net);
}

Test(graph, trains_through_several_inputs_and_several_outputs)
{
  struct ls_net net = {0};
  ls_net_open(&net,
              DATA "model:\n"
                   "- {dense: {units: 6}, name: d, inputs: [input]}\n"
                   "- {split: {parts: 2}, name: s}\n"
                   "- {dense: {units: 4}, name: head, inputs: [s.0]}\n"
                   "- {dense: {units: 4}, name: tail, inputs: [s.1]}\n"
                   "loss:\n"
                   "- {dot: {}, name: first, inputs: [head, target]}\n"
                   "- {dot: {}, name: second, inputs: [tail, other], weight: 3}\n"
                   "optimizer: sgd\n",
              1);
  cr_expect_eq(net.experiment->n_outputs, 2);
  struct lm_program *program = ls_net_program(&net, 4, true, false);
  ls_net_feed(&net, program);
  double loss = ls_net_run(&net, program, 0);
  int32_t first = lm_graph_find_node(net.experiment->graph, "first");
  int32_t second = lm_graph_find_node(net.experiment->graph, "second");
  cr_expect_eq(loss, (double)lm_program_loss(program, (uint32_t)first) +
                         3.0 * (double)lm_program_loss(program, (uint32_t)second));
  float sum = 0.0f;
  for (int i = 0; i < 24; i++) {
    sum += fabsf(ls_gradients(&net, "d/weight")[i]);
  }
  cr_expect_gt(sum, 0.0f);
  ls_net_release(&net);
}
