/*
 * Experiments from YAML text, made by the real registry, builder and executor, for tests of what
 * lies behind them. A net is zero-initialised and released after every use, failed or not.
 */
#ifndef LM_TESTS_NET_H
#define LM_TESTS_NET_H

#include "trainer/train.h"

struct ls_net {
  struct lm_registry *registry;
  struct lm_pool *pool;
  struct lm_experiment *experiment; /* NULL when it was refused */
  struct lm_engine *engine;         /* of ls_net_open */
  struct lm_executor *isolated;     /* of ls_net_program */
  struct lm_error error;            /* of the last failure */
};

/** Builds an experiment; messages call the text net.yaml. Plugins and fixtures are found. */
enum lamina_status ls_net_build(struct ls_net *net, const char *yaml, uint32_t threads);

/** The same, reading the data, and an engine to train; whatever fails ends the test. */
void ls_net_open(struct ls_net *net, const char *yaml, uint32_t threads);
void ls_net_release(struct ls_net *net);

/** A program on the engine's store; isolated: every tensor has memory of its own. */
struct lm_program *ls_net_program(struct ls_net *net, int64_t batch, bool train, bool isolated);

/** Gives a program the first records of the training data. */
void ls_net_feed(struct ls_net *net, struct lm_program *program);

/** Runs forward, and backward in programs that train, as step `step`; returns the loss. */
double ls_net_run(struct ls_net *net, struct lm_program *program, uint64_t step);

/** The node of a name; ends the test when there is none. */
struct lm_node *ls_node(const struct ls_net *net, const char *name);
/** Instance of a node's plugin. */
void *ls_self(const struct ls_net *net, const char *name);
/** Index of a parameter "node/weight". */
uint32_t ls_parameter(const struct ls_net *net, const char *name);
/** Its weights, or its gradients (NULL when it is not trained), in the engine's store. */
float *ls_weights(const struct ls_net *net, const char *name);
float *ls_gradients(const struct ls_net *net, const char *name);

/** A sentence that must come when an experiment is built. */
struct ls_refusal {
  const char *yaml;
  enum lamina_status status;
  const char *parts[4]; /* that the sentence must hold */
};
/** Builds each and compares; open: also reads the data and makes an engine. */
void ls_expect_refusals(const struct ls_refusal *rows, size_t count, bool open);

/** A training in a folder. */
struct ls_run {
  const char *yaml, *dir;
  bool resume;
  uint32_t threads; /* 0: 1 */
  uint64_t stop_at; /* request to stop after this step; 0: never */
  void (*step)(void *arg, const struct lm_train_status *status);  /* may be NULL */
  void (*epoch)(void *arg, const struct lm_epoch_report *report); /* may be NULL */
  void (*note)(void *arg, const char *sentence);                  /* may be NULL */
  void *arg;
};
enum lamina_status ls_train(const struct ls_run *run, struct lm_train_result *result,
                            struct lm_error *error);

/** A file's content with a 0 behind it; release with lm_free. NULL when it is not there. */
char *ls_file(const char *dir, const char *name, size_t *size);

#endif
