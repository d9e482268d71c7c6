/*
 * y = (x - mean) / deviation, with the numbers of each channel given. Always, in evaluation too.
 *
 * To run over memory in one loop whatever the number of channels, the lists are repeated until
 * they are a row of some length.
 *
 * x, y: [N, ..., C], where [N, H, W] and [N, D] are of one channel.
 */
#include <lamina/augment.h>
#include <lamina/math.h>

enum { ROW = 96 }; /* 32 pixels of 3 channels */

struct normalize {
  struct lamina_f64s mean, deviation;
  float *means, *deviations; /* [length], the lists repeated */
  int64_t length;
};

static const struct lamina_setting settings[] = {
    LAMINA_F64S(struct normalize, mean, "[0]", "[-1e30, 1e30]",
                "mean of each channel, or one number for all"),
    LAMINA_F64S(struct normalize, deviation, "[1]", "[1e-30, 1e30]",
                "standard deviation of each channel, or one number for all"),
};

static int64_t largest(int64_t a, int64_t b)
{
  return a > b ? a : b;
}

static int32_t setup(void *self, struct lamina_call *call)
{
  struct normalize *normalize = self;
  int64_t means = normalize->mean.count, deviations = normalize->deviation.count;
  int64_t channels = largest(means, deviations);
  if (means == 0 || deviations == 0 || (means != deviations && means != 1 && deviations != 1)) {
    return lamina_failf(call, LAMINA_E_INVALID,
                        "mean has %lld numbers and deviation %lld, expected one for each channel, "
                        "or one for all",
                        (long long)means, (long long)deviations);
  }
  normalize->length = channels * ((ROW + channels - 1) / channels);
  normalize->means = lamina_memory(call, (uint64_t)normalize->length * 2 * sizeof(float));
  if (normalize->means == NULL) {
    return LAMINA_E_NOMEM;
  }
  normalize->deviations = normalize->means + normalize->length;
  for (int64_t i = 0; i < normalize->length; i++) {
    normalize->means[i] = (float)normalize->mean.items[i % means];
    normalize->deviations[i] = (float)normalize->deviation.items[i % deviations];
  }
  return LAMINA_OK;
}

static int32_t infer(void *self, struct lamina_plan *plan)
{
  const struct normalize *normalize = self;
  const struct lamina_type *x = lamina_in(plan, 0);
  int64_t given = largest(normalize->mean.count, normalize->deviation.count), channels;
  LAMINA_TRY(lamina_out_like(plan, 0, x));
  channels = x->rank > 3 ? x->dims[x->rank - 1] : 1;
  if (given != 1 && given != channels) {
    return lamina_failf(plan->call, LAMINA_E_SHAPE,
                        "numbers for %lld channels are given, but the field has %lld (the last "
                        "dimension of [height, width, channels])",
                        (long long)given, (long long)channels);
  }
  return lamina_may_share(plan, LAMINA_FORWARD, 0, 0);
}

/* x and y may be the same memory. */
LAMINA_CLONES
static void normalize_row(float *y, const float *x, int64_t n, const float *mean,
                          const float *deviation)
{
  LAMINA_INDEPENDENT
  for (int64_t i = 0; i < n; i++) {
    y[i] = (x[i] - mean[i]) / deviation[i];
  }
}

static int32_t normalize_one(const struct lamina_sample *sample)
{
  const struct normalize *normalize = sample->self;
  int64_t count = lamina_sample_count(sample), length = normalize->length;
  for (int64_t i = 0; i < count; i += length) {
    normalize_row(sample->to + i, sample->from + i, count - i < length ? count - i : length,
                  normalize->means, normalize->deviations);
  }
  return LAMINA_OK;
}

static int32_t apply(void *self, struct lamina_call *call)
{
  return lamina_samples(call, self, normalize_one);
}

LAMINA_TRANSFORM(normalize, "1.0.0", "takes a given mean off and divides by a given deviation",
                 struct normalize, LAMINA_SETTINGS(settings), .setup = setup, .infer = infer,
                 .apply = apply);
