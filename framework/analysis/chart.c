/*
 * Places on the axes are found in units of 0 ... 1 and brought to the frame when they are written.
 */
#include "analysis/chart.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The frame in the picture, in pixels; the legend is on its right. */
enum { LEFT = 72, TOP = 16, WIDTH = 440, HEIGHT = 280, BELOW = 52, RIGHT = 16 };
enum { COLOURS = 8, LINE = 18, STEPS = 5 };

static const char *const colours[COLOURS] = {"#0b5fa5", "#c2410c", "#15803d", "#7c3aed",
                                             "#a16207", "#be185d", "#0f766e", "#4b5563"};

/** Numbers at the ends of an axis. */
struct scale {
  double low, high, step;
};

static double left_of(double x)
{
  return LEFT + x * WIDTH;
}

static double top_of(double y)
{
  return TOP + (1.0 - y) * HEIGHT;
}

/* Text in XML. */
static void add_escaped(struct lm_text *out, const char *text)
{
  for (; *text != '\0'; text++) {
    const char *entity = *text == '&'   ? "&amp;"
                         : *text == '<' ? "&lt;"
                         : *text == '>' ? "&gt;"
                         : *text == '"' ? "&quot;"
                                        : NULL;
    lm_text_add(out, entity == NULL ? "" : entity);
    lm_text_add_bytes(out, text, entity == NULL ? 1 : 0);
  }
}

static void add_label(struct lm_text *out, double x, double y, const char *anchor, const char *text)
{
  lm_text_addf(out, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">", x, y, anchor);
  add_escaped(out, text);
  lm_text_add(out, "</text>\n");
}

/* ---- the x axis ---- */

/* The number that a place's text is; NaN if it is none. */
static double number_of(const struct lm_chart *chart, size_t place)
{
  char *end;
  double number = strtod(chart->places[place], &end);
  return end != chart->places[place] && *end == '\0' ? number : (double)NAN;
}

static bool places_ascend(const struct lm_chart *chart)
{
  bool ascend = chart->n_places > 1 && isfinite(number_of(chart, 0));
  for (size_t i = 1; ascend && i < chart->n_places; i++) {
    ascend = isfinite(number_of(chart, i)) && number_of(chart, i) > number_of(chart, i - 1);
  }
  return ascend;
}

/* Where a place is, from 0.05 to 0.95. */
static double place_at(const struct lm_chart *chart, bool ascend, size_t place)
{
  double at = (double)place, low = 0.0, high = (double)chart->n_places - 1.0;
  if (ascend) {
    low = number_of(chart, 0);
    high = number_of(chart, chart->n_places - 1);
    at = number_of(chart, place);
    if (low > 0.0 && high >= 8.0 * low) {
      at = log(at);
      low = log(low);
      high = log(high);
    }
  }
  return high > low ? 0.05 + 0.9 * (at - low) / (high - low) : 0.5;
}

static void add_places(const struct lm_chart *chart, bool ascend, struct lm_text *out)
{
  for (size_t i = 0; i < chart->n_places; i++) {
    double x = left_of(place_at(chart, ascend, i));
    lm_text_addf(out, "<path class=\"axis\" d=\"M%.1f %d v5\"/>\n", x, TOP + HEIGHT);
    add_label(out, x, TOP + HEIGHT + 18, "middle", chart->places[i]);
  }
  add_label(out, LEFT + WIDTH / 2, TOP + HEIGHT + 40, "middle", chart->x_label);
}

/* ---- the y axis ---- */

/* Steps of 1, 2 or 5 times a power of ten, about STEPS of them. */
static struct scale choose_scale(const struct lm_chart *chart)
{
  double low = 0.0, high = -INFINITY;
  for (size_t i = 0; i < chart->n_lines; i++) {
    for (size_t k = 0; k < chart->n_places; k++) {
      double value = chart->lines[i].values[k];
      low = isfinite(value) ? fmin(low, value) : low;
      high = isfinite(value) ? fmax(high, value) : high;
    }
  }
  high = high > low ? high : low + 1.0;
  double step = pow(10.0, floor(log10((high - low) / STEPS)));
  double wanted = (high - low) / STEPS / step;
  step *= wanted > 5.0 ? 10.0 : wanted > 2.0 ? 5.0 : wanted > 1.0 ? 2.0 : 1.0;
  return (struct scale){
      .low = floor(low / step) * step, .high = ceil(high / step) * step, .step = step};
}

static void add_steps(const struct lm_chart *chart, const struct scale *scale, struct lm_text *out)
{
  int count = (int)lround((scale->high - scale->low) / scale->step);
  for (int i = 0; i <= count; i++) {
    char number[32];
    double value = scale->low + i * scale->step;
    double y = top_of((double)i / count);
    (void)snprintf(number, sizeof number, "%.4g", fabs(value) < 1e-9 * scale->step ? 0.0 : value);
    lm_text_addf(out, "<path class=\"grid\" d=\"M%d %.1f h%d\"/>\n", LEFT, y, WIDTH);
    add_label(out, LEFT - 8, y + 4.0, "end", number);
  }
  lm_text_addf(out,
               "<text x=\"16\" y=\"%d\" text-anchor=\"middle\" transform=\"rotate(-90 16 %d)\">",
               TOP + HEIGHT / 2, TOP + HEIGHT / 2);
  add_escaped(out, chart->y_label);
  lm_text_add(out, "</text>\n");
}

/* ---- lines ---- */

static void add_line(const struct lm_chart *chart, size_t index, bool ascend,
                     const struct scale *scale, struct lm_text *out)
{
  const struct lm_chart_line *line = &chart->lines[index];
  const char *colour = colours[index % COLOURS];
  struct lm_text points = {0};
  bool begun = false;
  lm_text_addf(out, "<path fill=\"none\" stroke=\"%s\" stroke-width=\"1.5\" d=\"", colour);
  for (size_t k = 0; k < chart->n_places; k++) {
    if (!isfinite(line->values[k])) {
      begun = false;
      continue;
    }
    double x = left_of(place_at(chart, ascend, k));
    double y = top_of((line->values[k] - scale->low) / (scale->high - scale->low));
    lm_text_addf(out, "%c%.1f %.1f ", begun ? 'L' : 'M', x, y);
    lm_text_addf(&points, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"3\" fill=\"%s\"/>\n", x, y, colour);
    begun = true;
  }
  lm_text_addf(out, "\"/>\n%s", lm_text_get(&points));
  if (chart->n_lines > 1) {
    int top = TOP + 8 + (int)index * LINE;
    lm_text_addf(out, "<path stroke=\"%s\" stroke-width=\"3\" d=\"M%d %d h16\"/>\n", colour,
                 LEFT + WIDTH + RIGHT, top);
    add_label(out, LEFT + WIDTH + RIGHT + 22, top + 4, "start", line->name);
  }
  out->failed = out->failed || !lm_text_ok(&points);
  lm_text_release(&points);
}

/* Room for the longest name; how wide letters are is not known, so there is some to spare. */
static int legend_width(const struct lm_chart *chart)
{
  enum { BESIDE = 40, LETTER = 8, MOST = 80 };
  size_t longest = 0;
  for (size_t i = 0; i < chart->n_lines; i++) {
    size_t length = strlen(chart->lines[i].name);
    longest = length > longest ? length : longest;
  }
  return BESIDE + LETTER * (int)(longest < MOST ? longest : MOST);
}

void lm_chart_svg(const struct lm_chart *chart, struct lm_text *out)
{
  struct scale scale = choose_scale(chart);
  bool ascend = places_ascend(chart);
  bool legend = chart->n_lines > 1;
  int names = TOP + (int)chart->n_lines * LINE + RIGHT;
  int width = LEFT + WIDTH + RIGHT + (legend ? legend_width(chart) : 0),
      height = TOP + HEIGHT + BELOW;
  height = legend && names > height ? names : height;
  lm_text_addf(out,
               "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" "
               "font-family=\"sans-serif\" font-size=\"12\">\n"
               "<style>.axis{stroke:#333;fill:none}.grid{stroke:#ddd}</style>\n"
               "<rect width=\"100%%\" height=\"100%%\" fill=\"#fff\"/>\n",
               width, height);
  add_steps(chart, &scale, out);
  lm_text_addf(out, "<path class=\"axis\" d=\"M%d %d v%d h%d\"/>\n", LEFT, TOP, HEIGHT, WIDTH);
  add_places(chart, ascend, out);
  for (size_t i = 0; i < chart->n_lines; i++) {
    add_line(chart, i, ascend, &scale, out);
  }
  lm_text_add(out, "</svg>\n");
}
