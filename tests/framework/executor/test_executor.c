/*
 * Programs: gradients of whole nets, layers that go wrong, and programs of several sizes in one
 * arena.
 */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "tests/plugins/probe.h"
#include "tests/support/net.h"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))
#define DATA "data: {train: {two_fields: {samples: 16, width: 4}}}\n"
#define REST "loss: dot\noptimizer: {sgd: {rate: 0.1}}\ntrain: {batch: 8}\n"

/* ---- gradients of nets ---- */

static double loss_at(struct ls_net *net, struct lm_program *program, float *weight, double value)
{
  float before = *weight;
  *weight = (float)value;
  double loss = ls_net_run(net, program, 7);
  *weight = before;
  return loss;
}

/*
 * Central differences of a float32 loss: rounding costs about |loss| 2^-24 few / h, curvature
 * h^2 / 6 times the third derivative. At h = 2^-6 and losses and derivatives of order one the
 * two are 64 * 6e-8 * 16 = 6e-5 and 4e-5 * f'''; smooth nets of this size have |f'''| below 20.
 */
static void expect_differences(const char *yaml)
{
  struct ls_net net = {0};
  const double h = 1.0 / 64.0;
  ls_net_open(&net, yaml, 1);
  struct lm_program *program = ls_net_program(&net, 8, true, false);
  const struct lm_store *store = &net.engine->store;
  ls_net_feed(&net, program);
  double scale = 1.0 + fabs(ls_net_run(&net, program, 7));
  float *gradients = lm_alloc(store->trained, sizeof *gradients);
  memcpy(gradients, store->gradients, store->trained * sizeof *gradients);
  for (uint32_t i = 0; i < net.experiment->graph->n_parameters; i++) {
    const struct lm_parameter *parameter = net.experiment->graph->parameters[i];
    size_t count = lm_shape_bytes(&parameter->shape) / sizeof(float);
    for (size_t k = 0; k < count; k++) {
      float *weight = store->weights + store->offsets[i] + k;
      double up = loss_at(&net, program, weight, (double)*weight + h);
      double down = loss_at(&net, program, weight, (double)*weight - h);
      double expected = (up - down) / (2.0 * h);
      double found = (double)gradients[store->offsets[i] + k];
      cr_expect_float_eq(found, expected, 1e-3 * scale, "%s[%zu]: %g instead of %g in\n%s",
                         parameter->name, k, found, expected, yaml);
    }
  }
  lm_free(gradients);
  ls_net_release(&net);
}

Test(executor, computes_the_gradients_of_whole_nets)
{
  static const char *const models[] = {
      "- {dense: {units: 5}}\n- tanh\n- {dense: {units: 4}}\n",
      "- {dense: {units: 4}, name: a}\n- sigmoid\n- {dense: {units: 4}, name: b, share: a}\n"
      "- {add: {}, inputs: [a, b]}\n",
      "- {dense: {units: 6}}\n- {split: {parts: 2}, name: s}\n- {sin: {}, name: x, inputs: [s.0]}\n"
      "- {product: {}, inputs: [x, s.1]}\n- {dense: {units: 4}}\n",
      "- {dense: {units: 6}}\n- {dropout: {rate: 0.5}}\n- tanh\n- {dense: {units: 4}}\n",
      "- {dense: {units: 6}}\n- {split: {parts: 2}, name: s}\n"
      "- {dense: {units: 4}, inputs: [s.1]}\n",
  };
  for (size_t i = 0; i < COUNT_OF(models); i++) {
    char *yaml = lm_format(DATA "model:\n%s" REST, models[i]);
    expect_differences(yaml);
    lm_free(yaml);
  }
  expect_differences(DATA "model:\n- {dense: {units: 5}, name: d}\n- tanh\n"
                          "- {dense: {units: 4}, name: a}\n"
                          "- {dense: {units: 4}, name: b, inputs: [d]}\n"
                          "loss:\n- {mse: {}, inputs: [a, target], weight: 0.5}\n"
                          "- {dot: {}, inputs: [b, other], weight: -2}\n"
                          "optimizer: sgd\ntrain: {batch: 8}\n");
}

Test(executor, clears_the_gradient_of_an_output_that_nobody_uses)
{
  /* Only s.1 is read: the columns of the weight that make s.0 get exactly nothing. */
  struct ls_net net = {0};
  ls_net_open(&net,
              DATA "model:\n- {dense: {units: 8}, name: d}\n- {split: {parts: 2}, name: s}\n"
                   "- {relu: {}, inputs: [s.1]}\n" REST,
              1);
  struct lm_program *program = ls_net_program(&net, 8, true, false);
  ls_net_feed(&net, program);
  for (uint64_t step = 0; step < 2; step++) {
    (void)ls_net_run(&net, program, step);
    float used = 0.0f;
    for (int i = 0; i < 8; i++) {
      float g = ls_gradients(&net, "d/bias")[i];
      cr_expect(i >= 4 || g == 0.0f, "bias %d: %g", i, (double)g);
      used += i >= 4 ? fabsf(g) : 0.0f;
    }
    cr_expect_gt(used, 0.0f);
  }
  ls_net_release(&net);
}

Test(executor, draws_anew_each_step_and_the_same_for_the_same_step)
{
  struct ls_net net = {0};
  ls_net_open(&net, DATA "model:\n- {dense: {units: 4}}\n- {dropout: {rate: 0.5}}\n" REST, 1);
  struct lm_program *program = ls_net_program(&net, 8, true, false);
  ls_net_feed(&net, program);
  double first = ls_net_run(&net, program, 0);
  double second = ls_net_run(&net, program, 1);
  cr_expect_neq(first, second);
  cr_expect_eq(ls_net_run(&net, program, 0), first);
  ls_net_release(&net);
}

/* ---- layers that go wrong ---- */

static void expect_failure(const char *fault, enum lamina_status status, const char *const *parts)
{
  struct ls_net net = {0};
  char *yaml = lm_format(DATA "model:\n- {dense: {units: 4}}\n"
                              "- {probe: {fault: %s, at: 2}, name: bad}\n- relu\n" REST,
                         fault);
  ls_net_open(&net, yaml, 2);
  struct lm_program *program = ls_net_program(&net, 8, true, false);
  ls_net_feed(&net, program);
  enum lamina_status found = LAMINA_OK;
  for (uint64_t step = 0; step < 2 && found == LAMINA_OK; step++) {
    found = lm_program_forward(program, step, &net.error);
    found = found == LAMINA_OK ? lm_program_backward(program, step, &net.error) : found;
  }
  cr_expect_eq(found, status, "%s: %s: %s", fault, lm_status_name(found), net.error.text);
  cr_expect_eq(net.error.status, status, "%s", fault);
  cr_expect(strstr(net.error.text, "net.yaml:4:4: node 'bad' (layer 'probe' 1.0.0)") != NULL, "%s",
            net.error.text);
  for (size_t i = 0; parts[i] != NULL; i++) {
    cr_expect(strstr(net.error.text, parts[i]) != NULL, "no '%s' in: %s", parts[i], net.error.text);
  }
  /* The failure is forgotten: the same program runs again. */
  if (strcmp(fault, "undeclared") != 0) {
    cr_expect_eq(lm_program_forward(program, 3, &net.error), LAMINA_OK, "%s", net.error.text);
  }
  lm_free(yaml);
  ls_net_release(&net);
}

Test(executor, names_the_layer_that_goes_wrong)
{
  static const struct {
    const char *fault;
    enum lamina_status status;
    const char *parts[4];
  } rows[] = {
      {"error", LAMINA_E_INVALID, {"was told to fail"}},
      {"lie", LAMINA_E_PLUGIN, {"was told to fail", "forward still claimed success"}},
      {"silent", LAMINA_E_INVALID, {"forward failed", "without saying why"}},
      {"unknown", LAMINA_E_PLUGIN, {"forward failed", "without saying why"}},
      {"undeclared", LAMINA_E_PLUGIN, {"backward", "input 0", "did not declare"}},
      {"memory", LAMINA_E_PLUGIN, {"lasting memory outside setup"}},
      {"random", LAMINA_E_PLUGIN, {"purpose 3", "did not declare"}},
      {"keeps, pieces: true", LAMINA_E_PLUGIN, {"handed over", "to the layers fused into it"}},
      {"beyond, pieces: true", LAMINA_E_PLUGIN, {"forward failed", "without saying why"}},
  };
  for (size_t i = 0; i < COUNT_OF(rows); i++) {
    expect_failure(rows[i].fault, rows[i].status, rows[i].parts);
  }
}

Test(executor, finds_the_node_that_made_a_number_that_is_not_finite)
{
  static const struct {
    const char *model;
    const char *parts[2];
  } rows[] = {
      {"- {dense: {units: 4}, name: d}\n- {probe: {fault: nan}, name: bad}\n- relu\n",
       {"net.yaml:4:4: node 'bad'", "output 0"}},
      {"- {dense: {units: 4}, name: d, init: {bias: {constant: {value: 3e38}}}}\n- exp\n",
       {"net.yaml:4:3: node 'exp'", "output 0"}},
      {"- {variable: {units: 4}, name: v, init: {value: {constant: {value: 20}}}}\n- exp\n- exp\n",
       {"net.yaml:5:3: node 'exp2'", "(inf)"}},
  };
  for (size_t i = 0; i < COUNT_OF(rows); i++) {
    struct ls_net net = {0};
    char *yaml = lm_format(DATA "model:\n%s" REST, rows[i].model);
    ls_net_open(&net, yaml, 1);
    struct lm_program *program = ls_net_program(&net, 8, true, false);
    ls_net_feed(&net, program);
    cr_expect_eq(lm_program_find_nonfinite(program, 0, &net.error), LAMINA_E_NONFINITE);
    for (int p = 0; p < 2; p++) {
      cr_expect(strstr(net.error.text, rows[i].parts[p]) != NULL, "no '%s' in: %s",
                rows[i].parts[p], net.error.text);
    }
    lm_free(yaml);
    ls_net_release(&net);
  }
}

Test(executor, finds_data_and_weights_that_are_not_finite)
{
  struct ls_net net = {0};
  ls_net_open(&net, DATA "model:\n- {dense: {units: 4}}\n" REST, 1);
  struct lm_program *program = ls_net_program(&net, 8, true, false);
  ls_net_feed(&net, program);
  cr_expect_eq(lm_program_find_nonfinite(program, 0, &net.error), LAMINA_OK, "%s", net.error.text);
  ls_weights(&net, "dense/weight")[3] = INFINITY;
  cr_expect_eq(lm_program_find_nonfinite(program, 0, &net.error), LAMINA_E_NONFINITE);
  cr_expect(strstr(net.error.text, "node 'dense'") != NULL &&
                strstr(net.error.text, "weight 0") != NULL,
            "%s", net.error.text);
  ((float *)program->sources[0].data)[5] = NAN;
  cr_expect_eq(lm_program_find_nonfinite(program, 0, &net.error), LAMINA_E_NONFINITE);
  cr_expect(strstr(net.error.text, "field 'input'") != NULL &&
                strstr(net.error.text, "element 5") != NULL,
            "%s", net.error.text);
  ls_net_release(&net);
}

/* ---- programs ---- */

Test(executor, binds_all_programs_again_when_the_arena_grows)
{
  static const int64_t batches[] = {3, 16, 1, 8, 2, 16, 3};
  struct ls_net net = {0};
  ls_net_open(&net,
              DATA "model:\n- {dense: {units: 33}}\n- tanh\n- {dense: {units: 4}}\n"
                   "loss: mse\nmetrics: [mse]\noptimizer: sgd\ntrain: {batch: 16}\n",
              2);
  for (size_t i = 0; i < COUNT_OF(batches); i++) {
    for (int train = 0; train < 2; train++) {
      struct lm_program *program = ls_net_program(&net, batches[i], train != 0, false);
      struct lm_program *apart = ls_net_program(&net, batches[i], train != 0, true);
      ls_net_feed(&net, program);
      double loss = ls_net_run(&net, program, i);
      ls_net_feed(&net, apart);
      cr_expect_eq(loss, ls_net_run(&net, apart, i), "batch %lld", (long long)batches[i]);
      cr_expect_eq(program, ls_net_program(&net, batches[i], train != 0, false));
    }
  }
  /* The first program, bound to the last arena. */
  struct lm_program *small = ls_net_program(&net, 3, true, false);
  const char *data = small->views[0].out[0].data;
  size_t bytes = lm_executor_arena_bytes(net.engine->executor);
  cr_expect_eq(bytes, ls_net_program(&net, 16, true, false)->plan->arena_bytes);
  cr_expect_eq(data,
               (char *)ls_net_program(&net, 16, true, false)->views[0].out[0].data +
                   small->plan->buffers[small->plan->nodes[0].out[0]].offset -
                   ls_net_program(&net, 16, true, false)
                       ->plan->buffers[ls_net_program(&net, 16, true, false)->plan->nodes[0].out[0]]
                       .offset);
  ls_net_release(&net);
}

Test(executor, runs_a_batch_without_samples)
{
  struct ls_net net = {0};
  ls_net_open(&net,
              DATA "model:\n- {dense: {units: 5}}\n- tanh\n- {dense: {units: 4}}\n"
                   "loss: mse\nmetrics: [mse]\noptimizer: sgd\ntrain: {batch: 16}\n",
              2);
  struct lm_program *program = ls_net_program(&net, 0, true, false);
  ls_net_feed(&net, program);
  cr_expect_eq(ls_net_run(&net, program, 0), 0.0);
  cr_expect_eq(ls_gradients(&net, "dense/weight")[0], 0.0f);
  ls_net_release(&net);
}

Test(executor, gives_each_lane_scratch_of_its_own)
{
  struct ls_net net = {0};
  ls_net_open(&net, DATA "model:\n- {dense: {units: 4}}\n- probe\n" REST, 3);
  struct lm_program *program = ls_net_program(&net, 8, true, false);
  ls_net_feed(&net, program);
  (void)ls_net_run(&net, program, 0);
  const struct probe *probe = ls_self(&net, "probe");
  for (int lane = 0; lane < 3; lane++) {
    cr_expect_eq((uintptr_t)probe->scratch[lane] % LAMINA_ALIGNMENT, 0);
    cr_expect(lane == 0 || (char *)probe->scratch[lane] - (char *)probe->scratch[lane - 1] >= 100);
  }
  ls_net_release(&net);
}

Test(executor, gives_the_same_bits_at_any_number_of_threads)
{
  static const uint32_t threads[] = {1, 2, 7};
  double losses[3];
  float weights[3];
  for (int i = 0; i < 3; i++) {
    struct ls_net net = {0};
    ls_net_open(&net,
                "data: {train: {two_fields: {samples: 300, width: 40}}}\n"
                "model:\n- {dense: {units: 300}}\n- {dropout: {rate: 0.3}}\n- tanh\n"
                "- {dense: {units: 40}}\nloss: mse\noptimizer: {sgd: {rate: 0.1}}\n"
                "train: {batch: 300, clip: 1}\nregularizers: [{l2: {lambda: 0.1}}]\n",
                threads[i]);
    struct lm_program *program = ls_net_program(&net, 300, true, false);
    struct lm_update_report report;
    ls_net_feed(&net, program);
    for (uint64_t step = 0; step < 3; step++) {
      losses[i] = ls_net_run(&net, program, step);
      cr_assert_eq(lm_updater_step(net.engine->updater, step + 1, 1.0, &report, &net.error),
                   LAMINA_OK);
    }
    weights[i] = ls_weights(&net, "dense/weight")[17];
    cr_expect_eq(losses[i], losses[0]);
    cr_expect_eq(weights[i], weights[0]);
    ls_net_release(&net);
  }
}
