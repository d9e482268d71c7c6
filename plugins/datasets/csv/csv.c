/*
 * Tables in text files: one record a line, cells between separators (RFC 4180), gzipped or not.
 *
 * infer() peeks at the first two records to see what the columns are; open() reads the file and
 * converts it. csv.h lists what is in which file.
 *
 * fields: input f32 [D] or input_shape; target, if there is one, i32 class numbers or f32 [1].
 */
#include <stdio.h>
#include <string.h>

#include "csv.h"

enum { INPUT = 0, TARGET = 1 };
enum { PEEK_FIRST = 16384, PEEK_LIMIT = 262144 };

static const struct lamina_setting settings[] = {
    LAMINA_PATH_REQUIRED(struct lm_csv, file, "the table, gzipped or not"),
    LAMINA_CHOICE(struct lm_csv, header, "auto", "auto|present|absent",
                  "whether the first line is a header; auto: if it holds words"),
    LAMINA_STR(struct lm_csv, separator, "','", "the character between cells; \"\\t\" for a tab"),
    LAMINA_STR(struct lm_csv, target, "last",
               "column to predict: last, first, none, its number from 1, or its name"),
    LAMINA_CHOICE(struct lm_csv, target_type, "classes", "classes|value",
                  "whether the target is a class or a number"),
    LAMINA_I64(struct lm_csv, classes, "0", "[0, 2147483647]",
               "number of classes; 0: as many as the file shows"),
    LAMINA_STR(struct lm_csv, names, "''",
               "names of the classes in order, with commas between; empty: from the file, sorted"),
    LAMINA_I64S(struct lm_csv, input_shape, "[]", "[1, inf)",
                "shape of a record's input, such as [8, 8]; empty: a vector"),
    LAMINA_I64(struct lm_csv, limit, "0", "[0, inf)", "use only so many records; 0: all"),
};

static int32_t setup(void *self, struct lamina_call *call)
{
  struct lm_csv *csv = self;
  if (strlen(csv->separator) != 1 || strchr("\"\r\n+-.0123456789eE", csv->separator[0]) != NULL) {
    return lamina_failf(call, LAMINA_E_INVALID,
                        "separator: found '%.20s', expected one character that is no part of a "
                        "number, such as ','",
                        csv->separator);
  }
  if (csv->input_shape.count > LAMINA_MAX_RANK - 1) {
    return lamina_failf(call, LAMINA_E_INVALID,
                        "input_shape: found %lld numbers, expected up to %d",
                        (long long)csv->input_shape.count, LAMINA_MAX_RANK - 1);
  }
  LAMINA_TRY(lm_csv_check_target(csv, call));
  LAMINA_TRY(lm_csv_take_given_names(csv, call));
  csv->files = lamina_service(call, LAMINA_FILES_ID);
  if (csv->files == NULL) {
    return LAMINA_E_MISSING;
  }
  csv->peeked = lamina_memory(call, PEEK_LIMIT);
  return csv->peeked == NULL ? LAMINA_E_NOMEM : LAMINA_OK;
}

static int32_t peek_layout(const struct lm_csv *csv, struct lamina_call *call, uint64_t limit,
                           struct lm_csv_layout *layout)
{
  struct lm_csv_text text;
  uint64_t got = 0;
  LAMINA_TRY(csv->files->peek(csv->files->self, call, csv->file, csv->peeked, limit, &got));
  text = lm_csv_text_make(csv->peeked, got, csv->separator[0]);
  text.is_partial = got == limit;
  return lm_csv_find_layout(csv, call, text, layout);
}

static int32_t get_layout(const struct lm_csv *csv, struct lamina_call *call,
                          struct lm_csv_layout *layout)
{
  int32_t status;
  if (csv->records > 0) {
    *layout = csv->layout;
    return LAMINA_OK;
  }
  status = peek_layout(csv, call, PEEK_FIRST, layout);
  if (status == LM_CSV_TOO_SHORT) {
    status = peek_layout(csv, call, PEEK_LIMIT, layout);
  }
  if (status == LM_CSV_TOO_SHORT) {
    return lamina_failf(call, LAMINA_E_INVALID,
                        "%.300s: the first two lines have more than %d bytes", csv->file,
                        PEEK_LIMIT);
  }
  return status;
}

static int32_t declare_input(const struct lm_csv *csv, struct lamina_plan *plan,
                             const struct lm_csv_layout *layout)
{
  struct lamina_type type = lamina_type_f32(1, &layout->inputs);
  int64_t product = 1;
  if (csv->input_shape.count == 0) {
    return lamina_field(plan, INPUT, "input", &type, 0, 0);
  }
  type = lamina_type_f32((uint32_t)csv->input_shape.count, csv->input_shape.items);
  for (int64_t i = 0; i < csv->input_shape.count && product <= layout->inputs; i++) {
    int64_t dim = csv->input_shape.items[i];
    product = dim > layout->inputs ? dim : product * dim;
  }
  if (product != layout->inputs) {
    return lamina_failf(plan->call, LAMINA_E_SHAPE,
                        "input_shape: its product has to be %lld, the number of input columns of "
                        "%.300s",
                        (long long)layout->inputs, csv->file);
  }
  return lamina_field(plan, INPUT, "input", &type, 0, 0);
}

static int32_t infer(void *self, struct lamina_plan *plan)
{
  const struct lm_csv *csv = self;
  const int64_t one = 1;
  int64_t classes = csv->names_given ? csv->n_names : csv->classes;
  struct lm_csv_layout layout;
  struct lamina_type type = lamina_type_f32(1, &one);
  LAMINA_TRY(get_layout(csv, plan->call, &layout));
  LAMINA_TRY(declare_input(csv, plan, &layout));
  if (layout.target < 0) {
    return LAMINA_OK;
  }
  if (csv->target_type == LM_CSV_VALUE) {
    return lamina_field(plan, TARGET, "target", &type, 0, 0);
  }
  type = lamina_type_i32(0, &one);
  return lamina_field(plan, TARGET, "target", &type, classes > 0 ? classes : csv->seen,
                      classes > 0 ? LAMINA_FIELD_CLASSES_EXACT : 0);
}

static int32_t allocate(struct lm_csv *csv, struct lamina_call *call)
{
  uint64_t records = (uint64_t)csv->records;
  csv->inputs = lamina_memory(call, records * (uint64_t)csv->layout.inputs * sizeof *csv->inputs);
  if (csv->inputs == NULL) {
    return LAMINA_E_NOMEM;
  }
  if (csv->layout.target < 0) {
    return LAMINA_OK;
  }
  if (csv->target_type == LM_CSV_VALUE) {
    csv->values = lamina_memory(call, records * sizeof *csv->values);
    return csv->values == NULL ? LAMINA_E_NOMEM : LAMINA_OK;
  }
  csv->targets = lamina_memory(call, records * sizeof *csv->targets);
  return csv->targets == NULL ? LAMINA_E_NOMEM : LAMINA_OK;
}

/* A first line that holds numbers too may have been meant as a record: tells what it is used as. */
static void report_header(const struct lm_csv *csv, struct lamina_call *call)
{
  char text[400];
  if (csv->header == LM_CSV_AUTO && csv->layout.has_header && !csv->layout.has_names) {
    (void)snprintf(text, sizeof text,
                   "%.300s: the first line is taken for a header (header: absent says otherwise)",
                   csv->file);
    lamina_log(call, LAMINA_LOG_INFO, text);
  }
}

static int32_t open_records(void *self, struct lamina_call *call)
{
  struct lm_csv *csv = self;
  LAMINA_TRY(csv->files->load(csv->files->self, call, csv->file, &csv->text));
  LAMINA_TRY(lm_csv_find_layout(
      csv, call, lm_csv_text_make(csv->text.bytes, csv->text.size, csv->separator[0]),
      &csv->layout));
  report_header(csv, call);
  LAMINA_TRY(lm_csv_survey(csv, call));
  LAMINA_TRY(allocate(csv, call));
  return lm_csv_take_records(csv, call);
}

static int64_t count(const void *self)
{
  const struct lm_csv *csv = self;
  return csv->records;
}

/* Rows of floats or labels by their numbers. */
static void gather(void *to, const void *from, size_t row, const int64_t *index, int64_t n)
{
  for (int64_t i = 0; i < n; i++) {
    memcpy((char *)to + (size_t)i * row, (const char *)from + (size_t)index[i] * row, row);
  }
}

static int32_t read_records(void *self, struct lamina_call *call, const int64_t *index, int64_t n)
{
  const struct lm_csv *csv = self;
  const struct lamina_view *input = lamina_get(call, LAMINA_OUT, INPUT);
  const void *targets = csv->values != NULL ? (const void *)csv->values : csv->targets;
  const struct lamina_view *target = NULL;
  if (input == NULL) {
    return LAMINA_E_PLUGIN;
  }
  gather(input->data, csv->inputs, (size_t)csv->layout.inputs * sizeof *csv->inputs, index, n);
  if (targets == NULL) {
    return LAMINA_OK;
  }
  target = lamina_get(call, LAMINA_OUT, TARGET);
  if (target == NULL) {
    return LAMINA_E_PLUGIN;
  }
  gather(target->data, targets, 4, index, n); /* f32 and i32 alike */
  return LAMINA_OK;
}

static uint64_t class_name(const void *self, uint32_t field, int64_t label, char *out,
                           uint64_t out_size)
{
  const struct lm_csv *csv = self;
  for (int64_t i = 0; field == TARGET && i < csv->n_names; i++) {
    if (csv->table[i].label == label) {
      return lm_csv_copy(&csv->table[i].cell, out, out_size);
    }
  }
  return 0;
}

static const void *extension(const char *id)
{
  static const struct lamina_class_names names = {.size = sizeof names, .name = class_name};
  return strcmp(id, LAMINA_CLASS_NAMES_ID) == 0 ? &names : NULL;
}

LAMINA_DATASET(csv, "1.0.0", "tables in text files with separators", struct lm_csv,
               LAMINA_SETTINGS(settings), .setup = setup, .infer = infer, .open = open_records,
               .count = count, .read = read_records, .extension = extension);
