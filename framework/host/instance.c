/*
 * Instances: memory of the plugin's own struct, its settings, its setup().
 *
 * While a plugin's slow functions run, the guard names it, so that a program that crashes in
 * one can say in which.
 */
#include <string.h>

#include "base/memory.h"
#include "host/host.h"

bool lm_instance_keep(struct lm_instance *instance, void *block)
{
  if (!lm_grow((void **)&instance->blocks, &instance->blocks_capacity, instance->n_blocks + 1,
               sizeof *instance->blocks)) {
    lm_free(block);
    return false;
  }
  instance->blocks[instance->n_blocks++] = block;
  return true;
}

void lm_instance_free(struct lm_instance *instance)
{
  if (instance == NULL) {
    return;
  }
  for (size_t i = 0; i < instance->n_blocks; i++) {
    lm_free(instance->blocks[i]);
  }
  lm_free(instance->blocks);
  lm_settings_memory_release(&instance->settings);
  lm_free(instance->self);
  lm_free(instance->label);
  lm_free(instance);
}

static char *make_label(const struct lm_instance_spec *spec, const struct lm_plugin *plugin)
{
  const char *kind = lm_kind_name(spec->kind);
  if (spec->role == NULL) {
    return lm_format("%s '%s' %s", kind, spec->name, plugin->info.version);
  }
  return lm_format("%s (%s '%s' %s)", spec->role, kind, spec->name, plugin->info.version);
}

static enum lamina_status fill_settings(struct lm_host *host, const struct lm_instance_spec *spec,
                                        struct lm_instance *instance, struct lm_error *error)
{
  const struct lamina_plugin *info = &instance->plugin->info;
  struct lm_settings table = {.owner = instance->label,
                              .rows = info->settings,
                              .count = info->n_settings,
                              .stride = info->setting_stride};
  struct lm_settings_use use = {.config = host->config, .map = spec->map, .where = spec->where};
  LM_TRY(lm_settings_check(&table, info->instance_bytes, error));
  return lm_settings_fill(&table, &use, instance->self, &instance->settings, error);
}

typedef int32_t (*setup_fn)(void *self, struct lamina_call *call);

static setup_fn setup_of(const struct lm_plugin *plugin)
{
  switch (plugin->info.kind) {
    case LAMINA_KIND_LAYER:
    case LAMINA_KIND_LOSS:
      return plugin->table.layer.setup;
    case LAMINA_KIND_OPTIMIZER:
      return plugin->table.optimizer.setup;
    case LAMINA_KIND_REGULARIZER:
      return plugin->table.regularizer.setup;
    case LAMINA_KIND_INITIALIZER:
      return plugin->table.initializer.setup;
    case LAMINA_KIND_SCHEDULE:
      return plugin->table.schedule.setup;
    case LAMINA_KIND_METRIC:
      return plugin->table.metric.setup;
    case LAMINA_KIND_DATASET:
      return plugin->table.dataset.setup;
    case LAMINA_KIND_TRANSFORM:
      return plugin->table.transform.setup;
    case LAMINA_KIND_SERVICE:
      return plugin->table.service.setup;
    default:
      return NULL;
  }
}

static enum lamina_status run_setup(struct lm_host *host, struct lm_instance *instance,
                                    struct lm_error *error)
{
  setup_fn setup = setup_of(instance->plugin);
  if (setup == NULL) {
    return LAMINA_OK;
  }
  struct lm_call call;
  lm_call_init(&call, host, instance, "setup");
  call.may_keep_memory = true;
  lm_call_begin(&call, error);
  const char *previous = lm_guard_enter(instance->label);
  int32_t returned = setup(instance->self, &call.base);
  lm_guard_leave(previous);
  return lm_call_end(&call, returned);
}

enum lamina_status lm_instance_create(struct lm_host *host, const struct lm_instance_spec *spec,
                                      struct lm_instance **out, struct lm_error *error)
{
  enum lamina_status status = LAMINA_OK;
  *out = NULL;
  struct lm_instance *instance = lm_alloc(1, sizeof *instance);
  if (instance == NULL) {
    return lm_fail_memory(error, sizeof *instance);
  }
  instance->where = spec->where;
  status = lm_registry_find(host->registry, spec->kind, spec->name, &instance->plugin, error);
  if (status != LAMINA_OK) {
    lm_error_prefix_at(error, &spec->where);
    goto fail;
  }
  instance->self =
      lm_alloc_aligned((size_t)instance->plugin->info.instance_bytes, LAMINA_ALIGNMENT);
  instance->label = make_label(spec, instance->plugin);
  if (instance->self == NULL || instance->label == NULL) {
    status = lm_fail_memory(error, instance->plugin->info.instance_bytes);
    goto fail;
  }
  LM_TRY_OR(fail, status, fill_settings(host, spec, instance, error));
  LM_TRY_OR(fail, status, run_setup(host, instance, error));
  *out = instance;
  return LAMINA_OK;

fail:
  lm_instance_free(instance);
  return status;
}

enum lamina_status lm_component_parse(const struct lm_value *value, const char *what,
                                      struct lm_instance_spec *spec, struct lm_error *error)
{
  char found[80];
  spec->where = value->where;
  spec->map = NULL;
  if (value->kind == LM_VALUE_SCALAR) {
    spec->name = value->text;
    return LAMINA_OK;
  }
  if (value->kind != LM_VALUE_MAP || value->count != 1) {
    return lm_fail_at(error, LAMINA_E_INVALID, &value->where,
                      "%s is %s, expected a plugin's name or {name: {settings}}", what,
                      value->kind == LM_VALUE_MAP ? "a map of several keys"
                                                  : lm_value_describe(value, found, sizeof found));
  }
  spec->name = value->pairs[0].key;
  spec->where = value->pairs[0].key_where;
  struct lm_value *settings = value->pairs[0].value;
  if (!lm_value_is_null(settings) && settings->kind != LM_VALUE_MAP) {
    return lm_fail_at(error, LAMINA_E_INVALID, &settings->where,
                      "the settings of '%s' are %s, expected a map such as {key: value}",
                      spec->name, lm_value_describe(settings, found, sizeof found));
  }
  spec->map = lm_value_is_null(settings) ? NULL : settings;
  return LAMINA_OK;
}
