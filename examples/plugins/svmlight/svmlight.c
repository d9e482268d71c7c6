/*
 * svmlight: sparse records as text, the format of SVMlight and LIBSVM, gzipped or not.
 *
 *   LABEL INDEX:VALUE INDEX:VALUE ... # remark
 *
 * Indices count from 1 and rise within a line; what a line does not mention is 0. open() reads the
 * file twice: first it counts, then it fills one block each for values, indices and line starts
 * (compressed sparse rows). read() spreads a record's few numbers over a row of zeros.
 *
 * Fields: input f32 [features]; target i32, a class number. Where labels are -1 and +1, as in
 * files for two classes, they are classes 0 and 1.
 *
 * SPDX-License-Identifier: MIT
 */
#define LAMINA_LICENSE "MIT"
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <lamina/dataset.h>
#include <lamina/files.h>

enum { INPUT = 0, TARGET = 1 };

struct svmlight {
  const char *file;
  int64_t features, classes;
  const struct lamina_files *files;
  int64_t *start;  /* [records + 1] first entry of each record */
  int32_t *index;  /* [entries] column, from 0 */
  float *value;    /* [entries] */
  int32_t *label;  /* [records] */
  int64_t records; /* [after open], as all above but the settings */
  int64_t seen;    /* classes that the file shows */
};

static const struct lamina_setting settings[] = {
    LAMINA_PATH_REQUIRED(struct svmlight, file, "the records, gzipped or not"),
    LAMINA_I64_REQUIRED(struct svmlight, features, "[1, 1000000]", "columns of a record"),
    LAMINA_I64(struct svmlight, classes, "0", "[0, 2147483647]",
               "number of classes; 0: as many as the file shows"),
};

/* Where reading is. The file ends in a 0 of the host's, so text functions stop there. */
struct cursor {
  const char *at;
  int64_t line; /* from 1 */
  struct lamina_call *call;
  const char *file;
};

static int32_t refuse(const struct cursor *cursor, const char *expected)
{
  int length = (int)strcspn(cursor->at, "\r\n");
  return lamina_failf(cursor->call, LAMINA_E_INVALID, "%.300s:%lld: found '%.*s', expected %s",
                      cursor->file, (long long)cursor->line, length > 20 ? 20 : length, cursor->at,
                      expected);
}

static void skip_blanks(struct cursor *cursor)
{
  cursor->at += strspn(cursor->at, " \t\r");
  if (*cursor->at == '#') {
    cursor->at += strcspn(cursor->at, "\n");
  }
}

/* Moves to the next line that has a record; 0 at the end of the file. */
static int next_record(struct cursor *cursor)
{
  for (skip_blanks(cursor); *cursor->at == '\n'; skip_blanks(cursor)) {
    cursor->at++;
    cursor->line++;
  }
  return *cursor->at != '\0';
}

static int32_t read_label(struct cursor *cursor, int64_t *label)
{
  char *end;
  double number = strtod(cursor->at, &end);
  if (end == cursor->at || strchr(" \t\r\n", *end) == NULL || number < -1.0 ||
      number > 2147483646.0 || number != floor(number)) {
    return refuse(cursor, "a class: -1, 0, 1, 2 ...");
  }
  *label = (int64_t)number;
  cursor->at = end;
  return LAMINA_OK;
}

/* "7:0.5"; *last is the index before it in this line. */
static int32_t read_entry(struct cursor *cursor, int64_t features, int64_t *last, float *value)
{
  char *end;
  long long index = strtoll(cursor->at, &end, 10);
  if (end == cursor->at || *end != ':') {
    return refuse(cursor, "INDEX:VALUE");
  }
  if (index <= *last || index > features) {
    return refuse(cursor, "an index above the one before it and up to 'features'");
  }
  const char *number = end + 1;
  *value = strtof(number, &end);
  if (strchr(" \t\r\n", *number) != NULL || end == number || strchr(" \t\r\n#", *end) == NULL ||
      !isfinite(*value)) {
    return refuse(cursor, "a finite number behind the colon");
  }
  *last = index;
  cursor->at = end;
  return LAMINA_OK;
}

/* Goes through the file once: counts, and fills the blocks where they are there already. */
static int32_t go_through(struct svmlight *self, struct cursor *cursor, int64_t *entries,
                          int64_t *lowest)
{
  int64_t label = 0;
  self->records = 0;
  *entries = 0;
  while (next_record(cursor)) {
    int64_t last = 0;
    float value = 0.0f;
    LAMINA_TRY(read_label(cursor, &label));
    *lowest = label < *lowest ? label : *lowest;
    if (self->label != NULL) {
      self->label[self->records] = (int32_t)label;
      self->start[self->records] = *entries;
    }
    for (skip_blanks(cursor); *cursor->at != '\n' && *cursor->at != '\0'; skip_blanks(cursor)) {
      LAMINA_TRY(read_entry(cursor, self->features, &last, &value));
      if (self->value != NULL) {
        self->value[*entries] = value;
        self->index[*entries] = (int32_t)(last - 1);
      }
      ++*entries;
    }
    self->records++;
  }
  return LAMINA_OK;
}

/* -1 and +1 become 0 and 1; other labels stay, and are compared with the number of classes. */
static int32_t number_classes(struct svmlight *self, struct lamina_call *call, int64_t lowest)
{
  for (int64_t i = 0; i < self->records; i++) {
    int32_t label = self->label[i];
    if (lowest < 0 && label != -1 && label != 1) {
      return lamina_failf(call, LAMINA_E_INVALID,
                          "%.300s: record %lld (from 1) has the label %d, but others have -1, "
                          "beside which only 1 can be",
                          self->file, (long long)(i + 1), label);
    }
    label = lowest < 0 ? (label + 1) / 2 : label;
    if (self->classes > 0 && label >= self->classes) {
      return lamina_failf(call, LAMINA_E_INVALID,
                          "%.300s: record %lld (from 1) is of class %d, expected one below %lld",
                          self->file, (long long)(i + 1), label, (long long)self->classes);
    }
    self->label[i] = label;
    self->seen = label >= self->seen ? label + 1 : self->seen;
  }
  return LAMINA_OK;
}

static int32_t setup(void *self, struct lamina_call *call)
{
  struct svmlight *svmlight = self;
  svmlight->files = lamina_service(call, LAMINA_FILES_ID);
  return svmlight->files == NULL ? LAMINA_E_MISSING : LAMINA_OK;
}

/* Declares the fields of a record. Nothing is read: that is why `features` must be given. */
static int32_t infer(void *self, struct lamina_plan *plan)
{
  const struct svmlight *svmlight = self;
  struct lamina_type type = lamina_type_f32(1, &svmlight->features);
  LAMINA_TRY(lamina_field(plan, INPUT, "input", &type, 0, 0));
  type = lamina_type_i32(0, &svmlight->features);
  return lamina_field(plan, TARGET, "target", &type,
                      svmlight->classes > 0 ? svmlight->classes : svmlight->seen,
                      svmlight->classes > 0 ? LAMINA_FIELD_CLASSES_EXACT : 0);
}

static int32_t open_records(void *self, struct lamina_call *call)
{
  struct svmlight *svmlight = self;
  struct lamina_file file;
  int64_t entries, lowest = 0;
  LAMINA_TRY(svmlight->files->load(svmlight->files->self, call, svmlight->file, &file));
  struct cursor cursor = {file.bytes, 1, call, svmlight->file};
  LAMINA_TRY(go_through(svmlight, &cursor, &entries, &lowest));
  if (cursor.at != file.bytes + file.size) {
    return refuse(&cursor, "text, but there is a zero byte");
  }
  uint64_t records = (uint64_t)svmlight->records, numbers = (uint64_t)entries;
  svmlight->start = lamina_memory(call, (records + 1) * sizeof *svmlight->start);
  svmlight->label = lamina_memory(call, (records + 1) * sizeof *svmlight->label);
  svmlight->index = lamina_memory(call, (numbers + 1) * sizeof *svmlight->index);
  svmlight->value = lamina_memory(call, (numbers + 1) * sizeof *svmlight->value);
  if (svmlight->start == NULL || svmlight->label == NULL || svmlight->index == NULL ||
      svmlight->value == NULL) {
    return LAMINA_E_NOMEM;
  }
  cursor = (struct cursor){file.bytes, 1, call, svmlight->file};
  LAMINA_TRY(go_through(svmlight, &cursor, &entries, &lowest));
  svmlight->start[svmlight->records] = entries;
  return number_classes(svmlight, call, lowest);
}

static int64_t count(const void *self)
{
  const struct svmlight *svmlight = self;
  return svmlight->records;
}

static int32_t read_records(void *self, struct lamina_call *call, const int64_t *index, int64_t n)
{
  const struct svmlight *svmlight = self;
  const struct lamina_view *input = lamina_get(call, LAMINA_OUT, INPUT);
  const struct lamina_view *target = lamina_get(call, LAMINA_OUT, TARGET);
  if (input == NULL || target == NULL) {
    return LAMINA_E_PLUGIN;
  }
  memset(input->data, 0, (size_t)(n * svmlight->features) * sizeof(float));
  for (int64_t i = 0; i < n; i++) {
    float *row = (float *)input->data + i * svmlight->features;
    for (int64_t k = svmlight->start[index[i]]; k < svmlight->start[index[i] + 1]; k++) {
      row[svmlight->index[k]] = svmlight->value[k];
    }
    ((int32_t *)target->data)[i] = svmlight->label[index[i]];
  }
  return LAMINA_OK;
}

LAMINA_DATASET(svmlight, "1.0.0", "sparse records in the text format of SVMlight and LIBSVM",
               struct svmlight, LAMINA_SETTINGS(settings), .setup = setup, .infer = infer,
               .open = open_records, .count = count, .read = read_records);
