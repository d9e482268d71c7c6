/*
 * Running: the sizes are compared, samples go through the loader, which copies them to memory that
 * is aligned as plugins want it, the program runs, results are copied out. Programs are kept by
 * the executor; the loader's memory is that of the largest batch.
 */
#include <string.h>

#include "embed/embed_internal.h"

static bool fits(const struct lm_port *port, int64_t batch, uint64_t bytes)
{
  uint64_t expected;
  return !__builtin_mul_overflow((uint64_t)batch, (uint64_t)port->bytes, &expected) &&
         bytes == expected;
}

static enum lamina_status refuse(const struct lm_port *port, const char *what, int64_t batch,
                                 const void *data, uint64_t bytes, struct lm_error *error)
{
  char shape[160];
  (void)lm_shape_format(&port->record.type, -1, shape, sizeof shape);
  if (data == NULL && fits(port, batch, bytes)) {
    return lm_fail(error, LAMINA_E_USAGE, "lamina_model_run: the data of %s '%s' is NULL", what,
                   port->name);
  }
  return lm_fail(error, LAMINA_E_SHAPE,
                 "%s '%s' has %llu bytes, expected %lld times the %zu of a sample %s", what,
                 port->name, (unsigned long long)bytes, (long long)batch, port->bytes, shape);
}

static enum lamina_status check(const struct lamina_model *model, int64_t batch,
                                const struct lamina_samples *inputs,
                                const struct lamina_results *outputs, struct lm_error *error)
{
  if (model == NULL || inputs == NULL || outputs == NULL || batch < 0) {
    return lm_fail(error, LAMINA_E_USAGE, "lamina_model_run: %s",
                   model == NULL     ? "model is NULL"
                   : inputs == NULL  ? "inputs is NULL"
                   : outputs == NULL ? "outputs is NULL"
                                     : "batch is below 0");
  }
  for (uint32_t i = 0; i < model->n_inputs; i++) {
    if (!fits(&model->inputs[i], batch, inputs[i].bytes) ||
        (inputs[i].data == NULL && inputs[i].bytes > 0)) {
      return refuse(&model->inputs[i], "input", batch, inputs[i].data, inputs[i].bytes, error);
    }
  }
  for (uint32_t i = 0; i < model->n_outputs; i++) {
    if (!fits(&model->outputs[i], batch, outputs[i].bytes) ||
        (outputs[i].data == NULL && outputs[i].bytes > 0)) {
      return refuse(&model->outputs[i], "output", batch, outputs[i].data, outputs[i].bytes, error);
    }
  }
  return LAMINA_OK;
}

static enum lamina_status make_room(struct lamina_model *model, int64_t batch,
                                    struct lm_error *error)
{
  if (model->loader != NULL && batch <= model->largest) {
    return LAMINA_OK;
  }
  struct lm_transforms *transforms =
      model->prepared ? &model->none : &model->experiment->transforms;
  struct lm_loader *loader;
  LM_TRY(lm_loader_create(model->given, transforms, batch, &loader, error));
  lm_loader_free(model->loader);
  model->loader = loader;
  model->largest = batch;
  return LAMINA_OK;
}

static enum lamina_status run(struct lamina_model *model, int64_t batch,
                              const struct lamina_samples *inputs,
                              const struct lamina_results *outputs, struct lm_error *error)
{
  const void *data[LM_MAX_FACTS];
  struct lm_program *program;
  LM_TRY(lm_executor_program(model->engine->executor, batch, false, &program, error));
  LM_TRY(make_room(model, batch, error));
  for (uint32_t i = 0; i < model->n_inputs; i++) {
    data[i] = inputs[i].data;
  }
  LM_TRY(lm_loader_put(model->loader, data, batch, error));
  for (uint32_t i = 0; i < model->n_inputs; i++) {
    program->sources[model->inputs[i].at].data = lm_loader_data(model->loader, i);
  }
  LM_TRY(lm_program_forward(program, 0, error));
  for (uint32_t i = 0; i < model->n_outputs; i++) {
    if (outputs[i].bytes > 0) {
      memcpy(outputs[i].data, lm_program_output(program, model->outputs[i].at, 0)->data,
             outputs[i].bytes);
    }
  }
  return LAMINA_OK;
}

int32_t lamina_model_run(struct lamina_model *model, int64_t batch,
                         const struct lamina_samples *inputs, const struct lamina_results *outputs,
                         struct lamina_error *error)
{
  struct lm_error sentence; /* not cleared: that would take as long as a small layer */
  sentence.status = LAMINA_OK;
  sentence.text[0] = '\0';
  enum lamina_status status = check(model, batch, inputs, outputs, &sentence);
  if (status == LAMINA_OK) {
    status = run(model, batch, inputs, outputs, &sentence);
  }
  return lm_embed_tell(status, &sentence, error);
}
