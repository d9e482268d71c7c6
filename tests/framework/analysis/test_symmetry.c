/*
 * Shifts, turns, mirrors and gains on small networks of the real layers: what each layer keeps of
 * them follows from what it is, and the report has to find that out from numbers and shapes.
 */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "analysis/symmetry.h"
#include "base/memory.h"
#include "tests/support/net.h"

/* float32 sums of some hundred products, in another order */
#define ROUNDING 1e-6

#define DATA(shape)                                                                            \
  "data:\n  train: {csv: {file: '${env:LAMINA_TEST_SOURCE}/data/digits.csv.gz', classes: 10, " \
  "limit: 24, input_shape: " shape                                                             \
  "}}\n  transforms: [{scale: {by: 1/16}}, {standardize: {per: all}}]\nmodel:\n"
#define END                                                             \
  "- {flatten: {}, name: flat}\n- {dense: {units: 10}, name: logits}\n" \
  "loss: cross_entropy\noptimizer: sgd\nmetrics: [accuracy]\n"          \
  "train: {epochs: 1, batch: 10, seed: 5}\n"
#define BIAS ", init: {bias: {constant: {value: 0.3}}}"

/* A network, and the report of one motion of it. */
struct probed {
  struct ls_net net;
  struct lm_symmetry_report *report;
};

static enum lamina_status measure(struct probed *probed, const struct lm_motion *motion)
{
  lm_symmetry_report_free(probed->report);
  return lm_symmetry_measure(probed->net.engine, motion, 1, &probed->report, &probed->net.error);
}

static void open_net(struct probed *probed, const char *yaml)
{
  *probed = (struct probed){0};
  ls_net_open(&probed->net, yaml, 1);
  cr_assert_eq(lm_engine_fit(probed->net.engine, &probed->net.error), LAMINA_OK);
}

static void close_net(struct probed *probed)
{
  lm_symmetry_report_free(probed->report);
  ls_net_release(&probed->net);
}

static const struct lm_symmetry_row *row_of(const struct probed *probed, const char *name)
{
  const struct lm_symmetry_report *report = probed->report;
  uint32_t i = 0;
  while (i < report->n_outputs && strcmp(report->outputs[i].name, name) != 0) {
    i++;
  }
  cr_assert_lt(i, report->n_outputs, "there is no output %s", name);
  return &report->parts[0].rows[i];
}

static struct lm_motion shift(int64_t right, int64_t down)
{
  return (struct lm_motion){.kind = LM_MOTION_SHIFT, .pair = true, .right = right, .down = down};
}

#define SHIFT(r, d)                                                  \
  {                                                                  \
    .kind = LM_MOTION_SHIFT, .pair = true, .right = (r), .down = (d) \
  }
#define SHIFT_ZEROS(r, d)                                                           \
  {                                                                                 \
    .kind = LM_MOTION_SHIFT, .pair = true, .zeros = true, .right = (r), .down = (d) \
  }
#define IN_TIME(t)                                     \
  {                                                    \
    .kind = LM_MOTION_SHIFT, .right = (t), .down = (t) \
  }
#define TURN(degrees)                           \
  {                                             \
    .kind = LM_MOTION_TURN, .amount = (degrees) \
  }
#define FLIP               \
  {                        \
    .kind = LM_MOTION_FLIP \
  }
#define GAIN(factor)                           \
  {                                            \
    .kind = LM_MOTION_GAIN, .amount = (factor) \
  }

#define CIRCULAR "- {conv2d: {filters: 3, padding: 1, border: circular}, name: a" BIAS "}\n"
#define ZEROS "- {conv2d: {filters: 3, padding: 1}, name: a" BIAS "}\n"

Test(symmetry, a_circular_convolution_is_exact_for_every_shift)
{
  struct probed probed;
  open_net(&probed, DATA("[8, 8, 1]") CIRCULAR "- relu\n" END);
  for (int64_t i = 1; i < 15; i++) {
    struct lm_motion motion = shift(i - 7, (5 * i) % 15 - 7);
    cr_assert_eq(measure(&probed, &motion), LAMINA_OK, "%s", probed.net.error.text);
    const struct lm_symmetry_row *rows[] = {row_of(&probed, "a"), row_of(&probed, "relu")};
    for (int k = 0; k < 2; k++) {
      cr_assert_eq(rows[k]->state, LM_SYMMETRY_MEASURED);
      cr_assert_leq(rows[k]->equivariance.most, ROUNDING);
      cr_assert_gt(rows[k]->invariance.mean, 0.1);
      cr_assert(rows[k]->exact == 64 && rows[k]->cause == LM_CAUSE_NONE);
    }
  }
  close_net(&probed);
}

/* What a motion does to the layer `a`, or another one that is named. */
struct fact {
  const char *yaml, *name;
  struct lm_motion motion;
  enum lm_symmetry_state state;
  enum lm_symmetry_cause cause;
  bool exact;     /* equivariant but for rounding */
  double step;    /* 0: not looked at */
  int64_t places; /* that are exact; 0: not looked at */
};

#define STRIDED \
  "- {conv2d: {filters: 3, padding: 1, stride: 2, border: circular}, name: a" BIAS "}\n"
#define MEASURED LM_SYMMETRY_MEASURED

static const struct fact facts[] = {
    /* Strides keep multiples of themselves. */
    {DATA("[8, 8, 1]") STRIDED END, "a", SHIFT(2, -4), MEASURED, LM_CAUSE_NONE, true, 2, 16},
    {DATA("[8, 8, 1]") STRIDED END, "a", SHIFT(1, 0), LM_SYMMETRY_NO_MOTION, LM_CAUSE_STRIDE, false,
     2, 0},
    {DATA("[8, 8, 1]") "- {max_pool2d: {}, name: a}\n" END, "a", SHIFT(2, 2), MEASURED,
     LM_CAUSE_NONE, true, 2, 16},
    {DATA("[8, 8, 1]") "- {max_pool2d: {}, name: a}\n" END, "a", SHIFT(1, 1), LM_SYMMETRY_NO_MOTION,
     LM_CAUSE_STRIDE, false, 2, 0},
    {DATA("[8, 8, 1]") CIRCULAR "- max_pool2d\n- {max_pool2d: {}, name: b}\n" END, "b", SHIFT(4, 4),
     MEASURED, LM_CAUSE_NONE, true, 4, 4},
    {DATA("[8, 8, 1]") CIRCULAR "- max_pool2d\n- {max_pool2d: {}, name: b}\n" END, "b", SHIFT(2, 0),
     LM_SYMMETRY_NO_MOTION, LM_CAUSE_STRIDE, false, 4, 0},
    /* A grid that is fine again has shifts again. */
    {DATA("[8, 8, 1]") "- max_pool2d\n- {upsample: {}, name: a}\n" END, "a", SHIFT(2, 2), MEASURED,
     LM_CAUSE_NONE, true, 1, 64},
    {DATA("[8, 8, 1]") "- max_pool2d\n- {upsample: {}, name: a}\n" END, "a", SHIFT(1, 1), MEASURED,
     LM_CAUSE_NONE, false, 1, 0},
    /* 8 places to 4 by a window of 5, not by a stride: only measuring tells. */
    {DATA("[8, 8, 1]") "- {conv2d: {filters: 3, kernel: 5}, name: a}\n" END, "a", SHIFT(1, 0),
     MEASURED, LM_CAUSE_EDGES, false, 1, 12},
    {DATA("[8, 8, 1]") "- {pad: {padding: 2}, name: a}\n" END, "a", SHIFT(1, 0), MEASURED,
     LM_CAUSE_EDGES, false, 1, 0},
    /* Zeros around: the column at either edge, and the one that is moved away from it. */
    {DATA("[8, 8, 1]") ZEROS END, "a", SHIFT(1, 0), MEASURED, LM_CAUSE_EDGES, false, 1, 40},
    {DATA("[8, 8, 1]") ZEROS END, "a", SHIFT(-2, 1), MEASURED, LM_CAUSE_EDGES, false, 1, 20},
    {DATA("[8, 8, 1]") ZEROS END, "a", SHIFT_ZEROS(1, 1), MEASURED, LM_CAUSE_NONE, true, 1, 0},
    {DATA("[8, 8, 1]") ZEROS "- max_pool2d\n" END, "max_pool2d", SHIFT(1, 1), LM_SYMMETRY_NO_MOTION,
     LM_CAUSE_STRIDE, false, 2, 0},
    /* Branches. */
    {DATA("[8, 8, 1]") CIRCULAR "- {conv2d: {filters: 3, padding: 1, border: circular}, name: b}\n"
                                "- {add: {}, inputs: [a, b]}\n" END,
     "add", SHIFT(3, 1), MEASURED, LM_CAUSE_NONE, true, 1, 64},
    /* Where places end. */
    {DATA("[8, 8, 1]") CIRCULAR END, "flat", SHIFT(1, 0), LM_SYMMETRY_NO_GRID, LM_CAUSE_NO_GRID,
     false, 0, 0},
    {DATA("[8, 8, 1]") CIRCULAR END, "logits", SHIFT(1, 0), LM_SYMMETRY_NO_GRID, LM_CAUSE_NONE,
     false, 0, 0},
    /* Gains. */
    {DATA("[8, 8, 1]") "- {conv2d: {filters: 3}, name: a}\n" END, "a", GAIN(3), MEASURED,
     LM_CAUSE_NONE, true, 0, 0},
    {DATA("[8, 8, 1]") "- {conv2d: {filters: 3}, name: a}\n" END, "a", GAIN(-0.1), MEASURED,
     LM_CAUSE_NONE, true, 0, 0},
    {DATA("[8, 8, 1]") ZEROS END, "a", GAIN(2), MEASURED, LM_CAUSE_CONSTANT, false, 0, 0},
    {DATA("[8, 8, 1]") "- {relu: {}, name: a}\n" END, "a", GAIN(2), MEASURED, LM_CAUSE_NONE, true,
     0, 0},
    {DATA("[8, 8, 1]") "- {relu: {}, name: a}\n" END, "a", GAIN(-1), MEASURED,
     LM_CAUSE_NOT_IN_SCALE, false, 0, 0},
    {DATA("[8, 8, 1]") "- {tanh: {}, name: a}\n" END, "a", GAIN(2), MEASURED, LM_CAUSE_NOT_IN_SCALE,
     false, 0, 0},
    {DATA("[8, 8, 1]") "- {relu: {}, name: a}\n" END, "a", FLIP, MEASURED, LM_CAUSE_NONE, true, 1,
     64},
    {DATA("[8, 8, 1]") "- {relu: {}, name: a}\n" END, "a", TURN(90), MEASURED, LM_CAUSE_NONE, true,
     1, 64},
    {DATA("[8, 8, 1]") "- {max_pool2d: {}, name: a}\n" END, "a", TURN(-180), MEASURED,
     LM_CAUSE_NONE, true, 2, 16},
    {DATA("[8, 8, 1]") ZEROS END, "a", FLIP, MEASURED, LM_CAUSE_EVERYWHERE, false, 1, 0},
    {DATA("[8, 8, 1]") ZEROS END, "a", TURN(90), MEASURED, LM_CAUSE_EVERYWHERE, false, 1, 0},
    {DATA("[8, 8, 1]") ZEROS END, "a", TURN(20), MEASURED, LM_CAUSE_EVERYWHERE, false, 1, 0},
    /* Pictures in gray, and signals, with channels and without. */
    {DATA("[8, 8]") CIRCULAR END, "a", SHIFT(0, 3), MEASURED, LM_CAUSE_NONE, true, 1, 64},
    {DATA("[8, 8]") "- {max_pool2d: {}, name: a}\n" END, "a", SHIFT(2, 0), MEASURED, LM_CAUSE_NONE,
     true, 2, 16},
    {DATA("[32, 2]") "- {conv1d: {filters: 3, padding: 1, border: circular}, name: a" BIAS
                     "}\n" END,
     "a", IN_TIME(5), MEASURED, LM_CAUSE_NONE, true, 1, 32},
    {DATA("[32, 2]") "- {conv1d: {filters: 3, padding: 1}, name: a" BIAS "}\n" END, "a", IN_TIME(5),
     MEASURED, LM_CAUSE_EDGES, false, 1, 28},
    {DATA("[64]") "- {conv1d: {filters: 3, padding: 1, border: circular}}\n"
                  "- {max_pool1d: {kernel: 4, stride: 4}, name: a}\n" END,
     "a", IN_TIME(-8), MEASURED, LM_CAUSE_NONE, true, 4, 16},
    {DATA("[64]") "- {conv1d: {filters: 3, padding: 1, border: circular}}\n"
                  "- {max_pool1d: {kernel: 4, stride: 4}, name: a}\n" END,
     "a", IN_TIME(2), LM_SYMMETRY_NO_MOTION, LM_CAUSE_STRIDE, false, 4, 0},
    {DATA("[64]") "- {dense: {units: 12, bias: false}, name: a}\n" END, "a", GAIN(0.5), MEASURED,
     LM_CAUSE_NONE, true, 0, 0},
};

static void expect(const struct fact *fact, const struct lm_symmetry_row *row)
{
  cr_assert_eq(row->state, fact->state, "%s: state %d", fact->yaml, (int)row->state);
  cr_assert_eq(row->cause, fact->cause, "%s: cause %d, %s", fact->yaml, (int)row->cause,
               row->sentence == NULL ? "" : row->sentence);
  cr_assert_eq(row->sentence != NULL, row->cause != LM_CAUSE_NONE);
  if (row->state == MEASURED) {
    cr_assert_eq(row->equivariance.most <= ROUNDING, fact->exact, "%s: %g", fact->yaml,
                 row->equivariance.most);
    cr_assert(fact->exact || row->equivariance.mean > 1e-3, "%s: %g", fact->yaml,
              row->equivariance.mean);
  }
  cr_assert(fact->step == 0.0 || (row->steps[0] == fact->step), "%s: step %g", fact->yaml,
            row->steps[0]);
  cr_assert(fact->places == 0 || row->exact == fact->places, "%s: %d places are exact", fact->yaml,
            (int)row->exact);
}

Test(symmetry, layers_keep_what_they_are_made_to_keep)
{
  for (size_t i = 0; i < sizeof facts / sizeof facts[0]; i++) {
    struct probed probed;
    open_net(&probed, facts[i].yaml);
    cr_assert_eq(measure(&probed, &facts[i].motion), LAMINA_OK, "%s: %s", facts[i].yaml,
                 probed.net.error.text);
    expect(&facts[i], row_of(&probed, facts[i].name));
    close_net(&probed);
  }
}

/* Kernels of ones are symmetric under all turns, of (1, 2, 1) in each row under a flip only. */
Test(symmetry, symmetric_weights_keep_mirrors_and_quarter_turns)
{
  static const struct lm_motion flip = FLIP, turn = TURN(90), slant = TURN(45);
  struct probed probed;
  open_net(&probed, DATA("[8, 8, 1]") "- {conv2d: {filters: 1, padding: 1}, name: a" BIAS "}\n"
                                      "- {conv2d: {filters: 2, stride: 2}, name: b}\n" END);
  float *weights = ls_weights(&probed.net, "a/weight");
  for (int i = 0; i < 9; i++) {
    weights[i] = 1.0f;
  }
  cr_assert_eq(measure(&probed, &turn), LAMINA_OK);
  cr_assert_leq(row_of(&probed, "a")->equivariance.most, ROUNDING);
  cr_assert_eq(row_of(&probed, "b")->cause, LM_CAUSE_EVERYWHERE);
  cr_assert_eq(measure(&probed, &slant), LAMINA_OK); /* pixels are mixed: not exact */
  cr_assert_eq(row_of(&probed, "a")->cause, LM_CAUSE_EVERYWHERE);
  for (int i = 0; i < 9; i++) {
    weights[i] = i % 3 == 1 ? 2.0f : 1.0f;
  }
  cr_assert_eq(measure(&probed, &flip), LAMINA_OK);
  cr_assert_leq(row_of(&probed, "a")->equivariance.most, ROUNDING);
  cr_assert_eq(measure(&probed, &turn), LAMINA_OK);
  cr_assert_eq(row_of(&probed, "a")->cause, LM_CAUSE_EVERYWHERE);
  close_net(&probed);
}

Test(symmetry, pooling_over_all_places_makes_shifts_invariant)
{
  static const struct lm_motion motion = SHIFT(3, -2);
  struct probed probed;
  open_net(&probed, DATA("[8, 8, 1]") CIRCULAR "- relu\n- {global_avg_pool: {}, name: g}\n" END);
  cr_assert_eq(measure(&probed, &motion), LAMINA_OK);
  cr_assert_leq(row_of(&probed, "g")->invariance.most, ROUNDING);
  cr_assert_leq(row_of(&probed, "logits")->invariance.most, 2 * ROUNDING);
  cr_assert_eq(probed.report->parts[0].broken_by, -1);
  cr_assert_str_eq(probed.report->outputs[probed.report->parts[0].invariant_from].name, "g");
  cr_assert(probed.report->parts[0].scores.loss - probed.report->scores.loss < 1e-5);
  cr_assert_eq(probed.report->parts[0].scores.metrics[0], probed.report->scores.metrics[0]);
  close_net(&probed);
}

/* Errors by hand: the largest of two by two pixels, of pictures and of moved pictures. */
Test(symmetry, errors_are_those_of_their_definition)
{
  static const struct lm_motion motion = SHIFT(1, 0);
  double most = 0.0, sum = 0.0;
  struct probed probed;
  open_net(&probed, DATA("[8, 8, 1]") "- {max_pool2d: {}, name: a}\n" END);
  cr_assert_eq(measure(&probed, &motion), LAMINA_OK);
  const struct lm_portion *train = &probed.net.engine->train;
  for (int64_t i = 0; i < train->count; i++) {
    cr_assert_eq(lm_loader_fill(train->loader, &i, 1, false, 0, &probed.net.error), LAMINA_OK);
    const float *x = lm_loader_data(train->loader, train->fields[0]);
    double difference = 0.0, norm = 0.0;
    for (int k = 0; k < 16; k++) {
      const float *at = x + k / 4 * 16; /* the upper of two rows */
      int j = k % 4 * 2, before = (j + 7) % 8;
      float plain = fmaxf(fmaxf(at[j], at[j + 1]), fmaxf(at[j + 8], at[j + 9]));
      float moved = fmaxf(fmaxf(at[before], at[j]), fmaxf(at[before + 8], at[j + 8]));
      difference += pow((double)moved - (double)plain, 2);
      norm += pow((double)plain, 2);
    }
    double error = sqrt(difference / norm);
    most = fmax(most, error);
    sum += error;
  }
  const struct lm_spread *found = &row_of(&probed, "a")->invariance;
  cr_assert_float_eq(found->most, most, 1e-9);
  cr_assert_float_eq(found->mean, sum / 24.0, 1e-9);
  cr_assert(found->median > 0.0 && found->median < most);
  close_net(&probed);
}

Test(symmetry, scores_are_those_of_an_evaluation)
{
  static const struct lm_motion motion = TURN(180);
  struct lm_scores scores;
  struct probed probed;
  open_net(&probed, DATA("[8, 8, 1]") ZEROS END);
  cr_assert_eq(measure(&probed, &motion), LAMINA_OK);
  struct lm_engine *engine = probed.net.engine;
  cr_assert_eq(lm_engine_evaluate(engine, &engine->train, &scores, &probed.net.error), LAMINA_OK);
  const struct lm_symmetry_report *report = probed.report;
  cr_assert(report->has_scores && report->has_loss && report->n_metrics == 1);
  cr_assert_eq(report->scores.loss, scores.loss);
  cr_assert_eq(report->scores.metrics[0], scores.metrics[0]);
  cr_assert_neq(report->parts[0].scores.loss, scores.loss);
  cr_assert_str_eq(report->metrics[0], "accuracy");
  close_net(&probed);
}

/* ---- refusals ---- */

static const struct {
  const char *yaml;
  struct lm_motion motion;
  const char *part;
} refusals[] = {
    {DATA("[8, 8, 1]") END, SHIFT(8, 0), "a shift by 8,0 does not fit pictures of 'input', which "},
    {DATA("[8, 8, 1]") END, SHIFT(0, -8), "8 wide and 8 high"},
    {DATA("[4, 16, 1]") END, TURN(90), "4 high and 16 wide, expected squares for a turn"},
    {DATA("[64]") END, SHIFT(1, 1), "no pictures or signals to be moved, 'input' is [N, 64]"},
    {DATA("[64]") END, FLIP, "no pictures or signals"},
    {DATA("[64]") "- {conv1d: {filters: 2}}\n" END, FLIP, "'input' are signals of 64 steps"},
    {DATA("[64]") "- {conv1d: {filters: 2}}\n" END, SHIFT(1, 1), "signals of 64 steps in time"},
    {DATA("[64]") "- {conv1d: {filters: 2}}\n" END, IN_TIME(64), "have 64 steps in time"},
};

Test(symmetry, what_does_not_fit_the_data_is_refused)
{
  for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
    struct probed probed;
    open_net(&probed, refusals[i].yaml);
    cr_assert_eq(measure(&probed, &refusals[i].motion), LAMINA_E_INVALID, "%zu", i);
    cr_assert(strstr(probed.net.error.text, refusals[i].part) != NULL, "%s", probed.net.error.text);
    cr_assert_null(probed.report);
    close_net(&probed);
  }
}

Test(symmetry, shortage_of_memory_is_a_status)
{
  static const struct lm_motion motion = SHIFT(2, 2);
  enum lamina_status status = LAMINA_E_NOMEM;
  struct probed probed;
  struct lm_text text = {0};
  int64_t failed = 0;
  open_net(&probed, DATA("[8, 8, 1]") CIRCULAR "- max_pool2d\n" END);
  while (status == LAMINA_E_NOMEM) {
    lm_alloc_fail_after(failed++, false);
    status = measure(&probed, &motion);
    lm_alloc_fail_after(-1, false);
  }
  cr_assert(status == LAMINA_OK && failed > 50, "status %d after %d", (int)status, (int)failed);
  lm_symmetry_report_svg(probed.report, "a & b", &text);
  cr_assert(lm_text_ok(&text) && strstr(lm_text_get(&text), "a &amp; b, 24 samples") != NULL);
  lm_text_release(&text);
  close_net(&probed);
}
