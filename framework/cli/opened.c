/*
 * Opening models, and what commands may put in place of the data in them.
 */
#include "cli/opened.h"

#include <string.h>

#include "base/memory.h"

void lm_opened_close(struct lm_opened *opened)
{
  lm_engine_free(opened->engine);
  lm_experiment_free(opened->experiment);
  lm_config_free(opened->config);
  lm_config_free(opened->other);
  lm_field_list_release(&opened->fields);
  lm_safetensors_free(opened->file);
  *opened = (struct lm_opened){0};
}

enum lamina_status lm_opened_read(struct lm_cli *cli, const char *path, struct lm_opened *opened,
                                  struct lm_error *error)
{
  opened->path = path;
  LM_TRY(lm_safetensors_read(path, &opened->file, error));
  return lm_model_experiment(opened->file, path, cli->sets, cli->n_sets, &opened->config, error);
}

/* ---- other data ---- */

enum lamina_status lm_opened_take_data(struct lm_opened *opened, const char *path,
                                       struct lm_error *error)
{
  struct lm_value *root = lm_config_root(opened->config);
  LM_TRY(lm_config_load(path, NULL, 0, &opened->other, error));
  struct lm_value *data = lm_value_get(lm_config_root(opened->other), "data");
  if (lm_value_is_null(data)) {
    return lm_fail(error, LAMINA_E_INVALID, "%s: has no 'data' to evaluate on", path);
  }
  return lm_config_set(opened->config, root, "data", data) ? LAMINA_OK : lm_fail_memory(error, 0);
}

bool lm_cli_ends_with(const char *text, const char *end)
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

/* The data set that is meant, as YAML: a component as given, or one made for a file. */
static char *input_yaml(const char *input)
{
  bool is_component = strchr(input, '{') != NULL || strstr(input, ": ") != NULL;
  if (is_component && !exists_as_file(input)) {
    return lm_format("data: {train: {%s}}\n", input);
  }
  struct lm_text text = {0};
  bool is_idx = lm_cli_ends_with(input, "ubyte") || lm_cli_ends_with(input, "ubyte.gz") ||
                lm_cli_ends_with(input, ".idx") || lm_cli_ends_with(input, ".idx.gz");
  bool is_npy = lm_cli_ends_with(input, ".npy") || lm_cli_ends_with(input, ".npy.gz");
  lm_text_addf(&text, "data: {train: {%s: ",
               is_idx   ? "idx: {images"
               : is_npy ? "npy: {input"
                        : "csv: {file");
  lm_text_add_json_string(&text, input); /* a JSON string is a YAML string */
  lm_text_add(&text, is_idx || is_npy ? "}}}\n" : ", target: none}}}\n");
  return lm_text_take(&text);
}

enum lamina_status lm_opened_want_input(const struct lm_cli *cli, struct lm_error *error)
{
  if (cli->input == NULL) {
    return lm_fail(error, LAMINA_E_USAGE,
                   "lamina %s needs --input: a CSV, IDX or NPY file, or a data set such as "
                   "'csv: {file: x.csv}'",
                   cli->command);
  }
  return LAMINA_OK;
}

enum lamina_status lm_opened_take_input(struct lm_opened *opened, const char *input,
                                        const char *option, struct lm_error *error)
{
  char *yaml = input_yaml(input);
  if (yaml == NULL) {
    return lm_fail_memory(error, 0);
  }
  enum lamina_status status =
      lm_config_parse(yaml, strlen(yaml), option, NULL, 0, &opened->other, error);
  lm_free(yaml);
  LM_TRY(status);
  struct lm_value *given = lm_value_get(lm_config_root(opened->other), "data");
  struct lm_value *root = lm_config_root(opened->config);
  struct lm_value *old = lm_value_get(root, "data");
  struct lm_value *transforms = old == NULL ? NULL : lm_value_get(old, "transforms");
  if ((transforms != NULL && !lm_config_set(opened->config, given, "transforms", transforms)) ||
      !lm_config_set(opened->config, root, "data", given)) {
    return lm_fail_memory(error, 0);
  }
  return LAMINA_OK;
}

/* ---- building ---- */

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

/* An engine with the file's weights, once the experiment is there. */
static enum lamina_status make_engine(struct lm_opened *opened, bool of_data,
                                      struct lm_error *error)
{
  enum lm_purpose purpose = of_data ? LM_TO_EVALUATE : LM_TO_PREDICT;
  if (of_data) {
    LM_TRY(lm_experiment_open_data(opened->experiment, error));
  }
  LM_TRY(lm_engine_create(opened->experiment, purpose, &opened->engine, error));
  enum lamina_status status = lm_model_load(opened->file, opened->path, opened->experiment,
                                            &opened->engine->store, false, error);
  if (of_data && (status == LAMINA_E_INVALID || status == LAMINA_E_SHAPE)) {
    tell_data(opened->experiment, error);
  }
  return status;
}

enum lamina_status lm_opened_build(struct lm_cli *cli, struct lm_opened *opened, bool predict_only,
                                   struct lm_error *error)
{
  struct lm_config *config = opened->config;
  opened->config = NULL;
  LM_TRY(lm_cli_build(cli, config, predict_only, &opened->experiment, error));
  return make_engine(opened, true, error);
}

enum lamina_status lm_opened_build_part(struct lm_cli *cli, struct lm_opened *opened,
                                        const char *part, bool of_data, struct lm_error *error)
{
  LM_TRY(lm_model_fields(opened->file, opened->path, &opened->fields, error));
  const struct lm_experiment_options options = {.predict_only = true,
                                                .fields = opened->fields.items,
                                                .n_fields = opened->fields.count,
                                                .part = part,
                                                .part_of_data = of_data};
  struct lm_config *config = opened->config;
  opened->config = NULL;
  LM_TRY(lm_cli_build_as(cli, config, options, &opened->experiment, error));
  return make_engine(opened, of_data, error);
}
