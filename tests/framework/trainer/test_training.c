/*
 * Trainings from end to end: what is seen, what is written, and that it is the same each time.
 */
#include "tests/framework/trainer/runs.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>

#include "tests/plugins/two_fields.h"

/* ---- the same bits ---- */

Test(training, writes_the_same_model_twice_and_at_any_number_of_threads)
{
  char *folder = ls_folder_make();
  (void)train_in(folder, "a", SMALL, 1);
  (void)train_in(folder, "b", SMALL, 1);
  (void)train_in(folder, "c", SMALL, 2);
  (void)train_in(folder, "d", SMALL, 7);
  cr_expect(same_file(folder, "a/model.safetensors", "b/model.safetensors"));
  cr_expect(same_file(folder, "a/model.safetensors", "c/model.safetensors"));
  cr_expect(same_file(folder, "a/model.safetensors", "d/model.safetensors"));
  cr_expect(same_file(folder, "a/experiment.yaml", "d/experiment.yaml"));
  char *one = metrics_of(folder, "a");
  char *two = metrics_of(folder, "d");
  cr_expect_str_eq(one, two);
  lm_free(one);
  lm_free(two);
  (void)train_in(
      folder, "seed",
      SMALL_DATA SMALL_MODEL SMALL_REST "train: {epochs: 4, batch: 6, seed: 4, clip: 1}\n", 1);
  cr_expect_not(same_file(folder, "a/model.safetensors", "seed/model.safetensors"));
  ls_folder_remove(folder);
}

Test(training, runs_again_from_its_own_experiment_to_the_same_bits)
{
  char *folder = ls_folder_make();
  (void)train_in(folder, "a", SMALL, 1);
  char *yaml = ls_file(folder, "a/experiment.yaml", NULL);
  cr_assert_not_null(yaml);
  (void)train_in(folder, "b", yaml, 1);
  cr_expect(same_file(folder, "a/model.safetensors", "b/model.safetensors"));
  cr_expect(same_file(folder, "a/experiment.yaml", "b/experiment.yaml"));
  lm_free(yaml);
  ls_folder_remove(folder);
}

/* ---- batches ---- */

/* Trains ten records in batches of four; counts how often each was read. */
static void expect_reads(const char *keys, int64_t steps, int64_t sum, int64_t most)
{
  char *folder = ls_folder_make();
  char *dir = in_folder(folder, "run");
  char *yaml = lm_format("data: {train: {two_fields: {samples: 10, width: 4}}}\n"
                         "model: [{dense: {units: 4}}]\nloss: mse\noptimizer: sgd\n"
                         "train: {batch: 4, %s}\n",
                         keys);
  struct ls_net net = {0};
  cr_assert_eq(ls_net_build(&net, yaml, 1), LAMINA_OK, "%s\n%s", net.error.text, yaml);
  cr_assert_eq(lm_experiment_open_data(net.experiment, &net.error), LAMINA_OK);
  struct lm_train_options options = {.run_dir = dir};
  struct lm_train_result result;
  expect_status(lm_train(net.experiment, &options, &result, &net.error), LAMINA_OK, &net.error);
  const struct two_fields *data = net.experiment->train_data->instance->self;
  int64_t found = 0;
  for (int i = 0; i < 10; i++) {
    cr_expect_leq(data->reads[i], most, "record %d with%s", i, keys);
    found += data->reads[i];
  }
  cr_expect_eq(found, sum, "%lld reads with%s", (long long)found, keys);
  cr_expect_eq(result.steps, (uint64_t)steps);
  cr_expect_eq(result.last.epoch, steps == 0 ? 0 : net.experiment->train.epochs);
  lm_free(yaml);
  lm_free(dir);
  ls_net_release(&net);
  ls_folder_remove(folder);
}

Test(training, sees_each_record_once_an_epoch)
{
  expect_reads("epochs: 1", 3, 10, 1);
  expect_reads("epochs: 1, shuffle: false", 3, 10, 1);
  expect_reads("epochs: 1, drop_last: true", 2, 8, 1);
  expect_reads("epochs: 3", 9, 30, 3);
  expect_reads("epochs: 0", 0, 0, 0);
}

/* The order of ten records in three epochs. */
static void find_order(const char *keys, int64_t order[30])
{
  char *folder = ls_folder_make();
  char *dir = in_folder(folder, "run");
  char *yaml = lm_format("data: {train: {two_fields: {samples: 10, width: 4}}}\n"
                         "model: [{dense: {units: 4}}]\nloss: mse\noptimizer: sgd\n"
                         "train: {epochs: 3, batch: 4, %s}\n",
                         keys);
  struct ls_net net = {0};
  cr_assert_eq(ls_net_build(&net, yaml, 1), LAMINA_OK, "%s", net.error.text);
  cr_assert_eq(lm_experiment_open_data(net.experiment, &net.error), LAMINA_OK);
  struct lm_train_options options = {.run_dir = dir};
  struct lm_train_result result;
  expect_status(lm_train(net.experiment, &options, &result, &net.error), LAMINA_OK, &net.error);
  const struct two_fields *data = net.experiment->train_data->instance->self;
  cr_assert_eq(data->total, 30);
  memcpy(order, data->order, 30 * sizeof *order);
  lm_free(yaml);
  lm_free(dir);
  ls_net_release(&net);
  ls_folder_remove(folder);
}

Test(training, shuffles_anew_each_epoch_and_only_when_it_should)
{
  const size_t epoch = 10 * sizeof(int64_t);
  int64_t plain[30], one[30], again[30], other[30];
  find_order("shuffle: false", plain);
  find_order("seed: 1", one);
  find_order("seed: 1", again);
  find_order("seed: 2", other);
  for (int i = 0; i < 30; i++) {
    cr_expect_eq(plain[i], i % 10);
  }
  cr_expect(memcmp(one, again, sizeof one) == 0);
  cr_expect(memcmp(one, other, sizeof one) != 0);
  cr_expect(memcmp(one, one + 10, epoch) != 0 && memcmp(one + 10, one + 20, epoch) != 0);
}

Test(training, ends_after_the_steps_that_are_allowed)
{
  static const struct {
    const char *train;
    uint64_t steps;
    int64_t epoch;
  } rows[] = {
      {"train: {epochs: 4, steps: 7, batch: 6}\n", 7, 2},
      {"train: {steps: 5, batch: 6}\n", 5, 1},
      {"train: {epochs: 1, steps: 100, batch: 6}\n", 5, 1},
      {"train: {epochs: 2, batch: 1000}\n", 2, 2},
  };
  for (size_t i = 0; i < COUNT_OF(rows); i++) {
    char *folder = ls_folder_make();
    char *yaml = lm_format(SMALL_DATA SMALL_MODEL SMALL_REST "%s", rows[i].train);
    struct lm_train_result result = train_in(folder, "run", yaml, 1);
    cr_expect_eq(result.steps, rows[i].steps, "%s", rows[i].train);
    cr_expect_eq(result.last.epoch, rows[i].epoch, "%s", rows[i].train);
    lm_free(yaml);
    ls_folder_remove(folder);
  }
}

/* ---- batches made ahead ---- */

/* Reads that take long enough to be handed to another thread. */
#define SLOW(data, train)                                                                      \
  "data: {train: {two_fields: {samples: 40, width: 4, micros: 300" data "}}, holdout: 0.25,\n" \
  "  transforms: [standardize]}\nmodel: [{dense: {units: 4}}]\nloss: mse\n"                    \
  "optimizer: sgd\nregularizers: [{l2: {lambda: 1e-3}}]\n"                                     \
  "train: {batch: 4, seed: 3" train "}\n"

Test(training, is_the_same_when_batches_are_made_ahead)
{
  static const char *const rows[] = {
      SLOW("", ", epochs: 3"), SLOW("", ", epochs: 3, drop_last: true, shuffle: false"),
      SLOW("", ", epochs: 3, steps: 13"), SLOW("", ", epochs: 2, checkpoint: {every_steps: 1}"),
      SLOW("", ", epochs: 9, early_stopping: {patience: 1, min_delta: 0.01}")};
  for (size_t i = 0; i < COUNT_OF(rows); i++) {
    char *folder = ls_folder_make();
    (void)train_in(folder, "1", rows[i], 1);
    char *one = metrics_of(folder, "1");
    for (uint32_t threads = 2; threads <= 3; threads++) {
      char *name = lm_format("%d", (int)threads);
      char *model = in_folder(name, "model.safetensors");
      (void)train_in(folder, name, rows[i], threads);
      char *metrics = metrics_of(folder, name);
      cr_expect(same_file(folder, "1/model.safetensors", model), "%s threads: %s", name, rows[i]);
      cr_expect_str_eq(metrics, one);
      lm_free(metrics);
      lm_free(model);
      lm_free(name);
    }
    lm_free(one);
    ls_folder_remove(folder);
  }
}

static void count_step(void *arg, const struct lm_train_status *status)
{
  *(uint64_t *)arg = status->step;
}

/* The sentence of a training that must fail, and the steps done before. */
static char *failure_of(const char *yaml, uint32_t threads, enum lamina_status wanted,
                        uint64_t *steps)
{
  char *folder = ls_folder_make();
  char *dir = in_folder(folder, "run");
  struct ls_net net = {0};
  struct lm_train_options options = {.run_dir = dir, .observer = {steps, count_step, NULL, NULL}};
  struct lm_train_result result;
  *steps = 0;
  cr_assert_eq(ls_net_build(&net, yaml, threads), LAMINA_OK, "%s", net.error.text);
  cr_assert_eq(lm_experiment_open_data(net.experiment, &net.error), LAMINA_OK);
  expect_status(lm_train(net.experiment, &options, &result, &net.error), wanted, &net.error);
  char *sentence = lm_copy_text(net.error.text);
  lm_free(dir);
  ls_net_release(&net);
  ls_folder_remove(folder);
  return sentence;
}

Test(training, fails_in_the_step_that_would_have_used_the_batch)
{
  static const struct {
    const char *yaml;
    enum lamina_status status;
    uint64_t steps;
    const char *part;
  } rows[] = {
      {"data: {train: {two_fields: {samples: 40, width: 4, micros: 300, bad: 17}}}\n"
       "model: [{dense: {units: 4}}]\nloss: mse\noptimizer: sgd\n"
       "train: {batch: 4, shuffle: false}\n",
       LAMINA_E_INVALID, 4, "record 17 is broken"},
      {"data: {train: {two_fields: {samples: 40, width: 4, micros: 300}}}\n"
       "model: [{dense: {units: 4}}, {probe: {fault: nan, at: 3}}]\nloss: mse\n"
       "optimizer: sgd\ntrain: {batch: 4}\n",
       LAMINA_E_NONFINITE, 2, "node 'probe'"},
  };
  for (size_t i = 0; i < COUNT_OF(rows); i++) {
    uint64_t steps;
    char *alone = failure_of(rows[i].yaml, 1, rows[i].status, &steps);
    cr_expect_eq(steps, rows[i].steps, "%d steps", (int)steps);
    cr_expect(strstr(alone, rows[i].part) != NULL, "%s", alone);
    char *ahead = failure_of(rows[i].yaml, 3, rows[i].status, &steps);
    cr_expect_eq(steps, rows[i].steps, "%d steps", (int)steps);
    cr_expect_str_eq(ahead, alone);
    lm_free(alone);
    lm_free(ahead);
  }
}

/** Sentences of the log about waiting. */
struct heard {
  int count;
  char sentence[256];
};

static void hear(void *arg, int32_t level, const char *sentence)
{
  struct heard *heard = arg;
  if (strncmp(sentence, "waiting for data", 16) == 0) {
    heard->count++;
    (void)snprintf(heard->sentence, sizeof heard->sentence, "%d %s", (int)level, sentence);
  }
}

Test(training, says_when_it_waits_for_data)
{
  static const struct {
    const char *data; /* the reads take as long as this says, and 1.2 s in all */
    int64_t epochs;
    uint32_t threads;
    int told;
  } rows[] = {{"micros: 120000", 1, 1, 1}, {"micros: 120000", 1, 2, 1}, {"micros: 1000", 2, 1, 0}};
  for (size_t i = 0; i < COUNT_OF(rows); i++) {
    char *folder = ls_folder_make();
    char *dir = in_folder(folder, "run");
    char *yaml = lm_format("data: {train: {two_fields: {samples: 40, width: 4, %s}}}\n"
                           "model: [{dense: {units: 4}}]\nloss: mse\noptimizer: sgd\n"
                           "train: {batch: 4, epochs: %d}\n",
                           rows[i].data, (int)rows[i].epochs);
    struct heard heard = {0};
    struct ls_net net = {0};
    struct lm_train_options options = {.run_dir = dir};
    struct lm_train_result result;
    cr_assert_eq(ls_net_build(&net, yaml, rows[i].threads), LAMINA_OK, "%s", net.error.text);
    cr_assert_eq(lm_experiment_open_data(net.experiment, &net.error), LAMINA_OK);
    net.experiment->host.log = hear;
    net.experiment->host.log_arg = &heard;
    expect_status(lm_train(net.experiment, &options, &result, &net.error), LAMINA_OK, &net.error);
    cr_expect_eq(heard.count, rows[i].told, "%s: %s", rows[i].data, heard.sentence);
    const char *share = strstr(heard.sentence, "took ");
    cr_expect(heard.count == 0 || (share != NULL && atoi(share + 5) > 50 && atoi(share + 5) <= 100),
              "%s", heard.sentence);
    cr_expect(heard.count == 0 ||
                  (strstr(heard.sentence, "second thread") != NULL) == (rows[i].threads == 1),
              "%s", heard.sentence);
    lm_free(yaml);
    lm_free(dir);
    ls_net_release(&net);
    ls_folder_remove(folder);
  }
}

/* ---- what is written ---- */

Test(training, writes_a_line_of_metrics_for_each_epoch)
{
  static const char *const keys[] = {
      "\"step\": ",     "\"train\": {\"loss\": ", "\"data_loss\": ", "\"penalty\": ",
      "\"accuracy\": ", "\"eval\": {\"loss\": ",  "\"rate\": "};
  char *folder = ls_folder_make();
  (void)train_in(folder, "run", SMALL, 1);
  char *text = metrics_of(folder, "run");
  char *line = text;
  for (int epoch = 1; epoch <= 4; epoch++) {
    char *end = strchr(line, '\n');
    char begin[32];
    cr_assert_not_null(end);
    *end = '\0';
    (void)snprintf(begin, sizeof begin, "{\"epoch\": %d, ", epoch);
    cr_expect_eq(strncmp(line, begin, strlen(begin)), 0, "%s", line);
    for (size_t i = 0; i < COUNT_OF(keys); i++) {
      cr_expect(strstr(line, keys[i]) != NULL, "no %s in %s", keys[i], line);
    }
    double loss, data_loss, penalty;
    cr_assert_eq(sscanf(strstr(line, "\"loss\": "),
                        "\"loss\": %lf, \"data_loss\": %lf, \"penalty\": %lf", &loss, &data_loss,
                        &penalty),
                 3);
    cr_expect_float_eq(loss, data_loss + penalty, 1e-12);
    cr_expect_gt(penalty, 0.0);
    line = end + 1;
  }
  cr_expect_eq(*line, '\0');
  lm_free(text);
  ls_folder_remove(folder);
}

Test(training, keeps_as_many_checkpoints_as_it_should)
{
  static const char *const names[] = {"run/checkpoint.safetensors", "run/checkpoint.1.safetensors",
                                      "run/checkpoint.2.safetensors",
                                      "run/checkpoint.3.safetensors"};
  for (int keep = 0; keep <= 2; keep++) {
    char *folder = ls_folder_make();
    char *yaml = lm_format(SMALL_DATA SMALL_MODEL SMALL_REST
                           "train: {epochs: 4, batch: 6, checkpoint: {every_steps: 2, keep: %d}}\n",
                           keep);
    (void)train_in(folder, "run", yaml, 1);
    for (int i = 0; i < 4; i++) {
      cr_expect_eq(exists(folder, names[i]), i <= keep, "%s with keep: %d", names[i], keep);
    }
    lm_free(yaml);
    ls_folder_remove(folder);
  }
}

Test(training, keeps_the_best_model_when_it_stops_early)
{
  static const char yaml[] = SMALL_DATA
      "model: [{dense: {units: 2}}]\nloss: cross_entropy\nmetrics: [accuracy]\n"
      "optimizer: {sgd: {rate: 30}}\n"
      "train: {epochs: 50, batch: 6, early_stopping: {monitor: accuracy, patience: 3}}\n";
  char *folder = ls_folder_make();
  struct lm_train_result result = train_in(folder, "run", yaml, 1);
  cr_expect_geq(result.best_epoch, 1);
  cr_expect(result.last.epoch == 50 || result.last.epoch == result.best_epoch + 3,
            "best in %lld, last %lld", (long long)result.best_epoch, (long long)result.last.epoch);
  cr_expect(same_file(folder, "run/model.safetensors", "run/best.safetensors"));
  ls_folder_remove(folder);
}

/* ---- refusals ---- */

static void expect_training_refused(const char *dir, const char *yaml, enum lamina_status status,
                                    const char *part)
{
  struct ls_run run = {.yaml = yaml, .dir = dir};
  struct lm_train_result result;
  struct lm_error error = {0};
  enum lamina_status found = ls_train(&run, &result, &error);
  cr_expect_eq(found, status, "%s: %s", lm_status_name(found), error.text);
  cr_expect(strstr(error.text, part) != NULL, "no '%s' in: %s", part, error.text);
}

Test(training, refuses_a_folder_that_is_used)
{
  char *folder = ls_folder_make();
  char *dir = in_folder(folder, "run");
  (void)train_in(folder, "run", SMALL, 1);
  expect_training_refused(dir, SMALL, LAMINA_E_USAGE, "holds a run already");
  char *lock = in_folder(dir, ".lock");
  int file = open(lock, O_RDWR | O_CREAT, 0600);
  cr_assert_geq(file, 0);
  cr_assert_eq(flock(file, LOCK_EX | LOCK_NB), 0);
  expect_training_refused(dir, SMALL, LAMINA_E_USAGE, "another process is using");
  (void)close(file);
  lm_free(lock);
  lm_free(dir);
  ls_folder_remove(folder);
}

Test(training, refuses_what_cannot_be_trained)
{
  char *folder = ls_folder_make();
  char *dir = in_folder(folder, "run");
  expect_training_refused(dir,
                          SMALL_DATA SMALL_MODEL SMALL_REST "train: {batch: 31, drop_last: true}\n",
                          LAMINA_E_INVALID, "30 records to train with, fewer than a batch of 31");
  expect_training_refused(
      dir, SMALL_DATA SMALL_MODEL SMALL_REST "train: {early_stopping: {monitor: acuracy}}\n",
      LAMINA_E_INVALID, "'acuracy'");
  expect_training_refused(
      dir, "data: {train: moons}\n" SMALL_MODEL SMALL_REST "train: {early_stopping: {}}\n",
      LAMINA_E_INVALID, "needs evaluation data");
  expect_training_refused(dir,
                          SMALL_DATA "model: [{dense: {units: 2}}, {probe: {fault: error, "
                                     "at: 3}}]\nloss: cross_entropy\noptimizer: sgd\n",
                          LAMINA_E_INVALID, "node 'probe'");
  cr_expect_not(exists(dir, "model.safetensors"));
  lm_free(dir);
  ls_folder_remove(folder);
}

Test(training, stops_when_a_loss_is_not_finite_naming_the_node)
{
  char *folder = ls_folder_make();
  char *dir = in_folder(folder, "run");
  expect_training_refused(dir,
                          SMALL_DATA "model:\n- {dense: {units: 2}}\n"
                                     "- {probe: {fault: nan, at: 3}}\n- {dense: {units: 2}}\n"
                                     "loss: cross_entropy\noptimizer: sgd\ntrain: {batch: 6}\n",
                          LAMINA_E_NONFINITE,
                          "became nan in step 3 (epoch 1), training stops: "
                          "net.yaml:5:4: node 'probe'");
  cr_expect_not(exists(dir, "model.safetensors"));
  lm_free(dir);
  ls_folder_remove(folder);
}

Test(training, never_writes_a_model_that_is_not_finite)
{
  /* The only update makes weights infinite; no later step would notice. */
  char *folder = ls_folder_make();
  char *dir = in_folder(folder, "run");
  expect_training_refused(dir,
                          "data: {train: {two_fields: {samples: 4, width: 4}}}\n"
                          "model: [{variable: {units: 4}}]\nloss: {dot: {}, weight: 1e30}\n"
                          "optimizer: {sgd: {rate: 1e30}}\ntrain: {epochs: 1, batch: 4}\n",
                          LAMINA_E_NONFINITE, "weight 'variable/value'");
  cr_expect_not(exists(dir, "model.safetensors"));
  cr_expect_not(exists(dir, "checkpoint.safetensors"));
  lm_free(dir);
  ls_folder_remove(folder);
}

/* ---- memory that runs out ---- */

/* Training writes and syncs files, so of the lasting failures only each `stride`-th is tried. */
static void sweep(struct ls_net *net, const char *folder, bool forever, int64_t stride)
{
  bool done = false;
  for (int64_t n = 0; !done && n < 5000; n += stride) {
    char *dir = lm_format("%s/%d-%lld", folder, forever, (long long)n);
    struct lm_train_options options = {.run_dir = dir};
    struct lm_train_result result;
    net->error = (struct lm_error){0};
    lm_alloc_fail_after(n, forever);
    enum lamina_status status = lm_train(net->experiment, &options, &result, &net->error);
    lm_alloc_fail_after(-1, false);
    cr_expect(status == LAMINA_OK || status == LAMINA_E_NOMEM, "allocation %lld: %s: %s",
              (long long)n, lm_status_name(status), net->error.text);
    done = status == LAMINA_OK;
    lm_free(dir);
  }
  cr_expect(done);
}

Test(training, survives_each_allocation_that_fails)
{
  static const char yaml[] = SMALL_DATA SMALL_MODEL SMALL_REST
      "train: {epochs: 1, batch: 30, early_stopping: {}, checkpoint: {keep: 2}}\n";
  char *folder = ls_folder_make();
  struct ls_net net = {0};
  cr_assert_eq(ls_net_build(&net, yaml, 1), LAMINA_OK, "%s", net.error.text);
  cr_assert_eq(lm_experiment_open_data(net.experiment, &net.error), LAMINA_OK);
  sweep(&net, folder, false, 1);
  sweep(&net, folder, true, 11);
  ls_net_release(&net);
  ls_folder_remove(folder);
}
