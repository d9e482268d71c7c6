/*
 * Chains of transforms: their order, their memory, what each learns from those before it, and
 * what a transform may not declare.
 */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "tests/support/part_probe.h"

enum { ROWS = 10 };

static const int64_t pair[] = {2};
static float numbers[ROWS * 2], others[ROWS * 2];
static const struct probe_field fields[] = {
    {"input",
     {.dims = pair, .rank = 1, .dt_code = LAMINA_DT_FLOAT, .dt_bits = 32, .dt_lanes = 1},
     numbers},
    {"second",
     {.dims = pair, .rank = 1, .dt_code = LAMINA_DT_FLOAT, .dt_bits = 32, .dt_lanes = 1},
     others},
};

static void open_fields(struct probe *probe, struct probe_data *data)
{
  for (int i = 0; i < ROWS * 2; i++) {
    numbers[i] = (float)i;
    others[i] = (float)(-i);
  }
  probe_data_of(probe, fields, 2, ROWS, data);
}

static void add(struct probe_data *data, const char *yaml, const char *field)
{
  probe_expect(data->probe, probe_data_transform(data, yaml, field), LAMINA_OK, "");
}

Test(transforms, act_in_order_and_on_their_own_field)
{
  struct probe probe;
  struct probe_data data;
  probe_open(&probe, 1);
  open_fields(&probe, &data);
  add(&data, "{scale: {by: 2}}", "input");
  add(&data, "{scale: {offset: 100}}", "second");
  add(&data, "{scale: {offset: 1}}", "input");
  add(&data, "{scale: {by: 3}}", "input");
  cr_assert_not(lm_transforms_need_fit(&data.transforms));
  probe_data_load(&data, ROWS);
  const float *input = probe_data_batch(&data, 0, ROWS, 0);
  const float *second = lm_loader_data(data.loader, 1);
  for (int i = 0; i < ROWS * 2; i++) {
    cr_assert_eq(input[i], 3.0f * (2.0f * (float)i + 1.0f));
    cr_assert_eq(second[i], 100.0f - (float)i);
  }
  cr_assert_eq(numbers[5], 5.0f, "the data set's own memory was written");
  probe_data_close(&data);
  probe_close(&probe);
}

/* A chain of 2 x + 1; transforms whose bit is set in mask have no leave to overwrite. */
static void check_chain(struct probe *probe, int length, unsigned mask)
{
  struct probe_data data;
  float factor = ldexpf(1.0f, length);
  open_fields(probe, &data);
  for (int i = 0; i < length; i++) {
    add(&data, "{scale: {by: 2, offset: 1}}", "input");
    if ((mask >> i & 1) != 0) {
      data.transforms.items[i]->facts.n_sharing = 0;
    }
  }
  probe_data_load(&data, ROWS);
  for (int64_t n = ROWS; n > 0; n -= 4) {
    const float *input = probe_data_batch(&data, ROWS - n, n, 0);
    for (int64_t i = 0; i < 2 * n; i++) {
      float wanted = factor * numbers[2 * (ROWS - n) + i] + (factor - 1.0f);
      cr_assert_eq(input[i], wanted, "%d transforms, not in place: %x", length, mask);
    }
  }
  probe_data_close(&data);
}

Test(transforms, working_in_place_changes_nothing)
{
  struct probe probe;
  probe_open(&probe, 1);
  for (int length = 1; length <= 4; length++) {
    for (unsigned mask = 0; mask < 1u << length; mask++) {
      check_chain(&probe, length, mask);
    }
  }
  probe_close(&probe);
}

/* The registry's own copy of the scale plugin's table, which belongs to this process alone. */
static struct lamina_transform *scale_table(struct probe *probe)
{
  const struct lm_plugin *plugin = probe_make(probe, LAMINA_KIND_TRANSFORM, "scale")->plugin;
  return &((struct lm_plugin *)(uintptr_t)plugin)->table.transform;
}

static int32_t infer_apart(void *self, struct lamina_plan *plan)
{
  (void)self;
  return lamina_out_like(plan, 0, lamina_in(plan, 0));
}

/* Cannot work in place: it would read what it has written. */
static int32_t apply_reversed(void *self, struct lamina_call *call)
{
  const struct lamina_view *x = lamina_get(call, LAMINA_IN, 0);
  const struct lamina_view *y = lamina_get(call, LAMINA_OUT, 0);
  int64_t n = lamina_type_count(&x->type);
  (void)self;
  for (int64_t i = 0; i < n; i++) {
    ((float *)y->data)[i] = ((const float *)x->data)[n - 1 - i];
  }
  return LAMINA_OK;
}

static int32_t apply_in_place(void *self, struct lamina_call *call)
{
  const struct lamina_view *x = lamina_get(call, LAMINA_IN, 0);
  const struct lamina_view *y = lamina_get(call, LAMINA_OUT, 0);
  (void)self;
  return x->data == y->data ? LAMINA_OK : lamina_fail(call, LAMINA_E_INTERNAL, "two buffers");
}

Test(transforms, overwrite_their_input_where_they_may)
{
  struct probe probe;
  struct probe_data data;
  probe_open(&probe, 1);
  scale_table(&probe)->apply = apply_in_place;
  open_fields(&probe, &data);
  add(&data, "scale", "input");
  add(&data, "scale", "input");
  probe_data_load(&data, ROWS);
  cr_assert_arr_eq(probe_data_batch(&data, 0, ROWS, 0), numbers, sizeof numbers);
  probe_data_close(&data);
  probe_close(&probe);
}

Test(transforms, get_other_memory_where_they_may_not_overwrite)
{
  struct probe probe;
  probe_open(&probe, 1);
  scale_table(&probe)->infer = infer_apart;
  scale_table(&probe)->apply = apply_reversed;
  for (int length = 1; length <= 4; length++) {
    struct probe_data data;
    open_fields(&probe, &data);
    for (int i = 0; i < length; i++) {
      add(&data, "scale", "input");
    }
    probe_data_load(&data, ROWS);
    const float *input = probe_data_batch(&data, 0, ROWS, 0);
    for (int i = 0; i < ROWS * 2; i++) {
      cr_assert_eq(input[i], numbers[length % 2 == 0 ? i : ROWS * 2 - 1 - i], "%d times", length);
    }
    probe_data_close(&data);
  }
  probe_close(&probe);
}

/* Mean and deviation of what the transform before made, whatever the size of a batch. */
Test(transforms, learn_from_what_the_ones_before_them_make)
{
  static const int64_t sizes[] = {1, 3, 10};
  float first[ROWS * 2];
  struct probe probe;
  probe_open(&probe, 1);
  for (int i = 0; i < 3; i++) {
    struct probe_data data;
    open_fields(&probe, &data);
    add(&data, "{scale: {by: 4, offset: 8}}", "input");
    add(&data, "{scale: {by: 5}}", "second");
    add(&data, "standardize", "input");
    add(&data, "{standardize: {per: all}}", "input");
    cr_assert(lm_transforms_need_fit(&data.transforms));
    probe_data_load(&data, sizes[i]);
    probe_expect(&probe, probe_data_fit(&data, ROWS), LAMINA_OK, "");
    const double *mean = data.transforms.items[2]->states[1].data;
    const double *deviation = data.transforms.items[2]->states[2].data;
    /* 0, 2, ... 18 times 4 plus 8; the variance of 0 .. 9 is 33/4 */
    cr_assert(fabs(mean[0] - 44.0) < 1e-12 && fabs(mean[1] - 48.0) < 1e-12);
    cr_assert(fabs(deviation[0] - 8.0 * sqrt(8.25)) < 1e-12);
    const double *again = data.transforms.items[3]->states[2].data;
    cr_assert(fabs(again[0] - 1.0) < 1e-6, "%.9g", again[0]);
    cr_assert_str_eq(data.transforms.items[3]->state_names[2], "transform3/deviation");
    for (int64_t row = 0; row < ROWS; row++) {
      float *kept = first + 2 * row;
      const float *now = probe_data_batch(&data, row, 1, 0);
      if (i == 0) {
        memcpy(kept, now, 2 * sizeof *now);
      }
      cr_assert_arr_eq(now, kept, 2 * sizeof *now, "batches of %d", (int)sizes[i]);
    }
    probe_data_close(&data);
  }
  probe_close(&probe);
}

/* Seven of the ten records in batches of four: none twice, none of the rest. */
Test(transforms, see_each_training_record_once)
{
  struct probe probe;
  struct probe_data data;
  probe_open(&probe, 1);
  open_fields(&probe, &data);
  add(&data, "standardize", "input");
  probe_data_load(&data, 4);
  probe_expect(&probe, probe_data_fit(&data, 7), LAMINA_OK, "");
  const double *count = data.transforms.items[0]->states[0].data;
  const double *mean = data.transforms.items[0]->states[1].data;
  cr_assert_eq(*count, 7.0);
  cr_assert(fabs(mean[0] - 6.0) < 1e-12, "records 0 to 6 only: %.17g", mean[0]);
  probe_data_close(&data);
  probe_close(&probe);
}

static int32_t infer_nothing(void *self, struct lamina_plan *plan)
{
  (void)self, (void)plan;
  return LAMINA_OK;
}

static int32_t infer_integers(void *self, struct lamina_plan *plan)
{
  const struct lamina_type type = lamina_type_i32(2, lamina_in(plan, 0)->dims);
  (void)self;
  return lamina_out(plan, 0, &type);
}

static int32_t infer_no_batch(void *self, struct lamina_plan *plan)
{
  const struct lamina_type type = lamina_type_f32(1, lamina_in(plan, 0)->dims + 1);
  (void)self;
  return lamina_out(plan, 0, &type);
}

Test(transforms, that_declare_no_float32_batch_are_refused)
{
  static const lm_infer_fn wrong[] = {infer_nothing, infer_integers, infer_no_batch};
  struct probe probe;
  struct probe_data data;
  probe_open(&probe, 1);
  open_fields(&probe, &data);
  add(&data, "scale", "input");
  for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
    scale_table(&probe)->infer = wrong[i];
    probe_expect(&probe, probe_data_transform(&data, "scale", "input"), LAMINA_E_PLUGIN,
                 "one float32 output with the batch axis first");
    cr_assert_eq(data.transforms.count, 1);
  }
  probe_data_close(&data);
  probe_close(&probe);
}
