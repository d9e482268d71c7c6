/*
 * Sections of an experiment: what is refused, where, and what is filled in.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "tests/support/net.h"
#include "tests/support/support.h"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))
#define DATA "data: {train: {two_fields: {samples: 8, width: 4}}}\n"
#define HELD_OUT "data: {train: {two_fields: {samples: 8, width: 4}}, holdout: 0.25}\n"
#define MODEL "model: [{dense: {units: 4}}]\n"
#define LOSS "loss: dot\n"
#define SGD "optimizer: {sgd: {rate: 0.1}}\n"

Test(builder, refuses_sections_that_are_missing_or_not_known)
{
  static const struct ls_refusal rows[] = {
      {MODEL LOSS SGD, LAMINA_E_INVALID, {"'data' is missing"}},
      {DATA LOSS SGD, LAMINA_E_INVALID, {"'model' is missing"}},
      {DATA MODEL SGD, LAMINA_E_INVALID, {"'loss' is missing", "cross_entropy"}},
      {DATA MODEL LOSS, LAMINA_E_INVALID, {"'optimizer' is missing", "sgd"}},
      {DATA MODEL LOSS SGD "metric: [accuracy]\n",
       LAMINA_E_INVALID,
       {"net.yaml:5:1: ", "'metric'", "'metrics'"}},
      {DATA MODEL LOSS SGD "zzzz: 1\n", LAMINA_E_INVALID, {"net.yaml:5:1: ", "'zzzz'"}},
      {DATA "model: []\n" LOSS SGD, LAMINA_E_INVALID, {"net.yaml:2:8: ", "an empty list"}},
      {DATA "model: dense\n" LOSS SGD,
       LAMINA_E_INVALID,
       {"net.yaml:2:8: ", "text 'dense'", "a list of nodes"}},
      {DATA "model: [{name: a}]\n" LOSS SGD,
       LAMINA_E_INVALID,
       {"net.yaml:2:9: ", "names no plugin"}},
      {DATA "model: [[relu]]\n" LOSS SGD, LAMINA_E_INVALID, {"net.yaml:2:9: ", "is a list"}},
      {DATA "model: [{dense: {units: 4}, nmae: a}]\n" LOSS SGD,
       LAMINA_E_INVALID,
       {"net.yaml:2:29: ", "'nmae' beside 'dense'", "'name'?"}},
      {DATA "model: [{dense: {units: 4}, bias: false}]\n" LOSS SGD,
       LAMINA_E_INVALID,
       {"net.yaml:2:29: ", "'bias' beside 'dense'", "expected one of name, inputs"}},
      {DATA MODEL "loss: [{dot: {}, wieght: 2}]\n" SGD,
       LAMINA_E_INVALID,
       {"net.yaml:3:18: ", "'wieght'", "'weight'?"}},
      {DATA MODEL "loss: {dot: {}, weight: heavy}\n" SGD,
       LAMINA_E_INVALID,
       {"net.yaml:3:25: ", "weight", "heavy"}},
      {DATA MODEL LOSS SGD "schedule: cosin\n",
       LAMINA_E_MISSING,
       {"net.yaml:5:11: ", "cosin", "cosine"}},
      {DATA MODEL LOSS SGD "regularizers: [{l2: {lambda: 1}, weights: 'x*'}]\n",
       LAMINA_E_INVALID,
       {"net.yaml:5:43: ", "'x*' matches no weight"}},
  };
  ls_expect_refusals(rows, COUNT_OF(rows), false);
}

Test(builder, checks_the_train_section)
{
  static const struct ls_refusal rows[] = {
      {DATA MODEL LOSS SGD "train: {epoch: 3}\n",
       LAMINA_E_INVALID,
       {"net.yaml:5:9: ", "'epoch'", "'epochs'"}},
      {DATA MODEL LOSS SGD "train: {batch: 0}\n", LAMINA_E_INVALID, {"net.yaml:5:16: ", "batch"}},
      {DATA MODEL LOSS SGD "train: {clip: -1}\n", LAMINA_E_INVALID, {"net.yaml:5:15: ", "clip"}},
      {DATA MODEL LOSS SGD "train: {shuffle: on}\n",
       LAMINA_E_INVALID,
       {"net.yaml:5:18: ", "shuffle"}},
      {DATA MODEL LOSS SGD "train: [1]\n",
       LAMINA_E_INVALID,
       {"net.yaml:5:8: ", "'train' is a list"}},
      {DATA MODEL LOSS SGD "train: {checkpoint: 3}\n",
       LAMINA_E_INVALID,
       {"net.yaml:5:21: ", "'checkpoint'", "a map"}},
      {DATA MODEL LOSS SGD "train: {checkpoint: {kep: 3}}\n",
       LAMINA_E_INVALID,
       {"net.yaml:5:22: ", "'kep'", "'keep'"}},
      {DATA MODEL LOSS SGD "train: {early_stopping: {patience: 0}}\n",
       LAMINA_E_INVALID,
       {"net.yaml:5:36: ", "patience"}},
      {DATA MODEL LOSS SGD "train: {seed: -1}\n", LAMINA_E_INVALID, {"net.yaml:5:15: ", "seed"}},
  };
  ls_expect_refusals(rows, COUNT_OF(rows), false);
}

Test(builder, fills_in_what_the_train_section_leaves_out)
{
  struct ls_net net = {0};
  cr_assert_eq(ls_net_build(&net, DATA MODEL LOSS SGD, 1), LAMINA_OK, "%s", net.error.text);
  const struct lm_train_settings *train = &net.experiment->train;
  cr_expect(train->epochs == 10 && train->batch == 32 && train->seed == 1 && train->steps == 0);
  cr_expect(train->shuffle == 1 && train->drop_last == 0 && train->clip == 0.0);
  cr_expect(net.experiment->checkpoint.every_epochs == 1 && net.experiment->checkpoint.keep == 1);
  cr_expect_eq(net.experiment->early_stopping.enabled, 0);
  ls_net_release(&net);
  static const char early[] = HELD_OUT MODEL LOSS SGD "train: {steps: 7, early_stopping: {}}\n";
  cr_assert_eq(ls_net_build(&net, early, 1), LAMINA_OK, "%s", net.error.text);
  cr_expect_eq(net.experiment->train.epochs, 1000000000);
  cr_expect_eq(net.experiment->early_stopping.enabled, 1);
  cr_expect_eq(net.experiment->early_stopping.patience, 5);
  cr_expect_str_eq(net.experiment->early_stopping.monitor, "loss");
  ls_net_release(&net);
}

#define TRAIN "train: {two_fields: {samples: 8, width: 4}}"

Test(builder, checks_the_data_section)
{
  static const struct ls_refusal rows[] = {
      {"data: {}\n" MODEL LOSS SGD, LAMINA_E_INVALID, {"data.train is missing"}},
      {"data: moons\n" MODEL LOSS SGD, LAMINA_E_INVALID, {"net.yaml:1:7: ", "a map with train"}},
      {"data: {tarin: moons}\n" MODEL LOSS SGD,
       LAMINA_E_INVALID,
       {"net.yaml:1:8: ", "'tarin'", "'train'"}},
      {"data:\n  " TRAIN "\n  test: {two_fields: {width: 4}}\n  holdout: 0.2\n" MODEL LOSS SGD,
       LAMINA_E_INVALID,
       {"net.yaml:4:12: ", "both test (line 3) and holdout"}},
      {"data:\n  " TRAIN "\n  holdout: 1\n" MODEL LOSS SGD,
       LAMINA_E_INVALID,
       {"net.yaml:3:12: ", "holdout is 1", "(0, 1)"}},
      {"data:\n  " TRAIN "\n  holdout: .nan\n" MODEL LOSS SGD,
       LAMINA_E_INVALID,
       {"net.yaml:3:12: ", "holdout"}},
      {"data:\n  " TRAIN "\n  test: {two_fields: {width: 5}}\n" MODEL LOSS SGD,
       LAMINA_E_SHAPE,
       {"net.yaml:3:10: ", "field 'input' is [5] float32, but [4] float32", "(line 2)"}},
      {"data:\n  " TRAIN "\n  test: moons\n" MODEL LOSS SGD,
       LAMINA_E_SHAPE,
       {"net.yaml:3:9: ", "field 'input' is [2] float32"}},
      {"data:\n  " TRAIN "\n  transforms: [{scale: {by: 2}, field: inptu}]\n" MODEL LOSS SGD,
       LAMINA_E_INVALID,
       {"net.yaml:3:40: ", "no field 'inptu'", "'input', 'other', 'target'"}},
      {"data:\n  train: moons\n  transforms: [{scale: {by: 2}, field: target}]\n"
       "model: [{dense: {units: 2}}]\nloss: cross_entropy\n" SGD,
       LAMINA_E_INVALID,
       {"net.yaml:3:17: ", "class labels"}},
  };
  ls_expect_refusals(rows, COUNT_OF(rows), false);
}

Test(builder, refuses_a_wrong_number_of_classes_naming_both_lines)
{
  static const struct ls_refusal rows[] = {
      {"data:\n  train: {moons: {samples: 10}}\nmodel:\n- {dense: {units: 3}, name: logits}\n"
       "loss: cross_entropy\n" SGD,
       LAMINA_E_SHAPE,
       {"net.yaml:5:7: ", "2", "(net.yaml:4:", "(net.yaml:2:"}},
  };
  ls_expect_refusals(rows, COUNT_OF(rows), false);
}

Test(builder, refuses_one_record_of_which_something_is_held_out)
{
  static const struct ls_refusal row = {
      "data: {train: {two_fields: {samples: 1, width: 4}}, holdout: 0.5}\n" MODEL LOSS SGD,
      LAMINA_E_INVALID,
      {"net.yaml:1:", "has one record"}};
  ls_expect_refusals(&row, 1, true);
}

Test(builder, holds_out_the_fraction_that_is_asked_for)
{
  static const struct {
    int samples;
    double fraction;
    int64_t held;
  } rows[] = {{10, 0.2, 2}, {10, 0.25, 3}, {2, 0.01, 1}, {2, 0.99, 1}, {100, 0.5, 50}};
  for (size_t i = 0; i < COUNT_OF(rows); i++) {
    struct ls_net net = {0};
    char *yaml = lm_format(
        "data: {train: {two_fields: {samples: %d, width: 4}}, holdout: %g}\n" MODEL LOSS SGD,
        rows[i].samples, rows[i].fraction);
    ls_net_open(&net, yaml, 1);
    cr_expect_eq(net.engine->test.count, rows[i].held);
    cr_expect_eq(net.engine->train.count, rows[i].samples - rows[i].held);
    bool seen[100] = {false};
    const struct lm_portion *portions[] = {&net.engine->train, &net.engine->test};
    for (int p = 0; p < 2; p++) {
      for (int64_t k = 0; k < portions[p]->count; k++) {
        cr_expect_not(seen[portions[p]->index[k]], "a record is in both parts");
        seen[portions[p]->index[k]] = true;
      }
    }
    lm_free(yaml);
    ls_net_release(&net);
  }
}

/* ---- weights ---- */

Test(builder, initialises_each_weight_as_its_node_says)
{
  struct ls_net net = {0};
  ls_net_open(&net,
              DATA "model:\n- dense: {units: 4}\n  name: d\n"
                   "  init: {weight: {constant: {value: 0.25}}, bias: {constant: {value: -1}}}\n"
                   "- {dense: {units: 4}, name: e}\n" LOSS SGD,
              1);
  for (int i = 0; i < 16; i++) {
    cr_expect_eq(ls_weights(&net, "d/weight")[i], 0.25f);
  }
  cr_expect_eq(ls_weights(&net, "d/bias")[3], -1.0f);
  cr_expect_eq(ls_weights(&net, "e/bias")[3], 0.0f);
  cr_expect_neq(ls_weights(&net, "e/weight")[0], ls_weights(&net, "e/weight")[1]);
  ls_net_release(&net);
}

Test(builder, refuses_initializers_that_cannot_be)
{
  static const struct ls_refusal rows[] = {
      {DATA "model: [{dense: {units: 4}, init: {wieght: he}}]\n" LOSS SGD,
       LAMINA_E_INVALID,
       {"net.yaml:2:36: ", "'wieght'", "'weight'"}},
      {DATA "model: [{dense: {units: 4}, init: he}]\n" LOSS SGD,
       LAMINA_E_INVALID,
       {"net.yaml:2:35: ", "init is", "{weight: glorot}"}},
      {DATA "model: [{dense: {units: 4}, init: {weight: hee}}]\n" LOSS SGD,
       LAMINA_E_MISSING,
       {"net.yaml:2:44: ", "hee", "he"}},
      {DATA "model: [{dense: {units: 4, bias: false}, init: {bias: he}}]\n" LOSS SGD,
       LAMINA_E_INVALID,
       {"net.yaml:2:49: ", "'bias'"}},
      {DATA "model: [{dense: {units: 4}}, {relu: {}, init: {weight: he}}]\n" LOSS SGD,
       LAMINA_E_INVALID,
       {"net.yaml:2:48: ", "'weight'"}},
      {DATA "model: [{dense: {units: 4}}, {relu: {}, init: he}]\n" LOSS SGD,
       LAMINA_E_INVALID,
       {"net.yaml:2:47: ", "init is"}},
  };
  ls_expect_refusals(rows, COUNT_OF(rows), false);
}

Test(builder, names_metrics_apart_from_losses)
{
  struct ls_net net = {0};
  cr_assert_eq(
      ls_net_build(&net, DATA MODEL "loss: mse\nmetrics: [mse, {mse: {}, name: again}]\n" SGD, 1),
      LAMINA_OK, "%s", net.error.text);
  const struct lm_graph *graph = net.experiment->graph;
  cr_expect_str_eq(graph->nodes[net.experiment->losses[0]]->name, "mse");
  cr_expect_str_eq(graph->nodes[net.experiment->metrics[0]]->name, "mse");
  cr_expect_str_eq(graph->nodes[net.experiment->metrics[1]]->name, "again");
  ls_net_release(&net);
}

Test(builder, leaves_out_losses_to_predict)
{
  struct ls_net net = {0};
  cr_assert_eq(ls_net_build(&net, DATA MODEL LOSS SGD, 1), LAMINA_OK, "%s", net.error.text);
  struct lm_config *config = NULL;
  struct lm_experiment *experiment = NULL;
  static const char text[] = "data: {train: {two_fields: {width: 4}}}\n" MODEL;
  struct lm_experiment_options options = {
      .registry = net.registry, .pool = net.pool, .predict_only = true};
  cr_assert_eq(lm_config_parse(text, strlen(text), "p.yaml", NULL, 0, &config, &net.error),
               LAMINA_OK);
  cr_assert_eq(lm_experiment_create(config, &options, &experiment, &net.error), LAMINA_OK, "%s",
               net.error.text);
  cr_expect_eq(experiment->graph->n_nodes, 1);
  lm_experiment_free(experiment);
  ls_net_release(&net);
}

/* ---- schedules of settings ---- */

#define DROPOUT \
  "model: [{dense: {units: 4}, name: d}, {dropout: {rate: 0.5}, name: drop, schedule: "
#define END "}]\n" LOSS SGD

Test(builder, refuses_schedules_of_what_cannot_be_scheduled)
{
  static const struct ls_refusal rows[] = {
      {DATA DROPOUT "warmup" END,
       LAMINA_E_INVALID,
       {"net.yaml:2:84: ", "'drop'", "{setting: warmup}"}},
      {DATA DROPOUT "{rat: constant}" END,
       LAMINA_E_INVALID,
       {"net.yaml:2:85: ", "'rat'", "'rate'?"}},
      {DATA DROPOUT "{zz: constant}" END, LAMINA_E_INVALID, {"no 'zz' of", "what may be: 'rate'"}},
      {DATA DROPOUT "{weight: constant}" END, LAMINA_E_INVALID, {"no 'weight' of", "'rate'"}},
      {DATA DROPOUT "{rate: warmpu}" END, LAMINA_E_MISSING, {"net.yaml:2:91: ", "'warmup'"}},
      {DATA "model: [{dense: {units: 4}, schedule: {units: constant}}]\n" LOSS SGD,
       LAMINA_E_INVALID,
       {"net.yaml:2:40: ", "'units' of node 'dense'",
        "may not be scheduled; none of its settings"}},
      {DATA MODEL "loss: {dot: {}, schedule: {wieght: constant}}\n" SGD,
       LAMINA_E_INVALID,
       {"net.yaml:3:28: ", "'wieght'", "'weight'?"}},
      {DATA MODEL LOSS SGD "regularizers: [{l1: {lambda: 1}, schedule: {by: constant}}]\n",
       LAMINA_E_INVALID,
       {"net.yaml:5:45: ", "'by'", "'lambda'"}},
      {DATA MODEL LOSS SGD "metrics: [{mse: {}, schedule: {weight: constant}}]\n",
       LAMINA_E_INVALID,
       {"net.yaml:5:21: ", "'schedule'"}},
  };
  ls_expect_refusals(rows, COUNT_OF(rows), false);
}

Test(builder, finds_the_numbers_that_are_scheduled)
{
  struct ls_net net = {0};
  cr_assert_eq(ls_net_build(&net,
                            DATA DROPOUT "{rate: constant}}]\n"
                                         "loss: {dot: {}, weight: 3, schedule: {weight: cosine}}\n"
                                         "regularizers: [{l2: {lambda: 7}, weights: d/bias, "
                                         "schedule: {lambda: {step: {every: 1}}}}]\n" SGD,
                            1),
               LAMINA_OK, "%s", net.error.text);
  static const double values[] = {0.5, 3.0, 7.0};
  static const char *const plugins[] = {"constant", "cosine", "step"};
  const struct lm_experiment *experiment = net.experiment;
  cr_assert_eq(experiment->n_scheduled, 3);
  for (size_t i = 0; i < 3; i++) {
    const struct lm_scheduled *scheduled = &experiment->scheduled[i];
    cr_expect_eq(scheduled->value, values[i]);
    cr_expect_eq(*scheduled->number, values[i]);
    cr_expect_str_eq(scheduled->schedule->plugin->info.name, plugins[i]);
  }
  cr_expect_eq(experiment->scheduled[0].number, ls_self(&net, "drop"));
  ls_net_release(&net);
}

/* ---- memory that runs out ---- */

static enum lamina_status build_once(struct ls_net *net, const char *yaml)
{
  struct lm_config *config = NULL;
  LM_TRY(lm_config_parse(yaml, strlen(yaml), "net.yaml", NULL, 0, &config, &net->error));
  struct lm_experiment_options options = {.registry = net->registry, .pool = net->pool};
  LM_TRY(lm_experiment_create(config, &options, &net->experiment, &net->error));
  LM_TRY(lm_experiment_open_data(net->experiment, &net->error));
  return lm_engine_create(net->experiment, LM_TO_TRAIN, &net->engine, &net->error);
}

Test(builder, survives_each_allocation_that_fails)
{
  static const char yaml[] =
      "data: {train: {moons: {samples: 6}}, holdout: 0.5, transforms: [standardize]}\n"
      "model:\n- {dense: {units: 4}, name: a, freeze: bias, init: {weight: glorot}}\n"
      "- {relu: {}, name: r}\n- {dense: {units: 4}, share: b, inputs: [r]}\n"
      "- {dense: {units: 4}, name: b, inputs: [a]}\n- {add: {}, inputs: [dense, b]}\n"
      "- {dropout: {}, schedule: {rate: {warmup: {steps: 3}}}}\n"
      "- {dense: {units: 2}}\nloss: cross_entropy\noptimizer: adam\nschedule: cosine\n"
      "metrics: [accuracy]\nregularizers: [{l2: {lambda: 1}, weights: 'a/*'}]\nfreeze: b/bias\n"
      "train: {batch: 2}\n";
  struct ls_net net = {0};
  cr_assert_eq(ls_net_build(&net, yaml, 1), LAMINA_OK, "%s", net.error.text);
  lm_experiment_free(net.experiment);
  net.experiment = NULL;
  bool done = false;
  int64_t n = 0;
  for (; !done && n < 20000; n++) {
    net.error = (struct lm_error){0};
    lm_alloc_fail_after(n, false);
    enum lamina_status status = build_once(&net, yaml);
    lm_alloc_fail_after(-1, false);
    cr_expect(status == LAMINA_OK || status == LAMINA_E_NOMEM, "allocation %lld: %s: %s",
              (long long)n, lm_status_name(status), net.error.text);
    cr_expect(status == LAMINA_OK || net.error.text[0] != '\0', "allocation %lld", (long long)n);
    lm_engine_free(net.engine);
    lm_experiment_free(net.experiment);
    net.engine = NULL;
    net.experiment = NULL;
    lm_alloc_fail_after(INT64_MAX, false);
    lm_alloc_fail_after(-1, false);
    done = status == LAMINA_OK && n > 200;
  }
  cr_expect(done, "%lld allocations did not suffice", (long long)n);
  ls_net_release(&net);
}
