/*
 * Multiplies each record by one random factor: brightness of pictures, loudness of sound. Of
 * loudness, which is heard by its logarithm, the factor is drawn in decibels: 20 of them are ten
 * times the amplitude.
 *
 * shape: any, kept.
 */
#include <lamina/augment.h>
#include <lamina/math.h>

enum { FACTOR = 0, DECIBELS = 1 };
enum { MOST_DECIBELS = 600 }; /* beyond it nothing is left in float32 */

struct gain {
  struct lamina_f64s by;
  int32_t unit, reserved;
};

static const struct lamina_setting settings[] = {
    LAMINA_F64S(struct gain, by, "[0.8, 1.2]", "[-1e30, 1e30]", "the least and the largest factor"),
    LAMINA_CHOICE(struct gain, unit, "factor", "factor|decibels", "what the two numbers are"),
};

static int32_t setup(void *self, struct lamina_call *call)
{
  const struct gain *gain = self;
  if (gain->by.count != 2 || gain->by.items[0] > gain->by.items[1]) {
    return lamina_fail(call, LAMINA_E_INVALID,
                       "by has to be two factors, the smaller one first, such as [0.8, 1.2]");
  }
  if (gain->unit == DECIBELS &&
      (gain->by.items[0] < -MOST_DECIBELS || gain->by.items[1] > MOST_DECIBELS)) {
    return lamina_failf(call, LAMINA_E_INVALID, "by is [%g, %g] decibels, expected -%d to %d",
                        gain->by.items[0], gain->by.items[1], MOST_DECIBELS, MOST_DECIBELS);
  }
  return LAMINA_OK;
}

static int32_t infer(void *self, struct lamina_plan *plan)
{
  (void)self;
  LAMINA_TRY(lamina_out_like(plan, 0, lamina_in(plan, 0)));
  LAMINA_TRY(lamina_random(plan, LAMINA_DRAW));
  return lamina_may_share(plan, LAMINA_FORWARD, 0, 0);
}

/* x and y may be the same memory. */
LAMINA_CLONES
static void multiply(float *y, const float *x, int64_t n, float factor)
{
  LAMINA_INDEPENDENT
  for (int64_t i = 0; i < n; i++) {
    y[i] = x[i] * factor;
  }
}

static int32_t amplify(const struct lamina_sample *sample)
{
  const struct gain *gain = sample->self;
  uint32_t word;
  LAMINA_TRY(lamina_sample_draw(sample, 1, &word));
  double by = lamina_between(word, gain->by.items[0], gain->by.items[1]);
  double factor = gain->unit == DECIBELS ? pow(10.0, by / 20.0) : by;
  multiply(sample->to, sample->from, lamina_sample_count(sample), (float)factor);
  return LAMINA_OK;
}

static int32_t apply(void *self, struct lamina_call *call)
{
  return lamina_augment(call, self, amplify);
}

LAMINA_TRANSFORM(gain, "1.0.0", "multiplies records by a random factor while training", struct gain,
                 LAMINA_SETTINGS(settings), .setup = setup, .infer = infer, .apply = apply);
