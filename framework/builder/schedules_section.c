/*
 * `schedule:` beside a node, a loss or a regularizer: from the names of its settings to the
 * schedules of their factors. What is made of it here is a list of numbers in memory that the
 * trainer writes; only settings whose plugin reads them anew in each call are in it.
 */
#include <string.h>

#include "base/memory.h"
#include "builder/builder_internal.h"

/* Whose schedules are being made. */
struct owner {
  struct lm_instance *instance;
  double *weight; /* of a loss; NULL: it is none */
};

static struct lm_settings table_of(const struct lm_instance *instance)
{
  const struct lamina_plugin *info = &instance->plugin->info;
  return (struct lm_settings){instance->label, info->settings, info->n_settings,
                              info->setting_stride};
}

static bool may_be_scheduled(const struct lamina_setting *row)
{
  return (row->flags & LAMINA_SETTING_SCHEDULABLE) != 0 && row->replaced_by == NULL;
}

static const struct lamina_setting *find_row(const struct lm_settings *table, const char *name)
{
  for (size_t i = 0; i < table->count; i++) {
    const struct lamina_setting *row = lm_settings_row(table, i);
    if (strcmp(row->name, name) == 0) {
      return row;
    }
  }
  return NULL;
}

/* A key that names nothing that may be scheduled: says what may. */
static enum lamina_status refuse_key(const struct owner *owner, const struct lm_pair *pair,
                                     struct lm_error *error)
{
  const struct lm_settings table = table_of(owner->instance);
  const char **names = lm_alloc(table.count + 1, sizeof *names);
  size_t count = 0;
  if (names == NULL) {
    return lm_fail_memory(error, 0);
  }
  if (owner->weight != NULL) {
    names[count++] = "weight";
  }
  for (size_t i = 0; i < table.count; i++) {
    if (may_be_scheduled(lm_settings_row(&table, i))) {
      names[count++] = lm_settings_row(&table, i)->name;
    }
  }
  bool known = find_row(&table, pair->key) != NULL;
  const char *nearest = known ? NULL : lm_spelling_nearest(pair->key, names, count, sizeof *names);
  (void)lm_fail_at(error, LAMINA_E_INVALID, &pair->key_where,
                   known ? "setting '%s' of %s may not be scheduled"
                         : "schedule: there is no '%s' of %s",
                   pair->key, owner->instance->label);
  if (nearest != NULL) {
    lm_error_suffix(error, ", did you mean '%s'?", nearest);
  } else {
    lm_error_suffix(error, count == 0 ? "; none of its settings may be" : "; what may be:");
    for (size_t i = 0; i < count; i++) {
      lm_error_suffix(error, "%s '%s'", i == 0 ? "" : ",", names[i]);
    }
  }
  lm_free(names);
  return LAMINA_E_INVALID;
}

static enum lamina_status add_schedule(struct lm_experiment *experiment, const struct owner *owner,
                                       const struct lm_pair *pair, struct lm_error *error)
{
  const struct lm_settings table = table_of(owner->instance);
  bool is_weight = owner->weight != NULL && strcmp(pair->key, "weight") == 0;
  const struct lamina_setting *row = is_weight ? NULL : find_row(&table, pair->key);
  struct lm_item item;
  if (!is_weight && (row == NULL || !may_be_scheduled(row))) {
    return refuse_key(owner, pair, error);
  }
  if (lm_value_is_null(pair->value)) {
    return LAMINA_OK;
  }
  if (!lm_grow((void **)&experiment->scheduled, &experiment->scheduled_capacity,
               experiment->n_scheduled + 1, sizeof *experiment->scheduled)) {
    return lm_fail_memory(error, 0);
  }
  struct lm_scheduled *scheduled = &experiment->scheduled[experiment->n_scheduled];
  char *field = (char *)owner->instance->self + (row == NULL ? 0 : row->offset);
  *scheduled = (struct lm_scheduled){
      .of = owner->instance,
      .setting = row,
      .number = is_weight ? owner->weight : (double *)(void *)field,
  };
  scheduled->value = *scheduled->number;
  LM_TRY(lm_item_parse(pair->value, "a schedule", lm_no_keys, &item, error));
  LM_TRY(
      lm_item_instance(experiment, &item, LAMINA_KIND_SCHEDULE, NULL, &scheduled->schedule, error));
  experiment->n_scheduled++;
  return LAMINA_OK;
}

static enum lamina_status add_schedules(struct lm_experiment *experiment, const struct owner *owner,
                                        const struct lm_value *item, struct lm_error *error)
{
  char found[80];
  const struct lm_value *map = item->kind == LM_VALUE_MAP ? lm_value_get(item, "schedule") : NULL;
  if (lm_value_is_null(map)) {
    return LAMINA_OK;
  }
  if (map->kind != LM_VALUE_MAP) {
    return lm_fail_at(error, LAMINA_E_INVALID, &map->where,
                      "schedule of %s is %s, expected a map such as {%s: warmup}",
                      owner->instance->label, lm_value_describe(map, found, sizeof found),
                      owner->weight != NULL ? "weight" : "setting");
  }
  for (size_t i = 0; i < map->count; i++) {
    LM_TRY(add_schedule(experiment, owner, &map->pairs[i], error));
  }
  return LAMINA_OK;
}

enum lamina_status lm_build_schedules(struct lm_experiment *experiment, struct lm_error *error)
{
  struct lm_items items;
  for (uint32_t i = 0; i < experiment->graph->n_nodes; i++) {
    struct lm_node *node = experiment->graph->nodes[i];
    struct owner owner = {node->instance, node->kind == LM_NODE_LOSS ? &node->loss_weight : NULL};
    LM_TRY(add_schedules(experiment, &owner, experiment->nodes[i], error));
  }
  lm_items_of(lm_value_get(lm_config_root(experiment->config), "regularizers"), &items);
  for (uint32_t i = 0; i < experiment->n_regularizers; i++) {
    struct owner owner = {experiment->regularizers[i].instance, NULL};
    LM_TRY(add_schedules(experiment, &owner, items.items[i], error));
  }
  return LAMINA_OK;
}
