/* Models for tests of lamina/lamina.h: trained for a few steps in a folder of the test's own. */
#ifndef TESTS_EMBED_MODELS_H
#define TESTS_EMBED_MODELS_H

#include <lamina/lamina.h>

#include "tests/framework/trainer/runs.h"

/* Fitted transforms, saved with the model; two inputs of the last dense layer; dropout. */
#define NET                                                                     \
  "data: {train: {moons: {samples: 60}}, transforms: [standardize]}\n"          \
  "model:\n- {dense: {units: 40}, name: a}\n- relu\n- {dropout: {rate: 0.3}}\n" \
  "- {dense: {units: 40}, name: b}\n- tanh\n- {add: {}, inputs: [tanh, a]}\n"   \
  "- {dense: {units: 2}, name: logits}\nloss: cross_entropy\noptimizer: adam\n"
#define MOONS NET "train: {epochs: 3, batch: 12, seed: 2}\n"
#define OTHER NET "train: {epochs: 2, batch: 12, seed: 7}\n"
#define ORACLE NET "train: {epochs: 1, batch: 60}\n" /* takes any batch up to this one */

/* Wide enough for several threads, two outputs. */
#define WIDE                                                                             \
  "data: {train: {moons: {samples: 60}}}\n"                                              \
  "model:\n- {dense: {units: 300}, name: hidden}\n- {dense: {units: 300}, name: wide}\n" \
  "- {dense: {units: 1}, name: yes, inputs: [wide]}\n"                                   \
  "- {sigmoid: {}, name: side, inputs: [hidden]}\n"                                      \
  "loss: {bce: {}, inputs: [yes, target]}\noptimizer: sgd\ntrain: {epochs: 1, batch: 12}\n"

/* The path of a model of that experiment, in folder/name; the caller's, lm_free(). */
static inline char *model_in(const char *folder, const char *name, const char *yaml)
{
  (void)train_in(folder, name, yaml, 1);
  return lm_format("%s/%s/model.safetensors", folder, name);
}

/* Plugins of the build and of the tests. */
static inline char *plugin_folders(void)
{
  return lm_format("%s:%s", ls_environment("LAMINA_TEST_PLUGINS"),
                   ls_environment("LAMINA_TEST_FIXTURES"));
}

static inline struct lamina_model *load(const char *path, uint32_t threads, uint32_t flags)
{
  char *folders = plugin_folders();
  const struct lamina_model_options options = {
      .size = sizeof options, .flags = flags, .threads = threads, .plugin_path = folders};
  struct lamina_model *model;
  struct lamina_error error;
  int32_t status = lamina_model_load(path, &options, &model, &error);
  cr_assert_eq(status, LAMINA_OK, "%s", error.sentence);
  cr_assert_str_empty(error.sentence);
  lm_free(folders);
  return model;
}

/* Numbers that differ, for every sample. */
static inline void fill(float *values, size_t count)
{
  for (size_t i = 0; i < count; i++) {
    values[i] = (float)((i * 37) % 101) / 50.0f - 1.0f;
  }
}

#endif
