/*
 * The `data:` section: train, test or holdout, which labels' records are used, transforms, and
 * source, a sentence that tells who misses a file where to get it. Fields of the data become
 * sources of the graph, as they are behind the transforms.
 */
#include <string.h>

#include "base/memory.h"
#include "builder/builder_internal.h"

static enum lamina_status build_dataset(struct lm_experiment *experiment, struct lm_value *value,
                                        const char *role, struct lm_dataset **out,
                                        struct lm_error *error)
{
  struct lm_item item;
  LM_TRY(lm_item_parse(value, "a data set", lm_item_keys(LAMINA_KIND_DATASET), &item, error));
  LM_TRY(lm_item_make_room(experiment, &item, LAMINA_KIND_DATASET, error));
  struct lm_instance_spec spec = item.spec;
  const struct lm_plugin *plugin;
  spec.kind = LAMINA_KIND_DATASET;
  spec.role = role;
  /* A plugin that is missing is no file of the data, so it is looked for first. */
  enum lamina_status status =
      lm_registry_find(experiment->host.registry, spec.kind, spec.name, &plugin, error);
  if (status != LAMINA_OK) {
    lm_error_prefix_at(error, &spec.where);
    return status;
  }
  status = lm_dataset_create(&experiment->host, &spec, role, out, error);
  return lm_build_tell_source(experiment, status, error);
}

enum lamina_status lm_build_tell_source(const struct lm_experiment *experiment,
                                        enum lamina_status status, struct lm_error *error)
{
  if (status == LAMINA_E_MISSING && experiment->data_source != NULL) {
    lm_error_suffix(error, "; where to get it: %s", experiment->data_source);
  }
  return status;
}

static enum lamina_status compare_fields(const struct lm_experiment *experiment,
                                         struct lm_error *error)
{
  const struct lm_dataset *train = experiment->train_data;
  const struct lm_dataset *test = experiment->test_data;
  for (uint32_t i = 0; i < train->n_fields; i++) {
    int32_t other = lm_dataset_field(test, train->fields[i].name);
    if (other < 0 || !lm_shape_equal(&train->fields[i].shape, &test->fields[other].shape)) {
      char one[160];
      char two[160] = "missing";
      (void)lm_shape_format(&train->fields[i].shape.type, -1, one, sizeof one);
      if (other >= 0) {
        (void)lm_shape_format(&test->fields[other].shape.type, -1, two, sizeof two);
      }
      return lm_fail_at(error, LAMINA_E_SHAPE, &test->instance->where,
                        "%s: field '%s' is %s, but %s in the training data (line %d)",
                        test->instance->label, train->fields[i].name, two, one,
                        train->instance->where.line);
    }
  }
  return LAMINA_OK;
}

static enum lamina_status build_holdout(struct lm_experiment *experiment,
                                        const struct lm_value *value, struct lm_error *error)
{
  LM_TRY(lm_value_f64(value, "holdout", &experiment->holdout, error));
  if (!(experiment->holdout > 0.0 && experiment->holdout < 1.0)) {
    return lm_fail_at(error, LAMINA_E_INVALID, &value->where,
                      "holdout is %s, expected a fraction in (0, 1)", value->text);
  }
  return LAMINA_OK;
}

/* What samples of each field are, on the way through the transforms. */
static enum lamina_status add_transform(struct lm_experiment *experiment, struct lm_value *value,
                                        struct lm_shape *records, struct lm_error *error)
{
  struct lm_item item;
  const char *field = "input";
  LM_TRY(lm_item_parse(value, "a transform", lm_item_keys(LAMINA_KIND_TRANSFORM), &item, error));
  struct lm_value *chosen = lm_item_get(&item, "field");
  if (chosen != NULL) {
    LM_TRY(lm_value_text(chosen, "field", &field, error));
  }
  int32_t index = lm_dataset_field(experiment->train_data, field);
  if (index < 0 && experiment->part != NULL) { /* the part reads something else */
    experiment->transforms.left_out++;
    return LAMINA_OK;
  }
  if (index < 0) {
    const struct lm_dataset *data = experiment->train_data;
    (void)lm_fail_at(error, LAMINA_E_INVALID, chosen != NULL ? &chosen->where : &item.spec.where,
                     "the data has no field '%s' to transform; it has", field);
    for (uint32_t i = 0; i < data->n_fields; i++) {
      lm_error_suffix(error, "%s '%s'", i == 0 ? "" : ",", data->fields[i].name);
    }
    return LAMINA_E_INVALID;
  }
  if (lamina_type_is_i32(&records[index].type)) {
    return lm_fail_at(error, LAMINA_E_INVALID, &item.spec.where,
                      "field '%s' holds class labels, which transforms do not change", field);
  }
  LM_TRY(lm_item_make_room(experiment, &item, LAMINA_KIND_TRANSFORM, error));
  item.spec.kind = LAMINA_KIND_TRANSFORM;
  return lm_transforms_add(&experiment->transforms, &item.spec, field, &records[index], error);
}

static enum lamina_status add_sources(struct lm_experiment *experiment,
                                      const struct lm_shape *records, struct lm_error *error)
{
  const struct lm_dataset *data = experiment->train_data;
  for (uint32_t i = 0; i < data->n_fields; i++) {
    struct lm_source_spec spec = {.name = data->fields[i].name,
                                  .record = &records[i].type,
                                  .classes = data->fields[i].classes,
                                  .classes_exact = data->fields[i].exact,
                                  .where = lm_dataset_where(data)};
    LM_TRY(lm_graph_add_source(experiment->graph, &spec, error));
  }
  return LAMINA_OK;
}

enum lamina_status lm_build_fields(struct lm_experiment *experiment, struct lm_error *error)
{
  struct lm_value *section = lm_value_get(lm_config_root(experiment->config), "data");
  struct lm_dataset *data = experiment->train_data;
  struct lm_shape *records = lm_alloc(data->n_fields, sizeof *records);
  struct lm_items items;
  enum lamina_status status = LAMINA_OK;
  if (records == NULL) {
    return lm_fail_memory(error, data->n_fields * sizeof *records);
  }
  for (uint32_t i = 0; i < data->n_fields; i++) {
    records[i] = data->fields[i].shape;
    records[i].type.dims = records[i].dims;
    if (!lamina_type_is_i32(&records[i].type)) {
      records[i].type.dt_code = LAMINA_DT_FLOAT;
      records[i].type.dt_bits = 32;
    }
  }
  lm_items_of(lm_value_get(section, "transforms"), &items);
  for (size_t i = 0; i < items.count && status == LAMINA_OK; i++) {
    status = add_transform(experiment, items.items[i], records, error);
  }
  if (status == LAMINA_OK) {
    status = add_sources(experiment, records, error);
  }
  lm_free(records);
  return status;
}

/* ---- without, only ---- */

static enum lamina_status add_rule(struct lm_experiment *experiment, const struct lm_pair *pair,
                                   bool only, struct lm_error *error)
{
  struct lm_items items;
  lm_items_of(pair->value, &items);
  if (items.count == 0) {
    return lm_fail_at(error, LAMINA_E_INVALID, &pair->value->where,
                      "%s has no labels of '%s', expected an integer or a list of them",
                      only ? "data.only" : "data.without", pair->key);
  }
  struct lm_label_rule rule = {
      .field = pair->key, .where = pair->key_where, .only = only, .n_labels = items.count};
  rule.labels = lm_alloc(items.count, sizeof *rule.labels);
  if (rule.labels == NULL) {
    return lm_fail_memory(error, items.count * sizeof *rule.labels);
  }
  for (size_t i = 0; i < items.count; i++) {
    enum lamina_status status =
        lm_value_i64(items.items[i], only ? "data.only" : "data.without", &rule.labels[i], error);
    if (status != LAMINA_OK) {
      lm_free(rule.labels);
      return status;
    }
  }
  return lm_selection_add(&experiment->selection, &rule, experiment->train_data, error);
}

/* `without: {target: [7]}`, or the same of `only`. */
static enum lamina_status build_rules(struct lm_experiment *experiment, struct lm_value *data,
                                      bool only, struct lm_error *error)
{
  char found[80];
  const char *key = only ? "only" : "without";
  struct lm_value *rules = lm_value_get(data, key);
  if (lm_value_is_null(rules)) {
    return LAMINA_OK;
  }
  if (rules->kind != LM_VALUE_MAP) {
    return lm_fail_at(error, LAMINA_E_INVALID, &rules->where,
                      "data.%s is %s, expected a map such as {target: [7]}", key,
                      lm_value_describe(rules, found, sizeof found));
  }
  for (size_t i = 0; i < rules->count; i++) {
    LM_TRY(add_rule(experiment, &rules->pairs[i], only, error));
  }
  return LAMINA_OK;
}

/* The data sets of the section; only that of train for predictions. */
static enum lamina_status build_datasets(struct lm_experiment *experiment, struct lm_value *data,
                                         bool predict_only, struct lm_error *error)
{
  struct lm_value *train = lm_value_get(data, "train");
  struct lm_value *test = lm_value_get(data, "test");
  struct lm_value *holdout = lm_value_get(data, "holdout");
  if (lm_value_is_null(train)) {
    return lm_fail_at(error, LAMINA_E_INVALID, &data->where,
                      "data.train is missing, expected a data set such as {csv: {file: x.csv}}");
  }
  LM_TRY(build_dataset(experiment, train, "train", &experiment->train_data, error));
  if (!lm_value_is_null(test) && !lm_value_is_null(holdout)) {
    return lm_fail_at(error, LAMINA_E_INVALID, &holdout->where,
                      "data has both test (line %d) and holdout, expected one of them",
                      test->where.line);
  }
  if (!predict_only && !lm_value_is_null(test)) {
    LM_TRY(build_dataset(experiment, test, "test", &experiment->test_data, error));
    LM_TRY(compare_fields(experiment, error));
  }
  LM_TRY(lm_value_is_null(holdout) ? LAMINA_OK : build_holdout(experiment, holdout, error));
  LM_TRY(build_rules(experiment, data, false, error));
  return build_rules(experiment, data, true, error);
}

enum lamina_status lm_build_data(struct lm_experiment *experiment,
                                 const struct lm_experiment_options *options,
                                 struct lm_error *error)
{
  char found[80];
  struct lm_value *root = lm_config_root(experiment->config);
  struct lm_value *data = lm_value_get(root, "data");
  experiment->transforms.host = &experiment->host;
  if (lm_value_is_null(data) || data->kind != LM_VALUE_MAP) {
    return lm_fail_at(error, LAMINA_E_INVALID, data == NULL ? &root->where : &data->where,
                      "'data' is %s, expected a map with train, and test or holdout",
                      data == NULL ? "missing" : lm_value_describe(data, found, sizeof found));
  }
  LM_TRY(lm_value_check_keys(data, "data", lm_data_keys, lm_keys_count(lm_data_keys),
                             sizeof lm_data_keys[0], error));
  struct lm_value *source = lm_value_get(data, "source");
  if (!lm_value_is_null(source)) {
    LM_TRY(lm_value_text(source, "source", &experiment->data_source, error));
  }
  if (options->fields != NULL) {
    LM_TRY(lm_dataset_create_given(&experiment->host, options->fields, options->n_fields,
                                   &experiment->train_data, error));
  } else {
    LM_TRY(build_datasets(experiment, data, options->predict_only, error));
  }
  return lm_build_fields(experiment, error);
}

enum lamina_status lm_build_part_data(struct lm_experiment *experiment, struct lm_error *error)
{
  struct lm_value *data = lm_value_get(lm_config_root(experiment->config), "data");
  return build_datasets(experiment, data, true, error);
}
