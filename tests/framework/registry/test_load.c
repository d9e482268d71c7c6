/*
 * What loading does, and what it leaves as it was.
 */
#include <criterion/criterion.h>
#include <fenv.h>
#include <float.h>
#include <limits.h>
#include <locale.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/memory.h"
#include "place.h"

Test(load, a_plugin_is_normalised_to_the_structs_of_this_host)
{
  struct lm_registry *registry = registry_on(NULL, NULL);
  struct lm_error error;
  const struct lm_plugin *plugin = open_fixture(registry, "layer_sin", &error);
  cr_assert_not_null(plugin, "%s", error.text);
  cr_expect_eq(plugin->info.size, sizeof(struct lamina_plugin));
  cr_expect_eq(plugin->info.kind, LAMINA_KIND_LAYER);
  cr_expect_str_eq(plugin->info.name, "sin");
  cr_expect_eq(plugin->info.vtable, &plugin->table);
  cr_expect_eq(plugin->table.layer.size, sizeof(struct lamina_layer));
  cr_expect_not_null(plugin->table.layer.backward);
  cr_expect_null(plugin->table.layer.setup);
  char text[512];
  char expected[512];
  lm_plugin_describe(plugin, text, sizeof text);
  (void)snprintf(expected, sizeof expected, "layer 'sin' 1.0.0 (%s)", fixture("layer_sin.so"));
  cr_expect_str_eq(text, expected);
  cr_expect_null(lm_guard_current());
  lm_registry_free(registry);
}

Test(load, a_plugin_with_newer_structs_loads_and_keeps_what_is_known)
{
  struct lm_registry *registry = registry_on(NULL, NULL);
  struct lm_error error;
  const struct lm_plugin *plugin = open_fixture(registry, "layer_newer_structs", &error);
  cr_assert_not_null(plugin, "%s", error.text);
  cr_expect_eq(plugin->info.built_minor, 9);
  cr_expect_eq(plugin->info.size, sizeof(struct lamina_plugin));
  cr_expect_eq(plugin->table.layer.size, sizeof(struct lamina_layer));
  cr_expect_eq(plugin->info.n_settings, 2);
  cr_expect_eq(plugin->info.setting_stride, sizeof(struct lamina_setting));
  lm_registry_free(registry);
}

Test(load, a_plugin_of_an_older_host_has_null_in_newer_slots)
{
  struct {
    struct lamina_layer layer;
    void (*slots[3])(void); /* as three minors later */
  } newer;
  struct lamina_layer old = {.size = sizeof old, .caps = 7};
  memset(&newer, 0xff, sizeof newer);
  lm_normalise(&newer, sizeof newer, &old, old.size);
  cr_expect_eq(newer.layer.caps, 7);
  for (size_t i = 0; i < 3; i++) {
    cr_expect_null(newer.slots[i]);
  }
}

static int smallest_is_zero(void)
{
  volatile double tiny = DBL_MIN;
  volatile double half = tiny / 2;
  return half == 0;
}

static void expect_untouched(const char *name)
{
  struct sigaction action;
  (void)sigaction(SIGUSR1, NULL, &action);
  cr_expect_eq(fegetround(), FE_TONEAREST, "%s", name);
  cr_expect_not(smallest_is_zero(), "%s", name);
  cr_expect_str_eq(setlocale(LC_ALL, NULL), "C", "%s", name);
  cr_expect_str_eq(localeconv()->decimal_point, ".", "%s", name);
  cr_expect_eq(action.sa_handler, SIG_DFL, "%s", name);
}

Test(load, a_constructor_that_changes_the_process_is_undone_and_refused_every_time)
{
  static const char *const names[] = {"layer_rounding", "layer_flush", "layer_locale",
                                      "layer_handler"};
  struct lm_registry *registries[2] = {registry_on(NULL, NULL), registry_on(NULL, NULL)};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    for (int round = 0; round < 4; round++) {
      struct lm_error error;
      cr_expect_null(open_fixture(registries[round % 2], names[i], &error), "%s round %d", names[i],
                     round);
      cr_expect_eq(error.status, LAMINA_E_PLUGIN);
      cr_expect_not_null(strstr(error.text, "while it was loaded it "), "%s", error.text);
      expect_untouched(names[i]);
    }
  }
  lm_registry_free(registries[0]);
  lm_registry_free(registries[1]);
}

Test(load, a_plugin_linked_with_fast_math_leaves_denormals_alone)
{
  struct lm_registry *registry = registry_on(NULL, NULL);
  struct lm_error error;
  /* Whether the linker adds the start-up code that flushes is the compiler's choice. */
  if (open_fixture(registry, "layer_fastmath", &error) == NULL) {
    cr_expect_not_null(strstr(error.text, "flush denormal numbers to zero"), "%s", error.text);
  }
  expect_untouched("layer_fastmath");
  lm_registry_free(registry);
}

Test(load, helpers_of_the_same_name_do_not_meet)
{
  struct lm_registry *registry = registry_on(NULL, NULL);
  struct lm_error error;
  const struct lm_plugin *one = open_fixture(registry, "layer_helper_one", &error);
  const struct lm_plugin *two = open_fixture(registry, "layer_helper_two", &error);
  cr_assert(one != NULL && two != NULL, "%s", error.text);
  const int32_t *first = one->table.layer.extension("test.helper/1");
  const int32_t *second = two->table.layer.extension("test.helper/1");
  cr_expect_eq(*first, 1);
  cr_expect_eq(*second, 2);
  lm_registry_free(registry);
}

Test(load, one_file_by_two_paths_is_found_and_opened_once)
{
  struct place place = place_make();
  struct lm_error error = {0};
  const struct lm_plugin *opened;
  const struct lm_plugin *found;
  const struct lm_plugin *linked;
  struct lm_registry *registry = registry_on(place.path, NULL);
  place_copy(&place, "layer_sin.so", "layer_sin.so");
  cr_assert_eq(lm_registry_open_file(registry, place_file(&place, "layer_sin.so"), &opened, &error),
               LAMINA_OK, "%s", error.text);
  cr_assert_eq(lm_registry_find(registry, LAMINA_KIND_LAYER, "sin", &found, &error), LAMINA_OK);
  cr_expect_eq(opened, found);
  (void)mkdir(place_file(&place, "b"), 0755);
  cr_assert_eq(symlink("../layer_sin.so", place_file(&place, "b/layer_sin.so")), 0);
  cr_assert_eq(
      lm_registry_open_file(registry, place_file(&place, "b/layer_sin.so"), &linked, &error),
      LAMINA_OK, "%s", error.text);
  cr_expect_eq(linked->info.name, found->info.name, "the file was loaded twice");
  lm_registry_free(registry);
  place_remove(&place);
}

/* Where the copy is. */
static enum lamina_status to_copy(void *arg, const char *path, const char **file,
                                  struct lm_error *error)
{
  (void)path;
  *file = arg;
  return arg != NULL ? LAMINA_OK : lm_fail(error, LAMINA_E_IO, "it has no copy");
}

Test(load, a_copy_can_be_loaded_in_place_of_the_file_that_was_found)
{
  struct place place = place_make();
  struct lm_error error = {0};
  const struct lm_plugin *plugin;
  struct lm_registry *registry = registry_on(place.path, NULL);
  write_file(place_file(&place, "layer_sin.so"), "no plugin any more", 18);
  cr_expect_eq(lm_registry_examine_file(place_file(&place, "layer_sin.so"), &error),
               LAMINA_E_INVALID);
  cr_expect_eq(lm_registry_examine_file(fixture("layer_sin.so"), &error), LAMINA_OK);
  lm_registry_redirect(registry, to_copy, NULL);
  cr_expect_eq(lm_registry_find(registry, LAMINA_KIND_LAYER, "sin", &plugin, &error), LAMINA_E_IO);
  cr_expect_str_eq(error.text, "it has no copy");
  char *copy = lm_copy_text(fixture("layer_sin.so"));
  lm_registry_redirect(registry, to_copy, copy);
  cr_assert_eq(lm_registry_find(registry, LAMINA_KIND_LAYER, "sin", &plugin, &error), LAMINA_OK,
               "%s", error.text);
  cr_expect_str_eq(plugin->path, place_file(&place, "layer_sin.so"));
  cr_expect_not_null(plugin->table.layer.forward);
  lm_registry_free(registry);
  lm_free(copy);
  place_remove(&place);
}

Test(load, a_relative_file_is_of_the_current_directory)
{
  struct place place = place_make();
  struct lm_error error = {0};
  const struct lm_plugin *plugin;
  struct lm_registry *registry = registry_on(NULL, NULL);
  place_copy(&place, "layer_sin.so", "layer_sin.so");
  cr_assert_eq(chdir(place.path), 0);
  cr_expect_eq(lm_registry_open_file(registry, "layer_sin.so", &plugin, &error), LAMINA_OK, "%s",
               error.text);
  cr_expect_eq(plugin->path[0], '/');
  lm_registry_free(registry);
  (void)chdir("/");
  place_remove(&place);
}

static int last_words; /* where the child below writes them */

static void say_last_words(void)
{
  const char *words = lm_guard_current();
  if (words != NULL) {
    (void)!write(last_words, words, strlen(words));
    _exit(70);
  }
}

static void on_signal(int number)
{
  (void)number;
  say_last_words();
}

/* Loads a fixture in a child that tells lm_guard_current() when it ends; the child's status. */
static int load_in_child(const char *name, char *words, size_t size)
{
  int ends[2];
  cr_assert_eq(pipe(ends), 0);
  pid_t child = fork();
  if (child == 0) {
    struct lm_error error;
    last_words = ends[1];
    (void)signal(SIGSEGV, on_signal);
    (void)signal(SIGABRT, on_signal);
    (void)signal(SIGALRM, on_signal);
    (void)atexit(say_last_words);
    (void)alarm(2);
    (void)open_fixture(registry_on(NULL, NULL), name, &error);
    _exit(0);
  }
  (void)close(ends[1]);
  ssize_t got = read(ends[0], words, size - 1);
  words[got > 0 ? got : 0] = '\0';
  (void)close(ends[0]);
  int status = 0;
  cr_assert_eq(waitpid(child, &status, 0), child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

Test(load, the_guard_names_a_plugin_that_ends_the_program)
{
  static const char *const names[] = {"crash", "abort", "exit", "hang"};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    char words[512];
    char file[64];
    char expected[600];
    (void)snprintf(file, sizeof file, "layer_%s", names[i]);
    cr_expect_eq(load_in_child(file, words, sizeof words), 70, "%s", names[i]);
    (void)snprintf(expected, sizeof expected, "layer '%s' (%s/%s.so)", names[i],
                   getenv("LAMINA_TEST_FIXTURES"), file);
    cr_expect_str_eq(words, expected);
  }
}

/* All that can be asked for, with the n-th allocation failing. */
static enum lamina_status try_everything(const char *path, struct lm_error *error)
{
  struct lm_registry *registry;
  const struct lm_plugin *plugin;
  struct lm_registry_options options = {.plugin_path = path};
  LM_TRY(lm_registry_create(&options, &registry, error));
  enum lamina_status status = lm_registry_find(registry, LAMINA_KIND_LAYER, "sin", &plugin, error);
  if (status == LAMINA_OK) {
    status = lm_registry_find(registry, LAMINA_KIND_LAYER, "sine", &plugin, error);
  }
  lm_registry_free(registry);
  return status;
}

Test(load, lack_of_memory_is_told_wherever_it_happens)
{
  struct lm_error error = {0};
  const char *path = getenv("LAMINA_TEST_FIXTURES");
  int64_t n = 0;
  for (; n < 100000; n++) {
    lm_alloc_fail_after(n, false);
    error = (struct lm_error){0};
    enum lamina_status status = try_everything(path, &error);
    lm_alloc_fail_after(-1, false);
    if (status == LAMINA_E_MISSING) {
      break;
    }
    cr_assert_eq(status, LAMINA_E_NOMEM, "allocation %lld: %s", (long long)n, error.text);
    cr_assert_neq(error.text[0], '\0');
  }
  cr_expect_gt(n, 20);
  cr_expect_lt(n, 100000);
}
