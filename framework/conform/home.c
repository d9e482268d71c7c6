/*
 * An instance as experiments make it: the settings are a line of YAML that goes through the
 * same reader and binder, and setup() runs as in a training.
 */
#include "conform/home.h"

#include <string.h>

#include "base/memory.h"

static enum lamina_status make_instance(struct lm_home *home, const struct lm_home_spec *spec,
                                        struct lm_error *error)
{
  const char *file = spec->file == NULL ? "probe.yaml" : spec->file;
  char *text = lm_format("%s: %s\n", spec->name, spec->settings == NULL ? "{}" : spec->settings);
  if (text == NULL) {
    return lm_fail_memory(error, 0);
  }
  enum lamina_status status =
      lm_config_parse(text, strlen(text), file, NULL, 0, &home->config, error);
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

static enum lamina_status fill(struct lm_home *home, const struct lm_home_spec *spec,
                               struct lm_error *error)
{
  const char *settings = spec->settings == NULL ? "" : spec->settings;
  home->label = lm_format("%s '%s'%s%s", lm_kind_name(spec->kind), spec->name,
                          settings[0] == '\0' ? "" : " ", settings);
  if (home->label == NULL) {
    return lm_fail_memory(error, 0);
  }
  LM_TRY(spec->shuffled ? lm_pool_create_shuffled(spec->threads, 5, &home->pool, error)
                        : lm_pool_create(spec->threads, &home->pool, error));
  home->host.registry = spec->registry;
  home->host.pool = home->pool;
  home->host.seed = spec->seed == 0 ? LM_HOME_SEED : spec->seed;
  home->observer = spec->observer;
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
  lm_pool_free(home->pool);
  lm_free(home->label);
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
