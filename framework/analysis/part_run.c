/*
 * Batches of the experiment's size go through programs of the engine; what comes out is copied.
 */
#include "analysis/part_run.h"

#include <string.h>

#include "base/memory.h"

static const struct lm_tensor *output_tensor(const struct lm_experiment *experiment, uint32_t i)
{
  return experiment->inference->nodes[experiment->outputs[i]].out[experiment->which[i]];
}

enum lamina_status lm_part_output(const struct lm_experiment *experiment, struct lm_output *out,
                                  struct lm_error *error)
{
  const struct lm_tensor *tensor = output_tensor(experiment, 0);
  if (experiment->n_outputs != 1) {
    (void)lm_fail(error, LAMINA_E_INVALID, "found %u outputs (", experiment->n_outputs);
    for (uint32_t i = 0; i < experiment->n_outputs; i++) {
      lm_error_suffix(error, "%s'%s'", i == 0 ? "" : ", ", output_tensor(experiment, i)->name);
    }
    lm_error_suffix(error, "), expected one");
    return LAMINA_E_INVALID;
  }
  struct lamina_type record = tensor->shape.type;
  if (record.rank == 0 || !lamina_type_is_f32(&record)) {
    return lm_fail(error, LAMINA_E_UNSUPPORTED, "'%s' is no float32 for each sample", tensor->name);
  }
  record.rank--;
  record.dims = tensor->shape.dims + 1;
  out->width = lamina_type_count(&record);
  out->name = tensor->name;
  return lm_shape_copy(&out->record, &record, error);
}

enum lamina_status lm_part_code_width(const struct lm_experiment *experiment,
                                      const struct lm_declared_field *fields, uint32_t n_fields,
                                      int64_t *width, struct lm_error *error)
{
  const struct lm_graph *graph = experiment->graph;
  const char *part = experiment->part;
  for (uint32_t i = 0; i < graph->n_sources; i++) {
    for (uint32_t k = 0; k < n_fields; k++) {
      if (strcmp(graph->sources[i]->name, fields[k].name) == 0) {
        return lm_fail(error, LAMINA_E_INVALID,
                       "part '%s' reads the field '%s' of the data, expected a part that reads a "
                       "code alone",
                       part, fields[k].name);
      }
    }
  }
  if (graph->n_sources != 1) {
    return lm_fail(error, LAMINA_E_INVALID,
                   "part '%s' reads %u things from other parts, expected one, the code", part,
                   graph->n_sources);
  }
  const struct lamina_type *type = &graph->sources[0]->record.type;
  *width = lamina_type_count(type);
  if (*width < 1 || !lamina_type_is_f32(type)) {
    char shape[160];
    return lm_fail(error, LAMINA_E_INVALID,
                   "part '%s' reads '%s' %s, expected at least one float32, the code", part,
                   graph->sources[0]->name, lm_shape_format(type, -1, shape, sizeof shape));
  }
  return LAMINA_OK;
}

enum lamina_status lm_part_decode(struct lm_engine *engine, const float *codes, int64_t count,
                                  float *out, struct lm_error *error)
{
  const struct lm_experiment *experiment = engine->experiment;
  int64_t batch = experiment->train.batch < count ? experiment->train.batch : count;
  size_t width = (size_t)lamina_type_count(&experiment->graph->sources[0]->record.type);
  struct lm_output output;
  LM_TRY(lm_part_output(experiment, &output, error));
  size_t wide = (size_t)output.width;
  float *block = lm_alloc_aligned((size_t)batch * width * sizeof *block, LAMINA_ALIGNMENT);
  enum lamina_status status = LAMINA_OK;
  if (block == NULL) {
    return lm_fail_memory(error, (size_t)batch * width * sizeof *block);
  }
  for (int64_t begin = 0; begin < count && status == LAMINA_OK; begin += batch) {
    int64_t n = count - begin < batch ? count - begin : batch;
    struct lm_program *program;
    memcpy(block, codes + (size_t)begin * width, (size_t)n * width * sizeof *block);
    LM_TRY_OR(done, status, lm_executor_program(engine->executor, n, false, &program, error));
    program->sources[0].data = block;
    LM_TRY_OR(done, status, lm_program_forward(program, 0, error));
    const struct lamina_view *view =
        lm_program_output(program, experiment->outputs[0], experiment->which[0]);
    memcpy(out + (size_t)begin * wide, view->data, (size_t)n * wide * sizeof *out);
  }

done:
  lm_free(block);
  return status;
}

/* ---- records to codes ---- */

void lm_codes_release(struct lm_codes *codes)
{
  lm_free(codes->numbers);
  lm_free(codes->labels);
  *codes = (struct lm_codes){0};
}

/* The data's field of class labels; -1 if there is none. */
static int32_t label_field(const struct lm_dataset *data)
{
  int32_t field = lm_dataset_field(data, "target");
  bool is_class = field >= 0 && data->fields[field].classes > 0 &&
                  data->fields[field].shape.type.rank == 0 &&
                  lamina_type_is_i32(&data->fields[field].shape.type);
  return is_class ? field : -1;
}

static enum lamina_status make_room(const struct lm_engine *engine, int64_t count,
                                    struct lm_codes *codes, struct lm_error *error)
{
  struct lm_output output;
  const struct lm_dataset *data = engine->train.dataset;
  int32_t field = label_field(data);
  LM_TRY(lm_part_output(engine->experiment, &output, error));
  *codes = (struct lm_codes){.count = count, .width = output.width};
  size_t numbers;
  if (lm_mul_size((size_t)count, (size_t)output.width, &numbers)) {
    codes->numbers = lm_alloc(numbers, sizeof *codes->numbers);
  }
  if (field >= 0) {
    codes->labels = lm_alloc((size_t)count, sizeof *codes->labels);
    codes->classes = data->fields[field].classes;
  }
  return codes->numbers == NULL || (field >= 0 && codes->labels == NULL) ? lm_fail_memory(error, 0)
                                                                         : LAMINA_OK;
}

enum lamina_status lm_part_encode(struct lm_engine *engine, const int64_t *index, int64_t count,
                                  struct lm_codes *out, struct lm_error *error)
{
  const struct lm_experiment *experiment = engine->experiment;
  const struct lm_portion *portion = &engine->train;
  int64_t batch =
      experiment->train.batch < portion->count ? experiment->train.batch : portion->count;
  int32_t field = label_field(portion->dataset);
  LM_TRY(make_room(engine, count, out, error));
  for (int64_t begin = 0; begin < count; begin += batch) {
    int64_t n = count - begin < batch ? count - begin : batch;
    struct lm_program *program;
    LM_TRY(lm_executor_program(engine->executor, n, false, &program, error));
    LM_TRY(lm_loader_fill(portion->loader, index + begin, n, false, 0, error));
    lm_engine_connect(engine, portion, program);
    LM_TRY(lm_program_forward(program, 0, error));
    const struct lamina_view *view =
        lm_program_output(program, experiment->outputs[0], experiment->which[0]);
    memcpy(out->numbers + begin * out->width, view->data,
           (size_t)(n * out->width) * sizeof *out->numbers);
    if (field >= 0) {
      memcpy(out->labels + begin, lm_loader_data(portion->loader, (uint32_t)field),
             (size_t)n * sizeof *out->labels);
    }
  }
  return LAMINA_OK;
}
