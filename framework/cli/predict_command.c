/*
 * lamina predict: the outputs of a model, or of a part of it, for each sample of a data set, as
 * rows of text or as an array.
 */
#include "cli/opened.h"
#include "io/npy.h"

static const struct lm_tensor *output_tensor(const struct lm_experiment *experiment, uint32_t i)
{
  return experiment->inference->nodes[experiment->outputs[i]].out[experiment->which[i]];
}

static void add_header(struct lm_text *text, const struct lm_cli *cli,
                       const struct lm_opened *opened)
{
  const struct lm_experiment *experiment = opened->experiment;
  const char *comma = cli->classes ? "class" : "";
  lm_text_add(text, comma);
  comma = cli->classes ? "," : "";
  for (uint32_t i = 0; i < experiment->n_outputs; i++) {
    const struct lm_tensor *tensor = output_tensor(experiment, i);
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

static void add_row(struct lm_text *text, const struct lm_cli *cli, const struct lm_opened *opened,
                    const struct lm_program *program, int64_t row)
{
  const struct lm_experiment *experiment = opened->experiment;
  const char *comma = "";
  lm_text_add(text, cli->json ? "{" : "");
  for (uint32_t i = 0; i < experiment->n_outputs; i++) {
    const struct lamina_view *view =
        lm_program_output(program, experiment->outputs[i], experiment->which[i]);
    int64_t width = lamina_type_product(&view->type, 1, view->type.rank);
    const float *values = (const float *)view->data + row * width;
    if (i == 0 && cli->classes) {
      lm_text_addf(text, cli->json ? "\"class\": %lld" : "%lld",
                   (long long)class_of(values, width));
      comma = cli->json ? ", " : ",";
    }
    if (cli->json) {
      lm_text_add(text, comma);
      lm_text_add_json_string(text, output_tensor(experiment, i)->name);
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

static enum lamina_status predict_batch(struct lm_opened *opened, int64_t begin, int64_t n,
                                        struct lm_program **program, struct lm_error *error)
{
  const struct lm_portion *portion = &opened->engine->train;
  LM_TRY(lm_executor_program(opened->engine->executor, n, false, program, error));
  LM_TRY(lm_loader_fill(portion->loader, portion->index + begin, n, false, 0, error));
  lm_engine_connect(opened->engine, portion, *program);
  return lm_program_forward(*program, 0, error);
}

static enum lamina_status predict_to(struct lm_cli *cli, struct lm_opened *opened, FILE *file,
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

/* ---- arrays ---- */

/* The one output and its shape as an array of all samples. */
static enum lamina_status array_shape(const struct lm_cli *cli, const struct lm_opened *opened,
                                      struct lm_npy_shape *shape, struct lm_error *error)
{
  const struct lm_experiment *experiment = opened->experiment;
  const struct lamina_type *type = &output_tensor(experiment, 0)->shape.type;
  if (cli->classes || cli->json) {
    return lm_fail(error, LAMINA_E_USAGE, "%s is an array of outputs, which %s does not fit",
                   cli->output, cli->classes ? "--classes" : "--json");
  }
  if (experiment->n_outputs != 1) {
    (void)lm_fail(error, LAMINA_E_INVALID, "%s: an array holds one output, but there are",
                  cli->output);
    for (uint32_t i = 0; i < experiment->n_outputs; i++) {
      lm_error_suffix(error, "%s '%s'", i == 0 ? "" : ",", output_tensor(experiment, i)->name);
    }
    lm_error_suffix(error, "; a .csv file takes all of them");
    return LAMINA_E_INVALID;
  }
  *shape = (struct lm_npy_shape){
      .type = lamina_type_is_i32(type) ? LM_NPY_I32 : LM_NPY_F32,
      .rank = type->rank,
  };
  for (uint32_t d = 0; d < type->rank; d++) {
    shape->dims[d] = d == 0 ? opened->engine->train.count : type->dims[d];
  }
  return LAMINA_OK;
}

static enum lamina_status predict_array(struct lm_cli *cli, struct lm_opened *opened,
                                        struct lm_error *error)
{
  const struct lm_experiment *experiment = opened->experiment;
  int64_t batch = experiment->train.batch;
  int64_t count = opened->engine->train.count;
  struct lm_npy_shape shape;
  struct lm_npy npy;
  enum lamina_status status = LAMINA_OK;
  LM_TRY(array_shape(cli, opened, &shape, error));
  LM_TRY(lm_npy_open(cli->output, &shape, &npy, error));
  for (int64_t begin = 0; begin < count && status == LAMINA_OK; begin += batch) {
    int64_t n = count - begin < batch ? count - begin : batch;
    struct lm_program *program;
    status = predict_batch(opened, begin, n, &program, error);
    if (status == LAMINA_OK) {
      const struct lamina_view *view =
          lm_program_output(program, experiment->outputs[0], experiment->which[0]);
      status = lm_npy_add(&npy, view->data, lamina_type_count(&view->type), error);
    }
  }
  if (status == LAMINA_OK) {
    status = lm_npy_commit(&npy, error);
  }
  lm_npy_discard(&npy);
  return status;
}

static enum lamina_status predict(struct lm_cli *cli, struct lm_opened *opened,
                                  struct lm_error *error)
{
  if (cli->output == NULL) {
    return predict_to(cli, opened, stdout, "standard output", error);
  }
  if (lm_cli_ends_with(cli->output, ".npy")) {
    return predict_array(cli, opened, error);
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
  struct lm_opened opened = {0};
  enum lamina_status status;
  LM_TRY(lm_cli_want_args(cli, 1, 1, "a model file", error));
  LM_TRY(lm_opened_want_input(cli, error));
  LM_TRY_OR(out, status, lm_opened_read(cli, cli->args[0], &opened, error));
  LM_TRY_OR(out, status, lm_opened_take_input(&opened, cli->input, "--input", error));
  LM_TRY_OR(out, status,
            cli->part == NULL ? lm_opened_build(cli, &opened, true, error)
                              : lm_opened_build_part(cli, &opened, cli->part, true, error));
  status = predict(cli, &opened, error);

out:
  lm_opened_close(&opened);
  return status;
}
