/*
 * What scalars mean: the YAML 1.2 core schema, and hints at what was meant.
 */
#include <locale.h>
#include <math.h>

#include "config_case.h"

enum expected { NO = 0, YES = 1 };

/* written as `a: TEXT`; which readings accept it, and the number or truth read. */
static const struct {
  const char *text;
  enum expected i64, f64, truth, string;
  double number;
} readings[] = {
    {"0", YES, YES, NO, YES, 0},
    {"-0", YES, YES, NO, YES, 0},
    {"12", YES, YES, NO, YES, 12},
    {"+12", YES, YES, NO, YES, 12},
    {"-12", YES, YES, NO, YES, -12},
    {"9007199254740993", YES, YES, NO, YES, 9007199254740992.0},
    {"1e-3", NO, YES, NO, YES, 1e-3},
    {"1E3", NO, YES, NO, YES, 1000},
    {"1.", NO, YES, NO, YES, 1},
    {".5", NO, YES, NO, YES, 0.5},
    {"-.5e+1", NO, YES, NO, YES, -5},
    {"0.1", NO, YES, NO, YES, 0.1},
    {"4.9e-324", NO, YES, NO, YES, 4.9e-324},
    {"1.7976931348623157e308", NO, YES, NO, YES, 1.7976931348623157e308},
    {"0e-999", NO, YES, NO, YES, 0},
    {".inf", NO, YES, NO, YES, (double)INFINITY},
    {"-.Inf", NO, YES, NO, YES, -(double)INFINITY},
    {"+.INF", NO, YES, NO, YES, (double)INFINITY},
    {"1/255", NO, YES, NO, YES, 1.0 / 255},
    {"-1.5/2e1", NO, YES, NO, YES, -0.075},
    {"true", NO, NO, YES, YES, 1},
    {"True", NO, NO, YES, YES, 1},
    {"TRUE", NO, NO, YES, YES, 1},
    {"false", NO, NO, YES, YES, 0},
    {"abc", NO, NO, NO, YES, 0},
    {"yes", NO, NO, NO, YES, 0},
    {"tRUE", NO, NO, NO, YES, 0},
    {"0x10", NO, NO, NO, YES, 0},
    {"0o17", NO, NO, NO, YES, 0},
    {"010", NO, NO, NO, YES, 0},
    {"1_000", NO, NO, NO, YES, 0},
    {"12:30:45", NO, NO, NO, YES, 0},
    {"2024-01-01", NO, NO, NO, YES, 0},
    {"1e", NO, NO, NO, YES, 0},
    {"1e+", NO, NO, NO, YES, 0},
    {".", NO, NO, NO, YES, 0},
    {"+", NO, NO, NO, YES, 0},
    {".e1", NO, NO, NO, YES, 0},
    {"1 2", NO, NO, NO, YES, 0},
    {"1/", NO, NO, NO, YES, 0},
    {"/2", NO, NO, NO, YES, 0},
    {"1/2/3", NO, NO, NO, YES, 0},
    {"inf", NO, NO, NO, YES, 0},
    {"nan", NO, NO, NO, YES, 0},
    {"0x1p3", NO, NO, NO, YES, 0},
    {"1f", NO, NO, NO, YES, 0},
    {"1e400", NO, NO, NO, YES, 0},
    {"-1e400", NO, NO, NO, YES, 0},
    {"1e-400", NO, NO, NO, YES, 0},
    {"1/0", NO, NO, NO, YES, 0},
    {"1e300/1e-300", NO, NO, NO, YES, 0},
    {"'12'", NO, NO, NO, YES, 0},
    {"\"true\"", NO, NO, NO, YES, 0},
    {"'null'", NO, NO, NO, YES, 0},
    {"''", NO, NO, NO, YES, 0},
    {"|\n  12", NO, NO, NO, YES, 0},
    {"!!str 12", NO, NO, NO, YES, 0},
    {"!!int '12'", YES, YES, NO, YES, 12},
    {"", NO, NO, NO, NO, 0},
    {"~", NO, NO, NO, NO, 0},
    {"null", NO, NO, NO, NO, 0},
    {"NULL", NO, NO, NO, NO, 0},
    {"[1]", NO, NO, NO, NO, 0},
    {"{b: 1}", NO, NO, NO, NO, 0},
};

static void check_reading(size_t i)
{
  char text[128];
  struct lm_error error;
  (void)snprintf(text, sizeof text, "a: %s", readings[i].text);
  struct lm_config *config = parse_good(text);
  const struct lm_value *value = lm_value_get(lm_config_root(config), "a");
  int64_t integer = 0;
  double number = 0;
  bool truth = false;
  const char *string = NULL;
  cr_expect(
      (lm_value_i64(value, "a", &integer, &error) == LAMINA_OK) == readings[i].i64 &&
          (!readings[i].i64 || readings[i].text[0] == '9' || (double)integer == readings[i].number),
      "%s", text);
  cr_expect((lm_value_f64(value, "a", &number, &error) == LAMINA_OK) == readings[i].f64 &&
                (!readings[i].f64 || number == readings[i].number),
            "%s: %.17g", text, number);
  cr_expect((lm_value_bool(value, "a", &truth, &error) == LAMINA_OK) == readings[i].truth &&
                (!readings[i].truth || truth == (readings[i].number == 1)),
            "%s", text);
  cr_expect((lm_value_text(value, "a", &string, &error) == LAMINA_OK) == readings[i].string, "%s",
            text);
  cr_expect(lm_value_is_null(value) == (value->kind == LM_VALUE_NULL));
  lm_config_free(config);
}

Test(config_scalars, plain_scalars_follow_the_core_schema)
{
  for (size_t i = 0; i < COUNT_OF(readings); i++) {
    check_reading(i);
  }
}

Test(config_scalars, integers_reach_both_ends_of_64_bits)
{
  struct lm_config *config =
      parse_good("a: 9223372036854775807\nb: -9223372036854775808\n"
                 "c: 9223372036854775808\nd: -9223372036854775809\ne: 99999999999999999999");
  const struct lm_value *root = lm_config_root(config);
  struct lm_error error = {0};
  int64_t number = 0;
  cr_assert(lm_value_i64(lm_value_get(root, "a"), "a", &number, &error) == LAMINA_OK &&
            number == INT64_MAX);
  cr_assert(lm_value_i64(lm_value_get(root, "b"), "b", &number, &error) == LAMINA_OK &&
            number == INT64_MIN);
  for (const char *key = "c\0d\0e\0"; *key != '\0'; key += 2) {
    cr_assert(lm_value_i64(lm_value_get(root, key), key, &number, &error) == LAMINA_E_INVALID);
    cr_assert_not_null(strstr(error.text, "64-bit"), "%s", error.text);
  }
  lm_config_free(config);
}

Test(config_scalars, nan_is_read_as_nan)
{
  struct lm_config *config = parse_good("a: .nan\nb: .NaN");
  double number = 0;
  cr_assert(lm_value_f64(lm_value_get(lm_config_root(config), "a"), "a", &number, NULL) ==
                LAMINA_OK &&
            isnan(number));
  lm_config_free(config);
}

/* w: i integer, f number, b bool */
static const struct {
  char wanted;
  const char *text, *sentence;
} messages[] = {
    {'i', "abc", "t.yaml:1:4: n: expected an integer, found text 'abc'"},
    {'i', "1e3", "t.yaml:1:4: n: expected an integer, found number 1e3 (write 1000)"},
    {'i', "16.0", "t.yaml:1:4: n: expected an integer, found number 16.0 (write 16)"},
    {'i', "1.5", "t.yaml:1:4: n: expected an integer, found number 1.5"},
    {'i', "'5'",
     "t.yaml:1:4: n: expected an integer, found text '5' (in quotes it is text: remove the "
     "quotes)"},
    {'i', "0x10",
     "t.yaml:1:4: n: expected an integer, found text '0x10' (only decimal numbers are read: "
     "write 16)"},
    {'i', "-0x1F",
     "t.yaml:1:4: n: expected an integer, found text '-0x1F' (only decimal numbers are read: "
     "write -31)"},
    {'i', "0o17",
     "t.yaml:1:4: n: expected an integer, found text '0o17' (only decimal numbers are read: "
     "write 15)"},
    {'i', "010",
     "t.yaml:1:4: n: expected an integer, found text '010' (write 10 without leading zeros; "
     "octal is not read)"},
    {'i', "1_000",
     "t.yaml:1:4: n: expected an integer, found text '1_000' (write 1000 without underscores)"},
    {'f', "1_0.5",
     "t.yaml:1:4: n: expected a number, found text '1_0.5' (write 10.5 without underscores)"},
    {'f', "\"0.5\"",
     "t.yaml:1:4: n: expected a number, found text '0.5' (in quotes it is text: remove the "
     "quotes)"},
    {'f', "0,5",
     "t.yaml:1:4: n: expected a number, found text '0,5' (write a point for decimals and "
     "nothing between thousands)"},
    {'f', "nan", "t.yaml:1:4: n: expected a number, found text 'nan' (write .inf or .nan)"},
    {'f', "-inf", "t.yaml:1:4: n: expected a number, found text '-inf' (write .inf or .nan)"},
    {'f', "1e400", "t.yaml:1:4: n: the number 1e400 is too large for a double (about 1.8e308)"},
    {'f', "1/0", "t.yaml:1:4: n: the number 1/0 divides by zero"},
    {'f', "true", "t.yaml:1:4: n: expected a number, found true"},
    {'f', "", "t.yaml:1:3: n: expected a number, found null"},
    {'f', "[1]", "t.yaml:1:4: n: expected a number, found a list"},
    {'b', "{x: 1}", "t.yaml:1:4: n: expected true or false, found a map"},
    {'b', "yes", "t.yaml:1:4: n: expected true or false, found text 'yes' (write true or false)"},
    {'b', "Off", "t.yaml:1:4: n: expected true or false, found text 'Off' (write true or false)"},
    {'b', "1", "t.yaml:1:4: n: expected true or false, found number 1 (write true or false)"},
    {'b', "'true'",
     "t.yaml:1:4: n: expected true or false, found text 'true' (in quotes it is text: remove "
     "the quotes)"},
};

static enum lamina_status read_as(char wanted, const struct lm_value *value, struct lm_error *error)
{
  int64_t integer;
  double number;
  bool truth;
  switch (wanted) {
    case 'i':
      return lm_value_i64(value, "n", &integer, error);
    case 'f':
      return lm_value_f64(value, "n", &number, error);
    default:
      return lm_value_bool(value, "n", &truth, error);
  }
}

Test(config_scalars, refusals_say_what_was_meant)
{
  for (size_t i = 0; i < COUNT_OF(messages); i++) {
    char text[64];
    struct lm_error error = {0};
    (void)snprintf(text, sizeof text, "n: %s", messages[i].text);
    struct lm_config *config = parse_good(text);
    const struct lm_value *value = lm_value_get(lm_config_root(config), "n");
    cr_expect(read_as(messages[i].wanted, value, &error) == LAMINA_E_INVALID, "%s", text);
    cr_expect_str_eq(error.text, messages[i].sentence);
    lm_config_free(config);
  }
}

Test(config_scalars, nothing_is_described_too)
{
  char buffer[16];
  struct lm_error error = {0};
  cr_expect_str_eq(lm_value_describe(NULL, buffer, sizeof buffer), "nothing");
  cr_expect(read_as('i', NULL, &error) == LAMINA_E_INVALID);
  cr_expect_str_eq(error.text, "n: expected an integer, found nothing");
}

Test(config_scalars, long_texts_are_cut_between_characters)
{
  char *long_text = repeated("a: \"\\n", "\xc3\xa9", 100, "\"");
  struct lm_config *config = parse_good(long_text);
  char buffer[128];
  (void)lm_value_describe(lm_value_get(lm_config_root(config), "a"), buffer, sizeof buffer);
  size_t length = strlen(buffer);
  cr_assert(strncmp(buffer, "text '\\n\xc3\xa9", 10) == 0, "%s", buffer);
  cr_assert_str_eq(buffer + length - 6, "\xc3\xa9...'");
  lm_config_free(config);
  lm_free(long_text);
}

Test(config_scalars, unknown_keys_are_refused_with_the_nearest)
{
  static const char *const words[] = {"units", "bias", "activation"};
  static const struct {
    const char *text, *sentence;
  } cases[] = {
      {"units: 1\nbiass: 2", "t.yaml:2:1: unknown key 'biass' in here, did you mean 'bias'?"},
      {"zzz: 2", "t.yaml:1:1: unknown key 'zzz' in here, expected one of: units, bias, activation"},
  };
  for (size_t i = 0; i < COUNT_OF(cases); i++) {
    struct lm_config *config = parse_good(cases[i].text);
    struct lm_error error = {0};
    cr_expect(lm_value_check_keys(lm_config_root(config), "here", words, 3, sizeof words[0],
                                  &error) == LAMINA_E_INVALID);
    cr_expect_str_eq(error.text, cases[i].sentence);
    cr_expect(lm_value_check_keys(lm_config_root(config), "here", words, 0, sizeof words[0],
                                  &error) == LAMINA_E_INVALID);
    lm_config_free(config);
  }
}

/* A German locale, made when the system has none; false where that is impossible. */
static bool speak_german(const struct folder *folder)
{
  char command[256];
  if (setlocale(LC_ALL, "de_DE.UTF-8") != NULL) {
    return true;
  }
  (void)snprintf(command, sizeof command,
                 "localedef --no-archive -i de_DE -f UTF-8 %s/de_DE.UTF-8 >/dev/null 2>&1",
                 folder->path);
  return system(command) == 0 && setenv("LOCPATH", folder->path, 1) == 0 &&
         setlocale(LC_ALL, "de_DE.UTF-8") != NULL;
}

Test(config_scalars, numbers_do_not_depend_on_the_locale, .timeout = 120)
{
  struct folder folder = make_folder();
  char command[128];
  (void)snprintf(command, sizeof command, "rm -r %s", folder.path);
  bool german = speak_german(&folder);
  double number = 0;
  double comma = german ? strtod("0,5", NULL) : 0.5;
  struct lm_config *config = parse_good("a: 0.5\nb: 0,5");
  const struct lm_value *root = lm_config_root(config);
  enum lamina_status point = lm_value_f64(lm_value_get(root, "a"), "a", &number, NULL);
  cr_expect(lm_value_f64(lm_value_get(root, "b"), "b", &(double){0}, NULL) == LAMINA_E_INVALID);
  lm_config_free(config);
  cr_expect(system(command) == 0);
  cr_assert(comma == 0.5, "the locale is not in force");
  cr_assert(point == LAMINA_OK && number == 0.5);
  if (!german) {
    cr_skip_test("there is no German locale here");
  }
}
