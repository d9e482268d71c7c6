/*
 * Each check makes the records anew, as a run of its own would, and compares bits.
 */
#include "tests/support/augment_checks.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 1 << 16 };

const float *augment_input(void)
{
  static float numbers[MOST];
  uint32_t state = 4711;
  for (int i = 0; i < MOST; i++) {
    state = state * 1664525u + 1013904223u;
    numbers[i] = (float)(state >> 8) * 0x1p-24f;
  }
  return numbers;
}

/* A data set borrows its fields. */
static struct probe_field field_of(const struct augment *augment)
{
  return (struct probe_field){"input", lamina_type_f32(augment->rank, augment->dims),
                              augment->input == NULL ? augment_input() : augment->input};
}

static void make(struct probe *probe, const struct augment *augment,
                 const struct probe_field *field, int64_t batch, struct probe_data *data)
{
  cr_assert(augment->input != NULL || lamina_type_count(&field->record) * augment->count <= MOST);
  probe_open(probe, augment->seed);
  probe_threads(probe, augment->threads);
  probe_data_of(probe, field, 1, augment->count, data);
  probe_expect(probe, probe_data_transform(data, augment->yaml, "input"), LAMINA_OK, "");
  probe_data_load(data, batch);
}

float *augment_run(const struct augment *augment, int64_t batch, uint64_t epoch, int64_t *elements)
{
  struct probe probe;
  struct probe_data data;
  const struct probe_field field = field_of(augment);
  make(&probe, augment, &field, batch, &data);
  int64_t size = lamina_type_count(&data.transforms.items[0]->record.type);
  float *all = malloc((size_t)(size * augment->count) * sizeof *all);
  cr_assert_not_null(all);
  for (int64_t first = 0; first < augment->count; first += batch) {
    int64_t n = augment->count - first < batch ? augment->count - first : batch;
    memcpy(all + first * size, probe_data_train(&data, first, n, epoch),
           (size_t)(n * size) * sizeof *all);
  }
  probe_data_close(&data);
  probe_close(&probe);
  if (elements != NULL) {
    *elements = size;
  }
  return all;
}

/* What evaluation makes of the records is what they are. */
static void check_evaluation(const struct augment *augment)
{
  struct probe probe;
  struct probe_data data;
  const struct probe_field field = field_of(augment);
  make(&probe, augment, &field, augment->count, &data);
  cr_assert_arr_eq(probe_data_batch(&data, 0, augment->count, 0), field.data,
                   (size_t)(lamina_type_count(&field.record) * augment->count) * sizeof(float),
                   "%s acts in evaluation", augment->yaml);
  probe_data_close(&data);
  probe_close(&probe);
}

/* How many records of two runs have the same bits. */
static int64_t count_equal(const float *a, const float *b, int64_t count, int64_t elements)
{
  int64_t equal = 0;
  for (int64_t i = 0; i < count; i++) {
    equal += memcmp(a + i * elements, b + i * elements, (size_t)elements * sizeof *a) == 0;
  }
  return equal;
}

/* Another run, which has to be the same, or another one. */
static void compare(const struct augment *augment, const float *wanted, int64_t batch,
                    uint64_t epoch, bool is_same)
{
  int64_t elements;
  float *other = augment_run(augment, batch, epoch, &elements);
  int64_t equal = count_equal(wanted, other, augment->count, elements);
  cr_assert(is_same == (equal == augment->count),
            "%s: %lld records of %lld are the same with seed %llu, %u threads, batches of %lld, "
            "in epoch %llu",
            augment->yaml, (long long)equal, (long long)augment->count,
            (unsigned long long)augment->seed, augment->threads, (long long)batch,
            (unsigned long long)epoch);
  free(other);
}

/* Equal records draw different numbers. */
static void check_records(const struct augment *augment)
{
  const struct lamina_type type = lamina_type_f32(augment->rank, augment->dims);
  int64_t size = lamina_type_count(&type), elements, equal = 0;
  float *same = malloc((size_t)(size * augment->count) * sizeof *same);
  cr_assert_not_null(same);
  for (int64_t i = 0; i < augment->count; i++) {
    memcpy(same + i * size, augment_input(), (size_t)size * sizeof *same);
  }
  struct augment with = *augment;
  with.input = same;
  float *result = augment_run(&with, augment->count, 3, &elements);
  for (int64_t i = 1; i < augment->count; i++) {
    equal += memcmp(result, result + i * elements, (size_t)elements * sizeof *result) == 0;
  }
  cr_assert_lt(equal, augment->count - 1, "%s: all records draw the same", augment->yaml);
  free(result);
  free(same);
}

void augment_check(struct augment augment, bool is_identity_in_evaluation)
{
  static const int64_t batches[] = {1, 3, 5};
  struct augment other = augment;
  float *wanted = augment_run(&augment, augment.count, 3, NULL);
  if (is_identity_in_evaluation) {
    check_evaluation(&augment);
  }
  for (size_t i = 0; i < sizeof batches / sizeof batches[0]; i++) {
    compare(&augment, wanted, batches[i], 3, true);
  }
  other.threads = 8;
  compare(&other, wanted, augment.count, 3, true);
  compare(&other, wanted, 7, 3, true);
  compare(&augment, wanted, augment.count, 4, false);
  other.seed++;
  compare(&other, wanted, augment.count, 3, false);
  free(wanted);
  check_records(&augment);
}

struct augment augment_colour(const char *yaml)
{
  return (struct augment){
      .yaml = yaml, .dims = {20, 20, 3}, .rank = 3, .count = 50, .seed = 7, .threads = 1};
}

struct augment augment_grey(const char *yaml)
{
  return (struct augment){
      .yaml = yaml, .dims = {9, 11}, .rank = 2, .count = 50, .seed = 7, .threads = 1};
}

void augment_refuses_no_picture(const char *yaml)
{
  struct probe probe;
  struct probe_data data;
  const int64_t dims[] = {5, 4, 3, 2};
  probe_open(&probe, 1);
  for (uint32_t rank = 1; rank <= 4; rank += 3) {
    const struct probe_field field = {"input", lamina_type_f32(rank, dims), augment_input()};
    probe_data_of(&probe, &field, 1, 1, &data);
    probe_expect(&probe, probe_data_transform(&data, yaml, "input"), LAMINA_E_SHAPE,
                 "expected a picture");
    probe_data_close(&data);
  }
  probe_close(&probe);
}
