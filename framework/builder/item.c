/*
 * Items: how lists in an experiment name a plugin, its settings, and what the host is told.
 */
#include <stdio.h>
#include <string.h>

#include "builder/builder_internal.h"

static bool is_host_key(const char *key, const struct lm_key *keys)
{
  for (size_t i = 0; keys[i].name != NULL; i++) {
    if (strcmp(keys[i].name, key) == 0) {
      return true;
    }
  }
  return false;
}

static void list_keys(const struct lm_key *keys, struct lm_error *error)
{
  for (size_t i = 0; keys[i].name != NULL; i++) {
    lm_error_suffix(error, "%s%s", i == 0 ? "" : ", ", keys[i].name);
  }
}

/* Two keys that are not the host's: one is a plugin, the other likely a misspelt host key. */
static enum lamina_status refuse_second(const struct lm_pair *first, const struct lm_pair *second,
                                        const char *what, const struct lm_key *keys,
                                        struct lm_error *error)
{
  size_t count = lm_keys_count(keys);
  const char *near_first = lm_spelling_nearest(first->key, keys, count, sizeof *keys);
  const char *near_second = lm_spelling_nearest(second->key, keys, count, sizeof *keys);
  const struct lm_pair *odd = near_second == NULL && near_first != NULL ? first : second;
  const char *near = odd == first ? near_first : near_second;
  (void)lm_fail_at(error, LAMINA_E_INVALID, &odd->key_where, "unknown key '%s' beside '%s' in %s",
                   odd->key, odd == first ? second->key : first->key, what);
  if (near != NULL) {
    lm_error_suffix(error, ", did you mean '%s'?", near);
  } else {
    lm_error_suffix(error, ", expected one of ");
    list_keys(keys, error);
  }
  lm_error_suffix(error, " (settings of a plugin are indented below its name)");
  return LAMINA_E_INVALID;
}

enum lamina_status lm_item_parse(struct lm_value *value, const char *what,
                                 const struct lm_key *keys, struct lm_item *item,
                                 struct lm_error *error)
{
  char found[80];
  const struct lm_pair *component = NULL;
  *item = (struct lm_item){.value = value};
  if (value->kind == LM_VALUE_SCALAR) {
    return lm_component_parse(value, what, &item->spec, error);
  }
  if (value->kind != LM_VALUE_MAP) {
    return lm_fail_at(error, LAMINA_E_INVALID, &value->where,
                      "%s is %s, expected a plugin's name or {name: {settings}}", what,
                      lm_value_describe(value, found, sizeof found));
  }
  for (size_t i = 0; i < value->count; i++) {
    if (is_host_key(value->pairs[i].key, keys)) {
      continue;
    }
    if (component != NULL) {
      return refuse_second(component, &value->pairs[i], what, keys, error);
    }
    component = &value->pairs[i];
  }
  if (component == NULL) {
    return lm_fail_at(error, LAMINA_E_INVALID, &value->where,
                      "%s names no plugin, expected {name: {settings}}", what);
  }
  struct lm_pair pair = *component;
  struct lm_value wrapped = {
      .kind = LM_VALUE_MAP, .where = value->where, .pairs = &pair, .count = 1};
  LM_TRY(lm_component_parse(&wrapped, what, &item->spec, error));
  item->spec.name = component->key;
  return LAMINA_OK;
}

struct lm_value *lm_item_get(const struct lm_item *item, const char *key)
{
  return item->value->kind == LM_VALUE_MAP ? lm_value_get(item->value, key) : NULL;
}

enum lamina_status lm_item_make_room(struct lm_experiment *experiment, struct lm_item *item,
                                     uint32_t kind, struct lm_error *error)
{
  const struct lm_plugin *plugin;
  struct lm_config *config = experiment->host.config;
  if (item->spec.map != NULL) {
    return LAMINA_OK;
  }
  enum lamina_status found =
      lm_registry_find(experiment->host.registry, kind, item->spec.name, &plugin, NULL);
  if (found != LAMINA_OK || plugin->info.n_settings == 0) {
    return LAMINA_OK; /* the refusal is told by whoever makes the instance */
  }
  struct lm_value *map = lm_config_map(config, &item->spec.where);
  if (item->value->kind == LM_VALUE_SCALAR) {
    item->value->kind = LM_VALUE_MAP;
  }
  if (map == NULL || !lm_config_set(config, item->value, item->spec.name, map)) {
    return lm_fail_memory(error, 0);
  }
  item->spec.map = map;
  return LAMINA_OK;
}

enum lamina_status lm_item_instance(struct lm_experiment *experiment, struct lm_item *item,
                                    uint32_t kind, const char *role, struct lm_instance **out,
                                    struct lm_error *error)
{
  LM_TRY(lm_item_make_room(experiment, item, kind, error));
  struct lm_instance_spec spec = item->spec;
  spec.kind = kind;
  spec.role = role;
  return lm_instance_create(&experiment->host, &spec, out, error);
}

void lm_items_of(struct lm_value *section, struct lm_items *items)
{
  *items = (struct lm_items){0};
  if (lm_value_is_null(section)) {
    return;
  }
  items->single[0] = section;
  items->items = section->kind == LM_VALUE_LIST ? section->items : items->single;
  items->count = section->kind == LM_VALUE_LIST ? section->count : 1;
}
