/*
 * The same seed gives the same losses to the bit, whatever the number of threads, and across a
 * stop and a resume at any step, also with another number of threads than before. The masks of
 * dropout are the published words of Philox.
 */
#include "tests/framework/trainer/runs.h"
#include "tests/framework/trainer/steps.h"

static const uint32_t threads[] = {1, 2, 7, 16};

/* Wide enough that every kind of loop has chunks for several threads: 90,000 elements a layer. */
#define MOONS "data: {train: {moons: {samples: 900}}, transforms: [standardize]}\n"
#define BODY                                                                     \
  "model:\n- {dense: {units: 300}, name: a}\n- relu\n- {dropout: {rate: 0.3}}\n" \
  "- {dense: {units: 300}, name: b}\n- tanh\n- {add: {}, inputs: [tanh, a]}\n"
#define BATCH "train: {batch: 300, seed: 5, clip: 1}\n"

Test(determinism, gives_the_same_losses_at_any_number_of_threads)
{
  static const char *const nets[] = {
      MOONS BODY "- {dense: {units: 2}}\nloss: cross_entropy\nmetrics: [accuracy]\n"
                 "optimizer: {sgd: {rate: 0.1, momentum: 0.9, nesterov: true}}\n"
                 "regularizers: [{l2: {lambda: 1e-3}}]\n" BATCH,
      MOONS BODY "- {dense: {units: 1}}\nloss: bce\noptimizer: {adam: {rate: 0.01}}\n"
                 "schedule: cosine\nregularizers: [{l1: {lambda: 1e-4}}]\n" BATCH,
      "data: {train: {two_fields: {samples: 900, width: 300}}}\n" BODY
      "- sigmoid\n- {dense: {units: 300}}\n- softmax\nloss: mse\nmetrics: [mse]\n"
      "optimizer: {adamw: {rate: 0.01}}\n" BATCH,
  };
  for (size_t n = 0; n < COUNT_OF(nets); n++) {
    static struct trace first, other;
    trace_alone(&first, nets[n], threads[0]);
    for (size_t t = 1; t < COUNT_OF(threads); t++) {
      char *when = lm_format("net %zu with %u threads", n, threads[t]);
      trace_alone(&other, nets[n], threads[t]);
      trace_expect_same(&other, &first, when);
      lm_text_release(&other.bits);
      other = (struct trace){0};
      lm_free(when);
    }
    lm_text_release(&first.bits);
    first = (struct trace){0};
  }
}

/* ---- stop and resume ---- */

enum { STEPS = 12 };

#define RESUMED                                                                              \
  MOONS BODY "- {dense: {units: 2}}\nloss: cross_entropy\noptimizer: {adam: {rate: 0.01}}\n" \
             "schedule: cosine\nregularizers: [{l2: {lambda: 1e-3}}]\nmetrics: [accuracy]\n" \
             "train: {batch: 250, epochs: 3, seed: 5, clip: 1}\n"

static void note_loss(void *arg, const struct lm_train_status *status)
{
  double *losses = arg;
  losses[status->step - 1] = status->loss; /* of the epoch so far */
}

static void train(const char *dir, uint32_t count, uint64_t stop_at, bool resume, double *losses)
{
  struct ls_run run = {.yaml = RESUMED,
                       .dir = dir,
                       .resume = resume,
                       .threads = count,
                       .stop_at = stop_at,
                       .step = note_loss,
                       .arg = losses};
  struct lm_train_result result;
  struct lm_error error = {0};
  enum lamina_status status = ls_train(&run, &result, &error);
  expect_status(status, stop_at == 0 ? LAMINA_OK : LAMINA_E_STOPPED, &error);
}

Test(determinism, goes_on_with_the_same_losses_from_any_step_at_other_numbers_of_threads)
{
  double straight[STEPS] = {0}, losses[STEPS] = {0};
  char *folder = ls_folder_make();
  char *dir = in_folder(folder, "straight");
  train(dir, 1, 0, false, straight);
  lm_free(dir);
  for (uint64_t k = 1; k < STEPS; k++) {
    char *name = lm_format("at-%d", (int)k);
    char *model = lm_format("%s/model.safetensors", name);
    dir = in_folder(folder, name);
    memset(losses, 0, sizeof losses);
    train(dir, threads[k % COUNT_OF(threads)], k, false, losses);
    train(dir, threads[(k + 1) % COUNT_OF(threads)], 0, true, losses);
    for (int i = 0; i < STEPS; i++) {
      cr_assert(memcmp(&losses[i], &straight[i], sizeof losses[i]) == 0,
                "stopped after step %d: the loss of step %d is %.17g, expected %.17g", (int)k,
                i + 1, losses[i], straight[i]);
    }
    cr_expect(same_file(folder, "straight/model.safetensors", model), "stopped after %d", (int)k);
    lm_free(dir);
    lm_free(model);
    lm_free(name);
  }
  ls_folder_remove(folder);
}

/* ---- masks ---- */

/*
 * Philox4x32-10 of the counter 0 and the key 0, as its authors publish it (Random123,
 * kat_vectors): the words of a stream whose key is 0, at step 0, for purpose 0.
 */
static const uint32_t published[4] = {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8};

Test(determinism, drops_where_a_published_word_is_below_the_rate)
{
  static const char *const rates[] = {"0",     "0.39", "0.4",  "0.5",  "0.605",
                                      "0.606", "0.73", "0.74", "0.88", "0.89"};
  for (size_t r = 0; r < COUNT_OF(rates); r++) {
    struct ls_net net = {0};
    char *yaml = lm_format("data: {train: {two_fields: {samples: 1, width: 4}}}\n"
                           "model:\n- {variable: {units: 4}}\n- {dropout: {rate: %s}}\n"
                           "loss: dot\noptimizer: sgd\ntrain: {batch: 1}\n",
                           rates[r]);
    ls_net_open(&net, yaml, 2);
    struct lm_program *program = ls_net_program(&net, 1, true, true);
    uint32_t dropout = (uint32_t)lm_graph_find_node(net.experiment->graph, "dropout");
    for (uint32_t i = 0; i < program->n_forward; i++) {
      memset(program->forward[i].call.stream.key, 0, sizeof program->forward[i].call.stream.key);
    }
    for (int i = 0; i < 4; i++) {
      ls_weights(&net, "variable/value")[i] = 1.0f;
    }
    ls_net_feed(&net, program);
    cr_assert_eq(lm_program_forward(program, 0, &net.error), LAMINA_OK, "%s", net.error.text);
    const float *y = program->views[dropout].out[0].data;
    for (int i = 0; i < 4; i++) {
      bool dropped = (double)published[i] / 4294967296.0 < strtod(rates[r], NULL);
      cr_expect_eq(y[i] == 0.0f, dropped, "element %d at rate %s is %g", i, rates[r], (double)y[i]);
    }
    lm_free(yaml);
    ls_net_release(&net);
  }
}
