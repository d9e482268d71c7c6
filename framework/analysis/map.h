/*
 * Maps: points in the plane with a class each, as a drawing or as a table. Floor 10.
 */
#ifndef LM_ANALYSIS_MAP_H
#define LM_ANALYSIS_MAP_H

#include <stdint.h>

#include "base/text.h"

/** What is shown; zero-initialise what is not said. */
struct lm_map {
  const double *points;     /* [count, 2]: across and up */
  const int32_t *labels;    /* [count]; NULL: no classes */
  int64_t count, classes;   /* labels are below classes */
  const char *const *names; /* [classes]; NULL: their numbers */
  const char *title, *across, *up;
};

/** An SVG drawing with axes and a legend of the classes, without points that are not finite. */
void lm_map_svg(const struct lm_map *map, struct lm_text *out);

/** A table with the columns x, y and, where there are classes, class. */
void lm_map_csv(const struct lm_map *map, struct lm_text *out);

#endif
