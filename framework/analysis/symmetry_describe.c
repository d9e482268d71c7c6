/*
 * Making and freeing reports: what each layer is called, set to and makes, which no motion changes.
 */
#include "analysis/symmetry_internal.h"
#include "base/memory.h"

void lm_symmetry_report_free(struct lm_symmetry_report *report)
{
  for (uint32_t i = 0; report != NULL && i < report->n_outputs; i++) {
    struct lm_symmetry_output *output = &report->outputs[i];
    char *texts[] = {output->name, output->node, output->plugin, output->settings, output->shape};
    for (size_t k = 0; k < sizeof texts / sizeof texts[0]; k++) {
      lm_free(texts[k]);
    }
  }
  for (uint32_t i = 0; report != NULL && i < report->n_parts; i++) {
    struct lm_symmetry_part *part = &report->parts[i];
    for (uint32_t k = 0; part->rows != NULL && k < report->n_outputs; k++) {
      lm_free(part->rows[k].sentence);
    }
    lm_free(part->rows);
    lm_free(part->label);
  }
  for (uint32_t i = 0; report != NULL && i < report->n_metrics; i++) {
    lm_free(report->metrics[i]);
  }
  if (report != NULL) {
    lm_free(report->outputs);
    lm_free(report->parts);
  }
  lm_free(report);
}

static char *settings_of(const struct lm_experiment *experiment, uint32_t node)
{
  struct lm_text text = {0};
  const struct lm_value *item = experiment->nodes[node];
  const char *plugin = experiment->graph->nodes[node]->instance->plugin->info.name;
  const struct lm_value *map =
      item != NULL && item->kind == LM_VALUE_MAP ? lm_value_get(item, plugin) : NULL;
  if (map != NULL && map->kind == LM_VALUE_MAP && map->count > 0) {
    lm_value_write_flow(map, &text);
  }
  return lm_text_take(&text);
}

static char *shape_of(const struct lm_tensor *tensor)
{
  struct lm_text text = {0};
  for (uint32_t i = 1; i < tensor->shape.type.rank; i++) {
    lm_text_addf(&text, "%s%lld", i == 1 ? "[" : ", ", (long long)tensor->shape.type.dims[i]);
  }
  lm_text_add(&text, tensor->shape.type.rank > 1 ? "]" : "[]");
  return lm_text_take(&text);
}

static bool describe(const struct lm_probing *probing, const struct lm_symmetry_target *target,
                     struct lm_symmetry_output *output)
{
  const struct lm_experiment *experiment = probing->experiment;
  const struct lm_node *node = experiment->graph->nodes[target->node];
  const struct lm_tensor *tensor = experiment->inference->nodes[target->node].out[target->output];
  output->name = lm_copy_text(tensor->name);
  output->node = lm_copy_text(node->name);
  output->plugin = lm_copy_text(node->instance->plugin->info.name);
  output->settings = settings_of(experiment, target->node);
  output->shape = shape_of(tensor);
  return output->name != NULL && output->node != NULL && output->plugin != NULL &&
         output->settings != NULL && output->shape != NULL;
}

enum lamina_status lm_symmetry_describe(const struct lm_probing *probing, uint32_t n,
                                        struct lm_symmetry_report *report, struct lm_error *error)
{
  const struct lm_experiment *experiment = probing->experiment;
  bool done = true;
  report->samples = probing->engine->train.count;
  report->has_loss = experiment->n_losses > 0;
  report->has_scores = report->has_loss || experiment->n_metrics > 0;
  report->outputs = lm_alloc(probing->n_targets, sizeof *report->outputs);
  report->parts = lm_alloc(n, sizeof *report->parts);
  if (report->outputs == NULL || report->parts == NULL) {
    return lm_fail_memory(error, 0);
  }
  report->n_parts = n;
  for (uint32_t i = 0; i < probing->n_targets && done; i++) {
    done = describe(probing, &probing->targets[i], &report->outputs[report->n_outputs++]);
  }
  for (uint32_t i = 0; i < experiment->n_metrics && done; i++) {
    const char *name = experiment->graph->nodes[experiment->metrics[i]]->name;
    report->metrics[report->n_metrics] = lm_copy_text(name);
    done = report->metrics[report->n_metrics++] != NULL;
  }
  return done ? LAMINA_OK : lm_fail_memory(error, 0);
}
