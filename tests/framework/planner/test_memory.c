/*
 * Where tensors live: who may overwrite what, and that sharing memory changes no bit. The proof
 * is a run of the same program in which every tensor has memory of its own.
 */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "tests/support/net.h"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))
#define DATA "data: {train: {two_fields: {samples: 8, width: 4}}}\n"
#define REST "loss: dot\noptimizer: {sgd: {rate: 0.1}}\ntrain: {batch: 8}\n"

/* ---- wishes and their answers ---- */

Test(in_place, is_refused_where_a_derivative_reads_what_would_be_lost)
{
  static const struct ls_refusal rows[] = {
      {DATA "model:\n- {dense: {units: 4}}\n- {square: {}, in_place: true}\n" REST,
       LAMINA_E_INVALID,
       {"net.yaml:4:4: ", "'square'", "cannot work in place", "derivative reads its input"}},
      {DATA "model:\n- {dense: {units: 4}}\n- {sin: {}, in_place: true}\n" REST,
       LAMINA_E_INVALID,
       {"'sin'", "derivative reads its input"}},
      {DATA "model:\n- {dense: {units: 4}}\n- {sigmoid: {}, name: s}\n"
            "- {relu: {}, in_place: true}\n" REST,
       LAMINA_E_INVALID,
       {"net.yaml:5:4: ", "'relu'", "the derivative of 's' reads 's' later"}},
      {DATA "model:\n- {relu: {}, in_place: true}\n" REST,
       LAMINA_E_INVALID,
       {"'input' is a field of the data"}},
      {DATA "model:\n- {dense: {units: 4}, name: d}\n- {relu: {}, name: r, in_place: true}\n"
            "- {add: {}, inputs: [r, d]}\n" REST,
       LAMINA_E_INVALID,
       {"net.yaml:4:4: ", "node 'add' reads 'd' later"}},
      {DATA "model:\n- {dense: {units: 4}, name: d}\n"
            "- {add: {}, inputs: [d, d], in_place: true}\n" REST,
       LAMINA_E_INVALID,
       {"'d' is more than one of its inputs"}},
      {DATA "model:\n- {dense: {units: 4}}\n- {dense: {units: 4}, in_place: true}\n" REST,
       LAMINA_E_INVALID,
       {"net.yaml:4:4: ", "cannot work in place"}},
  };
  ls_expect_refusals(rows, COUNT_OF(rows), true);
}

/* Whether the last node before the loss writes over its input, in a program that trains. */
static bool shares(const char *model, bool isolated)
{
  struct ls_net net = {0};
  char *yaml = lm_format(DATA "model:\n%s" REST, model);
  ls_net_open(&net, yaml, 1);
  const struct lm_program *program = ls_net_program(&net, 4, true, isolated);
  const struct lm_node *last = ls_node(&net, "last");
  struct lm_edge edge = last->inputs[0];
  int32_t at = lm_graph_find_node(net.experiment->graph, "last");
  bool same = program->views[at].out[0].data == program->views[edge.node].out[edge.output].data;
  lm_free(yaml);
  ls_net_release(&net);
  return same;
}

Test(in_place, happens_where_it_is_safe)
{
  static const char *const plugins[] = {"relu", "sigmoid", "tanh", "exp"};
  for (size_t i = 0; i < COUNT_OF(plugins); i++) {
    char *model = lm_format("- {dense: {units: 4}}\n- {%s: {}, name: last}\n", plugins[i]);
    cr_expect(shares(model, false), "%s", plugins[i]);
    cr_expect_not(shares(model, true), "%s", plugins[i]);
    lm_free(model);
  }
  cr_expect(shares("- {dense: {units: 4}}\n- {tanh: {}, name: last, in_place: true}\n", false));
  cr_expect_not(shares("- {dense: {units: 4}}\n- {tanh: {}, name: last, in_place: true}\n", true));
  cr_expect_not(
      shares("- {dense: {units: 4}}\n- {tanh: {}, name: last, in_place: false}\n", false));
  cr_expect_not(shares("- {dense: {units: 4}}\n- sigmoid\n- {relu: {}, name: last}\n", false));
  cr_expect_not(shares("- {dense: {units: 4}}\n- {square: {}, name: last}\n", false));
  /* Nobody trains what is before it, so the derivative that stands in the way is not taken. */
  cr_expect(shares("- {dense: {units: 4}, freeze: true}\n- sigmoid\n"
                   "- {relu: {}, name: last}\n",
                   false));
}

Test(in_place, leaves_the_reason_of_each_decision)
{
  struct ls_net net = {0};
  ls_net_open(&net, DATA "model:\n- {dense: {units: 4}}\n- {sigmoid: {}, name: s}\n- relu\n" REST,
              1);
  const struct lm_plan *plan = ls_net_program(&net, 4, true, false)->plan;
  int32_t relu = lm_graph_find_node(net.experiment->graph, "relu");
  size_t found = 0;
  for (size_t i = 0; i < plan->n_decisions; i++) {
    const struct lm_decision *decision = &plan->decisions[i];
    if (decision->node == (uint32_t)relu && decision->pass == LAMINA_FORWARD) {
      cr_expect_not(decision->shared);
      cr_expect_str_eq(decision->reason, "the derivative of 's' reads 's' later");
      found++;
    }
  }
  cr_expect_eq(found, 1);
  ls_net_release(&net);
}

/* ---- the same bits with and without sharing ---- */

/* All that a step computes: loss, gradients of all weights, and the outputs of an evaluation. */
static void copy_step(struct ls_net *net, bool isolated, int64_t batch, struct lm_text *bits)
{
  struct lm_program *train = ls_net_program(net, batch, true, isolated);
  struct lm_program *eval = ls_net_program(net, batch, false, isolated);
  struct lm_store *store = &net->engine->store;
  memset(store->gradients, 0x7f, store->trained * sizeof *store->gradients);
  memset(store->states, 0, store->state_bytes); /* running means: both runs begin with the same */
  for (uint64_t step = 0; step < 2; step++) {
    ls_net_feed(net, train);
    double loss = ls_net_run(net, train, step);
    lm_text_add_bytes(bits, (const char *)&loss, sizeof loss);
  }
  for (uint32_t i = 0; i < net->experiment->graph->n_parameters; i++) {
    const struct lamina_view *view = &store->gradient_views[i];
    if (view->data != NULL) {
      lm_text_add_bytes(bits, view->data, (size_t)lamina_type_count(&view->type) * sizeof(float));
    }
  }
  ls_net_feed(net, eval);
  (void)ls_net_run(net, eval, 0);
  for (uint32_t i = 0; i < net->experiment->n_outputs; i++) {
    const struct lamina_view *view = lm_program_output(eval, net->experiment->outputs[i], 0);
    lm_text_add_bytes(bits, view->data, (size_t)lamina_type_count(&view->type) * sizeof(float));
  }
}

static size_t padded(const struct lm_buffer *buffer)
{
  return lm_round_up(buffer->bytes, LAMINA_ALIGNMENT);
}

static void expect_no_overlap(const struct lm_plan *plan, const char *yaml)
{
  for (size_t i = 0; i < plan->n_buffers; i++) {
    const struct lm_buffer *a = &plan->buffers[i];
    cr_assert(a->offset % LAMINA_ALIGNMENT == 0 && a->offset + a->bytes <= plan->arena_bytes);
    cr_assert_leq(a->first, a->last);
    for (size_t k = 0; k < i; k++) {
      const struct lm_buffer *b = &plan->buffers[k];
      bool in_time = a->first <= b->last && b->first <= a->last;
      bool in_space = a->offset < b->offset + b->bytes && b->offset < a->offset + a->bytes;
      cr_assert_not(in_time && in_space, "%s of %s and %s of %s overlap in\n%s", a->role, a->name,
                    b->role, b->name, yaml);
    }
  }
}

static void expect_same_bits(const char *yaml, int64_t batch, uint32_t threads)
{
  struct ls_net net = {0};
  struct lm_text one = {0};
  struct lm_text two = {0};
  ls_net_open(&net, yaml, threads);
  copy_step(&net, true, batch, &one);
  copy_step(&net, false, batch, &two);
  cr_assert_eq(one.length, two.length);
  cr_assert(memcmp(one.bytes, two.bytes, one.length) == 0, "the bits differ in\n%s", yaml);
  for (int train = 0; train < 2; train++) {
    const struct lm_plan *plan = ls_net_program(&net, batch, train != 0, false)->plan;
    expect_no_overlap(plan, yaml);
    cr_assert_geq(plan->arena_bytes, plan->bound_bytes);
    cr_assert_leq(plan->arena_bytes,
                  ls_net_program(&net, batch, train != 0, true)->plan->arena_bytes);
  }
  lm_text_release(&one);
  lm_text_release(&two);
  ls_net_release(&net);
}

Test(arena, gives_the_bits_of_tensors_that_lie_apart)
{
  static const char *const models[] = {
      "- {dense: {units: 4}}\n- sigmoid\n- relu\n- {dense: {units: 4}}\n",
      "- {dense: {units: 4}}\n- {sigmoid: {}, in_place: true}\n- {dense: {units: 4}}\n",
      "- {dense: {units: 4}}\n- {tanh: {}, in_place: true}\n- {dense: {units: 4}}\n",
      "- {dense: {units: 4}}\n- {relu: {}, in_place: true}\n- {dense: {units: 4}}\n",
      "- {dense: {units: 4}, name: d}\n- relu\n- {dense: {units: 4}, name: e}\n"
      "- {add: {}, inputs: [d, e]}\n- tanh\n",
      "- {dense: {units: 6}, name: d}\n- {split: {parts: 2}, name: s}\n"
      "- {relu: {}, inputs: [s.1]}\n- {dense: {units: 4}}\n",
      "- {dense: {units: 4}}\n- {dropout: {rate: 0.4}}\n- sin\n- square\n- {dense: {units: 4}}\n",
  };
  for (size_t i = 0; i < COUNT_OF(models); i++) {
    char *yaml = lm_format(DATA "model:\n%s" REST, models[i]);
    expect_same_bits(yaml, 4, 1);
    lm_free(yaml);
  }
}

/* A small generator of its own, so that the graphs are the same everywhere. */
static uint32_t draw(uint64_t *seed, uint32_t bound)
{
  *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
  return (uint32_t)((*seed >> 33) % bound);
}

/* Any node may read any earlier one, or the data; all have four columns. */
static void random_model(struct lm_text *yaml, uint64_t *seed)
{
  static const char *const unary[] = {"relu: {}",          "sigmoid: {}",          "tanh: {}",
                                      "sin: {}",           "square: {}",           "exp: {}",
                                      "probe: {}",         "dropout: {rate: 0.3}", "batch_norm: {}",
                                      "dense: {units: 4}", "dense: {units: 4}"};
  uint32_t count = 2 + draw(seed, 12);
  for (uint32_t i = 0; i < count; i++) {
    uint32_t shape = draw(seed, 4);
    char inputs[3][16];
    for (int k = 0; k < 3; k++) {
      uint32_t from = i == 0 || draw(seed, 8) == 0 ? UINT32_MAX
                      : draw(seed, 2) == 0         ? i - 1
                                                   : draw(seed, i);
      (void)snprintf(inputs[k], sizeof inputs[k], from == UINT32_MAX ? "input" : "n%u", from);
    }
    if (shape == 0) {
      lm_text_addf(yaml, "- {add: {}, name: n%u, inputs: [%s, %s, %s]}\n", i, inputs[0], inputs[1],
                   inputs[2]);
    } else if (shape == 1) {
      lm_text_addf(yaml, "- {product: {}, name: n%u, inputs: [%s, %s]}\n", i, inputs[0], inputs[1]);
    } else {
      lm_text_addf(yaml, "- {%s, name: n%u, inputs: [%s]%s}\n", unary[draw(seed, COUNT_OF(unary))],
                   i, inputs[0], draw(seed, 12) == 0 ? ", freeze: true" : "");
    }
  }
}

Test(arena, gives_the_same_bits_in_hundreds_of_random_graphs)
{
  uint64_t seed = 20240607;
  for (int round = 0; round < 300; round++) {
    struct lm_text yaml = {0};
    lm_text_add(&yaml, DATA "model:\n");
    random_model(&yaml, &seed);
    lm_text_add(&yaml, "- {dense: {units: 4}, name: end}\n" REST);
    int64_t batch = 1 + (int64_t)draw(&seed, 8);
    uint32_t threads = 1 + draw(&seed, 2);
    expect_same_bits(lm_text_get(&yaml), batch, threads);
    lm_text_release(&yaml);
  }
}

Test(arena, is_near_the_bound_for_chains)
{
  uint64_t seed = 7;
  for (int round = 0; round < 120; round++) {
    static const char *const between[] = {"relu", "sigmoid", "tanh", "sin", "dropout"};
    struct ls_net net = {0};
    struct lm_text yaml = {0};
    lm_text_add(&yaml, "data: {train: {two_fields: {samples: 64, width: 4}}}\nmodel:\n");
    uint32_t count = 1 + draw(&seed, 8);
    for (uint32_t i = 0; i < count; i++) {
      lm_text_addf(&yaml, "- {dense: {units: %u}}\n- %s\n", 1 + draw(&seed, 200),
                   between[draw(&seed, COUNT_OF(between))]);
    }
    lm_text_add(&yaml, "- {dense: {units: 4}}\nloss: dot\noptimizer: sgd\ntrain: {batch: 64}\n");
    ls_net_open(&net, lm_text_get(&yaml), 1);
    for (int train = 0; train < 2; train++) {
      const struct lm_plan *plan = ls_net_program(&net, 64, train != 0, false)->plan;
      /* Most reach the bound; what waits for backward leaves gaps that it does not see. */
      size_t slack = plan->bound_bytes / 20;
      cr_expect_leq(plan->arena_bytes, plan->bound_bytes + slack,
                    "%zu instead of %zu bytes for %s\n%s", plan->arena_bytes, plan->bound_bytes,
                    train != 0 ? "training" : "evaluation", lm_text_get(&yaml));
    }
    lm_text_release(&yaml);
    ls_net_release(&net);
  }
}

Test(arena, bound_is_the_largest_sum_of_what_is_alive_at_once)
{
  struct ls_net net = {0};
  ls_net_open(&net, DATA "model:\n- {dense: {units: 64}}\n- tanh\n- {dense: {units: 4}}\n" REST, 1);
  const struct lm_plan *plan = ls_net_program(&net, 4, true, false)->plan;
  size_t most = 0;
  for (uint32_t time = 0; time <= 2 * plan->n_nodes; time++) {
    size_t alive = 0;
    for (size_t i = 0; i < plan->n_buffers; i++) {
      const struct lm_buffer *buffer = &plan->buffers[i];
      alive += buffer->first <= time && time <= buffer->last ? padded(buffer) : 0;
    }
    most = alive > most ? alive : most;
  }
  cr_expect_eq(plan->bound_bytes, most);
  ls_net_release(&net);
}

/* ---- the sign that sin forgets ---- */

Test(arena, keeps_the_sign_of_a_cosine)
{
  /* d sin(x) / dx at 2 is -0.4161, and not +0.4161 as sqrt(1 - sin(x)^2) would have it. */
  struct ls_net net = {0};
  float one = 1.0f;
  ls_net_open(&net,
              "data: {train: {two_fields: {samples: 1, width: 1}}}\n"
              "model:\n- {variable: {}, name: x, init: {value: {constant: {value: 2}}}}\n"
              "- sin\n- {exp: {}, name: e}\n- tanh\n"
              "loss: dot\noptimizer: sgd\ntrain: {batch: 1}\n",
              1);
  struct lm_program *program = ls_net_program(&net, 1, true, false);
  uint32_t target = (uint32_t)lm_graph_find_source(net.experiment->graph, "target");
  ls_net_feed(&net, program);
  program->sources[target].data = &one;
  (void)ls_net_run(&net, program, 0);
  double e = exp(sin(2.0));
  double expected = (1.0 - tanh(e) * tanh(e)) * e * cos(2.0);
  /* 1 - tanh^2 loses three bits at tanh = 0.987; the rest is below one rounding each. */
  cr_expect_float_eq((double)ls_gradients(&net, "x/value")[0], expected, 16 * 6e-8);
  cr_expect_lt(ls_gradients(&net, "x/value")[0], 0.0f);
  ls_net_release(&net);
}

Test(arena, runs_a_relu_behind_a_sigmoid_rightly)
{
  /* s(x) (1 - s(x)) at s = 0.7341: 0.1951; from an overwritten buffer it would be 0.1794. */
  struct ls_net net = {0};
  float one = 1.0f;
  ls_net_open(&net,
              "data: {train: {two_fields: {samples: 1, width: 1}}}\n"
              "model:\n- {variable: {}, name: x, init: {value: {constant: {value: 1.0155}}}}\n"
              "- sigmoid\n- relu\nloss: dot\noptimizer: sgd\ntrain: {batch: 1}\n",
              1);
  struct lm_program *program = ls_net_program(&net, 1, true, false);
  uint32_t target = (uint32_t)lm_graph_find_source(net.experiment->graph, "target");
  ls_net_feed(&net, program);
  program->sources[target].data = &one;
  (void)ls_net_run(&net, program, 0);
  double s = 1.0 / (1.0 + exp(-1.0155));
  cr_expect_float_eq((double)ls_gradients(&net, "x/value")[0], s * (1.0 - s), 8 * 6e-8);
  cr_expect_float_eq(s * (1.0 - s), 0.1951, 1e-3);
  ls_net_release(&net);
}
