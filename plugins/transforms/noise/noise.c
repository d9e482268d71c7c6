/*
 * Adds a normal number of mean 0 to each element: y = x + deviation z. Element i of a record
 * takes number i of the record's part of the stream.
 *
 * shape: any, kept.
 */
#include <lamina/augment.h>

struct noise {
  double deviation;
};

static const struct lamina_setting settings[] = {
    LAMINA_F64(struct noise, deviation, "0.1", "[0, 1e30]", "standard deviation of what is added"),
};

static int32_t infer(void *self, struct lamina_plan *plan)
{
  (void)self;
  LAMINA_TRY(lamina_out_like(plan, 0, lamina_in(plan, 0)));
  LAMINA_TRY(lamina_random(plan, LAMINA_DRAW));
  return lamina_may_share(plan, LAMINA_FORWARD, 0, 0);
}

static int32_t add_noise(const struct lamina_sample *sample)
{
  const struct noise *noise = sample->self;
  int64_t count = lamina_sample_count(sample);
  uint64_t first = lamina_sample_word(sample, count);
  float numbers[LAMINA_RANDOM_BLOCK];
  for (int64_t i = 0; i < count; i += LAMINA_RANDOM_BLOCK) {
    int64_t n = count - i < LAMINA_RANDOM_BLOCK ? count - i : LAMINA_RANDOM_BLOCK;
    LAMINA_TRY(lamina_random_normal(sample->call, LAMINA_DRAW, first + (uint64_t)i, (uint64_t)n,
                                    noise->deviation, numbers));
    for (int64_t j = 0; j < n; j++) {
      sample->to[i + j] = sample->from[i + j] + numbers[j];
    }
  }
  return LAMINA_OK;
}

static int32_t apply(void *self, struct lamina_call *call)
{
  return lamina_augment(call, self, add_noise);
}

LAMINA_TRANSFORM(noise, "1.0.0", "adds normal noise while training", struct noise,
                 LAMINA_SETTINGS(settings), .infer = infer, .apply = apply);
