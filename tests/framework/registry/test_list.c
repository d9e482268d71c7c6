/*
 * Listing: everything on the search path, from markers alone.
 */
#include <criterion/criterion.h>
#include <link.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "place.h"

/* Only the folders that a test names count. */
static void forget_environment(void)
{
  (void)unsetenv("LAMINA_PLUGIN_PATH");
}

TestSuite(list, .init = forget_environment);

enum { MOST = 128 };

struct seen {
  struct lm_listing items[MOST];
  char refusals[MOST][256];
  size_t count;
};

static void see(void *arg, const struct lm_listing *listing)
{
  struct seen *seen = arg;
  cr_assert_lt(seen->count, MOST);
  char *refusal = seen->refusals[seen->count];
  (void)snprintf(refusal, 256, "%s", listing->refusal == NULL ? "" : listing->refusal);
  seen->items[seen->count++] = *listing;
}

static void list(struct lm_registry *registry, uint32_t kind, struct seen *seen)
{
  struct lm_error error = {0};
  *seen = (struct seen){0};
  cr_assert_eq(lm_registry_list(registry, kind, see, seen, &error), LAMINA_OK, "%s", error.text);
}

static int count_object(struct dl_phdr_info *info, size_t size, void *arg)
{
  (void)size;
  *(unsigned long long *)arg = info->dlpi_adds;
  return 1;
}

/* How many objects the dynamic linker has mapped since the program began. */
static unsigned long long objects_ever_loaded(void)
{
  unsigned long long adds = 0;
  (void)dl_iterate_phdr(count_object, &adds);
  return adds;
}

static double cpu_ms(void)
{
  struct timespec now;
  (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

Test(list, a_hundred_plugins_take_less_than_50_ms_and_none_is_opened)
{
  struct place place = place_make();
  struct seen seen;
  struct lm_registry *registry = registry_on(place.path, NULL);
  for (int i = 0; i < 100; i++) {
    char name[16];
    char file[32];
    (void)snprintf(name, sizeof name, "name=%c%ca", 'a' + i / 10, 'a' + i % 10);
    (void)snprintf(file, sizeof file, "layer_%s.so", name + 5);
    place_patch(&place, "layer_sin.so", file, "name=sin", name, 8);
  }
  unsigned long long before = objects_ever_loaded();
  double best = 1e9;
  for (int round = 0; round < 3; round++) {
    double start = cpu_ms();
    list(registry, LAMINA_KIND_NONE, &seen);
    double taken = cpu_ms() - start;
    best = taken < best ? taken : best;
  }
  cr_expect_eq(objects_ever_loaded(), before, "something was loaded");
  cr_expect_eq(seen.count, 100);
#ifndef __SANITIZE_ADDRESS__
  cr_expect_lt(best, 50.0, "%f ms", best);
#endif
  for (size_t i = 0; i < seen.count; i++) {
    cr_expect_str_eq(seen.refusals[i], "");
    cr_expect(i == 0 || strcmp(seen.items[i - 1].name, seen.items[i].name) < 0);
  }
  lm_registry_free(registry);
  place_remove(&place);
}

Test(list, what_is_listed_is_what_the_marker_says)
{
  struct place place = place_make();
  struct seen seen;
  struct lm_registry *registry = registry_on(place.path, NULL);
  place_copy(&place, "layer_settings.so", "layer_settings.so");
  place_copy(&place, "layer_newer.so", "layer_newer.so");
  place_copy(&place, "layer_sin.so", "loss_sin.so");
  place_copy(&place, "layer_sin.so", "layer_Sin.so");
  write_file(place_file(&place, "layer_text.so"), "text", 4);
  write_file(place_file(&place, "readme.so"), "text", 4);
  write_file(place_file(&place, "layer_sin.la"), "text", 4);
  list(registry, LAMINA_KIND_NONE, &seen);
  static const struct {
    const char *kind, *name, *refusal;
  } rows[] = {{"layer", "Sin", "the file's name is not layer_<name>.so"},
              {"layer", "newer", "needs Lamina ABI 1.3"},
              {"layer", "settings", ""},
              {"layer", "text", "not ELF"},
              {"loss", "sin", "of kind 'layer'"}};
  cr_assert_eq(seen.count, sizeof rows / sizeof rows[0]);
  for (size_t i = 0; i < seen.count; i++) {
    cr_expect_str_eq(seen.items[i].kind, rows[i].kind);
    cr_expect_str_eq(seen.items[i].name, rows[i].name);
    cr_expect_not_null(strstr(seen.refusals[i], rows[i].refusal), "%s", seen.refusals[i]);
  }
  cr_expect_eq(seen.items[2].major, 1);
  cr_expect_eq(seen.items[2].needs_minor, 0);
  cr_expect_str_eq(seen.items[2].version, "2.1.0");
  cr_expect_eq(seen.items[1].needs_minor, 3);
  list(registry, LAMINA_KIND_LOSS, &seen);
  cr_expect_eq(seen.count, 1);
  lm_registry_free(registry);
  place_remove(&place);
}

Test(list, files_behind_the_first_are_shadowed_unless_it_is_not_trusted)
{
  struct place place = place_make();
  struct seen seen;
  char path[256];
  (void)snprintf(path, sizeof path, "%s/a:%s/b:%s/c", place.path, place.path, place.path);
  struct lm_registry *registry = registry_on(path, NULL);
  static const char *const folders[] = {"a", "b", "c"};
  for (size_t i = 0; i < 3; i++) {
    char file[32];
    (void)mkdir(place_file(&place, folders[i]), 0755);
    (void)snprintf(file, sizeof file, "%s/layer_sin.so", folders[i]);
    place_copy(&place, "layer_sin.so", file);
  }
  (void)chmod(place_file(&place, "a"), 0777);
  list(registry, LAMINA_KIND_NONE, &seen);
  cr_assert_eq(seen.count, 3);
  cr_expect_not_null(strstr(seen.refusals[0], "everybody can write to the directory"));
  cr_expect_not(seen.items[0].shadowed);
  cr_expect_not(seen.items[1].shadowed);
  cr_expect(seen.items[2].shadowed);
  lm_registry_free(registry);
  place_remove(&place);
}

Test(list, a_marker_is_found_wherever_it_lies)
{
  struct place place = place_make();
  struct lm_elf elf = {.count = 1};
  char *bytes = calloc(1, 200000);
  cr_assert_not_null(bytes);
  const char text[] = "\177LAMINA\0abi=1.0\0kind=layer\0name=x\0later=1\0isa=generic\0";
  for (size_t at = 65400; at < 65600; at++) { /* around the end of the first chunk */
    memset(bytes, 0x7f, 200000);
    memcpy(bytes + 100, "\177LAMINA\0abi=none\0", 17); /* looks like one and is none */
    memcpy(bytes + at, text, sizeof text);
    const char *path = place_file(&place, "marker");
    write_file(path, bytes, 200000);
    FILE *file = fopen(path, "rb");
    struct lm_marker marker;
    struct lm_error error = {0};
    elf.loads[0] = (struct lm_span){.begin = 0, .end = 200000};
    cr_assert_eq(lm_marker_read(fileno(file), &elf, &marker, &error), LAMINA_OK, "%zu", at);
    cr_expect_str_eq(marker.name, "x");
    cr_expect_str_eq(marker.isa, "generic");
    elf.loads[0].end = at + sizeof text - 2; /* cut: its end lies outside */
    cr_assert_eq(lm_marker_read(fileno(file), &elf, &marker, &error), LAMINA_E_INVALID);
    (void)fclose(file);
  }
  free(bytes);
  place_remove(&place);
}

Test(list, the_marker_of_this_major_is_preferred)
{
  struct place place = place_make();
  const char text[] = "\177LAMINA\0abi=2.0\0kind=layer\0name=x\0\0"
                      "\177LAMINA\0abi=1.0\0kind=layer\0name=y\0\0";
  const char *path = place_file(&place, "marker");
  write_file(path, text, sizeof text);
  FILE *file = fopen(path, "rb");
  struct lm_marker marker;
  struct lm_error error = {0};
  struct lm_elf elf = {.count = 1, .loads = {{.begin = 0, .end = sizeof text}}};
  cr_expect_eq(lm_marker_read(fileno(file), &elf, &marker, &error), LAMINA_OK);
  cr_expect_eq(marker.major, 1);
  cr_expect_str_eq(marker.name, "y");
  (void)fclose(file);
  place_remove(&place);
}

Test(list, instruction_sets_are_those_of_the_headers)
{
  cr_expect(lm_isa_runs(LAMINA_ISA));
  cr_expect(lm_isa_runs("generic"));
  cr_expect_not(lm_isa_runs("x86-64-v9"));
#if defined(__x86_64__)
  cr_expect_eq(lm_isa_runs("x86-64-v3"), __builtin_cpu_supports("avx2") &&
                                             __builtin_cpu_supports("fma") &&
                                             __builtin_cpu_supports("bmi2"));
#endif
}

Test(list, kinds_and_files_have_one_spelling)
{
  for (uint32_t kind = 1; kind < LM_KINDS; kind++) {
    cr_expect_eq(lm_kind_parse(lm_kind_name(kind)), kind);
  }
  cr_expect_null(lm_kind_name(LAMINA_KIND_NONE));
  cr_expect_null(lm_kind_name(LM_KINDS));
  cr_expect_eq(lm_kind_parse("layers"), LAMINA_KIND_NONE);
  static const struct {
    const char *file;
    enum lm_file_name what;
    const char *name;
  } rows[] = {{"layer_a_b1.so", LM_FILE_PLUGIN, "a_b1"},
              {"layer_.so", LM_FILE_BAD_NAME, ""},
              {"layer.so", LM_FILE_OTHER, NULL},
              {"layer_a.so.1", LM_FILE_OTHER, NULL},
              {"player_a.so", LM_FILE_OTHER, NULL},
              {"layer_A.so", LM_FILE_BAD_NAME, "A"},
              {".so", LM_FILE_OTHER, NULL},
              {"layer_a.b.so", LM_FILE_BAD_NAME, "a.b"}};
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    uint32_t kind = 0;
    char name[LM_NAME_MAX + 1] = "";
    cr_expect_eq(lm_file_split(rows[i].file, &kind, name), rows[i].what, "%s", rows[i].file);
    if (rows[i].name != NULL) {
      cr_expect_str_eq(name, rows[i].name);
      cr_expect_eq(kind, LAMINA_KIND_LAYER);
    }
  }
}
