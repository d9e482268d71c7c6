/*
 * What lamina/lamina.h refuses, with which status and sentence; after a refusal nothing is left
 * behind, and a model can still be used.
 */
#include "tests/framework/embed/models.h"

static void expect_refused(int32_t status, const struct lamina_error *error, int32_t expected,
                           const char *words)
{
  cr_expect_eq(status, expected, "%d: %s", status, error->sentence);
  cr_expect_eq(error->status, expected);
  cr_expect_not_null(strstr(error->sentence, words), "'%s' lacks '%s'", error->sentence, words);
}

/* A model whose layer only the tests' plugins have. */
#define PROBED                                                                  \
  "data: {train: {moons: {samples: 20}}}\nmodel: [dense: {units: 1}, square]\n" \
  "loss: bce\noptimizer: sgd\ntrain: {epochs: 1, batch: 10}\n"

static void write_in(const char *folder, const char *name, const char *bytes, size_t size)
{
  char *path = in_folder(folder, name);
  write_bytes(path, bytes, size);
  lm_free(path);
}

Test(embed_refusals, of_files_tell_the_file_and_the_fault)
{
  static const struct {
    const char *path;
    int32_t status;
    const char *words;
  } rows[] = {
      {"nothing", LAMINA_E_MISSING, "nothing: there is no such file"},
      {".", LAMINA_E_INVALID, "regular file"},
      {"short", LAMINA_E_INVALID, "short: "},
      {"damaged", LAMINA_E_INVALID, "damaged: "},
      {"plain", LAMINA_E_INVALID, "plain: "},
      {"probed/model.safetensors", LAMINA_E_MISSING, "there is no layer 'square'"},
  };
  const struct lamina_model_options options = {
      .size = sizeof options, .plugin_path = ls_environment("LAMINA_TEST_PLUGINS")};
  char *folder = ls_folder_make();
  size_t size;
  (void)train_in(folder, "moons", MOONS, 1);
  (void)train_in(folder, "probed", PROBED, 1);
  char *bytes = ls_file(folder, "moons/model.safetensors", &size);
  write_in(folder, "short", bytes, size - 100);
  bytes[size - 1] ^= 1;
  write_in(folder, "damaged", bytes, size);
  write_in(folder, "plain", "\2\0\0\0\0\0\0\0{}", 10);
  lm_free(bytes);
  for (size_t i = 0; i < COUNT_OF(rows); i++) {
    char *path = in_folder(folder, rows[i].path);
    struct lamina_model *model = (struct lamina_model *)folder;
    struct lamina_error error;
    int32_t status = lamina_model_load(path, &options, &model, &error);
    expect_refused(status, &error, rows[i].status, rows[i].words);
    cr_expect_null(model);
    cr_expect_eq(lamina_model_load(path, &options, &model, NULL), rows[i].status);
    lm_free(path);
  }
  ls_folder_remove(folder);
}

Test(embed_refusals, of_arguments_of_load)
{
  char *folder = ls_folder_make();
  char *path = model_in(folder, "moons", MOONS);
  const struct {
    struct lamina_model_options options;
    int32_t status;
    const char *words;
  } rows[] = {
      {{.size = 0}, LAMINA_E_USAGE, "size is 0"},
      {{.size = 8}, LAMINA_E_USAGE, "size is 8"},
      {{.size = sizeof rows[0].options, .flags = 6}, LAMINA_E_UNSUPPORTED, "0x6"},
      {{.size = sizeof rows[0].options, .threads = 1025}, LAMINA_E_USAGE, "1025 threads"},
  };
  struct lamina_model *model;
  struct lamina_error error;
  for (size_t i = 0; i < COUNT_OF(rows); i++) {
    int32_t status = lamina_model_load(path, &rows[i].options, &model, &error);
    expect_refused(status, &error, rows[i].status, rows[i].words);
  }
  expect_refused(lamina_model_load(NULL, NULL, &model, &error), &error, LAMINA_E_USAGE, "path");
  expect_refused(lamina_model_load(path, NULL, NULL, &error), &error, LAMINA_E_USAGE, "out");
  lm_free(path);
  ls_folder_remove(folder);
}

Test(embed_refusals, of_runs_name_what_does_not_fit)
{
  char *folder = ls_folder_make();
  char *path = model_in(folder, "moons", MOONS);
  struct lamina_model *model = load(path, 1, 0);
  struct lamina_error error;
  float in[6] = {1, 2, 3, 4, 5, 6};
  float out[6] = {0};
  const struct {
    int64_t batch;
    struct lamina_samples in;
    struct lamina_results out;
    int32_t status;
    const char *words;
  } rows[] = {
      {-1, {in, 24}, {out, 24}, LAMINA_E_USAGE, "batch is below 0"},
      {3, {in, 23}, {out, 24}, LAMINA_E_SHAPE, "input 'input' has 23 bytes"},
      {2, {in, 24}, {out, 16}, LAMINA_E_SHAPE, "expected 2 times the 8 of a sample [2] float32"},
      {3, {in, 24}, {out, 16}, LAMINA_E_SHAPE, "output 'logits' has 16 bytes"},
      {3, {NULL, 24}, {out, 24}, LAMINA_E_USAGE, "the data of input 'input' is NULL"},
      {3, {in, 24}, {NULL, 24}, LAMINA_E_USAGE, "the data of output 'logits' is NULL"},
      {INT64_MAX, {in, UINT64_MAX - 7}, {out, UINT64_MAX - 7}, LAMINA_E_SHAPE, "input 'input'"},
      {INT64_C(1) << 60,
       {in, UINT64_C(1) << 63},
       {out, UINT64_C(1) << 63},
       LAMINA_E_SHAPE,
       "large"},
  };
  for (size_t i = 0; i < COUNT_OF(rows); i++) {
    int32_t status = lamina_model_run(model, rows[i].batch, &rows[i].in, &rows[i].out, &error);
    expect_refused(status, &error, rows[i].status, rows[i].words);
  }
  const struct lamina_samples samples = {in, 24};
  const struct lamina_results results = {out, 24};
  expect_refused(lamina_model_run(NULL, 3, &samples, &results, &error), &error, LAMINA_E_USAGE,
                 "model is NULL");
  expect_refused(lamina_model_run(model, 3, NULL, &results, &error), &error, LAMINA_E_USAGE,
                 "inputs is NULL");
  expect_refused(lamina_model_run(model, 3, &samples, NULL, &error), &error, LAMINA_E_USAGE,
                 "outputs is NULL");
  cr_expect_eq(lamina_model_run(model, 3, &samples, &results, &error), LAMINA_OK);
  cr_expect_str_empty(error.sentence);
  lamina_model_free(model);
  lm_free(path);
  ls_folder_remove(folder);
}

Test(embed_refusals, of_questions)
{
  char *folder = ls_folder_make();
  char *path = model_in(folder, "moons", MOONS);
  struct lamina_model *model = load(path, 1, 0);
  struct lamina_model_tensor tensor = {.size = sizeof tensor};
  struct lamina_model_tensor small = {.size = 8};
  struct lamina_error error;
  expect_refused(lamina_model_input(model, 1, &tensor, &error), &error, LAMINA_E_USAGE, "number 1");
  expect_refused(lamina_model_output(model, 7, &tensor, &error), &error, LAMINA_E_USAGE,
                 "number 7");
  expect_refused(lamina_model_input(NULL, 0, &tensor, &error), &error, LAMINA_E_USAGE, "NULL");
  expect_refused(lamina_model_output(NULL, 0, &tensor, &error), &error, LAMINA_E_USAGE, "NULL");
  expect_refused(lamina_model_input(model, 0, NULL, &error), &error, LAMINA_E_USAGE, "NULL");
  expect_refused(lamina_model_output(model, 0, &small, &error), &error, LAMINA_E_USAGE, "size");
  expect_refused(lamina_model_set_threads(NULL, 1, &error), &error, LAMINA_E_USAGE, "NULL");
  expect_refused(lamina_model_set_threads(model, 2000, &error), &error, LAMINA_E_USAGE, "2000");
  cr_expect(lamina_model_inputs(NULL) == 0 && lamina_model_outputs(NULL) == 0);
  cr_expect(lamina_model_classes(NULL) == 0 && lamina_model_class_name(NULL, 0) == NULL);
  cr_expect_null(lamina_model_class_name(model, -1));
  lamina_model_free(NULL);
  lamina_model_free(model);
  cr_expect_eq(lamina_exit_code(LAMINA_OK), 0);
  cr_expect_eq(lamina_exit_code(LAMINA_E_MISSING), 66);
  cr_expect_eq(lamina_exit_code(-1000), 70);
  lm_free(path);
  ls_folder_remove(folder);
}

/* Whichever allocation fails, the load fails with it and leaves nothing; likewise a first run. */
Test(embed_refusals, of_memory_leave_nothing_behind)
{
  char *folder = ls_folder_make();
  char *path = model_in(folder, "moons", MOONS);
  char *folders = plugin_folders();
  const struct lamina_model_options options = {.size = sizeof options, .plugin_path = folders};
  float in[6] = {0};
  float out[6];
  const struct lamina_samples samples = {in, 24};
  const struct lamina_results results = {out, 24};
  struct lamina_model *model = NULL;
  int32_t status = LAMINA_E_NOMEM;
  int64_t n = 0;
  for (; status != LAMINA_OK && n < 20000; n += 7) {
    lm_alloc_fail_after(n, true);
    status = lamina_model_load(path, &options, &model, NULL);
    lm_alloc_fail_after(-1, false);
    cr_assert(status == LAMINA_E_NOMEM || model != NULL, "allocation %lld: %d", (long long)n,
              status);
  }
  cr_assert_eq(status, LAMINA_OK);
  status = LAMINA_E_NOMEM;
  for (n = 0; status != LAMINA_OK && n < 1000; n++) {
    lm_alloc_fail_after(n, true);
    status = lamina_model_run(model, 3, &samples, &results, NULL);
    lm_alloc_fail_after(-1, false);
    cr_assert(status == LAMINA_OK || status == LAMINA_E_NOMEM);
  }
  cr_expect_gt(n, 1);
  lamina_model_free(model);
  lm_free(folders);
  lm_free(path);
  ls_folder_remove(folder);
}
