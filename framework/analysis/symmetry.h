/*
 * How far the layers of a model are equivariant and invariant under shifts, turns, mirrors and
 * gains, measured on data.
 *
 * For a sample x, a motion T and the output f of a layer, with T' the motion on the places of f:
 *
 *   equivariance error   ||f(Tx) - T'f(x)|| / ||T'f(x)||
 *   invariance error     ||f(Tx) - f(x)|| / ||f(x)||
 *
 * Nothing is known about layers: that an output has rows and columns is seen by its shape, how
 * many pixels lie between its places is told by shapes and, where they leave a choice, by
 * measurement, and so is which places see an edge. Floor 10.
 */
#ifndef LM_ANALYSIS_SYMMETRY_H
#define LM_ANALYSIS_SYMMETRY_H

#include <stdbool.h>
#include <stdint.h>

#include "trainer/engine.h"

/** Errors up to this one are taken for rounding: deep convolutions come to some 1e-5. */
#define LM_SYMMETRY_EXACT 1e-4

enum lm_motion_kind { LM_MOTION_SHIFT = 0, LM_MOTION_TURN, LM_MOTION_FLIP, LM_MOTION_GAIN };

/** What is done to inputs: to pictures [H, W, C], or signals [T, C] along time. */
struct lm_motion {
  enum lm_motion_kind kind;
  bool pair;           /* SHIFT: of pictures alone; otherwise right is left out for signals */
  bool zeros;          /* SHIFT: zeros come in, not what goes out on the other side */
  int64_t right, down; /* SHIFT: in pixels; down is later in signals */
  double amount;       /* TURN: degrees counter-clockwise; GAIN: the factor */
};

/** Over the samples. */
struct lm_spread {
  double mean, median, most;
};

/** Why a layer has no equivariance error. */
enum lm_symmetry_state {
  LM_SYMMETRY_MEASURED = 0,
  LM_SYMMETRY_NO_GRID,   /* its output has no rows and columns, or only one place */
  LM_SYMMETRY_NO_MOTION, /* the motion would end between the places of its output */
  LM_SYMMETRY_NO_INSIDE  /* only places that see no edge count, and there are none */
};

/** Why a layer keeps less than what it reads has kept. */
enum lm_symmetry_cause {
  LM_CAUSE_NONE = 0,
  LM_CAUSE_STRIDE,       /* LM_SYMMETRY_NO_MOTION */
  LM_CAUSE_EDGES,        /* it is not exact, but places that see no edge are */
  LM_CAUSE_EVERYWHERE,   /* places that see no edge are not exact, or there are none */
  LM_CAUSE_NO_GRID,      /* LM_SYMMETRY_NO_GRID, and it is not invariant */
  LM_CAUSE_CONSTANT,     /* GAIN: it adds something */
  LM_CAUSE_NOT_IN_SCALE, /* GAIN: its output does not grow as its input */
};

/** A layer's output. */
struct lm_symmetry_output {
  char *name; /* "conv2d", "split.1" */
  char *node, *plugin;
  char *settings; /* as in the experiment, on one line */
  char *shape;    /* "[8, 8, 32]" of a sample */
};

/** What one motion does to a layer's output. */
struct lm_symmetry_row {
  enum lm_symmetry_state state;
  enum lm_symmetry_cause cause; /* not NONE: with a sentence */
  int64_t height, width;        /* its grid; height is the time of signals; 0: none */
  double steps[2];              /* pixels from place to place, down and right */
  int64_t inside;               /* places that see no edge */
  int64_t exact;                /* places that are exact in all samples; if MEASURED */
  struct lm_spread equivariance, at_inside, invariance; /* where they are, see state and inside */
  char *sentence;                                       /* of the cause; NULL: none */
};

/** One motion. */
struct lm_symmetry_part {
  struct lm_motion motion;
  char *label;                  /* "shift by 1 down and 1 right, circular" */
  struct lm_symmetry_row *rows; /* by output */
  struct lm_spread input;       /* ||Tx - x|| / ||x|| */
  int32_t broken_by;            /* row of the first cause; -1: nothing breaks it */
  int32_t invariant_from;       /* the first row that is invariant, the input not being; -1: none */
  struct lm_scores scores;      /* on moved data; with has_scores */
};

/** All of it; borrows nothing. */
struct lm_symmetry_report {
  struct lm_symmetry_output *outputs;
  struct lm_symmetry_part *parts;
  uint32_t n_outputs, n_parts;
  int64_t samples;
  struct lm_scores scores; /* on the data as they are */
  char *metrics[LM_MAX_FACTS];
  uint32_t n_metrics;
  bool has_loss, has_scores;
};

/**
 * Measures motions, each for itself, on all records of the engine's training portion.
 * @param engine  for LM_TO_EVALUATE, with its weights; with losses and metrics there are scores
 * @param out     owned by the caller, release with lm_symmetry_report_free()
 * @return LAMINA_OK; LAMINA_E_INVALID when a motion and the data do not fit each other; what
 *         layers return
 */
enum lamina_status lm_symmetry_measure(struct lm_engine *engine, const struct lm_motion *motions,
                                       uint32_t n, struct lm_symmetry_report **out,
                                       struct lm_error *error) LM_MUST_CHECK;
void lm_symmetry_report_free(struct lm_symmetry_report *report);

/** A table for people; one JSON object; and a picture in SVG. model: how the caller names it. */
void lm_symmetry_report_text(const struct lm_symmetry_report *report, struct lm_text *out);
void lm_symmetry_report_json(const struct lm_symmetry_report *report, const char *model,
                             struct lm_text *out);
void lm_symmetry_report_svg(const struct lm_symmetry_report *report, const char *model,
                            struct lm_text *out);

#endif
