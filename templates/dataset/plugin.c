/*
 * @NAME@: two spirals around each other (Lang and Witbrock, "Learning to tell two spirals apart",
 * 1988), with Gaussian noise: a hard problem in two dimensions.
 *
 *   class c at t from 0 to 1: r (cos a, sin a) with r = t, a = 2 pi turns t + pi c
 *
 * Records alternate between the classes, so that any part of them holds both. The noise comes
 * from the host's stream of the role (training, test), so the two differ under one seed.
 * A data set that reads files finds them through <lamina/files.h>.
 *
 * Fields: input float32 [2]; target int32, classes 0 and 1.
 *
 * SPDX-License-Identifier: MIT
 */
#define LAMINA_LICENSE "MIT"
#include <math.h>

#include <lamina/dataset.h>
#include <lamina/random.h>

enum { INPUT = 0, TARGET = 1 };

struct @NAME@ {
  int64_t samples;
  double turns, noise;
  float *points; /* [samples, 2], the host's memory */
};

/* The YAML keys: the host checks them and fills them in. */
static const struct lamina_setting settings[] = {
    LAMINA_I64(struct @NAME@, samples, "1000", "[1, 1000000000]",
               "points of both classes together"),
    LAMINA_F64(struct @NAME@, turns, "1", "(0, 100]", "how often a spiral goes round"),
    LAMINA_F64(struct @NAME@, noise, "0.02", "[0, 1e6]",
               "deviation of the noise on each coordinate"),
};

/* Declares the fields of a record; reads no data yet. */
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

/* Loads the data, or makes it. Called once. */
static int32_t open_records(void *self, struct lamina_call *call)
{
  const double pi = 3.141592653589793;
  struct @NAME@ *own = self;
  uint64_t numbers = 2 * (uint64_t)own->samples;
  own->points = lamina_memory(call, numbers * sizeof *own->points);
  if (own->points == NULL) {
    return LAMINA_E_NOMEM;
  }
  LAMINA_TRY(lamina_random_normal(call, 0, 0, numbers, own->noise, own->points));
  for (int64_t i = 0; i < own->samples; i++) {
    double t = ((double)(i / 2) + 1.0) / (double)((own->samples + 1) / 2);
    double angle = 2.0 * pi * own->turns * t + pi * (double)(i % 2);
    own->points[2 * i] = (float)(t * cos(angle) + (double)own->points[2 * i]);
    own->points[2 * i + 1] = (float)(t * sin(angle) + (double)own->points[2 * i + 1]);
  }
  return LAMINA_OK;
}

static int64_t count(const void *self)
{
  const struct @NAME@ *own = self;
  return own->samples;
}

/* Writes the records index[0] .. index[n-1] to the batch. */
static int32_t read_records(void *self, struct lamina_call *call, const int64_t *index, int64_t n)
{
  const struct @NAME@ *own = self;
  const struct lamina_view *input = lamina_get(call, LAMINA_OUT, INPUT);
  const struct lamina_view *target = lamina_get(call, LAMINA_OUT, TARGET);
  if (input == NULL || target == NULL) {
    return LAMINA_E_PLUGIN;
  }
  float *point = input->data;
  int32_t *label = target->data;
  for (int64_t i = 0; i < n; i++) {
    point[2 * i] = own->points[2 * index[i]];
    point[2 * i + 1] = own->points[2 * index[i] + 1];
    label[i] = (int32_t)(index[i] % 2);
  }
  return LAMINA_OK;
}

LAMINA_DATASET(@NAME@, "1.0.0", "two spirals around each other, with noise", struct @NAME@,
               LAMINA_SETTINGS(settings), .infer = infer, .open = open_records, .count = count,
               .read = read_records);
