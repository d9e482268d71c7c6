/*
 * The host as plugins see it: the table of services, calls, and instances of plugins.
 *
 * A struct lm_call is what stands behind a struct lamina_call: it holds the tensors that the
 * called function may reach and nothing else, so that what was not declared cannot be had. A
 * call is prepared once and used for every step; using it allocates nothing.
 *
 * Floor 4. Knows plugins and memory, not graphs.
 */
#ifndef LM_HOST_HOST_H
#define LM_HOST_HOST_H

#include <stdatomic.h>

#include <lamina/epilogue.h>
#include <lamina/span.h>

#include "base/pool.h"
#include "base/rng.h"
#include "registry/registry.h"
#include "settings/settings.h"

struct lm_service;

/** What all parts of one experiment share. */
struct lm_host {
  struct lm_registry *registry;                                /* borrowed */
  struct lm_pool *pool;                                        /* borrowed */
  uint64_t seed;                                               /* of every stream */
  void (*log)(void *arg, int32_t level, const char *sentence); /* may be NULL */
  void *log_arg;
  struct lm_config *config;          /* borrowed; may be NULL */
  struct lm_value *service_settings; /* the experiment's `services:` map, or NULL */
  struct lm_service *services;       /* owned: list of the services in use */
};

/** Releases the services; the rest is borrowed. */
void lm_host_release(struct lm_host *host);

/** Tensors of one role. views[i] NULL: not reachable. */
struct lm_views {
  const struct lamina_view *const *views;
  uint32_t count;
};

/** Gradients of one role. */
struct lm_gradients {
  const struct lamina_view *const *views; /* NULL entry: not reachable, or LAMINA_SKIP */
  const uint32_t *requests;               /* NULL: all LAMINA_WRITE */
  uint32_t count;
};

enum { LM_ROLES = 6, LM_GRADIENT_ROLES = 3 };

struct lm_instance;
struct lm_call;

/** How the output of a layer is made once more in backward: by who made its input, and itself. */
struct lm_remake {
  lamina_span_fn again; /* of that layer's observer; NULL: nothing is made */
  struct lm_call *call; /* of its backward */
  lamina_span_fn value;
};

/**
 * A function of a layer that runs in another's pass, and the whole tensors that it works on: as
 * in struct lamina_span. A backward of several gradients is as many of these.
 */
struct lm_fused {
  lamina_span_fn function;
  int32_t (*prepare)(const void *self, struct lamina_call *call, uint32_t pass); /* or NULL */
  struct lm_call *call; /* of the fused layer */
  const float *from, *ref;
  float *to;     /* NULL: of an observer */
  bool observes; /* the call runs afterwards, and is told that it has seen all */
  const struct lamina_view *const *inputs; /* values: fields of the data move between runs */
  uint32_t n_inputs;
  uint32_t add, input;
  struct lm_remake remake; /* ref */
};

/** What runs on each piece of a tensor, in this order. */
struct lm_epilogue {
  struct lamina_epilogue base; /* first: plugins see this */
  uint32_t what, index;        /* whose pieces are handed over, as in lamina_epilogue() */
  struct lm_fused *fused;
  uint32_t n_fused;
  bool remakes;              /* one of them needs what is made once more */
  int64_t total;             /* elements of the tensor */
  _Atomic(int64_t) finished; /* elements handed over so far */
};

/** The host's side of a call. Zero-initialise; lm_call_init() fills the first fields. */
struct lm_call {
  struct lamina_call base; /* first: plugins see this */
  struct lm_host *host;
  struct lm_instance *instance;
  const char *pass;       /* "forward", "setup", ... for messages */
  struct lm_error *error; /* where a failure is told */
  atomic_flag told;       /* error is filled */
  bool failed;
  bool observed;        /* its observer was shown all that this call is to work on */
  bool may_keep_memory; /* lamina_memory() is allowed: setup and open */
  uint32_t mode;        /* LAMINA_MODE_* */
  struct lm_views tensors[LM_ROLES];
  struct lm_gradients gradients[LM_GRADIENT_ROLES];
  char *shared_scratch;
  char *lane_scratch; /* lane i at lane_scratch + i * lane_stride */
  size_t lane_stride;
  struct lm_stream stream;
  uint64_t step;
  uint32_t purposes;            /* bit p: purpose p was declared */
  struct lm_epilogue *epilogue; /* borrowed; NULL: nothing is fused into this call */
};

/** Prepares a call of an instance's function. */
void lm_call_init(struct lm_call *call, struct lm_host *host, struct lm_instance *instance,
                  const char *pass);

/** Forgets the failure of an earlier use and says where the next one is told. */
static inline void lm_call_begin(struct lm_call *call, struct lm_error *error)
{
  call->error = error;
  if (call->failed) {
    call->failed = false;
    atomic_flag_clear(&call->told);
  }
}

/** The extension of an elementwise layer; NULL if the instance is none. */
const struct lamina_pointwise *lm_instance_pointwise(const struct lm_instance *instance);

/** The extension of a layer that looks on; NULL if it has none. */
const struct lamina_observer *lm_instance_observer(const struct lm_instance *instance);

/** Sets the function that plugins call; the other fields are the caller's to set. */
void lm_epilogue_init(struct lm_epilogue *epilogue);

/**
 * Prepares the epilogue and the calls of the layers in it for one use: lm_call_begin() for each
 * of them, their step, and their own preparation, which may fail.
 */
enum lamina_status lm_epilogue_begin(struct lm_epilogue *epilogue, uint64_t step,
                                     struct lm_error *error) LM_MUST_CHECK;

/** Turns what a call with an epilogue returned into a status: every element must have been
 *  handed over. Takes the place of lm_call_end(). */
enum lamina_status lm_epilogue_end(struct lm_call *call, int32_t returned);

/**
 * Turns what a plugin returned into a status: a failure without a sentence gets one, success
 * after lamina_fail() is a broken contract.
 */
enum lamina_status lm_call_end(struct lm_call *call, int32_t returned);

/** A plugin with its settings filled in. */
struct lm_instance {
  const struct lm_plugin *plugin; /* borrowed from the registry */
  void *self;                     /* the plugin's own struct */
  char *label;                    /* "node 'hidden' (layer 'dense' 1.0.0)" */
  struct lm_where where;          /* where the experiment uses it; file is owned by config */
  struct lm_settings_memory settings;
  void **blocks; /* of lamina_memory() */
  size_t n_blocks, blocks_capacity;
};

/** What an instance is to be made of. */
struct lm_instance_spec {
  uint32_t kind;
  const char *name;      /* of the plugin */
  struct lm_value *map;  /* its settings, or NULL */
  struct lm_where where; /* of its use */
  const char *role;      /* "node 'hidden'", or NULL: only the plugin is named */
};

/**
 * Finds the plugin, fills its settings and runs its setup().
 * @param out  owned by the caller, release with lm_instance_free()
 */
enum lamina_status lm_instance_create(struct lm_host *host, const struct lm_instance_spec *spec,
                                      struct lm_instance **out,
                                      struct lm_error *error) LM_MUST_CHECK;
void lm_instance_free(struct lm_instance *instance);

/**
 * Takes apart how experiments name components: `name`, or `{name: {settings}}`.
 * @param what  for messages: "the loss"
 * @param spec  name, map and where are set; name is borrowed from value
 */
enum lamina_status lm_component_parse(const struct lm_value *value, const char *what,
                                      struct lm_instance_spec *spec,
                                      struct lm_error *error) LM_MUST_CHECK;

/** The interface of a service id; makes the service's instance the first time. */
enum lamina_status lm_service_find(struct lm_host *host, const char *id, const void **out,
                                   struct lm_error *error) LM_MUST_CHECK;

/** The same if the experiment's `services:` map names a plugin for it; otherwise *out is NULL. */
enum lamina_status lm_service_chosen(struct lm_host *host, const char *id, const void **out,
                                     struct lm_error *error) LM_MUST_CHECK;

/**
 * Refuses a key of the experiment's `services:` map that is neither the name of a service in
 * use nor of a plugin, and so a misspelt one. Call it when all instances are made.
 */
enum lamina_status lm_service_check(struct lm_host *host, struct lm_error *error) LM_MUST_CHECK;

/** The built-in service "lamina.files/1". */
const struct lamina_files *lm_files_service(void);

/** Keeps a block until the instance is freed; releases it at once when memory is short. */
bool lm_instance_keep(struct lm_instance *instance, void *block);

#endif
