/*
 * Data sets in use: an instance, its fields, and reading records. Floor 6.
 */
#ifndef LM_DATA_DATASET_H
#define LM_DATA_DATASET_H

#include "graph/recorder.h"

/** A data set plugin in use, or only the fields of records that the caller has. */
struct lm_dataset {
  struct lm_host *host;
  struct lm_instance *instance; /* NULL: records are given by lm_loader_put() */
  char *role;                   /* "train" or "test": part of its random stream's name */
  struct lm_declared_field fields[LM_MAX_FACTS];
  uint32_t n_fields;
  uint32_t purposes; /* of random words, as infer() declares them */
  int64_t count;     /* records; known after lm_dataset_open() */
};

/** Makes the instance and asks for its fields; reads headers at most. */
enum lamina_status lm_dataset_create(struct lm_host *host, const struct lm_instance_spec *spec,
                                     const char *role, struct lm_dataset **out,
                                     struct lm_error *error) LM_MUST_CHECK;
/** The same of an instance that is there, which is taken over, also on failure. */
enum lamina_status lm_dataset_adopt(struct lm_host *host, struct lm_instance *instance,
                                    const char *role, struct lm_dataset **out,
                                    struct lm_error *error) LM_MUST_CHECK;
void lm_dataset_free(struct lm_dataset *dataset);

/** A data set without a plugin: its fields are copied, its records are the caller's. */
enum lamina_status lm_dataset_create_given(struct lm_host *host,
                                           const struct lm_declared_field *fields, uint32_t n,
                                           struct lm_dataset **out,
                                           struct lm_error *error) LM_MUST_CHECK;

/** Who it is and where the experiment has it, for messages. */
const char *lm_dataset_label(const struct lm_dataset *dataset);
struct lm_where lm_dataset_where(const struct lm_dataset *dataset);

/** Loads the data; counts and classes are known afterwards. A set without records is refused. */
enum lamina_status lm_dataset_open(struct lm_dataset *dataset,
                                   struct lm_error *error) LM_MUST_CHECK;

/** Calls a field something else from now on. */
enum lamina_status lm_dataset_rename(struct lm_dataset *dataset, uint32_t field, const char *name,
                                     struct lm_error *error) LM_MUST_CHECK;

/** Index of a field; -1 if there is none. */
int32_t lm_dataset_field(const struct lm_dataset *dataset, const char *name);

#endif
