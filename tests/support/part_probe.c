/*
 * Each helper does what the runtime does around the plugin's function, with the runtime's own
 * code where it has some: states of optimizers come from lm_store_add_slots(), weights are
 * filled by lm_store_fill(), batches are made by the loader.
 */
#include "tests/support/part_probe.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "tests/support/support.h"

#define MUST(probe, expr)                                                       \
  do {                                                                          \
    enum lamina_status must_status_ = (expr);                                   \
    cr_assert(must_status_ == LAMINA_OK, "%s: %s", #expr, (probe)->error.text); \
  } while (0)

static void hear(void *arg, int32_t level, const char *sentence)
{
  struct probe *probe = arg;
  (void)level, (void)sentence;
  probe->logged++;
}

void probe_open(struct probe *probe, uint64_t seed)
{
  const struct lm_registry_options options = {.plugin_path = ls_environment("LAMINA_TEST_PLUGINS")};
  *probe = (struct probe){.file = "/probe/t.yaml"};
  probe->host.seed = seed;
  probe->host.log = hear;
  probe->host.log_arg = probe;
  MUST(probe, lm_registry_create(&options, &probe->host.registry, &probe->error));
  MUST(probe, lm_pool_create(1, &probe->host.pool, &probe->error));
}

void probe_close(struct probe *probe)
{
  for (uint32_t i = 0; i < probe->n_instances; i++) {
    lm_instance_free(probe->instances[i]);
  }
  lm_host_release(&probe->host);
  for (uint32_t i = 0; i < probe->n_configs; i++) {
    lm_config_free(probe->configs[i]);
  }
  lm_pool_free(probe->host.pool);
  lm_registry_free(probe->host.registry);
  lm_free(probe->experiment);
  if (probe->folder != NULL) {
    ls_folder_remove(probe->folder);
  }
}

void probe_threads(struct probe *probe, uint32_t threads)
{
  lm_pool_free(probe->host.pool);
  probe->host.pool = NULL;
  MUST(probe, lm_pool_create(threads, &probe->host.pool, &probe->error));
}

void probe_write(struct probe *probe, const char *name, const void *bytes, size_t size)
{
  if (probe->folder == NULL) {
    probe->folder = ls_folder_make();
    probe->file = probe->experiment = lm_format("%s/t.yaml", probe->folder);
  }
  char *path = lm_format("%s/%s", probe->folder, name);
  FILE *file = fopen(path, "wb");
  cr_assert(file != NULL && fwrite(bytes, 1, size, file) == size && fclose(file) == 0, "%s", path);
  lm_free(path);
}

enum lamina_status probe_parse(struct probe *probe, const char *yaml, struct lm_instance_spec *spec)
{
  struct lm_config *config = NULL;
  char *text = lm_format("part: %s\n", yaml);
  cr_assert(text != NULL && probe->n_configs < PROBE_PARTS);
  enum lamina_status status =
      lm_config_parse(text, strlen(text), probe->file, NULL, 0, &config, &probe->error);
  lm_free(text);
  LM_TRY(status);
  probe->configs[probe->n_configs++] = config;
  probe->host.config = config;
  return lm_component_parse(lm_value_get(lm_config_root(config), "part"), "the part", spec,
                            &probe->error);
}

enum lamina_status probe_try(struct probe *probe, uint32_t kind, const char *yaml,
                             struct lm_instance **out)
{
  struct lm_instance_spec spec = {.kind = kind};
  *out = NULL;
  probe->error = (struct lm_error){0};
  LM_TRY(probe_parse(probe, yaml, &spec));
  LM_TRY(lm_instance_create(&probe->host, &spec, out, &probe->error));
  cr_assert(probe->n_instances < PROBE_PARTS);
  probe->instances[probe->n_instances++] = *out;
  return LAMINA_OK;
}

struct lm_instance *probe_make(struct probe *probe, uint32_t kind, const char *yaml)
{
  struct lm_instance *instance = NULL;
  MUST(probe, probe_try(probe, kind, yaml, &instance));
  return instance;
}

void probe_expect(const struct probe *probe, enum lamina_status status, enum lamina_status wanted,
                  const char *fragment)
{
  cr_assert(status == wanted, "%s, not %s: %s", lm_status_name(status), lm_status_name(wanted),
            probe->error.text);
  cr_assert(wanted == LAMINA_OK || strstr(probe->error.text, fragment) != NULL,
            "\"%s\" is not in: %s", fragment, probe->error.text);
}

void probe_refuses(uint32_t kind, const struct probe_refusal *cases, size_t count)
{
  struct probe probe;
  probe_open(&probe, 1);
  for (size_t i = 0; i < count; i++) {
    struct lm_instance *instance = NULL;
    enum lamina_status status = probe_try(&probe, kind, cases[i].yaml, &instance);
    probe_expect(&probe, status, LAMINA_E_INVALID, cases[i].fragment);
    cr_assert(strncmp(probe.error.text, "/probe/t.yaml:1:", 16) == 0, "no place in: %s",
              probe.error.text);
  }
  probe_close(&probe);
}

/* ---- optimizers ---- */

void probe_optimizer_open(struct probe *probe, const char *yaml, int64_t n,
                          struct probe_optimizer *out)
{
  *out = (struct probe_optimizer){.n = n, .factor = 1.0, .grad_scale = 1.0};
  out->instance = probe_make(probe, LAMINA_KIND_OPTIMIZER, yaml);
  out->graph.host = &probe->host;
  out->store.graph = &out->graph;
  out->store.trained = (size_t)n;
  MUST(probe, lm_store_add_slots(&out->store, out->instance, &probe->error));
  lm_call_init(&out->call, &probe->host, out->instance, "step");
}

void probe_optimizer_close(struct probe_optimizer *optimizer)
{
  lm_store_release(&optimizer->store);
}

static void step_range(struct probe_optimizer *optimizer, struct lamina_update update,
                       int64_t begin, int64_t end)
{
  float *slots[LM_MAX_SLOTS] = {NULL};
  struct lm_error error = {0};
  for (uint32_t i = 0; i < update.n_state; i++) {
    slots[i] = optimizer->store.slots[i] + begin;
  }
  update.weight += begin;
  update.grad += begin;
  update.state = slots;
  update.n = end - begin;
  lm_call_begin(&optimizer->call, &error);
  int32_t returned = optimizer->instance->plugin->table.optimizer.step(
      optimizer->instance->self, &optimizer->call.base, &update);
  cr_assert(lm_call_end(&optimizer->call, returned) == LAMINA_OK, "%s", error.text);
}

void probe_optimizer_step(struct probe_optimizer *optimizer, float *weight, const float *grad)
{
  const struct lamina_optimizer *table = &optimizer->instance->plugin->table.optimizer;
  double rate = table->rate(optimizer->instance->self) * optimizer->factor;
  bool decays = !optimizer->exempt && table->keep != NULL;
  struct lamina_update update = {
      .size = sizeof update,
      .n_state = optimizer->store.n_slots,
      .weight = weight,
      .grad = grad,
      .rate = rate,
      .keep = decays ? table->keep(optimizer->instance->self, rate) : 1.0,
      .grad_scale = optimizer->grad_scale,
      .step = ++optimizer->step,
  };
  step_range(optimizer, update, 0, optimizer->cut);
  step_range(optimizer, update, optimizer->cut, optimizer->n);
}

/* ---- regularizers, initializers, schedules ---- */

double probe_penalty(struct probe *probe, struct lm_instance *regularizer, const float *weight,
                     float *grad, int64_t n)
{
  struct lamina_penalty penalty = {.size = sizeof penalty, .weight = weight, .grad = grad, .n = n};
  struct lm_call call;
  lm_call_init(&call, &probe->host, regularizer, "apply");
  lm_call_begin(&call, &probe->error);
  int32_t returned =
      regularizer->plugin->table.regularizer.apply(regularizer->self, &call.base, &penalty);
  MUST(probe, lm_call_end(&call, returned));
  return penalty.value;
}

enum lamina_status probe_fill(struct probe *probe, struct lm_instance *initializer,
                              const struct probe_weight *weight, float *out)
{
  struct lm_parameter parameter = {.fan_in = weight->fan_in, .fan_out = weight->fan_out};
  struct lm_parameter *parameters[] = {&parameter};
  struct lm_graph graph = {.host = &probe->host, .parameters = parameters, .n_parameters = 1};
  size_t offsets[] = {0};
  struct lm_store store = {.graph = &graph, .weights = out, .offsets = offsets};
  parameter.name = lm_copy_text(weight->name);
  parameter.shape.dims[0] = weight->n;
  parameter.shape.type = lamina_type_f32(1, parameter.shape.dims);
  probe->error = (struct lm_error){0};
  enum lamina_status status = lm_store_fill(&store, 0, initializer, &probe->error);
  lm_free(parameter.name);
  return status;
}

double probe_factor(const struct lm_instance *schedule, uint64_t step, uint64_t total_steps,
                    uint64_t steps_per_epoch)
{
  const struct lamina_progress progress = {.size = sizeof progress,
                                           .step = step,
                                           .total_steps = total_steps,
                                           .steps_per_epoch = steps_per_epoch};
  return schedule->plugin->table.schedule.factor(schedule->self, &progress);
}

/* ---- metrics ---- */

static enum lamina_status infer_metric(struct probe *probe, struct probe_metric *metric)
{
  struct lm_recording *recording = lm_alloc(1, sizeof *recording);
  cr_assert_not_null(recording);
  recording->facts = &metric->facts;
  enum lamina_status status =
      lm_record(&probe->host, metric->instance, metric->table->infer, recording, &probe->error);
  lm_recording_release(recording);
  lm_free(recording);
  cr_assert(metric->facts.accumulators <= PROBE_METRIC_PARTS);
  return status;
}

enum lamina_status probe_metric_open(struct probe *probe, const struct probe_metric_spec *spec,
                                     struct probe_metric *out)
{
  const struct lamina_type *types[] = {&spec->prediction, &spec->target};
  static const char *const names[] = {"prediction", "target"};
  *out = (struct probe_metric){0};
  LM_TRY(probe_try(probe, LAMINA_KIND_METRIC, spec->yaml, &out->instance));
  out->table = &out->instance->plugin->table.metric;
  for (uint32_t i = 0; i < 2; i++) {
    struct lm_shape shape;
    MUST(probe, lm_shape_copy(&shape, types[i], &probe->error));
    out->in[i] = lm_tensor_create(names[i], &shape);
    cr_assert_not_null(out->in[i]);
    out->views[i].type = out->in[i]->shape.type;
    out->pointers[i] = &out->views[i];
    out->facts.in[out->facts.n_in++] = out->in[i];
  }
  out->in[1]->classes = spec->classes;
  out->in[1]->classes_exact = spec->classes > 0;
  lm_call_init(&out->call, &probe->host, out->instance, "update");
  out->call.tensors[LAMINA_IN] = (struct lm_views){out->pointers, 2};
  return infer_metric(probe, out);
}

void probe_metric_close(struct probe_metric *metric)
{
  metric->facts.n_in = 0;
  lm_facts_release(&metric->facts);
  lm_tensor_free(metric->in[0]);
  lm_tensor_free(metric->in[1]);
}

void probe_metric_update(struct probe_metric *metric, int64_t n, const float *prediction,
                         const void *target, double *part)
{
  struct lm_error error = {0};
  metric->views[0].data = (void *)(uintptr_t)prediction; /* only read */
  metric->views[1].data = (void *)(uintptr_t)target;
  metric->in[0]->shape.dims[0] = n;
  metric->in[1]->shape.dims[0] = n;
  lm_call_begin(&metric->call, &error);
  int32_t returned = metric->table->update(metric->instance->self, &metric->call.base, part);
  cr_assert(lm_call_end(&metric->call, returned) == LAMINA_OK, "%s", error.text);
}

double probe_metric_value(struct probe_metric *metric, int64_t n, const float *prediction,
                          const void *target)
{
  double part[PROBE_METRIC_PARTS] = {0};
  probe_metric_update(metric, n, prediction, target, part);
  return metric->table->value(metric->instance->self, part);
}

/* ---- data sets and transforms ---- */

enum lamina_status probe_data_open(struct probe *probe, const char *yaml, const char *role,
                                   struct probe_data *out)
{
  struct lm_instance_spec spec = {.kind = LAMINA_KIND_DATASET, .role = role};
  *out = (struct probe_data){.probe = probe, .transforms = {.host = &probe->host}};
  probe->error = (struct lm_error){0};
  LM_TRY(probe_parse(probe, yaml, &spec));
  LM_TRY(lm_dataset_create(&probe->host, &spec, role, &out->dataset, &probe->error));
  return lm_dataset_open(out->dataset, &probe->error);
}

void probe_data_close(struct probe_data *data)
{
  lm_loader_free(data->loader);
  lm_transforms_release(&data->transforms);
  lm_dataset_free(data->dataset);
}

/** The data set of arrays: the instance behind its plugin. */
struct memory {
  const struct probe_field *fields;
  uint32_t n_fields;
  int64_t count;
};

static int32_t memory_infer(void *self, struct lamina_plan *plan)
{
  const struct memory *memory = self;
  for (uint32_t i = 0; i < memory->n_fields; i++) {
    LAMINA_TRY(lamina_field(plan, i, memory->fields[i].name, &memory->fields[i].record, 0, 0));
  }
  return LAMINA_OK;
}

static int32_t memory_open(void *self, struct lamina_call *call)
{
  (void)self, (void)call;
  return LAMINA_OK;
}

static int64_t memory_count(const void *self)
{
  const struct memory *memory = self;
  return memory->count;
}

static int32_t memory_read(void *self, struct lamina_call *call, const int64_t *index, int64_t n)
{
  const struct memory *memory = self;
  for (uint32_t f = 0; f < memory->n_fields; f++) {
    const struct lamina_type *record = &memory->fields[f].record;
    const struct lamina_view *out = lamina_get(call, LAMINA_OUT, f);
    size_t bytes = (size_t)lamina_type_count(record) * record->dt_bits / 8;
    if (out == NULL || out->type.dims[0] != n) {
      return LAMINA_E_PLUGIN;
    }
    for (int64_t i = 0; i < n; i++) {
      memcpy((char *)out->data + (size_t)i * bytes,
             (const char *)memory->fields[f].data + (size_t)index[i] * bytes, bytes);
    }
  }
  return LAMINA_OK;
}

static const struct lm_plugin memory_plugin = {
    .info = {.kind = LAMINA_KIND_DATASET, .name = "memory", .version = "1.0.0"},
    .path = "part_probe.c",
    .table.dataset = {.size = sizeof(struct lamina_dataset),
                      .infer = memory_infer,
                      .open = memory_open,
                      .count = memory_count,
                      .read = memory_read},
};

void probe_data_of(struct probe *probe, const struct probe_field *fields, uint32_t n_fields,
                   int64_t count, struct probe_data *out)
{
  struct memory *memory = lm_alloc(1, sizeof *memory);
  *out = (struct probe_data){.probe = probe, .transforms = {.host = &probe->host}};
  out->dataset = lm_alloc(1, sizeof *out->dataset);
  cr_assert(memory != NULL && out->dataset != NULL);
  *memory = (struct memory){fields, n_fields, count};
  out->dataset->host = &probe->host;
  out->dataset->role = lm_copy_text("train");
  out->dataset->instance = lm_alloc(1, sizeof *out->dataset->instance);
  cr_assert(out->dataset->role != NULL && out->dataset->instance != NULL);
  out->dataset->instance->plugin = &memory_plugin;
  out->dataset->instance->self = memory;
  out->dataset->instance->label = lm_copy_text("dataset 'memory' 1.0.0");
  MUST(probe, lm_dataset_open(out->dataset, &probe->error));
}

/* What a sample of a field is behind the transforms so far. */
static struct lm_shape sample_of(const struct probe_data *data, const char *field)
{
  int32_t index = lm_dataset_field(data->dataset, field);
  cr_assert(index >= 0, "there is no field %s", field);
  struct lm_shape shape = data->dataset->fields[index].shape;
  shape.type.dt_code = LAMINA_DT_FLOAT;
  shape.type.dt_bits = 32;
  for (size_t i = 0; i < data->transforms.count; i++) {
    if (strcmp(data->transforms.items[i]->field, field) == 0) {
      shape = data->transforms.items[i]->record;
    }
  }
  return shape;
}

enum lamina_status probe_data_transform(struct probe_data *data, const char *yaml,
                                        const char *field)
{
  struct probe *probe = data->probe;
  struct lm_instance_spec spec = {.kind = LAMINA_KIND_TRANSFORM};
  struct lm_shape record = sample_of(data, field);
  record.type.dims = record.dims;
  probe->error = (struct lm_error){0};
  LM_TRY(probe_parse(probe, yaml, &spec));
  return lm_transforms_add(&data->transforms, &spec, field, &record, &probe->error);
}

void probe_data_load(struct probe_data *data, int64_t largest)
{
  MUST(data->probe, lm_loader_create(data->dataset, &data->transforms, largest, &data->loader,
                                     &data->probe->error));
}

static int64_t *count_up(int64_t first, int64_t n)
{
  int64_t *index = lm_alloc((size_t)n + 1, sizeof *index);
  cr_assert_not_null(index);
  for (int64_t i = 0; i < n; i++) {
    index[i] = first + i;
  }
  return index;
}

enum lamina_status probe_data_fit(struct probe_data *data, int64_t n)
{
  int64_t *index = count_up(0, n);
  data->probe->error = (struct lm_error){0};
  enum lamina_status status = lm_loader_fit(data->loader, index, n, &data->probe->error);
  lm_free(index);
  return status;
}

static const void *batch_of(struct probe_data *data, int64_t first, int64_t n, uint32_t field,
                            const uint64_t *epoch)
{
  int64_t *index = count_up(first, n);
  MUST(data->probe, lm_loader_fill(data->loader, index, n, epoch != NULL,
                                   epoch == NULL ? 0 : *epoch, &data->probe->error));
  lm_free(index);
  return lm_loader_data(data->loader, field);
}

const void *probe_data_batch(struct probe_data *data, int64_t first, int64_t n, uint32_t field)
{
  return batch_of(data, first, n, field, NULL);
}

const void *probe_data_train(struct probe_data *data, int64_t first, int64_t n, uint64_t epoch)
{
  return batch_of(data, first, n, 0, &epoch);
}
