/*
 * Running models through lamina/lamina.h. What a model gives is compared with the same experiment
 * and weights run by the executor, by hand, without transforms in the way or with.
 */
#include <pthread.h>

#include "checkpoint/model.h"
#include "tests/framework/embed/models.h"
#include "tests/support/call_counter.h"

enum { MOST = 64, CLASSES = 2, FEATURES = 2 };

/* Runs samples of two features through a model with one output of `width` numbers a sample. */
static void run(struct lamina_model *model, int64_t batch, const float *in, float *out,
                size_t width)
{
  const struct lamina_samples samples = {in, (uint64_t)batch * FEATURES * sizeof *in};
  const struct lamina_results results = {out, (uint64_t)batch * width * sizeof *out};
  struct lamina_error error;
  int32_t status = lamina_model_run(model, batch, &samples, &results, &error);
  cr_assert_eq(status, LAMINA_OK, "batch %lld: %s", (long long)batch, error.sentence);
}

/* The oracle: what `lamina predict` does with the first records of the data the model is of. */
static void predict(const char *path, const char *yaml, int64_t batch, float *in, float *out)
{
  struct ls_net net = {0};
  struct lm_safetensors_file *file;
  struct lm_program *program;
  ls_net_open(&net, yaml, 1);
  const struct lm_portion *data = &net.engine->train;
  cr_assert_eq(lm_safetensors_read(path, &file, &net.error), LAMINA_OK);
  cr_assert_eq(lm_model_load(file, path, net.experiment, &net.engine->store, false, &net.error),
               LAMINA_OK, "%s", net.error.text);
  cr_assert_eq(lm_executor_program(net.engine->executor, batch, false, &program, &net.error),
               LAMINA_OK);
  cr_assert_eq(lm_loader_fill(data->loader, data->index, batch, false, 0, &net.error), LAMINA_OK);
  lm_engine_connect(net.engine, data, program);
  cr_assert_eq(lm_program_forward(program, 0, &net.error), LAMINA_OK);
  memcpy(out, lm_program_output(program, net.experiment->outputs[0], 0)->data,
         (size_t)batch * CLASSES * sizeof *out);

  /* The same records as they are in the data, in place of the transforms' work. */
  struct lm_transforms none = {.host = &net.experiment->host};
  struct lm_loader *plain;
  cr_assert_eq(lm_loader_create(data->dataset, &none, MOST, &plain, &net.error), LAMINA_OK);
  cr_assert_eq(lm_loader_fill(plain, data->index, batch, false, 0, &net.error), LAMINA_OK);
  memcpy(in, lm_loader_data(plain, data->fields[0]), (size_t)batch * FEATURES * sizeof *in);
  lm_loader_free(plain);
  lm_safetensors_free(file);
  ls_net_release(&net);
}

Test(embed, gives_what_predict_gives_at_every_batch_size)
{
  static const int64_t batches[] = {5, 0, 1, 12, 5, 47, 1};
  char *folder = ls_folder_make();
  char *path = model_in(folder, "moons", MOONS);
  struct lamina_model *model = load(path, 1, 0);
  for (size_t i = 0; i < COUNT_OF(batches); i++) {
    float in[MOST * FEATURES];
    float expected[MOST * CLASSES] = {0};
    float out[MOST * CLASSES] = {0};
    if (batches[i] > 0) {
      predict(path, ORACLE, batches[i], in, expected);
    }
    run(model, batches[i], in, out, CLASSES);
    cr_expect_arr_eq(out, expected, sizeof out, "batch %lld", (long long)batches[i]);
  }
  lamina_model_free(model);
  lm_free(path);
  ls_folder_remove(folder);
}

Test(embed, results_do_not_depend_on_threads)
{
  char *folder = ls_folder_make();
  char *path = model_in(folder, "wide", WIDE);
  static float in[MOST * FEATURES];
  static float first[2][MOST * 300];
  static float other[2][MOST * 300];
  const struct lamina_samples samples = {in, sizeof in};
  const struct lamina_results results[2][2] = {
      {{first[0], MOST * 300 * 4}, {first[1], MOST * 4}},
      {{other[0], MOST * 300 * 4}, {other[1], MOST * 4}},
  };
  static const uint32_t threads[] = {3, 1, LAMINA_THREADS_ALL, 2};
  fill(in, MOST * FEATURES);
  struct lamina_model *model = load(path, 1, 0);
  struct lamina_model_tensor output = {.size = sizeof output};
  cr_assert_eq(lamina_model_outputs(model), 2);
  cr_assert_eq(lamina_model_output(model, 0, &output, NULL), LAMINA_OK);
  int wide = output.bytes == 4 ? 1 : 0; /* which of the outputs is the wide one */
  const struct lamina_results ordered[2][2] = {{results[0][wide], results[0][1 - wide]},
                                               {results[1][wide], results[1][1 - wide]}};
  cr_assert_eq(lamina_model_run(model, MOST, &samples, ordered[0], NULL), LAMINA_OK);
  for (size_t i = 0; i < COUNT_OF(threads); i++) {
    memset(other, 0, sizeof other);
    cr_assert_eq(lamina_model_set_threads(model, threads[i], NULL), LAMINA_OK);
    cr_assert_eq(lamina_model_run(model, MOST, &samples, ordered[1], NULL), LAMINA_OK);
    cr_expect_arr_eq(other, first, sizeof first, "%u threads", threads[i]);
  }
  lamina_model_free(model);
  lm_free(path);
  ls_folder_remove(folder);
}

Test(embed, tells_what_goes_in_and_comes_out)
{
  char *folder = ls_folder_make();
  char *path = model_in(folder, "moons", MOONS);
  struct lamina_model *model = load(path, 1, 0);
  struct lamina_model_tensor tensor = {.size = sizeof tensor};
  cr_assert_eq(lamina_model_inputs(model), 1, "the target is no input");
  cr_assert_eq(lamina_model_input(model, 0, &tensor, NULL), LAMINA_OK);
  cr_expect_str_eq(tensor.name, "input");
  cr_expect(tensor.rank == 1 && tensor.dims[0] == FEATURES && tensor.bytes == 8);
  cr_expect(tensor.dt_code == LAMINA_DT_FLOAT && tensor.dt_bits == 32 && tensor.dt_lanes == 1);
  cr_assert_eq(lamina_model_outputs(model), 1);
  cr_assert_eq(lamina_model_output(model, 0, &tensor, NULL), LAMINA_OK);
  cr_expect_str_eq(tensor.name, "logits");
  cr_expect(tensor.rank == 1 && tensor.dims[0] == CLASSES && tensor.bytes == 8);
  cr_expect_eq(lamina_model_classes(model), CLASSES);
  cr_expect_null(lamina_model_class_name(model, 0));

  /* A program built with a later header has a larger struct. */
  struct {
    struct lamina_model_tensor known;
    uint64_t later;
  } larger = {.known = {.size = sizeof larger}, .later = 1};
  cr_assert_eq(lamina_model_input(model, 0, &larger.known, NULL), LAMINA_OK);
  cr_expect(larger.known.size == sizeof larger && larger.later == 0);
  lamina_model_free(model);
  lm_free(path);
  ls_folder_remove(folder);
}

Test(embed, tells_the_names_of_classes)
{
  static const char *const names[] = {"a \"b\"", "olive", "z"};
  char *folder = ls_folder_make();
  char *table = in_folder(folder, "table.csv");
  write_bytes(table, "1,2,z\n3,4,olive\n5,6,\"a \"\"b\"\"\"\n", 30);
  char *yaml = lm_format("data: {train: {csv: {file: %s, target: last}}}\n"
                         "model: [dense: {units: 3}]\nloss: cross_entropy\noptimizer: sgd\n"
                         "train: {epochs: 1, batch: 3}\n",
                         table);
  char *path = model_in(folder, "names", yaml);
  struct lamina_model *model = load(path, 1, 0);
  cr_assert_eq(lamina_model_classes(model), 3);
  for (int64_t k = 0; k < 3; k++) {
    cr_expect_str_eq(lamina_model_class_name(model, k), names[k]);
  }
  cr_expect_null(lamina_model_class_name(model, 3));
  lamina_model_free(model);
  lm_free(path);
  lm_free(yaml);
  lm_free(table);
  ls_folder_remove(folder);
}

/* Pixels as bytes: taken as they are, or as the first layer has them. */
Test(embed, takes_raw_or_prepared_samples)
{
  const unsigned char pixels[2 * 4] = {0, 51, 102, 255, 3, 7, 31, 127};
  char *folder = ls_folder_make();
  char *images = in_folder(folder, "images");
  char *labels = in_folder(folder, "labels");
  write_bytes(images, "\0\0\x08\x03\0\0\0\x02\0\0\0\x02\0\0\0\x02\0\x33\x66\xff\x03\x07\x1f\x7f",
              24);
  write_bytes(labels, "\0\0\x08\x01\0\0\0\x02\0\x01", 10);
  char *yaml = lm_format("data: {train: {idx: {images: %s, labels: %s, classes: 2}},\n"
                         "  transforms: [{scale: {by: 1/255}}]}\n"
                         "model: [flatten, dense: {units: 2}]\nloss: cross_entropy\n"
                         "optimizer: sgd\ntrain: {epochs: 1, batch: 2}\n",
                         images, labels);
  char *path = model_in(folder, "pixels", yaml);
  cr_assert_eq(unlink(images), 0); /* the model needs no data */
  struct lamina_model *raw = load(path, 1, 0);
  struct lamina_model *prepared = load(path, 1, LAMINA_MODEL_PREPARED);
  struct lamina_model_tensor tensor = {.size = sizeof tensor};
  cr_assert_eq(lamina_model_input(raw, 0, &tensor, NULL), LAMINA_OK);
  cr_expect(tensor.dt_code == LAMINA_DT_UINT && tensor.dt_bits == 8 && tensor.bytes == 4);
  cr_assert_eq(lamina_model_input(prepared, 0, &tensor, NULL), LAMINA_OK);
  cr_expect(tensor.dt_code == LAMINA_DT_FLOAT && tensor.dt_bits == 32 && tensor.bytes == 16);
  float scaled[8];
  float out[2][4] = {{0}, {1}};
  for (int i = 0; i < 8; i++) {
    scaled[i] = (float)pixels[i] * (float)(1.0 / 255);
  }
  const struct lamina_samples in[2] = {{pixels, sizeof pixels}, {scaled, sizeof scaled}};
  const struct lamina_results results[2] = {{out[0], sizeof out[0]}, {out[1], sizeof out[1]}};
  cr_assert_eq(lamina_model_run(raw, 2, &in[0], &results[0], NULL), LAMINA_OK);
  cr_assert_eq(lamina_model_run(prepared, 2, &in[1], &results[1], NULL), LAMINA_OK);
  cr_expect_arr_eq(out[0], out[1], sizeof out[0]);
  lamina_model_free(raw);
  lamina_model_free(prepared);
  lm_free(yaml);
  lm_free(path);
  lm_free(images);
  lm_free(labels);
  ls_folder_remove(folder);
}

Test(embed, a_run_asks_the_system_for_nothing_after_the_first)
{
  static const uint32_t threads[] = {1, 3};
  char *folder = ls_folder_make();
  char *path = model_in(folder, "moons", MOONS);
  for (size_t i = 0; i < COUNT_OF(threads); i++) {
    float in[MOST * FEATURES];
    float out[MOST * CLASSES];
    fill(in, MOST * FEATURES);
    struct lamina_model *model = load(path, threads[i], 0);
    run(model, MOST, in, out, CLASSES);
    run(model, 1, in, out, CLASSES);
    (void)usleep(50000); /* a thread that begins asks for memory under a sanitizer */
    ls_calls_begin();
    for (int k = 0; k < 10; k++) {
      run(model, 1, in, out, CLASSES);
      run(model, MOST, in, out, CLASSES);
    }
    struct ls_calls calls = ls_calls_end();
    cr_expect(calls.taken + calls.freed + calls.mapped + calls.threads == 0,
              "%ld taken, %ld freed, %ld mapped, %ld threads with %u threads (first at %p)",
              calls.taken, calls.freed, calls.mapped, calls.threads, threads[i], calls.first);
    lamina_model_free(model);
  }
  lm_free(path);
  ls_folder_remove(folder);
}

/* ---- several at once ---- */

struct user {
  const char *path;
  float in[MOST * FEATURES];
  float out[MOST * CLASSES];
};

/* Loads a model, runs it at several sizes and frees it, again and again. */
static void *use(void *arg)
{
  struct user *user = arg;
  for (int i = 0; i < 5; i++) {
    struct lamina_model *model = load(user->path, 2, 0);
    for (int64_t batch = 1; batch <= MOST; batch *= 2) {
      run(model, batch, user->in, user->out, CLASSES);
    }
    lamina_model_free(model);
  }
  return NULL;
}

Test(embed, models_in_several_threads_do_not_meet)
{
  static struct user alone[2];
  static struct user beside[4];
  pthread_t threads[4];
  char *folder = ls_folder_make();
  char *paths[2] = {model_in(folder, "one", MOONS), model_in(folder, "two", OTHER)};
  for (int i = 0; i < 2; i++) {
    alone[i].path = paths[i];
    fill(alone[i].in, MOST * FEATURES);
    (void)use(&alone[i]);
  }
  for (int i = 0; i < 4; i++) {
    beside[i] = alone[i % 2];
    memset(beside[i].out, 0, sizeof beside[i].out);
    cr_assert_eq(pthread_create(&threads[i], NULL, use, &beside[i]), 0);
  }
  for (int i = 0; i < 4; i++) {
    cr_assert_eq(pthread_join(threads[i], NULL), 0);
    cr_expect_arr_eq(beside[i].out, alone[i % 2].out, sizeof beside[i].out, "thread %d", i);
  }
  lm_free(paths[0]);
  lm_free(paths[1]);
  ls_folder_remove(folder);
}
