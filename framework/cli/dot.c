/*
 * lamina summary --dot: the graph as Graphviz draws it. Fields of the data are ellipses, layers
 * boxes, losses and metrics round boxes; a dashed line joins nodes that share weights, and a frame
 * is around each part of the model.
 */
#include "cli/cli.h"

static void add_vertex(struct lm_text *out, const struct lm_experiment *experiment, uint32_t index)
{
  const struct lm_node *node = experiment->graph->nodes[index];
  const struct lm_facts *facts = &experiment->inference->nodes[index];
  const char *plugin = node->instance->plugin->info.name;
  char shape[160] = "";
  if (node->kind == LM_NODE_LAYER) {
    (void)lm_shape_format(&facts->out[0]->shape.type, experiment->inference->batch, shape,
                          sizeof shape);
  }
  lm_text_addf(out, "  n%u [shape=box%s, label=\"%s\\n%s%s%s\"];\n", index,
               node->kind == LM_NODE_LAYER ? "" : ", style=rounded", node->name, plugin,
               shape[0] == '\0' ? "" : "\\n", shape);
}

static void add_edges(struct lm_text *out, const struct lm_experiment *experiment, uint32_t index)
{
  const struct lm_node *node = experiment->graph->nodes[index];
  for (uint32_t i = 0; i < node->n_inputs; i++) {
    struct lm_edge edge = node->inputs[i];
    if (lm_edge_is_source(edge)) {
      lm_text_addf(out, "  s%u -> n%u;\n", lm_edge_source_index(edge), index);
    } else {
      lm_text_addf(out, "  n%d -> n%u;\n", edge.node, index);
    }
  }
  if (node->share >= 0) {
    lm_text_addf(out, "  n%d -> n%u [style=dashed, dir=none];\n", node->share, index);
  }
}

static void add_parts(struct lm_text *out, const struct lm_experiment *experiment)
{
  for (uint32_t i = 0; i < experiment->n_parts; i++) {
    const struct lm_part *part = &experiment->parts[i];
    lm_text_addf(out, "  subgraph cluster_%u {\n    label=\"%s\";\n   ", i, part->name);
    for (uint32_t k = 0; k < part->count; k++) {
      lm_text_addf(out, " n%u;", part->first + k);
    }
    lm_text_add(out, "\n  }\n");
  }
}

void lm_cli_dot_text(const struct lm_experiment *experiment, struct lm_text *out)
{
  char shape[160];
  lm_text_add(out, "digraph experiment {\n  node [fontname=\"sans-serif\"];\n");
  for (uint32_t i = 0; i < experiment->inference->n_sources; i++) {
    const struct lm_tensor *source = experiment->inference->sources[i];
    lm_text_addf(
        out, "  s%u [label=\"%s\\n%s\"];\n", i, source->name,
        lm_shape_format(&source->shape.type, experiment->inference->batch, shape, sizeof shape));
  }
  for (uint32_t i = 0; i < experiment->graph->n_nodes; i++) {
    add_vertex(out, experiment, experiment->graph->order[i]);
  }
  add_parts(out, experiment);
  for (uint32_t i = 0; i < experiment->graph->n_nodes; i++) {
    add_edges(out, experiment, experiment->graph->order[i]);
  }
  lm_text_add(out, "}\n");
}
