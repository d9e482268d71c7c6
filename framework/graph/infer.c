/*
 * Inference: every node in topological order says what it makes of its inputs.
 *
 * The first inference fills the graph's tables of parameters and states, named "node/weight".
 * A node that shares names the parameters of the node it shares with. A refusal names, beside
 * the node, where each of its inputs comes from, so that a mismatch shows both lines.
 */
#include <string.h>

#include "base/memory.h"
#include "graph/recorder.h"

struct lm_tensor *lm_inference_tensor(const struct lm_inference *inference, struct lm_edge edge)
{
  if (lm_edge_is_source(edge)) {
    return inference->sources[lm_edge_source_index(edge)];
  }
  const struct lm_facts *facts = &inference->nodes[edge.node];
  return edge.output < facts->n_out ? facts->out[edge.output] : NULL;
}

void lm_inference_free(struct lm_inference *inference)
{
  if (inference == NULL) {
    return;
  }
  for (uint32_t i = 0; inference->nodes != NULL && i < inference->n_nodes; i++) {
    lm_facts_release(&inference->nodes[i]);
  }
  for (uint32_t i = 0; inference->sources != NULL && i < inference->n_sources; i++) {
    lm_tensor_free(inference->sources[i]);
  }
  lm_free(inference->nodes);
  lm_free(inference->sources);
  lm_free(inference);
}

static enum lamina_status infer_sources(const struct lm_graph *graph,
                                        struct lm_inference *inference, struct lm_error *error)
{
  for (uint32_t i = 0; i < graph->n_sources; i++) {
    const struct lm_source *source = graph->sources[i];
    struct lm_shape shape;
    enum lamina_status status = lm_shape_batched(&shape, inference->batch, &source->record, error);
    if (status != LAMINA_OK) {
      lm_error_prefix(error, "field '%s'", source->name);
      return status;
    }
    struct lm_tensor *tensor = lm_tensor_create(source->name, &shape);
    if (tensor == NULL) {
      return lm_fail_memory(error, sizeof *tensor);
    }
    tensor->classes = source->classes;
    tensor->classes_exact = source->classes_exact;
    tensor->producer = lm_edge_source(i);
    inference->sources[i] = tensor;
  }
  return LAMINA_OK;
}

static void name_inputs(const struct lm_graph *graph, const struct lm_node *node,
                        const struct lm_facts *facts, int64_t batch, struct lm_error *error)
{
  for (uint32_t i = 0; i < facts->n_in; i++) {
    char shape[160];
    const struct lm_tensor *tensor = facts->in[i];
    bool is_source = lm_edge_is_source(node->inputs[i]);
    const struct lm_where *where =
        is_source ? &graph->sources[lm_edge_source_index(node->inputs[i])]->where
                  : &graph->nodes[node->inputs[i].node]->instance->where;
    lm_error_suffix(error, "; input %u is %s '%s' %s", i, is_source ? "the field" : "the output of",
                    tensor->name, lm_shape_format(&tensor->shape.type, batch, shape, sizeof shape));
    if (where->file != NULL && where->line > 0) {
      lm_error_suffix(error, " (%s:%d:%d)", where->file, where->line, where->column);
    }
  }
}

static enum lamina_status find_inputs(const struct lm_graph *graph, const struct lm_node *node,
                                      const struct lm_inference *inference, struct lm_facts *facts,
                                      struct lm_error *error)
{
  for (uint32_t i = 0; i < node->n_inputs; i++) {
    facts->in[i] = lm_inference_tensor(inference, node->inputs[i]);
    if (facts->in[i] == NULL) {
      const struct lm_node *producer = graph->nodes[node->inputs[i].node];
      return lm_fail_at(error, LAMINA_E_INVALID, &node->instance->where,
                        "%s: input %u is output %u of node '%s' (line %d), which has %u",
                        node->instance->label, i, node->inputs[i].output, producer->name,
                        producer->instance->where.line,
                        inference->nodes[node->inputs[i].node].n_out);
    }
    facts->n_in++;
  }
  return LAMINA_OK;
}

static lm_infer_fn infer_of(const struct lm_node *node)
{
  const struct lm_plugin *plugin = node->instance->plugin;
  return node->kind == LM_NODE_METRIC ? plugin->table.metric.infer : plugin->table.layer.infer;
}

static enum lamina_status check_kind(const struct lm_node *node, const struct lm_facts *facts,
                                     const struct lm_recording *recording, struct lm_error *error)
{
  const struct lm_where *where = &node->instance->where;
  const char *label = node->instance->label;
  if (node->kind == LM_NODE_LOSS && (facts->n_out != 1 || facts->out[0]->shape.type.rank != 0 ||
                                     !lamina_type_is_f32(&facts->out[0]->shape.type))) {
    return lm_fail_at(error, LAMINA_E_PLUGIN, where,
                      "%s: a loss has one output, a float32 of rank 0", label);
  }
  if (node->kind == LM_NODE_METRIC && (facts->n_out != 0 || facts->accumulators == 0)) {
    return lm_fail_at(error, LAMINA_E_PLUGIN, where, "%s: a metric has accumulators and no outputs",
                      label);
  }
  if (node->kind == LM_NODE_LAYER && facts->n_out == 0) {
    return lm_fail_at(error, LAMINA_E_PLUGIN, where, "%s: a layer has an output", label);
  }
  if (recording->n_fields > 0) {
    return lm_fail_at(error, LAMINA_E_PLUGIN, where, "%s: only data sets have fields", label);
  }
  return LAMINA_OK;
}

/* ---- the tables of parameters and states ---- */

static enum lamina_status add_parameter(struct lm_graph *graph, uint32_t node_index,
                                        const struct lm_declared *declared, int32_t *index,
                                        struct lm_error *error)
{
  struct lm_parameter *parameter = lm_alloc(1, sizeof *parameter);
  if (parameter == NULL || !lm_grow((void **)&graph->parameters, &graph->parameters_capacity,
                                    graph->n_parameters + 1, sizeof *graph->parameters)) {
    lm_free(parameter);
    return lm_fail_memory(error, 0);
  }
  const char *owner = graph->nodes[node_index]->owner;
  *index = (int32_t)graph->n_parameters;
  graph->parameters[graph->n_parameters++] = parameter;
  parameter->name =
      lm_format("%s/%s", owner == NULL ? graph->nodes[node_index]->name : owner, declared->name);
  parameter->init = lm_copy_text(declared->init);
  parameter->node = (int32_t)node_index;
  parameter->shape = declared->shape;
  parameter->shape.type.dims = parameter->shape.dims;
  parameter->fan_in = declared->fan_in;
  parameter->fan_out = declared->fan_out;
  parameter->flags = declared->flags;
  parameter->lr_mult = declared->value;
  return parameter->name == NULL || parameter->init == NULL ? lm_fail_memory(error, 0) : LAMINA_OK;
}

static enum lamina_status add_state(struct lm_graph *graph, uint32_t node_index,
                                    const struct lm_declared *declared, int32_t *index,
                                    struct lm_error *error)
{
  struct lm_persistent *state = lm_alloc(1, sizeof *state);
  if (state == NULL || !lm_grow((void **)&graph->states, &graph->states_capacity,
                                graph->n_states + 1, sizeof *graph->states)) {
    lm_free(state);
    return lm_fail_memory(error, 0);
  }
  *index = (int32_t)graph->n_states;
  graph->states[graph->n_states++] = state;
  state->name = lm_format("%s/%s", graph->nodes[node_index]->name, declared->name);
  state->node = (int32_t)node_index;
  state->shape = declared->shape;
  state->shape.type.dims = state->shape.dims;
  state->init = declared->value;
  return state->name == NULL ? lm_fail_memory(error, 0) : LAMINA_OK;
}

static enum lamina_status check_shared(const struct lm_graph *graph, const struct lm_node *node,
                                       const struct lm_recording *recording, struct lm_error *error)
{
  const struct lm_node *from = graph->nodes[node->share];
  bool same = from->n_parameters == recording->n_weights;
  for (uint32_t i = 0; same && i < recording->n_weights; i++) {
    same = lm_shape_equal(&graph->parameters[from->parameters[i]]->shape,
                          &recording->weights[i].shape);
  }
  if (same && from->instance->plugin == node->instance->plugin) {
    return LAMINA_OK;
  }
  char own[160] = "none";
  char other[160] = "none";
  if (recording->n_weights > 0) {
    (void)lm_shape_format(&recording->weights[0].shape.type, -1, own, sizeof own);
  }
  if (from->n_parameters > 0) {
    (void)lm_shape_format(&graph->parameters[from->parameters[0]]->shape.type, -1, other,
                          sizeof other);
  }
  return lm_fail_at(error, LAMINA_E_SHAPE, &node->instance->where,
                    "%s: cannot share the weights of '%s' (line %d): it needs %u beginning with "
                    "%s, there are %u beginning with %s",
                    node->instance->label, from->name, from->instance->where.line,
                    recording->n_weights, own, from->n_parameters, other);
}

static enum lamina_status enter_tables(struct lm_graph *graph, uint32_t node_index,
                                       const struct lm_recording *recording, struct lm_error *error)
{
  struct lm_node *node = graph->nodes[node_index];
  if (node->share >= 0) {
    LM_TRY(check_shared(graph, node, recording, error));
  }
  for (uint32_t i = 0; i < recording->n_weights; i++) {
    if (node->share >= 0) {
      node->parameters[i] = graph->nodes[node->share]->parameters[i];
    } else {
      LM_TRY(add_parameter(graph, node_index, &recording->weights[i], &node->parameters[i], error));
    }
  }
  for (uint32_t i = 0; i < recording->n_states; i++) {
    LM_TRY(add_state(graph, node_index, &recording->states[i], &node->states[i], error));
  }
  node->n_parameters = recording->n_weights;
  node->n_states = recording->n_states;
  return LAMINA_OK;
}

/* Weights and states must not depend on the batch size. */
static enum lamina_status compare_tables(const struct lm_graph *graph, const struct lm_node *node,
                                         const struct lm_recording *recording,
                                         struct lm_error *error)
{
  bool same = node->n_parameters == recording->n_weights && node->n_states == recording->n_states;
  for (uint32_t i = 0; same && i < recording->n_weights; i++) {
    same = lm_shape_equal(&graph->parameters[node->parameters[i]]->shape,
                          &recording->weights[i].shape);
  }
  for (uint32_t i = 0; same && i < recording->n_states; i++) {
    same = lm_shape_equal(&graph->states[node->states[i]]->shape, &recording->states[i].shape);
  }
  return same ? LAMINA_OK
              : lm_fail_at(error, LAMINA_E_PLUGIN, &node->instance->where,
                           "%s: declared other weights or states for another batch size",
                           node->instance->label);
}

static enum lamina_status name_outputs(const struct lm_node *node, uint32_t node_index,
                                       struct lm_facts *facts, struct lm_error *error)
{
  for (uint32_t i = 0; i < facts->n_out; i++) {
    facts->out[i]->name =
        facts->n_out == 1 ? lm_copy_text(node->name) : lm_format("%s.%u", node->name, i);
    facts->out[i]->producer = (struct lm_edge){(int32_t)node_index, i};
    if (facts->out[i]->name == NULL) {
      return lm_fail_memory(error, 0);
    }
  }
  return LAMINA_OK;
}

static enum lamina_status infer_node(struct lm_graph *graph, uint32_t node_index,
                                     struct lm_inference *inference, struct lm_error *error)
{
  struct lm_node *node = graph->nodes[node_index];
  struct lm_facts *facts = &inference->nodes[node_index];
  struct lm_recording *recording = lm_alloc(1, sizeof *recording);
  if (recording == NULL) {
    return lm_fail_memory(error, sizeof *recording);
  }
  recording->facts = facts;
  enum lamina_status status;
  LM_TRY_OR(out, status, find_inputs(graph, node, inference, facts, error));
  status = lm_record(graph->host, node->instance, infer_of(node), recording, error);
  if (status != LAMINA_OK) {
    name_inputs(graph, node, facts, inference->batch, error);
    goto out;
  }
  LM_TRY_OR(out, status, check_kind(node, facts, recording, error));
  LM_TRY_OR(out, status, name_outputs(node, node_index, facts, error));
  status = graph->inferred ? compare_tables(graph, node, recording, error)
                           : enter_tables(graph, node_index, recording, error);

out:
  lm_recording_release(recording);
  lm_free(recording);
  return status;
}

enum lamina_status lm_graph_infer(struct lm_graph *graph, int64_t batch, struct lm_inference **out,
                                  struct lm_error *error)
{
  enum lamina_status status;
  *out = NULL;
  struct lm_inference *inference = lm_alloc(1, sizeof *inference);
  if (inference == NULL) {
    return lm_fail_memory(error, sizeof *inference);
  }
  inference->batch = batch;
  inference->n_nodes = graph->n_nodes;
  inference->n_sources = graph->n_sources;
  inference->nodes = lm_alloc(graph->n_nodes, sizeof *inference->nodes);
  inference->sources = lm_alloc(graph->n_sources, sizeof *inference->sources);
  if (inference->nodes == NULL || inference->sources == NULL) {
    status = lm_fail_memory(error, graph->n_nodes * sizeof *inference->nodes);
    goto fail;
  }
  LM_TRY_OR(fail, status, infer_sources(graph, inference, error));
  for (uint32_t i = 0; i < graph->n_nodes; i++) {
    LM_TRY_OR(fail, status, infer_node(graph, graph->order[i], inference, error));
  }
  graph->inferred = true;
  *out = inference;
  return LAMINA_OK;

fail:
  lm_inference_free(inference);
  return status;
}
