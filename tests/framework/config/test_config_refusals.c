/*
 * Bad files: one sentence with the exact place, exit status 65, quickly.
 *
 * Positions were found by counting in the texts, not by running the code.
 */
#include "config_case.h"

#include "config/config_internal.h"

static const struct {
  const char *text, *place, *part;
} refusals[] = {
    /* syntax */
    {"a:\n\tb: 1", "2:1", "tab"},
    {"a:\n  - b\n\t- c", "3:1", "tab"},
    {"a: |\n\tb", "2:1", "tab"},
    {"a: b: c", "1:5", "unexpected ':'"},
    {"a: 1\n b: 2", "2:3", "unexpected ':'"},
    {"a: [1, 2\n", "2:1", "',' or ']' in the list that begins at 1:4"},
    {"a: {b: 1\n", "2:1", "',' or '}' in the map that begins at 1:4"},
    {"a: {b: ${c}}", "1:9", "put \"${...}\" in quotes"},
    {"a: [${c}]", "1:6", "put \"${...}\" in quotes"},
    {"a: \"x", "1:4", "quotes that begin here"},
    {"b: 1\na: 'x", "2:4", "quotes that begin here"},
    {"a: \"\\q\"", "1:5", "escape"},
    {"a: @x", "1:4", "'@'"},
    {"a: `x`", "1:4", "'`'"},
    {"a: %x", "1:4", "'%'"},
    {"a: ,", "1:4", "expected a value"},
    {"a:\n  b: 1\n c: 2", "3:2", "that begins at 1:1"},
    {"a:\n  - b\n  c: 1", "3:3", "next item"},
    {"a: - b", "1:4", "a line of its own"},
    {"%YAML 2.0\n---\na: 1", "1:1", "%YAML"},
    {"a: *", "1:5", "alias"},
    {"key\nb: 1", "2:2", "unexpected ':'"},
    /* bytes */
    {"a: \x01", "1:4", "0x01"},
    {"a: 1\nb: x\x7f", "2:5", "0x7f"},
    {"# \xc3\xa9\n# \xc3\xa9 \xff", "2:5", "UTF-8"},
    {"a: \xc3", "1:4", "UTF-8"},
    {"a: \xed\xa0\x80", "1:4", "UTF-8"},
    {"\xef\xbb\xbf"
     "a: \x02",
     "1:4", "0x02"},
    {"\xff\xfe"
     "a",
     "1:1", "UTF-16"},
    {"\xfe\xff"
     "a",
     "1:1", "UTF-16"},
    {"a: \"x\\0y\"", "1:4", "zero byte"},
    {"\"x\\0y\": 1", "1:1", "zero byte"},
    /* documents */
    {"", "1:1", "empty"},
    {"# nothing\n", "1:1", "empty"},
    {"---\n", "2:1", "null"},
    {"a: 1\n---\nb: 2", "2:1", "second document"},
    {"a: 1\n...\n---\n", "3:1", "second document"},
    {"[1, 2]", "1:1", "a list"},
    {"5", "1:1", "number 5"},
    {"abc", "1:1", "text 'abc'"},
    /* keys */
    {"a: 1\nb: 2\na: 3", "3:1", "'a' is given twice, first at 1:1"},
    {"m: {x: 1, y: 2, \"x\": 3}", "1:17", "'x' is given twice, first at 1:5"},
    {"<<: {a: 1}", "1:1", "<<"},
    {"b: &b {x: 1}\na:\n  <<: *b", "3:3", "<<"},
    {"? [a]\n: b", "1:3", "found a list"},
    {"? {a: b}\n: b", "1:3", "found a map"},
    {"a: &x b\n*x : c", "2:1", "found an alias"},
    {"&x a: 1", "1:1", "anchor"},
    {"!foo a: 1", "1:1", "!foo"},
    {"? \n: 1", "1:2", "expected a key"},
    {"a: {: 1}", "1:5", "expected a value"},
    {"a: 1\n\"${b}\": 2", "2:1", "a key cannot have ${"},
    /* tags */
    {"a: !foo 1", "1:4", "!foo"},
    {"a: !!python/object:x {}", "1:4", "python"},
    {"a: !!int x", "1:4", "int"},
    {"a: !!bool yes", "1:4", "bool"},
    {"a: !!set {x}", "1:4", "set"},
    {"a: !!seq {x: 1}", "1:4", "seq"},
    {"a: !!map [x]", "1:4", "map"},
    {"a: !!binary aGk=", "1:4", "binary"},
    /* aliases */
    {"a: *x", "1:4", "no anchor &x"},
    {"a: &name 1\nb: *nane", "2:4", "did you mean '*name'"},
    {"a: &x [*x]", "1:8", "inside the value"},
    {"a: &x {b: {c: *x}}", "1:15", "inside the value"},
};

Test(config_refusals, each_says_where_and_what)
{
  for (size_t i = 0; i < COUNT_OF(refusals); i++) {
    struct lm_config *config = NULL;
    struct lm_error error = {0};
    char place[64];
    enum lamina_status status = parse(refusals[i].text, &config, &error);
    (void)snprintf(place, sizeof place, "t.yaml:%s: ", refusals[i].place);
    cr_expect(lm_status_exit_code(status) == 65 && error.status == status, "%s: %s: %s",
              refusals[i].text, lm_status_name(status), error.text);
    cr_expect(strncmp(error.text, place, strlen(place)) == 0, "%s: expected %s: %s",
              refusals[i].text, place, error.text);
    cr_expect(strstr(error.text, refusals[i].part) != NULL, "%s: %s", refusals[i].text, error.text);
    cr_expect(strchr(error.text, '\n') == NULL && error.text[strlen(error.text) - 1] != '.');
    cr_expect_null(config);
    cr_expect(parse(refusals[i].text, &config, NULL) == status);
    lm_config_free(config);
  }
}

Test(config_refusals, a_zero_byte_is_refused_where_it_is)
{
  static const char text[] = "a: 1\nbc: \0 2";
  struct lm_config *config = NULL;
  struct lm_error error = {0};
  cr_assert(lm_config_parse(text, sizeof text - 1, "t.yaml", NULL, 0, &config, &error) ==
            LAMINA_E_INVALID);
  cr_assert(strncmp(error.text, "t.yaml:2:5: ", 12) == 0, "%s", error.text);
}

Test(config_refusals, bad_bytes_far_into_a_file_have_their_line)
{
  /* past libyaml's own buffers, with all kinds of line ends */
  char *text = repeated("a: 1\r\n", "# \xc3\xa9\xc3\xa9 comment\n# x\r\n", 5000, "b: \x03");
  struct lm_config *config = NULL;
  struct lm_error error = {0};
  cr_assert(parse(text, &config, &error) == LAMINA_E_INVALID);
  cr_assert(strncmp(error.text, "t.yaml:10002:4: ", 16) == 0, "%s", error.text);
  lm_free(text);
}

Test(config_refusals, what_yaml_allows_and_experiments_need_is_read)
{
  static const char *const texts[] = {"a: 1",
                                      ("\xef\xbb\xbf"
                                       "a: 1"),
                                      "%YAML 1.2\n---\na: 1\n...\n",
                                      "a: !!str 5",
                                      "a: &x [1]\nb: *x\nc: *x",
                                      "a: &x 1\nb: &x 2\nc: *x",
                                      "\"<<\": 1",
                                      "a: !!float 1\nb: ! 2",
                                      "a: |\n  x\n  y\nb: >\n  z\n",
                                      "null: 1",
                                      "a: \"\\u00e9\\n\\x01\"",
                                      "{a: 1, b: [x, {y: z}]}",
                                      "? a\n: 1",
                                      "a:\r\n  b: 1\r\n  c: 2\r"};
  for (size_t i = 0; i < COUNT_OF(texts); i++) {
    lm_config_free(parse_good(texts[i]));
  }
}

/* Every limit on both sides. A case builds the text for a number of things. */
static char *deep(size_t n)
{
  char *open = repeated("a: ", "[", n - 1, "");
  char *all = repeated(open, "]", n - 1, "");
  lm_free(open);
  return all;
}

static char *many_values(size_t n)
{
  return repeated("a: [", "0,", n - 2, "]");
}

static char *large_file(size_t n)
{
  return repeated("a: 1\n#", "x", n - 6, "");
}

static char *large_scalar(size_t n)
{
  return repeated("a: '", "x", n, "'");
}

static char *large_key(size_t n)
{
  return repeated("? ", "x", n, "\n: 1");
}

static char *anchors(size_t n)
{
  struct lm_text text = {0};
  lm_text_add(&text, "a:\n");
  for (size_t i = 0; i < n; i++) {
    lm_text_addf(&text, "- &n%zu 0\n", i);
  }
  return lm_text_take(&text);
}

static char *tag_directives(size_t n)
{
  struct lm_text text = {0};
  for (size_t i = 0; i < n; i++) {
    lm_text_addf(&text, "%%TAG !t%zu! tag:x,2000:\n", i);
  }
  lm_text_add(&text, "---\na: 1");
  return lm_text_take(&text);
}

static char *much_text(size_t n)
{
  char *head = repeated("a: [&x '", "x", LM_LIMIT_SCALAR, "'");
  char *all = repeated(head, ",*x", n - 1, "]");
  lm_free(head);
  return all;
}

static char *variables(size_t n)
{
  struct lm_text text = {0};
  lm_text_add(&text, "vars:\n");
  for (size_t i = 1; i < n; i++) {
    lm_text_addf(&text, "  v%zu: ${v%zu}\n", i, i + 1);
  }
  lm_text_addf(&text, "  v%zu: 1\n", n);
  return lm_text_take(&text);
}

static char *deep_through_alias(size_t n)
{
  /* the alias stands in a map in the root; its own lists make up the rest */
  char *open = repeated("x: &x ", "[", n - 2, "");
  char *all = repeated(open, "]", n - 2, "\ny: {z: *x}");
  lm_free(open);
  return all;
}

static char *deep_through_variable(size_t n)
{
  char *open = repeated("vars: {x: ", "[", n - 3, "");
  char *all = repeated(open, "]", n - 3, "}\ny: {z: [\"${x}\"]}");
  lm_free(open);
  return all;
}

static const struct {
  const char *name;
  char *(*text)(size_t n);
  size_t limit;
} limits[] = {{"depth", deep, LM_LIMIT_DEPTH},
              {"depth by an alias", deep_through_alias, LM_LIMIT_DEPTH},
              {"depth by a variable", deep_through_variable, LM_LIMIT_DEPTH},
              {"values", many_values, LM_LIMIT_VALUES},
              {"file", large_file, LM_LIMIT_FILE},
              {"scalar", large_scalar, LM_LIMIT_SCALAR},
              {"key", large_key, LM_LIMIT_KEY},
              {"anchors", anchors, LM_LIMIT_ANCHORS},
              {"tag directives", tag_directives, LM_LIMIT_TAG_DIRECTIVES},
              {"text", much_text, LM_LIMIT_ALL_TEXT / LM_LIMIT_SCALAR},
              {"variables", variables, LM_LIMIT_VARIABLES}};

Test(config_refusals, limits_hold_on_both_sides)
{
  for (size_t i = 0; i < COUNT_OF(limits); i++) {
    char *good = limits[i].text(limits[i].limit);
    char *bad = limits[i].text(limits[i].limit + 1);
    cr_assert(good != NULL && bad != NULL);
    (void)seconds_to_parse(good, strlen(good), LAMINA_OK, limits[i].name);
    (void)seconds_to_parse(bad, strlen(bad), LAMINA_E_INVALID, limits[i].name);
    lm_free(good);
    lm_free(bad);
  }
}

/* head, then count copies of piece, then tail. */
static const struct {
  const char *head, *piece;
  size_t count;
  const char *tail;
  enum lamina_status status;
} floods[] = {
    {"a: ", "[", 200000, "", LAMINA_E_INVALID},
    {"a: ", "[\n", 200000, "", LAMINA_E_INVALID},
    {"a: ", "{b: ", 200000, "", LAMINA_E_INVALID},
    {"a: ", "[{", 200000, "", LAMINA_E_INVALID},
    {"a:\n ", "- ", 200000, "x", LAMINA_E_INVALID},
    {"", "? ", 200000, "x", LAMINA_E_INVALID},
    {"", "%TAG !a! x:\n", 60000, "---\na: 1", LAMINA_E_INVALID},
    {"a: 1\n...\n", "%TAG !a! x:\n", 60000, "---\na: 1", LAMINA_E_INVALID},
    {"a:\n", "- &a 0\n", 60000, "", LAMINA_E_INVALID},
    {"a: '", "x", 1000000, "'", LAMINA_E_INVALID},
    {"a: ", "x\n  ", 200000, "", LAMINA_E_INVALID},
    {"a: &a [1, 2]\nb: [", "*a,", 100000, "]", LAMINA_E_INVALID},
    {"a: ", "&x ", 300000, "1", LAMINA_E_INVALID},
    {"a: ", "!!str ", 100000, "1", LAMINA_E_INVALID},
    {"a: 1", "\n", 1000000, "", LAMINA_OK},
    {"a: \"", "${", 30000, "\"", LAMINA_E_INVALID},
    {"a: \"", "$${", 20000, "\"", LAMINA_OK},
    {"vars: {x: 1}\na: \"", "${x}", 16000, "\"", LAMINA_OK},
};

Test(config_refusals, floods_end_soon, .timeout = 60)
{
  for (size_t i = 0; i < COUNT_OF(floods); i++) {
    char *text = repeated(floods[i].head, floods[i].piece, floods[i].count, floods[i].tail);
    cr_assert_not_null(text);
    double seconds = seconds_to_parse(text, strlen(text), floods[i].status, floods[i].piece);
    cr_expect(seconds < 0.5, "'%s' took %.2f s", floods[i].piece, seconds);
    lm_free(text);
  }
}

Test(config_refusals, bombs_end_soon, .timeout = 60)
{
  struct lm_text aliases = {0};
  struct lm_text lists = {0};
  struct lm_text texts = {0};
  lm_text_add(&aliases, "a0: &a0 [1, 1]\n");
  lm_text_add(&lists, "vars:\n  a0: [1, 1]\n");
  lm_text_add(&texts, "vars:\n  a0: '0123456789'\n");
  for (int i = 1; i < 30; i++) {
    lm_text_addf(&aliases, "a%d: &a%d [*a%d, *a%d]\n", i, i, i - 1, i - 1);
    lm_text_addf(&lists, "  a%d: ['${a%d}', '${a%d}']\n", i, i - 1, i - 1);
    lm_text_addf(&texts, "  a%d: ${a%d}${a%d}\n", i, i - 1, i - 1);
  }
  const struct lm_text *const bombs[] = {&aliases, &lists, &texts};
  for (size_t i = 0; i < COUNT_OF(bombs); i++) {
    double seconds = seconds_to_parse(bombs[i]->bytes, bombs[i]->length, LAMINA_E_INVALID, "bomb");
    cr_expect(seconds < 0.5, "bomb %zu took %.2f s", i, seconds);
  }
  lm_text_release(&aliases);
  lm_text_release(&lists);
  lm_text_release(&texts);
}

Test(config_refusals, maps_of_many_keys_are_read_soon, .timeout = 60)
{
  struct lm_text text = {0};
  for (int i = 0; i < 60000; i++) {
    lm_text_addf(&text, "k%d: 0\n", i * 7919 % 60000);
  }
  double seconds = seconds_to_parse(text.bytes, text.length, LAMINA_OK, "keys");
  cr_expect(seconds < 1.5, "%.2f s", seconds);
  lm_text_add(&text, "k17: 0\n");
  (void)seconds_to_parse(text.bytes, text.length, LAMINA_E_INVALID, "keys");
  lm_text_release(&text);
}

/* Deepest recursion that a file can cause: variables in lists in variables. */
Test(config_refusals, deep_variables_fit_on_the_stack)
{
  struct lm_text text = {0};
  lm_text_add(&text, "vars:\n");
  for (int i = 1; i < 40; i++) {
    lm_text_addf(&text, "  v%d: ", i);
    for (int j = 0; j < 61; j++) {
      lm_text_add(&text, "[");
    }
    lm_text_addf(&text, "\"${v%d}\"", i + 1);
    for (int j = 0; j < 61; j++) {
      lm_text_add(&text, "]");
    }
    lm_text_add(&text, "\n");
  }
  (void)seconds_to_parse(text.bytes, text.length, LAMINA_E_INVALID, "deep variables");
  lm_text_release(&text);
}

static const char good[] = "# an experiment\n"
                           "vars: {width: 16, data: \"/d\", list: [1, 2]}\n"
                           "data:\n"
                           "  train: {idx: {images: \"${data}/a.gz\", n: ${width}0, x: '$${'}}\n"
                           "  transforms: [{scale: {by: 1/255}}, &t flatten, *t]\n"
                           "model:\n"
                           "  - dense: {units: 5, bias: true}\n"
                           "    name: \"caf\\u00e9 \xc3\xa9\"\n"
                           "  - relu\n"
                           "  - ${list}\n"
                           "text: |\n"
                           "  a\n"
                           "   b\n"
                           "fold: >-\n"
                           "  a\n"
                           "  b\n"
                           "? long\n"
                           ": !!str 12\n"
                           "train: {epochs: 20, rate: 1e-3, home: \"${env:NO_SUCH_NAME:-x}\"}\n";

static void parse_any(const char *text, size_t length)
{
  struct lm_config *config = NULL;
  struct lm_error error = {0};
  enum lamina_status status = lm_config_parse(text, length, "t.yaml", NULL, 0, &config, &error);
  if (status == LAMINA_OK) {
    lm_free(written(config));
  } else {
    cr_expect(status == LAMINA_E_INVALID && strncmp(error.text, "t.yaml:", 7) == 0, "%.*s: %s",
              (int)length, text, error.text);
  }
  lm_config_free(config);
}

Test(config_refusals, every_prefix_of_a_file_is_read_or_refused)
{
  for (size_t length = 0; length < sizeof good; length++) {
    char *prefix = malloc(length + 1); /* of its exact size, for the sanitizer */
    memcpy(prefix, good, length);
    parse_any(prefix, length);
    free(prefix);
  }
}

Test(config_refusals, mutated_files_are_read_or_refused, .timeout = 60)
{
  static const char pool[] = "{}[]:,-?&*!|>'\"%@`#\n\t \\$~0\xc3\xa9\xff\x01<=.ax";
  uint64_t state = 20240607;
  char *text = malloc(sizeof good);
  for (int round = 0; round < 4000; round++) {
    size_t length = sizeof good - 1;
    memcpy(text, good, length);
    for (int i = 0; i < 1 + round % 4; i++) {
      state = state * 6364136223846793005u + 1442695040888963407u;
      size_t at = (size_t)(state >> 33) % length;
      size_t other = (size_t)(state >> 17) % length;
      switch ((state >> 60) % 3) {
        case 0:
          text[at] = pool[(state >> 24) % (sizeof pool - 1)];
          break;
        case 1:
          memmove(text + at, text + at + 1, length - at - 1);
          length--;
          break;
        default:
          text[at] = text[other];
          break;
      }
    }
    parse_any(text, length);
  }
  free(text);
}

Test(config_refusals, a_missing_file_is_missing)
{
  struct lm_config *config = NULL;
  struct lm_error error = {0};
  enum lamina_status status = lm_config_load("/nonexistent/lamina.yaml", NULL, 0, &config, &error);
  cr_assert(status == LAMINA_E_MISSING && lm_status_exit_code(status) == 66);
  cr_assert_not_null(strstr(error.text, "/nonexistent/lamina.yaml"), "%s", error.text);
}
