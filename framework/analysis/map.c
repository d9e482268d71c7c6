/*
 * A drawing is text: a style that gives each class its colour, two axes with round numbers, one
 * circle a point in the order of the data, so that no class lies over all others, and a legend.
 */
#include "analysis/map.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

enum { PLOT = 560, LEFT = 70, TOP = 44, BOTTOM = 56, LEGEND = 150, ROW = 19, ROWS = 29, TICKS = 6 };

/* One axis: what is shown of it, and where its round numbers are. */
struct axis {
  double low, high, step;
};

static double nice_step(double range)
{
  double raw = range / TICKS;
  double power = pow(10.0, floor(log10(raw)));
  double digit = raw / power;
  return power * (digit <= 1.0 ? 1.0 : digit <= 2.0 ? 2.0 : digit <= 5.0 ? 5.0 : 10.0);
}

static bool is_shown(const struct lm_map *map, int64_t i)
{
  return isfinite(map->points[2 * i]) && isfinite(map->points[2 * i + 1]);
}

static struct axis find_axis(const struct lm_map *map, int which)
{
  double low = INFINITY, high = -INFINITY;
  for (int64_t i = 0; i < map->count; i++) {
    if (is_shown(map, i)) {
      low = fmin(low, map->points[2 * i + which]);
      high = fmax(high, map->points[2 * i + which]);
    }
  }
  if (!(low <= high)) {
    low = high = 0.0;
  }
  double margin = 0.04 * (high - low);
  if (!(margin > 1e-12 * fmax(fabs(low), fabs(high)))) {
    margin = low == 0.0 ? 1.0 : 0.5 * fabs(low);
  }
  return (struct axis){low - margin, high + margin, nice_step(high - low + 2.0 * margin)};
}

/* Ten colours that are easily told apart, then hues at the golden angle. */
static void add_colour(struct lm_text *out, int64_t label)
{
  static const char *const colours[] = {"#1f77b4", "#ff7f0e", "#2ca02c", "#d62728", "#9467bd",
                                        "#8c564b", "#e377c2", "#7f7f7f", "#bcbd22", "#17becf"};
  int64_t count = (int64_t)(sizeof colours / sizeof colours[0]);
  if (label < count) {
    lm_text_add(out, colours[label]);
    return;
  }
  double hue = fmod((double)label * 137.508, 360.0);
  lm_text_addf(out, "hsl(%.0f,%d%%,%d%%)", hue, 60 + (int)(label % 3) * 15,
               38 + (int)(label % 4) * 8);
}

static double across(const struct axis *axis, double x)
{
  return LEFT + (x - axis->low) / (axis->high - axis->low) * PLOT;
}

static double down(const struct axis *axis, double y)
{
  return TOP + (axis->high - y) / (axis->high - axis->low) * PLOT;
}

/* Columns of the legend. */
static int64_t legend_columns(const struct lm_map *map)
{
  return map->labels == NULL ? 0 : (map->classes + ROWS - 1) / ROWS;
}

static void add_head(const struct lm_map *map, struct lm_text *out)
{
  int64_t wide = LEFT + PLOT + 20 + LEGEND * legend_columns(map);
  lm_text_addf(out,
               "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
               "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%lld\" height=\"%d\" "
               "viewBox=\"0 0 %lld %d\" font-family=\"sans-serif\" font-size=\"13\">\n<title>",
               (long long)wide, TOP + PLOT + BOTTOM, (long long)wide, TOP + PLOT + BOTTOM);
  lm_text_add_xml(out, map->title);
  lm_text_add(out, "</title>\n<style>circle{fill-opacity:.65}");
  for (int64_t label = 0; label < (map->labels == NULL ? 1 : map->classes); label++) {
    lm_text_addf(out, ".c%lld{fill:", (long long)label);
    add_colour(out, label);
    lm_text_add(out, "}");
  }
  lm_text_add(out, "</style>\n<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n");
  lm_text_addf(out, "<text x=\"%d\" y=\"26\" font-size=\"16\">", LEFT);
  lm_text_add_xml(out, map->title);
  lm_text_add(out, "</text>\n");
}

static void add_ticks(struct lm_text *out, const struct axis *axis, bool vertical)
{
  for (double n = ceil(axis->low / axis->step); n * axis->step <= axis->high; n += 1.0) {
    double value = n * axis->step + 0.0; /* no -0 */
    if (vertical) {
      double y = down(axis, value);
      lm_text_addf(out,
                   "<path d=\"M%d %.1fh%d\" stroke=\"#e4e4e4\"/><text x=\"%d\" y=\"%.1f\" "
                   "text-anchor=\"end\">%g</text>\n",
                   LEFT, y, PLOT, LEFT - 8, y + 4.0, value);
    } else {
      double x = across(axis, value);
      lm_text_addf(out,
                   "<path d=\"M%.1f %dv%d\" stroke=\"#e4e4e4\"/><text x=\"%.1f\" y=\"%d\" "
                   "text-anchor=\"middle\">%g</text>\n",
                   x, TOP, PLOT, x, TOP + PLOT + 18, value);
    }
  }
}

static void add_axes(const struct lm_map *map, const struct axis axes[2], struct lm_text *out)
{
  add_ticks(out, &axes[0], false);
  add_ticks(out, &axes[1], true);
  lm_text_addf(out,
               "<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" fill=\"none\" "
               "stroke=\"#444\"/>\n<text x=\"%d\" y=\"%d\" text-anchor=\"middle\">",
               LEFT, TOP, PLOT, PLOT, LEFT + PLOT / 2, TOP + PLOT + 42);
  lm_text_add_xml(out, map->across);
  lm_text_addf(out,
               "</text>\n<text transform=\"translate(18 %d) rotate(-90)\" "
               "text-anchor=\"middle\">",
               TOP + PLOT / 2);
  lm_text_add_xml(out, map->up);
  lm_text_add(out, "</text>\n");
}

static void add_points(const struct lm_map *map, const struct axis axes[2], struct lm_text *out)
{
  double radius = map->count > 4000 ? 1.6 : map->count > 800 ? 2.2 : 3.2;
  for (int64_t i = 0; i < map->count; i++) {
    if (is_shown(map, i)) {
      lm_text_addf(out, "<circle class=\"c%d\" cx=\"%.1f\" cy=\"%.1f\" r=\"%.1f\"/>\n",
                   map->labels == NULL ? 0 : map->labels[i], across(&axes[0], map->points[2 * i]),
                   down(&axes[1], map->points[2 * i + 1]), radius);
    }
  }
}

static void add_legend(const struct lm_map *map, struct lm_text *out)
{
  for (int64_t label = 0; map->labels != NULL && label < map->classes; label++) {
    int64_t x = LEFT + PLOT + 26 + label / ROWS * LEGEND;
    int64_t y = TOP + 10 + label % ROWS * ROW;
    lm_text_addf(out,
                 "<circle class=\"c%lld\" cx=\"%lld\" cy=\"%lld\" r=\"6\"/><text x=\"%lld\" "
                 "y=\"%lld\">",
                 (long long)label, (long long)x, (long long)y, (long long)(x + 12),
                 (long long)(y + 4));
    if (map->names != NULL) {
      lm_text_add_xml(out, map->names[label]);
    } else {
      lm_text_addf(out, "%lld", (long long)label);
    }
    lm_text_add(out, "</text>\n");
  }
}

void lm_map_svg(const struct lm_map *map, struct lm_text *out)
{
  const struct axis axes[2] = {find_axis(map, 0), find_axis(map, 1)};
  add_head(map, out);
  add_axes(map, axes, out);
  add_points(map, axes, out);
  add_legend(map, out);
  lm_text_add(out, "</svg>\n");
}

/* A cell as RFC 4180 has it. */
static void add_cell(struct lm_text *out, const char *text)
{
  if (strpbrk(text, ",\"\r\n") == NULL) {
    lm_text_add(out, text);
    return;
  }
  lm_text_add(out, "\"");
  for (; *text != '\0'; text++) {
    lm_text_add_bytes(out, text, 1);
    lm_text_add(out, *text == '"' ? "\"" : "");
  }
  lm_text_add(out, "\"");
}

void lm_map_csv(const struct lm_map *map, struct lm_text *out)
{
  lm_text_add(out, map->labels == NULL ? "x,y\n" : "x,y,class\n");
  for (int64_t i = 0; i < map->count; i++) {
    lm_text_addf(out, "%.9g,%.9g", map->points[2 * i], map->points[2 * i + 1]);
    if (map->labels != NULL && map->names != NULL) {
      lm_text_add(out, ",");
      add_cell(out, map->names[map->labels[i]]);
    } else if (map->labels != NULL) {
      lm_text_addf(out, ",%d", map->labels[i]);
    }
    lm_text_add(out, "\n");
  }
}
