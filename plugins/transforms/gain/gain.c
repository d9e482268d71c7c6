/*
 * Multiplies each record by one random factor: brightness of pictures, loudness of sound.
 *
 * shape: any, kept.
 */
#include <lamina/augment.h>
#include <lamina/math.h>

struct gain {
  struct lamina_f64s by;
};

static const struct lamina_setting settings[] = {
    LAMINA_F64S(struct gain, by, "[0.8, 1.2]", "[-1e30, 1e30]", "the least and the largest factor"),
};

static int32_t setup(void *self, struct lamina_call *call)
{
  const struct gain *gain = self;
  if (gain->by.count != 2 || gain->by.items[0] > gain->by.items[1]) {
    return lamina_fail(call, LAMINA_E_INVALID,
                       "by has to be two factors, the smaller one first, such as [0.8, 1.2]");
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
  multiply(sample->to, sample->from, lamina_sample_count(sample),
           (float)lamina_between(word, gain->by.items[0], gain->by.items[1]));
  return LAMINA_OK;
}

static int32_t apply(void *self, struct lamina_call *call)
{
  return lamina_augment(call, self, amplify);
}

LAMINA_TRANSFORM(gain, "1.0.0", "multiplies records by a random factor while training", struct gain,
                 LAMINA_SETTINGS(settings), .setup = setup, .infer = infer, .apply = apply);
