/*
 * The writer: what is written reads back as the same tree, for trees of all kinds.
 */
#include <math.h>

#include "config_case.h"

#include "config/config_internal.h"

static uint64_t state;

static uint32_t draw(uint32_t below)
{
  state = state * 6364136223846793005u + 1442695040888963407u;
  return (uint32_t)(state >> 33) % below;
}

static const char *const pieces[] = {
    "a",
    "b c",
    " ",
    "  ",
    ":",
    ": ",
    "#",
    " #",
    "-",
    "- ",
    "${",
    "$",
    "}",
    "\n",
    "\t",
    "\r",
    "\xc3\xa9",
    "\xe2\x80\xa8",
    "\xc2\x85",
    "\xef\xbb\xbf",
    "\xf0\x9f\x98\x80",
    "\x01",
    "\x7f",
    "'",
    "\"",
    "\\",
    "{",
    "[",
    "]",
    ",",
    "&",
    "*",
    "!",
    "%",
    "@",
    "`",
    "|",
    ">",
    "---",
    "...",
    "?",
    "? ",
    "~",
    "<<",
    "=",
    "/",
    "\xef\xbf\xbe",
};
static const char *const words[] = {
    "",         "null", "~",  "true", "False",      "yes",  "no",    "0x10",  "1_000", "010",
    "1",        "-1",   "+1", "1e3",  ".5",         ".inf", "-.inf", ".nan",  "1/255", "12:30:45",
    "---",      "...",  "<<", "- a",  "-a",         "a:",   "a: b",  "a #b",  "a#b",   "[]",
    "{}",       "*a",   "&a", "!a",   "%a",         "@a",   "=",     "?",     "-",     ":",
    ",",        "a b",  "on", "y",    "2024-01-01", "1 2",  "$${",   "$${a}", "${a}",  "$",
    "\xc3\xa9", "-.5",  "-",  "--",   ":a",         "?a",
};

static void add_random(struct lm_text *text)
{
  if (draw(3) == 0) {
    lm_text_add(text, words[draw(COUNT_OF(words))]);
    return;
  }
  for (uint32_t n = draw(6); n > 0; n--) {
    lm_text_add(text, pieces[draw(COUNT_OF(pieces))]);
  }
}

static struct lm_value *random_value(struct lm_config *config, int depth);

static struct lm_value *random_scalar(struct lm_config *config)
{
  static const struct lm_where where = {0};
  struct lm_text text = {0};
  add_random(&text);
  struct lm_value *value = lm_config_scalar(config, lm_text_get(&text), draw(2) == 0, &where);
  lm_text_release(&text);
  return value;
}

static struct lm_value *random_map(struct lm_config *config, int depth)
{
  static const struct lm_where where = {0};
  struct lm_value *map = lm_config_map(config, &where);
  for (uint32_t n = draw(5); n > 0; n--) {
    struct lm_text key = {0};
    add_random(&key);
    if (draw(40) == 0) {
      for (int i = 0; i < 500; i++) {
        lm_text_add(&key, draw(2) == 0 ? "x" : "\t");
      }
    }
    if (strstr(lm_text_get(&key), "${") == NULL) {
      cr_assert(lm_config_set(config, map, lm_text_get(&key), random_value(config, depth - 1)));
    }
    lm_text_release(&key);
  }
  return map;
}

static struct lm_value *random_list(struct lm_config *config, int depth)
{
  static const struct lm_where where = {0};
  struct lm_value *list = lm_config_map(config, &where);
  list->kind = LM_VALUE_LIST;
  for (uint32_t n = draw(5); n > 0; n--) {
    cr_assert(lm_tree_add_item(list, random_value(config, depth - 1)));
  }
  return list;
}

static struct lm_value *random_value(struct lm_config *config, int depth)
{
  uint32_t kind = draw(depth <= 0 ? 1 : 3);
  return kind == 0   ? random_scalar(config)
         : kind == 1 ? random_map(config, depth)
                     : random_list(config, depth);
}

/* Same text, and every reading gives the same. */
static bool same_scalar(const struct lm_value *a, const struct lm_value *b)
{
  int64_t integers[2] = {0, 0};
  double numbers[2] = {0, 0};
  bool truths[2] = {false, false};
  bool same = strcmp(a->text, b->text) == 0;
  same = same && lm_value_i64(a, "", &integers[0], NULL) == lm_value_i64(b, "", &integers[1], NULL);
  same = same && lm_value_f64(a, "", &numbers[0], NULL) == lm_value_f64(b, "", &numbers[1], NULL);
  same = same && lm_value_bool(a, "", &truths[0], NULL) == lm_value_bool(b, "", &truths[1], NULL);
  return same && integers[0] == integers[1] && truths[0] == truths[1] &&
         (numbers[0] == numbers[1] || (isnan(numbers[0]) && isnan(numbers[1])));
}

static bool same_tree(const struct lm_value *a, const struct lm_value *b)
{
  bool same = a->kind == b->kind && a->count == b->count;
  if (same && a->kind == LM_VALUE_SCALAR) {
    return same_scalar(a, b);
  }
  for (size_t i = 0; same && i < a->count; i++) {
    same = a->kind == LM_VALUE_LIST ? same_tree(a->items[i], b->items[i])
                                    : strcmp(a->pairs[i].key, b->pairs[i].key) == 0 &&
                                          same_tree(a->pairs[i].value, b->pairs[i].value);
  }
  return same;
}

static void check_round_trip(struct lm_config *config)
{
  struct lm_text text = {0};
  struct lm_config *again = NULL;
  struct lm_error error = {0};
  lm_value_write(lm_config_root(config), &text);
  cr_assert(lm_text_ok(&text));
  cr_assert(parse(lm_text_get(&text), &again, &error) == LAMINA_OK, "%s\n%s", error.text,
            lm_text_get(&text));
  cr_assert(same_tree(lm_config_root(config), lm_config_root(again)), "%s", lm_text_get(&text));
  char *twice = written(again);
  cr_assert_str_eq(twice, lm_text_get(&text));
  lm_free(twice);
  lm_text_release(&text);
  lm_config_free(again);
}

Test(config_write, random_trees_read_back_the_same, .timeout = 60)
{
  for (uint64_t seed = 0; seed < 3000; seed++) {
    state = seed * 0x9e3779b97f4a7c15u + 1;
    struct lm_config *config = lm_config_create();
    struct lm_value *root = lm_config_root(config);
    cr_assert(lm_config_set(config, root, "k", random_value(config, 5)));
    cr_assert(lm_config_set(config, root, "l", random_value(config, 3)));
    check_round_trip(config);
    lm_config_free(config);
  }
}

Test(config_write, every_word_reads_back_the_same)
{
  static const struct lm_where where = {0};
  for (size_t i = 0; i < COUNT_OF(words) + COUNT_OF(pieces); i++) {
    const char *word = i < COUNT_OF(words) ? words[i] : pieces[i - COUNT_OF(words)];
    struct lm_config *config = lm_config_create();
    struct lm_value *root = lm_config_root(config);
    cr_assert(lm_config_set(config, root, "plain", lm_config_scalar(config, word, false, &where)));
    cr_assert(lm_config_set(config, root, "quoted", lm_config_scalar(config, word, true, &where)));
    check_round_trip(config);
    lm_config_free(config);
  }
}

Test(config_write, whole_experiments_look_as_people_write_them)
{
  static const char text[] = "data:\n"
                             "  train:\n"
                             "    moons:\n"
                             "      samples: 1000\n"
                             "      noise: 0.1\n"
                             "  transforms:\n"
                             "    - scale:\n"
                             "        by: 1/255\n"
                             "model:\n"
                             "  - dense:\n"
                             "      units: 16\n"
                             "    name: hidden\n"
                             "  - relu\n"
                             "  - - 1\n"
                             "    - []\n"
                             "    - {}\n"
                             "labels:\n"
                             "  - \"0\"\n"
                             "  - \"yes\"\n"
                             "  - null\n"
                             "  - /data/a b.csv\n"
                             "  - \"a: b\"\n"
                             "  - \"line\\nline\"\n"
                             "  - caf\xc3\xa9\n"
                             "\"\": \"\"\n";
  struct lm_config *config = parse_good(text);
  char *again = written(config);
  cr_assert_str_eq(again, text);
  lm_free(again);
  lm_config_free(config);
}

Test(config_write, single_values_end_in_a_line_end)
{
  static const struct lm_where where = {0};
  struct lm_config *config = lm_config_create();
  struct lm_text text = {0};
  lm_value_write(lm_config_root(config), &text);
  lm_value_write(lm_config_scalar(config, "a", true, &where), &text);
  lm_value_write(lm_config_scalar(config, "\xff", true, &where), &text);
  cr_assert_str_eq(lm_text_get(&text), "{}\na\n\"\xef\xbf\xbd\"\n");
  lm_text_release(&text);
  lm_config_free(config);
}
