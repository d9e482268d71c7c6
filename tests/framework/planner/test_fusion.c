/*
 * Who is fused into whom, and why not where not. That a fused run has the bits of one in which
 * every layer has passes of its own is shown in test_memory.c, over random graphs.
 */
#include <criterion/criterion.h>
#include <string.h>

#include "base/memory.h"
#include "tests/support/net.h"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))
#define DATA "data: {train: {two_fields: {samples: 8, width: 4}}}\n"
#define REST "loss: dot\noptimizer: {sgd: {rate: 0.1}}\ntrain: {batch: 8}\n"

/* What must come of node 'x': the name of its head, or the reason. */
struct row {
  const char *model;
  uint32_t pass;
  const char *head, *reason;
};

static void expect(const struct row *row)
{
  struct ls_net net = {0};
  char *yaml = lm_format(DATA "model:\n%s" REST, row->model);
  ls_net_open(&net, yaml, 1);
  const struct lm_plan *plan = ls_net_program(&net, 8, true, false)->plan;
  int32_t node = lm_graph_find_node(net.experiment->graph, "x");
  const struct lm_fusion *fusion = &plan->nodes[node].fusion[row->pass];
  if (row->head != NULL) {
    cr_expect_eq(fusion->head, lm_graph_find_node(net.experiment->graph, row->head), "%s in\n%s",
                 fusion->reason, yaml);
    cr_expect_null(fusion->reason);
  } else {
    cr_expect_eq(fusion->head, -1, "fused in\n%s", yaml);
    cr_expect_str_eq(fusion->reason == NULL ? "" : fusion->reason, row->reason, "in\n%s", yaml);
  }
  lm_free(yaml);
  ls_net_release(&net);
}

Test(fusion, is_decided_with_a_reason)
{
  enum { FORWARD = LAMINA_FORWARD, BACKWARD = LAMINA_BACKWARD };
  static const struct row rows[] = {
      {"- {dense: {units: 4}, name: d}\n- {relu: {}, name: x}\n", FORWARD, "d", NULL},
      {"- {dense: {units: 4}, name: d}\n- relu\n- {dropout: {}, name: x}\n", FORWARD, "d", NULL},
      {"- {dense: {units: 4}, name: d}\n- sin\n- {square: {}, name: x}\n", FORWARD, "d", NULL},
      {"- {probe: {pieces: true}, name: p}\n- {tanh: {}, name: x}\n", FORWARD, "p", NULL},
      {"- {relu: {}, name: x}\n", FORWARD, NULL, "its input is a field of the data"},
      {"- {probe: {}, name: p}\n- {relu: {}, name: x}\n", FORWARD, NULL,
       "'p' does not hand its output over in pieces"},
      {"- {dense: {units: 4}}\n- {relu: {}, name: x, fuse: false}\n", FORWARD, NULL,
       "the experiment says fuse: false"},
      {"- {dense: {units: 4}, name: d}\n- {dense: {units: 4}, name: e}\n"
       "- {relu: {}, name: x, inputs: [d]}\n- {add: {}, inputs: [e, x]}\n",
       FORWARD, NULL, "'e' runs between 'd' and it"},
      /* Two readers of a tensor that comes in pieces. */
      {"- {dense: {units: 4}, name: d}\n- {tanh: {}, name: t}\n- {relu: {}, name: x, inputs: [d]}\n"
       "- {add: {}, inputs: [t, x]}\n",
       FORWARD, "d", NULL},
      /* Several inputs: one of them in pieces, the others complete, in pieces, or of the data. */
      {"- {dense: {units: 4}, name: d}\n- {dense: {units: 4}, name: e}\n"
       "- {add: {}, name: x, inputs: [d, e]}\n",
       FORWARD, "e", NULL},
      {"- {dense: {units: 4}, name: d}\n- {tanh: {}, name: t}\n"
       "- {add: {}, name: x, inputs: [d, t, input]}\n",
       FORWARD, "d", NULL},
      {"- {dense: {units: 4}, name: d}\n- {relu: {}, name: r}\n- {dense: {units: 4}, name: e}\n"
       "- {add: {}, name: a, inputs: [e, r]}\n- {relu: {}, name: x}\n",
       FORWARD, "e", NULL},
      {"- {dense: {units: 8}, name: d}\n- {split: {parts: 2}, name: s}\n"
       "- {add: {}, name: x, inputs: [s.0, s.1]}\n",
       FORWARD, NULL, "'s' does not hand its output over in pieces"},
      {"- {dense: {units: 4}, name: d}\n- {relu: {}, name: r}\n- {dense: {units: 4}, name: e}\n"
       "- {add: {}, name: x, inputs: [e, r]}\n- {dense: {units: 4}, name: f}\n",
       BACKWARD, "f", NULL},
      {"- {dense: {units: 4}, name: d}\n- {relu: {}, name: x}\n- {dense: {units: 4}, name: e}\n"
       "- {add: {}, inputs: [e, x]}\n- {dense: {units: 4}, name: f}\n",
       BACKWARD, "e", NULL},
      {"- {dense: {units: 4}, name: d}\n- {add: {}, name: x, inputs: [d, d]}\n"
       "- {dense: {units: 4}}\n",
       BACKWARD, NULL, "two of its inputs are the same"},
      {"- {dense: {units: 4}}\n- {relu: {}, name: x}\n- {dense: {units: 4}, name: e}\n", BACKWARD,
       "e", NULL},
      {"- {dense: {units: 4}}\n- {relu: {}, name: x}\n- dropout\n- {dense: {units: 4}, name: e}\n",
       BACKWARD, "e", NULL},
      {"- {dense: {units: 4}}\n- {relu: {}, name: x}\n", BACKWARD, NULL,
       "'dot' does not hand its input's gradient over in pieces"},
      {"- {dense: {units: 4}}\n- {relu: {}, name: x}\n- {add: {}, name: a, inputs: [x, x]}\n"
       "- {dense: {units: 4}}\n",
       BACKWARD, NULL, "'a' does not hand its input's gradient over in pieces"},
      /* Two readers: e's contribution is the last one, and is added to t's. */
      {"- {dense: {units: 4}}\n- {relu: {}, name: x}\n- {dense: {units: 4}, name: e}\n"
       "- {tanh: {}, name: t, inputs: [x]}\n- {add: {}, inputs: [e, t]}\n",
       BACKWARD, "e", NULL},
      {"- {dense: {units: 4}}\n- {relu: {}, name: x}\n- {tanh: {}, name: t}\n"
       "- {dense: {units: 4}, name: e, inputs: [x]}\n- {add: {}, inputs: [e, t]}\n",
       BACKWARD, NULL, "'t' does not hand its input's gradient over in pieces"},
  };
  for (size_t i = 0; i < COUNT_OF(rows); i++) {
    expect(&rows[i]);
  }
}

static int32_t node_of(const struct ls_net *net, const char *name)
{
  return lm_graph_find_node(net->experiment->graph, name);
}

/* A normalization: elementwise in evaluation; in training it only looks on, and makes what the
 * relu's derivative reads, so that the relu's output is not kept beyond the pooling. */
Test(fusion, lets_a_normalization_run_in_evaluation_and_look_on_in_training)
{
  enum { FORWARD = LAMINA_FORWARD, BACKWARD = LAMINA_BACKWARD };
  struct ls_net net = {0};
  ls_net_open(&net,
              DATA "model:\n- {conv1d: {filters: 3, kernel: 1}, name: c}\n"
                   "- {batch_norm: {}, name: n}\n- {relu: {}, name: r}\n"
                   "- {max_pool1d: {}, name: p}\n- flatten\n- {dense: {units: 4}}\n" REST,
              1);
  int32_t c = node_of(&net, "c"), n = node_of(&net, "n");
  int32_t r = node_of(&net, "r"), p = node_of(&net, "p");
  const struct lm_node_plan *nodes = ls_net_program(&net, 8, false, false)->plan->nodes;
  cr_expect_eq(nodes[n].fusion[FORWARD].head, c);
  cr_expect_eq(nodes[r].fusion[FORWARD].head, c);
  cr_expect_eq(nodes[r].out[0], nodes[c].out[0]);
  const struct lm_plan *plan = ls_net_program(&net, 8, true, false)->plan;
  nodes = plan->nodes;
  cr_expect_eq(nodes[n].fusion[FORWARD].head, -1);
  cr_expect_str_eq(nodes[n].fusion[FORWARD].reason, "it is not elementwise in training");
  cr_expect_eq(nodes[n].fusion[FORWARD].shown_by, c);
  cr_expect_eq(nodes[n].fusion[BACKWARD].shown_by, p);
  cr_expect_eq(nodes[r].fusion[BACKWARD].head, p);
  cr_expect_eq(nodes[r].fusion[BACKWARD].remade_by, n);
  cr_expect_eq(plan->buffers[nodes[r].out[0]].last, 3, "until p, the fourth, has read it");
  ls_net_release(&net);
}

/* Loss of a step, and all gradients that it makes. */
static void copy_step(struct ls_net *net, int64_t batch, struct lm_text *bits)
{
  struct lm_program *program = ls_net_program(net, batch, true, false);
  ls_net_feed(net, program);
  double loss = ls_net_run(net, program, 3);
  lm_text_add_bytes(bits, (const char *)&loss, sizeof loss);
  for (uint32_t i = 0; i < net->experiment->graph->n_parameters; i++) {
    const struct lamina_view *view = &net->engine->store.gradient_views[i];
    lm_text_add_bytes(bits, view->data, (size_t)lamina_type_count(&view->type) * sizeof(float));
  }
}

static const char *model_of(bool fuse, char *text, size_t size)
{
  const char *no = fuse ? "" : ", fuse: false";
  (void)snprintf(text, size,
                 "data: {train: {two_fields: {samples: 300, width: 40}}}\nmodel:\n"
                 "- {batch_norm: {}%s}\n- {relu: {}%s}\n" /* reads what each batch brings */
                 "- {dense: {units: 130}}\n- {relu: {}%s}\n- {dropout: {rate: 0.3}%s}\n"
                 "- {dense: {units: 70}}\n- {sin: {}%s}\n- {tanh: {}%s}\n"
                 "- {dense: {units: 40}}\n- {sigmoid: {}%s, name: s}\n- {dense: {units: 40}}\n"
                 "- {add: {}%s, inputs: [dense4, s, input]}\n- {relu: {}%s}\n"
                 "- {dense: {units: 100}}\n- {batch_norm: {}%s}\n- {relu: {}%s}\n"
                 "- {dense: {units: 40}}\n"
                 "loss: dot\noptimizer: sgd\ntrain: {batch: 300}\n",
                 no, no, no, no, no, no, no, no, no, no, no);
  return text;
}

Test(fusion, changes_no_bit_at_any_batch_and_number_of_threads)
{
  static const int64_t batches[] = {0, 1, 3, 64, 300};
  static const uint32_t threads[] = {1, 2, 7};
  for (size_t t = 0; t < COUNT_OF(threads); t++) {
    char text[1024];
    struct ls_net fused = {0};
    struct ls_net apart = {0};
    ls_net_open(&fused, model_of(true, text, sizeof text), threads[t]);
    ls_net_open(&apart, model_of(false, text, sizeof text), 1);
    cr_assert_eq(ls_net_program(&fused, 64, true, false)->forward[0].n_fused, 1);
    cr_assert_eq(ls_net_program(&apart, 64, true, false)->forward[0].n_fused, 0);
    for (size_t b = 0; b < COUNT_OF(batches); b++) {
      struct lm_text one = {0};
      struct lm_text two = {0};
      copy_step(&fused, batches[b], &one);
      copy_step(&apart, batches[b], &two);
      cr_assert_eq(one.length, two.length);
      cr_expect(memcmp(one.bytes, two.bytes, one.length) == 0, "batch %lld, %u threads",
                (long long)batches[b], threads[t]);
      lm_text_release(&one);
      lm_text_release(&two);
    }
    ls_net_release(&fused);
    ls_net_release(&apart);
  }
}
