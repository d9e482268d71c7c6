/*
 * What the files of this plugin share: its instance, and the functions of each file.
 *
 *   layout.c   what the columns are, from the first two records
 *   names.c    the names of classes
 *   records.c  from cells to numbers, and the messages about cells
 *   csv.c      settings, and the functions that the host calls
 */
#ifndef LM_CSV_CSV_H
#define LM_CSV_CSV_H

#include <lamina/dataset.h>
#include <lamina/files.h>

#include "cells/cells.h"

enum lm_csv_header { LM_CSV_AUTO = 0, LM_CSV_PRESENT, LM_CSV_ABSENT };
enum lm_csv_target_type { LM_CSV_CLASSES = 0, LM_CSV_VALUE };
enum lm_csv_target { LM_CSV_LAST = 0, LM_CSV_FIRST, LM_CSV_NONE, LM_CSV_NUMBER, LM_CSV_NAME };

/** Beside the status codes: a partial text ends before its second record does. */
enum { LM_CSV_TOO_SHORT = 1 };

/** What the first records say. */
struct lm_csv_layout {
  int64_t columns, inputs, target; /* target: its column, from 0; -1 without one */
  int32_t has_header, has_names;   /* has_names: the header's cells name the columns */
};

/** A class by its name. */
struct lm_csv_name {
  struct lm_csv_cell cell;
  int32_t label, reserved;
};

/** An instance. */
struct lm_csv {
  const char *file, *separator, *target, *names;
  struct lamina_i64s input_shape;
  int64_t classes, limit;
  int32_t header, target_type;
  /* From setup. */
  const struct lamina_files *files;
  char *peeked; /* the start of the file, for infer */
  int64_t target_number;
  int32_t target_kind, names_given;
  /* From open. */
  struct lamina_file text;
  struct lm_csv_layout layout;
  int64_t records, seen;     /* seen: classes that the file shows */
  float *inputs;             /* [records, layout.inputs] */
  float *values;             /* [records], or NULL */
  int32_t *targets;          /* [records], or NULL */
  struct lm_csv_name *table; /* in byte order; empty where classes are numbers */
  int64_t n_names, names_capacity;
};

/** Finds out what the setting `target` is. */
int32_t lm_csv_check_target(struct lm_csv *csv, struct lamina_call *call);

/**
 * Decides from the first two records what the columns are.
 * @return LAMINA_OK, a failure, or LM_CSV_TOO_SHORT
 */
int32_t lm_csv_find_layout(const struct lm_csv *csv, struct lamina_call *call,
                           struct lm_csv_text text, struct lm_csv_layout *layout);

/** Fails for a record that cannot be split into cells: next is what lm_csv_take() gave. */
int32_t lm_csv_refuse_quotes(const struct lm_csv *csv, struct lamina_call *call, int64_t line,
                             int next);

/** Puts the names that the experiment gives into the table, numbered as they stand there. */
int32_t lm_csv_take_given_names(struct lm_csv *csv, struct lamina_call *call);

/** Puts a name into the table unless it is there. */
int32_t lm_csv_add_name(struct lm_csv *csv, struct lamina_call *call,
                        const struct lm_csv_cell *cell);

/** The class of that name; NULL if there is none. */
const struct lm_csv_name *lm_csv_find_name(const struct lm_csv *csv,
                                           const struct lm_csv_cell *cell);

/** First pass over the loaded text: counts records, collects class names. */
int32_t lm_csv_survey(struct lm_csv *csv, struct lamina_call *call);

/** Second pass: fills inputs and targets. */
int32_t lm_csv_take_records(struct lm_csv *csv, struct lamina_call *call);

#endif
