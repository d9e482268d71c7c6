/*
 * Overrides: what they change, and how malformed or misplaced ones are refused.
 */
#include "config_case.h"

static const char base[] = "train: {epochs: 5, rate: 0.1}\n"
                           "model: [{dense: {units: 3}}, relu]\n"
                           "empty:\n";

static enum lamina_status parse_with(const char *const *overrides, size_t count,
                                     struct lm_config **config, struct lm_error *error)
{
  return lm_config_parse(base, strlen(base), "t.yaml", overrides, count, config, error);
}

/* The override and lines that the written tree has afterwards. */
static const struct {
  const char *override, *lines;
} changes[] = {
    {"train.epochs=7", "  epochs: 7\n"},
    {"train.epochs='7'", "  epochs: \"7\"\n"},
    {"train.epochs=", "  epochs: null\n"},
    {"train.new=x y", "  new: x y\n"},
    {"train=5", "train: 5\n"},
    {"train={a: [1, {b: 2}]}", "train:\n  a:\n    - 1\n    - b: 2\n"},
    {"model[0].dense.units=9", "  - dense:\n      units: 9\n"},
    {"model[1]={tanh: {}}", "  - tanh: {}\n"},
    {"model[2]=tanh", "  - relu\n  - tanh\n"},
    {"model[2].dense.units=4", "  - relu\n  - dense:\n      units: 4\n"},
    {"model=[]", "model: []\n"},
    {"empty.a.b=1", "empty:\n  a:\n    b: 1\n"},
    {"empty[0][0]=1", "empty:\n  - - 1\n"},
    {"x.y.z=1", "x:\n  y:\n    z: 1\n"},
    {"x=a=b", "x: a=b\n"},
    {"x=1  # not this", "x: 1\n"},
    {"x=\"a # b\"", "x: \"a # b\"\n"},
    {"a-b c.d=1", "a-b c:\n  d: 1\n"},
    {"x=$${y}", "x: $${y}\n"},
    {"vars.n=3", "vars:\n  n: 3\n"},
};

Test(config_overrides, change_what_they_name)
{
  for (size_t i = 0; i < COUNT_OF(changes); i++) {
    struct lm_config *config = NULL;
    struct lm_error error = {0};
    cr_assert(parse_with(&changes[i].override, 1, &config, &error) == LAMINA_OK, "%s: %s",
              changes[i].override, error.text);
    char *text = written(config);
    cr_expect(strstr(text, changes[i].lines) != NULL, "%s:\n%s", changes[i].override, text);
    lm_free(text);
    lm_config_free(config);
  }
}

static const struct {
  const char *override;
  int exit_code;
  const char *part;
} refusals[] = {
    {"train.epochs", 64, "'=' is missing"},
    {"", 64, "path is missing"},
    {"=3", 64, "path is missing"},
    {".a=1", 64, "key is missing"},
    {"a.=1", 64, "key is missing"},
    {"a..b=1", 64, "key is missing"},
    {"a.[0]=1", 64, "key is missing"},
    {"a[=1", 64, "index"},
    {"a[]=1", 64, "index"},
    {"a[x]=1", 64, "index"},
    {"a[-1]=1", 64, "index"},
    {"a[1=2]", 64, "index"},
    {"a[0]b=1", 64, "between ']'"},
    {"a]=1", 64, "stray ']'"},
    {"a=[1", 64, "',' or ']'"},
    {"a=!foo 1", 64, "!foo"},
    {"a={b: 1, b: 2}", 64, "twice"},
    {"a=x: y: z", 64, "':'"},
    {"a=*x", 64, "no anchor"},
    {"trian.epochs=1", 65, "there is no 'trian', did you mean 'train'?"},
    {"model[0].dens.units=1", 65, "there is no 'model[0].dens', did you mean 'dense'?"},
    {"train.epochs.x=1", 65, "'train.epochs' is number 5, expected a map"},
    {"train[0]=1", 65, "'train' is a map, expected a list"},
    {"model.dense=1", 65, "'model' is a list, expected a map"},
    {"model[1].units=1", 65, "'model[1]' is text 'relu', expected a map"},
    {"model[3]=1", 65, "'model' has 2 items"},
    {"model[99999999999999999999]=1", 64, "index"},
    {"model[77777]=1", 65, "'model' has 2 items"},
    {"[0]=1", 65, "the experiment is a map"},
    {"include=x.yaml", 65, "before overrides"},
};

Test(config_overrides, say_what_is_wrong_with_them)
{
  for (size_t i = 0; i < COUNT_OF(refusals); i++) {
    struct lm_config *config = NULL;
    struct lm_error error = {0};
    char begin[128];
    enum lamina_status status = parse_with(&refusals[i].override, 1, &config, &error);
    (void)snprintf(begin, sizeof begin, "--set %s: ", refusals[i].override);
    cr_expect(lm_status_exit_code(status) == refusals[i].exit_code && error.status == status,
              "%s: %s: %s", refusals[i].override, lm_status_name(status), error.text);
    cr_expect(strncmp(error.text, begin, strlen(begin)) == 0, "%s", error.text);
    cr_expect(strstr(error.text, refusals[i].part) != NULL, "%s", error.text);
    cr_expect_null(config);
  }
}

Test(config_overrides, come_in_order_and_before_variables)
{
  static const char *const overrides[] = {"vars.n=1", "train.epochs=${n}", "vars.n=42",
                                          "list=[]",  "list[0]=a",         "list[1]=b"};
  struct lm_config *config = NULL;
  struct lm_error error = {0};
  int64_t epochs = 0;
  cr_assert(parse_with(overrides, COUNT_OF(overrides), &config, &error) == LAMINA_OK, "%s",
            error.text);
  const struct lm_value *root = lm_config_root(config);
  cr_assert(lm_value_i64(lm_value_get(lm_value_get(root, "train"), "epochs"), "", &epochs, NULL) ==
            LAMINA_OK);
  cr_assert(epochs == 42);
  cr_assert(lm_value_get(root, "list")->count == 2);
  lm_config_free(config);
}

Test(config_overrides, are_named_as_the_place_of_their_values)
{
  static const char *const override = "train.epochs=many";
  struct lm_config *config = NULL;
  struct lm_error error = {0};
  int64_t epochs = 0;
  cr_assert(parse_with(&override, 1, &config, &error) == LAMINA_OK);
  const struct lm_value *train = lm_value_get(lm_config_root(config), "train");
  cr_assert(lm_value_i64(lm_value_get(train, "epochs"), "epochs", &epochs, &error) ==
            LAMINA_E_INVALID);
  cr_assert_str_eq(error.text,
                   "--set train.epochs=many: epochs: expected an integer, found text 'many'");
  lm_config_free(config);
}

Test(config_overrides, of_any_length_are_refused_or_read)
{
  char *deep = repeated("a", ".b", 63, "=1");
  char *too_deep = repeated("a", ".b", 64, "=1");
  char *nested = repeated("a=", "[", 64, "");
  char *path_and_value = repeated("a.b.c.d=", "[", 62, "");
  const char *const texts[] = {deep, too_deep, nested, path_and_value};
  static const int exit_codes[] = {0, 64, 64, 64};
  for (size_t i = 0; i < COUNT_OF(texts); i++) {
    struct lm_config *config = NULL;
    struct lm_error error = {0};
    enum lamina_status status = parse_with(&texts[i], 1, &config, &error);
    cr_expect(lm_status_exit_code(status) == exit_codes[i], "%zu: %s", i, error.text);
    lm_config_free(config);
  }
  lm_free(deep);
  lm_free(too_deep);
  lm_free(nested);
  lm_free(path_and_value);
}
