/*
 * A loader from inside: loader.c makes it, batch.c makes batches with it.
 *
 * For each field there are at most three buffers: the raw records, and two of float32 that
 * the transforms write in turn (one suffices when all of them may work in place). Views are
 * made for the largest batch; a smaller one changes their first dimension.
 *
 * Gathering ahead needs one buffer more for each field, a twin of the one that finished batches
 * lie in: the batch in use stays in one while the next one is made in the other. All else
 * exists once, since only one batch is made at a time: what is on offer to the pool's workers is
 * taken back, or waited for, before anything else is done with the loader.
 */
#ifndef LM_DATA_LOADER_INTERNAL_H
#define LM_DATA_LOADER_INTERNAL_H

#include "data/loader.h"

/** A transform with its views and its call. */
struct lm_stage {
  struct lm_transform *transform;
  unsigned from, to; /* buffers of the field */
  struct lm_shape in_shape, out_shape;
  struct lamina_view in, out;
  const struct lamina_view *in_table[1], *out_table[1], *records_table[1];
  const struct lamina_view *state_table[LM_MAX_FACTS];
  struct lm_call call;
};

/** A field on its way. */
struct lm_field {
  struct lm_shape raw_shape;
  struct lamina_view raw;
  bool convert; /* raw is not what models take */
  void *buffers[2];
  unsigned last; /* the buffer that batches are finished in */
  void *spare;   /* its twin, when batches are gathered ahead */
  void *data;    /* of the finished batch */
  struct lm_stage *stages;
  uint32_t n_stages;
};

/** What a batch is to be. */
struct lm_request {
  const int64_t *index;
  int64_t n;
  bool train;
  uint64_t epoch;
};

struct lm_loader {
  struct lm_dataset *dataset;
  int64_t largest;
  struct lm_field *fields;
  const struct lamina_view *raw_table[LM_MAX_FACTS];
  struct lm_call read_call;
  int64_t *numbers; /* [largest] of records that are given, 0 on; NULL: each batch has its own */
  int64_t record_dims[1];
  struct lamina_view records;

  bool has_spares;
  bool aside;     /* the thread that gathers is not the caller's */
  bool announced; /* `next` is on offer to the pool's workers */
  struct lm_request next;
  enum lamina_status next_status; /* how it went, with its sentence */
  struct lm_error next_error;

  int64_t gather_ns; /* how long a batch took that was timed */
  int64_t untimed;   /* batches since then */
  double waited_ns;
};

/** Numbers as they came into float32; false when the type has no case. out NULL: only ask. */
bool lm_loader_convert(const struct lamina_view *view, float *out);

#endif
