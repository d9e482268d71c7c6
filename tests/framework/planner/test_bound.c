/*
 * The arena of deep nets is at most 5 % above the liveness bound: the most bytes that are alive
 * at one time, which no arrangement can beat. In training and in evaluation, for chains of a
 * hundred nodes and more, and for residual nets whose blocks and jumps are drawn at random.
 */
#include <criterion/criterion.h>

#include "base/memory.h"
#include "tests/support/net.h"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

enum { BATCH = 32 };

/* A small generator of its own, so that the nets are the same everywhere. */
static uint32_t draw(uint64_t *seed, uint32_t bound)
{
  *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
  return (uint32_t)((*seed >> 33) % bound);
}

static void expect_near_bound(const char *model)
{
  struct ls_net net = {0};
  char *yaml = lm_format("data: {train: {two_fields: {samples: %d, width: 8}}}\nmodel:\n%s"
                         "- {dense: {units: 8}, name: end}\nloss: dot\noptimizer: sgd\n"
                         "train: {batch: %d}\n",
                         BATCH, model, BATCH);
  ls_net_open(&net, yaml, 2);
  for (int train = 0; train < 2; train++) {
    const struct lm_plan *plan = ls_net_program(&net, BATCH, train != 0, false)->plan;
    cr_expect_leq(plan->arena_bytes, plan->bound_bytes + plan->bound_bytes / 20,
                  "%zu instead of %zu bytes (%+.1f %%) for %s\n%s", plan->arena_bytes,
                  plan->bound_bytes,
                  100.0 * ((double)plan->arena_bytes / (double)plan->bound_bytes - 1.0),
                  train != 0 ? "training" : "evaluation", yaml);
  }
  lm_free(yaml);
  ls_net_release(&net);
}

/* ---- chains ---- */

/* The pattern `count` times over. */
static char *repeated(const char *pattern, int count)
{
  struct lm_text model = {0};
  for (int i = 0; i < count; i++) {
    lm_text_add(&model, pattern);
  }
  return lm_text_take(&model);
}

Test(bound, is_nearly_reached_by_chains_of_a_hundred_nodes_and_more)
{
  static const struct {
    const char *pattern;
    int count;
  } rows[] = {
      {"- relu\n", 200},
      {"- {dense: {units: 64}}\n- relu\n", 100},
      {"- {dense: {units: 64}}\n- relu\n- {dropout: {rate: 0.2}}\n", 50},
      {"- {dense: {units: 96}}\n- sigmoid\n- relu\n- {dense: {units: 32}}\n- tanh\n", 30},
      {"- {dense: {units: 200}}\n- tanh\n- {dense: {units: 10}}\n- softmax\n", 40},
  };
  for (size_t i = 0; i < COUNT_OF(rows); i++) {
    char *chain = repeated(rows[i].pattern, rows[i].count);
    char *model = lm_format("- {dense: {units: 48}}\n%s", chain);
    expect_near_bound(model);
    lm_free(model);
    lm_free(chain);
  }
}

/* Bytes of a chain of `count` nodes of a plugin, in evaluation and in training. */
static void measure_chain(const char *plugin, int count, size_t bytes[2])
{
  struct ls_net net = {0};
  char *chain = repeated(plugin, count);
  char *yaml = lm_format("data: {train: {two_fields: {samples: %d, width: 8}}}\nmodel:\n"
                         "- {dense: {units: 64}}\n%s- {dense: {units: 8}}\nloss: dot\n"
                         "optimizer: sgd\ntrain: {batch: %d}\n",
                         BATCH, chain, BATCH);
  ls_net_open(&net, yaml, 1);
  for (int train = 0; train < 2; train++) {
    bytes[train] = ls_net_program(&net, BATCH, train != 0, false)->plan->arena_bytes;
  }
  lm_free(chain);
  lm_free(yaml);
  ls_net_release(&net);
}

/* All work in place in evaluation; in training, those whose derivative does not read. */
Test(bound, of_a_chain_in_place_does_not_grow_with_its_length)
{
  static const struct {
    const char *plugin;
    bool in_training;
  } rows[] = {{"- relu\n", false},   {"- tanh\n", false},   {"- softmax\n", false},
              {"- dropout\n", true}, {"- flatten\n", true}, {"- add\n", true}};
  for (size_t i = 0; i < COUNT_OF(rows); i++) {
    size_t one[2], many[2];
    measure_chain(rows[i].plugin, 1, one);
    measure_chain(rows[i].plugin, 150, many);
    cr_expect_eq(one[0], many[0], "evaluation of %s: %zu and %zu", rows[i].plugin, one[0], many[0]);
    cr_expect(!rows[i].in_training || one[1] == many[1], "training of %s: %zu and %zu",
              rows[i].plugin, one[1], many[1]);
  }
}

Test(bound, is_nearly_reached_by_chains_of_random_layers)
{
  static const char *const plugins[] = {"relu: {}", "sigmoid: {}",          "tanh: {}",
                                        "sin: {}",  "dropout: {rate: 0.3}", "flatten: {}"};
  uint64_t seed = 11;
  for (int round = 0; round < 30; round++) {
    struct lm_text model = {0};
    for (uint32_t i = 0; i < 100; i++) {
      if (draw(&seed, 3) == 0) {
        lm_text_addf(&model, "- {dense: {units: %u}}\n", 8 + 8 * draw(&seed, 30));
      } else {
        lm_text_addf(&model, "- {%s}\n", plugins[draw(&seed, COUNT_OF(plugins))]);
      }
    }
    lm_text_add(&model, "- {dense: {units: 8}}\n");
    expect_near_bound(lm_text_get(&model));
    lm_text_release(&model);
  }
}

/* ---- residual nets ---- */

/* A block: a few layers, at the end as wide as at the beginning, and its input added. */
static void add_block(struct lm_text *model, uint32_t number, uint32_t width, uint64_t *seed)
{
  static const char *const plugins[] = {"relu", "tanh", "sigmoid", "dropout"};
  uint32_t layers = 1 + draw(seed, 3);
  for (uint32_t i = 0; i < layers; i++) {
    lm_text_addf(model, "- {%s: {}}\n- {dense: {units: %u}, name: b%u_%u}\n",
                 plugins[draw(seed, COUNT_OF(plugins))],
                 i + 1 == layers ? width : 8 + 8 * draw(seed, 30), number, i);
  }
  lm_text_addf(model, "- {add: {}, name: r%u, inputs: [b%u_%u, r%u]}\n", number, number, layers - 1,
               number - 1);
}

/* Some blocks also add what came out several blocks before. */
static void add_jump(struct lm_text *model, uint32_t number, uint64_t *seed)
{
  uint32_t from = draw(seed, number);
  lm_text_addf(model, "- {add: {}, name: j%u, inputs: [r%u, r%u]}\n", number, number, from);
}

Test(bound, is_nearly_reached_by_random_residual_nets)
{
  uint64_t seed = 5;
  for (int round = 0; round < 40; round++) {
    struct lm_text model = {0};
    uint32_t width = 16 + 16 * draw(&seed, 8);
    uint32_t blocks = 4 + draw(&seed, 16);
    lm_text_addf(&model, "- {dense: {units: %u}, name: r0}\n", width);
    for (uint32_t i = 1; i <= blocks; i++) {
      add_block(&model, i, width, &seed);
      if (i > 1 && draw(&seed, 4) == 0) {
        add_jump(&model, i, &seed);
      }
    }
    expect_near_bound(lm_text_get(&model));
    lm_text_release(&model);
  }
}
