/*
 * Plugins that are linked into the program: found last, listed, opened by their path, and checked
 * like those that are loaded. This program is one: it has a layer and a table of symbols.
 */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "place.h"
#include "tests/plugins/fixture.h"

LAMINA_LAYER(sin, "7.0.0", "a layer that is linked into this program", LAMINA_NOTHING,
             .infer = fixture_infer, .forward = fixture_forward);

static const struct lamina_plugin broken = {.magic = 1};

static const struct lm_preloaded symbols[] = {
    {"layer_other.a", NULL},
    {"layer_sin_LTX_lamina_plugin_v1", (void *)(uintptr_t)&layer_sin_LTX_lamina_plugin_v1},
    {"layer_broken_LTX_lamina_plugin_v1", (void *)(uintptr_t)&broken},
    {"layer_sin_LTX_lamina_plugin_v2", (void *)(uintptr_t)&broken},
    {NULL, NULL}};

static void note(void *arg, const struct lm_listing *listing)
{
  if (strcmp(listing->name, "sin") == 0) {
    *(struct lm_listing *)arg = *listing;
    ((struct lm_listing *)arg)->path = lm_builtin_is(listing->path) ? "built-in" : "file";
  }
}

Test(builtin, is_found_where_no_file_is)
{
  struct place place = place_make();
  struct lm_error error = {0};
  const struct lm_plugin *plugin;
  const struct lm_plugin *again;
  struct lm_listing listing = {.path = NULL};
  lm_registry_preload(symbols);
  struct lm_registry *registry = registry_on(place.path, NULL);
  cr_assert_eq(lm_registry_find(registry, LAMINA_KIND_LAYER, "sin", &plugin, &error), LAMINA_OK,
               "%s", error.text);
  cr_expect_str_eq(plugin->info.version, "7.0.0");
  cr_expect_str_eq(plugin->path, "built-in:/layer_sin.so");
  cr_expect_eq(plugin->info.vtable, &plugin->table);
  cr_assert_eq(lm_registry_open_file(registry, plugin->path, &again, &error), LAMINA_OK);
  cr_expect_eq(again, plugin);
  cr_assert_eq(lm_registry_list(registry, LAMINA_KIND_LAYER, note, &listing, &error), LAMINA_OK);
  cr_assert_not_null(listing.path);
  cr_expect_str_eq(listing.path, "built-in");
  cr_expect_str_eq(listing.version, "7.0.0");
  cr_expect_not(listing.shadowed);
  lm_registry_free(registry);
  place_remove(&place);
}

Test(builtin, gives_way_to_a_file)
{
  struct lm_error error = {0};
  const struct lm_plugin *plugin;
  lm_registry_preload(symbols);
  struct lm_registry *registry = registry_on(getenv("LAMINA_TEST_FIXTURES"), NULL);
  cr_assert_eq(lm_registry_find(registry, LAMINA_KIND_LAYER, "sin", &plugin, &error), LAMINA_OK,
               "%s", error.text);
  cr_expect_str_eq(plugin->info.version, "1.0.0");
  lm_registry_free(registry);
}

Test(builtin, is_refused_like_any_other)
{
  static const struct {
    const char *path, *words;
    enum lamina_status status;
  } rows[] = {
      {"built-in:/layer_broken.so", "its descriptor begins with 0x00000001", LAMINA_E_PLUGIN},
      {"built-in:/layer_other.so", "there is no layer 'other' built into", LAMINA_E_MISSING},
      {"built-in:/other.so", "a plugin's file is named <kind>_<name>.so", LAMINA_E_INVALID},
  };
  lm_registry_preload(symbols);
  struct lm_registry *registry = registry_on(NULL, NULL);
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    struct lm_error error = {0};
    const struct lm_plugin *plugin;
    cr_expect_eq(lm_registry_open_file(registry, rows[i].path, &plugin, &error), rows[i].status);
    cr_expect_not_null(strstr(error.text, rows[i].words), "%s", error.text);
  }
  lm_registry_free(registry);
}
