/*
 * A model in parts: `model:` as a map from names to lists of nodes. The lists run one after the
 * other as one chain, so a model in parts is the same model as their lists joined; what the names
 * add is that a part can be run, or be frozen, by itself. That is why no part may need a later one.
 */
#include <string.h>

#include "base/memory.h"
#include "builder/builder_internal.h"

const struct lm_part *lm_experiment_part_of(const struct lm_experiment *experiment, uint32_t node)
{
  for (uint32_t i = 0; i < experiment->n_parts; i++) {
    const struct lm_part *part = &experiment->parts[i];
    if (node >= part->first && node - part->first < part->count) {
      return part;
    }
  }
  return NULL;
}

static enum lamina_status add_part(struct lm_experiment *experiment, const struct lm_pair *pair,
                                   struct lm_error *error)
{
  char found[80];
  const struct lm_value *list = pair->value;
  LM_TRY(lm_build_check_name(pair->key, "a part of the model", &pair->key_where, error));
  if (list->kind != LM_VALUE_LIST || list->count == 0) {
    return lm_fail_at(error, LAMINA_E_INVALID, &pair->key_where,
                      "part '%s' of the model is %s, expected a list "
                      "of nodes",
                      pair->key,
                      list->kind == LM_VALUE_LIST ? "an empty list"
                                                  : lm_value_describe(list, found, sizeof found));
  }
  struct lm_part *part = &experiment->parts[experiment->n_parts++];
  *part = (struct lm_part){pair->key, pair->key_where, experiment->graph->n_nodes, 0};
  LM_TRY(lm_build_chain(experiment, list, error));
  part->count = experiment->graph->n_nodes - part->first;
  return LAMINA_OK;
}

enum lamina_status lm_build_parts(struct lm_experiment *experiment, const struct lm_value *map,
                                  struct lm_error *error)
{
  experiment->parts = lm_alloc(map->count, sizeof *experiment->parts);
  if (experiment->parts == NULL) {
    return lm_fail_memory(error, map->count * sizeof *experiment->parts);
  }
  for (size_t i = 0; i < map->count; i++) {
    LM_TRY(add_part(experiment, &map->pairs[i], error));
  }
  return LAMINA_OK;
}

static enum lamina_status refuse_later(const struct lm_experiment *experiment, uint32_t node,
                                       const char *does, int32_t other, struct lm_error *error)
{
  const struct lm_graph *graph = experiment->graph;
  const struct lm_node *later = graph->nodes[other];
  return lm_fail_at(error, LAMINA_E_INVALID, &graph->nodes[node]->instance->where,
                    "node '%s' of part '%s' %s '%s' (line %d) of part '%s', expected a node of its "
                    "own part or of one before it",
                    graph->nodes[node]->name, lm_experiment_part_of(experiment, node)->name, does,
                    later->name, later->instance->where.line,
                    lm_experiment_part_of(experiment, (uint32_t)other)->name);
}

enum lamina_status lm_build_check_order(const struct lm_experiment *experiment, uint32_t node,
                                        struct lm_error *error)
{
  const struct lm_node *self = experiment->graph->nodes[node];
  const struct lm_part *part = lm_experiment_part_of(experiment, node);
  if (part == NULL) {
    return LAMINA_OK;
  }
  int32_t end = (int32_t)(part->first + part->count);
  for (uint32_t i = 0; i < self->n_inputs; i++) {
    if (self->inputs[i].node >= end) {
      return refuse_later(experiment, node, "reads", self->inputs[i].node, error);
    }
  }
  return self->share >= end
             ? refuse_later(experiment, node, "shares the weights of", self->share, error)
             : LAMINA_OK;
}

enum lamina_status lm_build_find_part(const struct lm_experiment *experiment, const char *name,
                                      const struct lm_part **out, struct lm_error *error)
{
  const struct lm_part *parts = experiment->parts;
  for (uint32_t i = 0; i < experiment->n_parts; i++) {
    if (strcmp(parts[i].name, name) == 0) {
      *out = &parts[i];
      return LAMINA_OK;
    }
  }
  if (experiment->n_parts == 0) {
    return lm_fail(error, LAMINA_E_INVALID,
                   "there is no part '%s': the model is one list of nodes, expected a map of named "
                   "parts such as {encoder: [...], decoder: [...]}",
                   name);
  }
  const char *nearest = lm_spelling_nearest(name, parts, experiment->n_parts, sizeof *parts);
  (void)lm_fail(error, LAMINA_E_INVALID, "the model has no part '%s'", name);
  if (nearest != NULL) {
    lm_error_suffix(error, ", did you mean '%s'?", nearest);
    return LAMINA_E_INVALID;
  }
  for (uint32_t i = 0; i < experiment->n_parts; i++) {
    lm_error_suffix(error, "%s '%s'", i == 0 ? "; there are" : ",", parts[i].name);
  }
  return LAMINA_E_INVALID;
}
