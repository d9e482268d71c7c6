/*
 * The experiment: what a file describes, checked, with every plugin loaded and every shape
 * known, but no data read and nothing computed.
 *
 * lm_experiment_create() goes through the sections in a fixed order (train, services, data,
 * model, loss, metrics, optimizer ...), each in a file of its own here. Floor 7.
 */
#ifndef LM_BUILDER_EXPERIMENT_H
#define LM_BUILDER_EXPERIMENT_H

#include "data/selection.h"
#include "data/transforms.h"

/** The `train:` section, and the two maps in it. */
struct lm_train_settings {
  int64_t epochs, steps, batch, seed;
  double clip;
  int32_t shuffle, drop_last, decay_all;
};
struct lm_checkpoint_settings {
  int64_t every_steps, every_epochs, keep;
};
struct lm_early_stopping_settings {
  const char *monitor;
  int64_t patience;
  double min_delta;
  int32_t enabled; /* the map was given */
  int32_t reserved;
};

/** A regularizer and the parameters that it applies to. */
struct lm_experiment_regularizer {
  struct lm_instance *instance;
  char *pattern; /* glob on "node/weight"; NULL: the weights that decay */
  bool *applies; /* by parameter */
};

/** A number that a schedule changes from step to step. */
struct lm_scheduled {
  struct lm_instance *schedule; /* owned */
  const struct lm_instance *of;
  const struct lamina_setting *setting; /* NULL: the weight of the loss */
  double *number;                       /* in the instance, or in the loss's node */
  double value;                         /* as the file has it, which evaluation uses */
};

/** A named piece of the model: layers that follow each other in the order of the file. */
struct lm_part {
  const char *name; /* borrowed from the configuration */
  struct lm_where where;
  uint32_t first, count; /* nodes */
};

struct lm_experiment {
  struct lm_config *config; /* owned */
  struct lm_host host;
  struct lm_train_settings train;
  struct lm_checkpoint_settings checkpoint;
  struct lm_early_stopping_settings early_stopping;
  struct lm_settings_memory memory;
  struct lm_dataset *train_data, *test_data; /* test_data NULL: none, or held out */
  const char *data_source;                   /* borrowed: where users get the files; or NULL */
  double holdout;                            /* fraction of train_data; 0: none */
  struct lm_selection selection;             /* of the records of both */
  struct lm_transforms transforms;
  struct lm_graph *graph;
  struct lm_inference *inference; /* at the training batch size */
  uint32_t n_losses, n_metrics;
  uint32_t losses[LM_MAX_FACTS], metrics[LM_MAX_FACTS]; /* node indices */
  uint32_t outputs[LM_MAX_FACTS]; /* nodes whose output no other layer reads */
  uint32_t which[LM_MAX_FACTS];   /* of each, which of its outputs it is: 0 in whole models */
  uint32_t n_outputs;
  struct lm_part *parts;                    /* in the order of the file */
  uint32_t n_parts;                         /* 0: the model is one list */
  const char *part;                         /* the only part that is built; NULL: all */
  struct lm_instance *optimizer, *schedule; /* schedule NULL: constant */
  struct lm_experiment_regularizer *regularizers;
  uint32_t n_regularizers;
  struct lm_instance **initializers; /* by parameter */
  struct lm_value **nodes;           /* by node: its item in the file */
  size_t nodes_capacity;
  struct lm_scheduled *scheduled;
  size_t n_scheduled, scheduled_capacity;
};

/** What the builder needs from outside, and what it may leave out. */
struct lm_experiment_options {
  struct lm_registry *registry;                                /* borrowed */
  struct lm_pool *pool;                                        /* borrowed */
  void (*log)(void *arg, int32_t level, const char *sentence); /* called from any thread */
  void *log_arg;
  bool predict_only; /* data.train is only what the model reads: no losses, metrics, optimizer */
  /* With predict_only: the fields of records that the caller has, in place of data.train, whose
     plugin and files are not looked for; borrowed; or NULL. */
  const struct lm_declared_field *fields;
  uint32_t n_fields;
  /* With fields, which then are those of the data that the model was made for: only this part of
     the model is built. What crosses into it, named as the layer's output is (z, or split.1),
     takes the place of fields of data; its outputs are what crosses out of it or, if nothing does,
     what no layer reads. Records are the caller's, or with part_of_data those of data.train, whose
     field `input` may stand for the one thing that crosses into the part. */
  const char *part;
  bool part_of_data;
};

/**
 * Builds an experiment.
 * @param config  taken over, also on failure
 * @param out     owned by the caller, release with lm_experiment_free()
 * @return LAMINA_OK; a refusal with file:line:column and what was expected
 */
enum lamina_status lm_experiment_create(struct lm_config *config,
                                        const struct lm_experiment_options *options,
                                        struct lm_experiment **out,
                                        struct lm_error *error) LM_MUST_CHECK;
void lm_experiment_free(struct lm_experiment *experiment);

/** The part that a node belongs to; NULL for losses, metrics and models that are one list. */
const struct lm_part *lm_experiment_part_of(const struct lm_experiment *experiment, uint32_t node);

/** Reads the data; class counts that only the data knows are then checked against the model. */
enum lamina_status lm_experiment_open_data(struct lm_experiment *experiment,
                                           struct lm_error *error) LM_MUST_CHECK;

#endif
