/*
 * One part of a model by itself. The whole model, inferred on the fields of its own data, tells
 * what the part reads and how large that is; then the part's nodes move to a graph of their own,
 * where what they read of others are sources, as fields of data are, and everything else goes.
 */
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "builder/builder_internal.h"

/* What a part reads from outside, or others of it: a tensor of the whole model. */
struct port {
  struct lm_edge edge;
  char *name;
  struct lm_shape record; /* without N */
  int64_t classes;
  bool exact;
};

struct ports {
  struct port items[LM_MAX_FACTS];
  uint32_t count;
};

/* A part on its way out of the whole model. */
struct move {
  struct lm_experiment *experiment;
  const struct lm_experiment_options *options;
  struct lm_part part;
  struct ports in, out;
  const struct port *renamed; /* for which the data's field `input` stands, or NULL */
};

static bool is_inside(const struct lm_part *part, struct lm_edge edge)
{
  return edge.node >= (int32_t)part->first && edge.node < (int32_t)(part->first + part->count);
}

static int32_t find_port(const struct ports *ports, struct lm_edge edge)
{
  for (uint32_t i = 0; i < ports->count; i++) {
    if (ports->items[i].edge.node == edge.node && ports->items[i].edge.output == edge.output) {
      return (int32_t)i;
    }
  }
  return -1;
}

static void release_ports(struct ports *ports)
{
  for (uint32_t i = 0; i < ports->count; i++) {
    lm_free(ports->items[i].name);
  }
  ports->count = 0;
}

static enum lamina_status add_port(const struct move *move, struct ports *ports,
                                   struct lm_edge edge, struct lm_error *error)
{
  const struct lm_inference *inference = move->experiment->inference;
  const struct lm_tensor *tensor = lm_inference_tensor(inference, edge);
  if (find_port(ports, edge) >= 0) {
    return LAMINA_OK;
  }
  if (ports->count == LM_MAX_FACTS) {
    return lm_fail(error, LAMINA_E_INVALID, "part '%s' has more than %d inputs or outputs",
                   move->part.name, LM_MAX_FACTS);
  }
  struct lamina_type record = tensor->shape.type;
  if (record.rank == 0) {
    return lm_fail(error, LAMINA_E_UNSUPPORTED,
                   "part '%s' cannot run alone: '%s', which crosses its border, has no batch axis",
                   move->part.name, tensor->name);
  }
  record.dims = tensor->shape.dims + 1;
  record.rank--;
  struct port *port = &ports->items[ports->count++];
  *port = (struct port){.edge = edge, .classes = tensor->classes, .exact = tensor->classes_exact};
  LM_TRY(lm_shape_copy(&port->record, &record, error));
  port->name = lm_copy_text(tensor->name);
  return port->name == NULL ? lm_fail_memory(error, 0) : LAMINA_OK;
}

/* What crosses the border of the part, in the order of the nodes that read it. */
static enum lamina_status find_crossings(struct move *move, struct lm_error *error)
{
  const struct lm_graph *graph = move->experiment->graph;
  for (uint32_t n = 0; n < graph->n_nodes; n++) {
    bool reader_inside = is_inside(&move->part, (struct lm_edge){(int32_t)n, 0});
    for (uint32_t i = 0; i < graph->nodes[n]->n_inputs; i++) {
      struct lm_edge edge = graph->nodes[n]->inputs[i];
      if (reader_inside != is_inside(&move->part, edge)) {
        LM_TRY(add_port(move, reader_inside ? &move->in : &move->out, edge, error));
      }
    }
  }
  return LAMINA_OK;
}

/* Outputs are kept as nodes of the part; of a part that nothing leaves, what no layer reads. */
static enum lamina_status set_outputs(struct move *move, struct lm_error *error)
{
  struct lm_experiment *experiment = move->experiment;
  bool is_left = move->out.count > 0;
  for (uint32_t i = 0; !is_left && i < experiment->n_outputs; i++) {
    struct lm_edge edge = {(int32_t)experiment->outputs[i], 0};
    if (is_inside(&move->part, edge)) {
      LM_TRY(add_port(move, &move->out, edge, error));
    }
  }
  experiment->n_outputs = move->out.count;
  for (uint32_t i = 0; i < move->out.count; i++) {
    struct lm_edge edge = move->out.items[i].edge;
    experiment->outputs[i] = (uint32_t)edge.node - move->part.first;
    experiment->which[i] = edge.output;
  }
  return LAMINA_OK;
}

/* ---- records ---- */

/* The records are the caller's: fields as the data had them, or what crosses. */
static enum lamina_status declare_records(const struct move *move, struct lm_error *error)
{
  struct lm_experiment *experiment = move->experiment;
  struct lm_declared_field fields[LM_MAX_FACTS];
  for (uint32_t i = 0; i < move->in.count; i++) {
    const struct port *port = &move->in.items[i];
    fields[i] =
        (struct lm_declared_field){port->name, port->record, port->classes, port->exact, NULL};
    for (uint32_t k = 0; lm_edge_is_source(port->edge) && k < move->options->n_fields; k++) {
      if (strcmp(move->options->fields[k].name, port->name) == 0) {
        fields[i] = move->options->fields[k];
      }
    }
  }
  return lm_dataset_create_given(&experiment->host, fields, move->in.count, &experiment->train_data,
                                 error);
}

/* Gives the data's field `input` the name of the one thing that crosses and has no field. */
static enum lamina_status rename_input(struct move *move, struct lm_error *error)
{
  struct lm_dataset *data = move->experiment->train_data;
  const struct port *missing = NULL;
  bool reads_input = false;
  for (uint32_t i = 0; i < move->in.count; i++) {
    const struct port *port = &move->in.items[i];
    bool there = lm_dataset_field(data, port->name) >= 0;
    reads_input = reads_input || strcmp(port->name, "input") == 0;
    if (!there && missing != NULL) {
      return LAMINA_OK;
    }
    missing = there ? missing : port;
  }
  int32_t field = lm_dataset_field(data, "input");
  if (missing == NULL || reads_input || field < 0) {
    return LAMINA_OK;
  }
  move->renamed = missing;
  return lm_dataset_rename(data, (uint32_t)field, missing->name, error);
}

static enum lamina_status refuse_data(const struct move *move, const struct port *port,
                                      struct lm_error *error)
{
  const struct lm_dataset *data = move->experiment->train_data;
  struct lm_where where = lm_dataset_where(data);
  char wanted[160];
  (void)lm_fail_at(error, LAMINA_E_INVALID, &where, "part '%s' reads '%s' %s, but the data has",
                   move->part.name, port->name,
                   lm_shape_format(&port->record.type, -1, wanted, sizeof wanted));
  for (uint32_t i = 0; i < data->n_fields; i++) {
    char found[160];
    const char *name = data->fields[i].name;
    bool renamed = move->renamed != NULL && strcmp(name, move->renamed->name) == 0;
    lm_error_suffix(error, "%s '%s' %s", i == 0 ? "" : ",", renamed ? "input" : name,
                    lm_shape_format(&data->fields[i].shape.type, -1, found, sizeof found));
  }
  return LAMINA_E_INVALID;
}

/* Whether samples of a source can stand for what crosses: as many elements of the same type. */
static bool fits(const struct lm_source *source, const struct port *port)
{
  const struct lamina_type *found = &source->record.type, *wanted = &port->record.type;
  return found->dt_code == wanted->dt_code && found->dt_bits == wanted->dt_bits &&
         lamina_type_count(found) == lamina_type_count(wanted);
}

/* Every port has a source then, and those of crossings have the shape of what crosses. */
static enum lamina_status check_sources(const struct move *move, struct lm_error *error)
{
  struct lm_graph *graph = move->experiment->graph;
  for (uint32_t i = 0; i < move->in.count; i++) {
    const struct port *port = &move->in.items[i];
    int32_t source = lm_graph_find_source(graph, port->name);
    if (source < 0) {
      return refuse_data(move, port, error);
    }
    if (lm_edge_is_source(port->edge)) {
      continue;
    }
    if (!fits(graph->sources[source], port)) {
      return refuse_data(move, port, error);
    }
    LM_TRY(lm_shape_copy(&graph->sources[source]->record, &port->record.type, error));
  }
  return LAMINA_OK;
}

static enum lamina_status make_data(struct move *move, struct lm_error *error)
{
  struct lm_experiment *experiment = move->experiment;
  lm_dataset_free(experiment->train_data);
  experiment->train_data = NULL;
  lm_transforms_release(&experiment->transforms);
  experiment->transforms.host = &experiment->host;
  if (move->options->part_of_data) {
    LM_TRY(lm_build_part_data(experiment, error));
    LM_TRY(rename_input(move, error));
  } else {
    LM_TRY(declare_records(move, error));
  }
  LM_TRY(lm_build_fields(experiment, error));
  return check_sources(move, error);
}

/* ---- nodes ---- */

static struct lm_edge edge_inside(const struct move *move, struct lm_edge edge)
{
  if (is_inside(&move->part, edge)) {
    return (struct lm_edge){edge.node - (int32_t)move->part.first, edge.output};
  }
  const struct port *port = &move->in.items[find_port(&move->in, edge)];
  return lm_edge_source((uint32_t)lm_graph_find_source(move->experiment->graph, port->name));
}

static void connect_nodes(const struct move *move)
{
  const struct lm_graph *graph = move->experiment->graph;
  for (uint32_t n = 0; n < graph->n_nodes; n++) {
    struct lm_node *node = graph->nodes[n];
    for (uint32_t i = 0; i < node->n_inputs; i++) {
      node->inputs[i] = edge_inside(move, node->inputs[i]);
    }
  }
}

static enum lamina_status move_part(struct move *move, struct lm_graph *whole,
                                    struct lm_error *error)
{
  struct lm_experiment *experiment = move->experiment;
  LM_TRY(lm_graph_create(&experiment->host, &experiment->graph, error));
  LM_TRY(make_data(move, error));
  LM_TRY(lm_graph_take_nodes(experiment->graph, whole, move->part.first, move->part.count, error));
  connect_nodes(move);
  memmove(experiment->nodes, experiment->nodes + move->part.first,
          move->part.count * sizeof *experiment->nodes);
  experiment->parts[0] = move->part;
  experiment->parts[0].first = 0;
  experiment->n_parts = 1;
  return LAMINA_OK;
}

enum lamina_status lm_build_part_alone(struct lm_experiment *experiment,
                                       const struct lm_experiment_options *options,
                                       struct lm_error *error)
{
  const struct lm_part *part;
  LM_TRY(lm_build_find_part(experiment, options->part, &part, error));
  struct move *move = lm_alloc(1, sizeof *move);
  struct lm_graph *whole = experiment->graph;
  if (move == NULL) {
    return lm_fail_memory(error, sizeof *move);
  }
  *move = (struct move){.experiment = experiment, .options = options, .part = *part};
  experiment->part = part->name;
  enum lamina_status status = find_crossings(move, error);
  if (status == LAMINA_OK) {
    status = set_outputs(move, error);
  }
  lm_inference_free(experiment->inference);
  experiment->inference = NULL;
  if (status == LAMINA_OK) {
    experiment->graph = NULL;
    status = move_part(move, whole, error);
    lm_graph_free(whole);
  }
  release_ports(&move->in);
  release_ports(&move->out);
  lm_free(move);
  return status;
}
