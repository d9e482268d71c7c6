/*
 * Many runtimes in one process: threads that each have a registry and a pool of their own load
 * every plugin of a folder at the same time, then build and train different experiments. Run
 * under ThreadSanitizer it finds races, under valgrind with LAMINA_UNLOAD=1, round after round,
 * what stays behind. A plain program, because Criterion does neither.
 *
 *     many THREADS ROUNDS PLUGINS FILE...
 */
#include <dirent.h>
#include <ftw.h>
#include <link.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "trainer/train.h"

enum { MOST_THREADS = 64, MOST_PLUGINS = 256, POOL = 2 };

/* What all threads read. */
struct task {
  const char *folder;
  char *plugins[MOST_PLUGINS];
  size_t n_plugins;
  char **files;
  size_t n_files;
  size_t n_threads;
  pthread_barrier_t start;
};

struct thread {
  pthread_t id;
  struct task *task;
  size_t number, failures;
};

static void complain(struct thread *thread, const char *what, const struct lm_error *error)
{
  (void)fprintf(stderr, "thread %zu: %s: %s\n", thread->number, what, error->text);
  thread->failures++;
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *where)
{
  (void)status;
  (void)type;
  (void)where;
  return remove(path);
}

/* A few steps, an evaluation, a checkpoint and a model. */
static enum lamina_status train(const char *file, struct lm_registry *registry,
                                struct lm_pool *pool, struct lm_error *error)
{
  static const char *const overrides[] = {"train.steps=3"};
  const struct lm_experiment_options options = {.registry = registry, .pool = pool};
  struct lm_config *config;
  struct lm_experiment *experiment;
  struct lm_train_result result;
  char run_dir[] = "/tmp/lamina-many-XXXXXX";
  LM_TRY(lm_config_load(file, overrides, 1, &config, error));
  LM_TRY(lm_experiment_create(config, &options, &experiment, error));
  enum lamina_status status = lm_experiment_open_data(experiment, error);
  if (status == LAMINA_OK && mkdtemp(run_dir) == NULL) {
    status = lm_fail(error, LAMINA_E_IO, "no folder in /tmp");
  }
  if (status == LAMINA_OK) {
    const struct lm_train_options how = {.run_dir = run_dir};
    status = lm_train(experiment, &how, &result, error);
    (void)nftw(run_dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
  }
  lm_experiment_free(experiment);
  return status;
}

static void work_with(struct thread *thread, struct lm_registry *registry, struct lm_pool *pool)
{
  const struct task *task = thread->task;
  struct lm_error error = {0};
  for (size_t i = 0; i < task->n_plugins; i++) {
    const struct lm_plugin *plugin;
    const char *path = task->plugins[(i + thread->number) % task->n_plugins];
    if (lm_registry_open_file(registry, path, &plugin, &error) != LAMINA_OK) {
      complain(thread, path, &error);
    }
  }
  for (size_t i = thread->number; i < task->n_files; i += task->n_threads) {
    if (train(task->files[i], registry, pool, &error) != LAMINA_OK) {
      complain(thread, task->files[i], &error);
    }
  }
}

static void *work(void *arg)
{
  struct thread *thread = arg;
  const struct lm_registry_options options = {.plugin_path = thread->task->folder};
  struct lm_registry *registry = NULL;
  struct lm_pool *pool = NULL;
  struct lm_error error = {0};
  (void)pthread_barrier_wait(&thread->task->start);
  if (lm_registry_create(&options, &registry, &error) != LAMINA_OK ||
      lm_pool_create(POOL, &pool, &error) != LAMINA_OK) {
    complain(thread, "the beginning", &error);
  } else {
    work_with(thread, registry, pool);
  }
  lm_pool_free(pool);
  lm_registry_free(registry);
  return NULL;
}

static void find_plugins(struct task *task)
{
  struct dirent *entry;
  DIR *folder = opendir(task->folder);
  while (folder != NULL && (entry = readdir(folder)) != NULL) {
    size_t length = strlen(entry->d_name);
    if (length > 3 && strcmp(entry->d_name + length - 3, ".so") == 0 &&
        task->n_plugins < MOST_PLUGINS) {
      task->plugins[task->n_plugins++] = lm_format("%s/%s", task->folder, entry->d_name);
    }
  }
  if (folder != NULL) {
    (void)closedir(folder);
  }
}

static int count_plugin(struct dl_phdr_info *info, size_t size, void *arg)
{
  const struct task *task = ((void **)arg)[0];
  (void)size;
  for (size_t i = 0; i < task->n_plugins; i++) {
    *(size_t *)((void **)arg)[1] += strcmp(info->dlpi_name, task->plugins[i]) == 0;
  }
  return 0;
}

static size_t plugins_still_loaded(struct task *task)
{
  size_t count = 0;
  void *arg[2] = {task, &count};
  (void)dl_iterate_phdr(count_plugin, arg);
  return count;
}

/* Returns the number of failures. */
static size_t run_round(struct task *task)
{
  struct thread threads[MOST_THREADS] = {{0}};
  size_t failures = 0;
  (void)pthread_barrier_init(&task->start, NULL, (unsigned)task->n_threads);
  for (size_t i = 0; i < task->n_threads; i++) {
    threads[i].task = task;
    threads[i].number = i;
    if (pthread_create(&threads[i].id, NULL, work, &threads[i]) != 0) {
      abort(); /* the others wait for it */
    }
  }
  for (size_t i = 0; i < task->n_threads; i++) {
    (void)pthread_join(threads[i].id, NULL);
    failures += threads[i].failures;
  }
  (void)pthread_barrier_destroy(&task->start);
  return failures;
}

int main(int argc, char **argv)
{
  struct task task = {0};
  size_t failures = 0;
  long threads = argc < 5 ? 0 : strtol(argv[1], NULL, 10);
  long rounds = argc < 5 ? 0 : strtol(argv[2], NULL, 10);
  if (threads < 1 || threads > MOST_THREADS || rounds < 1) {
    (void)fprintf(stderr, "usage: many THREADS ROUNDS PLUGINS FILE...\n");
    return 99;
  }
  task.folder = argv[3];
  task.files = argv + 4;
  task.n_files = (size_t)(argc - 4);
  task.n_threads = (size_t)threads;
  find_plugins(&task);
  for (long i = 0; i < rounds; i++) {
    failures += run_round(&task);
    if (getenv("LAMINA_UNLOAD") != NULL && plugins_still_loaded(&task) > 0) {
      (void)fprintf(stderr, "round %ld: plugins are still loaded\n", i);
      failures++;
    }
  }
  (void)printf("%zu plugins, %zu experiments, %ld threads, %ld rounds: %zu failures\n",
               task.n_plugins, task.n_files, threads, rounds, failures);
  failures += task.n_plugins < 20;
  for (size_t i = 0; i < task.n_plugins; i++) {
    lm_free(task.plugins[i]);
  }
  return failures == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
