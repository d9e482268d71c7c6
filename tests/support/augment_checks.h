/*
 * What every random transform owes: nothing in evaluation; in training the same numbers for a
 * record of an epoch at any number of threads and in any batch, and others for other records,
 * epochs and seeds.
 */
#ifndef LM_TESTS_AUGMENT_CHECKS_H
#define LM_TESTS_AUGMENT_CHECKS_H

#include "tests/support/part_probe.h"

/** Records of float32 before a transform, and what they are behind it. */
struct augment {
  const char *yaml;
  int64_t dims[3]; /* of a record */
  uint32_t rank;
  int64_t count; /* records */
  uint64_t seed;
  uint32_t threads;
  const float *input; /* NULL: augment_input() */
};

/** Numbers from 0 to 1 without a pattern, at most 65536 of them; the same ones each time. */
const float *augment_input(void);

/**
 * What the records become in training, made in batches of that size.
 * @return owned by the caller, release with free(); *elements of a record
 */
float *augment_run(const struct augment *augment, int64_t batch, uint64_t epoch, int64_t *elements);

/** Some pictures [20, 20, 3], and grey ones [9, 11]. */
struct augment augment_colour(const char *yaml);
struct augment augment_grey(const char *yaml);

/** The checks above. A crop that cuts is none in evaluation either. */
void augment_check(struct augment augment, bool is_identity_in_evaluation);

/** Fields of one axis and of four are refused. */
void augment_refuses_no_picture(const char *yaml);

#endif
