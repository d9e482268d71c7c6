/*
 * Pictures of records beside what a model makes of them. Floor 10.
 */
#ifndef LM_ANALYSIS_PAIRS_H
#define LM_ANALYSIS_PAIRS_H

#include "analysis/sheet.h"
#include "trainer/engine.h"

/** Which records, as places in a portion: two groups with a gap between them, either may be
 * empty. */
struct lm_pairs {
  const int64_t *groups[2];
  int64_t counts[2];
};

/**
 * Draws a sheet of pairs, the input on the left and the output of as many elements on the right.
 * An input is [height, width], [height, width, 1 or 3], or the elements of a square; black and
 * white are 0 and 1, or the least and the largest element of the inputs if any is beyond these.
 * @param out  as lm_sheet_make()
 * @return LAMINA_OK; LAMINA_E_INVALID when the input is no picture, or the model has no such
 *         output
 */
enum lamina_status lm_pairs_draw(struct lm_engine *engine, const struct lm_portion *portion,
                                 const struct lm_pairs *pairs, struct lm_pixels *out,
                                 struct lm_error *error) LM_MUST_CHECK;

#endif
