/*
 * Questions about a model.
 */
#include <string.h>

#include "embed/embed_internal.h"

uint32_t lamina_model_inputs(const struct lamina_model *model)
{
  return model == NULL ? 0 : model->n_inputs;
}

uint32_t lamina_model_outputs(const struct lamina_model *model)
{
  return model == NULL ? 0 : model->n_outputs;
}

static int32_t describe(const struct lm_port *ports, uint32_t count, uint32_t index,
                        struct lamina_model_tensor *out, struct lamina_error *error)
{
  if (out == NULL || out->size < sizeof *out) {
    return lm_embed_refuse(error, LAMINA_E_USAGE,
                           "the struct for an answer is NULL or does not have its size in 'size', "
                           "%zu",
                           sizeof *out);
  }
  if (index >= count) {
    return lm_embed_refuse(error, LAMINA_E_USAGE, "there is no number %u, the model has %u", index,
                           count);
  }
  const struct lm_port *port = &ports[index];
  const uint32_t size = out->size; /* a later version's fields are zero */
  memset(out, 0, size);
  out->size = size;
  out->rank = port->record.type.rank;
  out->name = port->name;
  out->dims = port->record.dims;
  out->bytes = port->bytes;
  out->dt_code = port->record.type.dt_code;
  out->dt_bits = port->record.type.dt_bits;
  out->dt_lanes = port->record.type.dt_lanes;
  return lm_embed_tell(LAMINA_OK, NULL, error);
}

int32_t lamina_model_input(const struct lamina_model *model, uint32_t index,
                           struct lamina_model_tensor *out, struct lamina_error *error)
{
  if (model == NULL) {
    return lm_embed_refuse(error, LAMINA_E_USAGE, "lamina_model_input: model is NULL");
  }
  return describe(model->inputs, model->n_inputs, index, out, error);
}

int32_t lamina_model_output(const struct lamina_model *model, uint32_t index,
                            struct lamina_model_tensor *out, struct lamina_error *error)
{
  if (model == NULL) {
    return lm_embed_refuse(error, LAMINA_E_USAGE, "lamina_model_output: model is NULL");
  }
  return describe(model->outputs, model->n_outputs, index, out, error);
}

/* The field that says which class a sample is of: labels that no layer reads. */
static const struct lm_declared_field *labels(const struct lamina_model *model)
{
  for (uint32_t i = 0; model != NULL && i < model->fields.count; i++) {
    const struct lm_declared_field *field = &model->fields.items[i];
    bool is_input = false;
    for (uint32_t k = 0; k < model->n_inputs; k++) {
      is_input = is_input || strcmp(model->inputs[k].name, field->name) == 0;
    }
    if (!is_input && field->classes > 0) {
      return field;
    }
  }
  return NULL;
}

int64_t lamina_model_classes(const struct lamina_model *model)
{
  const struct lm_declared_field *field = labels(model);
  return field == NULL ? 0 : field->classes;
}

const char *lamina_model_class_name(const struct lamina_model *model, int64_t label)
{
  const struct lm_declared_field *field = labels(model);
  bool known = field != NULL && field->names != NULL && label >= 0 && label < field->classes;
  return known ? field->names[label] : NULL;
}

const char *lamina_version(void)
{
  return LM_VERSION;
}

int32_t lamina_exit_code(int32_t status)
{
  return lm_status_exit_code((enum lamina_status)status);
}
