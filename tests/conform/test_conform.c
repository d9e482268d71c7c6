/*
 * The tool against plugins with one bug each, and against what the project ships.
 */
#include <criterion/criterion.h>
#include <dirent.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "conform/conform.h"
#include "tests/support/support.h"

/* The report on a file; release it. */
static struct lm_conform_report check(const char *folder, const char *file, const char *settings)
{
  struct lm_conform_report report;
  struct lm_error error = {0};
  char *path = lm_format("%s/%s", folder, file);
  const struct lm_conform_options options = {
      .file = path,
      .settings = settings,
      .seed = 1,
      .limit_ms = strstr(file, "hangs") != NULL ? 500 : 0,
      .registry = {.plugin_path = ls_environment("LAMINA_TEST_PLUGINS")},
  };
  cr_assert_eq(lm_conform(&options, &report, &error), LAMINA_OK, "%s: %s", file, error.text);
  lm_free(path);
  return report;
}

static const struct lm_result *result_of(const struct lm_conform_report *report, const char *id)
{
  for (size_t i = 0; i < report->count; i++) {
    if (strcmp(report->results[i].rule->id, id) == 0) {
      return &report->results[i];
    }
  }
  return NULL;
}

/* Each bug, and the rule that must be named. */
static const struct {
  const char *bug, *id;
} bugs[] = {
    {"layer_wrong_gradient", "L05"},
    {"layer_undeclared_read", "L07"},
    {"layer_false_sharing", "L08"},
    {"layer_kept_pointer", "L07"},
    {"layer_reads_behind", "P13"},
    {"layer_reads_before", "P13"},
    {"layer_writes_behind", "P13"},
    {"layer_writes_input", "P14"},
    {"layer_own_random", "P09"},
    {"layer_allocates", "P06"},
    {"layer_thread_sum", "L11"},
    {"layer_wrong_shape", "L04"},
    {"layer_setting_ignored", "S04"},
    {"layer_setting_kept", "S05"},
    {"layer_state_not_saved", "L16"},
    {"layer_nan_swallowed", "L15"},
    {"layer_starts_thread", "P07"},
    {"layer_prints", "P08"},
    {"layer_rounds", "P10"},
    {"layer_sets_locale", "P10"},
    {"layer_divides", "P11"},
    {"layer_hangs", "P11"},
    {"layer_exits", "P11"},
    {"layer_lies", "P12"},
    {"layer_silent", "P12"},
    {"layer_refuses_one", "L02"},
    {"layer_impure", "L03"},
    {"layer_add_ignored", "L06"},
    {"layer_dead_read", "L09"},
    {"layer_scratch_kept", "L10"},
    {"layer_shared_static", "L12"},
    {"layer_random_in_evaluation", "L13"},
    {"layer_keep_matters", "L14"},
    {"layer_bad_init", "L21"},
    {"layer_hands_early", "L22"},
    {"layer_uneven", "L23"},
    {"loss_summed", "L20"},
    {"optimizer_leaky", "O01"},
    {"regularizer_overwriting", "R02"},
    {"initializer_counting", "I01"},
    {"schedule_counting", "C02"},
    {"metric_averaged", "M01"},
    {"dataset_drifting", "D02"},
    {"transform_centred", "T01"},
    {"service_obliging", "V01"},
};

Test(conform, names_the_rule_that_each_bug_breaks, .timeout = 300)
{
  for (size_t i = 0; i < sizeof bugs / sizeof bugs[0]; i++) {
    char *file = lm_format("%s.so", bugs[i].bug);
    struct lm_conform_report report = check(ls_environment("LAMINA_TEST_SEEDED"), file, NULL);
    const struct lm_result *result = result_of(&report, bugs[i].id);
    cr_expect(result != NULL && result->verdict == LM_BROKEN && result->n_findings > 0,
              "%s: %s is not found to be broken", bugs[i].bug, bugs[i].id);
    lm_conform_release(&report);
    lm_free(file);
  }
}

/* The whole report as text, for messages. */
static void expect_clean(const struct lm_conform_report *report)
{
  struct lm_text text = {0};
  lm_conform_write(report, LM_CONFORM_TEXT, true, &text);
  cr_expect_eq(lm_conform_broken(report, true), 0, "%s", lm_text_get(&text));
  lm_text_release(&text);
}

Test(conform, finds_nothing_in_the_layer_without_a_bug)
{
  struct lm_conform_report report =
      check(ls_environment("LAMINA_TEST_SEEDED"), "layer_sound.so", NULL);
  expect_clean(&report);
  for (size_t i = 0; i < report.count; i++) {
    const char *id = report.results[i].rule->id;
    bool is_for_others = strcmp(id, "L23") == 0; /* elementwise layers */
    cr_expect_eq(report.results[i].verdict, is_for_others ? LM_NOT_CHECKED : LM_HOLDS, "%s: %s", id,
                 report.results[i].reason);
  }
  lm_conform_release(&report);
}

/* Settings without which another one has no meaning, or no value fits. */
static const char *settings_for(const char *file)
{
  static const struct {
    const char *file, *settings;
  } rows[] = {{"transform_crop.so", "{padding: 2}"}, {"layer_reshape.so", "{shape: [1, -1]}"}};
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    if (strcmp(file, rows[i].file) == 0) {
      return rows[i].settings;
    }
  }
  return NULL;
}

Test(conform, finds_nothing_in_the_plugins_of_the_project, .timeout = 300)
{
  const char *folder = ls_environment("LAMINA_TEST_PLUGINS");
  DIR *files = opendir(folder);
  size_t count = 0;
  cr_assert_not_null(files, "%s", folder);
  for (const struct dirent *entry; (entry = readdir(files)) != NULL;) {
    size_t length = strlen(entry->d_name);
    if (length > 3 && strcmp(entry->d_name + length - 3, ".so") == 0) {
      struct lm_conform_report report = check(folder, entry->d_name, settings_for(entry->d_name));
      expect_clean(&report);
      lm_conform_release(&report);
      count++;
    }
  }
  cr_assert_eq(closedir(files), 0);
  cr_assert_gt(count, 20);
}
