/*
 * The names of classes: a table in byte order that is searched by halving.
 *
 * It grows by doubling in memory that the host frees with the instance, so old tables stay
 * until then; together they are no larger than the last one.
 */
#include <string.h>

#include "csv.h"

/* Where a name is in the table, or would be; *found tells which. */
static int64_t place_of(const struct lm_csv *csv, const struct lm_csv_cell *cell, int *found)
{
  int64_t low = 0, high = csv->n_names;
  *found = 0;
  while (low < high) {
    int64_t middle = low + (high - low) / 2;
    int order = lm_csv_compare(cell, &csv->table[middle].cell);
    if (order == 0) {
      *found = 1;
      return middle;
    }
    low = order > 0 ? middle + 1 : low;
    high = order > 0 ? high : middle;
  }
  return low;
}

static int32_t grow(struct lm_csv *csv, struct lamina_call *call)
{
  int64_t capacity = csv->names_capacity == 0 ? 16 : 2 * csv->names_capacity;
  struct lm_csv_name *table = lamina_memory(call, (uint64_t)capacity * sizeof *table);
  if (table == NULL) {
    return LAMINA_E_NOMEM;
  }
  if (csv->n_names > 0) {
    memcpy(table, csv->table, (size_t)csv->n_names * sizeof *table);
  }
  csv->table = table;
  csv->names_capacity = capacity;
  return LAMINA_OK;
}

int32_t lm_csv_add_name(struct lm_csv *csv, struct lamina_call *call,
                        const struct lm_csv_cell *cell)
{
  struct lm_csv_name *at;
  int found = 0;
  int64_t place = place_of(csv, cell, &found);
  if (found) {
    return LAMINA_OK;
  }
  if (csv->n_names == csv->names_capacity) {
    LAMINA_TRY(grow(csv, call));
  }
  at = csv->table + place;
  memmove(at + 1, at, (size_t)(csv->n_names - place) * sizeof *at);
  at->cell = *cell;
  at->label = (int32_t)csv->n_names++;
  return LAMINA_OK;
}

const struct lm_csv_name *lm_csv_find_name(const struct lm_csv *csv, const struct lm_csv_cell *cell)
{
  int found = 0;
  int64_t place = place_of(csv, cell, &found);
  return found ? csv->table + place : NULL;
}

int32_t lm_csv_take_given_names(struct lm_csv *csv, struct lamina_call *call)
{
  struct lm_csv_text text = lm_csv_text_make(csv->names, strlen(csv->names), ',');
  int next = lm_csv_has_record(&text) ? LM_CSV_MORE : LM_CSV_END;
  while (next == LM_CSV_MORE) {
    struct lm_csv_cell cell;
    int is_known;
    next = lm_csv_take(&text, &cell);
    is_known = next <= LM_CSV_END && lm_csv_find_name(csv, &cell) != NULL;
    if (next > LM_CSV_END || cell.length == 0 || is_known) {
      return lamina_failf(call, LAMINA_E_INVALID,
                          "names: found %s, expected different names with commas between",
                          is_known ? "a name twice" : "an empty or badly quoted name");
    }
    LAMINA_TRY(lm_csv_add_name(csv, call, &cell));
    csv->names_given = 1;
  }
  if (csv->names_given && csv->classes > 0 && csv->classes != csv->n_names) {
    return lamina_failf(call, LAMINA_E_INVALID, "classes is %lld, but names lists %lld",
                        (long long)csv->classes, (long long)csv->n_names);
  }
  return LAMINA_OK;
}
