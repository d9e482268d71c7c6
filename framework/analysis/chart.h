/*
 * Line charts as SVG. Floor 10.
 */
#ifndef LM_ANALYSIS_CHART_H
#define LM_ANALYSIS_CHART_H

#include <stddef.h>

#include "base/text.h"

/** A line: a number for each place on the x axis; where it is not finite there is no point. */
struct lm_chart_line {
  const char *name;
  const double *values;
};

struct lm_chart {
  const char *x_label, *y_label;
  const char *const *places; /* [n_places]: what is written at them. Numbers that ascend lie where
                                they belong, by their logarithms if they span a factor of 8 */
  size_t n_places;
  const struct lm_chart_line *lines;
  size_t n_lines; /* names are shown if there are several */
};

/** Writes the chart; the y axis begins at 0 unless a number is below. */
void lm_chart_svg(const struct lm_chart *chart, struct lm_text *out);

#endif
