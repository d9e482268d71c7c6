/*
 * From cells to numbers, in two passes over the loaded text: the first checks that all records
 * have equally many cells, counts them and collects class names; the second converts.
 */
#include <math.h>
#include <stdio.h>

#include "csv.h"

enum { NAMES_LIMIT = 65536 };

static struct lm_csv_text whole_text(const struct lm_csv *csv)
{
  return lm_csv_text_make(csv->text.bytes, csv->text.size, csv->separator[0]);
}

/* The text after the header. */
static struct lm_csv_text records_text(const struct lm_csv *csv)
{
  struct lm_csv_text text = whole_text(csv);
  struct lm_csv_cell cell;
  int next = csv->layout.has_header && lm_csv_has_record(&text) ? LM_CSV_MORE : LM_CSV_END;
  while (next == LM_CSV_MORE) {
    next = lm_csv_take(&text, &cell);
  }
  return text;
}

/* " ('petal')" if the header names the columns, else "". */
static const char *column_name(const struct lm_csv *csv, int64_t column, char out[64])
{
  struct lm_csv_text text = whole_text(csv);
  struct lm_csv_cell cell = lm_csv_cell_make("", 0);
  char shown[LM_CSV_SHOWN];
  out[0] = '\0';
  if (csv->layout.has_names && lm_csv_has_record(&text)) {
    for (int64_t i = 0; i <= column; i++) {
      (void)lm_csv_take(&text, &cell);
    }
    (void)snprintf(out, 64, " ('%s')", lm_csv_show(&cell, shown));
  }
  return out;
}

/* A cell is not what is expected: says where, and what it is. */
static int32_t refuse(const struct lm_csv *csv, struct lamina_call *call,
                      const struct lm_csv_cell *cell, int64_t column, const char *expected)
{
  const char *quote = cell->length > 0 ? "'" : "";
  char shown[LM_CSV_SHOWN], name[64];
  return lamina_failf(
      call, LAMINA_E_INVALID, "%.200s:%lld: column %lld%s: found %s%s%s, expected %s", csv->file,
      (long long)cell->line, (long long)column + 1, column_name(csv, column, name), quote,
      cell->length > 0 ? lm_csv_show(cell, shown) : "nothing", quote, expected);
}

/* ---- first pass ---- */

/* Puts a class name into the table. The first record decides between names and numbers. */
static int32_t collect_name(struct lm_csv *csv, struct lamina_call *call,
                            const struct lm_csv_cell *cell)
{
  double number;
  int is_name = lm_csv_is_word(cell) || (csv->n_names > 0 && lm_csv_number(cell, &number));
  if (!is_name || lm_csv_find_name(csv, cell) != NULL) {
    return LAMINA_OK;
  }
  if (csv->n_names == 0 && csv->records > 0) {
    return refuse(csv, call, cell, csv->layout.target, "a class number, as in the records before");
  }
  if (csv->n_names == NAMES_LIMIT || (csv->classes > 0 && csv->n_names == csv->classes)) {
    return lamina_failf(call, LAMINA_E_INVALID,
                        "%.300s:%lld: found more than %lld different class names (for numbers to "
                        "predict, say target_type: value)",
                        csv->file, (long long)cell->line, (long long)csv->n_names);
  }
  return lm_csv_add_name(csv, call, cell);
}

/* Goes over one record: checks its number of cells, collects its class name. */
static int32_t survey_record(struct lm_csv *csv, struct lamina_call *call, struct lm_csv_text *text)
{
  int64_t line = text->line, cells = 0;
  int next = LM_CSV_MORE;
  int collects = csv->target_type == LM_CSV_CLASSES && !csv->names_given;
  while (next == LM_CSV_MORE) {
    struct lm_csv_cell cell;
    next = lm_csv_take(text, &cell);
    if (next > LM_CSV_END) {
      return lm_csv_refuse_quotes(csv, call, cell.line, next);
    }
    if (cells == csv->layout.target && collects) {
      LAMINA_TRY(collect_name(csv, call, &cell));
    }
    cells++;
  }
  if (cells == csv->layout.columns) {
    csv->records++;
    return LAMINA_OK;
  }
  return lamina_failf(call, LAMINA_E_INVALID,
                      "%.300s:%lld: found %lld cell%s, expected %lld as in the records before%s",
                      csv->file, (long long)line, (long long)cells, cells == 1 ? "" : "s",
                      (long long)csv->layout.columns,
                      csv->records == 1 && !csv->layout.has_header
                          ? " (if the first line is a header, say header: present)"
                          : "");
}

int32_t lm_csv_survey(struct lm_csv *csv, struct lamina_call *call)
{
  struct lm_csv_text text = records_text(csv);
  while ((csv->limit == 0 || csv->records < csv->limit) && lm_csv_has_record(&text)) {
    LAMINA_TRY(survey_record(csv, call, &text));
  }
  for (int64_t i = 0; i < csv->n_names && !csv->names_given; i++) {
    csv->table[i].label = (int32_t)i;
  }
  csv->seen = csv->n_names;
  return LAMINA_OK;
}

/* ---- second pass ---- */

static int32_t take_name(const struct lm_csv *csv, struct lamina_call *call,
                         const struct lm_csv_cell *cell, int32_t *label)
{
  const struct lm_csv_name *name = lm_csv_find_name(csv, cell);
  if (name == NULL) {
    return refuse(csv, call, cell, csv->layout.target,
                  csv->names_given ? "one of the class names given" : "a class name");
  }
  *label = name->label;
  return LAMINA_OK;
}

static int32_t take_class(struct lm_csv *csv, struct lamina_call *call,
                          const struct lm_csv_cell *cell, int32_t *label)
{
  int64_t end = csv->classes > 0 ? csv->classes : INT32_MAX;
  char expected[64] = "a class number such as 0 or 1 (or say target_type: value)";
  double number = 0.0;
  if (!lm_csv_number(cell, &number) || !(number >= 0.0 && number < (double)end) ||
      floor(number) != number) {
    if (csv->classes > 0) {
      (void)snprintf(expected, sizeof expected, "a class from 0 to %lld", (long long)end - 1);
    }
    return refuse(csv, call, cell, csv->layout.target, expected);
  }
  *label = (int32_t)number;
  csv->seen = *label >= csv->seen ? *label + 1 : csv->seen;
  return LAMINA_OK;
}

static int32_t take_number(const struct lm_csv *csv, struct lamina_call *call,
                           const struct lm_csv_cell *cell, int64_t column, float *out)
{
  double number;
  if (!lm_csv_number(cell, &number)) {
    return refuse(csv, call, cell, column, "a number");
  }
  if (fabs(number) >= 0x1.ffffffp127) { /* what is below rounds to a finite float32 */
    return refuse(csv, call, cell, column, "a number that float32 can hold, up to 3.4e38");
  }
  *out = (float)number;
  return LAMINA_OK;
}

static int32_t take_record(struct lm_csv *csv, struct lamina_call *call, struct lm_csv_text *text,
                           int64_t record)
{
  float *input = csv->inputs + record * csv->layout.inputs;
  for (int64_t i = 0; i < csv->layout.columns; i++) {
    struct lm_csv_cell cell;
    (void)lm_csv_take(text, &cell);
    if (i != csv->layout.target) {
      LAMINA_TRY(take_number(csv, call, &cell, i, input++));
    } else if (csv->values != NULL) {
      LAMINA_TRY(take_number(csv, call, &cell, i, csv->values + record));
    } else if (csv->n_names > 0) {
      LAMINA_TRY(take_name(csv, call, &cell, csv->targets + record));
    } else {
      LAMINA_TRY(take_class(csv, call, &cell, csv->targets + record));
    }
  }
  return LAMINA_OK;
}

int32_t lm_csv_take_records(struct lm_csv *csv, struct lamina_call *call)
{
  struct lm_csv_text text = records_text(csv);
  for (int64_t i = 0; i < csv->records && lm_csv_has_record(&text); i++) {
    LAMINA_TRY(take_record(csv, call, &text, i));
  }
  return LAMINA_OK;
}
