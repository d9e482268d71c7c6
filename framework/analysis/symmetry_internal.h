/* The probe's own: grids of places, motions on them, and the state of one measurement. */
#ifndef LM_ANALYSIS_SYMMETRY_INTERNAL_H
#define LM_ANALYSIS_SYMMETRY_INTERNAL_H

#include <lamina/picture.h>

#include "analysis/symmetry.h"
#include "base/text.h"

/** The places of a tensor. */
struct lm_grid {
  int axes;                  /* 2: rows and columns; 1: time, which is the height; 0: none */
  struct lamina_image image; /* without a grid: one place with everything as its channels */
  int64_t step[2], part[2];  /* by axis, down and right: step / part pixels to the next place */
};

static inline int64_t lm_grid_places(const struct lm_grid *grid)
{
  return grid->image.height * grid->image.width;
}

static inline int64_t lm_grid_count(const struct lm_grid *grid)
{
  return lm_grid_places(grid) * grid->image.channels;
}

/** Adds "shift by 1 down and 1 right, circular". axes: of the grid of the input. */
void lm_motion_label(const struct lm_motion *motion, int axes, struct lm_text *out);

/** The motion on a grid, of which the input's is `motion`; false when there is none. */
bool lm_motion_on(const struct lm_motion *motion, const struct lm_grid *grid,
                  struct lm_motion *out);

/** Whether every place goes to a place: nothing is lost, nothing comes in. */
bool lm_motion_keeps_all(const struct lm_motion *motion);

/** Moves one sample; `to` is other memory. fill: of places that nothing moves to. */
void lm_motion_apply(const struct lm_motion *motion, const struct lamina_image *image, float fill,
                     const float *from, float *to);

/** A field of the data that layers read and that the motion moves. */
struct lm_symmetry_source {
  bool moves;
  struct lm_grid grid;
  int64_t count;          /* numbers in a sample */
  float *content, *moved; /* [batch, count] x and Tx; also of fields that do not move */
};

/** An output of a layer while it is measured. */
struct lm_symmetry_target {
  uint32_t node, output;
  int64_t count; /* numbers in a sample */
  bool moved;    /* it depends on what the motion moves */
  struct lm_grid grid;
  struct lm_motion motion; /* on its grid, if has_motion */
  bool has_motion;
  float *plain;           /* [batch, count] f(x) */
  float *expected;        /* [count] T'f(x) */
  unsigned char *at_edge; /* by place: it sees an edge; NULL: not known */
  unsigned char *inexact; /* [count] by place: it is not exact in some sample */
  double *errors[3];      /* [samples] equivariance, inside, invariance */
  double constant;        /* GAIN: largest number that comes of zeros, as part of the largest */
};

/** One measurement. */
struct lm_probing {
  struct lm_engine *engine;
  struct lm_experiment *experiment;
  struct lm_executor *executor; /* every output has memory of its own */
  const struct lm_motion *motion;
  int64_t batch; /* samples that are run together, at most */
  struct lm_symmetry_source sources[LM_MAX_FACTS];
  struct lm_symmetry_target *targets;
  uint32_t n_targets;
};

/** Fills a report with all that is known before anything is measured, and room for n parts. */
enum lamina_status lm_symmetry_describe(const struct lm_probing *probing, uint32_t n,
                                        struct lm_symmetry_report *report,
                                        struct lm_error *error) LM_MUST_CHECK;

/** The target of an edge; NULL for sources and for what is not measured. */
struct lm_symmetry_target *lm_symmetry_target_of(const struct lm_probing *probing,
                                                 struct lm_edge edge);

/** Whether the tensor of an edge depends on what moves. */
bool lm_symmetry_moves(const struct lm_probing *probing, struct lm_edge edge);

/** Makes the next n records from `begin` the content of all sources. */
enum lamina_status lm_symmetry_load(struct lm_probing *probing, int64_t begin, int64_t n,
                                    struct lm_error *error) LM_MUST_CHECK;

/** Moves the content of n samples of all sources. */
void lm_symmetry_move(struct lm_probing *probing, int64_t n);

/** Runs the layers on the content, or on what is moved. */
enum lamina_status lm_symmetry_forward_on(struct lm_probing *probing, int64_t n, bool moved,
                                          struct lm_program **out,
                                          struct lm_error *error) LM_MUST_CHECK;

/** Keeps the outputs of a run of n samples as plain. */
void lm_symmetry_keep(struct lm_probing *probing, const struct lm_program *program, int64_t n);

/**
 * Finds the grids of sources and targets, with the n samples that are loaded; what is loaded
 * last is lost.
 */
enum lamina_status lm_symmetry_find_sources(struct lm_probing *probing,
                                            struct lm_error *error) LM_MUST_CHECK;
enum lamina_status lm_symmetry_find_grids(struct lm_probing *probing, int64_t n,
                                          struct lm_error *error) LM_MUST_CHECK;

/** Finds out which places see an edge, with the n samples that are loaded. */
enum lamina_status lm_symmetry_find_edges(struct lm_probing *probing, int64_t n,
                                          struct lm_error *error) LM_MUST_CHECK;

/** Decides causes, with their sentences, from the rows' numbers. */
enum lamina_status lm_symmetry_find_causes(const struct lm_probing *probing,
                                           const struct lm_symmetry_report *report,
                                           struct lm_symmetry_part *part,
                                           struct lm_error *error) LM_MUST_CHECK;

#endif
