/*
 * Data sets in use: fields that are found by name, plugins that break their word, and memory
 * that ends at any allocation between the file and the first batch.
 */
#include <criterion/criterion.h>
#include <string.h>

#include "base/memory.h"
#include "tests/support/part_probe.h"

static const char table_text[] = "1,2,0\n3,4,1\n5,6,2\n7,8,0\n";

static void write_table(struct probe *probe)
{
  probe_open(probe, 1);
  probe_write(probe, "t.csv", table_text, sizeof table_text - 1);
}

Test(dataset, finds_fields_by_name)
{
  struct probe probe;
  struct probe_data data;
  write_table(&probe);
  enum lamina_status status = probe_data_open(&probe, "{csv: {file: t.csv}}", "train", &data);
  probe_expect(&probe, status, LAMINA_OK, "");
  cr_assert_eq(lm_dataset_field(data.dataset, "input"), 0);
  cr_assert_eq(lm_dataset_field(data.dataset, "target"), 1);
  cr_assert_eq(lm_dataset_field(data.dataset, "targe"), -1);
  cr_assert_eq(lm_dataset_field(data.dataset, ""), -1);
  probe_data_close(&data);
  probe_close(&probe);
}

/* What the data tells is known after it was read: classes, not shapes. */
Test(dataset, knows_classes_after_reading)
{
  struct probe probe;
  struct lm_instance_spec spec = {.kind = LAMINA_KIND_DATASET};
  struct lm_dataset *dataset = NULL;
  write_table(&probe);
  probe_expect(&probe, probe_parse(&probe, "{csv: {file: t.csv}}", &spec), LAMINA_OK, "");
  enum lamina_status status =
      lm_dataset_create(&probe.host, &spec, "train", &dataset, &probe.error);
  probe_expect(&probe, status, LAMINA_OK, "");
  cr_assert(dataset->n_fields == 2 && dataset->fields[1].classes == 0);
  cr_assert_eq(dataset->fields[0].shape.dims[0], 2);
  probe_expect(&probe, lm_dataset_open(dataset, &probe.error), LAMINA_OK, "");
  cr_assert(dataset->fields[1].classes == 3 && dataset->count == 4);
  lm_dataset_free(dataset);
  probe_close(&probe);
}

static int64_t count_none(const void *self)
{
  (void)self;
  return 0;
}

static int32_t infer_none(void *self, struct lamina_plan *plan)
{
  (void)self, (void)plan;
  return LAMINA_OK;
}

static int32_t infer_other(void *self, struct lamina_plan *plan)
{
  static const int64_t dims[] = {7, 7};
  const struct lamina_type type = lamina_type_f32(2, dims);
  (void)self;
  return lamina_field(plan, 0, "input", &type, 0, 0);
}

static int32_t open_liar(void *self, struct lamina_call *call)
{
  (void)self;
  (void)lamina_fail(call, LAMINA_E_INVALID, "this file is no table");
  return LAMINA_OK;
}

static int32_t open_mute(void *self, struct lamina_call *call)
{
  (void)self, (void)call;
  return LAMINA_E_IO;
}

static int32_t open_odd(void *self, struct lamina_call *call)
{
  (void)self, (void)call;
  return 12345;
}

/* One function of the plugin at a time is put in another's place after it was made. */
Test(dataset, plugins_that_break_their_word_are_named)
{
  static const struct {
    lm_infer_fn infer;
    int32_t (*open)(void *self, struct lamina_call *call);
    int64_t (*count)(const void *self);
    enum lamina_status status;
    const char *fragment;
  } cases[] = {
      {NULL, NULL, count_none, LAMINA_E_INVALID, "has no records"},
      {infer_none, NULL, NULL, LAMINA_E_PLUGIN, "other fields after reading"},
      {infer_other, NULL, NULL, LAMINA_E_PLUGIN, "other fields after reading"},
      {NULL, open_liar, NULL, LAMINA_E_PLUGIN, "this file is no table (and open still claimed"},
      {NULL, open_mute, NULL, LAMINA_E_IO, "without saying why"},
      {NULL, open_odd, NULL, LAMINA_E_PLUGIN, "without saying why"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct probe probe;
    struct lm_instance_spec spec = {.kind = LAMINA_KIND_DATASET};
    struct lm_dataset *dataset = NULL;
    write_table(&probe);
    probe_expect(&probe, probe_parse(&probe, "{csv: {file: t.csv}}", &spec), LAMINA_OK, "");
    enum lamina_status status =
        lm_dataset_create(&probe.host, &spec, "train", &dataset, &probe.error);
    probe_expect(&probe, status, LAMINA_OK, "");
    struct lamina_dataset *table =
        &((struct lm_plugin *)(uintptr_t)dataset->instance->plugin)->table.dataset;
    table->infer = cases[i].infer != NULL ? cases[i].infer : table->infer;
    table->open = cases[i].open != NULL ? cases[i].open : table->open;
    table->count = cases[i].count != NULL ? cases[i].count : table->count;
    status = lm_dataset_open(dataset, &probe.error);
    probe_expect(&probe, status, cases[i].status, cases[i].fragment);
    probe_expect(&probe, status, cases[i].status, "dataset 'csv'");
    lm_dataset_free(dataset);
    probe_close(&probe);
  }
}

/* ---- memory ---- */

/** Specs that are read once, so that only framework/data and the plugins allocate. */
struct recipe {
  struct lm_instance_spec dataset, scale, standardize;
};

static enum lamina_status add_transforms(const struct recipe *recipe, struct probe_data *data)
{
  struct lm_shape record = data->dataset->fields[0].shape;
  struct lm_error *error = &data->probe->error;
  record.type.dims = record.dims;
  LM_TRY(lm_transforms_add(&data->transforms, &recipe->scale, "input", &record, error));
  return lm_transforms_add(&data->transforms, &recipe->standardize, "input", &record, error);
}

static enum lamina_status run(const struct recipe *recipe, struct probe_data *data)
{
  static const int64_t index[] = {3, 1, 0};
  struct lm_host *host = &data->probe->host;
  struct lm_error *error = &data->probe->error;
  LM_TRY(lm_dataset_create(host, &recipe->dataset, "train", &data->dataset, error));
  LM_TRY(lm_dataset_open(data->dataset, error));
  LM_TRY(add_transforms(recipe, data));
  LM_TRY(lm_loader_create(data->dataset, &data->transforms, 2, &data->loader, error));
  LM_TRY(lm_loader_fit(data->loader, index, 3, error));
  return lm_loader_fill(data->loader, index, 2, true, 0, error);
}

static int64_t sweep(struct probe *probe, const struct recipe *recipe, bool forever)
{
  for (int64_t n = 0; n < 1000; n++) {
    struct probe_data data = {.probe = probe, .transforms = {.host = &probe->host}};
    probe->error = (struct lm_error){0};
    lm_alloc_fail_after(n, forever);
    enum lamina_status status = run(recipe, &data);
    lm_alloc_fail_after(-1, false);
    probe_data_close(&data);
    if (status == LAMINA_OK) {
      return n;
    }
    cr_assert_eq(status, LAMINA_E_NOMEM, "allocation %d: %s: %s", (int)n, lm_status_name(status),
                 probe->error.text);
    cr_assert_str_not_empty(probe->error.text);
  }
  return -1;
}

Test(dataset, any_allocation_may_fail_on_the_way_to_a_batch)
{
  struct probe probe;
  struct recipe recipe = {.dataset = {.kind = LAMINA_KIND_DATASET},
                          .scale = {.kind = LAMINA_KIND_TRANSFORM},
                          .standardize = {.kind = LAMINA_KIND_TRANSFORM}};
  write_table(&probe);
  probe_expect(&probe, probe_parse(&probe, "{csv: {file: t.csv}}", &recipe.dataset), LAMINA_OK, "");
  probe_expect(&probe, probe_parse(&probe, "{scale: {by: 2}}", &recipe.scale), LAMINA_OK, "");
  probe_expect(&probe, probe_parse(&probe, "standardize", &recipe.standardize), LAMINA_OK, "");
  (void)probe_make(&probe, LAMINA_KIND_TRANSFORM, "standardize"); /* the files are loaded now */
  (void)probe_make(&probe, LAMINA_KIND_TRANSFORM, "scale");
  (void)probe_make(&probe, LAMINA_KIND_DATASET, "{csv: {file: t.csv}}");
  int64_t once = sweep(&probe, &recipe, false);
  int64_t forever = sweep(&probe, &recipe, true);
  cr_assert(once > 20 && once == forever, "%d and %d", (int)once, (int)forever);
  probe_close(&probe);
}
