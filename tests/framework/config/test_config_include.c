/*
 * include: merging, places, and refusals; and a whole load with every allocation failing once.
 */
#include <sys/stat.h>

#include "config_case.h"

#include "config/config_internal.h"

static enum lamina_status load(const struct folder *folder, const char *name,
                               struct lm_config **config, struct lm_error *error)
{
  char path[256];
  (void)snprintf(path, sizeof path, "%s/%s", folder->path, name);
  return lm_config_load(path, NULL, 0, config, error);
}

Test(config_include, local_keys_go_over_included_ones)
{
  struct folder folder = make_folder();
  write_file(&folder, "base.yaml",
             "vars: {n: 1, m: 2}\nmodel: [a, b]\ntrain: {epochs: 5, deep: {x: 1, y: 2}}\nz: 1\n");
  write_file(&folder, "more.yaml", "train: {batch: 3}\nz: 2\nsum: ${n}${m}\n");
  write_file(&folder, "main.yaml",
             "include: [base.yaml, more.yaml]\nvars: {n: 7}\nmodel: [c]\n"
             "train: {deep: {y: 9, w: {}}, epochs: {k: 1}}\n");
  struct lm_config *config = NULL;
  struct lm_error error = {0};
  cr_assert(load(&folder, "main.yaml", &config, &error) == LAMINA_OK, "%s", error.text);
  char *text = written(config);
  cr_expect_str_eq(text, "vars:\n  n: 7\n  m: 2\nmodel:\n  - c\ntrain:\n  epochs:\n    k: 1\n"
                         "  deep:\n    x: 1\n    y: 9\n    w: {}\n  batch: 3\nz: 2\nsum: 72\n");
  const struct lm_value *batch =
      lm_value_get(lm_value_get(lm_config_root(config), "train"), "batch");
  cr_expect_not_null(strstr(batch->where.file, "/more.yaml"));
  cr_expect(batch->where.line == 1 && batch->where.column == 16);
  lm_free(text);
  lm_config_free(config);
  remove_file(&folder, "base.yaml");
  remove_file(&folder, "more.yaml");
  remove_file(&folder, "main.yaml");
  remove_folder(&folder);
}

Test(config_include, paths_are_relative_to_the_including_file)
{
  struct folder folder = make_folder();
  char inner[128];
  (void)snprintf(inner, sizeof inner, "%s/inner", folder.path);
  cr_assert(mkdir(inner, 0700) == 0);
  write_file(&folder, "inner/leaf.yaml", "a: 1\nfile: leaf.csv\n");
  write_file(&folder, "inner/middle.yaml", "include: leaf.yaml\nb: 2\n");
  write_file(&folder, "main.yaml", "include: inner/middle.yaml\nc: 3\n");
  struct lm_config *config = NULL;
  struct lm_error error = {0};
  cr_assert(load(&folder, "main.yaml", &config, &error) == LAMINA_OK, "%s", error.text);
  const struct lm_value *file = lm_value_get(lm_config_root(config), "file");
  char *path = lm_config_path(file->text, &file->where);
  char expected[256];
  (void)snprintf(expected, sizeof expected, "%s/leaf.csv", inner);
  cr_expect_str_eq(path, expected);
  lm_free(path);
  lm_config_free(config);
  remove_file(&folder, "inner/leaf.yaml");
  remove_file(&folder, "inner/middle.yaml");
  remove_file(&folder, "main.yaml");
  cr_expect(rmdir(inner) == 0);
  remove_folder(&folder);
}

/* Files a.yaml and b.yaml, what loading a.yaml answers, and a part of the sentence. */
static const struct {
  const char *a, *b;
  int exit_code;
  const char *place, *part;
} refusals[] = {
    {"x: 1\ninclude: none.yaml", "", 66, "a.yaml:2:10: include: ", "none.yaml"},
    {"include: a.yaml", "", 65, "a.yaml:1:10: ", "includes itself"},
    {"include: ./a.yaml", "", 65, "a.yaml:1:10: ", "includes itself"},
    {"include: b.yaml", "include: [a.yaml]", 65, "b.yaml:1:11: ", "through this file"},
    {"include: b.yaml", "x: [", 65, "b.yaml:2:1: ", "expected a value"},
    {"include: b.yaml", "", 65, "b.yaml:1:1: ", "empty"},
    {"include: b.yaml", "[1]", 65, "b.yaml:1:1: ", "a list"},
    {"include: {b: c}", "x: 1", 65, "a.yaml:1:10: ", "expected a text"},
    {"include:", "x: 1", 65, "a.yaml:1:9: ", "found null"},
    {"include: [b.yaml, [c]]", "x: 1", 65, "a.yaml:1:19: ", "expected a text"},
    {"include: ${env:HOME}/x", "x: 1", 65, "a.yaml:1:10: ", "before ${...}"},
    {"include: .", "x: 1", 65, "a.yaml:1:10: include: ", ""},
    {"include: b.yaml\nx: ${q}", "vars: {p: 1}", 65, "a.yaml:2:4: ", "did you mean 'p'"},
};

Test(config_include, refusals_name_the_right_file)
{
  struct folder folder = make_folder();
  for (size_t i = 0; i < COUNT_OF(refusals); i++) {
    struct lm_config *config = NULL;
    struct lm_error error = {0};
    write_file(&folder, "a.yaml", refusals[i].a);
    write_file(&folder, "b.yaml", refusals[i].b);
    enum lamina_status status = load(&folder, "a.yaml", &config, &error);
    cr_expect(lm_status_exit_code(status) == refusals[i].exit_code, "%s: %s", refusals[i].a,
              error.text);
    cr_expect(strncmp(error.text, folder.path, strlen(folder.path)) == 0 &&
                  strstr(error.text, refusals[i].place) != NULL &&
                  strstr(error.text, refusals[i].part) != NULL,
              "%s: %s", refusals[i].a, error.text);
    lm_config_free(config);
  }
  remove_file(&folder, "a.yaml");
  remove_file(&folder, "b.yaml");
  remove_folder(&folder);
}

/* A chain of n files, each including the next. */
static enum lamina_status load_chain(const struct folder *folder, int n)
{
  char name[32];
  char text[64];
  struct lm_config *config = NULL;
  struct lm_error error = {0};
  for (int i = 1; i <= n; i++) {
    (void)snprintf(name, sizeof name, "f%d.yaml", i);
    (void)snprintf(text, sizeof text, i < n ? "include: f%d.yaml" : "x: %d", i + 1);
    write_file(folder, name, text);
  }
  enum lamina_status status = load(folder, "f1.yaml", &config, &error);
  cr_expect(status == LAMINA_OK || strstr(error.text, "more than 16 files") != NULL, "%s",
            error.text);
  lm_config_free(config);
  for (int i = 1; i <= n; i++) {
    (void)snprintf(name, sizeof name, "f%d.yaml", i);
    remove_file(folder, name);
  }
  return status;
}

Test(config_include, dash_is_standard_input)
{
  static const char text[] = "a: {b: [1, 2]}\nfile: x";
  int ends[2];
  struct lm_config *config = NULL;
  struct lm_error error = {0};
  cr_assert(pipe(ends) == 0 && dup2(ends[0], STDIN_FILENO) == STDIN_FILENO);
  cr_assert(write(ends[1], text, strlen(text)) == (ssize_t)strlen(text) && close(ends[1]) == 0);
  cr_assert(lm_config_load("-", NULL, 0, &config, &error) == LAMINA_OK, "%s", error.text);
  const struct lm_value *file = lm_value_get(lm_config_root(config), "file");
  cr_expect_str_eq(file->where.file, "<stdin>");
  lm_config_free(config);
  cr_expect(lm_config_load("-", NULL, 0, &config, &error) == LAMINA_E_INVALID);
  cr_expect(strncmp(error.text, "<stdin>:1:1: the file is empty", 30) == 0, "%s", error.text);
  (void)close(ends[0]);
}

/* n times the same file of 1 MiB under a small one. */
static enum lamina_status load_much(const struct folder *folder, int n)
{
  struct lm_config *config = NULL;
  struct lm_error error = {0};
  char *large = repeated("x: 1\n#", "y", LM_LIMIT_FILE - 6, "");
  char *main_file = repeated("include: [", "large.yaml,", (size_t)n, "]");
  write_file(folder, "large.yaml", large);
  write_file(folder, "main.yaml", main_file);
  enum lamina_status status = load(folder, "main.yaml", &config, &error);
  lm_config_free(config);
  lm_free(large);
  lm_free(main_file);
  remove_file(folder, "large.yaml");
  remove_file(folder, "main.yaml");
  return status;
}

Test(config_include, limits_hold_on_both_sides)
{
  struct folder folder = make_folder();
  cr_expect(load_chain(&folder, LM_LIMIT_INCLUDES) == LAMINA_OK);
  cr_expect(load_chain(&folder, LM_LIMIT_INCLUDES + 1) == LAMINA_E_INVALID);
  cr_expect(load_much(&folder, 3) == LAMINA_OK);
  cr_expect(load_much(&folder, 4) == LAMINA_E_INVALID);
  remove_folder(&folder);
}

Test(config_include, large_maps_merge_soon, .timeout = 60)
{
  struct folder folder = make_folder();
  struct lm_text text = {0};
  for (int i = 0; i < 40000; i++) {
    lm_text_addf(&text, "k%d: 0\n", i);
  }
  write_file(&folder, "b.yaml", lm_text_get(&text));
  lm_text_add(&text, "include: b.yaml\n");
  write_file(&folder, "a.yaml", lm_text_get(&text));
  struct lm_config *config = NULL;
  struct lm_error error = {0};
  clock_t begin = clock();
  cr_expect(load(&folder, "a.yaml", &config, &error) == LAMINA_OK, "%s", error.text);
  double seconds = (double)(clock() - begin) / CLOCKS_PER_SEC;
  cr_expect(seconds < 2, "%.2f s", seconds);
  lm_config_free(config);
  lm_text_release(&text);
  remove_file(&folder, "a.yaml");
  remove_file(&folder, "b.yaml");
  remove_folder(&folder);
}

static bool survives(const struct folder *folder, int64_t countdown, bool forever)
{
  static const char *const overrides[] = {"vars.n=4", "model[1].dense.units=${n}",
                                          "train={epochs: 3, list: [1, {a: b}]}"};
  char path[256];
  struct lm_config *config = NULL;
  struct lm_error error = {0};
  struct lm_text text = {0};
  (void)snprintf(path, sizeof path, "%s/main.yaml", folder->path);
  lm_alloc_fail_after(countdown, forever);
  enum lamina_status status = lm_config_load(path, overrides, COUNT_OF(overrides), &config, &error);
  if (status == LAMINA_OK) {
    lm_value_write(lm_config_root(config), &text);
  }
  lm_alloc_fail_after(-1, false);
  bool done = status == LAMINA_OK && lm_text_ok(&text);
  cr_assert(status == LAMINA_OK || (status == LAMINA_E_NOMEM && config == NULL), "%s: %s",
            lm_status_name(status), error.text);
  lm_text_release(&text);
  lm_config_free(config);
  return done;
}

Test(config_include, every_allocation_of_a_load_may_fail, .timeout = 60)
{
  struct folder folder = make_folder();
  write_file(&folder, "base.yaml", "vars: {n: 3, l: [1, 2]}\ntrain: {batch: 2}\n");
  write_file(&folder, "main.yaml",
             "include: base.yaml\nmodel: [&a {dense: {units: \"${n}\"}}, *a, relu]\n"
             "data: {list: \"${l}\", path: \"${env:NO_SUCH_NAME:-x}/y\", s: \"a\\nb\"}\n");
  for (int forever = 0; forever < 2; forever++) {
    int64_t countdown = 0;
    while (!survives(&folder, countdown, forever != 0)) {
      countdown++;
      cr_assert(countdown < 5000);
    }
    cr_expect(countdown > 50, "%d", (int)countdown);
  }
  remove_file(&folder, "base.yaml");
  remove_file(&folder, "main.yaml");
  remove_folder(&folder);
}
