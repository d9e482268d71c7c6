/*
 * lamina/math.h keeps the bounds that it states, against the double functions of libm, over
 * every 2053rd of all floats and at the places that are special.
 */
#include <criterion/criterion.h>
#include <float.h>
#include <math.h>
#include <string.h>

#include <lamina/math.h>
#include <lamina/random.h>

static double sigmoid(double x)
{
  return 1.0 / (1.0 + exp(-x));
}

struct function {
  const char *name;
  float (*own)(float x);
  double (*oracle)(double x);
  double bound; /* ulp */
};

#define OWN(name)                  \
  static float own_##name(float x) \
  {                                \
    return lamina_##name##f(x);    \
  }
OWN(exp)
OWN(expm1)
OWN(log)
OWN(log1p)
OWN(sigmoid)
OWN(tanh)

static const struct function functions[] = {
    {"exp", own_exp, exp, 1.05},
    {"expm1", own_expm1, expm1, 1.72},
    {"log", own_log, log, 0.92},
    {"log1p", own_log1p, log1p, 1.44},
    {"sigmoid", own_sigmoid, sigmoid, 2.41},
    {"tanh", own_tanh, tanh, 2.56},
};

/* Units in the last place of a float between the two; the bound's own last digit is rounded. */
static double error_in_ulp(float got, double wanted)
{
  int exponent = wanted == 0.0 ? -149 : ilogb(wanted) - 23;
  return fabs((double)got - wanted) / ldexp(1.0, exponent < -149 ? -149 : exponent);
}

static void check(const struct function *f, float x)
{
  float got = f->own(x);
  double wanted = f->oracle((double)x);
  if (isnan(wanted)) {
    cr_assert(isnan(got), "%s(%a) is %a", f->name, (double)x, (double)got);
  } else if (fabs(wanted) > (double)FLT_MAX) {
    bool near_the_end = fabs(wanted) < 1.01 * (double)FLT_MAX; /* stated: inf above 88.73 */
    cr_assert(near_the_end || (double)got == copysign(INFINITY, wanted), "%s(%a) is %a", f->name,
              (double)x, (double)got);
  } else {
    double error = error_in_ulp(got, wanted);
    cr_assert(error <= f->bound + 0.005, "%s(%a) is %a, %g ulp from %a", f->name, (double)x,
              (double)got, error, wanted);
  }
}

Test(math, errors_stay_within_the_stated_bounds)
{
  for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++) {
    for (uint64_t bits = 0; bits < UINT64_C(1) << 32; bits += 2053) {
      check(&functions[i], lamina_float_from_bits((uint32_t)bits));
    }
  }
}

Test(math, limits_and_signs_are_those_of_libm)
{
  static const float special[] = {0.0f,     -0.0f,   INFINITY, -INFINITY, NAN,     FLT_MAX,
                                  -FLT_MAX, FLT_MIN, -FLT_MIN, 1e-45f,    -1e-45f, 1.0f,
                                  -1.0f,    88.722f, -87.33f,  -103.9f,   -104.1f, 17.4f,
                                  9.02f,    -9.02f,  0.5f,     -0.5f,     1e-8f,   -1e-8f};
  for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++) {
    for (size_t k = 0; k < sizeof special / sizeof special[0]; k++) {
      check(&functions[i], special[k]);
    }
  }
  cr_expect(signbit(own_tanh(-0.0f)) && signbit(own_expm1(-0.0f)));
  cr_expect(own_log(0.0f) == -INFINITY && own_log1p(-1.0f) == -INFINITY);
}

/* The same bits wherever an element stands: vector code and what is left over agree. */
LAMINA_CLONES
static void all(const float *x, float *y, int64_t n)
{
  LAMINA_INDEPENDENT
  for (int64_t i = 0; i < n; i++) {
    y[i] = lamina_tanhf(x[i]) + lamina_sigmoidf(x[i]);
  }
}

Test(math, bits_do_not_depend_on_the_place_in_an_array)
{
  enum { COUNT = 67 };
  float x[COUNT];
  float together[COUNT];
  float alone;
  for (int i = 0; i < COUNT; i++) {
    x[i] = (float)(i - 33) * 0.37f;
  }
  all(x, together, COUNT);
  for (int i = 0; i < COUNT; i++) {
    all(x + i, &alone, 1);
    cr_expect(memcmp(&alone, &together[i], sizeof alone) == 0, "element %d", i);
  }
}

LAMINA_CLONES
static void make_normals(const uint32_t *words, int64_t n, float *out)
{
  lamina_normals(words, n, out);
}

/*
 * Where a cosine or sine is next to 0, the double one is wrong by the rounding of its argument: so
 * much is allowed. Words of few bits, and their complements, are near the ends of the scale.
 */
Test(math, normal_numbers_of_vector_code_are_those_of_doubles)
{
  enum { COUNT = 4096 };
  static uint32_t words[COUNT];
  static float out[COUNT];
  uint64_t state = 1;
  for (int round = 0; round < 64; round++) {
    for (int i = 0; i < COUNT; i++) {
      state = state * 6364136223846793005u + 1442695040888963407u;
      uint32_t small = (uint32_t)(state >> 32) >> (round % 32);
      words[i] = round < 32 ? small : ~small;
    }
    make_normals(words, COUNT, out);
    for (int i = 0; i < COUNT; i += 2) {
      double radius = sqrt(-2.0 * log(((double)words[i] + 0.5) * 0x1p-32));
      double angle = 6.283185307179586 * (((double)words[i + 1] + 0.5) * 0x1p-32);
      double wanted[2] = {radius * cos(angle), radius * sin(angle)};
      for (int k = 0; k < 2; k++) {
        double off = fabs((double)out[i + k] - wanted[k]);
        cr_assert(off <= 5.0 * ldexp(fabs(wanted[k]), -23) + 1e-14, "%08x %08x: %a, not %a",
                  words[i], words[i + 1], (double)out[i + k], wanted[k]);
      }
    }
  }
}

Test(math, limits_of_random_words_have_the_probability_that_is_asked_for)
{
  static const struct {
    double probability;
    uint32_t limit;
  } rows[] = {{0.0, 0},     {-0.0, 0},      {0.5, 1u << 31},   {0x1p-32, 1},
              {0x1p-40, 1}, {0x1.8p-32, 2}, {1.0, UINT32_MAX}, {0x1.fffffffep-1, UINT32_MAX}};
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    cr_assert_eq(lamina_random_limit(rows[i].probability), rows[i].limit, "row %zu", i);
  }
}
