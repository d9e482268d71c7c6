/*
 * Once its programs are made, a training asks the system for nothing: no memory of the heap, no
 * mapping, no thread, in any step of an epoch, in shuffling, or in an evaluation. What is counted
 * is an epoch and an evaluation after others that made what there is to make; the experiments
 * are those that come with each plugin, so a new plugin is tested when it is there.
 */
#include <criterion/criterion.h>
#include <dirent.h>
#include <glob.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "tests/framework/trainer/steps.h"
#include "tests/support/call_counter.h"
#include "tests/support/support.h"

/* ---- a training, counted ---- */

/* The steps of an epoch and the evaluation behind it. */
static enum lamina_status run_epoch(struct steps *steps)
{
  for (int64_t i = 0; i < steps->training.batches_per_epoch; i++) {
    LM_TRY(steps_next(steps));
  }
  return LAMINA_OK;
}

/* Whether a thread of this process sleeps: a worker does, once it has begun and found no work. */
static bool sleeps(const char *thread)
{
  char line[512] = "";
  char *path = lm_format("/proc/self/task/%s/stat", thread);
  FILE *file = fopen(path, "re");
  bool is_read = file != NULL && fgets(line, sizeof line, file) != NULL;
  const char *name_end = strrchr(line, ')');
  if (file != NULL) {
    (void)fclose(file);
  }
  lm_free(path);
  return is_read && name_end != NULL && name_end[1] == ' ' && name_end[2] == 'S';
}

/* How many other threads there are that do not sleep. */
static int count_running(void)
{
  DIR *tasks = opendir("/proc/self/task");
  int running = -1; /* this one */
  cr_assert_not_null(tasks);
  for (struct dirent *entry = readdir(tasks); entry != NULL; entry = readdir(tasks)) {
    running += entry->d_name[0] != '.' && !sleeps(entry->d_name) ? 1 : 0;
  }
  (void)closedir(tasks);
  return running;
}

/* A thread that has been started may run much later, and a sanitizer takes memory for it then. */
static void await_threads(void)
{
  for (int tries = 0; tries < 10000 && count_running() > 0; tries++) {
    (void)usleep(1000);
  }
}

/* An epoch after two others: evaluations come before the first step of the next. */
static struct ls_calls count_epoch(const char *yaml, uint32_t threads)
{
  struct steps steps;
  enum lamina_status status[3];
  steps_open(&steps, yaml, threads);
  await_threads();
  status[0] = run_epoch(&steps);
  status[1] = run_epoch(&steps);
  ls_calls_begin();
  status[2] = run_epoch(&steps);
  struct ls_calls calls = ls_calls_end();
  for (int i = 0; i < 3; i++) {
    cr_assert_eq(status[i], LAMINA_OK, "%s\n%s", steps.net.error.text, yaml);
  }
  steps_close(&steps);
  return calls;
}

static void expect_nothing(const char *yaml)
{
  static const uint32_t threads[] = {1, 2, 5};
  for (size_t i = 0; i < sizeof threads / sizeof threads[0]; i++) {
    struct ls_calls calls = count_epoch(yaml, threads[i]);
    cr_expect(calls.taken + calls.freed + calls.mapped + calls.threads == 0,
              "%ld blocks of memory taken, %ld given back, %ld mappings, %ld threads in an epoch "
              "with %u threads (the first at %p) of\n%s",
              calls.taken, calls.freed, calls.mapped, calls.threads, threads[i], calls.first, yaml);
  }
}

/* ---- the counters ---- */

static void *rest(void *arg)
{
  return arg;
}

Test(counters, see_each_way_to_memory_and_threads)
{
  void *volatile memory[6] = {0};
  void *aligned = NULL;
  pthread_t thread;
  ls_calls_begin();
  memory[0] = malloc(100);
  memory[1] = calloc(10, 10);
  memory[0] = realloc(memory[0], 100000);
  memory[2] = aligned_alloc(64, 128);
  int failed = posix_memalign(&aligned, 64, 128);
  memory[3] = aligned;
  memory[4] = strdup("in the C library");
  for (int i = 0; i < 5; i++) {
    free(memory[i]);
  }
  void *pages = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  failed += pthread_create(&thread, NULL, rest, NULL) + pthread_join(thread, NULL);
  struct ls_calls calls = ls_calls_end();
  cr_assert_eq(failed, 0);
  cr_assert_eq(munmap(pages, 4096), 0);
  if (ls_calls_see_heap()) {
    cr_expect_geq(calls.taken, 6, "%ld", calls.taken);
    cr_expect_geq(calls.freed, 5, "%ld", calls.freed);
    cr_expect_not_null(calls.first);
  }
  cr_expect_geq(calls.mapped, 1, "%ld", calls.mapped);
  cr_expect_eq(calls.threads, 1, "%ld", calls.threads);
}

/* 20 records in batches of 8: three forwards an epoch, the last of them with 4. */
Test(counters, see_what_plugins_take)
{
  static const struct {
    const char *takes;
    long heap, mapped, threads;
  } rows[] = {{"nothing", 0, 0, 0}, {"heap", 3, 0, 0}, {"pages", 0, 3, 0}, {"thread", 0, 0, 3}};
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    char *yaml = lm_format("data: {train: {moons: {samples: 20}}}\n"
                           "model: [dense: {units: 1}, greedy: {takes: %s}]\n"
                           "loss: bce\noptimizer: sgd\ntrain: {batch: 8}\n",
                           rows[i].takes);
    struct ls_calls calls = count_epoch(yaml, 2);
    cr_expect_eq(calls.threads, rows[i].threads, "%s: %ld", rows[i].takes, calls.threads);
    if (ls_calls_see_heap()) {
      /* The C library takes memory for a thread too; AddressSanitizer maps some. */
      cr_expect_geq(calls.taken, rows[i].heap, "%s: %ld", rows[i].takes, calls.taken);
      cr_expect(rows[i].threads > 0 || calls.taken == rows[i].heap, "%s", rows[i].takes);
    }
    cr_expect_geq(calls.mapped, rows[i].mapped, "%s: %ld", rows[i].takes, calls.mapped);
    lm_free(yaml);
  }
}

/* ---- trainings ---- */

/* Not without its data; and libraries of others, which are there for comparison, help themselves
 * to memory. */
static bool can_run(const char *path)
{
  char *text = ls_file("/", path, NULL);
  cr_assert_not_null(text, "%s", path);
  bool has_data = strstr(text, "LAMINA_DATA") == NULL || getenv("LAMINA_DATA") != NULL;
  bool is_ours = strstr(text, "needs a build that found it") == NULL;
  lm_free(text);
  return has_data && is_ours;
}

/* All experiments of a folder that can be run here; keys are set in each. */
static void expect_nothing_of(const char *folder, const char *pattern, const char *keys)
{
  glob_t found;
  char *paths = lm_format("%s/%s/%s", ls_environment("LAMINA_TEST_SOURCE"), folder, pattern);
  cr_assert_eq(glob(paths, 0, NULL, &found), 0, "%s", paths);
  for (size_t i = 0; i < found.gl_pathc; i++) {
    if (can_run(found.gl_pathv[i])) {
      char *yaml = lm_format("include: %s\n%s", found.gl_pathv[i], keys);
      expect_nothing(yaml);
      lm_free(yaml);
    }
  }
  globfree(&found);
  lm_free(paths);
}

Test(step, of_the_example_of_each_plugin_asks_for_nothing)
{
  expect_nothing_of("plugins", "*/*/*.yaml", "train: {clip: 1}\n");
}

Test(step, of_each_carried_experiment_asks_for_nothing)
{
  static const char *const rows[][2] = {
      {"moons.yaml", ""},
      {"iris.yaml", ""},
      {"digits.yaml", "train: {batch: 256}\n"},
      {"digits-cnn.yaml", "train: {batch: 200}\n"},
      {"mnist-mlp.yaml", "data: {train: {idx: {limit: 300}}, test: {idx: {limit: 100}}}\n"},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    expect_nothing_of("configs", rows[i][0], rows[i][1]);
  }
}

/* Large enough that loops have chunks for several threads, and with a smaller last batch. */
Test(step, with_everything_in_it_asks_for_nothing)
{
  static const char yaml[] =
      "data: {train: {moons: {samples: 1000}}, holdout: 0.3, transforms: [standardize]}\n"
      "model:\n- {dense: {units: 300}, name: a}\n- relu\n- {dropout: {rate: 0.2}}\n"
      "- {dense: {units: 300}, name: b}\n- tanh\n- {add: {}, inputs: [b, a]}\n- sigmoid\n"
      "- {dense: {units: 300}, share: b}\n- {dense: {units: 200, bias: false}}\n- softmax\n"
      "- flatten\n- {dense: {units: 2}}\n"
      "loss: cross_entropy\noptimizer: {adamw: {rate: 0.01}}\n"
      "regularizers: [{l1: {lambda: 1e-5}}, {l2: {lambda: 1e-4}}]\n"
      "schedule: {cosine: {warmup_steps: 3}}\nmetrics: [accuracy]\n"
      "train: {batch: 256, clip: 0.5}\n";
  expect_nothing(yaml);
}
