/*
 * Two runtimes in one process, each with a registry, a pool and a seed of its own: what one does
 * in between, or at the same time, changes no bit of the other. Both use the same files of
 * plugins, which are in the process once.
 */
#include "tests/framework/trainer/steps.h"

#include <pthread.h>

/* Dropout, shuffling, initial weights and held-out records draw from the seed; steps of 150
 * records, and loops of several chunks. */
#define NET(seed)                                                                         \
  "data: {train: {moons: {samples: 800}}, holdout: 0.2, transforms: [standardize]}\n"     \
  "model:\n- {dense: {units: 160}}\n- relu\n- {dropout: {rate: 0.3}}\n"                   \
  "- {dense: {units: 160}}\n- {probe: {state: true}}\n- tanh\n- {dropout: {rate: 0.1}}\n" \
  "- {dense: {units: 2}}\nloss: cross_entropy\noptimizer: {adam: {rate: 0.01}}\n"         \
  "regularizers: [{l2: {lambda: 1e-3}}]\nschedule: cosine\nmetrics: [accuracy]\n"         \
  "train: {batch: 150, seed: " seed ", clip: 1}\n"

static const char *const nets[2] = {NET("1"), NET("2")};
static const uint32_t threads[] = {1, 2};

static void release(struct trace traces[2])
{
  for (int i = 0; i < 2; i++) {
    lm_text_release(&traces[i].bits);
    traces[i] = (struct trace){0};
  }
}

/* What each does when the other is not there. */
static void run_alone(struct trace traces[2], uint32_t count)
{
  for (int i = 0; i < 2; i++) {
    trace_alone(&traces[i], nets[i], count);
  }
  cr_assert_not(trace_is_same(&traces[0], &traces[1]), "the seed makes no difference");
}

static void open_both(struct steps steps[2], uint32_t count)
{
  for (int i = 0; i < 2; i++) {
    steps_open(&steps[i], nets[i], count);
  }
}

static void expect_both(struct trace found[2], struct trace expected[2], struct steps steps[2],
                        const char *when)
{
  for (int i = 0; i < 2; i++) {
    cr_assert_eq(found[i].status, LAMINA_OK, "%s: %s", when, steps[i].net.error.text);
    trace_expect_same(&found[i], &expected[i], when);
    steps_close(&steps[i]);
  }
  release(found);
}

Test(company, step_by_step_changes_no_bit)
{
  static struct trace alone[2], found[2];
  static struct steps steps[2];
  for (size_t t = 0; t < sizeof threads / sizeof threads[0]; t++) {
    run_alone(alone, threads[t]);
    open_both(steps, threads[t]);
    for (int i = 0; i < 2 * TRACE_STEPS; i++) {
      trace_step(&found[i % 2], &steps[i % 2], i / 2);
    }
    trace_end(&found[0], &steps[0]);
    trace_end(&found[1], &steps[1]);
    expect_both(found, alone, steps, "step by step");
    release(alone);
  }
}

/** A run on a thread of its own. */
struct part {
  struct trace *trace;
  struct steps *steps;
  pthread_barrier_t *start;
};

static void *run_part(void *arg)
{
  struct part *part = arg;
  (void)pthread_barrier_wait(part->start);
  trace_run(part->trace, part->steps);
  return NULL;
}

static void run_together(struct trace traces[2], struct steps steps[2])
{
  pthread_barrier_t start;
  pthread_t runners[2];
  struct part parts[2];
  cr_assert_eq(pthread_barrier_init(&start, NULL, 2), 0);
  for (int i = 0; i < 2; i++) {
    parts[i] = (struct part){&traces[i], &steps[i], &start};
    cr_assert_eq(pthread_create(&runners[i], NULL, run_part, &parts[i]), 0);
  }
  for (int i = 0; i < 2; i++) {
    cr_assert_eq(pthread_join(runners[i], NULL), 0);
  }
  cr_assert_eq(pthread_barrier_destroy(&start), 0);
}

Test(company, at_the_same_time_changes_no_bit)
{
  static struct trace alone[2], found[2];
  static struct steps steps[2];
  for (size_t t = 0; t < sizeof threads / sizeof threads[0]; t++) {
    run_alone(alone, threads[t]);
    for (int round = 0; round < 3; round++) {
      open_both(steps, threads[t]);
      run_together(found, steps);
      expect_both(found, alone, steps, "at the same time");
    }
    release(alone);
  }
}

/* The calls of one step, not only whole steps: forward, forward, backward, backward. */
static void copy_gradients(const struct steps *steps, struct lm_text *bits)
{
  const struct lm_store *store = &steps->training.engine->store;
  lm_text_add_bytes(bits, (const char *)store->gradients, store->trained * sizeof(float));
}

static void run_pass(struct steps *steps, bool backward, struct lm_text *bits)
{
  struct lm_program *program = ls_net_program(&steps->net, 150, true, false);
  struct lm_error *error = &steps->net.error;
  if (!backward) {
    ls_net_feed(&steps->net, program);
    cr_assert_eq(lm_program_forward(program, 3, error), LAMINA_OK, "%s", error->text);
  } else {
    cr_assert_eq(lm_program_backward(program, 3, error), LAMINA_OK, "%s", error->text);
    copy_gradients(steps, bits);
  }
}

Test(company, between_forward_and_backward_changes_no_bit)
{
  static struct steps steps[2];
  struct lm_text alone[2] = {{0}, {0}}, found[2] = {{0}, {0}};
  for (int i = 0; i < 2; i++) {
    steps_open(&steps[i], nets[i], 2);
    steps[i].net.engine = steps[i].training.engine;
    run_pass(&steps[i], false, NULL);
    run_pass(&steps[i], true, &alone[i]);
  }
  for (int i = 0; i < 4; i++) {
    run_pass(&steps[i % 2], i >= 2, &found[i % 2]);
  }
  for (int i = 0; i < 2; i++) {
    cr_assert_eq(found[i].length, alone[i].length);
    cr_assert_eq(memcmp(found[i].bytes, alone[i].bytes, alone[i].length), 0, "runtime %d", i);
    lm_text_release(&found[i]);
    lm_text_release(&alone[i]);
    steps[i].net.engine = NULL; /* it is the training's */
    steps_close(&steps[i]);
  }
}
