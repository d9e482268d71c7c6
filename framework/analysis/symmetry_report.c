/*
 * The report as a table for people and as JSON for programs.
 */
#include <stdio.h>
#include <string.h>

#include "analysis/symmetry_internal.h"

/* ---- the table ---- */

/* A number in 9 columns; 0 below what rounding makes visible is written as it is. */
static void add_error(struct lm_text *out, bool known, double value)
{
  if (known) {
    lm_text_addf(out, " %9.2g", value);
  } else {
    lm_text_addf(out, " %9s", "-");
  }
}

static void add_steps(struct lm_text *out, const struct lm_symmetry_row *row)
{
  char text[48] = "-";
  if (row->height > 0 && row->steps[0] != row->steps[1] && row->width > 1) {
    (void)snprintf(text, sizeof text, "%g,%g", row->steps[0], row->steps[1]);
  } else if (row->height > 0) {
    (void)snprintf(text, sizeof text, "%g", row->steps[0]);
  }
  lm_text_addf(out, " %5s", text);
}

static const char *cause_name(enum lm_symmetry_cause cause)
{
  static const char *const names[] = {"none",    "stride",        "edges",       "everywhere",
                                      "no_grid", "adds_constant", "not_in_scale"};
  return names[cause];
}

static void add_note(struct lm_text *out, const struct lm_symmetry_part *part, uint32_t index)
{
  const struct lm_symmetry_row *row = &part->rows[index];
  if (row->cause != LM_CAUSE_NONE) {
    lm_text_addf(out, "  <- %s", cause_name(row->cause));
  }
  if (part->invariant_from == (int32_t)index) {
    lm_text_add(out, "  <- invariant");
  }
  lm_text_add(out, "\n");
}

static void add_row(struct lm_text *out, const struct lm_symmetry_report *report,
                    const struct lm_symmetry_part *part, uint32_t index)
{
  const struct lm_symmetry_output *output = &report->outputs[index];
  const struct lm_symmetry_row *row = &part->rows[index];
  bool known = row->state == LM_SYMMETRY_MEASURED;
  lm_text_addf(out, "%-16s %-16s %-14s", output->name, output->plugin, output->shape);
  if (part->motion.kind != LM_MOTION_GAIN) {
    add_steps(out, row);
  }
  add_error(out, known, row->equivariance.mean);
  add_error(out, known, row->equivariance.median);
  add_error(out, known, row->equivariance.most);
  if (part->motion.kind != LM_MOTION_GAIN) {
    add_error(out, row->inside > 0, row->at_inside.mean);
  }
  add_error(out, true, row->invariance.mean);
  add_error(out, true, row->invariance.median);
  add_error(out, true, row->invariance.most);
  add_note(out, part, index);
}

static void add_conclusions(struct lm_text *out, const struct lm_symmetry_report *report,
                            const struct lm_symmetry_part *part)
{
  const char *word = "broken by";
  for (uint32_t i = 0; i < report->n_outputs; i++) {
    if (part->rows[i].cause != LM_CAUSE_NONE) {
      lm_text_addf(out, "%s %s\n", word, part->rows[i].sentence);
      word = "then by";
    }
  }
  if (part->broken_by < 0) {
    lm_text_add(out, "broken by nothing that could be measured\n");
  }
  if (part->invariant_from >= 0) {
    lm_text_addf(out, "invariant from '%s' on\n", report->outputs[part->invariant_from].name);
  }
}

static void add_part(struct lm_text *out, const struct lm_symmetry_report *report,
                     const struct lm_symmetry_part *part)
{
  bool gain = part->motion.kind == LM_MOTION_GAIN;
  lm_text_addf(out, "%s; %lld samples; the input changes by %.2g\n", part->label,
               (long long)report->samples, part->input.mean);
  lm_text_addf(out, "%-16s %-16s %-14s%s %29s%s %29s\n", "", "", "", gain ? "" : "      ",
               "equivariance error", gain ? "" : "          ", "invariance error");
  lm_text_addf(out, "%-16s %-16s %-14s%s %9s %9s %9s%s %9s %9s %9s\n", "node", "plugin", "output",
               gain ? "" : "  step", "mean", "median", "most", gain ? "" : "    inside", "mean",
               "median", "most");
  for (uint32_t i = 0; i < report->n_outputs; i++) {
    add_row(out, report, part, i);
  }
  add_conclusions(out, report, part);
  lm_text_add(out, "\n");
}

static void add_score_rows(struct lm_text *out, const struct lm_symmetry_report *report,
                           const char *name, const struct lm_scores *scores)
{
  lm_text_addf(out, "%-48s", name);
  if (report->has_loss) {
    lm_text_addf(out, " %12.6g", scores->loss);
  }
  for (uint32_t i = 0; i < report->n_metrics; i++) {
    lm_text_addf(out, " %12.6g", scores->metrics[i]);
  }
  lm_text_add(out, "\n");
}

static void add_scores(struct lm_text *out, const struct lm_symmetry_report *report)
{
  lm_text_addf(out, "%-48s", "data");
  if (report->has_loss) {
    lm_text_addf(out, " %12s", "loss");
  }
  for (uint32_t i = 0; i < report->n_metrics; i++) {
    lm_text_addf(out, " %12s", report->metrics[i]);
  }
  lm_text_add(out, "\n");
  add_score_rows(out, report, "as they are", &report->scores);
  for (uint32_t i = 0; i < report->n_parts; i++) {
    add_score_rows(out, report, report->parts[i].label, &report->parts[i].scores);
  }
}

void lm_symmetry_report_text(const struct lm_symmetry_report *report, struct lm_text *out)
{
  for (uint32_t i = 0; i < report->n_parts; i++) {
    add_part(out, report, &report->parts[i]);
  }
  if (report->has_scores) {
    add_scores(out, report);
  }
}

/* ---- JSON ---- */

static const char *kind_name(enum lm_motion_kind kind)
{
  static const char *const names[] = {"translation", "rotation", "reflection", "amplification"};
  return names[kind];
}

static const char *state_name(enum lm_symmetry_state state)
{
  static const char *const names[] = {"measured", "no_grid", "no_motion", "no_inside"};
  return names[state];
}

static void add_key(struct lm_text *out, const char *before, const char *key)
{
  lm_text_add(out, before);
  lm_text_add_json_string(out, key);
  lm_text_add(out, ": ");
}

static void add_string(struct lm_text *out, const char *key, const char *value)
{
  add_key(out, ", ", key);
  lm_text_add_json_string(out, value);
}

static void add_spread(struct lm_text *out, const char *key, bool known,
                       const struct lm_spread *spread)
{
  add_key(out, ", ", key);
  if (!known) {
    lm_text_add(out, "null");
    return;
  }
  lm_text_add(out, "{\"mean\": ");
  lm_text_add_json_number(out, spread->mean);
  lm_text_add(out, ", \"median\": ");
  lm_text_add_json_number(out, spread->median);
  lm_text_add(out, ", \"max\": ");
  lm_text_add_json_number(out, spread->most);
  lm_text_add(out, "}");
}

static void add_json_row(struct lm_text *out, const struct lm_symmetry_output *output,
                         const struct lm_symmetry_row *row)
{
  add_key(out, "{", "output");
  lm_text_add_json_string(out, output->name);
  add_string(out, "node", output->node);
  add_string(out, "plugin", output->plugin);
  add_string(out, "settings", output->settings);
  lm_text_addf(out, ", \"shape\": %s", output->shape);
  if (row->height > 0) {
    lm_text_addf(out, ", \"grid\": [%lld, %lld], \"steps\": [", (long long)row->height,
                 (long long)row->width);
    lm_text_add_json_number(out, row->steps[0]);
    lm_text_add(out, ", ");
    lm_text_add_json_number(out, row->steps[1]);
    lm_text_addf(out, "], \"places_inside\": %lld", (long long)row->inside);
  } else {
    lm_text_add(out, ", \"grid\": null, \"steps\": null, \"places_inside\": 0");
  }
  bool counted = row->height > 0 && row->state == LM_SYMMETRY_MEASURED;
  lm_text_addf(out, ", \"places_exact\": %lld", counted ? (long long)row->exact : 0);
  add_string(out, "state", state_name(row->state));
  add_spread(out, "equivariance", row->state == LM_SYMMETRY_MEASURED, &row->equivariance);
  add_spread(out, "inside", row->inside > 0, &row->at_inside);
  add_spread(out, "invariance", true, &row->invariance);
  if (row->cause == LM_CAUSE_NONE) {
    lm_text_add(out, ", \"cause\": null}");
  } else {
    add_string(out, "cause", cause_name(row->cause));
    add_string(out, "sentence", row->sentence);
    lm_text_add(out, "}");
  }
}

static void add_json_scores(struct lm_text *out, const struct lm_symmetry_report *report,
                            const struct lm_scores *scores)
{
  const char *comma = "";
  add_key(out, ", ", "scores");
  lm_text_add(out, "{");
  if (report->has_loss) {
    add_key(out, "", "loss");
    lm_text_add_json_number(out, scores->loss);
    comma = ", ";
  }
  for (uint32_t i = 0; i < report->n_metrics; i++, comma = ", ") {
    add_key(out, comma, report->metrics[i]);
    lm_text_add_json_number(out, scores->metrics[i]);
  }
  lm_text_add(out, "}");
}

static void add_name_or_null(struct lm_text *out, const char *key,
                             const struct lm_symmetry_report *report, int32_t row)
{
  add_key(out, ", ", key);
  if (row < 0) {
    lm_text_add(out, "null");
  } else {
    lm_text_add_json_string(out, report->outputs[row].name);
  }
}

static void add_json_part(struct lm_text *out, const struct lm_symmetry_report *report,
                          const struct lm_symmetry_part *part)
{
  const struct lm_motion *motion = &part->motion;
  add_key(out, "{", "transform");
  lm_text_add_json_string(out, kind_name(motion->kind));
  add_string(out, "label", part->label);
  if (motion->kind == LM_MOTION_SHIFT) {
    lm_text_addf(out, ", \"right\": %lld, \"down\": %lld", (long long)motion->right,
                 (long long)motion->down);
    add_string(out, "edge", motion->zeros ? "zeros" : "circular");
  } else if (motion->kind != LM_MOTION_FLIP) {
    add_key(out, ", ", motion->kind == LM_MOTION_TURN ? "degrees" : "factor");
    lm_text_add_json_number(out, motion->amount);
  }
  add_spread(out, "input", true, &part->input);
  add_name_or_null(out, "broken_by", report, part->broken_by);
  add_name_or_null(out, "invariant_from", report, part->invariant_from);
  if (report->has_scores) {
    add_json_scores(out, report, &part->scores);
  }
  add_key(out, ", ", "layers");
  for (uint32_t i = 0; i < report->n_outputs; i++) {
    lm_text_add(out, i == 0 ? "[\n  " : ",\n  ");
    add_json_row(out, &report->outputs[i], &part->rows[i]);
  }
  lm_text_add(out, "]}");
}

void lm_symmetry_report_json(const struct lm_symmetry_report *report, const char *model,
                             struct lm_text *out)
{
  add_key(out, "{", "model");
  lm_text_add_json_string(out, model);
  lm_text_addf(out, ", \"samples\": %lld, \"exact\": ", (long long)report->samples);
  lm_text_add_json_number(out, LM_SYMMETRY_EXACT);
  if (report->has_scores) {
    add_json_scores(out, report, &report->scores);
  }
  add_key(out, ", ", "transforms");
  for (uint32_t i = 0; i < report->n_parts; i++) {
    lm_text_add(out, i == 0 ? "[\n" : ",\n");
    add_json_part(out, report, &report->parts[i]);
  }
  lm_text_add(out, "]}\n");
}
