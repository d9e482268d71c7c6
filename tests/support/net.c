/*
 * Plugins come from the folders that `make check` names, through the plugin path of the
 * registry; nothing here is mocked.
 */
#include "tests/support/net.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "tests/support/support.h"

static void start(struct ls_net *net, uint32_t threads)
{
  char path[4096];
  (void)snprintf(path, sizeof path, "%s:%s", ls_environment("LAMINA_TEST_PLUGINS"),
                 ls_environment("LAMINA_TEST_FIXTURES"));
  struct lm_registry_options options = {.plugin_path = path};
  cr_assert_eq(lm_registry_create(&options, &net->registry, &net->error), LAMINA_OK, "%s",
               net->error.text);
  cr_assert_eq(lm_pool_create(threads, &net->pool, &net->error), LAMINA_OK, "%s", net->error.text);
}

enum lamina_status ls_net_build(struct ls_net *net, const char *yaml, uint32_t threads)
{
  struct lm_config *config = NULL;
  start(net, threads);
  LM_TRY(lm_config_parse(yaml, strlen(yaml), "net.yaml", NULL, 0, &config, &net->error));
  struct lm_experiment_options options = {.registry = net->registry, .pool = net->pool};
  return lm_experiment_create(config, &options, &net->experiment, &net->error);
}

void ls_net_open(struct ls_net *net, const char *yaml, uint32_t threads)
{
  cr_assert_eq(ls_net_build(net, yaml, threads), LAMINA_OK, "%s\n%s", net->error.text, yaml);
  cr_assert_eq(lm_experiment_open_data(net->experiment, &net->error), LAMINA_OK, "%s\n%s",
               net->error.text, yaml);
  cr_assert_eq(lm_engine_create(net->experiment, LM_TO_TRAIN, &net->engine, &net->error), LAMINA_OK,
               "%s\n%s", net->error.text, yaml);
}

void ls_net_release(struct ls_net *net)
{
  lm_executor_free(net->isolated);
  lm_engine_free(net->engine);
  lm_experiment_free(net->experiment);
  lm_pool_free(net->pool);
  lm_registry_free(net->registry);
  *net = (struct ls_net){0};
}

static struct lm_executor *executor_of(struct ls_net *net, bool isolated)
{
  if (isolated && net->isolated == NULL) {
    struct lm_executor_options options = {.isolate = true, .keep = net->engine->keep};
    cr_assert_eq(lm_executor_create(net->experiment->graph, &net->engine->store, &options,
                                    &net->isolated, &net->error),
                 LAMINA_OK, "%s", net->error.text);
  }
  return isolated ? net->isolated : net->engine->executor;
}

struct lm_program *ls_net_program(struct ls_net *net, int64_t batch, bool train, bool isolated)
{
  struct lm_program *program = NULL;
  cr_assert_eq(lm_executor_program(executor_of(net, isolated), batch, train, &program, &net->error),
               LAMINA_OK, "%s", net->error.text);
  return program;
}

void ls_net_feed(struct ls_net *net, struct lm_program *program)
{
  const struct lm_portion *portion = &net->engine->train;
  cr_assert_eq(
      lm_loader_fill(portion->loader, portion->index, program->batch, false, 0, &net->error),
      LAMINA_OK, "%s", net->error.text);
  lm_engine_connect(net->engine, portion, program);
}

double ls_net_run(struct ls_net *net, struct lm_program *program, uint64_t step)
{
  cr_assert_eq(lm_program_forward(program, step, &net->error), LAMINA_OK, "%s", net->error.text);
  double loss = lm_engine_loss(net->engine, program);
  if (program->train) {
    cr_assert_eq(lm_program_backward(program, step, &net->error), LAMINA_OK, "%s", net->error.text);
  }
  return loss;
}

struct lm_node *ls_node(const struct ls_net *net, const char *name)
{
  int32_t index = lm_graph_find_node(net->experiment->graph, name);
  cr_assert_geq(index, 0, "there is no node %s", name);
  return net->experiment->graph->nodes[index];
}

void *ls_self(const struct ls_net *net, const char *name)
{
  return ls_node(net, name)->instance->self;
}

uint32_t ls_parameter(const struct ls_net *net, const char *name)
{
  const struct lm_graph *graph = net->experiment->graph;
  uint32_t i = 0;
  while (i < graph->n_parameters && strcmp(graph->parameters[i]->name, name) != 0) {
    i++;
  }
  cr_assert_lt(i, graph->n_parameters, "there is no weight %s", name);
  return i;
}

float *ls_weights(const struct ls_net *net, const char *name)
{
  return net->engine->store.weight_views[ls_parameter(net, name)].data;
}

float *ls_gradients(const struct ls_net *net, const char *name)
{
  return net->engine->store.gradient_views[ls_parameter(net, name)].data;
}

/* ---- refusals ---- */

static enum lamina_status build_and_open(struct ls_net *net, const char *yaml, bool open)
{
  LM_TRY(ls_net_build(net, yaml, 1));
  if (open) {
    LM_TRY(lm_experiment_open_data(net->experiment, &net->error));
    LM_TRY(lm_engine_create(net->experiment, LM_TO_TRAIN, &net->engine, &net->error));
  }
  return LAMINA_OK;
}

void ls_expect_refusals(const struct ls_refusal *rows, size_t count, bool open)
{
  for (size_t i = 0; i < count; i++) {
    struct ls_net net = {0};
    enum lamina_status status = build_and_open(&net, rows[i].yaml, open);
    cr_expect_eq(status, rows[i].status, "%s for\n%s\nsaying: %s", lm_status_name(status),
                 rows[i].yaml, net.error.text);
    for (size_t p = 0; p < 4 && rows[i].parts[p] != NULL; p++) {
      cr_expect(strstr(net.error.text, rows[i].parts[p]) != NULL, "no \"%s\" in: %s\nfor\n%s",
                rows[i].parts[p], net.error.text, rows[i].yaml);
    }
    ls_net_release(&net);
  }
}

/* ---- trainings ---- */

/** What the observer of a training needs. */
struct watch {
  const struct ls_run *run;
  volatile sig_atomic_t stop;
};

static void watch_step(void *arg, const struct lm_train_status *status)
{
  struct watch *watch = arg;
  if (watch->run->step != NULL) {
    watch->run->step(watch->run->arg, status);
  }
  if (status->step == watch->run->stop_at) {
    watch->stop = 1;
  }
}

static void watch_epoch(void *arg, const struct lm_epoch_report *report)
{
  const struct watch *watch = arg;
  if (watch->run->epoch != NULL) {
    watch->run->epoch(watch->run->arg, report);
  }
}

static void watch_note(void *arg, const char *sentence)
{
  const struct watch *watch = arg;
  if (watch->run->note != NULL) {
    watch->run->note(watch->run->arg, sentence);
  }
}

enum lamina_status ls_train(const struct ls_run *run, struct lm_train_result *result,
                            struct lm_error *error)
{
  struct ls_net net = {0};
  struct watch watch = {.run = run};
  struct lm_train_options options = {.run_dir = run->dir,
                                     .resume = run->resume,
                                     .stop = &watch.stop,
                                     .observer = {&watch, watch_step, watch_epoch, watch_note}};
  enum lamina_status status = ls_net_build(&net, run->yaml, run->threads == 0 ? 1 : run->threads);
  if (status == LAMINA_OK) {
    status = lm_experiment_open_data(net.experiment, &net.error);
  }
  if (status == LAMINA_OK) {
    status = lm_train(net.experiment, &options, result, &net.error);
    result->last.experiment = NULL; /* goes with the net */
  }
  *error = net.error;
  ls_net_release(&net);
  return status;
}

char *ls_file(const char *dir, const char *name, size_t *size)
{
  char path[4096];
  (void)snprintf(path, sizeof path, "%s/%s", dir, name);
  FILE *file = fopen(path, "rb");
  if (file == NULL) {
    return NULL;
  }
  cr_assert_eq(fseek(file, 0, SEEK_END), 0);
  long length = ftell(file);
  cr_assert_geq(length, 0);
  rewind(file);
  char *bytes = lm_alloc((size_t)length + 1, 1);
  cr_assert_not_null(bytes);
  cr_assert_eq(fread(bytes, 1, (size_t)length, file), (size_t)length);
  (void)fclose(file);
  if (size != NULL) {
    *size = (size_t)length;
  }
  return bytes;
}
