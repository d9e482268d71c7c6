/*
 * Probes: any plugin from a line of YAML, as a run makes it (registry, config, settings,
 * setup), and short ways to call what its kind offers, with arrays in and arrays out.
 *
 * A probe owns what it made. What goes wrong where nothing should ends the test with the
 * sentence; refusals that a test is after are told by status and sentence.
 */
#ifndef LM_TESTS_PART_PROBE_H
#define LM_TESTS_PART_PROBE_H

#include "data/loader.h"
#include "executor/store.h"

enum { PROBE_PARTS = 256, PROBE_METRIC_PARTS = 8 };

struct probe {
  struct lm_host host;
  const char *file; /* stands for the experiment's: "/probe/t.yaml", or t.yaml in folder */
  char *folder;     /* made by the first probe_write() */
  char *experiment;
  struct lm_config *configs[PROBE_PARTS];
  struct lm_instance *instances[PROBE_PARTS];
  uint32_t n_configs, n_instances;
  struct lm_error error; /* of the last refusal */
  uint32_t logged;       /* lines that plugins gave to the log */
};

void probe_open(struct probe *probe, uint64_t seed);
void probe_close(struct probe *probe);
/** Takes another number of threads, before anything is made that runs in them. */
void probe_threads(struct probe *probe, uint32_t threads);

/**
 * Writes a file beside the experiment, which then finds it by its bare name. The folder goes
 * away with the probe.
 */
void probe_write(struct probe *probe, const char *name, const void *bytes, size_t size);

/** Reads a component as experiments write it; the spec, but for kind, borrows from the probe. */
enum lamina_status probe_parse(struct probe *probe, const char *yaml,
                               struct lm_instance_spec *spec);

/** Makes an instance of a component as experiments write it: "relu", "{sgd: {rate: 1}}". */
enum lamina_status probe_try(struct probe *probe, uint32_t kind, const char *yaml,
                             struct lm_instance **out);
/** The same where it must succeed. */
struct lm_instance *probe_make(struct probe *probe, uint32_t kind, const char *yaml);

/** A component that must be refused, and what its sentence must hold. */
struct probe_refusal {
  const char *yaml, *fragment;
};
void probe_refuses(uint32_t kind, const struct probe_refusal *cases, size_t count);

/** Ends the test unless status is the wanted one and the last sentence holds the fragment. */
void probe_expect(const struct probe *probe, enum lamina_status status, enum lamina_status wanted,
                  const char *fragment);

/* ---- optimizers ---- */

/** An optimizer with states for n weights, as its infer() declares them. */
struct probe_optimizer {
  struct lm_instance *instance;
  struct lm_graph graph;
  struct lm_store store; /* only its slots are in use */
  struct lm_call call;
  int64_t n;
  uint64_t step;     /* done so far */
  int64_t cut;       /* each step is done in two ranges: before this weight and from it on */
  bool exempt;       /* the weights do not decay */
  double factor;     /* of the schedule */
  double grad_scale; /* of clipping */
};

void probe_optimizer_open(struct probe *probe, const char *yaml, int64_t n,
                          struct probe_optimizer *out);
void probe_optimizer_close(struct probe_optimizer *optimizer);
void probe_optimizer_step(struct probe_optimizer *optimizer, float *weight, const float *grad);

/* ---- regularizers, initializers, schedules ---- */

/** The penalty of n weights; its gradient is added to grad unless that is NULL. */
double probe_penalty(struct probe *probe, struct lm_instance *regularizer, const float *weight,
                     float *grad, int64_t n);

/** A weight to fill: it has n elements and is named as in checkpoints, "dense1/weight". */
struct probe_weight {
  const char *name;
  int64_t n, fan_in, fan_out;
};
enum lamina_status probe_fill(struct probe *probe, struct lm_instance *initializer,
                              const struct probe_weight *weight, float *out);

double probe_factor(const struct lm_instance *schedule, uint64_t step, uint64_t total_steps,
                    uint64_t steps_per_epoch);

/* ---- metrics ---- */

/** A metric on inputs of fixed types; only their first dimension changes. */
struct probe_metric {
  struct lm_instance *instance;
  const struct lamina_metric *table;
  struct lm_tensor *in[2];
  struct lm_facts facts;
  struct lamina_view views[2];
  const struct lamina_view *pointers[2];
  struct lm_call call;
};

/** What a metric is to be shown. */
struct probe_metric_spec {
  const char *yaml;
  struct lamina_type prediction, target;
  int64_t classes; /* of the target; 0: not known */
};

/** Release with probe_metric_close(), also after a refusal. */
enum lamina_status probe_metric_open(struct probe *probe, const struct probe_metric_spec *spec,
                                     struct probe_metric *out);
void probe_metric_close(struct probe_metric *metric);
/** Adds n samples to part, which has PROBE_METRIC_PARTS doubles. */
void probe_metric_update(struct probe_metric *metric, int64_t n, const float *prediction,
                         const void *target, double *part);
/** The number of n samples. */
double probe_metric_value(struct probe_metric *metric, int64_t n, const float *prediction,
                          const void *target);

/* ---- data sets and transforms ---- */

/** A data set with its transforms and its loader, like a portion of an engine. */
struct probe_data {
  struct probe *probe;
  struct lm_dataset *dataset;
  struct lm_transforms transforms;
  struct lm_loader *loader;
};

/** A field of a data set in memory: count records of that type lie in data. */
struct probe_field {
  const char *name;
  struct lamina_type record;
  const void *data;
};

/** Makes a data set from YAML and opens it. Release with probe_data_close(), also if refused. */
enum lamina_status probe_data_open(struct probe *probe, const char *yaml, const char *role,
                                   struct probe_data *out);
/** Makes one of arrays, which are borrowed; field names too. */
void probe_data_of(struct probe *probe, const struct probe_field *fields, uint32_t n_fields,
                   int64_t count, struct probe_data *out);
void probe_data_close(struct probe_data *data);

/** Adds a transform of a field. */
enum lamina_status probe_data_transform(struct probe_data *data, const char *yaml,
                                        const char *field);
/** Makes the loader for batches of at most so many records. */
void probe_data_load(struct probe_data *data, int64_t largest);
/** Lets the transforms learn from the first n records. */
enum lamina_status probe_data_fit(struct probe_data *data, int64_t n);
/** The batch of n records from `first` on; its field, borrowed until the next batch. */
const void *probe_data_batch(struct probe_data *data, int64_t first, int64_t n, uint32_t field);
/** The same in training: random transforms act as they do in that epoch. */
const void *probe_data_train(struct probe_data *data, int64_t first, int64_t n, uint64_t epoch);

#endif
