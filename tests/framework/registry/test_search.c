/*
 * Where plugins are looked for: the order of the directories, which of them are trusted, and
 * what is said when there is nothing.
 */
#include <criterion/criterion.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "place.h"

/* Two folders a and b in one place. */
static struct place two_folders(char path[256])
{
  struct place place = place_make();
  (void)mkdir(place_file(&place, "a"), 0755);
  (void)mkdir(place_file(&place, "b"), 0755);
  (void)snprintf(path, 256, "%s/a:%s/b", place.path, place.path);
  return place;
}

static enum lamina_status find(struct lm_registry *registry, const char *name,
                               const struct lm_plugin **plugin, struct lm_error *error)
{
  *error = (struct lm_error){0};
  return lm_registry_find(registry, LAMINA_KIND_LAYER, name, plugin, error);
}

Test(search, the_first_match_wins_and_the_second_is_told_once)
{
  char path[256];
  struct place place = two_folders(path);
  struct heard heard = {0};
  struct lm_error error;
  const struct lm_plugin *plugin;
  const struct lm_plugin *again;
  struct lm_registry *registry = registry_on(path, &heard);
  place_copy(&place, "layer_sin.so", "a/layer_sin.so");
  place_copy(&place, "layer_sin.so", "b/layer_sin.so");
  place_copy(&place, "layer_square.so", "b/layer_square.so");
  cr_assert_eq(find(registry, "sin", &plugin, &error), LAMINA_OK, "%s", error.text);
  cr_expect_str_eq(plugin->path, place_file(&place, "a/layer_sin.so"));
  cr_expect_eq(find(registry, "sin", &again, &error), LAMINA_OK);
  cr_expect_eq(again, plugin);
  cr_expect_eq(heard.warnings, 1);
  cr_expect_not_null(strstr(heard.warning, "b/layer_sin.so comes later"), "%s", heard.warning);
  cr_expect_eq(find(registry, "square", &plugin, &error), LAMINA_OK, "%s", error.text);
  cr_expect_eq(heard.warnings, 1);
  cr_expect_eq(heard.traces, 0);
  lm_registry_free(registry);
  place_remove(&place);
}

Test(search, a_broken_first_match_is_not_replaced_by_a_later_one)
{
  char path[256];
  struct place place = two_folders(path);
  struct lm_error error;
  const struct lm_plugin *plugin;
  struct lm_registry *registry = registry_on(path, NULL);
  place_copy(&place, "layer_square.so", "a/layer_sin.so");
  place_copy(&place, "layer_sin.so", "b/layer_sin.so");
  cr_expect_eq(find(registry, "sin", &plugin, &error), LAMINA_E_INVALID);
  cr_expect_null(plugin);
  lm_registry_free(registry);
  place_remove(&place);
}

Test(search, dot_libs_below_a_directory_counts)
{
  struct place place = place_make();
  struct lm_error error;
  const struct lm_plugin *plugin;
  struct lm_registry *registry = registry_on(place.path, NULL);
  (void)mkdir(place_file(&place, ".libs"), 0755);
  place_copy(&place, "layer_sin.so", ".libs/layer_sin.so");
  cr_expect_eq(find(registry, "sin", &plugin, &error), LAMINA_OK, "%s", error.text);
  lm_registry_free(registry);
  place_remove(&place);
}

Test(search, a_missing_plugin_is_told_with_all_that_was_tried)
{
  char path[256];
  struct place place = two_folders(path);
  struct lm_error error;
  const struct lm_plugin *plugin;
  strcat(path, ":/nowhere/at/all");
  struct lm_registry *registry = registry_on(path, NULL);
  place_copy(&place, "layer_square.so", "a/layer_square.so");
  place_copy(&place, "layer_sin.so", "b/loss_sqare.so");
  place_copy(&place, "layer_sin.so", "b/layer_sqare.so");
  (void)chmod(place_file(&place, "b"), 0777);
  cr_expect_eq(find(registry, "sqare", &plugin, &error), LAMINA_E_MISSING);
  const char *const words[] = {"there is no layer 'sqare'",
                               "did you mean 'square'?",
                               "/a",
                               "/b (refused)",
                               "/nowhere/at/all (no such directory)",
                               "b/layer_sqare.so: everybody can write to the directory",
                               LM_PLUGIN_DIR,
                               "chmod o-w"};
  for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
    cr_expect_not_null(strstr(error.text, words[i]), "'%s' lacks: %s", error.text, words[i]);
  }
  (void)chmod(place_file(&place, "b"), 0755);
  (void)unlink(place_file(&place, "b/layer_sqare.so"));
  cr_expect_eq(find(registry, "sqare", &plugin, &error), LAMINA_E_MISSING);
  cr_expect_not_null(strstr(error.text, "there is a loss of that name"), "%s", error.text);
  lm_registry_free(registry);
  place_remove(&place);
}

Test(search, directories_that_others_can_write_are_passed_over)
{
  char path[256];
  struct place place = two_folders(path);
  struct heard heard = {0};
  struct lm_error error;
  const struct lm_plugin *plugin;
  const char *first = place_file(&place, "a");
  place_copy(&place, "layer_trap.so", "a/layer_trap.so");
  setenv("LAMINA_TEST_TRAP", place_file(&place, "sprung"), 1);
  int cases = geteuid() == 0 ? 3 : 1;
  for (int i = 0; i < cases; i++) {
    if (i > 0) {
      (void)chown(first, i == 1 ? 12345 : 0, 12345);
    }
    (void)chmod(first, i == 0 ? 0777 : i == 1 ? 0755 : 0775);
    struct lm_registry *registry = registry_on(path, &heard);
    cr_expect_eq(find(registry, "trap", &plugin, &error), LAMINA_E_MISSING, "%d", i);
    cr_expect_eq(heard.warnings, i + 1);
    cr_expect_not_null(strstr(heard.warning, "passed over"), "%s", heard.warning);
    lm_registry_free(registry);
  }
  cr_expect_neq(access(place_file(&place, "sprung"), F_OK), 0, "its code ran");
  place_remove(&place);
}

Test(search, a_directory_that_cannot_be_read_is_told)
{
  struct place place = place_make();
  struct lm_error error;
  const struct lm_plugin *plugin;
  struct lm_registry *registry = registry_on(place_file(&place, "a"), NULL);
  (void)chmod(place.path, 0755);
  (void)mkdir(place_file(&place, "a"), 0700);
  (void)chmod(place_file(&place, "a"), geteuid() == 0 ? 0700 : 0);
  bool is_root = geteuid() == 0;
  if (is_root) {
    (void)seteuid(12345);
  }
  cr_expect_eq(find(registry, "sin", &plugin, &error), LAMINA_E_MISSING);
  cr_expect_not_null(strstr(error.text, "/a cannot be read: Permission denied"), "%s", error.text);
  if (is_root) {
    (void)seteuid(0);
  }
  lm_registry_free(registry);
  (void)chmod(place_file(&place, "a"), 0700);
  place_remove(&place);
}

Test(search, a_private_group_may_write)
{
  struct stat status = {.st_uid = geteuid(), .st_gid = geteuid(), .st_mode = S_IFDIR | 0775};
  struct lm_error error = {0};
  cr_expect_eq(lm_policy_check(&status, "directory", "/d", &error), LAMINA_OK);
  status.st_gid = geteuid() + 1;
  cr_expect_eq(lm_policy_check(&status, "directory", "/d", &error), LAMINA_E_INVALID);
  status.st_mode = S_IFDIR | 0755;
  cr_expect_eq(lm_policy_check(&status, "directory", "/d", &error), LAMINA_OK);
  status.st_uid = geteuid() + 1;
  cr_expect_eq(lm_policy_check(&status, "directory", "/d", &error), LAMINA_E_INVALID);
}

Test(search, a_link_to_a_file_of_somebody_else_is_refused)
{
  char path[256];
  struct place place = two_folders(path);
  struct lm_error error;
  const struct lm_plugin *plugin;
  if (geteuid() != 0) {
    place_remove(&place);
    cr_skip_test("only root can make files of somebody else");
  }
  struct lm_registry *registry = registry_on(place_file(&place, "a"), NULL);
  place_copy(&place, "layer_sin.so", "b/layer_sin.so");
  (void)chown(place_file(&place, "b/layer_sin.so"), 12345, 12345);
  cr_assert_eq(symlink(place_file(&place, "b/layer_sin.so"), place_file(&place, "a/layer_sin.so")),
               0);
  cr_expect_eq(find(registry, "sin", &plugin, &error), LAMINA_E_INVALID);
  cr_expect_not_null(strstr(error.text, "belongs to user 12345"), "%s", error.text);
  lm_registry_free(registry);
  place_remove(&place);
}

Test(search, relative_directories_are_refused_and_empty_ones_mean_nothing)
{
  const char *const lists[] = {"plugins", "/tmp:plugins", ".", "./x:/tmp"};
  struct lm_registry *registry;
  for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
    struct lm_registry_options options = {.plugin_path = lists[i]};
    struct lm_error error = {0};
    cr_expect_eq(lm_registry_create(&options, &registry, &error), LAMINA_E_USAGE, "%s", lists[i]);
    cr_expect_null(registry);
    cr_expect_not_null(strstr(error.text, "--plugin-path: "), "%s", error.text);
  }
  setenv("LAMINA_PLUGIN_PATH", "here", 1);
  struct lm_error error = {0};
  cr_expect_eq(lm_registry_create(NULL, &registry, &error), LAMINA_E_USAGE);
  cr_expect_not_null(strstr(error.text, "LAMINA_PLUGIN_PATH: "), "%s", error.text);
  setenv("LAMINA_PLUGIN_PATH", "::/tmp::", 1);
  cr_assert_eq(lm_registry_create(NULL, &registry, &error), LAMINA_OK);
  cr_expect_str_eq(registry->search.items[0].path, "/tmp");
  lm_registry_free(registry);
}

Test(search, the_order_is_option_environment_experiment_program_build)
{
  struct place place = place_make();
  struct lm_error error = {0};
  (void)mkdir(place_file(&place, "bin"), 0755);
  (void)mkdir(place_file(&place, "lib"), 0755);
  (void)mkdir(place_file(&place, "lib/lamina"), 0755);
  (void)mkdir(place_file(&place, "lib/lamina/1"), 0755);
  setenv("LAMINA_PLUGIN_PATH", "/environment/1:/environment/2/", 1);
  struct lm_registry *registry = registry_on("/option", NULL);
  cr_assert_eq(lm_search_add_beside(&registry->search, place_file(&place, "bin/lamina"),
                                    "/usr/lib/lamina/1", &error),
               LAMINA_OK);
  cr_assert_eq(lm_registry_add_directory(registry, "/experiment", &error), LAMINA_OK);
  cr_assert_eq(lm_registry_add_directory(registry, "/option", &error), LAMINA_OK);
  const char *const expected[] = {"/option",
                                  "/environment/1",
                                  "/environment/2",
                                  "/experiment",
                                  place_file(&place, "lib/lamina/1"),
                                  LM_PLUGIN_DIR};
  cr_assert_eq(registry->search.count, 6);
  for (size_t i = 0; i < 6; i++) {
    cr_expect_str_eq(registry->search.items[i].path, expected[i]);
  }
  lm_registry_free(registry);
  place_remove(&place);
}

Test(search, the_folders_beside_the_program_or_library_move_with_it)
{
  static const struct {
    const char *program, *configured, *folder; /* in the place; NULL: none is found */
    bool is_library;
  } rows[] = {
      {"bin/lamina", "/usr/local/lib/lamina/1", "lib/lamina/1", false},
      {"bin/lamina", "/usr/lib/x86_64-linux-gnu/lamina/1", "lib/x86_64-linux-gnu/lamina/1", false},
      {"bin/lamina", "/opt/library/lib64/lamina/1", "lib64/lamina/1", false},
      {"bin/lamina", "/opt/plugins", NULL, false},
      {"bin/lamina", "/usr/lib/lamina/1", "bin/plugins/.libs", false},
      {".libs/lamina", "/usr/lib/lamina/1", "plugins/.libs", false},
      {"lib/liblamina.so.0", "/usr/local/lib/lamina/1", "lib/lamina/1", true},
      {"lib/x86_64-linux-gnu/liblamina.so.0", "/usr/lib/x86_64-linux-gnu/lamina/1",
       "lib/x86_64-linux-gnu/lamina/1", true},
      {"lib/liblamina.so.0", "/usr/lib/lamina/1", NULL, true},
      {".libs/liblamina.so.0", "/usr/lib/lamina/1", "plugins/.libs", true},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    struct place place = place_make();
    struct lm_search search = {0};
    struct lm_error error = {0};
    char folder[512];
    (void)snprintf(folder, sizeof folder, "%s/%s", place.path,
                   rows[i].folder == NULL ? "x" : rows[i].folder);
    for (char *slash = folder + strlen(place.path) + 1; *slash != '\0'; slash++) {
      if (*slash == '/') {
        *slash = '\0';
        (void)mkdir(folder, 0755);
        *slash = '/';
      }
    }
    (void)mkdir(folder, 0755);
    cr_expect_eq((rows[i].is_library ? lm_search_add_around : lm_search_add_beside)(
                     &search, place_file(&place, rows[i].program), rows[i].configured, &error),
                 LAMINA_OK);
    cr_expect_eq(search.count, rows[i].folder == NULL ? 0 : 1, "row %zu", i);
    if (search.count == 1) {
      cr_expect_str_eq(search.items[0].path, folder);
    }
    lm_search_release(&search);
    place_remove(&place);
  }
}

Test(search, the_current_directory_is_not_searched)
{
  struct place place = place_make();
  struct lm_error error;
  const struct lm_plugin *plugin;
  place_copy(&place, "layer_trap.so", "layer_trap.so");
  place_copy(&place, "layer_trap.so", "layer_trap");
  setenv("LAMINA_TEST_TRAP", place_file(&place, "sprung"), 1);
  cr_assert_eq(chdir(place.path), 0);
  struct lm_registry *registry = registry_on(NULL, NULL);
  cr_expect_eq(find(registry, "trap", &plugin, &error), LAMINA_E_MISSING);
  cr_expect_neq(access("sprung", F_OK), 0, "its code ran");
  lm_registry_free(registry);
  (void)chdir("/");
  place_remove(&place);
}

Test(search, decisions_are_traced_on_request)
{
  struct place place = place_make();
  struct heard heard = {0};
  struct lm_error error;
  const struct lm_plugin *plugin;
  setenv("LAMINA_DEBUG", "loader", 1);
  struct lm_registry *registry = registry_on(place.path, &heard);
  place_copy(&place, "layer_sin.so", "layer_sin.so");
  cr_expect_eq(find(registry, "sin", &plugin, &error), LAMINA_OK, "%s", error.text);
  cr_expect_geq(heard.traces, 2);
  lm_registry_free(registry);
  place_remove(&place);
}
