/* Codes as maps: principal components against NumPy's, drawings as XML and as tables. */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "analysis/latents.h"
#include "analysis/pca.h"
#include "base/memory.h"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

enum { COUNT = 40, WIDTH = 5 };

static void fill(float *points)
{
  for (int i = 0; i < COUNT; i++) {
    for (int k = 0; k < WIDTH; k++) {
      points[i * WIDTH + k] =
          (float)((double)((i * 37 + k * k * 11 + i * k * 7) % 101) / 50.0 - 1.0);
    }
    points[i * WIDTH + 2] =
        (float)((double)points[i * WIDTH + 2] + 0.5 * (double)points[i * WIDTH]);
  }
}

Test(pca, finds_the_axes_and_shares_that_numpy_finds)
{
  /* numpy.linalg.eigh(numpy.cov(points.T)) */
  static const double axes[2][WIDTH] = {
      {-0.56348157, -0.02614974, -0.5225231, 0.28196038, 0.57382286},
      {0.1342755, 0.72956741, 0.19893116, 0.63961423, 0.03196112}};
  static const double shares[2] = {0.3769977299180294, 0.22582801014938247};
  float points[COUNT * WIDTH];
  double plane[COUNT * 2], squares[2] = {0}, product = 0.0;
  struct lm_pca pca;
  struct lm_error error = {0};
  fill(points);
  cr_assert(lm_pca_make(points, COUNT, WIDTH, &pca, &error) == LAMINA_OK, "%s", error.text);
  for (int a = 0; a < 2; a++) {
    cr_expect(fabs(pca.share[a] - shares[a]) < 1e-12, "%.17g", pca.share[a]);
    for (int k = 0; k < WIDTH; k++) {
      cr_expect(fabs(pca.axes[a][k] - axes[a][k]) < 1e-8, "%d, %d: %g", a, k, pca.axes[a][k]);
    }
  }
  lm_pca_project(&pca, points, COUNT, plane);
  for (int i = 0; i < COUNT; i++) {
    squares[0] += plane[2 * i] * plane[2 * i];
    squares[1] += plane[2 * i + 1] * plane[2 * i + 1];
    product += plane[2 * i] * plane[2 * i + 1];
  }
  cr_expect(fabs(squares[1] / squares[0] - shares[1] / shares[0]) < 1e-12);
  cr_expect(fabs(product) < 1e-12 * squares[0], "the coordinates are not correlated");
  lm_pca_release(&pca);
}

Test(pca, takes_points_that_do_not_spread)
{
  static const struct {
    float points[9];
    double first, second;
  } rows[] = {{{1, 2, 3, 1, 2, 3, 1, 2, 3}, 0, 0}, {{0, 0, 0, 1, 2, 2, 2, 4, 4}, 1, 0}};
  for (size_t i = 0; i < COUNT_OF(rows); i++) {
    struct lm_pca pca;
    cr_assert(lm_pca_make(rows[i].points, 3, 3, &pca, NULL) == LAMINA_OK);
    cr_expect(fabs(pca.share[0] - rows[i].first) < 1e-12 && fabs(pca.share[1]) < 1e-12);
    double length = hypot(hypot(pca.axes[1][0], pca.axes[1][1]), pca.axes[1][2]);
    cr_expect(fabs(length - 1.0) < 1e-12);
    lm_pca_release(&pca);
  }
  struct lm_pca pca;
  struct lm_error error = {0};
  cr_assert(lm_pca_make(rows[0].points, 1, LM_PCA_MOST + 1, &pca, &error) == LAMINA_E_UNSUPPORTED);
  cr_expect(strstr(error.text, "513 dimensions, expected at most 512") != NULL, "%s", error.text);
}

/* ---- from codes to the plane ---- */

Test(latents, one_and_two_numbers_are_shown_as_they_are_and_more_by_components)
{
  static const struct {
    int64_t width;
    const char *across, *up;
    double first[2];
  } rows[] = {{1, "z.0", "", {-1, 0}},
              {2, "z.0", "z.1", {-1, -0.5}},
              {5,
               "first principal component of z: 37.7 % of its variance",
               "second principal component: 22.6 %",
               {NAN, NAN}}};
  float points[COUNT * WIDTH];
  for (size_t i = 0; i < COUNT_OF(rows); i++) {
    struct lm_latents latents;
    struct lm_error error = {0};
    fill(points);
    points[1] = i == 1 ? -0.5f : points[1];
    const struct lm_codes codes = {.numbers = points, .count = COUNT, .width = rows[i].width};
    cr_assert(lm_latents_make(&codes, "z", &latents, &error) == LAMINA_OK, "%s", error.text);
    cr_expect_str_eq(latents.across, rows[i].across);
    cr_expect_str_eq(latents.up, rows[i].up);
    cr_expect(isnan(rows[i].first[0]) ||
              (latents.points[0] == rows[i].first[0] && latents.points[1] == rows[i].first[1]));
    lm_latents_release(&latents);
  }
}

Test(latents, codes_that_are_no_numbers_or_none_are_refused)
{
  static float points[] = {1, 2, 3, INFINITY};
  static const struct {
    int64_t width;
    enum lamina_status status;
    const char *words;
  } rows[] = {{0, LAMINA_E_INVALID, "'z' is a code of no numbers"},
              {2, LAMINA_E_NONFINITE, "'z' of sample 1 (from 0) is inf"}};
  for (size_t i = 0; i < COUNT_OF(rows); i++) {
    struct lm_latents latents;
    struct lm_error error = {0};
    const struct lm_codes codes = {.numbers = points, .count = 2, .width = rows[i].width};
    cr_expect_eq(lm_latents_make(&codes, "z", &latents, &error), rows[i].status);
    cr_expect(strstr(error.text, rows[i].words) != NULL, "%s", error.text);
  }
}

Test(latents, samples_are_chosen_evenly)
{
  int64_t index[10];
  cr_expect_eq(lm_latents_choose(10, 4, index), 4);
  static const int64_t four[] = {0, 2, 5, 7};
  cr_expect_arr_eq(index, four, sizeof four);
  cr_expect_eq(lm_latents_choose(3, 4, index), 3);
  cr_expect(index[0] == 0 && index[1] == 1 && index[2] == 2);
}

/* ---- drawings ---- */

static const double plane[] = {-1, 10, 3, 30, NAN, 0, 1, 20};
static const int32_t labels[] = {0, 1, 1, 0};
static const char *const names[] = {"a<b & \"c\"", "d\x01"};
static const struct lm_map map = {.points = plane,
                                  .labels = labels,
                                  .count = 4,
                                  .classes = 2,
                                  .names = names,
                                  .title = "t < u",
                                  .across = "x & y",
                                  .up = "up"};

static size_t count_of(const char *text, const char *word)
{
  size_t count = 0;
  for (; (text = strstr(text, word)) != NULL; text++) {
    count++;
  }
  return count;
}

Test(map, draws_each_point_where_it_is_and_names_each_class)
{
  static const char *const parts[] = {"<title>t &lt; u</title>", ">x &amp; y</text>", ">up</text>",
                                      ">a&lt;b &amp; &quot;c&quot;</text>", ">d </text>",
                                      ">0</text>", ">2</text>", ">25</text>",
                                      ".c0{fill:#1f77b4}.c1{fill:#ff7f0e}",
                                      /* 4 % of 560 / 1.08 from the edges, and the middle */
                                      "<circle class=\"c0\" cx=\"90.7\" cy=\"583.3\"",
                                      "<circle class=\"c1\" cx=\"609.3\" cy=\"64.7\"",
                                      "<circle class=\"c0\" cx=\"350.0\" cy=\"324.0\""};
  struct lm_text text = {0};
  lm_map_svg(&map, &text);
  for (size_t i = 0; i < COUNT_OF(parts); i++) {
    cr_expect(strstr(lm_text_get(&text), parts[i]) != NULL, "%s", parts[i]);
  }
  cr_expect_eq(count_of(lm_text_get(&text), "<circle"), 5, "three points, two classes");
  lm_text_release(&text);
}

Test(map, draws_no_points_equal_points_and_many_classes)
{
  static const double same[] = {5, 0, 5, 0};
  static const int32_t far[] = {0, 99};
  static const struct lm_map maps[] = {
      {.points = same, .title = "", .across = "", .up = ""},
      {.points = same, .count = 2, .title = "", .across = "", .up = ""},
      {.points = same,
       .count = 2,
       .labels = far,
       .classes = 100,
       .title = "",
       .across = "",
       .up = ""}};
  for (size_t i = 0; i < COUNT_OF(maps); i++) {
    struct lm_text text = {0};
    lm_map_svg(&maps[i], &text);
    const char *svg = lm_text_get(&text);
    cr_expect(strstr(svg, "nan") == NULL && strstr(svg, "inf") == NULL);
    cr_expect_eq(count_of(svg, "<circle"), (size_t)(maps[i].count + maps[i].classes));
    cr_expect_eq(count_of(svg, "<g"), count_of(svg, "</g"));
    lm_text_release(&text);
  }
}

Test(map, tables_quote_names)
{
  struct lm_text text = {0};
  lm_map_csv(&map, &text);
  cr_expect_str_eq(lm_text_get(&text), "x,y,class\n-1,10,\"a<b & \"\"c\"\"\"\n3,30,d\x01\n"
                                       "nan,0,d\x01\n1,20,\"a<b & \"\"c\"\"\"\n");
  lm_text_release(&text);
}
