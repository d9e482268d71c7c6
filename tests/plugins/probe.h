/* The instance of the test-only layer probe, so that tests can look into it. */
#ifndef TESTS_PLUGINS_PROBE_H
#define TESTS_PLUGINS_PROBE_H

#include <lamina/layer.h>

/** What goes wrong; the order of the words in probe.c. */
enum probe_fault {
  PROBE_NONE = 0,
  PROBE_ERROR,      /* forward tells a failure and returns it */
  PROBE_LIE,        /* forward tells a failure and returns success */
  PROBE_SILENT,     /* forward returns a failure and tells nothing */
  PROBE_UNKNOWN,    /* forward returns a number that is no status */
  PROBE_UNDECLARED, /* backward asks for its input, which it did not declare */
  PROBE_NAN,        /* forward writes a NaN, from then on */
  PROBE_MEMORY,     /* forward asks for lasting memory */
  PROBE_RANDOM,     /* forward asks for random numbers that were not declared */
  PROBE_SERVICE,    /* setup asks for a service that there is not */
  PROBE_KEEPS,      /* forward hands over all but its last element */
  PROBE_BEYOND,     /* forward hands over one element too many */
  PROBE_GROWS       /* infer declares a weight of the batch's size */
};

struct probe {
  int64_t at;     /* forward in which it goes wrong, from 1 */
  int32_t fault;  /* enum probe_fault */
  int32_t pieces; /* hands its output over in pieces */
  int32_t state;  /* has a state that counts forwards in training */
  int64_t forwards, backwards;
  uint32_t mode, request; /* of the last forward and backward */
  void *scratch[8];       /* of the lanes, in the last forward */
};

#endif
