/*
 * Settings: every type with every kind of value, ranges, defaults and what is recorded of
 * them, renamed keys, paths, and tables that are wrong themselves.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "settings/settings.h"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

struct all {
  int64_t count;
  double rate;
  int32_t flag;
  int32_t mode;
  const char *label;
  const char *file;
  struct lamina_i64s sizes;
  struct lamina_f64s weights;
  double any;
};

static const struct lamina_setting rows[] = {
    LAMINA_I64(struct all, count, "3", "[0, 100]", "how many"),
    LAMINA_F64(struct all, rate, "1/4", "(0, 1]", "how fast"),
    LAMINA_BOOL(struct all, flag, "true", "whether"),
    LAMINA_CHOICE(struct all, mode, "ones", "zeros|ones|twos", "what with"),
    LAMINA_STR(struct all, label, "a,b", "what it is called"),
    LAMINA_PATH(struct all, file, "sub/../x.csv", "where it is"),
    LAMINA_I64S(struct all, sizes, "[1, 2]", "[1, 9]", "how large"),
    LAMINA_F64S(struct all, weights, "[]", NULL, "how heavy"),
    LAMINA_F64(struct all, any, "0", NULL, "any finite number"),
};
static const struct lm_settings table = {"layer 'all'", rows, COUNT_OF(rows), sizeof rows[0]};

/* An experiment whose map `s` is filled in. */
struct scene {
  struct lm_config *config;
  struct all all;
  struct lm_settings_memory memory;
  struct lm_error error;
  int warnings;
  char warning[256];
};

static void hear(void *arg, const char *sentence)
{
  struct scene *scene = arg;
  scene->warnings++;
  (void)snprintf(scene->warning, sizeof scene->warning, "%s", sentence);
}

static enum lamina_status fill_with(struct scene *scene, const struct lm_settings *settings,
                                    const char *text, const char *const *also)
{
  *scene = (struct scene){0};
  cr_assert(lm_config_parse(text, strlen(text), "/exp/t.yaml", NULL, 0, &scene->config,
                            &scene->error) == LAMINA_OK,
            "%s: %s", text, scene->error.text);
  struct lm_value *map = lm_value_get(lm_config_root(scene->config), "s");
  const struct lm_settings_use use = {scene->config, map, {"/exp/t.yaml", 7, 3}, also, hear, scene};
  return lm_settings_fill(settings, &use, &scene->all, &scene->memory, &scene->error);
}

static enum lamina_status fill(struct scene *scene, const char *text)
{
  return fill_with(scene, &table, text, NULL);
}

static void leave(struct scene *scene)
{
  lm_settings_memory_release(&scene->memory);
  lm_config_free(scene->config);
}

Test(settings, given_values_arrive_in_their_fields)
{
  struct scene scene;
  cr_assert(fill(&scene,
                 "s: {count: 100, rate: 1e-3, flag: false, mode: twos, label: 12, "
                 "file: /d/./x, sizes: [9, 1, 5], weights: [1, 0.5, 1/8], any: -5}") == LAMINA_OK,
            "%s", scene.error.text);
  cr_expect(scene.all.count == 100 && scene.all.rate == 1e-3 && scene.all.flag == 0);
  cr_expect(scene.all.mode == 2 && scene.all.any == -5);
  cr_expect_str_eq(scene.all.label, "12");
  cr_expect_str_eq(scene.all.file, "/d/x");
  cr_expect(scene.all.sizes.count == 3 && scene.all.sizes.items[0] == 9 &&
            scene.all.sizes.items[2] == 5);
  cr_expect(scene.all.weights.count == 3 && scene.all.weights.items[2] == 0.125);
  leave(&scene);
}

static void expect_defaults(const struct all *all)
{
  cr_expect(all->count == 3 && all->rate == 0.25 && all->flag == 1 && all->mode == 1);
  cr_expect_str_eq(all->label, "a,b");
  cr_expect(all->sizes.count == 2 && all->sizes.items[1] == 2 && all->weights.count == 0);
}

Test(settings, defaults_are_filled_in_and_recorded)
{
  struct scene scene;
  struct lm_text text = {0};
  cr_assert(fill(&scene, "s: {any: 2}") == LAMINA_OK, "%s", scene.error.text);
  expect_defaults(&scene.all);
  cr_expect_str_eq(scene.all.file, "/exp/x.csv");
  lm_value_write(lm_config_root(scene.config), &text);
  cr_expect_str_eq(lm_text_get(&text),
                   "s:\n  any: 2\n  count: 3\n  rate: 1/4\n  flag: true\n  mode: ones\n"
                   "  label: a,b\n  file: /exp/x.csv\n  sizes:\n    - 1\n    - 2\n"
                   "  weights: []\n");
  lm_text_release(&text);
  leave(&scene);
}

Test(settings, what_is_recorded_means_the_same_elsewhere)
{
  struct scene first;
  struct scene second;
  struct lm_text text = {0};
  cr_assert(fill(&first, "s: {count: 7, file: data/x, label: \"yes\"}") == LAMINA_OK);
  lm_value_write(lm_config_root(first.config), &text);
  cr_assert(fill(&second, lm_text_get(&text)) == LAMINA_OK);
  cr_expect(first.all.count == second.all.count && first.all.rate == second.all.rate);
  cr_expect_str_eq(second.all.file, "/exp/data/x");
  cr_expect_str_eq(second.all.label, "yes");
  lm_text_release(&text);
  leave(&first);
  leave(&second);
}

Test(settings, no_map_is_all_defaults)
{
  static const char *const texts[] = {"s:", "other: 1"};
  for (size_t i = 0; i < COUNT_OF(texts); i++) {
    struct scene scene;
    cr_assert(fill(&scene, texts[i]) == LAMINA_OK, "%s", scene.error.text);
    expect_defaults(&scene.all);
    cr_expect_str_eq(scene.all.file, "/exp/x.csv");
    leave(&scene);
  }
}

/* For each field: which of these values it accepts (Y), each at column `s: {NAME: `. */
static const char *const values[] = {"null",  "-1",   "0",    "2147483648", "9223372036854775808",
                                     "1e400", ".nan", ".inf", "[]",         "{}",
                                     "text",  "''",   "[0]",  "[x]",        "yes",
                                     "0x10",  "'1'",  "true", "1.5",        "[[1]]"};
static const struct {
  const char *name, *accepts;
} fields[] = {
    /*           null, -1, 0, 2^31, 2^63, 1e400, nan, inf, [], {}, text, '', [0], [x], yes, 0x10,
     *           '1', true, 1.5, [[1]] */
    {"count", "..Y................."}, {"rate", "...................."},
    {"flag", ".................Y.."},  {"mode", "...................."},
    {"label", ".YYYYYYY..YY..YYYYY."}, {"file", ".YYYYYYY..Y...YYYYY."},
    {"sizes", "........Y..........."}, {"weights", ".YYYY...Y...Y.....Y."},
    {"any", ".YYYY.............Y."},
};

static void check_value(const char *name, const char *value, bool accepted)
{
  struct scene scene;
  char text[128];
  char what[64];
  char place[64];
  (void)snprintf(text, sizeof text, "s: {%s: %s}", name, value);
  (void)snprintf(what, sizeof what, "%s of layer 'all': ", name);
  int column = (int)strlen("s: {: ") + (int)strlen(name) + 1;
  column += value[0] == '[' && value[1] != ']' && strcmp(name, "label") != 0 &&
                    (strcmp(name, "sizes") == 0 || strcmp(name, "weights") == 0)
                ? 1 /* the item is at fault, not the list */
                : 0;
  (void)snprintf(place, sizeof place, "/exp/t.yaml:1:%d: ", column);
  enum lamina_status status = fill(&scene, text);
  cr_expect((status == LAMINA_OK) == accepted, "%s: %s", text, scene.error.text);
  if (!accepted) {
    cr_expect(lm_status_exit_code(status) == 65 && scene.error.status == status);
    cr_expect(strncmp(scene.error.text, place, strlen(place)) == 0 &&
                  strstr(scene.error.text, what) != NULL,
              "%s: %s: %s", text, place, scene.error.text);
  }
  leave(&scene);
}

Test(settings, every_type_meets_every_value)
{
  for (size_t i = 0; i < COUNT_OF(fields); i++) {
    cr_assert(strlen(fields[i].accepts) == COUNT_OF(values), "%s", fields[i].name);
    for (size_t j = 0; j < COUNT_OF(values); j++) {
      check_value(fields[i].name, values[j], fields[i].accepts[j] == 'Y');
    }
  }
}

static const struct {
  const char *text, *sentence;
} messages[] = {
    {"s: {cuont: 1}", "/exp/t.yaml:1:5: unknown key 'cuont' in layer 'all', did you mean 'count'?"},
    {"s: {zzzzzz: 1}",
     "/exp/t.yaml:1:5: unknown key 'zzzzzz' in layer 'all', expected one of: count, rate, flag, "
     "mode, label, file, sizes, weights, any"},
    {"s: {count: 101}",
     "/exp/t.yaml:1:12: count of layer 'all': expected an integer in [0, 100], found 101"},
    {"s: {rate: 0}", "/exp/t.yaml:1:11: rate of layer 'all': expected a number in (0, 1], found 0"},
    {"s: {any: .inf}",
     "/exp/t.yaml:1:10: any of layer 'all': expected a finite number, found .inf"},
    {"s: {sizes: [1, 10]}",
     "/exp/t.yaml:1:16: sizes of layer 'all': expected an integer in [1, 9], found 10"},
    {"s: {sizes: {}}",
     "/exp/t.yaml:1:12: sizes of layer 'all': expected a list of integers, or one, found a map"},
    {"s: {sizes: 10}",
     "/exp/t.yaml:1:12: sizes of layer 'all': expected an integer in [1, 9], found 10"},
    {"s: {mode: zeroes}",
     "/exp/t.yaml:1:11: mode of layer 'all': expected one of zeros, ones, twos; found text "
     "'zeroes', did you mean 'zeros'?"},
    {"s: {mode: [ones]}",
     "/exp/t.yaml:1:11: mode of layer 'all': expected one of zeros, ones, twos; found a list"},
    {"s: {flag: yes}",
     "/exp/t.yaml:1:11: flag of layer 'all': expected true or false, found text 'yes' (write "
     "true or false)"},
    {"s: {count: }",
     "/exp/t.yaml:1:12: count of layer 'all': expected a value, found null (leave the key out "
     "for the default 3)"},
    {"s: {file: ''}",
     "/exp/t.yaml:1:11: file of layer 'all': expected a path, found an empty text"},
    {"s: [1]", "/exp/t.yaml:1:4: layer 'all': expected a map of settings, found a list"},
};

Test(settings, refusals_say_enough_to_repair_it)
{
  for (size_t i = 0; i < COUNT_OF(messages); i++) {
    struct scene scene;
    cr_expect(fill(&scene, messages[i].text) == LAMINA_E_INVALID, "%s", messages[i].text);
    cr_expect_str_eq(scene.error.text, messages[i].sentence);
    leave(&scene);
  }
}

/* A range, a value, and whether it is in; i64 or f64. */
static const struct {
  const char *type, *range, *value;
  bool in;
} ranges[] = {
    {"i64", "[1, 100]", "1", true},
    {"i64", "[1, 100]", "0", false},
    {"i64", "[1, 100]", "100", true},
    {"i64", "[1, 100]", "101", false},
    {"i64", "(1, 100)", "1", false},
    {"i64", "(1, 100)", "2", true},
    {"i64", "(1, 100)", "99", true},
    {"i64", "(1, 100)", "100", false},
    {"i64", "[1, inf)", "9223372036854775807", true},
    {"i64", "[-inf, 5]", "-9223372036854775808", true},
    {"i64", "[1,2]", "2", true},
    {"i64", "(9007199254740992, inf)", "9007199254740992", false},
    {"i64", "(9007199254740992, inf)", "9007199254740993", true},
    {"i64", NULL, "-9223372036854775808", true},
    {"f64", "(0, inf)", "0", false},
    {"f64", "(0, inf)", "4.9e-324", true},
    {"f64", "(0, inf)", ".inf", false},
    {"f64", "[0, inf]", ".inf", true},
    {"f64", "[0, inf]", ".nan", false},
    {"f64", "[0, 1)", "0", true},
    {"f64", "[0, 1)", "-0.0", true},
    {"f64", "[0, 1)", "1", false},
    {"f64", "[0, 1)", "0.9999999999999999", true},
    {"f64", "[-1, 1]", "-1", true},
    {"f64", "[-1, 1]", "-1.0000000000000002", false},
    {"f64", NULL, "1e308", true},
    {"f64", NULL, "-.inf", false},
};

Test(settings, ranges_are_exact_at_their_bounds)
{
  for (size_t i = 0; i < COUNT_OF(ranges); i++) {
    const struct lamina_setting row = {.name = "x",
                                       .type = ranges[i].type,
                                       .range = ranges[i].range,
                                       .doc = "a number",
                                       .flags = LAMINA_SETTING_REQUIRED};
    const struct lm_settings one = {"it", &row, 1, sizeof row};
    struct scene scene;
    char text[64];
    (void)snprintf(text, sizeof text, "s: {x: %s}", ranges[i].value);
    cr_expect((fill_with(&scene, &one, text, NULL) == LAMINA_OK) == ranges[i].in, "%s in %s",
              ranges[i].value, ranges[i].range == NULL ? "all" : ranges[i].range);
    leave(&scene);
  }
}

struct renamed {
  double rate;
  const char *file;
};

static const struct lamina_setting renamed_rows[] = {
    LAMINA_F64_REQUIRED(struct renamed, rate, "(0, inf)", "step size"),
    {"lr", "f64", NULL, NULL, NULL, "old name of rate", "rate", 0, 0, 0, 0},
    LAMINA_PATH(struct renamed, file, "''", "a file, none if empty"),
};
static const struct lm_settings renamed_table = {"optimizer 'x'", renamed_rows,
                                                 COUNT_OF(renamed_rows), sizeof renamed_rows[0]};

Test(settings, renamed_keys_are_taken_with_one_warning)
{
  struct scene scene;
  struct lm_text text = {0};
  cr_assert(fill_with(&scene, &renamed_table, "s: {lr: 0.5}", NULL) == LAMINA_OK, "%s",
            scene.error.text);
  cr_expect(scene.warnings == 1);
  cr_expect_str_eq(scene.warning, "/exp/t.yaml:1:5: 'lr' of optimizer 'x' is now called 'rate'");
  struct renamed renamed;
  memcpy(&renamed, &scene.all, sizeof renamed);
  cr_expect(renamed.rate == 0.5);
  lm_value_write(lm_config_root(scene.config), &text);
  cr_expect_str_eq(lm_text_get(&text), "s:\n  rate: 0.5\n  file: \"\"\n");
  lm_text_release(&text);
  leave(&scene);
  cr_expect(fill_with(&scene, &renamed_table, "s: {lr: 0.5, rate: 1}", NULL) == LAMINA_E_INVALID);
  cr_expect_str_eq(scene.error.text, "/exp/t.yaml:1:5: 'lr' of optimizer 'x' is the old name of "
                                     "'rate', which is given too");
  leave(&scene);
}

Test(settings, missing_keys_are_named_with_their_purpose)
{
  struct scene scene;
  cr_expect(fill_with(&scene, &renamed_table, "s: {file: x}", NULL) == LAMINA_E_INVALID);
  cr_expect_str_eq(scene.error.text, "/exp/t.yaml:1:4: optimizer 'x' needs 'rate': step size");
  leave(&scene);
  cr_expect(fill_with(&scene, &renamed_table, "s:", NULL) == LAMINA_E_INVALID);
  cr_expect_str_eq(scene.error.text, "/exp/t.yaml:7:3: optimizer 'x' needs 'rate': step size");
  leave(&scene);
}

Test(settings, keys_of_the_host_are_left_alone)
{
  static const char *const also[] = {"name", "inputs", NULL};
  struct scene scene;
  cr_expect(fill_with(&scene, &table, "s: {name: [x], count: 1}", also) == LAMINA_OK);
  leave(&scene);
  cr_expect(fill_with(&scene, &table, "s: {nane: x}", also) == LAMINA_E_INVALID);
  cr_expect_not_null(strstr(scene.error.text, "did you mean 'name'"), "%s", scene.error.text);
  leave(&scene);
}

Test(settings, paths_of_overrides_start_in_the_working_directory)
{
  static const char *const override = "s.file=sub/x";
  static const char text[] = "s: {}";
  struct scene scene = {0};
  char expected[4200];
  char here[4096];
  cr_assert(lm_config_parse(text, strlen(text), "/exp/t.yaml", &override, 1, &scene.config,
                            &scene.error) == LAMINA_OK);
  const struct lm_settings_use use = {.config = scene.config,
                                      .map = lm_value_get(lm_config_root(scene.config), "s")};
  cr_assert(lm_settings_fill(&table, &use, &scene.all, &scene.memory, &scene.error) == LAMINA_OK);
  cr_assert_not_null(getcwd(here, sizeof here));
  (void)snprintf(expected, sizeof expected, "%s/sub/x", here);
  cr_expect_str_eq(scene.all.file, expected);
  leave(&scene);
}

/* Rows of tables that their authors got wrong, and a part of what the check says. */
static const struct {
  struct lamina_setting row;
  const char *part;
} faults[] = {
    {{.name = NULL, .type = "i64", .deflt = "1", .doc = "d"}, "name"},
    {{.name = "Big", .type = "i64", .deflt = "1", .doc = "d"}, "name"},
    {{.name = "a-b", .type = "i64", .deflt = "1", .doc = "d"}, "name"},
    {{.name = "ok", .type = "i64", .deflt = "1", .doc = "d"}, "twice"},
    {{.name = "x", .type = "int", .deflt = "1", .doc = "d"}, "type"},
    {{.name = "x", .type = NULL, .deflt = "1", .doc = "d"}, "type"},
    {{.name = "x", .type = "i64", .deflt = "1", .doc = NULL}, "documentation"},
    {{.name = "x", .type = "i64", .deflt = "1", .doc = ""}, "documentation"},
    {{.name = "x", .type = "i64", .deflt = NULL, .doc = "d"}, "no default"},
    {{.name = "x", .type = "i64", .deflt = "1.5", .doc = "d"}, "expected an integer"},
    {{.name = "x", .type = "i64", .deflt = "[", .doc = "d"}, "default of 'x'"},
    {{.name = "x", .type = "i64", .deflt = "null", .doc = "d"}, "found null"},
    {{.name = "x", .type = "i64", .deflt = "1", .range = "[2, 3]", .doc = "d"}, "in [2, 3]"},
    {{.name = "x", .type = "i64", .deflt = "1", .range = "[0.5, 3]", .doc = "d"}, "range"},
    {{.name = "x", .type = "i64", .deflt = "1", .range = "(1, 2)", .doc = "d"}, "range"},
    {{.name = "x", .type = "i64", .deflt = "1", .range = "[3, 2]", .doc = "d"}, "range"},
    {{.name = "x", .type = "i64", .deflt = "1", .range = "1..2", .doc = "d"}, "range"},
    {{.name = "x", .type = "i64", .deflt = "1", .range = "[1, ]", .doc = "d"}, "range"},
    {{.name = "x", .type = "i64", .deflt = "1", .range = "", .doc = "d"}, "range"},
    {{.name = "x", .type = "f64", .deflt = "1", .range = "(1, 1]", .doc = "d"}, "range"},
    {{.name = "x", .type = "f64", .deflt = "1", .range = "[a, 1]", .doc = "d"}, "range"},
    {{.name = "x", .type = "f64", .deflt = ".inf", .doc = "d"}, "finite"},
    {{.name = "x", .type = "bool", .deflt = "yes", .doc = "d"}, "true or false"},
    {{.name = "x", .type = "bool", .deflt = "true", .range = "[0, 1]", .doc = "d"}, "range"},
    {{.name = "x", .type = "choice", .deflt = "a", .range = NULL, .doc = "d"}, "choices"},
    {{.name = "x", .type = "choice", .deflt = "a", .range = "a||b", .doc = "d"}, "choices"},
    {{.name = "x", .type = "choice", .deflt = "a", .range = "a|b|a", .doc = "d"}, "choices"},
    {{.name = "x", .type = "choice", .deflt = "c", .range = "a|b", .doc = "d"}, "expected one"},
    {{.name = "x", .type = "i64s", .deflt = "{}", .doc = "d"}, "expected a list"},
    {{.name = "x", .type = "i64s", .deflt = "[0]", .range = "[1, 2]", .doc = "d"}, "[1, 2]"},
    {{.name = "x", .type = "i64", .deflt = "1", .doc = "d", .offset = 12}, "outside"},
    {{.name = "x", .type = "i64s", .deflt = "[]", .doc = "d", .offset = 8}, "outside"},
    {{.name = "x", .type = "bool", .deflt = "true", .doc = "d", .offset = 4294967295u}, "outside"},
    {{.name = "x", .type = "i64", .deflt = "1", .doc = "d", .offset = 4}, "aligned"},
    {{.name = "x", .type = "i64", .deflt = "1", .doc = "d", .flags = LAMINA_SETTING_REQUIRED},
     "required"},
    {{.name = "x", .type = "i64", .doc = "d", .replaced_by = "y"}, "replaced_by"},
    {{.name = "x", .type = "i64", .doc = "d", .replaced_by = "x"}, "replaced_by"},
};

Test(settings, wrong_tables_are_refused_with_their_fault)
{
  for (size_t i = 0; i < COUNT_OF(faults); i++) {
    const struct lamina_setting pair[] = {
        {.name = "ok", .type = "i64", .deflt = "1", .doc = "fine"}, faults[i].row};
    const struct lm_settings wrong = {"layer 'w'", pair, 2, sizeof pair[0]};
    struct lm_error error = {0};
    cr_expect(lm_settings_check(&wrong, 16, &error) == LAMINA_E_PLUGIN, "%zu %s", i,
              faults[i].part);
    cr_expect(error.status == LAMINA_E_PLUGIN && strstr(error.text, faults[i].part) != NULL &&
                  strstr(error.text, "layer 'w'") != NULL,
              "%zu: %s: %s", i, faults[i].part, error.text);
  }
}

Test(settings, right_tables_pass)
{
  struct lm_error error = {0};
  cr_expect(lm_settings_check(&table, sizeof(struct all), &error) == LAMINA_OK, "%s", error.text);
  cr_expect(lm_settings_check(&renamed_table, sizeof(struct renamed), &error) == LAMINA_OK, "%s",
            error.text);
  const struct lm_settings none = {"layer 'none'", NULL, 0, 0};
  cr_expect(lm_settings_check(&none, 8, &error) == LAMINA_OK);
  const struct lm_settings narrow = {"layer 'n'", rows, 1, 8};
  cr_expect(lm_settings_check(&narrow, 8, &error) == LAMINA_E_PLUGIN);
}

Test(settings, rows_may_be_longer_than_this_version_knows)
{
  struct {
    struct lamina_setting row;
    uint64_t later[2];
  } wide[] = {{{.name = "a", .type = "i64", .deflt = "1", .doc = "d"}, {~0ull, ~0ull}},
              {{.name = "b", .type = "i64", .deflt = "2", .doc = "d", .offset = 8}, {~0ull, 0}}};
  const struct lm_settings later = {"layer 'l'", &wide[0].row, 2, sizeof wide[0]};
  struct scene scene;
  cr_assert(lm_settings_check(&later, 16, NULL) == LAMINA_OK);
  cr_assert(fill_with(&scene, &later, "s: {b: 5}", NULL) == LAMINA_OK);
  int64_t both[2];
  memcpy(both, &scene.all, sizeof both);
  cr_expect(both[0] == 1 && both[1] == 5);
  leave(&scene);
}

/* Whether the n-th allocation of filling fails without a trace; *done when there are fewer. */
static void fail_once(const char *text, int64_t countdown, bool *done)
{
  struct scene scene = {0};
  cr_assert(lm_config_parse(text, strlen(text), "/exp/t.yaml", NULL, 0, &scene.config,
                            &scene.error) == LAMINA_OK);
  const struct lm_settings_use use = {.config = scene.config,
                                      .map = lm_value_get(lm_config_root(scene.config), "s")};
  lm_alloc_fail_after(countdown, false);
  enum lamina_status status = lm_settings_check(&table, sizeof(struct all), &scene.error);
  if (status == LAMINA_OK) {
    status = lm_settings_fill(&table, &use, &scene.all, &scene.memory, &scene.error);
  }
  lm_alloc_fail_after(-1, false);
  cr_assert(status == LAMINA_OK || status == LAMINA_E_NOMEM, "%s", scene.error.text);
  *done = status == LAMINA_OK;
  leave(&scene);
}

Test(settings, every_allocation_may_fail)
{
  static const char *const texts[] = {"s: {sizes: [1, 2], file: x}", "s:"};
  for (size_t i = 0; i < COUNT_OF(texts); i++) {
    bool done = false;
    int64_t countdown = 0;
    for (; !done && countdown < 5000; countdown++) {
      fail_once(texts[i], countdown, &done);
    }
    cr_expect(done && countdown > 50, "%d", (int)countdown);
  }
}

/* Every sample of a row is what it is said to be, as the binder sees it. */
Test(settings, samples_are_inside_or_outside_as_they_say)
{
  static const enum lm_sample samples[] = {LM_SAMPLE_INSIDE, LM_SAMPLE_BOUND, LM_SAMPLE_OUTSIDE,
                                           LM_SAMPLE_OTHER_TYPE};
  struct lm_text value = {0};
  size_t seen[4] = {0};
  for (size_t r = 0; r < COUNT_OF(rows); r++) {
    for (size_t s = 0; s < 4; s++) {
      for (uint32_t i = 0; lm_setting_sample(&rows[r], samples[s], i, &value); i++) {
        struct scene scene;
        char *text = lm_format("s: {%s: %s}\n", rows[r].name, lm_text_get(&value));
        enum lamina_status status = fill_with(&scene, &table, text, NULL);
        cr_expect_eq(status, s < 2 ? LAMINA_OK : LAMINA_E_INVALID, "%s", text);
        seen[s]++;
        leave(&scene);
        lm_free(text);
      }
    }
  }
  for (size_t s = 0; s < 4; s++) {
    cr_expect_geq(seen[s], 5);
  }
  lm_text_release(&value);
}
