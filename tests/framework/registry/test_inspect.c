/*
 * What the program says about plugins: tables, YAML that parses, JSON that a library reads, and
 * a tour of all plugins that survives the worst of them.
 */
#include <criterion/criterion.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "cli/plugins.h"
#include "place.h"

/* Only the folders that a test names count. */
static void forget_environment(void)
{
  (void)unsetenv("LAMINA_PLUGIN_PATH");
}

TestSuite(inspect, .init = forget_environment);

static char *inspect(const char *name, enum lm_cli_format format)
{
  struct lm_registry *registry = registry_on(NULL, NULL);
  struct lm_error error;
  struct lm_text text = {0};
  const struct lm_plugin *plugin = open_fixture(registry, name, &error);
  cr_assert_not_null(plugin, "%s", error.text);
  cr_assert_eq(lm_cli_inspect(plugin, format, &text, &error), LAMINA_OK);
  lm_registry_free(registry);
  char *bytes = lm_text_take(&text);
  cr_assert_not_null(bytes);
  return bytes;
}

static void expect_words(const char *text, const char *const *words, size_t count)
{
  for (size_t i = 0; i < count; i++) {
    cr_expect_not_null(strstr(text, words[i]), "no '%s' in:\n%s", words[i], text);
  }
}

Test(inspect, the_table_has_all_that_a_plugin_says)
{
  char *text = inspect("layer_settings", LM_CLI_TABLE);
  static const char *const words[] = {
      "layer 'settings' 2.1.0",
      "a layer with many settings",
      "MIT",
      "tests of Lamina",
      "built with 1.0, needs 1.0",
      "layer_settings.so",
      "units     integer           (required)  [1, 65536]             number of outputs",
      "mode      choice            zeros       zeros|ones|twos        what to fill in",
      "weights   list of numbers   [0.5, 1/3]                   kg    weights of the parts"};
  expect_words(text, words, sizeof words / sizeof words[0]);
  free(text);
}

/* The scalars of a YAML text in order; false when it does not parse. */
static size_t scalars(const char *text, char out[][64], size_t most)
{
  yaml_parser_t parser;
  yaml_event_t event;
  size_t count = 0;
  bool done = false;
  cr_assert(yaml_parser_initialize(&parser));
  yaml_parser_set_input_string(&parser, (const unsigned char *)text, strlen(text));
  while (!done) {
    cr_assert(yaml_parser_parse(&parser, &event), "does not parse:\n%s", text);
    if (event.type == YAML_SCALAR_EVENT) {
      cr_assert_lt(count, most);
      (void)snprintf(out[count++], 64, "%s", (const char *)event.data.scalar.value);
    }
    done = event.type == YAML_STREAM_END_EVENT;
    yaml_event_delete(&event);
  }
  yaml_parser_delete(&parser);
  return count;
}

Test(inspect, the_yaml_parses_and_has_a_value_for_every_setting)
{
  static const char *const expected[] = {"settings", "units", "1",    "rate",  "1e-3",  "fraction",
                                         "1/255",    "bias",  "true", "mode",  "zeros", "label",
                                         "",         "file",  "FILE", "sizes", "3",     "3",
                                         "weights",  "0.5",   "1/3"};
  char found[32][64];
  char *text = inspect("layer_settings", LM_CLI_YAML);
  size_t count = scalars(text, found, 32);
  cr_assert_eq(count, sizeof expected / sizeof expected[0], "%s", text);
  for (size_t i = 0; i < count; i++) {
    cr_expect_str_eq(found[i], expected[i]);
  }
  free(text);
  text = inspect("layer_sin", LM_CLI_YAML);
  cr_expect_eq(scalars(text, found, 32), 1);
  cr_expect_not_null(strstr(text, "\nsin: {}\n"));
  free(text);
}

Test(inspect, the_json_is_a_schema_with_types_and_bounds)
{
  char *text = inspect("layer_settings", LM_CLI_JSON);
  json_error_t error;
  json_t *schema = json_loads(text, JSON_REJECT_DUPLICATES, &error);
  cr_assert_not_null(schema, "%s in:\n%s", error.text, text);
  json_t *rows = json_object_get(schema, "properties");
  cr_expect_eq(json_object_size(rows), 9);
  cr_expect(json_is_false(json_object_get(schema, "additionalProperties")));
  json_t *required = json_object_get(schema, "required");
  cr_assert_eq(json_array_size(required), 2);
  cr_expect_str_eq(json_string_value(json_array_get(required, 1)), "file");
  json_t *units = json_object_get(rows, "units");
  json_t *types = json_object_get(units, "type"); /* an integer, or ${name} */
  cr_expect_str_eq(json_string_value(json_array_get(types, 0)), "integer");
  cr_expect_str_eq(json_string_value(json_array_get(types, 1)), "string");
  cr_expect_str_eq(json_string_value(json_object_get(units, "pattern")), "\\$\\{");
  cr_expect_eq(json_number_value(json_object_get(units, "minimum")), 1);
  cr_expect_eq(json_number_value(json_object_get(units, "maximum")), 65536);
  cr_expect_null(json_object_get(units, "default"));
  json_t *rate = json_object_get(rows, "rate");
  cr_expect_eq(json_number_value(json_object_get(rate, "exclusiveMinimum")), 0);
  cr_expect_null(json_object_get(rate, "maximum"));
  cr_expect_null(json_object_get(rate, "exclusiveMaximum"));
  cr_expect_eq(json_number_value(json_object_get(rate, "default")), 1e-3);
  json_t *mode = json_object_get(rows, "mode");
  json_t *words = json_array_get(json_object_get(mode, "anyOf"), 0);
  cr_expect_eq(json_array_size(json_object_get(words, "enum")), 3);
  cr_expect_str_eq(json_string_value(json_object_get(mode, "default")), "zeros");
  cr_expect(json_is_true(json_object_get(json_object_get(rows, "bias"), "default")));
  cr_expect_str_eq(json_string_value(json_object_get(json_object_get(rows, "label"), "default")),
                   "");
  json_t *weights = json_object_get(json_object_get(rows, "weights"), "default");
  cr_expect_eq(json_number_value(json_array_get(weights, 0)), 0.5);
  cr_expect_str_eq(json_string_value(json_array_get(weights, 1)), "1/3");
  json_decref(schema);
  free(text);
}

Test(inspect, the_list_is_a_table_and_json)
{
  struct place place = place_make();
  struct lm_registry *registry = registry_on(place.path, NULL);
  struct lm_text text = {0};
  struct lm_error error = {0};
  place_copy(&place, "layer_sin.so", "layer_sin.so");
  place_copy(&place, "layer_newer.so", "layer_newer.so");
  cr_assert_eq(lm_cli_list(registry, LAMINA_KIND_LAYER, false, &text, &error), LAMINA_OK);
  char line[256];
  (void)snprintf(line, sizeof line, "\nlayer  sin    1.0.0    %-9s  %s/layer_sin.so\n", LAMINA_ISA,
                 place.path);
  const char *const words[] = {"KIND   NAME   VERSION  CPU", "needs Lamina ABI 1.3"};
  expect_words(lm_text_get(&text), words, 2);
  if (strlen(LAMINA_ISA) == 6) {
    (void)snprintf(line, sizeof line, "\nlayer  sin    1.0.0    %s  %s/layer_sin.so\n", LAMINA_ISA,
                   place.path);
    cr_expect_not_null(strstr(lm_text_get(&text), line), "%s", lm_text_get(&text));
  }
  lm_text_clear(&text);
  cr_assert_eq(lm_cli_list(registry, LAMINA_KIND_NONE, true, &text, &error), LAMINA_OK);
  json_t *rows = json_loads(lm_text_get(&text), JSON_REJECT_DUPLICATES, NULL);
  cr_assert_eq(json_array_size(rows), 2, "%s", lm_text_get(&text));
  json_t *newer = json_array_get(rows, 0);
  json_t *sine = json_array_get(rows, 1);
  cr_expect_str_eq(json_string_value(json_object_get(newer, "abi")), "1.3");
  cr_expect(json_is_false(json_object_get(newer, "loadable")));
  cr_expect(json_is_null(json_object_get(sine, "refusal")));
  cr_expect_str_eq(json_string_value(json_object_get(sine, "name")), "sin");
  json_decref(rows);
  lm_text_clear(&text);
  cr_assert_eq(lm_cli_list(registry, LAMINA_KIND_SERVICE, true, &text, &error), LAMINA_OK);
  cr_expect_str_eq(lm_text_get(&text), "[]\n");
  lm_text_release(&text);
  lm_registry_free(registry);
  place_remove(&place);
}

Test(inspect, a_tour_names_each_plugin_that_misbehaves_and_goes_on)
{
  static const char *const files[] = {"layer_abort.so",    "layer_bad_magic.so",
                                      "layer_crash.so",    "layer_exit.so",
                                      "layer_hang.so",     "layer_newer.so",
                                      "layer_rounding.so", "layer_sin.so",
                                      "layer_square.so",   "layer_undefined_function.so"};
  static const char *const words[] = {"layer 'abort': crashed with signal 6",
                                      "layer 'bad_magic': refused layer 'bad_magic' from",
                                      "layer 'crash': crashed with signal 11",
                                      "layer 'exit': ended the process with status 0 while",
                                      "layer 'hang': does not come back: stopped after 2500 ms",
                                      "layer 'newer': refused layer 'newer'",
                                      "layer 'rounding': refused layer 'rounding' from",
                                      "layer 'sin': loads (",
                                      "layer 'square': loads (",
                                      "undefined symbol: lamina_test_no_such_function"};
  struct place place = place_make();
  struct lm_text text = {0};
  struct lm_error error = {0};
  size_t faulty = 0;
  for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
    place_copy(&place, files[i], files[i]);
  }
  struct lm_registry *registry = registry_on(place.path, NULL);
  cr_assert_eq(lm_cli_inspect_all(registry, 2500, &text, &faulty, &error), LAMINA_OK, "%s",
               error.text);
  expect_words(lm_text_get(&text), words, sizeof words / sizeof words[0]);
  cr_expect_eq(faulty, 8);
  lm_text_release(&text);
  lm_registry_free(registry);
  place_remove(&place);
}
