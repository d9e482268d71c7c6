/*
 * Cells of a text with separators (RFC 4180): where each begins and ends, and what number it is.
 *
 * Nothing is copied: a cell points into the text. Cells may be quoted, with "" for a quote and
 * with line ends inside; records end with LF or CRLF; blanks around a cell do not belong to it.
 * Numbers are decimal and mean the same in every locale.
 */
#ifndef LM_CSV_CELLS_H
#define LM_CSV_CELLS_H

#include <stdint.h>

/** A place in a text. */
struct lm_csv_text {
  const char *at, *end;
  int64_t line;    /* of `at`, from 1 */
  char separator;  /* between cells */
  char is_partial; /* more of the file may follow `end` */
};

/** One cell; in quoted ones, "" stands for a quote. */
struct lm_csv_cell {
  const char *bytes;
  uint64_t length;
  int64_t line; /* where it begins */
  int64_t is_quoted;
};

/** What follows a cell, or why there is none. */
enum lm_csv_next {
  LM_CSV_MORE = 0, /* another cell of the record */
  LM_CSV_END,      /* the end of the record */
  LM_CSV_TORN,     /* the end of a partial text, in the middle of a record */
  LM_CSV_UNCLOSED, /* a quote that opens and never closes */
  LM_CSV_TAIL      /* something else after a closing quote */
};

/** The text from its beginning, without a byte order mark. */
struct lm_csv_text lm_csv_text_make(const char *bytes, uint64_t size, char separator);

/** Skips empty lines; whether a record follows. */
int lm_csv_has_record(struct lm_csv_text *text);

/** Takes the next cell; one of enum lm_csv_next. */
int lm_csv_take(struct lm_csv_text *text, struct lm_csv_cell *cell);

/** Whether the cell is a decimal number, such as -1, .5 or 2.5e-3; *out may be infinite. */
int lm_csv_number(const struct lm_csv_cell *cell, double *out);

/** Whether the cell holds text: no number, not empty, and no mark of a missing number (nan). */
int lm_csv_is_word(const struct lm_csv_cell *cell);

/** The cell that a text of the program's own makes. */
struct lm_csv_cell lm_csv_cell_make(const char *bytes, uint64_t length);

/** Order of two cells by their bytes: negative, 0 or positive. */
int lm_csv_compare(const struct lm_csv_cell *a, const struct lm_csv_cell *b);

/** Copies what the cell holds, as far as it fits; returns its whole length in bytes. */
uint64_t lm_csv_copy(const struct lm_csv_cell *cell, char *out, uint64_t size);

enum { LM_CSV_SHOWN = 48 };

/** The cell as a message shows it: cut when long, '?' for bytes that are not plain ASCII. */
const char *lm_csv_show(const struct lm_csv_cell *cell, char out[LM_CSV_SHOWN]);

#endif
