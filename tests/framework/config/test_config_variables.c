/*
 * Variables: what ${...} becomes, and what is refused.
 */
#include "config_case.h"

/* Lines at the top of each text; then the text, and what `a` is written as. */
static const struct {
  const char *text, *expected;
} good[] = {
    {"vars: {n: 3}\na: ${n}", "a: 3\n"},
    {"vars: {n: 3}\na: \"${n}\"", "a: 3\n"},
    {"vars: {n: 3}\na: '${n}'", "a: 3\n"},
    {"vars: {n: '3'}\na: ${n}", "a: \"3\"\n"},
    {"vars: {n: 3}\na: x${n}y${n}", "a: x3y3\n"},
    {"vars: {n: 3}\na: ${n}${n}", "a: 33\n"},
    {"vars: {n: 3}\na: \"${n}${n}\"", "a: \"33\"\n"},
    {"vars: {n: ~}\na: ${n}", "a: null\n"},
    {"vars: {n: [1, {b: c}]}\na: ${n}", "a:\n  - 1\n  - b: c\n"},
    {"vars: {n: {b: c}}\na: [\"${n}\", \"${n}\"]", "a:\n  - b: c\n  - b: c\n"},
    {"vars:\n  n: ${m}1\n  m: 2\na: ${n}", "a: 21\n"},
    {"vars: {n: \"${m}1\", m: 2}\na: ${n}", "a: \"21\"\n"},
    {"vars: {n: [\"${m}\"], m: 2}\na: ${n}", "a:\n  - 2\n"},
    {"a: ${n}\nvars: {n: 1}", "a: 1\n"},
    {"a: $${n}", "a: $${n}\n"},
    {"a: $$${n}", "a: $$${n}\n"},
    {"vars: {n: 1}\na: $${n}${n}$", "a: $${n}1$\n"},
    {"vars:\n  n: $${m}\na: ${n}", "a: $${m}\n"},
    {"a: $n {x} $", "a: $n {x} $\n"},
    {"a: ${env:LM_TEST_NUMBER}", "a: 5\n"},
    {"a: \"${env:LM_TEST_NUMBER}\"", "a: 5\n"},
    {"a: \"x${env:LM_TEST_NUMBER}\"", "a: x5\n"},
    {"a: ${env:LM_TEST_EMPTY}", "a: null\n"},
    {"a: ${env:LM_TEST_EMPTY:-7}", "a: 7\n"},
    {"a: ${env:LM_TEST_NONE:-7}", "a: 7\n"},
    {"a: ${env:LM_TEST_NONE:-}", "a: null\n"},
    {"a: \"${env:LM_TEST_NONE:-a b:-c}\"", "a: a b:-c\n"},
    {"a: ${env:LM_TEST_NUMBER:-7}", "a: 5\n"},
    {"a: ${env:LM_TEST_NUMBER:?a number}", "a: 5\n"},
    {"a: ${env:LM_TEST_REFERENCE}", "a: $${n}\n"},
    {"vars: {n: \"${env:LM_TEST_NUMBER}\"}\na: ${n}0", "a: 50\n"},
    {"vars:\na: 1", "a: 1\n"},
};

static void set_environment(void)
{
  cr_assert(setenv("LM_TEST_NUMBER", "5", 1) == 0 && setenv("LM_TEST_EMPTY", "", 1) == 0 &&
            setenv("LM_TEST_REFERENCE", "${n}", 1) == 0 && setenv("LM_TEST_BAD", "\xff", 1) == 0 &&
            unsetenv("LM_TEST_NONE") == 0);
}

Test(config_variables, are_replaced_by_their_values)
{
  set_environment();
  for (size_t i = 0; i < COUNT_OF(good); i++) {
    struct lm_config *config = parse_good(good[i].text);
    const struct lm_value *value = lm_value_get(lm_config_root(config), "a");
    struct lm_config *wrapped = lm_config_create();
    struct lm_text text = {0};
    cr_assert(lm_config_set(wrapped, lm_config_root(wrapped), "a",
                            lm_value_get(lm_config_root(config), "a")));
    lm_value_write(lm_config_root(wrapped), &text);
    cr_expect_str_eq(lm_text_get(&text), good[i].expected, "%s: %s (kind %d)", good[i].text,
                     lm_text_get(&text), (int)value->kind);
    lm_text_release(&text);
    lm_config_free(wrapped);
    lm_config_free(config);
  }
}

static const struct {
  const char *text, *sentence;
} bad[] = {
    {"vars: {width: 1}\na: ${widht}",
     "t.yaml:2:4: there is no variable 'widht' in vars:, did you mean 'width'?"},
    {"a: ${x}", "t.yaml:1:4: there is no variable 'x' in vars:"},
    {"a: ${LM_TEST_NUMBER}",
     "t.yaml:1:4: there is no variable 'LM_TEST_NUMBER' in vars: (the environment has one: "
     "${env:LM_TEST_NUMBER})"},
    {"a: ${env:LM_TEST_NONE}",
     "t.yaml:1:4: the environment variable LM_TEST_NONE is not set (set it, or write "
     "${env:LM_TEST_NONE:-fallback})"},
    {"a: x/${env:LM_TEST_BAD}",
     "t.yaml:1:4: the environment variable LM_TEST_BAD is not UTF-8 text"},
    {"vars: {a: \"${a}\"}", "t.yaml:1:11: a variable that uses itself: a -> a"},
    {"vars:\n  z: \"${a}\"\n  a: [\"${b}\"]\n  b: x${c}\n  c: {k: \"${a}\"}",
     "t.yaml:5:10: a variable that uses itself: a -> b -> c -> a"},
    {"vars: {l: [1]}\na: x${l}",
     "t.yaml:2:4: the variable 'l' is a list, expected a text to put into another"},
    {"vars: {l: }\na: x${l}",
     "t.yaml:2:4: the variable 'l' is null, expected a text to put into another"},
    {"a: ${x", "t.yaml:1:4: '${' without '}' (write $${ for a literal ${)"},
    {"a: b ${x ${y}}", "t.yaml:1:4: a ${...} inside another"},
    {"a: ${}", "t.yaml:1:4: '${}': expected ${name}, ${env:NAME}, ${env:NAME:-fallback} or "
               "${env:NAME:?what it is for}"},
    {"a: ${ x }", "t.yaml:1:4: '${ x }': expected ${name}, ${env:NAME}, ${env:NAME:-fallback} or "
                  "${env:NAME:?what it is for}"},
    {"a: ${x:-1}", "t.yaml:1:4: '${x:-1}': expected ${name}, ${env:NAME}, ${env:NAME:-fallback} or "
                   "${env:NAME:?what it is for}"},
    {"a: ${env:}", "t.yaml:1:4: '${env:}': expected ${name}, ${env:NAME}, ${env:NAME:-fallback} "
                   "or ${env:NAME:?what it is for}"},
    {"a: ${env:A=B}",
     "t.yaml:1:4: '${env:A=B}': expected ${name}, ${env:NAME}, ${env:NAME:-fallback} "
     "or ${env:NAME:?what it is for}"},
    {"vars: [1]", "t.yaml:1:7: vars: expected a map of variables, found a list"},
    {"vars: {a.b: 1}",
     "t.yaml:1:8: the variable 'a.b' has a name other than up to 63 letters, digits and _"},
    {"vars: {x: 1}\n\"${x}\": 2", "t.yaml:2:1: a key cannot have ${ in it"},
    {"a: {b: [{\"c${\": 2}]}", "t.yaml:1:10: a key cannot have ${ in it"},
};

Test(config_variables, are_refused_with_a_reason)
{
  set_environment();
  for (size_t i = 0; i < COUNT_OF(bad); i++) {
    struct lm_config *config = NULL;
    struct lm_error error = {0};
    cr_expect(parse(bad[i].text, &config, &error) == LAMINA_E_INVALID, "%s", bad[i].text);
    cr_expect_str_eq(error.text, bad[i].sentence);
    lm_config_free(config);
  }
}

Test(config_variables, say_what_they_are_for_when_the_environment_has_none)
{
  static const char *const texts[] = {"a: \"x${env:LM_TEST_NONE:?a folder: with b:-c}/y\"",
                                      "a: \"${env:LM_TEST_EMPTY:?a folder: with b:-c}\""};
  static const char *const names[] = {"LM_TEST_NONE", "LM_TEST_EMPTY"};
  set_environment();
  for (size_t i = 0; i < COUNT_OF(texts); i++) {
    struct lm_config *config = NULL;
    struct lm_error error = {0};
    char sentence[128];
    (void)snprintf(sentence, sizeof sentence,
                   "t.yaml:1:4: the environment variable %s is not set, expected a folder: with "
                   "b:-c",
                   names[i]);
    cr_expect(parse(texts[i], &config, &error) == LAMINA_E_MISSING, "%s", texts[i]);
    cr_expect_str_eq(error.text, sentence);
    lm_config_free(config);
  }
}

Test(config_variables, keep_the_place_where_their_value_was_written)
{
  struct lm_config *config = parse_good("vars:\n  n: abc\na: ${n}\nb: x${n}");
  const struct lm_value *root = lm_config_root(config);
  cr_assert(lm_value_get(root, "a")->where.line == 2 && lm_value_get(root, "a")->where.column == 6);
  cr_assert(lm_value_get(root, "b")->where.line == 4);
  lm_config_free(config);
}

Test(config_variables, copies_do_not_share)
{
  struct lm_config *config = parse_good("vars: {m: {x: 1}}\na: ${m}\nb: &b {y: 1}\nc: *b");
  struct lm_value *root = lm_config_root(config);
  const struct lm_where where = {0};
  static const char *const changed[] = {"a", "c"};
  for (size_t i = 0; i < COUNT_OF(changed); i++) {
    cr_assert(lm_config_set(config, lm_value_get(root, changed[i]), "new",
                            lm_config_scalar(config, "2", false, &where)));
  }
  cr_expect_null(lm_value_get(lm_value_get(lm_value_get(root, "vars"), "m"), "new"));
  cr_expect_null(lm_value_get(lm_value_get(root, "b"), "new"));
  lm_config_free(config);
}
