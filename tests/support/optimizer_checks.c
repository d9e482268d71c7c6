/*
 * The oracle's weights move in double, ours in float32. A step rounds a weight by at most half
 * an ulp, 2^-25 of its largest size or so; the descents shrink old errors, so 50 steps add up to
 * about sqrt(50) of these when they are independent, and to less than 1e-6 of the size.
 */
#include "tests/support/optimizer_checks.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "tests/oracle/optimizers.inc"
#include "tests/support/part_probe.h"

static void check_case(const struct oracle_case *wanted)
{
  struct probe probe;
  struct probe_optimizer optimizer;
  float weight[ORACLE_WEIGHTS], grad[ORACLE_WEIGHTS];
  double size[ORACLE_WEIGHTS];
  char *yaml = lm_format("{%s: %s}", wanted->optimizer, wanted->settings);
  probe_open(&probe, 1);
  probe_optimizer_open(&probe, yaml, ORACLE_WEIGHTS, &optimizer);
  for (int i = 0; i < ORACLE_WEIGHTS; i++) {
    weight[i] = (float)oracle_start[i];
    size[i] = fmax(1.0, fabs(oracle_start[i]));
  }
  for (int step = 0; step < ORACLE_STEPS; step++) {
    for (int i = 0; i < ORACLE_WEIGHTS; i++) {
      grad[i] = (float)(oracle_curvature[i] * ((double)weight[i] - oracle_centre[i]));
    }
    probe_optimizer_step(&optimizer, weight, grad);
    for (int i = 0; i < ORACLE_WEIGHTS; i++) {
      double error = fabs((double)weight[i] - wanted->weight[step][i]);
      cr_assert(error <= 1e-6 * size[i], "%s: step %d, weight %d is %.9g, not %.9g", yaml, step + 1,
                i, (double)weight[i], wanted->weight[step][i]);
    }
  }
  probe_optimizer_close(&optimizer);
  probe_close(&probe);
  lm_free(yaml);
}

void optimizer_check_oracle(const char *name)
{
  int found = 0;
  for (size_t i = 0; i < sizeof oracle_cases / sizeof oracle_cases[0]; i++) {
    if (strcmp(oracle_cases[i].optimizer, name) == 0) {
      check_case(&oracle_cases[i]);
      found++;
    }
  }
  cr_assert(found > 0, "the oracle has no case of %s", name);
}

void optimizer_check_trace(const char *yaml, const float gradients[3], const double weights[3])
{
  struct probe probe;
  struct probe_optimizer optimizer;
  float weight = 1.0f;
  probe_open(&probe, 1);
  probe_optimizer_open(&probe, yaml, 1, &optimizer);
  for (int step = 0; step < 3; step++) {
    probe_optimizer_step(&optimizer, &weight, &gradients[step]);
    cr_assert(fabs((double)weight - weights[step]) <= 0x1p-21, "%s: step %d gives %.9g, not %.9g",
              yaml, step + 1, (double)weight, weights[step]);
  }
  probe_optimizer_close(&optimizer);
  probe_close(&probe);
}

enum { WEIGHTS = 67, STEPS = 4 }; /* more than four vectors of 16, and a rest */

/* Gradients of many sizes, the same each time. */
static float gradient_at(int step, int i)
{
  return ldexpf((float)((i * 37 + step * 11) % 19 - 9), i % 7 - 5);
}

static void run(struct probe *probe, const char *yaml, int64_t cut, float *weight)
{
  struct probe_optimizer optimizer;
  float grad[WEIGHTS];
  probe_optimizer_open(probe, yaml, WEIGHTS, &optimizer);
  optimizer.cut = cut;
  for (int i = 0; i < WEIGHTS; i++) {
    weight[i] = (float)(i - 30) / 7.0f;
  }
  for (int step = 0; step < STEPS; step++) {
    for (int i = 0; i < WEIGHTS; i++) {
      grad[i] = gradient_at(step, i);
    }
    probe_optimizer_step(&optimizer, weight, grad);
  }
  probe_optimizer_close(&optimizer);
}

void optimizer_check_splits(const char *yaml)
{
  struct probe probe;
  float whole[WEIGHTS], parts[WEIGHTS];
  probe_open(&probe, 1);
  run(&probe, yaml, 0, whole);
  for (int64_t cut = 1; cut <= WEIGHTS; cut++) {
    run(&probe, yaml, cut, parts);
    cr_assert_arr_eq(whole, parts, sizeof whole, "%s: cut at %d", yaml, (int)cut);
  }
  probe_close(&probe);
}

void optimizer_check_grad_scale(const char *yaml)
{
  static const float grad[] = {1.0f, -3.0f, 0.625f};
  static const float half[] = {0.5f, -1.5f, 0.3125f};
  struct probe probe;
  struct probe_optimizer scaled, plain;
  float a[] = {0.3f, -2.0f, 5.0f}, b[] = {0.3f, -2.0f, 5.0f}, c[] = {0.3f, -2.0f, 5.0f};
  probe_open(&probe, 1);
  probe_optimizer_open(&probe, yaml, 3, &scaled);
  probe_optimizer_open(&probe, yaml, 3, &plain);
  scaled.grad_scale = 0.5;
  for (int step = 0; step < 3; step++) {
    probe_optimizer_step(&scaled, a, grad);
    probe_optimizer_step(&plain, b, half);
  }
  cr_assert_arr_eq(a, b, sizeof a, "%s", yaml);
  cr_assert(memcmp(a, c, sizeof a) != 0, "%s: nothing moved", yaml);
  probe_optimizer_close(&scaled);
  probe_optimizer_close(&plain);
  probe_close(&probe);
}

/* ---- decay ---- */

/** A way to decay, and its factor on a weight in one step. */
struct decay_case {
  const char *settings;
  double factor; /* of the schedule */
  bool exempt;
  double keep;
};

static void check_decay(const char *yaml, const struct decay_case *decay)
{
  struct probe probe;
  struct probe_optimizer optimizer;
  const float grad[2] = {0.0f, 0.0f};
  float weight[2] = {8.0f, -0.3f};
  double wanted[2] = {8.0, (double)-0.3f};
  probe_open(&probe, 1);
  probe_optimizer_open(&probe, yaml, 2, &optimizer);
  optimizer.factor = decay->factor;
  optimizer.exempt = decay->exempt;
  for (int step = 1; step <= 20; step++) {
    probe_optimizer_step(&optimizer, weight, grad);
    for (int i = 0; i < 2; i++) {
      wanted[i] *= decay->keep;
      /* Each step rounds twice: the shrink's product and the weight. */
      cr_assert(fabs((double)weight[i] / wanted[i] - 1.0) <= step * 0x1p-23,
                "%s, factor %g: step %d gives %.9g, not %.9g", yaml, decay->factor, step,
                (double)weight[i], wanted[i]);
    }
  }
  probe_optimizer_close(&optimizer);
  probe_close(&probe);
}

void optimizer_check_decay(const char *name)
{
  static const struct decay_case cases[] = {
      {"rate: 0.5, weight_decay: 0.1", 1.0, false, 1.0 - 0.5 * 0.1},
      {"rate: 0.5, weight_decay: 0.1", 0.25, false, 1.0 - 0.125 * 0.1},
      {"rate: 0.5, weight_decay: 0.1, decay_mode: decoupled_lr", 1.0, false, 1.0 - 0.5 * 0.1},
      {"rate: 0.5, weight_decay: 0.1, decay_mode: decoupled", 1.0, false, 1.0 - 0.1},
      {"rate: 0.5, weight_decay: 0.1, decay_mode: decoupled", 0.25, false, 1.0 - 0.1},
      {"rate: 0.5, weight_decay: 1e-4, decay_mode: decoupled", 1.0, false, 1.0 - 1e-4},
      {"rate: 0.5, weight_decay: 0.1", 1.0, true, 1.0},
      {"rate: 0.5, weight_decay: 0", 1.0, false, 1.0},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    char *yaml = lm_format("{%s: {%s}}", name, cases[i].settings);
    check_decay(yaml, &cases[i]);
    lm_free(yaml);
  }
}

void optimizer_check_refusals(const char *name)
{
  static const struct probe_refusal cases[] = {
      {"{rate: 0}", "rate"},
      {"{rate: -0.1}", "rate"},
      {"{rate: .inf}", "rate"},
      {"{rate: .nan}", "rate"},
      {"{rate: fast}", "rate"},
      {"{weight_decay: 1}", "weight_decay"},
      {"{weight_decay: -1e-4}", "weight_decay"},
      {"{decay_mode: coupled}", "decay_mode"},
      {"{decay_mod: decoupled}", "decay_mode"},
      {"{learning_rate: 0.1}", "learning_rate"},
      {"{rate: 20, weight_decay: 0.05}", "leaves nothing"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct probe_refusal one = {lm_format("{%s: %s}", name, cases[i].yaml), cases[i].fragment};
    probe_refuses(LAMINA_KIND_OPTIMIZER, &one, 1);
    lm_free((char *)(uintptr_t)one.yaml);
  }
}
