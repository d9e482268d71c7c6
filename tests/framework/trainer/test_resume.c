/*
 * Stopping and going on: a run that is interrupted anywhere ends with the bits of one that was
 * not, and a checkpoint that does not belong to the experiment is refused.
 */
#include "tests/framework/trainer/runs.h"

static enum lamina_status resume(const char *dir, const char *yaml, struct lm_error *error)
{
  struct ls_run run = {.yaml = yaml, .dir = dir, .resume = true};
  struct lm_train_result result;
  return ls_train(&run, &result, error);
}

static void stop_at(const char *dir, const char *yaml, uint64_t step)
{
  struct ls_run run = {.yaml = yaml, .dir = dir, .stop_at = step};
  struct lm_train_result result;
  struct lm_error error = {0};
  expect_status(ls_train(&run, &result, &error), LAMINA_E_STOPPED, &error);
  cr_expect(strstr(error.text, "--resume") != NULL, "%s", error.text);
}

static void expect_same_run(const char *folder, const char *one, const char *two)
{
  char *a = in_folder(one, "model.safetensors");
  char *b = in_folder(two, "model.safetensors");
  cr_expect(same_file(folder, a, b), "%s and %s differ", a, b);
  lm_free(a);
  lm_free(b);
  a = metrics_of(folder, one);
  b = metrics_of(folder, two);
  cr_expect_str_eq(a, b);
  lm_free(a);
  lm_free(b);
}

Test(resume, gives_the_same_bits_at_every_step)
{
  char *folder = ls_folder_make();
  struct lm_error error = {0};
  struct lm_train_result straight = train_in(folder, "straight", SMALL, 1);
  cr_assert_eq(straight.steps, 20);
  for (uint64_t k = 1; k < 20; k++) {
    char *name = lm_format("at-%d", (int)k);
    char *dir = in_folder(folder, name);
    stop_at(dir, SMALL, k);
    expect_status(resume(dir, SMALL, &error), LAMINA_OK, &error);
    expect_same_run(folder, "straight", name);
    lm_free(dir);
    lm_free(name);
  }
  ls_folder_remove(folder);
}

/* And what the run folder keeps of the experiment says which records were left out. */
Test(resume, gives_the_same_bits_when_records_are_left_out)
{
  static const char yaml[] =
      "data: {train: {moons: {samples: 40}}, holdout: 0.25, without: {target: 1}}\n" SMALL_MODEL
          SMALL_REST "train: {epochs: 4, batch: 6}\n";
  char *folder = ls_folder_make();
  char *dir = in_folder(folder, "stopped");
  struct lm_error error = {0};
  struct lm_train_result straight = train_in(folder, "straight", yaml, 1);
  cr_assert_eq(straight.steps, 12);
  stop_at(dir, yaml, 5);
  char *kept = ls_file(dir, "experiment.yaml", NULL);
  cr_expect(strstr(kept, "without:") != NULL, "%s", kept);
  expect_status(resume(dir, kept, &error), LAMINA_OK, &error);
  expect_same_run(folder, "straight", "stopped");
  lm_free(kept);
  lm_free(dir);
  ls_folder_remove(folder);
}

Test(resume, gives_the_same_bits_with_early_stopping)
{
  static const char yaml[] = SMALL_DATA SMALL_MODEL SMALL_REST
      "train: {epochs: 8, batch: 6, early_stopping: {patience: 2, min_delta: 0.01}}\n";
  char *folder = ls_folder_make();
  struct lm_error error = {0};
  struct lm_train_result straight = train_in(folder, "straight", yaml, 1);
  for (uint64_t k = 3; k < straight.steps; k += 4) {
    char *name = lm_format("at-%d", (int)k);
    char *dir = in_folder(folder, name);
    stop_at(dir, yaml, k);
    expect_status(resume(dir, yaml, &error), LAMINA_OK, &error);
    expect_same_run(folder, "straight", name);
    lm_free(dir);
    lm_free(name);
  }
  ls_folder_remove(folder);
}

Test(resume, gives_the_same_bits_when_batches_are_made_ahead)
{
  static const char yaml[] = /* reads that are worth handing to another thread */
      "data: {train: {two_fields: {samples: 40, width: 4, micros: 200}}, holdout: 0.25}\n"
      "model: [{dense: {units: 4}}]\nloss: mse\noptimizer: {adam: {rate: 0.01}}\n"
      "train: {epochs: 2, batch: 4}\n";
  char *folder = ls_folder_make();
  struct lm_train_result result = train_in(folder, "straight", yaml, 1);
  for (uint64_t k = 1; k < result.steps; k += 3) {
    char *name = lm_format("at-%d", (int)k);
    char *dir = in_folder(folder, name);
    struct ls_run run = {.yaml = yaml, .dir = dir, .stop_at = k, .threads = 2};
    struct lm_error error = {0};
    expect_status(ls_train(&run, &result, &error), LAMINA_E_STOPPED, &error);
    run.stop_at = 0;
    run.resume = true;
    expect_status(ls_train(&run, &result, &error), LAMINA_OK, &error);
    expect_same_run(folder, "straight", name);
    lm_free(dir);
    lm_free(name);
  }
  ls_folder_remove(folder);
}

Test(resume, of_a_finished_run_changes_nothing)
{
  char *folder = ls_folder_make();
  struct lm_error error = {0};
  (void)train_in(folder, "a", SMALL, 1);
  (void)train_in(folder, "b", SMALL, 1);
  char *dir = in_folder(folder, "b");
  expect_status(resume(dir, SMALL, &error), LAMINA_OK, &error);
  expect_same_run(folder, "a", "b");
  lm_free(dir);
  ls_folder_remove(folder);
}

/* ---- a crash at an awkward moment ---- */

/** Takes the files of a run as they are when an epoch is told. */
struct snapshot {
  const char *from, *to;
  int64_t epoch;
};

static void take_snapshot(void *arg, const struct lm_epoch_report *report)
{
  static const char *const names[] = {"checkpoint.safetensors", "metrics.jsonl", "experiment.yaml"};
  const struct snapshot *snapshot = arg;
  for (size_t i = 0; i < COUNT_OF(names) && report->epoch == snapshot->epoch; i++) {
    size_t size = 0;
    char *bytes = ls_file(snapshot->from, names[i], &size);
    char *path = in_folder(snapshot->to, names[i]);
    cr_assert_not_null(bytes, "%s", names[i]);
    write_bytes(path, bytes, size);
    lm_free(path);
    lm_free(bytes);
  }
}

Test(resume, goes_on_from_between_the_last_step_of_an_epoch_and_its_end)
{
  static const char yaml[] = SMALL_DATA SMALL_MODEL SMALL_REST
      "train: {epochs: 4, batch: 6, checkpoint: {every_steps: 1}}\n";
  for (int64_t epoch = 1; epoch <= 4; epoch++) {
    char *folder = ls_folder_make();
    char *from = in_folder(folder, "straight");
    char *to = ls_folder_make();
    struct snapshot snapshot = {from, to, epoch};
    struct ls_run run = {.yaml = yaml, .dir = from, .epoch = take_snapshot, .arg = &snapshot};
    struct lm_train_result result;
    struct lm_error error = {0};
    expect_status(ls_train(&run, &result, &error), LAMINA_OK, &error);
    expect_status(resume(to, yaml, &error), LAMINA_OK, &error);
    char *one = metrics_of(folder, "straight");
    char *two = metrics_of(to, ".");
    cr_expect_str_eq(one, two, "epoch %lld", (long long)epoch);
    lm_free(one);
    lm_free(two);
    size_t sizes[2];
    char *models[2] = {ls_file(from, "model.safetensors", &sizes[0]),
                       ls_file(to, "model.safetensors", &sizes[1])};
    cr_assert(models[0] != NULL && models[1] != NULL);
    cr_expect(sizes[0] == sizes[1] && memcmp(models[0], models[1], sizes[0]) == 0);
    lm_free(models[0]);
    lm_free(models[1]);
    lm_free(from);
    ls_folder_remove(to);
    ls_folder_remove(folder);
  }
}

Test(resume, leaves_out_lines_of_metrics_behind_the_checkpoint)
{
  char *folder = ls_folder_make();
  char *dir = in_folder(folder, "run");
  char *metrics = in_folder(dir, "metrics.jsonl");
  struct lm_error error = {0};
  (void)train_in(folder, "straight", SMALL, 1);
  stop_at(dir, SMALL, 12); /* two epochs are done */
  FILE *file = fopen(metrics, "ab");
  cr_assert_not_null(file);
  (void)fputs("{\"epoch\": 3, \"step\": 15}\n{\"epoch\": 4, \"st", file);
  (void)fclose(file);
  expect_status(resume(dir, SMALL, &error), LAMINA_OK, &error);
  expect_same_run(folder, "straight", "run");
  lm_free(metrics);
  lm_free(dir);
  ls_folder_remove(folder);
}

/* ---- checkpoints that are damaged, or of something else ---- */

static void note(void *arg, const char *sentence)
{
  (void)snprintf(arg, 4096, "%s", sentence);
}

Test(resume, takes_the_checkpoint_before_when_the_newest_is_damaged)
{
  char *folder = ls_folder_make();
  char *dir = in_folder(folder, "run");
  char *path = in_folder(dir, "checkpoint.safetensors");
  char noted[4096] = "";
  struct lm_error error = {0};
  struct lm_train_result result;
  size_t size = 0;
  (void)train_in(folder, "straight", SMALL, 1);
  stop_at(dir, SMALL, 12);
  char *bytes = ls_file(dir, "checkpoint.safetensors", &size);
  bytes[size - 3] ^= 1;
  write_bytes(path, bytes, size);
  struct ls_run run = {.yaml = SMALL, .dir = dir, .resume = true, .note = note, .arg = noted};
  expect_status(ls_train(&run, &result, &error), LAMINA_OK, &error);
  cr_expect(strstr(noted, "checkpoint.safetensors") != NULL &&
                strstr(noted, "continuing from") != NULL,
            "%s", noted);
  expect_same_run(folder, "straight", "run");
  lm_free(bytes);
  lm_free(path);
  lm_free(dir);
  ls_folder_remove(folder);
}

Test(resume, says_what_is_wrong_when_no_checkpoint_is_whole)
{
  char *folder = ls_folder_make();
  char *dir = in_folder(folder, "run");
  char *paths[2] = {in_folder(dir, "checkpoint.safetensors"),
                    in_folder(dir, "checkpoint.1.safetensors")};
  struct lm_error error = {0};
  cr_expect_eq(resume(dir, SMALL, &error), LAMINA_E_MISSING);
  cr_expect(strstr(error.text, "no such run folder") != NULL, "%s", error.text);
  stop_at(dir, SMALL, 12);
  write_bytes(paths[0], "short", 5);
  write_bytes(paths[1], "", 0);
  cr_expect_eq(resume(dir, SMALL, &error), LAMINA_E_INVALID);
  cr_expect(strstr(error.text, "checkpoint.safetensors") != NULL, "%s", error.text);
  lm_free(paths[0]);
  lm_free(paths[1]);
  lm_free(dir);
  ls_folder_remove(folder);
}

Test(resume, refuses_a_checkpoint_of_another_experiment)
{
  static const struct {
    const char *yaml, *part;
  } rows[] = {
      {SMALL_DATA "model:\n- {dense: {units: 9}}\n- relu\n- {dropout: {rate: 0.3}}\n"
                  "- {probe: {state: true}}\n- {dense: {units: 2}}\n"
                  "loss: cross_entropy\n" SMALL_REST,
       "tensor 'dense/weight' is [2, 8] float32, but the experiment has [2, 9] float32"},
      {SMALL_DATA SMALL_MODEL "optimizer: {sgd: {rate: 0.1, momentum: 0.9}}\n",
       "no tensor 'optimizer/"},
      {SMALL_DATA SMALL_MODEL "optimizer: {sgd: {rate: 0.1}}\n", "the tensor 'optimizer/"},
      {SMALL_DATA "model:\n- {dense: {units: 8}}\n- relu\n- {dense: {units: 2}}\n"
                  "loss: cross_entropy\n" SMALL_REST,
       "the tensor 'probe/count'"},
      {"data: {train: {moons: {samples: 40}}, holdout: 0.25}\n" SMALL_MODEL SMALL_REST,
       "the tensor 'transform0/"},
      {SMALL_DATA "model:\n- {dense: {units: 8}, name: other}\n- relu\n- {dropout: {rate: 0.3}}\n"
                  "- {probe: {state: true}}\n- {dense: {units: 2}}\n"
                  "loss: cross_entropy\n" SMALL_REST,
       "no tensor 'other/weight'"},
  };
  char *folder = ls_folder_make();
  char *dir = in_folder(folder, "run");
  struct lm_error error = {0};
  stop_at(dir, SMALL, 12);
  char *before = ls_file(dir, "experiment.yaml", NULL);
  for (size_t i = 0; i < COUNT_OF(rows); i++) {
    enum lamina_status status = resume(dir, rows[i].yaml, &error);
    cr_expect_eq(status, LAMINA_E_INVALID, "%s for\n%s", lm_status_name(status), rows[i].yaml);
    cr_expect(strstr(error.text, rows[i].part) != NULL, "no \"%s\" in: %s", rows[i].part,
              error.text);
    char *after = ls_file(dir, "experiment.yaml", NULL);
    cr_expect_str_eq(after, before, "a refused resume changes the folder");
    lm_free(after);
  }
  lm_free(before);
  lm_free(dir);
  ls_folder_remove(folder);
}

Test(resume, may_go_on_for_longer)
{
  static const char longer[] = SMALL_DATA SMALL_MODEL
      "optimizer: {adam: {rate: 0.01}}\nregularizers: [{l2: {lambda: 1e-3}}]\n"
      "train: {epochs: 6, batch: 6, seed: 3, clip: 1}\n";
  static const char shorter[] = SMALL_DATA SMALL_MODEL
      "optimizer: {adam: {rate: 0.01}}\nregularizers: [{l2: {lambda: 1e-3}}]\n"
      "train: {epochs: 4, batch: 6, seed: 3, clip: 1}\n";
  char *folder = ls_folder_make();
  char *dir = in_folder(folder, "run");
  struct lm_error error = {0};
  (void)train_in(folder, "straight", longer, 1);
  (void)train_in(folder, "run", shorter, 1);
  expect_status(resume(dir, longer, &error), LAMINA_OK, &error);
  expect_same_run(folder, "straight", "run");
  lm_free(dir);
  ls_folder_remove(folder);
}
