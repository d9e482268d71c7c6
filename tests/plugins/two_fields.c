/*
 * A test-only data set: fields input, other and target, all f32 [width].
 *
 * input takes the numbers of `values` one after the other, from the start again behind the last
 * one; without values, and in the other fields, numbers in [-1, 1) are made from record, column
 * and field. The instance keeps how often and in which order records are read. A read may be made
 * slow, and a record be refused.
 */
#include "two_fields.h"

#include <time.h>

enum { FIELDS = 3 };

static const struct lamina_setting settings[] = {
    LAMINA_I64(struct two_fields, samples, "10", "[1, 1000000]", "number of records"),
    LAMINA_I64(struct two_fields, width, "3", "[1, 1000]", "columns of each field"),
    LAMINA_F64S(struct two_fields, values, "[]", NULL, "what input holds"),
    LAMINA_I64(struct two_fields, micros, "0", "[0, 1000000]", "how long a read takes at least"),
    LAMINA_I64(struct two_fields, bad, "-1", "[-1, 1000000]", "the record that is refused"),
};

static int32_t infer(void *self, struct lamina_plan *plan)
{
  static const char *const names[FIELDS] = {"input", "other", "target"};
  const struct two_fields *data = self;
  struct lamina_type type = lamina_type_f32(1, &data->width);
  for (uint32_t f = 0; f < FIELDS; f++) {
    LAMINA_TRY(lamina_field(plan, f, names[f], &type, 0, 0));
  }
  return LAMINA_OK;
}

static int32_t open_records(void *self, struct lamina_call *call)
{
  (void)self;
  (void)call;
  return LAMINA_OK;
}

static int64_t count(const void *self)
{
  return ((const struct two_fields *)self)->samples;
}

/* A hash of place and field as a number in [-1, 1) with 16 bits. */
static float number_at(uint64_t at, uint32_t field)
{
  uint64_t hash = (at * 3 + field + 1) * UINT64_C(0x9e3779b97f4a7c15);
  hash ^= hash >> 29;
  hash *= UINT64_C(0xbf58476d1ce4e5b9);
  return (float)(int32_t)(hash >> 48) / 32768.0f - 1.0f;
}

static float value_at(const struct two_fields *data, int64_t at, uint32_t field)
{
  if (field == 0 && data->values.count > 0) {
    return (float)data->values.items[at % data->values.count];
  }
  return number_at((uint64_t)at, field);
}

static double seconds_now(void)
{
  struct timespec now;
  (void)clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static int32_t read_records(void *self, struct lamina_call *call, const int64_t *index, int64_t n)
{
  struct two_fields *data = self;
  double end = data->micros == 0 ? 0.0 : seconds_now() + 1e-6 * (double)data->micros;
  while (data->micros > 0 && seconds_now() < end) {
  }
  for (int64_t i = 0; i < n; i++) {
    if (index[i] == data->bad) {
      lamina_failf(call, LAMINA_E_INVALID, "record %lld is broken", (long long)data->bad);
      return LAMINA_E_INVALID;
    }
  }
  for (uint32_t f = 0; f < FIELDS; f++) {
    const struct lamina_view *view = lamina_get(call, LAMINA_OUT, f);
    if (view == NULL) {
      return LAMINA_E_PLUGIN;
    }
    for (int64_t i = 0; i < n * data->width; i++) {
      int64_t at = index[i / data->width] * data->width + i % data->width;
      ((float *)view->data)[i] = value_at(data, at, f);
    }
  }
  for (int64_t i = 0; i < n; i++) {
    if (index[i] < TWO_FIELDS_COUNTED) {
      data->reads[index[i]]++;
    }
    if (data->total < TWO_FIELDS_COUNTED) {
      data->order[data->total++] = index[i];
    }
  }
  return LAMINA_OK;
}

LAMINA_DATASET(two_fields, "1.0.0", "two inputs and a target", struct two_fields,
               LAMINA_SETTINGS(settings), .infer = infer, .open = open_records, .count = count,
               .read = read_records);
