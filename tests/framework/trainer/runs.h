/* What the tests of trainings share: folders of a test, files of runs, and how they compare. */
#ifndef TESTS_TRAINER_RUNS_H
#define TESTS_TRAINER_RUNS_H

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "tests/support/net.h"
#include "tests/support/support.h"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* A net with everything that could make two runs differ: 20 steps in 4 epochs. */
#define SMALL_DATA                                         \
  "data: {train: {moons: {samples: 40}}, holdout: 0.25,\n" \
  "  transforms: [standardize]}\n"
#define SMALL_MODEL                                                                               \
  "model:\n- {dense: {units: 8}}\n- relu\n"                                                       \
  "- {dropout: {rate: 0.3}, schedule: {rate: {warmup: {steps: 12}}}}\n- {probe: {state: true}}\n" \
  "- {dense: {units: 2}}\nmetrics: [accuracy]\n"                                                  \
  "loss: {cross_entropy: {}, weight: 2, schedule: {weight: {warmup: {epochs: 2.5, from: 0.1}}}}\n"
#define SMALL_REST                                      \
  "optimizer: {adam: {rate: 0.01}}\nschedule: cosine\n" \
  "regularizers: [{l2: {lambda: 1e-3}, schedule: {lambda: cosine}}]\n"
#define SMALL SMALL_DATA SMALL_MODEL SMALL_REST "train: {epochs: 4, batch: 6, seed: 3, clip: 1}\n"

static inline char *in_folder(const char *folder, const char *name)
{
  char *path = lm_format("%s/%s", folder, name);
  cr_assert_not_null(path);
  return path;
}

static inline void expect_status(enum lamina_status found, enum lamina_status expected,
                                 const struct lm_error *error)
{
  cr_assert_eq(found, expected, "%s: %s", lm_status_name(found), error->text);
}

/* Trains to the end in folder/name. */
static inline struct lm_train_result train_in(const char *folder, const char *name,
                                              const char *yaml, uint32_t threads)
{
  char *dir = in_folder(folder, name);
  struct ls_run run = {.yaml = yaml, .dir = dir, .threads = threads};
  struct lm_train_result result;
  struct lm_error error = {0};
  expect_status(ls_train(&run, &result, &error), LAMINA_OK, &error);
  lm_free(dir);
  return result;
}

static inline bool same_file(const char *folder, const char *one, const char *two)
{
  size_t size[2] = {0, 0};
  char *bytes[2] = {ls_file(folder, one, &size[0]), ls_file(folder, two, &size[1])};
  cr_assert(bytes[0] != NULL && bytes[1] != NULL, "%s or %s is missing", one, two);
  bool same = size[0] == size[1] && memcmp(bytes[0], bytes[1], size[0]) == 0;
  lm_free(bytes[0]);
  lm_free(bytes[1]);
  return same;
}

static inline void write_bytes(const char *path, const char *bytes, size_t size)
{
  FILE *file = fopen(path, "wb");
  cr_assert_not_null(file, "%s", path);
  cr_assert_eq(fwrite(bytes, 1, size, file), size);
  cr_assert_eq(fclose(file), 0);
}

/* metrics.jsonl of a run without what no two runs share: durations and rates. */
static inline char *metrics_of(const char *folder, const char *run)
{
  char *name = in_folder(run, "metrics.jsonl");
  char *text = ls_file(folder, name, NULL);
  struct lm_text out = {0};
  lm_free(name);
  for (char *line = text; line != NULL && *line != '\0';) {
    char *end = strchr(line, '\n');
    char *seconds = strstr(line, ", \"seconds\": ");
    cr_assert(end != NULL && seconds != NULL && seconds < end, "a broken line: %s", line);
    cr_assert(strstr(seconds, "\"samples_per_s\": ") != NULL);
    lm_text_add_bytes(&out, line, (size_t)(seconds - line));
    lm_text_add(&out, "\n");
    line = end + 1;
  }
  lm_free(text);
  return lm_text_take(&out);
}

static inline bool exists(const char *folder, const char *name)
{
  char *path = in_folder(folder, name);
  bool found = access(path, F_OK) == 0;
  lm_free(path);
  return found;
}

#endif
