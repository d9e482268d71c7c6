/*
 * A home: one instance of a plugin, made as a run makes it (registry, settings, setup), with a
 * pool of its own, and the ends at which its calls are watched.
 */
#ifndef LM_CONFORM_HOME_H
#define LM_CONFORM_HOME_H

#include "graph/recorder.h"

enum { LM_HOME_SEED = 11 };

/** The name under which all homes draw their random words, as an executor's node would. */
#define LM_HOME_STREAM "node/probe"

/** What a plugin did to memory that is not its own. */
enum lm_breach {
  LM_BREACH_OUTSIDE = 0, /* wrote beyond what it was given */
  LM_BREACH_CONSTANT     /* changed what it may only read */
};

/** Who is told about calls of the plugin's functions. All members but arg may be NULL. */
struct lm_observer {
  void *arg;
  void (*enter)(void *arg, const char *pass, const char *label);
  void (*leave)(void *arg);
  void (*breach)(void *arg, enum lm_breach breach, const char *sentence);
};

/** What a home is to be made of. */
struct lm_home_spec {
  struct lm_registry *registry; /* borrowed */
  uint32_t kind;
  const char *name;
  const char *settings;         /* YAML, "{units: 4}"; NULL: none */
  const char *const *overrides; /* n_overrides texts "key=value" that come on top */
  size_t n_overrides;
  const char *services; /* YAML, "{gemm: gemm_blis}"; NULL: those that stand for themselves */
  const char *file;     /* of the experiment, for relative paths and messages; NULL: "probe.yaml" */
  uint32_t threads;
  bool shuffled;                      /* chunks of loops run in a shuffled order, see base/pool.h */
  uint64_t seed;                      /* 0: LM_HOME_SEED */
  const struct lm_observer *observer; /* borrowed; may be NULL */
};

struct lm_home {
  struct lm_pool *pool;
  struct lm_config *config;
  struct lm_config *services; /* NULL: none were chosen */
  struct lm_host host;
  struct lm_instance *instance;
  const struct lm_observer *observer;
  char *settings; /* as they were given; "" if none were */
  char *label;    /* "layer 'dense' {units: 4}" */
  uint32_t users;
};

/** Makes an instance. Release with lm_home_free(), once for each user. */
enum lamina_status lm_home_create(const struct lm_home_spec *spec, struct lm_home **out,
                                  struct lm_error *error) LM_MUST_CHECK;
void lm_home_free(struct lm_home *home);

/** Around each call of the plugin's functions: tells the observer. */
void lm_home_enter(const struct lm_home *home, const char *pass, const char *label);
void lm_home_leave(const struct lm_home *home);

/** One number of the sequence that a seed stands for, evenly from 0 to below. */
uint64_t lm_draw(uint64_t *seed, uint64_t below);

#endif
