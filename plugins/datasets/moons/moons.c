/*
 * Two interleaving half circles with Gaussian noise: the smallest classes that no line separates.
 *
 * Class 0 lies on (cos t, sin t), class 1 on (1 - cos t, 1/2 - sin t), t evenly from 0 to pi.
 * Records alternate between the classes, so that any part of them holds both. The noise comes
 * from the host's stream of the role (training, test), so the two differ under one seed.
 *
 * fields: input f32 [2]; target i32, classes 0 and 1.
 */
#include <lamina/dataset.h>
#include <lamina/random.h>

enum { INPUT = 0, TARGET = 1 };

struct moons {
  int64_t samples;
  double noise;
  float *points; /* [samples, 2] */
};

static const struct lamina_setting settings[] = {
    LAMINA_I64(struct moons, samples, "1000", "[1, 1000000000]", "points of both classes together"),
    LAMINA_F64(struct moons, noise, "0.1", "[0, 1e6]", "deviation of the noise on each coordinate"),
};

static int32_t infer(void *self, struct lamina_plan *plan)
{
  const int64_t two = 2;
  struct lamina_type point = lamina_type_f32(1, &two);
  struct lamina_type label = lamina_type_i32(0, &two);
  (void)self;
  LAMINA_TRY(lamina_random(plan, 0));
  LAMINA_TRY(lamina_field(plan, INPUT, "input", &point, 0, 0));
  return lamina_field(plan, TARGET, "target", &label, 2, LAMINA_FIELD_CLASSES_EXACT);
}

static int32_t open_records(void *self, struct lamina_call *call)
{
  struct moons *moons = self;
  int64_t of_class[2] = {(moons->samples + 1) / 2, moons->samples / 2};
  uint64_t numbers = 2 * (uint64_t)moons->samples;
  moons->points = lamina_memory(call, numbers * sizeof *moons->points);
  if (moons->points == NULL) {
    return LAMINA_E_NOMEM;
  }
  LAMINA_TRY(lamina_random_normal(call, 0, 0, numbers, moons->noise, moons->points));
  for (int64_t i = 0; i < moons->samples; i++) {
    int64_t intervals = of_class[i % 2] - 1;
    double angle = intervals > 0 ? 3.141592653589793 * (double)(i / 2) / (double)intervals : 0.0;
    double x = i % 2 == 0 ? cos(angle) : 1.0 - cos(angle);
    double y = i % 2 == 0 ? sin(angle) : 0.5 - sin(angle);
    moons->points[2 * i] = (float)(x + (double)moons->points[2 * i]);
    moons->points[2 * i + 1] = (float)(y + (double)moons->points[2 * i + 1]);
  }
  return LAMINA_OK;
}

static int64_t count(const void *self)
{
  const struct moons *moons = self;
  return moons->samples;
}

static int32_t read_records(void *self, struct lamina_call *call, const int64_t *index, int64_t n)
{
  const struct moons *moons = self;
  const struct lamina_view *input = lamina_get(call, LAMINA_OUT, INPUT);
  const struct lamina_view *target = lamina_get(call, LAMINA_OUT, TARGET);
  if (input == NULL || target == NULL) {
    return LAMINA_E_PLUGIN;
  }
  for (int64_t i = 0; i < n; i++) {
    ((float *)input->data)[2 * i] = moons->points[2 * index[i]];
    ((float *)input->data)[2 * i + 1] = moons->points[2 * index[i] + 1];
    ((int32_t *)target->data)[i] = (int32_t)(index[i] % 2);
  }
  return LAMINA_OK;
}

LAMINA_DATASET(moons, "1.0.0", "two interleaving half circles with noise", struct moons,
               LAMINA_SETTINGS(settings), .infer = infer, .open = open_records, .count = count,
               .read = read_records);
