/* Codes: normal numbers against SciPy's, grids and lines by hand. */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "analysis/codes.h"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

Test(codes, quantiles_are_those_of_the_normal_distribution)
{
  /* scipy.special.ndtri */
  static const struct {
    double p, x;
  } rows[] = {{0.5, 0.0},
              {0.025, -1.9599639845400545},
              {0.3, -0.5244005127080409},
              {0.9, 1.2815515655446004},
              {1e-6, -4.753424308822899},
              {0x1p-33, -6.3379577545537895},
              {1.0 - 0x1p-33, 6.3379577545537895},
              {1e-300, -37.0470962993612}};
  for (size_t i = 0; i < COUNT_OF(rows); i++) {
    double x = lm_normal_quantile(rows[i].p);
    cr_expect(fabs(x - rows[i].x) <= 1e-14 * (1.0 + fabs(rows[i].x)), "%g: %.17g", rows[i].p, x);
  }
}

/* The bounds are five deviations of what they bound. */
Test(codes, draws_have_the_moments_of_the_normal_distribution)
{
  enum { N = 200000 };
  static float numbers[N];
  double sums[4] = {0};
  lm_codes_draw(3, N / 8, 8, numbers);
  for (int i = 0; i < N; i++) {
    double power = 1.0;
    for (int k = 0; k < 4; k++) {
      power *= (double)numbers[i];
      sums[k] += power / N;
    }
  }
  static const double wanted[4] = {0, 1, 0, 3}, deviation[4] = {1, 1.4143, 3.873, 9.798};
  for (int k = 0; k < 4; k++) {
    cr_expect(fabs(sums[k] - wanted[k]) < 5 * deviation[k] / sqrt(N), "moment %d: %g", k + 1,
              sums[k]);
  }
}

Test(codes, draws_depend_on_seed_and_place_alone)
{
  float few[6], many[3000], other[6];
  lm_codes_draw(7, 3, 2, few);
  lm_codes_draw(7, 1000, 3, many);
  lm_codes_draw(8, 3, 2, other);
  cr_expect_arr_eq(few, many, sizeof few);
  for (int i = 0; i < 6; i++) {
    cr_expect_neq(few[i], other[i]);
  }
}

Test(codes, a_grid_rises_to_the_right_and_upwards_in_equal_shares)
{
  enum { SIDE = 3, WIDTH = 4 };
  const float q = 0.96742157f; /* of 5/6 */
  static const float across[SIDE] = {-0.96742157f, 0.0f, 0.96742157f};
  float codes[SIDE * SIDE * WIDTH];
  lm_codes_grid(SIDE, (struct lm_plane){.across = 2, .up = 0}, WIDTH, codes);
  for (int row = 0; row < SIDE; row++) {
    for (int column = 0; column < SIDE; column++) {
      const float *code = codes + (row * SIDE + column) * WIDTH;
      cr_expect(fabsf(code[2] - across[column]) < 1e-6f && code[1] == 0.0f && code[3] == 0.0f);
      cr_expect(fabsf(code[0] - q * (float)(1 - row)) < 1e-6f);
    }
  }
}

Test(codes, a_line_has_both_ends)
{
  static const float from[] = {0.1f, -2.0f}, to[] = {0.3f, 2.0f};
  float codes[10];
  lm_codes_line(from, to, 5, 2, codes);
  cr_expect_arr_eq(codes, from, sizeof from);
  cr_expect_arr_eq(codes + 8, to, sizeof to);
  for (int i = 0; i < 5; i++) {
    cr_expect(fabsf(codes[2 * i] - (0.1f + 0.05f * (float)i)) < 1e-6f);
    cr_expect_eq(codes[2 * i + 1], (float)i - 2.0f);
  }
  lm_codes_line(from, to, 1, 2, codes);
  cr_expect_arr_eq(codes, from, sizeof from);
}
