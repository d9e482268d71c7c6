/* The instance of the test-only data set two_fields, so that tests can look into it. */
#ifndef TESTS_PLUGINS_TWO_FIELDS_H
#define TESTS_PLUGINS_TWO_FIELDS_H

#include <lamina/dataset.h>

enum { TWO_FIELDS_COUNTED = 64 };

struct two_fields {
  int64_t samples, width;
  struct lamina_f64s values;
  int64_t micros, bad;
  int64_t reads[TWO_FIELDS_COUNTED]; /* how often record i was read */
  int64_t order[TWO_FIELDS_COUNTED]; /* the records that were read first */
  int64_t total;                     /* reads of all records */
};

#endif
