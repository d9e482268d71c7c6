/*
 * Models in parts: the map of lists is the chain of its lists, and a part alone reads and gives
 * what crosses its borders.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "tests/support/net.h"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))
#define DATA "data: {train: {two_fields: {samples: 8, width: 4}}}\n"
#define REST "loss: dot\noptimizer: {sgd: {rate: 0.1}}\n"
#define CODER                                                                                \
  "  encoder: [{dense: {units: 6}}, relu, {dense: {units: 2}, name: code}]\n"                \
  "  decoder: [{dense: {units: 6}}, {dense: {units: 4}, name: logits}, {sigmoid: {}, name: " \
  "image}]\n"
#define AROUND "loss: {dot: {}, inputs: [image, input]}\noptimizer: {sgd: {rate: 0.1}}\n"

Test(parts, are_checked_as_they_are_read)
{
  static const struct ls_refusal rows[] = {
      {DATA "model: {}\n" REST, LAMINA_E_INVALID, {"net.yaml:2:8: ", "an empty map"}},
      {DATA "model: {a: []}\n" REST,
       LAMINA_E_INVALID,
       {"net.yaml:2:9: ", "part 'a' of the model is an empty list, expected a list of nodes"}},
      {DATA "model: {a: [relu], b: }\n" REST, LAMINA_E_INVALID, {"net.yaml:2:20: ", "'b'", "null"}},
      {DATA "model: {dense: {units: 4}}\n" REST,
       LAMINA_E_INVALID,
       {"net.yaml:2:9: ", "part 'dense' of the model is a map"}},
      {DATA "model: {a b: [relu]}\n" REST,
       LAMINA_E_INVALID,
       {"net.yaml:2:9: ", "'a b'", "letters"}},
      {DATA "model:\n  a: [{relu: {}, name: x}]\n  b: [{relu: {}, name: x}]\n" REST,
       LAMINA_E_INVALID,
       {"net.yaml:4:24: ", "'x' is given twice, first on line 3"}},
      {DATA "model:\n  a: [{relu: {}, inputs: [y]}]\n  b: [{relu: {}, inputs: [input], name: "
            "y}]\n" REST,
       LAMINA_E_INVALID,
       {"net.yaml:3:8: ", "node 'relu' of part 'a' reads 'y' (line 4) of part 'b'", "before it"}},
      {DATA "model:\n  a: [{dense: {units: 4}, share: y}]\n  b: [{dense: {units: 4}, name: "
            "y}]\n" REST,
       LAMINA_E_INVALID,
       {"net.yaml:3:8: ", "shares the weights of 'y' (line 4) of part 'b'"}},
      {DATA "model:\n" CODER AROUND "freeze: encode/*\n",
       LAMINA_E_INVALID,
       {"'encode/*' matches no weight"}},
  };
  ls_expect_refusals(rows, COUNT_OF(rows), false);
}

Test(parts, are_one_chain_whose_nodes_know_their_part)
{
  static const char *const names[] = {"dense", "relu", "code", "dense2", "logits", "image", "dot"};
  struct ls_net net = {0};
  cr_assert_eq(ls_net_build(&net, DATA "model:\n" CODER AROUND, 1), LAMINA_OK, "%s",
               net.error.text);
  const struct lm_experiment *experiment = net.experiment;
  cr_assert_eq(experiment->n_parts, 2);
  cr_assert_eq(experiment->graph->n_nodes, COUNT_OF(names));
  for (uint32_t i = 0; i < COUNT_OF(names); i++) {
    const struct lm_part *part = lm_experiment_part_of(experiment, i);
    cr_expect_str_eq(experiment->graph->nodes[i]->name, names[i]);
    cr_expect_str_eq(part == NULL ? "" : part->name, i < 3 ? "encoder" : i < 6 ? "decoder" : "");
    cr_expect(i == 0 || i > 5 || experiment->graph->nodes[i]->inputs[0].node == (int32_t)i - 1);
  }
  cr_expect(experiment->n_outputs == 1 && experiment->outputs[0] == 5);
  ls_net_release(&net);
}

Test(parts, can_stand_in_front_of_the_weights_that_patterns_mean)
{
  static const char yaml[] =
      DATA "model:\n" CODER AROUND "freeze: [encoder/*, 'dec*/logits/bias']\n"
           "regularizers: [{l2: {lambda: 1}, weights: decoder/*/weight}]\n";
  static const struct {
    const char *name;
    bool frozen, decays;
  } rows[] = {{"dense/weight", true, false},  {"dense/bias", true, false},
              {"code/weight", true, false},   {"code/bias", true, false},
              {"dense2/weight", false, true}, {"dense2/bias", false, false},
              {"logits/weight", false, true}, {"logits/bias", true, false}};
  struct ls_net net = {0};
  cr_assert_eq(ls_net_build(&net, yaml, 1), LAMINA_OK, "%s", net.error.text);
  for (size_t i = 0; i < COUNT_OF(rows); i++) {
    uint32_t index = ls_parameter(&net, rows[i].name);
    cr_expect_eq(net.experiment->graph->parameters[index]->frozen, rows[i].frozen, "%s",
                 rows[i].name);
    cr_expect_eq(net.experiment->regularizers[0].applies[index], rows[i].decays, "%s",
                 rows[i].name);
  }
  ls_net_release(&net);
}

/* ---- one part ---- */

struct alone {
  const char *model, *part;
  const char *in, *out, *weights; /* "name [shape], ..." */
};

static const struct alone alone[] = {
    {CODER, "encoder", "input [3]", "code", "dense/weight dense/bias code/weight code/bias"},
    {CODER, "decoder", "code [2]", "image", "dense2/weight dense2/bias logits/weight logits/bias"},
    /* Two tensors of one node cross, and the second alone is read first. */
    {"  front: [{dense: {units: 6}}, {split: {parts: 2}, name: code}]\n"
     "  back: [{relu: {}, inputs: [code.1]}, {add: {}, inputs: [relu, code.0]}]\n",
     "front", "input [3]", "code.1 code.0", "dense/weight dense/bias"},
    {"  front: [{dense: {units: 6}}, {split: {parts: 2}, name: code}]\n"
     "  back: [{relu: {}, inputs: [code.1]}, {add: {}, inputs: [relu, code.0]}]\n",
     "back", "code.1 [3], code.0 [3]", "add", ""},
    /* A part in the middle, a bypass around it, and a field of the data further behind. */
    {"  a: [{dense: {units: 5}, name: x}]\n  b: [{dense: {units: 5}, name: y}]\n"
     "  c: [{add: {}, inputs: [x, y]}, {dense: {units: 3}}, {add: {}, inputs: [dense, input]}]\n",
     "b", "x [5]", "y", "y/weight y/bias"},
    {"  a: [{dense: {units: 5}, name: x}]\n  b: [{dense: {units: 5}, name: y}]\n"
     "  c: [{add: {}, inputs: [x, y]}, {dense: {units: 3}}, {add: {}, inputs: [dense, input]}]\n",
     "c", "x [5], y [5], input [3]", "add2", "dense/weight dense/bias"},
    /* Weights of another part go by its names. */
    {"  a: [{dense: {units: 3}, name: x}]\n"
     "  b: [{dense: {units: 3}, share: x}, {dense: {units: 3}, share: x}]\n",
     "b", "x [3]", "dense2", "x/weight x/bias"},
    {"  a: [{dense: {units: 3}, name: x}]\n"
     "  b: [{relu: {}, name: one}, {tanh: {}, inputs: [x], name: two}]\n",
     "b", "x [3]", "one two", ""},
    /* A head that nothing reads is no output of a part that others read. */
    {"  a: [{dense: {units: 2}, name: x}, {dense: {units: 9}, name: head}]\n"
     "  b: [{relu: {}, inputs: [x]}]\n",
     "a", "input [3]", "x", "x/weight x/bias head/weight head/bias"},
};

/* Builds one part of a model on a field `input` [3]; the configuration's data is not looked at. */
static enum lamina_status build_alone(struct ls_net *net, const char *model, const char *part)
{
  char text[1024];
  char name[] = "input";
  struct lm_declared_field field = {.name = name};
  struct lm_config *config = NULL;
  const int64_t width = 3;
  const struct lamina_type type = lamina_type_f32(1, &width);
  cr_assert_eq(lm_shape_copy(&field.shape, &type, NULL), LAMINA_OK);
  (void)snprintf(text, sizeof text, "data: {train: nowhere}\nmodel:\n%s", model);
  LM_TRY(lm_config_parse(text, strlen(text), "p.yaml", NULL, 0, &config, &net->error));
  const struct lm_experiment_options options = {.registry = net->registry,
                                                .pool = net->pool,
                                                .predict_only = true,
                                                .fields = &field,
                                                .n_fields = 1,
                                                .part = part};
  return lm_experiment_create(config, &options, &net->experiment, &net->error);
}

/* A net whose registry and pool are there. */
static void open_net(struct ls_net *net)
{
  cr_assert_eq(ls_net_build(net, DATA "model: [relu]\n" REST, 1), LAMINA_OK, "%s", net->error.text);
  lm_experiment_free(net->experiment);
  net->experiment = NULL;
}

static void describe(const struct lm_experiment *experiment, struct lm_text *in,
                     struct lm_text *out, struct lm_text *weights)
{
  const struct lm_graph *graph = experiment->graph;
  for (uint32_t i = 0; i < graph->n_sources; i++) {
    lm_text_addf(in, "%s%s [%lld]", i == 0 ? "" : ", ", graph->sources[i]->name,
                 (long long)graph->sources[i]->record.dims[0]);
  }
  for (uint32_t i = 0; i < experiment->n_outputs; i++) {
    const struct lm_facts *facts = &experiment->inference->nodes[experiment->outputs[i]];
    lm_text_addf(out, "%s%s", i == 0 ? "" : " ", facts->out[experiment->which[i]]->name);
  }
  for (uint32_t i = 0; i < graph->n_parameters; i++) {
    lm_text_addf(weights, "%s%s", i == 0 ? "" : " ", graph->parameters[i]->name);
  }
}

Test(parts, alone_read_and_give_what_crosses_their_borders)
{
  struct ls_net net = {0};
  open_net(&net);
  for (size_t i = 0; i < COUNT_OF(alone); i++) {
    struct lm_text in = {0}, out = {0}, weights = {0};
    cr_assert_eq(build_alone(&net, alone[i].model, alone[i].part), LAMINA_OK, "%s", net.error.text);
    describe(net.experiment, &in, &out, &weights);
    cr_expect_str_eq(lm_text_get(&in), alone[i].in, "case %zu", i);
    cr_expect_str_eq(lm_text_get(&out), alone[i].out, "case %zu", i);
    cr_expect_str_eq(lm_text_get(&weights), alone[i].weights, "case %zu", i);
    lm_text_release(&in);
    lm_text_release(&out);
    lm_text_release(&weights);
    lm_experiment_free(net.experiment);
    net.experiment = NULL;
  }
  ls_net_release(&net);
}

Test(parts, that_are_not_there_are_refused_with_those_that_are)
{
  static const struct {
    const char *model, *part, *words;
  } rows[] = {
      {CODER, "decodr", "the model has no part 'decodr', did you mean 'decoder'?"},
      {CODER, "zzz", "the model has no part 'zzz'; there are 'encoder', 'decoder'"},
      {"- relu\n", "decoder", "the model is one list of nodes"},
  };
  struct ls_net net = {0};
  open_net(&net);
  for (size_t i = 0; i < COUNT_OF(rows); i++) {
    cr_expect_eq(build_alone(&net, rows[i].model, rows[i].part), LAMINA_E_INVALID);
    cr_expect(strstr(net.error.text, rows[i].words) != NULL, "%s", net.error.text);
  }
  ls_net_release(&net);
}

Test(parts, survive_each_allocation_that_fails)
{
  struct ls_net net = {0};
  open_net(&net);
  bool done = false;
  for (int64_t n = 0; !done && n < 20000; n++) {
    net.error = (struct lm_error){0};
    lm_alloc_fail_after(n, false);
    enum lamina_status status = build_alone(&net, alone[6].model, alone[6].part);
    lm_alloc_fail_after(-1, false);
    cr_assert(status == LAMINA_OK || status == LAMINA_E_NOMEM, "allocation %lld: %s", (long long)n,
              net.error.text);
    done = status == LAMINA_OK;
    lm_experiment_free(net.experiment);
    net.experiment = NULL;
  }
  cr_assert(done);
  ls_net_release(&net);
}
