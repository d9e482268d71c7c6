/*
 * An instance as experiments make it: the settings are a line of YAML that goes through the
 * same reader and binder, and setup() runs as in a training.
 */
#include "conform/home.h"

#include <string.h>

#include "base/memory.h"

enum { OVERRIDES = 32 };

/* Reads "name: settings" with the overrides on top of it. */
static enum lamina_status read_settings(struct lm_home *home, const struct lm_home_spec *spec,
                                        const char *text, struct lm_error *error)
{
  char *full[OVERRIDES];
  size_t count = 0;
  bool made = spec->n_overrides <= OVERRIDES;
  for (size_t i = 0; i < spec->n_overrides && made; i++) {
    full[count] = lm_format("%s.%s", spec->name, spec->overrides[i]);
    made = full[count] != NULL;
    count += made;
  }
  enum lamina_status status =
      !made ? lm_fail_memory(error, 0)
            : lm_config_parse(text, strlen(text), spec->file == NULL ? "probe.yaml" : spec->file,
                              (const char *const *)full, count, &home->config, error);
  for (size_t i = 0; i < count; i++) {
    lm_free(full[i]);
  }
  return status;
}

static enum lamina_status make_instance(struct lm_home *home, const struct lm_home_spec *spec,
                                        struct lm_error *error)
{
  char *text = lm_format("%s: %s\n", spec->name, spec->settings == NULL ? "{}" : spec->settings);
  if (text == NULL) {
    return lm_fail_memory(error, 0);
  }
  enum lamina_status status = read_settings(home, spec, text, error);
  lm_free(text);
  LM_TRY(status);
  home->host.config = home->config;
  struct lm_instance_spec instance = {0};
  LM_TRY(lm_component_parse(lm_config_root(home->config), "the plugin", &instance, error));
  instance.kind = spec->kind;
  lm_home_enter(home, "setup", home->label);
  status = lm_instance_create(&home->host, &instance, &home->instance, error);
  lm_home_leave(home);
  return status;
}

static enum lamina_status read_services(struct lm_home *home, const struct lm_home_spec *spec,
                                        struct lm_error *error)
{
  if (spec->services == NULL) {
    return LAMINA_OK;
  }
  LM_TRY(lm_config_parse(spec->services, strlen(spec->services), "services.yaml", NULL, 0,
                         &home->services, error));
  home->host.service_settings = lm_config_root(home->services);
  return LAMINA_OK;
}

static enum lamina_status make_label(struct lm_home *home, const struct lm_home_spec *spec,
                                     struct lm_error *error)
{
  const char *settings = spec->settings == NULL ? "" : spec->settings;
  bool empty = settings[0] == '\0' || strcmp(settings, "{}") == 0;
  struct lm_text label = {0};
  lm_text_addf(&label, "%s '%s'%s%s", lm_kind_name(spec->kind), spec->name, empty ? "" : " ",
               empty ? "" : settings);
  for (size_t i = 0; i < spec->n_overrides; i++) {
    lm_text_addf(&label, " %s", spec->overrides[i]);
  }
  home->label = lm_text_take(&label);
  home->settings = lm_copy_text(settings);
  return home->label == NULL || home->settings == NULL ? lm_fail_memory(error, 0) : LAMINA_OK;
}

static enum lamina_status fill(struct lm_home *home, const struct lm_home_spec *spec,
                               struct lm_error *error)
{
  LM_TRY(make_label(home, spec, error));
  LM_TRY(spec->shuffled ? lm_pool_create_shuffled(spec->threads, 5, &home->pool, error)
                        : lm_pool_create(spec->threads, &home->pool, error));
  home->host.registry = spec->registry;
  home->host.pool = home->pool;
  home->host.seed = spec->seed == 0 ? LM_HOME_SEED : spec->seed;
  home->observer = spec->observer;
  LM_TRY(read_services(home, spec, error));
  return make_instance(home, spec, error);
}

enum lamina_status lm_home_create(const struct lm_home_spec *spec, struct lm_home **out,
                                  struct lm_error *error)
{
  *out = NULL;
  struct lm_home *home = lm_alloc(1, sizeof *home);
  if (home == NULL) {
    return lm_fail_memory(error, sizeof *home);
  }
  home->users = 1;
  enum lamina_status status = fill(home, spec, error);
  if (status != LAMINA_OK) {
    lm_home_free(home);
    return status;
  }
  *out = home;
  return LAMINA_OK;
}

void lm_home_free(struct lm_home *home)
{
  if (home == NULL || --home->users > 0) {
    return;
  }
  lm_instance_free(home->instance);
  lm_host_release(&home->host);
  lm_config_free(home->config);
  lm_config_free(home->services);
  lm_pool_free(home->pool);
  lm_free(home->label);
  lm_free(home->settings);
  lm_free(home);
}

void lm_home_enter(const struct lm_home *home, const char *pass, const char *label)
{
  if (home->observer != NULL && home->observer->enter != NULL) {
    home->observer->enter(home->observer->arg, pass, label);
  }
}

void lm_home_leave(const struct lm_home *home)
{
  if (home->observer != NULL && home->observer->leave != NULL) {
    home->observer->leave(home->observer->arg);
  }
}

/* Steele, Lea, Flood: "Fast splittable pseudorandom number generators", OOPSLA 2014. */
uint64_t lm_draw(uint64_t *seed, uint64_t below)
{
  uint64_t z = (*seed += 0x9e3779b97f4a7c15u);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return (z ^ (z >> 31)) % below;
}
