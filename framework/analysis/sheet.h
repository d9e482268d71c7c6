/*
 * Contact sheets: many small pictures of numbers, side by side, as pixels for io/png.h. Floor 10.
 */
#ifndef LM_ANALYSIS_SHEET_H
#define LM_ANALYSIS_SHEET_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "io/png.h"

/** The shade of margins and empty places, of 255. */
enum { LM_SHEET_GRAY = 96 };

/** What is to be shown; zero-initialise what is not said. */
struct lm_sheet {
  const float *images; /* [count, height, width, channels] */
  int64_t count, height, width;
  int64_t channels; /* 1: gray; 3: red, green, blue */
  int64_t columns;  /* 0: as many as make the sheet about square */
  int64_t zoom;     /* pixels a side that each element becomes; 0: some, so that small pictures
                       are about 64 pixels wide */
  bool stretched;   /* black is the smallest element of all, white the largest; otherwise they
                       are 0 and 1, and what is beyond them is cut off */
};

/**
 * Lays the pictures out row by row, with a margin of zoom pixels (at least 2) around each; what
 * is not finite is black. Margins and empty places are gray.
 * @param out  out->bytes is owned by the caller, release with lm_free()
 * @return LAMINA_OK; LAMINA_E_INVALID when there are no pictures, when they are neither gray nor
 *         RGB, or the sheet is over 1 GiB; LAMINA_E_NOMEM
 */
enum lamina_status lm_sheet_make(const struct lm_sheet *sheet, struct lm_pixels *out,
                                 struct lm_error *error) LM_MUST_CHECK;

#endif
