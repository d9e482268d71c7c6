/*
 * Named services: "lamina.gemm/1" is asked of the plugin service_gemm, or of the one that the
 * experiment's `services:` map puts in its place. Each id is resolved once.
 */
#include <string.h>

#include <lamina/files.h>

#include "base/memory.h"
#include "host/host.h"

/** A service in use. */
struct lm_service {
  struct lm_service *next;
  struct lm_instance *instance;
  const void *interface; /* NULL while it is made */
  char id[];
};

void lm_host_release(struct lm_host *host)
{
  while (host->services != NULL) {
    struct lm_service *next = host->services->next;
    lm_instance_free(host->services->instance);
    lm_free(host->services);
    host->services = next;
  }
}

/* The part of the id between the last '.' and the '/': the service's short name. */
static bool short_name(const char *id, char *out, size_t size)
{
  const char *slash = strchr(id, '/');
  const char *dot = NULL;
  for (const char *p = id; slash != NULL && p < slash; p++) {
    dot = *p == '.' ? p : dot;
  }
  if (dot == NULL || (size_t)(slash - dot - 1) >= size || slash - dot < 2) {
    return false;
  }
  memcpy(out, dot + 1, (size_t)(slash - dot - 1));
  out[slash - dot - 1] = '\0';
  return true;
}

/* What the experiment's map has for a short name; NULL for nothing. */
static struct lm_value *choice(const struct lm_host *host, const char *name)
{
  struct lm_value *chosen =
      host->service_settings == NULL ? NULL : lm_value_get(host->service_settings, name);
  return lm_value_is_null(chosen) ? NULL : chosen;
}

static enum lamina_status make_service(struct lm_host *host, struct lm_service *service,
                                       struct lm_error *error)
{
  char name[64];
  if (!short_name(service->id, name, sizeof name)) {
    return lm_fail(error, LAMINA_E_MISSING,
                   "there is no service '%s': an id looks like lamina.gemm/1", service->id);
  }
  struct lm_instance_spec spec = {.kind = LAMINA_KIND_SERVICE, .name = name};
  struct lm_value *chosen = choice(host, name);
  if (chosen != NULL) {
    LM_TRY(lm_component_parse(chosen, "a service", &spec, error));
  }
  LM_TRY(lm_instance_create(host, &spec, &service->instance, error));
  service->interface =
      service->instance->plugin->table.service.interface(service->instance->self, service->id);
  if (service->interface == NULL) {
    return lm_fail_at(error, LAMINA_E_MISSING, &service->instance->where,
                      "%s does not offer the service '%s'", service->instance->label, service->id);
  }
  return LAMINA_OK;
}

/* Others may have been made in front of it meanwhile. */
static void remove_service(struct lm_host *host, struct lm_service *service)
{
  struct lm_service **link = &host->services;
  while (*link != service) {
    link = &(*link)->next;
  }
  *link = service->next;
  lm_instance_free(service->instance);
  lm_free(service);
}

enum lamina_status lm_service_find(struct lm_host *host, const char *id, const void **out,
                                   struct lm_error *error)
{
  if (strcmp(id, LAMINA_FILES_ID) == 0) {
    *out = lm_files_service();
    return LAMINA_OK;
  }
  for (struct lm_service *known = host->services; known != NULL; known = known->next) {
    if (strcmp(known->id, id) == 0) {
      *out = known->interface;
      return *out != NULL ? LAMINA_OK
                          : lm_fail(error, LAMINA_E_PLUGIN, "the service '%s' needs itself", id);
    }
  }
  size_t length = strlen(id) + 1;
  struct lm_service *service = lm_alloc(1, sizeof *service + length);
  if (service == NULL) {
    return lm_fail_memory(error, sizeof *service + length);
  }
  memcpy(service->id, id, length);
  service->next = host->services;
  host->services = service; /* before it is made, so that it cannot be made again in there */
  enum lamina_status status = make_service(host, service, error);
  if (status != LAMINA_OK) {
    remove_service(host, service);
    return status;
  }
  *out = service->interface;
  return LAMINA_OK;
}

enum lamina_status lm_service_chosen(struct lm_host *host, const char *id, const void **out,
                                     struct lm_error *error)
{
  char name[64];
  *out = NULL;
  if (!short_name(id, name, sizeof name) || choice(host, name) == NULL) {
    return LAMINA_OK;
  }
  return lm_service_find(host, id, out, error);
}

/* Whether a service of that short name is in use. */
static bool is_used(const struct lm_host *host, const char *name)
{
  char used[64];
  for (const struct lm_service *service = host->services; service != NULL;
       service = service->next) {
    if (short_name(service->id, used, sizeof used) && strcmp(used, name) == 0) {
      return true;
    }
  }
  return false;
}

enum lamina_status lm_service_check(struct lm_host *host, struct lm_error *error)
{
  const struct lm_value *map = host->service_settings;
  for (size_t i = 0; map != NULL && i < map->count; i++) {
    const struct lm_pair *pair = &map->pairs[i];
    const struct lm_plugin *plugin = NULL;
    if (is_used(host, pair->key)) {
      continue;
    }
    enum lamina_status status =
        lm_registry_find(host->registry, LAMINA_KIND_SERVICE, pair->key, &plugin, error);
    if (status != LAMINA_OK) {
      lm_error_prefix(error, "%s:%d:%d: no plugin here uses a service '%s'", pair->key_where.file,
                      pair->key_where.line, pair->key_where.column, pair->key);
      return status;
    }
  }
  return LAMINA_OK;
}
