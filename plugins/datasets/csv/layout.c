/*
 * What the columns are: whether there is a header, how many columns, which is the target.
 *
 * The first two records decide, so that infer() need not read the file. With `header: auto` a
 * first record is a header if a cell besides the target's is a word, or if the target's cell is
 * a word there and none in the second record. Words are texts that do not stand for a missing
 * number: a record that lacks one is refused as a record, not skipped as a header.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "csv.h"

int32_t lm_csv_refuse_quotes(const struct lm_csv *csv, struct lamina_call *call, int64_t line,
                             int next)
{
  return lamina_failf(call, LAMINA_E_INVALID, "%.300s:%lld: %s", csv->file, (long long)line,
                      next == LM_CSV_UNCLOSED ? "a quote that begins in this line is never closed"
                                              : "found text after a closing quote, expected a "
                                                "separator or the end of the line");
}

int32_t lm_csv_check_target(struct lm_csv *csv, struct lamina_call *call)
{
  static const char *const words[] = {"last", "first", "none"};
  struct lm_csv_cell cell = lm_csv_cell_make(csv->target, strlen(csv->target));
  double number = 0.0;
  csv->target_kind = LM_CSV_NAME;
  for (int32_t i = LM_CSV_LAST; i <= LM_CSV_NONE; i++) {
    if (strcmp(csv->target, words[i]) == 0) {
      csv->target_kind = i;
    }
  }
  if (lm_csv_number(&cell, &number)) {
    csv->target_kind = LM_CSV_NUMBER;
    if (!(number >= 1.0 && number <= 1e9) || floor(number) != number) {
      return lamina_failf(call, LAMINA_E_INVALID,
                          "target: found %.60s, expected a column's number, 1 or more",
                          csv->target);
    }
    csv->target_number = (int64_t)number;
  }
  return LAMINA_OK;
}

/* What one of the first records looks like. */
struct glance {
  int64_t cells, words;
  int target_is_word;
};

static int is_target(const struct lm_csv *csv, int64_t column, int next)
{
  switch (csv->target_kind) {
    case LM_CSV_LAST:
      return next == LM_CSV_END;
    case LM_CSV_FIRST:
      return column == 0;
    case LM_CSV_NUMBER:
      return column == csv->target_number - 1;
    default:
      return 0;
  }
}

static int32_t glance_at(const struct lm_csv *csv, struct lamina_call *call,
                         struct lm_csv_text *text, struct glance *glance)
{
  int next = LM_CSV_MORE;
  memset(glance, 0, sizeof *glance);
  if (!lm_csv_has_record(text)) {
    return text->is_partial ? LM_CSV_TOO_SHORT : LAMINA_OK;
  }
  while (next == LM_CSV_MORE) {
    struct lm_csv_cell cell;
    int is_word;
    next = lm_csv_take(text, &cell);
    if (next == LM_CSV_TORN) {
      return LM_CSV_TOO_SHORT;
    }
    if (next > LM_CSV_END) {
      return lm_csv_refuse_quotes(csv, call, cell.line, next);
    }
    is_word = lm_csv_is_word(&cell);
    glance->target_is_word |= is_word && is_target(csv, glance->cells, next);
    glance->words += is_word;
    glance->cells++;
  }
  return LAMINA_OK;
}

static int is_header(const struct lm_csv *csv, const struct glance *first,
                     const struct glance *second)
{
  if (csv->header != LM_CSV_AUTO || csv->target_kind == LM_CSV_NAME) {
    return csv->header != LM_CSV_ABSENT;
  }
  return first->words > first->target_is_word ||
         (first->target_is_word && second->cells > 0 && !second->target_is_word);
}

/* Looks the target's name up in the header, which `text` is at. */
static int32_t find_column(const struct lm_csv *csv, struct lamina_call *call,
                           struct lm_csv_text text, struct lm_csv_layout *layout)
{
  struct lm_csv_cell wanted = lm_csv_cell_make(csv->target, strlen(csv->target));
  char list[200] = "";
  size_t length = 0;
  (void)lm_csv_has_record(&text);
  for (int64_t i = 0; i < layout->columns; i++) {
    struct lm_csv_cell cell;
    char shown[LM_CSV_SHOWN];
    (void)lm_csv_take(&text, &cell);
    if (lm_csv_compare(&cell, &wanted) == 0) {
      layout->target = i;
      return LAMINA_OK;
    }
    if (length + LM_CSV_SHOWN + 8 < sizeof list) {
      length += (size_t)snprintf(list + length, sizeof list - length, "%s'%s'", i > 0 ? ", " : "",
                                 lm_csv_show(&cell, shown));
    }
  }
  return lamina_failf(call, LAMINA_E_INVALID, "%.150s: found no column '%.60s', the header has %s",
                      csv->file, csv->target, list);
}

static int32_t find_target(const struct lm_csv *csv, struct lamina_call *call,
                           struct lm_csv_layout *layout)
{
  if (csv->target_kind == LM_CSV_LAST) {
    layout->target = layout->columns - 1;
  } else if (csv->target_kind == LM_CSV_FIRST) {
    layout->target = 0;
  } else if (csv->target_kind == LM_CSV_NUMBER) {
    layout->target = csv->target_number - 1;
  }
  if (layout->target >= layout->columns) {
    return lamina_failf(call, LAMINA_E_INVALID, "%.300s: target is column %lld, but there are %lld",
                        csv->file, (long long)csv->target_number, (long long)layout->columns);
  }
  layout->inputs = layout->columns - (layout->target >= 0);
  if (layout->inputs == 0) {
    return lamina_failf(call, LAMINA_E_INVALID,
                        "%.300s: the only column is the target; is the separator '%s' right?",
                        csv->file, csv->separator);
  }
  return LAMINA_OK;
}

/* A target given by name needs a header that fits the records. */
static int32_t check_header(const struct lm_csv *csv, struct lamina_call *call,
                            const struct glance *first, const struct glance *second)
{
  if (csv->header == LM_CSV_ABSENT) {
    return lamina_failf(call, LAMINA_E_INVALID,
                        "target: '%.60s' is a column's name, but header is absent: expected last, "
                        "first, none or a column's number",
                        csv->target);
  }
  if (first->cells != second->cells) {
    return lamina_failf(call, LAMINA_E_INVALID,
                        "%.300s: target is a column's name, but the header has %lld cells and the "
                        "next record %lld",
                        csv->file, (long long)first->cells, (long long)second->cells);
  }
  return LAMINA_OK;
}

int32_t lm_csv_find_layout(const struct lm_csv *csv, struct lamina_call *call,
                           struct lm_csv_text text, struct lm_csv_layout *layout)
{
  struct lm_csv_text start = text;
  struct glance first, second;
  LAMINA_TRY(glance_at(csv, call, &text, &first));
  LAMINA_TRY(glance_at(csv, call, &text, &second));
  layout->has_header = is_header(csv, &first, &second);
  layout->columns = layout->has_header ? second.cells : first.cells;
  layout->target = -1;
  if (layout->columns == 0) {
    return lamina_failf(call, LAMINA_E_INVALID, "%.300s: found %s, expected at least one record",
                        csv->file, first.cells == 0 ? "an empty file" : "only a header");
  }
  /* A first line of counts, as some collections have it, names nothing. */
  layout->has_names =
      layout->has_header && first.cells == second.cells && first.words == first.cells;
  if (csv->target_kind == LM_CSV_NAME) {
    LAMINA_TRY(check_header(csv, call, &first, &second));
    LAMINA_TRY(find_column(csv, call, start, layout));
  }
  return find_target(csv, call, layout);
}
