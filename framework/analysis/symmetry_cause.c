/*
 * Causes: the layers that keep less of the symmetry than what they read has, and what the numbers
 * say of why. What a layer is called and set to is quoted as the experiment has it; what its
 * settings mean is not known here.
 */
#include <math.h>

#include "analysis/symmetry_internal.h"
#include "base/memory.h"

/* What comes of zeros, as part of what comes of data, is a constant above this. */
static const double CONSTANT = 1e-6;

static bool is_exact(const struct lm_spread *spread)
{
  return spread->most <= LM_SYMMETRY_EXACT;
}

/* What is left of the symmetry in a tensor. */
enum quality { NO_PLACES, BETWEEN_PLACES, BROKEN, AWAY_FROM_EDGES, EXACT };

static enum quality quality_of(const struct lm_symmetry_row *row)
{
  if (row->state == LM_SYMMETRY_NO_GRID || row->state == LM_SYMMETRY_NO_MOTION) {
    return row->state == LM_SYMMETRY_NO_GRID ? NO_PLACES : BETWEEN_PLACES;
  }
  if (row->state == LM_SYMMETRY_MEASURED && is_exact(&row->equivariance)) {
    return EXACT;
  }
  return row->inside > 0 && is_exact(&row->at_inside) ? AWAY_FROM_EDGES : BROKEN;
}

/* The least quality of what a target reads, of what moves. */
static enum quality quality_before(const struct lm_probing *probing, uint32_t index,
                                   const enum quality *qualities)
{
  const struct lm_symmetry_target *target = &probing->targets[index];
  const struct lm_node *node = probing->experiment->graph->nodes[target->node];
  enum quality least = EXACT;
  for (uint32_t k = 0; k < node->n_inputs; k++) {
    const struct lm_symmetry_target *from = lm_symmetry_target_of(probing, node->inputs[k]);
    if (from != NULL && from->moved && qualities[from - probing->targets] < least) {
      least = qualities[from - probing->targets];
    }
  }
  return least;
}

static enum lm_symmetry_cause cause_of(const struct lm_symmetry_part *part,
                                       const struct lm_symmetry_target *target,
                                       const struct lm_symmetry_row *row, enum quality quality)
{
  switch (quality) {
    case NO_PLACES:
      return is_exact(&row->invariance) ? LM_CAUSE_NONE : LM_CAUSE_NO_GRID;
    case BETWEEN_PLACES:
      return LM_CAUSE_STRIDE;
    case AWAY_FROM_EDGES:
      return LM_CAUSE_EDGES;
    case BROKEN:
      if (part->motion.kind == LM_MOTION_GAIN) {
        return target->constant > CONSTANT ? LM_CAUSE_CONSTANT : LM_CAUSE_NOT_IN_SCALE;
      }
      return LM_CAUSE_EVERYWHERE;
    default:
      return LM_CAUSE_NONE;
  }
}

/* ---- sentences ---- */

static void add_stride(const struct lm_symmetry_part *part, const struct lm_symmetry_row *row,
                       struct lm_text *out)
{
  if (part->motion.kind == LM_MOTION_SHIFT && row->width == 1) {
    lm_text_addf(
        out,
        "its steps in time are %g of the input long, and this shift ends between them: only "
        "shifts by multiples of %g come out as shifts",
        row->steps[0], row->steps[0]);
  } else if (part->motion.kind == LM_MOTION_SHIFT) {
    lm_text_addf(out,
                 "its places are %g rows and %g columns of the input apart, and this shift ends "
                 "between them: only shifts by multiples of that come out as shifts",
                 row->steps[0], row->steps[1]);
  } else {
    lm_text_addf(out,
                 "its %lld x %lld places, %g rows and %g columns of the input apart, cannot be "
                 "moved so",
                 (long long)row->height, (long long)row->width, row->steps[0], row->steps[1]);
  }
}

static void add_everywhere(const struct lm_symmetry_part *part, const struct lm_symmetry_row *row,
                           struct lm_text *out)
{
  bool strides = row->steps[0] > 1.0 || row->steps[1] > 1.0;
  if (row->inside == 0) {
    lm_text_add(out, "all of its places see an edge, so that padding, or a window that ends there, "
                     "cannot be told from other reasons");
  } else if (part->motion.kind == LM_MOTION_SHIFT) {
    lm_text_add(out, "also at places that see no edge: it treats places differently");
  } else {
    lm_text_addf(out, "also at places that see no edge: its weights are not symmetric under that%s",
                 strides ? ", or its steps begin at another pixel" : "");
  }
}

static char *make_sentence(const struct lm_symmetry_report *report,
                           const struct lm_symmetry_part *part, uint32_t index)
{
  const struct lm_symmetry_row *row = &part->rows[index];
  const struct lm_symmetry_output *output = &report->outputs[index];
  struct lm_text text = {0};
  lm_text_addf(&text, "%s '%s'%s%s: ", output->plugin, output->node,
               output->settings[0] == '\0' ? "" : " ", output->settings);
  switch (row->cause) {
    case LM_CAUSE_STRIDE:
      add_stride(part, row, &text);
      break;
    case LM_CAUSE_EDGES:
      lm_text_addf(&text,
                   "only at its edges, %lld of %lld places are exact: padding, or a window "
                   "that ends at the edge, is not moved with the rest",
                   (long long)row->exact, (long long)(row->height * row->width));
      break;
    case LM_CAUSE_EVERYWHERE:
      add_everywhere(part, row, &text);
      break;
    case LM_CAUSE_NO_GRID:
      lm_text_addf(&text,
                   "its output %s has no places that could be moved; from here on only "
                   "invariance can be told",
                   output->shape);
      break;
    case LM_CAUSE_CONSTANT:
      lm_text_add(&text, "it makes something of zeros: it adds what does not grow with its input, "
                         "such as a bias or a mean");
      break;
    case LM_CAUSE_NOT_IN_SCALE:
      lm_text_add(&text, "its output does not grow as its input does: it bends, saturates or "
                         "normalizes");
      break;
    default:
      break;
  }
  return lm_text_take(&text);
}

/* ---- all rows ---- */

static void find_invariant(const struct lm_probing *probing, struct lm_symmetry_part *part)
{
  part->invariant_from = -1;
  for (uint32_t i = 0; i < probing->n_targets && part->invariant_from < 0; i++) {
    if (probing->targets[i].moved && is_exact(&part->rows[i].invariance) &&
        !is_exact(&part->input)) {
      part->invariant_from = (int32_t)i;
    }
  }
}

/*
 * Sets the causes of a part. A tensor all of whose places see an edge cannot be judged behind one
 * that was exact away from edges only: it is then taken to be as good.
 */
static enum lamina_status set_causes(const struct lm_probing *probing,
                                     const struct lm_symmetry_report *report,
                                     struct lm_symmetry_part *part, enum quality *qualities,
                                     struct lm_error *error)
{
  for (uint32_t i = 0; i < probing->n_targets; i++) {
    struct lm_symmetry_row *row = &part->rows[i];
    enum quality before = quality_before(probing, i, qualities);
    bool unknown = row->inside == 0 && part->motion.kind != LM_MOTION_GAIN &&
                   (before == AWAY_FROM_EDGES || row->state == LM_SYMMETRY_NO_INSIDE);
    qualities[i] = quality_of(row);
    if (qualities[i] == BROKEN && unknown) {
      qualities[i] = before;
    }
    if (!probing->targets[i].moved || qualities[i] >= before) {
      continue;
    }
    row->cause = cause_of(part, &probing->targets[i], row, qualities[i]);
    if (row->cause == LM_CAUSE_NONE) {
      continue;
    }
    row->sentence = make_sentence(report, part, i);
    if (row->sentence == NULL) {
      return lm_fail_memory(error, 0);
    }
    part->broken_by = part->broken_by < 0 ? (int32_t)i : part->broken_by;
  }
  return LAMINA_OK;
}

enum lamina_status lm_symmetry_find_causes(const struct lm_probing *probing,
                                           const struct lm_symmetry_report *report,
                                           struct lm_symmetry_part *part, struct lm_error *error)
{
  enum quality *qualities = lm_alloc(probing->n_targets, sizeof *qualities);
  if (qualities == NULL) {
    return lm_fail_memory(error, probing->n_targets * sizeof *qualities);
  }
  part->broken_by = -1;
  find_invariant(probing, part);
  enum lamina_status status = set_causes(probing, report, part, qualities, error);
  lm_free(qualities);
  return status;
}
