/*
 * lamina summary and lamina plan: what is known before any data is read.
 */
#include <string.h>

#include "base/memory.h"
#include "cli/cli.h"
#include "planner/plan.h"

static int64_t parameter_count(const struct lm_graph *graph, uint32_t index, bool own_only)
{
  const struct lm_node *node = graph->nodes[index];
  int64_t count = 0;
  for (uint32_t i = 0; i < node->n_parameters; i++) {
    const struct lm_parameter *parameter = graph->parameters[node->parameters[i]];
    if (!own_only || parameter->node == (int32_t)index) {
      count += lamina_type_count(&parameter->shape.type);
    }
  }
  return count;
}

static void add_inputs(struct lm_text *out, const struct lm_facts *facts)
{
  for (uint32_t i = 0; i < facts->n_in; i++) {
    lm_text_addf(out, "%s%s", i == 0 ? "" : ", ", facts->in[i]->name);
  }
}

static bool is_frozen(const struct lm_graph *graph, const struct lm_node *node)
{
  for (uint32_t i = 0; i < node->n_parameters; i++) {
    if (!graph->parameters[node->parameters[i]]->frozen) {
      return false;
    }
  }
  return node->n_parameters > 0;
}

static void add_node(struct lm_text *out, const struct lm_experiment *experiment, uint32_t index)
{
  const struct lm_graph *graph = experiment->graph;
  const struct lm_node *node = graph->nodes[index];
  const struct lm_facts *facts = &experiment->inference->nodes[index];
  struct lm_text inputs = {0};
  char shape[160] = "";
  add_inputs(&inputs, facts);
  if (facts->n_out > 0) {
    (void)lm_shape_format(&facts->out[0]->shape.type, experiment->inference->batch, shape,
                          sizeof shape);
  }
  lm_text_addf(out, "%-16s %-16s %-24s %-26s", node->name, node->instance->plugin->info.name,
               lm_text_get(&inputs), shape);
  int64_t count = parameter_count(graph, index, false);
  if (count > 0) {
    lm_text_addf(out, " %10lld", (long long)count);
  }
  if (facts->notes[LAMINA_NOTE_PARAMETERS] != NULL) {
    lm_text_addf(out, " = %s", facts->notes[LAMINA_NOTE_PARAMETERS]);
  }
  if (node->share >= 0) {
    lm_text_addf(out, " (shared with %s)", graph->nodes[node->share]->name);
  }
  lm_text_add(out, is_frozen(graph, node) ? " (frozen)\n" : "\n");
  if (facts->notes[LAMINA_NOTE_SHAPE] != NULL) {
    lm_text_addf(out, "%-16s   %s\n", "", facts->notes[LAMINA_NOTE_SHAPE]);
  }
  lm_text_release(&inputs);
}

int64_t lm_cli_parameters(const struct lm_graph *graph, bool trained)
{
  int64_t count = 0;
  for (uint32_t i = 0; i < graph->n_parameters; i++) {
    bool counts = !trained || !graph->parameters[i]->frozen;
    count += counts ? lamina_type_count(&graph->parameters[i]->shape.type) : 0;
  }
  return count;
}

/* A line above the nodes of each part; losses and metrics, which are in none, have an empty one. */
static void add_part(struct lm_text *out, const struct lm_experiment *experiment, uint32_t index)
{
  const struct lm_part *part = lm_experiment_part_of(experiment, index);
  int64_t count = 0;
  if (part == NULL) {
    lm_text_add(out, "\n");
    return;
  }
  for (uint32_t i = 0; i < part->count; i++) {
    count += parameter_count(experiment->graph, part->first + i, true);
  }
  lm_text_addf(out, "\n%s: %lld parameters\n", part->name, (long long)count);
}

static void add_nodes(struct lm_text *out, const struct lm_experiment *experiment)
{
  const struct lm_part *part = NULL;
  for (uint32_t i = 0; i < experiment->graph->n_nodes; i++) {
    uint32_t index = experiment->graph->order[i];
    const struct lm_part *next = lm_experiment_part_of(experiment, index);
    if (next != part) {
      add_part(out, experiment, index);
      part = next;
    }
    add_node(out, experiment, index);
  }
}

static void add_totals(struct lm_text *out, const struct lm_experiment *experiment)
{
  lm_text_addf(out, "\n%lld parameters, %lld trained",
               (long long)lm_cli_parameters(experiment->graph, false),
               (long long)lm_cli_parameters(experiment->graph, true));
  lm_text_addf(out, "; N = %lld in training\n", (long long)experiment->inference->batch);
}

static void add_optimizer(struct lm_text *out, const struct lm_experiment *experiment)
{
  const struct lm_instance *optimizer = experiment->optimizer;
  const struct lamina_optimizer *table = &optimizer->plugin->table.optimizer;
  double rate = table->rate(optimizer->self);
  lm_text_addf(out, "optimizer %s, rate %g", optimizer->plugin->info.name, rate);
  double keep = table->keep == NULL ? 1.0 : table->keep(optimizer->self, rate);
  if (keep != 1.0) {
    lm_text_addf(out, "; decay multiplies %s by %.9g in each step at this rate",
                 experiment->train.decay_all != 0 ? "all weights" : "weights that decay", keep);
  }
  lm_text_add(out, "\n");
}

void lm_cli_summary_text(const struct lm_experiment *experiment, struct lm_text *out)
{
  char shape[160];
  lm_text_addf(out, "%-16s %-16s %-24s %-26s %10s\n", "node", "plugin", "inputs", "output",
               "parameters");
  for (uint32_t i = 0; i < experiment->inference->n_sources; i++) {
    const struct lm_tensor *source = experiment->inference->sources[i];
    lm_text_addf(
        out, "%-16s %-16s %-24s %s\n", source->name, "(data)", "",
        lm_shape_format(&source->shape.type, experiment->inference->batch, shape, sizeof shape));
  }
  add_nodes(out, experiment);
  add_totals(out, experiment);
  add_optimizer(out, experiment);
}

enum lamina_status lm_command_summary(struct lm_cli *cli, struct lm_error *error)
{
  struct lm_experiment *experiment = NULL;
  struct lm_text text = {0};
  LM_TRY(lm_cli_experiment(cli, &experiment, error));
  if (cli->dot) {
    lm_cli_dot_text(experiment, &text);
  } else {
    lm_cli_summary_text(experiment, &text);
  }
  lm_experiment_free(experiment);
  return lm_cli_print(&text, error);
}

/* ---- the plan ---- */

static void add_buffers(struct lm_text *out, const struct lm_plan *plan)
{
  lm_text_addf(out, "%-10s %-20s %12s %12s   %s\n", "role", "tensor", "offset", "bytes",
               "alive in calls");
  for (size_t i = 0; i < plan->n_buffers; i++) {
    const struct lm_buffer *buffer = &plan->buffers[i];
    lm_text_addf(out, "%-10s %-20s %12zu %12zu   %u-%u\n", buffer->role, buffer->name,
                 buffer->offset, buffer->bytes, buffer->first, buffer->last);
  }
}

static void add_decisions(struct lm_text *out, const struct lm_experiment *experiment,
                          const struct lm_plan *plan)
{
  lm_text_add(out, "\nwho overwrites whom\n");
  for (size_t i = 0; i < plan->n_decisions; i++) {
    const struct lm_decision *decision = &plan->decisions[i];
    const struct lm_node *node = experiment->graph->nodes[decision->node];
    const struct lm_facts *facts = &experiment->inference->nodes[decision->node];
    bool forward = decision->pass == LAMINA_FORWARD;
    const char *name = facts->in[forward ? decision->from : decision->to]->name;
    lm_text_addf(out, "  %-16s %s ", node->name,
                 forward ? "writes its output over" : "writes the gradient of");
    lm_text_addf(out, forward ? "'%s'" : "'%s' over its output's", name);
    if (decision->shared) {
      lm_text_add(out, ": yes\n");
    } else {
      lm_text_addf(out, ": no, %s\n", decision->reason);
    }
  }
}

static void add_fusion(struct lm_text *out, const struct lm_experiment *experiment,
                       const struct lm_plan *plan, uint32_t node, uint32_t pass)
{
  const struct lm_fusion *fusion = &plan->nodes[node].fusion[pass];
  const struct lm_node *self = experiment->graph->nodes[node];
  const char *word = pass == LAMINA_FORWARD ? "forward" : "backward";
  if (fusion->head >= 0) {
    lm_text_addf(out, "  %-16s %-8s: yes, in the loop of '%s'", self->name, word,
                 experiment->graph->nodes[fusion->head]->name);
    if (fusion->remade_by >= 0) {
      lm_text_addf(out, ", where '%s' makes what it reads once more",
                   experiment->graph->nodes[fusion->remade_by]->name);
    }
    lm_text_add(out, "\n");
  } else if (fusion->shown_by >= 0) {
    lm_text_addf(out, "  %-16s %-8s: no, but it looks on in the loop of '%s'\n", self->name, word,
                 experiment->graph->nodes[fusion->shown_by]->name);
  } else if (fusion->reason != NULL) {
    lm_text_addf(out, "  %-16s %-8s: no, %s\n", self->name, word, fusion->reason);
  }
}

static void add_fusions(struct lm_text *out, const struct lm_experiment *experiment,
                        const struct lm_plan *plan)
{
  lm_text_add(out, "\nwho is fused into whom\n");
  for (uint32_t i = 0; i < plan->n_nodes; i++) {
    add_fusion(out, experiment, plan, experiment->graph->order[i], LAMINA_FORWARD);
    add_fusion(out, experiment, plan, experiment->graph->order[i], LAMINA_BACKWARD);
  }
}

static void add_backward(struct lm_text *out, const struct lm_experiment *experiment,
                         const struct lm_plan *plan)
{
  lm_text_add(out, "\nbackward runs through:");
  for (uint32_t i = experiment->graph->n_nodes; i-- > 0;) {
    uint32_t node = experiment->graph->order[i];
    if (plan->nodes[node].backward) {
      lm_text_addf(out, " %s", experiment->graph->nodes[node]->name);
    }
  }
  lm_text_add(out, "\n");
}

enum lamina_status lm_cli_plan_text(const struct lm_experiment *experiment, struct lm_text *out,
                                    struct lm_error *error)
{
  struct lm_plan *plan = NULL;
  struct lm_plan_options options = {.train = true, .lanes = lm_pool_threads(experiment->host.pool)};
  char size[32];
  char bound[32];
  LM_TRY(lm_plan_create(experiment->graph, experiment->inference, &options, &plan, error));
  add_buffers(out, plan);
  add_decisions(out, experiment, plan);
  add_fusions(out, experiment, plan);
  add_backward(out, experiment, plan);
  lm_format_bytes(size, sizeof size, plan->arena_bytes);
  lm_format_bytes(bound, sizeof bound, plan->bound_bytes);
  lm_text_addf(out, "\narena %s (%zu bytes); liveness bound %s (%zu bytes); %+.1f %%\n", size,
               plan->arena_bytes, bound, plan->bound_bytes,
               plan->bound_bytes == 0
                   ? 0.0
                   : 100.0 * ((double)plan->arena_bytes / (double)plan->bound_bytes - 1.0));
  lm_plan_free(plan);
  return LAMINA_OK;
}

enum lamina_status lm_command_plan(struct lm_cli *cli, struct lm_error *error)
{
  struct lm_experiment *experiment = NULL;
  struct lm_text text = {0};
  LM_TRY(lm_cli_experiment(cli, &experiment, error));
  enum lamina_status status = lm_cli_plan_text(experiment, &text, error);
  lm_experiment_free(experiment);
  if (status != LAMINA_OK) {
    lm_text_release(&text);
    return status;
  }
  return lm_cli_print(&text, error);
}
