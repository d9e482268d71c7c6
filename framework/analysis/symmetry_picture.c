/*
 * The report as a picture: for each motion the errors of the layers on a logarithmic scale, in
 * the order in which they run. SVG is text, so that nothing is needed to draw it.
 */
#include <math.h>
#include <string.h>

#include "analysis/symmetry_internal.h"

/* Sizes in pixels. */
enum {
  LEFT = 70,
  RIGHT = 30,
  TOP = 64,
  PLOT = 260,
  NAMES = 110,
  LINE = 17,
  GAP = 5,
  LEAST_WIDTH = 720,
  WIDEST_COLUMN = 90,
  NARROWEST_COLUMN = 22,
  LETTER = 6, /* width of one, roughly */
  FIRST_DECADE = -8,
  LAST_DECADE = 1
};

static const char INK[] = "#222222", FAINT[] = "#dddddd", GRAY[] = "#777777";
static const char BLUE[] = "#1f6fb2", SKY[] = "#7fb8e6", ORANGE[] = "#d9700f", RED[] = "#c02020";

/* Where one motion is drawn. */
struct panel {
  const struct lm_symmetry_report *report;
  const struct lm_symmetry_part *part;
  double top, column;
  int64_t width;
};

/* ---- places ---- */

/* The input is in column 0, output i in column i + 1. */
static double x_at(const struct panel *panel, int64_t column)
{
  return LEFT + panel->column * ((double)column + 0.5);
}

static double y_of(const struct panel *panel, double error)
{
  double decade = error > 0.0 ? log10(error) : FIRST_DECADE;
  decade = decade < FIRST_DECADE ? FIRST_DECADE : decade > LAST_DECADE ? LAST_DECADE : decade;
  return panel->top + TOP + PLOT * (LAST_DECADE - decade) / (LAST_DECADE - FIRST_DECADE);
}

static double column_width(const struct lm_symmetry_report *report)
{
  double width = (LEAST_WIDTH - LEFT - RIGHT) / (double)(report->n_outputs + 1);
  return width > WIDEST_COLUMN      ? WIDEST_COLUMN
         : width < NARROWEST_COLUMN ? NARROWEST_COLUMN
                                    : width;
}

/* ---- marks ---- */

static void add_label(struct lm_text *out, double x, double y, const char *style, const char *text)
{
  lm_text_addf(out, "<text x=\"%.1f\" y=\"%.1f\" %s>", x, y, style);
  lm_text_add_xml(out, text);
  lm_text_add(out, "</text>\n");
}

static void add_line(struct lm_text *out, const double ends[4], const char *color, const char *more)
{
  lm_text_addf(out, "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" stroke=\"%s\"%s/>\n",
               ends[0], ends[1], ends[2], ends[3], color, more);
}

static void add_scale(struct lm_text *out, const struct panel *panel)
{
  double right = LEFT + panel->column * (panel->report->n_outputs + 1);
  double exact = y_of(panel, LM_SYMMETRY_EXACT), bottom = panel->top + TOP + PLOT;
  lm_text_addf(out, "<rect x=\"%d\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" fill=\"#f2f6f2\"/>\n",
               LEFT, exact, right - LEFT, bottom - exact);
  for (int decade = FIRST_DECADE; decade <= LAST_DECADE; decade++) {
    double y = y_of(panel, pow(10.0, decade));
    char text[32];
    (void)snprintf(text, sizeof text, decade == FIRST_DECADE ? "0" : "1e%d", decade);
    add_line(out, (double[]){LEFT, y, right, y}, FAINT, "");
    add_label(out, LEFT - 8, y + 4, "text-anchor=\"end\" fill=\"#777777\"",
              decade == 0   ? "1"
              : decade == 1 ? "10"
                            : text);
  }
  lm_text_addf(out,
               "<text transform=\"translate(%.1f %.1f) rotate(-90)\" text-anchor=\"middle\" "
               "fill=\"%s\">rounding</text>\n",
               right + 16.0, (exact + bottom) / 2.0, GRAY);
  lm_text_addf(out,
               "<text transform=\"translate(16 %.1f) rotate(-90)\" text-anchor=\"middle\" "
               "fill=\"%s\">relative error, mean to most</text>\n",
               bottom - PLOT / 2.0, GRAY);
}

static void add_name(struct lm_text *out, const struct panel *panel, int64_t column,
                     const char *name, const char *color)
{
  lm_text_addf(out,
               "<text transform=\"translate(%.1f %.1f) rotate(-40)\" text-anchor=\"end\" "
               "fill=\"%s\">",
               x_at(panel, column) + 4, panel->top + TOP + PLOT + 16, color);
  lm_text_add_xml(out, name);
  lm_text_add(out, "</text>\n");
}

/* ---- one line of errors ---- */

enum series { EQUIVARIANCE, INSIDE, INVARIANCE };

/* The error of a column; NULL where there is none. */
static const struct lm_spread *spread_at(const struct panel *panel, enum series series,
                                         int64_t column)
{
  static const struct lm_spread exact = {0};
  const struct lm_symmetry_row *row = column == 0 ? NULL : &panel->part->rows[column - 1];
  switch (series) {
    case EQUIVARIANCE:
      return row == NULL ? &exact : row->state == LM_SYMMETRY_MEASURED ? &row->equivariance : NULL;
    case INSIDE:
      return row != NULL && row->inside > 0 ? &row->at_inside : NULL;
    default:
      return row == NULL ? &panel->part->input : &row->invariance;
  }
}

static void add_mark(struct lm_text *out, enum series series, double x, double y, const char *color)
{
  if (series == INVARIANCE) {
    lm_text_addf(out, "<rect x=\"%.1f\" y=\"%.1f\" width=\"8\" height=\"8\" fill=\"%s\"/>\n",
                 x - 4.0, y - 4.0, color);
  } else {
    lm_text_addf(out, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"%s\" fill=\"%s\" stroke=\"%s\"/>\n", x,
                 y, series == INSIDE ? "3" : "4.5", series == INSIDE ? "#ffffff" : color, color);
  }
}

static const char *color_of(enum series series)
{
  return series == EQUIVARIANCE ? BLUE : series == INSIDE ? SKY : ORANGE;
}

/* Points of a mean with a line up to the most, joined where neighbours have one. */
static void add_series(struct lm_text *out, const struct panel *panel, enum series series)
{
  const char *color = color_of(series);
  const struct lm_spread *before = NULL;
  for (int64_t i = 0; i <= panel->report->n_outputs; i++) {
    const struct lm_spread *spread = spread_at(panel, series, i);
    double x = x_at(panel, i);
    if (spread != NULL && before != NULL) {
      add_line(
          out,
          (double[]){x_at(panel, i - 1), y_of(panel, before->mean), x, y_of(panel, spread->mean)},
          color, " stroke-width=\"1.5\"");
    }
    if (spread != NULL && series != INSIDE) {
      add_line(out, (double[]){x, y_of(panel, spread->mean), x, y_of(panel, spread->most)}, color,
               " stroke-width=\"3\" stroke-opacity=\"0.35\"");
    }
    before = spread;
  }
  for (int64_t i = 0; i <= panel->report->n_outputs; i++) {
    const struct lm_spread *spread = spread_at(panel, series, i);
    if (spread != NULL) {
      add_mark(out, series, x_at(panel, i), y_of(panel, spread->mean), color);
    }
  }
}

/* ---- a panel ---- */

static void add_legend(struct lm_text *out, const struct panel *panel)
{
  static const char *const words[] = {"equivariance", "equivariance away from edges", "invariance"};
  double x = LEFT;
  for (enum series series = EQUIVARIANCE; series <= INVARIANCE; series++) {
    if (series == INSIDE && panel->part->motion.kind == LM_MOTION_GAIN) {
      continue;
    }
    add_mark(out, series, x + 5, panel->top + 46, color_of(series));
    add_label(out, x + 14, panel->top + 50, "fill=\"#222222\"", words[series]);
    x += 40 + LETTER * (double)strlen(words[series]);
  }
}

/* Why a column has no equivariance, along its line. */
static void add_reason(struct lm_text *out, const struct panel *panel, int64_t column)
{
  static const char *const words[] = {"", "no places to move", "ends between places",
                                      "all see an edge"};
  const struct lm_symmetry_row *row = &panel->part->rows[column - 1];
  if (row->state != LM_SYMMETRY_MEASURED) {
    lm_text_addf(out,
                 "<text transform=\"translate(%.1f %.1f) rotate(-90)\" fill=\"%s\">%s</text>\n",
                 x_at(panel, column) - 5, panel->top + TOP + PLOT - 8, GRAY, words[row->state]);
  }
}

static void add_cause(struct lm_text *out, const struct panel *panel, int64_t column)
{
  double x = x_at(panel, column), y = panel->top + TOP;
  if (panel->part->rows[column - 1].cause != LM_CAUSE_NONE) {
    add_line(out, (double[]){x, y, x, y + PLOT}, RED,
             " stroke-width=\"1.5\" stroke-dasharray=\"5 4\"");
  }
}

/* Words in lines of the panel's width; how many lines. */
static int add_wrapped(struct lm_text *out, const struct panel *panel, double y, const char *text)
{
  size_t room = (size_t)((panel->width - LEFT - RIGHT) / LETTER);
  int lines = 0;
  while (*text != '\0') {
    char line[512];
    size_t length = strlen(text), cut = length;
    room = room < sizeof line ? room : sizeof line - 1;
    if (length > room) {
      cut = room;
      while (cut > room / 2 && text[cut] != ' ') {
        cut--;
      }
      while (cut > 0 && ((unsigned char)text[cut] & 0xc0) == 0x80) {
        cut--; /* not within a letter */
      }
    }
    memcpy(line, text, cut);
    line[cut] = '\0';
    add_label(out, LEFT, y + LINE * lines++, "fill=\"#222222\"", line);
    text += cut;
    text += *text == ' ';
  }
  return lines;
}

static void add_score(struct lm_text *line, const char *name, double before, double after)
{
  lm_text_addf(line, "%s%s %.4g, moved %.4g", line->length == 0 ? "" : "; ", name, before, after);
}

static int add_scores(struct lm_text *out, const struct panel *panel, double y)
{
  const struct lm_symmetry_report *report = panel->report;
  struct lm_text line = {0};
  if (report->has_loss) {
    add_score(&line, "loss", report->scores.loss, panel->part->scores.loss);
  }
  for (uint32_t i = 0; i < report->n_metrics; i++) {
    add_score(&line, report->metrics[i], report->scores.metrics[i], panel->part->scores.metrics[i]);
  }
  int lines = add_wrapped(out, panel, y, lm_text_get(&line));
  out->failed = out->failed || !lm_text_ok(&line);
  lm_text_release(&line);
  return lines;
}

/* Draws a motion; how high it is. */
static double add_panel(struct lm_text *out, const struct panel *panel)
{
  const struct lm_symmetry_report *report = panel->report;
  const struct lm_symmetry_part *part = panel->part;
  double y = panel->top + TOP + PLOT + NAMES;
  add_label(out, LEFT, panel->top + 24, "font-size=\"15\" font-weight=\"bold\" fill=\"#222222\"",
            part->label);
  add_legend(out, panel);
  add_scale(out, panel);
  add_name(out, panel, 0, "input", INK);
  for (uint32_t i = 0; i < report->n_outputs; i++) {
    add_cause(out, panel, i + 1);
    add_reason(out, panel, i + 1);
    add_name(out, panel, i + 1, report->outputs[i].name,
             part->rows[i].cause != LM_CAUSE_NONE ? RED : INK);
  }
  add_series(out, panel, INVARIANCE);
  add_series(out, panel, EQUIVARIANCE);
  if (part->motion.kind != LM_MOTION_GAIN) {
    add_series(out, panel, INSIDE);
  }
  for (uint32_t i = 0; i < report->n_outputs; i++) {
    if (part->rows[i].cause != LM_CAUSE_NONE) {
      y += LINE * add_wrapped(out, panel, y, part->rows[i].sentence) + GAP;
    }
  }
  y += LINE * add_scores(out, panel, y);
  return y + LINE - panel->top;
}

void lm_symmetry_report_svg(const struct lm_symmetry_report *report, const char *model,
                            struct lm_text *out)
{
  struct lm_text body = {0}, title = {0};
  struct panel panel = {.report = report, .top = 40, .column = column_width(report)};
  double needed = LEFT + RIGHT + panel.column * (report->n_outputs + 1);
  panel.width = (int64_t)(needed > LEAST_WIDTH ? needed : LEAST_WIDTH);
  for (uint32_t i = 0; i < report->n_parts; i++) {
    panel.part = &report->parts[i];
    panel.top += add_panel(&body, &panel);
  }
  lm_text_addf(&title, "%s, %lld samples", model, (long long)report->samples);
  lm_text_addf(out,
               "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%lld\" height=\"%.0f\" "
               "viewBox=\"0 0 %lld %.0f\" font-family=\"sans-serif\" font-size=\"12\">\n"
               "<rect width=\"100%%\" height=\"100%%\" fill=\"#ffffff\"/>\n",
               (long long)panel.width, panel.top, (long long)panel.width, panel.top);
  add_label(out, LEFT, 28, "font-size=\"13\" fill=\"#777777\"", lm_text_get(&title));
  lm_text_add(out, lm_text_get(&body));
  lm_text_add(out, "</svg>\n");
  out->failed = out->failed || !lm_text_ok(&body) || !lm_text_ok(&title);
  lm_text_release(&body);
  lm_text_release(&title);
}
