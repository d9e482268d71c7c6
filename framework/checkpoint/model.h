/*
 * Model files and checkpoints: a store's tensors and the experiment, as safetensors.
 *
 * Tensors: "node/weight" and "node/state", "transform0/mean", and in a checkpoint
 * "optimizer/<state>/<node/weight>" and what the caller adds. Metadata: "lamina.experiment"
 * holds the resolved experiment, "lamina.fields" what its data's records were, so a model file
 * needs nothing beside it. Floor 8.
 */
#ifndef LM_CHECKPOINT_MODEL_H
#define LM_CHECKPOINT_MODEL_H

#include "builder/experiment.h"
#include "checkpoint/safetensors.h"
#include "executor/store.h"

/** A tensor that is kept: its name in files, and where it is in memory (type.dims borrowed). */
struct lm_kept {
  char *name;
  struct lamina_type type;
  void *data;
};

/** All that is kept of a model; zero-initialise. */
struct lm_kept_list {
  struct lm_kept *items;
  size_t count, capacity;
};

/** Lists what files hold of a model, the optimizer's states if asked for; false: no memory. */
bool lm_kept_collect(struct lm_kept_list *list, const struct lm_experiment *experiment,
                     const struct lm_store *store, bool with_optimizer);
/** Adds one more. Takes the name over, which may be NULL for lack of memory: false then. */
bool lm_kept_add(struct lm_kept_list *list, char *name, const struct lamina_type *type, void *data);
void lm_kept_release(struct lm_kept_list *list);

/** What goes into a file. */
struct lm_model_content {
  const struct lm_experiment *experiment;
  const struct lm_store *store;
  bool with_optimizer;                   /* a checkpoint: optimizer states, too */
  const struct lm_named_tensor *tensors; /* the caller's own */
  size_t n_tensors;
  const struct lm_metadata *metadata; /* the caller's own */
  size_t n_metadata;
};

/** Replaces the file at path; see lm_file_replace() for previous. */
enum lamina_status lm_model_save(const char *path, const char *previous,
                                 const struct lm_model_content *content,
                                 struct lm_error *error) LM_MUST_CHECK;

/**
 * Copies a file's tensors into a store and into the transforms' states. With the optimizer's,
 * the file must hold nothing that the experiment does not have.
 * @return LAMINA_OK; LAMINA_E_INVALID naming the first tensor that is missing or differs
 */
enum lamina_status lm_model_load(const struct lm_safetensors_file *file, const char *path,
                                 struct lm_experiment *experiment, struct lm_store *store,
                                 bool with_optimizer, struct lm_error *error) LM_MUST_CHECK;

/** Reads a model file's experiment; *out is owned by the caller. */
enum lamina_status lm_model_experiment(const struct lm_safetensors_file *file, const char *path,
                                       const char *const *overrides, size_t n_overrides,
                                       struct lm_config **out,
                                       struct lm_error *error) LM_MUST_CHECK;

/** Fields of a data set's records, as a file tells of them; zero-initialise. */
struct lm_field_list {
  struct lm_declared_field items[LM_MAX_FACTS];
  uint32_t count;
};
void lm_field_list_release(struct lm_field_list *list);

/**
 * Writes what a data set's records are, as JSON:
 * [{"name": "input", "type": "f32", "shape": [64], "classes": 0, "exact": false}, ...], with
 * "names": ["setosa", ...] where the data set knows those of all classes.
 */
void lm_fields_write(const struct lm_dataset *dataset, struct lm_text *out);

/**
 * Reads a model file's fields, which stand for its data where there is none.
 * @param list  released by the caller, also after a failure
 * @return LAMINA_OK; LAMINA_E_INVALID when they are missing or not as written above
 */
enum lamina_status lm_model_fields(const struct lm_safetensors_file *file, const char *path,
                                   struct lm_field_list *list,
                                   struct lm_error *error) LM_MUST_CHECK;

#endif
