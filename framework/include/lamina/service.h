/*
 * Services: code that several plugins need, offered by one plugin under an id.
 *
 * "lamina.gemm/1" is offered by the plugin service_gemm unless the experiment names another:
 * services: {gemm: gemm_openblas}. The middle of an id is the service's name. An interface is
 * a struct that begins with its size and a self pointer, which its functions take first.
 */
#ifndef LAMINA_SERVICE_H
#define LAMINA_SERVICE_H

#include <lamina/plan.h>

#ifdef __cplusplus
extern "C" {
#endif

/** The table of a service. Append-only. */
struct lamina_service {
  uint32_t size, caps; /* caps: 0 */

  /** Prepares the instance. Optional. */
  int32_t (*setup)(void *self, struct lamina_call *call);

  /** The interface of that id, borrowed for the life of the instance; NULL if not offered. */
  const void *(*interface)(void *self, const char *id);

  const void *(*extension)(const char *id);
};

/**
 * The table of a service that a plugin can do without: only the plugin that the experiment's
 * `services:` map names for it is asked, and otherwise there is none. [setup]
 *
 * @param out  borrowed for the life of the instance; NULL when the map has no such name
 * @return otherwise what went wrong, and the host has recorded the sentence
 */
static inline int32_t lamina_chosen_service(struct lamina_call *call, const char *id,
                                            const void **out)
{
  return call->host->chosen_service(call, id, out);
}

/** Defines a service plugin; arguments as of LAMINA_LAYER. */
#define LAMINA_SERVICE(...) LAMINA_SERVICE_(__VA_ARGS__)
#define LAMINA_SERVICE_(name, version, summary, T, rows, n, ...)     \
  static const struct lamina_service lamina_table_ = {               \
      .size = (uint32_t)sizeof(struct lamina_service), __VA_ARGS__}; \
  LAMINA_PLUGIN(SERVICE, service, name, version, summary, T, rows, n, &lamina_table_)

#ifdef __cplusplus
}
#endif
#endif
