/*
 * lamina eval and lamina predict: what a trained model needs is in its file, so both begin by
 * building the experiment that it carries.
 */
#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "checkpoint/model.h"
#include "cli/cli.h"
#include "trainer/engine.h"

/** A model that is open: its file, the experiment in it, and data given on the command line. */
struct opened {
  struct lm_safetensors_file *file;
  struct lm_config *other; /* owns values that were put into the experiment */
  struct lm_experiment *experiment;
  struct lm_engine *engine;
};

static void close_model(struct opened *opened)
{
  lm_engine_free(opened->engine);
  lm_experiment_free(opened->experiment);
  lm_config_free(opened->other);
  lm_safetensors_free(opened->file);
}

/* Weights that do not fit come from data that is not what the model was trained with. */
static void tell_data(const struct lm_experiment *experiment, struct lm_error *error)
{
  char shape[160];
  for (uint32_t i = 0; i < experiment->inference->n_sources; i++) {
    const struct lm_tensor *source = experiment->inference->sources[i];
    (void)lm_shape_format(&source->shape.type, experiment->inference->batch, shape, sizeof shape);
    lm_error_suffix(error, "%s '%s' is %s", i == 0 ? "; in the data given" : ",", source->name,
                    shape);
  }
}

/* Builds the experiment, reads its data and loads the weights. */
static enum lamina_status bring_up(struct lm_cli *cli, struct opened *opened,
                                   struct lm_config *config, bool predict_only,
                                   struct lm_error *error)
{
  LM_TRY(lm_cli_build(cli, config, predict_only, &opened->experiment, error));
  LM_TRY(lm_experiment_open_data(opened->experiment, error));
  LM_TRY(lm_engine_create(opened->experiment, LM_TO_EVALUATE, &opened->engine, error));
  enum lamina_status status = lm_model_load(opened->file, cli->args[0], opened->experiment,
                                            &opened->engine->store, false, error);
  if (status == LAMINA_E_INVALID || status == LAMINA_E_SHAPE) {
    tell_data(opened->experiment, error);
  }
  return status;
}

/* ---- eval ---- */

/* Replaces the experiment's data by that of another file. */
static enum lamina_status take_data(struct lm_cli *cli, struct opened *opened,
                                    struct lm_config *config, struct lm_error *error)
{
  LM_TRY(lm_config_load(cli->args[1], NULL, 0, &opened->other, error));
  struct lm_value *data = lm_value_get(lm_config_root(opened->other), "data");
  if (lm_value_is_null(data)) {
    return lm_fail(error, LAMINA_E_INVALID, "%s: has no 'data' to evaluate on", cli->args[1]);
  }
  return lm_config_set(config, lm_config_root(config), "data", data) ? LAMINA_OK
                                                                     : lm_fail_memory(error, 0);
}

static void add_eval_json(struct lm_text *text, const struct lm_experiment *experiment,
                          const struct lm_scores *scores, int64_t samples)
{
  lm_text_addf(text, "{\"samples\": %lld, \"loss\": ", (long long)samples);
  lm_text_add_json_number(text, scores->loss);
  for (uint32_t i = 0; i < experiment->n_metrics; i++) {
    lm_text_add(text, ", ");
    lm_text_add_json_string(text, experiment->graph->nodes[experiment->metrics[i]]->name);
    lm_text_add(text, ": ");
    lm_text_add_json_number(text, scores->metrics[i]);
  }
  lm_text_add(text, "}\n");
}

static enum lamina_status evaluate(struct lm_cli *cli, struct opened *opened,
                                   struct lm_error *error)
{
  struct lm_scores scores;
  struct lm_text text = {0};
  const struct lm_portion *portion = &opened->engine->test;
  if (portion->dataset == NULL) {
    return lm_fail(error, LAMINA_E_INVALID,
                   "%s: its experiment has no evaluation data, expected data.test or "
                   "data.holdout; a second file may give it",
                   cli->args[0]);
  }
  LM_TRY(lm_engine_evaluate(opened->engine, portion, &scores, error));
  if (cli->json) {
    add_eval_json(&text, opened->experiment, &scores, portion->count);
  } else {
    lm_text_addf(&text, "samples %lld\nloss %.6g\n", (long long)portion->count, scores.loss);
    for (uint32_t i = 0; i < opened->experiment->n_metrics; i++) {
      uint32_t node = opened->experiment->metrics[i];
      lm_text_addf(&text, "%s %.6g\n", opened->experiment->graph->nodes[node]->name,
                   scores.metrics[i]);
    }
  }
  return lm_cli_print(&text, error);
}

enum lamina_status lm_command_eval(struct lm_cli *cli, struct lm_error *error)
{
  struct opened opened = {0};
  struct lm_config *config = NULL;
  enum lamina_status status;
  LM_TRY(lm_cli_want_args(cli, 1, 2, "a model file", error));
  LM_TRY_OR(out, status, lm_safetensors_read(cli->args[0], &opened.file, error));
  LM_TRY_OR(out, status,
            lm_model_experiment(opened.file, cli->args[0], cli->sets, cli->n_sets, &config, error));
  if (cli->n_args == 2) {
    status = take_data(cli, &opened, config, error);
    if (status != LAMINA_OK) {
      lm_config_free(config);
      goto out;
    }
  }
  LM_TRY_OR(out, status, bring_up(cli, &opened, config, false, error));
  status = evaluate(cli, &opened, error);

out:
  close_model(&opened);
  return status;
}

/* ---- predict ---- */

static bool ends_with(const char *text, const char *end)
{
  size_t length = strlen(text);
  size_t part = strlen(end);
  return length >= part && strcmp(text + length - part, end) == 0;
}

static bool exists_as_file(const char *path)
{
  FILE *file = fopen(path, "rb");
  if (file != NULL) {
    (void)fclose(file);
  }
  return file != NULL;
}

/* The data set that --input means, as YAML: a component as given, or one made for a file. */
static char *input_yaml(const char *input)
{
  bool is_component = strchr(input, '{') != NULL || strstr(input, ": ") != NULL;
  if (is_component && !exists_as_file(input)) {
    return lm_format("data: {train: {%s}}\n", input);
  }
  struct lm_text text = {0};
  bool is_idx = ends_with(input, "ubyte") || ends_with(input, "ubyte.gz") ||
                ends_with(input, ".idx") || ends_with(input, ".idx.gz");
  lm_text_add(&text, is_idx ? "data: {train: {idx: {images: " : "data: {train: {csv: {file: ");
  lm_text_add_json_string(&text, input); /* a JSON string is a YAML string */
  lm_text_add(&text, is_idx ? "}}}\n" : ", target: none}}}\n");
  return lm_text_take(&text);
}

/* The experiment reads its input from the command line, and nothing else. */
static enum lamina_status put_input(struct lm_cli *cli, struct opened *opened,
                                    struct lm_config *config, struct lm_error *error)
{
  if (cli->input == NULL) {
    return lm_fail(error, LAMINA_E_USAGE,
                   "lamina predict needs --input: a CSV or IDX file, or a data set such as "
                   "'csv: {file: x.csv}'");
  }
  char *yaml = input_yaml(cli->input);
  if (yaml == NULL) {
    return lm_fail_memory(error, 0);
  }
  enum lamina_status status =
      lm_config_parse(yaml, strlen(yaml), "--input", NULL, 0, &opened->other, error);
  lm_free(yaml);
  LM_TRY(status);
  struct lm_value *given = lm_value_get(lm_config_root(opened->other), "data");
  struct lm_value *root = lm_config_root(config);
  struct lm_value *old = lm_value_get(root, "data");
  struct lm_value *transforms = old == NULL ? NULL : lm_value_get(old, "transforms");
  if ((transforms != NULL && !lm_config_set(config, given, "transforms", transforms)) ||
      !lm_config_set(config, root, "data", given)) {
    return lm_fail_memory(error, 0);
  }
  return LAMINA_OK;
}

static void add_header(struct lm_text *text, const struct lm_cli *cli, const struct opened *opened)
{
  const struct lm_experiment *experiment = opened->experiment;
  const char *comma = cli->classes ? "class" : "";
  lm_text_add(text, comma);
  comma = cli->classes ? "," : "";
  for (uint32_t i = 0; i < experiment->n_outputs; i++) {
    const struct lm_tensor *tensor = experiment->inference->nodes[experiment->outputs[i]].out[0];
    int64_t width = lamina_type_product(&tensor->shape.type, 1, tensor->shape.type.rank);
    for (int64_t k = 0; k < width; k++) {
      lm_text_addf(text, width == 1 ? "%s%s" : "%s%s.%lld", comma, tensor->name, (long long)k);
      comma = ",";
    }
  }
  lm_text_add(text, "\n");
}

/* The class that one sample's outputs mean: the largest of several, or one above zero. */
static int64_t class_of(const float *values, int64_t width)
{
  int64_t best = 0;
  if (width == 1) {
    return values[0] > 0.0f ? 1 : 0;
  }
  for (int64_t k = 1; k < width; k++) {
    best = values[k] > values[best] ? k : best;
  }
  return best;
}

static void add_row(struct lm_text *text, const struct lm_cli *cli, const struct opened *opened,
                    const struct lm_program *program, int64_t row)
{
  const struct lm_experiment *experiment = opened->experiment;
  const char *comma = "";
  lm_text_add(text, cli->json ? "{" : "");
  for (uint32_t i = 0; i < experiment->n_outputs; i++) {
    uint32_t node = experiment->outputs[i];
    const struct lamina_view *view = lm_program_output(program, node, 0);
    int64_t width = lamina_type_product(&view->type, 1, view->type.rank);
    const float *values = (const float *)view->data + row * width;
    if (i == 0 && cli->classes) {
      lm_text_addf(text, cli->json ? "\"class\": %lld" : "%lld",
                   (long long)class_of(values, width));
      comma = cli->json ? ", " : ",";
    }
    if (cli->json) {
      lm_text_add(text, comma);
      lm_text_add_json_string(text, experiment->graph->nodes[node]->name);
      lm_text_add(text, ": [");
      comma = "";
    }
    for (int64_t k = 0; k < width; k++) {
      lm_text_addf(text, "%s%.9g", comma, (double)values[k]);
      comma = cli->json ? ", " : ",";
    }
    lm_text_add(text, cli->json ? "]" : "");
  }
  lm_text_add(text, cli->json ? "}\n" : "\n");
}

static enum lamina_status put_text(struct lm_text *text, FILE *file, const char *name,
                                   struct lm_error *error)
{
  bool done = lm_text_ok(text) && fwrite(lm_text_get(text), 1, text->length, file) == text->length;
  enum lamina_status status = done ? LAMINA_OK
                                   : lm_fail(error, lm_text_ok(text) ? LAMINA_E_IO : LAMINA_E_NOMEM,
                                             "%s: predictions cannot be written", name);
  lm_text_clear(text);
  return status;
}

static enum lamina_status predict_batch(struct opened *opened, int64_t begin, int64_t n,
                                        struct lm_program **program, struct lm_error *error)
{
  const struct lm_portion *portion = &opened->engine->train;
  LM_TRY(lm_executor_program(opened->engine->executor, n, false, program, error));
  LM_TRY(lm_loader_fill(portion->loader, portion->index + begin, n, false, 0, error));
  lm_engine_connect(opened->engine, portion, *program);
  return lm_program_forward(*program, 0, error);
}

static enum lamina_status predict_to(struct lm_cli *cli, struct opened *opened, FILE *file,
                                     const char *name, struct lm_error *error)
{
  struct lm_text text = {0};
  enum lamina_status status = LAMINA_OK;
  int64_t batch = opened->experiment->train.batch;
  int64_t count = opened->engine->train.count;
  if (!cli->json) {
    add_header(&text, cli, opened);
  }
  for (int64_t begin = 0; begin < count && status == LAMINA_OK; begin += batch) {
    int64_t n = count - begin < batch ? count - begin : batch;
    struct lm_program *program;
    LM_TRY_OR(out, status, predict_batch(opened, begin, n, &program, error));
    for (int64_t row = 0; row < n; row++) {
      add_row(&text, cli, opened, program, row);
    }
    status = put_text(&text, file, name, error);
  }

out:
  lm_text_release(&text);
  return status;
}

static enum lamina_status predict(struct lm_cli *cli, struct opened *opened, struct lm_error *error)
{
  if (cli->output == NULL) {
    return predict_to(cli, opened, stdout, "standard output", error);
  }
  FILE *file = fopen(cli->output, "wb");
  if (file == NULL) {
    return lm_fail(error, LAMINA_E_IO, "%s: cannot be written", cli->output);
  }
  enum lamina_status status = predict_to(cli, opened, file, cli->output, error);
  bool failed = ferror(file) != 0;
  failed = fclose(file) != 0 || failed;
  if (status == LAMINA_OK && failed) {
    status = lm_fail(error, LAMINA_E_IO, "%s: cannot be written", cli->output);
  }
  return status;
}

enum lamina_status lm_command_predict(struct lm_cli *cli, struct lm_error *error)
{
  struct opened opened = {0};
  struct lm_config *config = NULL;
  enum lamina_status status;
  LM_TRY(lm_cli_want_args(cli, 1, 1, "a model file", error));
  LM_TRY_OR(out, status, lm_safetensors_read(cli->args[0], &opened.file, error));
  LM_TRY_OR(out, status,
            lm_model_experiment(opened.file, cli->args[0], cli->sets, cli->n_sets, &config, error));
  status = put_input(cli, &opened, config, error);
  if (status != LAMINA_OK) {
    lm_config_free(config);
    goto out;
  }
  LM_TRY_OR(out, status, bring_up(cli, &opened, config, true, error));
  status = predict(cli, &opened, error);

out:
  close_model(&opened);
  return status;
}
