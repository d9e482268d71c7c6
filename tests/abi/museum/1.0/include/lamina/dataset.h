/*
 * Data sets: numbered records of named fields.
 *
 * infer() declares the fields and may read headers, never data, so that `lamina check` and
 * `lamina summary` are quick. open() loads; afterwards infer() is called again and may then
 * know the number of classes. Data stays in memory as it came (u8 pixels stay u8): the host
 * turns fields into float32, except int32 class labels.
 *
 * Files are read by the service "lamina.files/1" of lamina/files.h, which finds them relative
 * to the experiment, unpacks gzip, and has the sentences for what is missing or too large.
 */
#ifndef LAMINA_DATASET_H
#define LAMINA_DATASET_H

#include <lamina/plan.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Flags of a field. */
enum {
  LAMINA_FIELD_CLASSES_EXACT = 1 /* classes is known; otherwise at least so many were seen */
};

/** One field of a data set's records. Grows at the end. */
struct lamina_field {
  uint32_t size, flags;
  const char *name;               /* "input", "target", or what the model's inputs refer to */
  const struct lamina_type *type; /* of one record, without N: u8, f32, or i32 for classes */
  int64_t classes;                /* i32 class labels run from 0 to classes - 1; 0: not known */
};

/** Declares field index of the records. classes 0: not class labels, or not known. */
static inline int32_t lamina_field(struct lamina_plan *plan, uint32_t index, const char *name,
                                   const struct lamina_type *type, int64_t classes, uint32_t flags)
{
  struct lamina_field field;
  field.size = (uint32_t)sizeof field;
  field.flags = flags;
  field.name = name;
  field.type = type;
  field.classes = classes;
  return plan->planner->field(plan, index, &field);
}

/** The table of a data set. Append-only. */
struct lamina_dataset {
  uint32_t size, caps; /* caps: 0 */

  /** Checks settings against each other; looks services up. Optional. */
  int32_t (*setup)(void *self, struct lamina_call *call);

  /** Declares the fields of one record by lamina_field(). */
  int32_t (*infer)(void *self, struct lamina_plan *plan);

  /** Loads the data; refuses broken records by their number. */
  int32_t (*open)(void *self, struct lamina_call *call);

  /** Number of records. [after open] */
  int64_t (*count)(const void *self);

  /**
   * Writes records index[0..n-1] to the output views: field f to LAMINA_OUT f of shape
   * [n, ...]. The same record gives the same bytes each time.
   */
  int32_t (*read)(void *self, struct lamina_call *call, const int64_t *index, int64_t n);

  const void *(*extension)(const char *id);
};

/** Names of class labels: what extension() gives for this id, where a data set knows them. */
#define LAMINA_CLASS_NAMES_ID "lamina.dataset.class_names/1"

/** Grows at the end. */
struct lamina_class_names {
  uint32_t size, flags; /* flags: 0 */

  /**
   * Copies the name of a label of field `field`, UTF-8 without a 0 behind it, as far as it fits
   * into out[0 .. out_size-1]. Returns the name's whole length in bytes; 0: it has none. [after
   * open]
   */
  uint64_t (*name)(const void *self, uint32_t field, int64_t label, char *out, uint64_t out_size);
};

/** Defines a dataset plugin; arguments as of LAMINA_LAYER. */
#define LAMINA_DATASET(...) LAMINA_DATASET_(__VA_ARGS__)
#define LAMINA_DATASET_(name, version, summary, T, rows, n, ...)     \
  static const struct lamina_dataset lamina_table_ = {               \
      .size = (uint32_t)sizeof(struct lamina_dataset), __VA_ARGS__}; \
  LAMINA_PLUGIN(DATASET, dataset, name, version, summary, T, rows, n, &lamina_table_)

#ifdef __cplusplus
}
#endif
#endif
